//! RFC 6749 §3.2 and §5.2: how a request has to look.

use axum::http::Method;

use super::{GRANT, INTROSPECT, REVOKE, Row, Stage, TOKEN, row};

pub(super) fn rows(stage: &Stage<'_>) -> Vec<Row> {
    let mut rows = vec![
        row(
            "RFC 6749 §3.2",
            "parameters without a value are as if omitted",
            stage.ask("scope=&resource=&expires_in="),
        )
        .says("scope", "api"),
        row(
            "RFC 6749 §3.2",
            "an omitted required parameter is an error",
            stage.key.post(TOKEN, "grant_type="),
        )
        .refused(400, "invalid_request"),
        row("RFC 6749 §3.2", "unrecognized parameters are ignored", stage.ask("colour=blue")),
        row("RFC 6749 §5.2", "a missing parameter is invalid_request", stage.key.post(TOKEN, "scope=api"))
            .refused(400, "invalid_request")
            .unstored(),
        row("RFC 6749 appendix B", "parameters are UTF-8", stage.ask("scope=%ff"))
            .refused(400, "invalid_request"),
        row("RFC 6749 appendix B", "an escape has two hex digits", stage.ask("scope=%4"))
            .refused(400, "invalid_request"),
    ];
    for path in [TOKEN, INTROSPECT, REVOKE] {
        rows.extend(repeated(stage, path));
        rows.extend(methods(stage, path));
        rows.extend(bodies(stage, path));
    }
    rows
}

fn repeated(stage: &Stage<'_>, path: &str) -> Vec<Row> {
    let post = |form: &str| stage.key.post(path, &format!("{GRANT}&token={}{form}", stage.token));
    vec![
        row("RFC 6749 §3.2", "a parameter stands once", post("&scope=api&scope=api"))
            .refused(400, "invalid_request")
            .unstored(),
        row("RFC 6749 §3.2", "a parameter stands once, even unrecognized", post("&x=1&x=2"))
            .refused(400, "invalid_request"),
        row(
            "RFC 6749 §3.2",
            "parameters are in the body only",
            stage.key.post(&format!("{path}?x=1"), GRANT),
        )
        .refused(400, "invalid_request")
        .unstored(),
    ]
}

fn methods(stage: &Stage<'_>, path: &str) -> Vec<Row> {
    let by = |method: Method| {
        let request = stage.app.request(method, path).basic(stage.key.id.as_str(), &stage.key.secret);
        row("RFC 6749 §3.2, RFC 9110 §15.5.6", "POST only, and the answer says so", request)
            .refused(405, "invalid_request")
            .header("allow", "POST")
    };
    [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS].map(by).into()
}

fn bodies(stage: &Stage<'_>, path: &str) -> Vec<Row> {
    let as_type =
        |kind: &str| stage.key.post(path, GRANT).without("content-type").header("content-type", kind);
    let refused =
        |must, request| row("RFC 6749 §3.2, §5.2", must, request).refused(400, "invalid_request").unstored();
    let json = as_type("application/json").body(br#"{"grant_type":"client_credentials"}"#);
    vec![
        refused("a body is form-encoded, not JSON", json),
        refused("a body is form-encoded, not multipart", as_type("multipart/form-data; boundary=x")),
        refused("a body is form-encoded, not text", as_type("text/plain")),
        refused("a body says its type", stage.key.post(path, GRANT).without("content-type")),
        refused(
            "a body has one type",
            stage.key.post(path, GRANT).header("content-type", "application/x-www-form-urlencoded"),
        ),
        refused("a body is not compressed", stage.key.post(path, GRANT).header("content-encoding", "gzip")),
        refused("an empty body lacks what is required", stage.key.post(path, "")),
        row(
            "RFC 9110 §8.3.1",
            "a media type may carry a charset and any case",
            stage
                .key
                .post(path, &format!("{GRANT}&token={}", "unknown"))
                .without("content-type")
                .header("content-type", "Application/X-WWW-Form-Urlencoded;charset=UTF-8"),
        ),
    ]
}
