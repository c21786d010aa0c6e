//! `/verify`: what a proxy is told of a request (design section 4).

mod address;
mod answers;
mod ended;
mod parameters;
mod presented;
mod raw_keys;
mod tenants;

use crate::support::{Answer, Send, Tenant};

pub(crate) const IDENTITY: [&str; 6] = [
    "x-auth-key-id",
    "x-auth-project",
    "x-auth-subject",
    "x-auth-scope",
    "x-auth-token-id",
    "x-auth-expires",
];

/// What the proxy of a project asks, with more in its query.
fn verify(shop: &Tenant<'_>, more: &str) -> Send {
    shop.app.get(&format!("/verify?project={}{more}", shop.project.id))
}

/// Status and reason; that the answer is a proper one of its kind.
fn verdict(answer: &Answer) -> (u16, String) {
    let identity = IDENTITY.map(|name| {
        let mut lines = answer.headers.get_all(name).iter();
        let line = lines.next().unwrap_or_else(|| panic!("no {name}: {}", answer.text()));
        assert!(lines.next().is_none(), "{name} twice");
        line.to_str().unwrap().to_owned()
    });
    if answer.status == 200 {
        assert!(answer.bytes.is_empty());
        assert!(identity[..4].iter().all(|value| !value.is_empty()), "{identity:?}");
        return (200, String::new());
    }
    assert_eq!(identity.concat(), "", "somebody is named in a refusal");
    assert_eq!((answer.header("cache-control"), answer.header("x-accel-expires")), ("no-store", "0"));
    let body = answer.json();
    let challenge = answer.header("www-authenticate");
    assert_eq!(
        challenge.starts_with("Bearer realm=\"portcullis\""),
        matches!(answer.status, 401 | 403),
        "{challenge}"
    );
    let reason = body["reason"].as_str().or(body["error"].as_str()).unwrap().to_owned();
    if challenge.contains("error=") {
        let said = format!(
            "error=\"{}\", error_description=\"{}\", reason=\"{reason}\"",
            body["error"].as_str().unwrap(),
            body["error_description"].as_str().unwrap()
        );
        assert!(challenge.contains(&said), "{challenge}");
    }
    (answer.status, reason)
}

/// Likewise, of a question.
async fn of(question: Send) -> (u16, String) {
    verdict(&question.send().await)
}

fn refused(status: u16, reason: &str) -> (u16, String) {
    (status, reason.to_owned())
}

fn admitted() -> (u16, String) {
    (200, String::new())
}
