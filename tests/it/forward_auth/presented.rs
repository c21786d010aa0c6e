//! What clients present: one credential, whole and unaltered (threats S8, S15, S29).

use super::{admitted, of, refused, verdict, verify};
use crate::support::{App, part};

#[tokio::test]
async fn two_credentials_are_none() {
    // S8: never "first wins". 401 and not 400, which nginx would make a fault of the proxy's.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let ask = || verify(&shop, "");
    for question in [
        ask().bearer(&token).bearer(&token),
        ask().bearer(&token).basic(key.id.as_str(), &key.secret),
        ask().basic(key.id.as_str(), &key.secret).bearer(&token),
        ask().bearer(&token).app_headers(key.id.as_str(), &key.secret),
        ask().basic(key.id.as_str(), &key.secret).app_headers(key.id.as_str(), &key.secret),
        ask().bearer(&format!("{token}, {token}")),
        ask().bearer(&format!("{token} {token}")),
        ask().bearer(""),
        ask().header("authorization", "Bearer"),
        ask().header_bytes("authorization", b"Bearer \xff"),
    ] {
        let answer = question.send().await;
        assert_eq!(verdict(&answer), refused(401, "invalid_request"), "{}", answer.text());
    }
    for scheme in ["Basic x", "Digest x", "DPoP x", "bearerx y"] {
        assert_eq!(of(ask().header("authorization", scheme)).await, refused(401, "absent"), "{scheme}");
    }
    for scheme in ["Bearer ", "bearer ", "BEARER   "] {
        assert_eq!(of(ask().header("authorization", &format!("{scheme}{token}"))).await, admitted());
    }
}

#[tokio::test]
async fn no_prefix_of_a_token_passes_and_no_letter_of_it_can_be_changed() {
    // S29; `oauth::altered` has every other way to write a token, and asks here too.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let token = shop.key("orders:read").create().await.token("").await;
    for end in 1..token.len() {
        assert_eq!(of(verify(&shop, "").bearer(&token[..end])).await.0, 401, "{end}");
    }
    for place in (0..token.len()).step_by(7).filter(|place| token.as_bytes()[*place] != b'.') {
        let mut altered = token.clone().into_bytes();
        altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert_eq!(of(verify(&shop, "").bearer(&altered)).await.0, 401, "{altered}");
    }
    assert_eq!(of(verify(&shop, "").bearer(&"a".repeat(5000))).await, refused(401, "too_long"));
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, admitted());
}

#[tokio::test]
async fn a_client_names_nobody_by_itself() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let forged = |question: crate::support::Send| {
        super::IDENTITY.iter().fold(question, |question, name| question.header(name, "forged"))
    };
    let passed = forged(verify(&shop, "").bearer(&token)).send().await;
    assert_eq!(verdict(&passed), admitted());
    assert_eq!(passed.header("x-auth-key-id"), key.id.as_str());
    assert!(!format!("{:?}", passed.headers).contains("forged"));
    // That these are empty is what `verdict` looks at.
    for (question, status) in [
        (verify(&shop, ""), 401),
        (verify(&shop, "").bearer("x"), 401),
        (verify(&shop, "&scope=admin").bearer(&token), 403),
        (verify(&shop, "&scope="), 400),
    ] {
        assert_eq!(of(forged(question)).await.0, status);
    }
    assert_eq!(part(&token, 1)["sub"], key.id.as_str());
}
