//! RFC 7009 and RFC 7662: taking tokens back, and asking about them.

use super::{INTROSPECT, REVOKE, Row, Stage, row};

pub(super) fn rows(stage: &Stage<'_>) -> Vec<Row> {
    // Introspection first: the last rows of the other table revoke the token.
    [introspection(stage), revocation(stage)].into_iter().flatten().collect()
}

fn introspection(stage: &Stage<'_>) -> Vec<Row> {
    let token = stage.token.as_str();
    let ask = |form: &str| stage.other.post(INTROSPECT, form);
    let of = |more: &str| ask(&format!("token={token}&{more}"));
    let inactive = |must, request| {
        row("RFC 7662 §2.2", must, request).says("active", false).says("error", ()).unstored()
    };
    vec![
        row("RFC 7662 §2.2", "a live token is active", of(""))
            .says("active", true)
            .says("token_type", "Bearer")
            .unstored(),
        row("RFC 7662 §2.2", "the answer is JSON", of("")).header("content-type", "application/json"),
        row("RFC 7662 §2.1", "a hint does not matter", of("token_type_hint=refresh_token"))
            .says("active", true),
        row("RFC 7662 §2.1", "an unknown hint does not matter", of("token_type_hint=colour"))
            .says("active", true),
        row("RFC 7662 §2.1", "`token` is required", ask("token_type_hint=access_token"))
            .refused(400, "invalid_request")
            .unstored(),
        row("RFC 7662 §2.1, RFC 6749 §3.2", "an empty `token` is none", ask("token="))
            .refused(400, "invalid_request"),
        inactive("an unknown token is not active, which is no error", ask("token=unknown")),
        inactive("a token for less is not active for more", of("scope=orders:write")),
        row(
            "RFC 7662 §2.3",
            "whoever may not ask is refused as by RFC 6749",
            stage.restricted.post(INTROSPECT, "token=x"),
        )
        .refused(400, "unauthorized_client")
        .unstored(),
        row("RFC 7662 §2.3", "a blocked key may not ask", stage.blocked.post(INTROSPECT, "token=x"))
            .refused(401, "invalid_client")
            .unstored(),
    ]
}

fn revocation(stage: &Stage<'_>) -> Vec<Row> {
    let token = stage.token.as_str();
    let revoke = |form: &str| stage.key.post(REVOKE, form);
    vec![
        row("RFC 7009 §2.1", "`token` is required", revoke("token_type_hint=access_token"))
            .refused(400, "invalid_request")
            .unstored(),
        row("RFC 7009 §2.2", "an unknown token is no error", revoke("token=unknown")).empty().unstored(),
        row(
            "RFC 7009 §2.1",
            "a token of another client is refused",
            stage.other.post(REVOKE, &format!("token={token}")),
        )
        .refused(400, "invalid_request")
        .unstored(),
        row("RFC 7009 §2.1", "and lives on", stage.other.post(INTROSPECT, &format!("token={token}")))
            .says("active", true),
        row(
            "RFC 7009 §2.1",
            "a wrong hint does not matter",
            revoke(&format!("token={token}&token_type_hint=refresh_token")),
        )
        .empty()
        .unstored(),
        row(
            "RFC 7009 §2",
            "a revoked token is dead at once",
            stage.other.post(INTROSPECT, &format!("token={token}")),
        )
        .says("active", false),
        row("RFC 7009 §2.2", "a token may be revoked again", revoke(&format!("token={token}"))).empty(),
        row(
            "RFC 7009 §2.2",
            "a revoked token is dead at the resource",
            stage.app.get(super::VERIFY).bearer(token),
        )
        .refused(401, "invalid_token"),
    ]
}
