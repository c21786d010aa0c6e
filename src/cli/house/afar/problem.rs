//! What a problem of the administrators' API (RFC 9457) means to a command: the same as if the act had been
//! refused here.

use serde::Deserialize;

use crate::cli::failure::Failure;
use crate::cli::remote::Remote;
use crate::store::Error as StoreError;

/// What may be missing, or taken.
const THINGS: [&str; 10] = [
    "API key",
    "project",
    "role",
    "scope",
    "audience",
    "signing key",
    "secret",
    "token",
    "webhook",
    "message",
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

pub(super) fn of(server: &Remote, status: u16, body: &str) -> Failure {
    let Problem { code, detail } = serde_json::from_str(body).unwrap_or_default();
    let [code, detail] = [code, detail].map(|text| text.replace(char::is_control, " "));
    let thing = |says: &dyn Fn(&'static str) -> StoreError| {
        THINGS.into_iter().map(says).find(|error| error.to_string() == detail)
    };
    let stored = match code.as_str() {
        "not_found" => thing(&StoreError::Missing),
        "refused" => thing(&StoreError::Taken).or_else(|| {
            let keys = detail.split(' ').find_map(|word| word.parse().ok())?;
            thing(&|what| StoreError::InUse { what, keys })
        }),
        "conflict" | "precondition_failed" => Some(StoreError::Conflict),
        _ => None,
    };
    if let Some(stored) = stored {
        return stored.into();
    }
    match (status, code.as_str()) {
        (300..=399, _) => server.failed(format!("it answers {status}, which leads elsewhere")),
        (_, "") => server.failed(format!("it answers {status}, and not as the administrators' API does")),
        (404 | 405, _) => server.failed(format!("there is no such operation there ({detail})")),
        (500.., _) => server.failed(detail),
        (401 | 403, _) => Failure::Refused { error: code, why: detail },
        (429, _) => Failure::Told { code: "limit", why: detail },
        _ => Failure::Told { code: "refused", why: detail },
    }
}
