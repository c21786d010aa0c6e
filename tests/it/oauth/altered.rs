//! A token that is not byte for byte one of ours: threat S29, at each endpoint that reads tokens.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::support::{App, Key, escape};

/// The order of the P-256 group (SEC 2, section 2.4.2).
const ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
    0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

/// Whether anybody takes it for a token; all endpoints must agree.
async fn passes(key: &Key<'_>, token: &str) -> bool {
    let active = key.introspect(&escape(token)).await.is_active();
    if !token.chars().any(char::is_control) && token.is_ascii() {
        let verified = key.app.get("/v1/auth/verify").bearer(token).send().await.status;
        assert!((verified == 200) == active || token.trim() != token, "{token}");
        let asked = key.app.get(&format!("/verify?project={}", key.project)).bearer(token).send().await;
        assert_eq!(asked.status, if verified == 400 { 401 } else { verified }, "{token}");
    }
    active
}

/// Inactive to introspection, and nothing to revoke.
async fn is_nothing(key: &Key<'_>, token: &str) {
    assert!(!passes(key, token).await, "{token}");
    assert_eq!(
        key.post("/oauth/revoke", &format!("token={}", escape(token))).send().await.status,
        200,
        "{token}"
    );
}

#[tokio::test]
async fn no_prefix_of_a_token_passes() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    for end in 1..token.len() {
        is_nothing(&key, &token[..end]).await;
    }
    for start in 1..token.len() {
        assert!(!passes(&key, &token[start..]).await, "from {start}");
    }
    assert!(passes(&key, &token).await, "and none of them revoked it");
}

#[tokio::test]
async fn nothing_appended_inserted_or_written_otherwise_passes() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let parts: Vec<&str> = token.split('.').collect();
    let bytes: Vec<Vec<u8>> = parts.iter().map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let padded: Vec<String> = bytes.iter().map(|part| URL_SAFE.encode(part)).collect();
    let standard: Vec<String> = bytes.iter().map(|part| STANDARD.encode(part)).collect();
    let json = |index: usize| String::from_utf8(bytes[index].clone()).unwrap();
    let with = |index: usize, text: &str| {
        let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
        parts[index] = URL_SAFE_NO_PAD.encode(text);
        parts.join(".")
    };
    let mut altered = vec![
        padded.join("."),
        standard.join("."),
        format!("{}.", parts[..2].join(".")),
        parts[..2].join("."),
        format!(".{token}"),
        format!("{}..{}", parts[0], parts[2]),
        format!("{token}.{}", parts[2]),
        format!("{}.{}.{}", parts[1], parts[0], parts[2]),
        with(0, &format!(" {}", json(0))),
        with(0, &json(0).replace("ES256", "none")),
        with(0, &json(0).replace("ES256", "HS256")),
        with(0, &json(0).replace("at+jwt", "JWT")),
        with(0, &json(0).replace('}', ",\"crit\":[\"exp\"]}")),
        with(1, &json(1).replace("orders:read", "orders:*")),
        with(1, &format!("{} ", json(1))),
        with(2, ""),
        format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64])),
        token.to_uppercase(),
        token.to_lowercase(),
        token.replace('.', "。"),
        "a".repeat(5_000),
        ".".repeat(60_000),
        token.replace('.', "..").repeat(20),
    ];
    for more in [" ", "\n", "\t", "\r\n", "\0", "=", "==", "A", "AA", ".", "%", "é"] {
        altered.extend([
            format!("{token}{more}"),
            format!("{more}{token}"),
            token.replacen('.', &format!("{more}."), 1),
        ]);
    }
    for (name, altered) in altered.iter().enumerate() {
        assert_ne!(*altered, token, "{name}");
        let form = if altered.len() > 20_000 { altered.clone() } else { escape(altered) };
        assert!(!key.introspect(&form).await.is_active(), "{name}: {altered:?}");
    }
    assert!(passes(&key, &token).await);
}

#[tokio::test]
async fn no_bit_of_a_token_can_be_turned() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    for place in (0..token.len()).filter(|place| token.as_bytes()[*place] != b'.') {
        for bit in [0x01, 0x20] {
            let mut altered = token.clone().into_bytes();
            altered[place] ^= bit;
            let altered = String::from_utf8(altered).unwrap();
            assert!(!passes(&key, &altered).await, "place {place}: {altered}");
        }
    }
    // The last character of a signature carries four bits that say nothing: one spelling only.
    let last = token.chars().next_back().unwrap();
    let alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
    for other in alphabet.filter(|other| *other != last) {
        let altered = format!("{}{other}", &token[..token.len() - 1]);
        assert!(!passes(&key, &altered).await, "{altered}");
    }
}

#[tokio::test]
async fn the_mirror_image_of_a_signature_dies_with_the_token() {
    // ECDSA: where (r, s) fits, (r, n - s) does. The twin must not outlive its token.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for place in (0..32).rev() {
        let left = i16::from(ORDER[place]) - i16::from(signature[32 + place]) - borrow;
        borrow = i16::from(left < 0);
        signature[32 + place] = u8::try_from(left.rem_euclid(256)).unwrap();
    }
    let twin = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&signature));
    assert_ne!(twin, token);
    assert!(passes(&key, &twin).await, "it is the same token, signed by us");

    assert_eq!(key.post("/oauth/revoke", &format!("token={twin}")).send().await.status, 200);

    assert!(!passes(&key, &token).await);
    assert!(!passes(&key, &twin).await);
}
