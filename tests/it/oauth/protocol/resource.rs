//! RFC 6750: a token at a protected resource, `GET /v1/auth/verify`.

use super::{Row, Stage, VERIFY, row};

const BARE: &str = "Bearer realm=\"portcullis\"";

pub(super) fn rows(stage: &Stage<'_>) -> Vec<Row> {
    let get = |path: &str| stage.app.get(path);
    let token = stage.token.as_str();
    let (id, secret) = (stage.key.id.as_str(), stage.key.secret.as_str());
    vec![
        row("RFC 6750 §2.1", "a token comes in the Authorization header", get(VERIFY).bearer(token))
            .says("active", true)
            .unstored(),
        row("RFC 9110 §11.1", "the scheme is not case-sensitive", get(VERIFY).header("authorization", &format!("bearer {token}"))),
        row("RFC 6750 §3.1", "without a token the challenge names no error", get(VERIFY))
            .refused(401, "invalid_token")
            .header("www-authenticate", BARE)
            .unstored(),
        row("RFC 6750 §3.1", "nor after another scheme", get(VERIFY).basic(id, secret))
            .refused(401, "invalid_token")
            .header("www-authenticate", BARE),
        row("RFC 6750 §3.1", "a bad token is invalid_token", get(VERIFY).bearer("x.y.z"))
            .refused(401, "invalid_token")
            .header(
                "www-authenticate",
                "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"the token is malformed\", \
                 reason=\"malformed\"",
            )
            .unstored(),
        row("RFC 6750 §3.1", "a token too narrow is insufficient_scope", get(&format!("{VERIFY}?scope=orders:write")).bearer(token))
            .refused(403, "insufficient_scope")
            .header(
                "www-authenticate",
                "Bearer realm=\"portcullis\", error=\"insufficient_scope\", error_description=\"the token does not \
                 cover the scope that is needed\", reason=\"insufficient_scope\", scope=\"orders:write\"",
            )
            .unstored(),
        row("RFC 6750 §2", "a token comes once", get(VERIFY).bearer(token).bearer(token)).refused(400, "invalid_request"),
        row("RFC 6750 §2.1", "a token is one word", get(VERIFY).bearer(&format!("{token} {token}")))
            .refused(400, "invalid_request"),
        row("RFC 6750 §2.1", "a token is not nothing", get(VERIFY).header("authorization", "Bearer "))
            .refused(400, "invalid_request"),
        row("RFC 6750 §3.1", "a malformed request is invalid_request", get(&format!("{VERIFY}?scope=%22")).bearer(token))
            .refused(400, "invalid_request"),
        row("RFC 6750 §3.1", "a repeated parameter is invalid_request", get(&format!("{VERIFY}?scope=a&scope=a")).bearer(token))
            .refused(400, "invalid_request"),
        row("RFC 6750 §2.3", "a token in the URL is not looked at", get(&format!("{VERIFY}?access_token={token}")))
            .refused(401, "invalid_token")
            .header("www-authenticate", BARE),
        row("RFC 9110 §15.5.6", "GET only", stage.nobody(VERIFY, "").bearer(token))
            .refused(405, "invalid_request")
            .header("allow", "GET,HEAD"),
    ]
}
