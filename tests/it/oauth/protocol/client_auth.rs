//! RFC 6749 §2.3: who speaks.

use super::{GRANT, INTROSPECT, REVOKE, Row, Stage, TOKEN, row};

const BASIC: &str = "Basic realm=\"portcullis\", charset=\"UTF-8\"";
const BEARER: &str = "Bearer realm=\"portcullis\"";

pub(super) fn rows(stage: &Stage<'_>) -> Vec<Row> {
    [one_method(stage), basic(stage), post(stage), failures(stage)].into_iter().flatten().collect()
}

fn one_method(stage: &Stage<'_>) -> Vec<Row> {
    let (id, secret) = (stage.key.id.as_str(), stage.key.secret.as_str());
    let twice = |path| {
        let form = format!("{GRANT}&token={}&client_id={id}&client_secret={secret}", stage.token);
        stage.key.post(path, &form)
    };
    vec![
        row("RFC 6749 §2.3", "at most one authentication method: token", twice(TOKEN))
            .refused(400, "invalid_request")
            .unstored(),
        row("RFC 6749 §2.3", "at most one authentication method: introspection", twice(INTROSPECT))
            .refused(400, "invalid_request"),
        row("RFC 6749 §2.3", "at most one authentication method: revocation", twice(REVOKE))
            .refused(400, "invalid_request"),
        row(
            "RFC 6749 §2.3.1",
            "the client id in the body may repeat that of Basic",
            stage.ask(&format!("client_id={id}")),
        ),
        row(
            "RFC 6749 §2.3",
            "another client id in the body is a second client",
            stage.ask(&format!("client_id={}", stage.other.id)),
        )
        .refused(400, "invalid_request"),
    ]
}

fn basic(stage: &Stage<'_>) -> Vec<Row> {
    let (id, secret) = (stage.key.id.as_str(), stage.key.secret.as_str());
    let raw = |pair: String| stage.nobody(TOKEN, GRANT).basic_raw(pair.as_bytes());
    let escaped = crate::support::escape(id).replace('_', "%5f");
    vec![
        row("RFC 6749 §2.3.1", "a password client is served by Basic", raw(format!("{id}:{secret}"))),
        row("RFC 6749 §2.3.1", "id and secret are form-encoded in Basic", raw(format!("{escaped}:{secret}"))),
        row("RFC 6749 §2.3.1", "a broken escape is no credential", raw(format!("{id}:{secret}%4")))
            .refused(401, "invalid_client"),
        row(
            "RFC 9110 §11.1",
            "the name of the scheme is not case-sensitive",
            stage.nobody(TOKEN, GRANT).header("authorization", &basic_header("bAsIc", id, secret)),
        ),
    ]
}

fn basic_header(scheme: &str, id: &str, secret: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    format!("{scheme} {pair}")
}

fn post(stage: &Stage<'_>) -> Vec<Row> {
    let (id, secret) = (stage.key.id.as_str(), stage.key.secret.as_str());
    let form = |more: String| stage.nobody(TOKEN, &format!("{GRANT}&{more}"));
    vec![
        row(
            "RFC 6749 §2.3.1",
            "credentials may be in the body",
            form(format!("client_id={id}&client_secret={secret}")),
        )
        .unstored(),
        row(
            "RFC 6749 §2.3.1",
            "a secret in the body needs its client id",
            form(format!("client_secret={secret}")),
        )
        .refused(400, "invalid_request"),
        row(
            "RFC 6749 §2.3.1",
            "credentials must not be in the URL",
            stage.nobody(&format!("{TOKEN}?client_id={id}&client_secret={secret}"), GRANT),
        )
        .refused(400, "invalid_request"),
    ]
}

fn failures(stage: &Stage<'_>) -> Vec<Row> {
    let id = stage.key.id.as_str();
    let wrong = |path| stage.nobody(path, GRANT).basic(id, "wrong");
    vec![
        row("RFC 6749 §5.2", "a failed Basic is challenged with Basic: token", wrong(TOKEN))
            .refused(401, "invalid_client")
            .header("www-authenticate", BASIC)
            .unstored(),
        row("RFC 7009 §2.1", "the client is validated first: revocation", wrong(REVOKE))
            .refused(401, "invalid_client")
            .header("www-authenticate", BASIC)
            .unstored(),
        row("RFC 7662 §2.1", "the endpoint requires authorization: introspection", wrong(INTROSPECT))
            .refused(401, "invalid_client")
            .header("www-authenticate", BASIC)
            .unstored(),
        row(
            "RFC 7662 §2.3",
            "a failed Bearer is challenged with Bearer",
            stage.nobody(INTROSPECT, "token=x").bearer("wrong"),
        )
        .refused(401, "invalid_client")
        .header("www-authenticate", BEARER),
        row("RFC 6749 §5.2", "no client authentication is invalid_client", stage.nobody(TOKEN, GRANT))
            .refused(401, "invalid_client"),
        row(
            "RFC 9110 §15.5.2",
            "a 401 always carries a challenge",
            stage.nobody(TOKEN, &format!("{GRANT}&client_id={id}&client_secret=wrong")),
        )
        .refused(401, "invalid_client")
        .header("www-authenticate", BASIC),
        row(
            "RFC 6749 §5.2",
            "an unsupported method is invalid_client",
            stage.nobody(TOKEN, GRANT).header("authorization", "Digest x=y"),
        )
        .refused(401, "invalid_client"),
        row("RFC 6749 §5.2", "a blocked key is invalid_client", stage.blocked.ask(""))
            .refused(401, "invalid_client")
            .unstored(),
    ]
}
