//! RFC 6749 §3.3, §4.4, §5.1, §5.2 and RFC 8707 §2: what is asked for and what is answered.

use serde_json::Value;

use super::{Row, Stage, TOKEN, row};

pub(super) fn rows(stage: &Stage<'_>) -> Vec<Row> {
    [grants(stage), scopes(stage), targets(stage), refusals(stage)].into_iter().flatten().collect()
}

fn grants(stage: &Stage<'_>) -> Vec<Row> {
    let of = |kind: &str| stage.key.post(TOKEN, &format!("grant_type={kind}"));
    let mut rows = vec![
        row("RFC 6749 §5.1", "the answer says what RFC 6749 wants", stage.ask("scope=orders:read"))
            .says("token_type", "Bearer")
            .says("expires_in", 900)
            .says("scope", "orders:read")
            .header("content-type", "application/json")
            .unstored(),
        row("RFC 6749 §4.4.3", "this grant gives no refresh token", stage.ask(""))
            .says("refresh_token", Value::Null),
    ];
    for kind in [
        "password",
        "authorization_code",
        "refresh_token",
        "implicit",
        "Client_Credentials",
        "client_credentials+",
    ] {
        rows.push(
            row("RFC 6749 §5.2", "another grant is unsupported", of(kind))
                .refused(400, "unsupported_grant_type")
                .unstored(),
        );
    }
    rows
}

fn scopes(stage: &Stage<'_>) -> Vec<Row> {
    let asked = |must, scope: &str| row("RFC 6749 §3.3", must, stage.ask(&format!("scope={scope}")));
    let refused = |must, scope: &str| asked(must, scope).refused(400, "invalid_scope").unstored();
    vec![
        asked("the order of values does not matter", "orders:write+orders:read")
            .says("scope", "orders:read orders:write"),
        asked("values are divided by %20 too", "orders:write%20orders:read")
            .says("scope", "orders:read orders:write"),
        row("RFC 6749 §3.3", "the answer tells a scope that was not asked for", stage.ask(""))
            .says("scope", "api"),
        refused("values are case-sensitive", "ORDERS:READ"),
        refused("a value beyond the key grants nothing", "orders:read+admin"),
        refused("a value has no quote", "orders%22read"),
        refused("a value has no backslash", "orders%5Cread"),
        refused("values are divided by one space", "orders:read++orders:write"),
        refused("no space stands before the first value", "+orders:read"),
        refused("no space stands after the last value", "orders:read+"),
        refused("a value is ASCII", "orders:r%C3%A9ad"),
    ]
}

fn targets(stage: &Stage<'_>) -> Vec<Row> {
    let asked = |must, form: &str| row("RFC 8707 §2", must, stage.ask(form));
    let refused = |must, form: &str| asked(must, form).refused(400, "invalid_target").unstored();
    vec![
        asked("a resource is an absolute URI", "resource=https%3A%2F%2Fapi.example.com"),
        asked("a resource may be a URN", "resource=urn%3Asecond"),
        asked(
            "there may be more than one resource",
            "resource=https%3A%2F%2Fapi.example.com&resource=urn%3Asecond",
        ),
        refused("a resource is not relative", "resource=%2Forders"),
        refused("a resource has a scheme", "resource=api.example.com"),
        refused("a resource has no fragment", "resource=https%3A%2F%2Fapi.example.com%23x"),
        refused("an unknown resource is invalid_target", "resource=https%3A%2F%2Felsewhere.example.com"),
        refused("one wrong resource spoils the rest", "resource=urn%3Asecond&resource=urn%3Athird"),
    ]
}

fn refusals(stage: &Stage<'_>) -> Vec<Row> {
    vec![
        row("RFC 6749 §5.2", "a key that may not ask here is unauthorized_client", stage.restricted.ask(""))
            .refused(400, "unauthorized_client")
            .unstored(),
        row("RFC 6749 §5.2", "a malformed parameter is invalid_request", stage.ask("expires_in=soon"))
            .refused(400, "invalid_request")
            .unstored(),
    ]
}
