//! Tokens, keys and revocations, and what is said of each token.

use portcullis_guard::feed_rules::Entry;
use portcullis_guard::{
    Audience, Freshness, Gate, KeySet, Place, Refusal, Required, Revocation, RevocationList, Timestamp,
    Verifier, Whose,
};
use serde_json::{Value, json};

use super::{assert_all_occur, entry, text, vectors};
use crate::support::{
    AUDIENCE, EDDSA, ES256, ISSUER, KEY, NOW, PROJECT, Signer, b64, claims, claims_text, claims_with, hs256,
    jti, read, signers,
};

/// A case: a name, a token, its verdict, and whatever differs from the usual.
fn case(name: &str, token: impl Into<String>, verdict: &str, differs: impl Into<Value>) -> Value {
    let mut case = json!({
        "name": name, "token": token.into(), "scope": "orders:read", "address": "192.0.2.7",
        "origin": null, "now": NOW, "stale": false, "verdict": verdict,
    });
    let Value::Object(differs) = differs.into() else { panic!("no object") };
    for (name, value) in differs {
        case[name] = value;
    }
    case
}

fn plain(name: &str, claims: &Value, verdict: &str) -> Value {
    case(name, EDDSA.token(claims), verdict, json!({}))
}

fn with(name: &str, claim: &str, value: Value, verdict: &str) -> Value {
    plain(name, &claims_with(claim, value), verdict)
}

/// The revocations of all cases. The usual token stands beyond those of its kind.
fn revocations() -> Vec<Value> {
    let target = |kind: &str, name: &str, value: Value| {
        let mut target = json!({ "revoke": kind, "project": PROJECT });
        target[name] = value;
        target
    };
    vec![
        entry(3, 0, json!({ "revoke": "signing_key", "kid": "revoked" })),
        entry(4, NOW * 1000, json!({ "revoke": "all" })),
        entry(5, NOW * 1000, json!({ "revoke": "project", "project": PROJECT })),
        entry(20, NOW * 1000, target("key", "key", json!("pk_live_blocked"))),
        entry(21, NOW * 1000, target("token", "jti", json!(jti(666)))),
        entry(22, NOW * 1000, {
            let mut subject = target("subject", "subject", json!("user-7"));
            subject["kind"] = json!("user");
            subject
        }),
    ]
}

fn shapes() -> Vec<Value> {
    let good = EDDSA.token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let honest = EDDSA.header();
    let headed = |name: &str, value: Value| {
        let mut header = honest.clone();
        header[name] = value;
        EDDSA.sign(&header, &claims())
    };
    let simple = |name: &str, token: String, verdict: &str| case(name, token, verdict, json!({}));
    let confused = {
        let header = b64(json!({ "typ": "at+jwt", "alg": "HS256", "kid": "ed" }).to_string());
        let signed = format!("{header}.{body}");
        format!("{signed}.{}", hs256(EDDSA.jwk()["x"].as_str().unwrap().as_bytes(), &signed))
    };
    vec![
        simple("EdDSA", good.clone(), "ok"),
        simple("ES256", ES256.token(&claims()), "ok"),
        simple("RS256", signers()[2].token(&claims()), "ok"),
        simple("the long name of the type", headed("typ", json!("application/AT+JWT")), "ok"),
        simple("longer than any", format!("{good}{}", "A".repeat(4096)), "too_long"),
        simple("two parts", signed.to_owned(), "malformed"),
        simple("four parts", format!("{good}.x"), "malformed"),
        simple("no signature", format!("{signed}."), "malformed"),
        simple("a padded header", format!("{header}=.{body}.{signature}"), "malformed"),
        simple("a header that is an array", EDDSA.sign_text("[\"EdDSA\"]", "{}"), "malformed"),
        simple("a space before it", format!(" {good}"), "malformed"),
        simple("a plain JWT", headed("typ", json!("JWT")), "wrong_type"),
        simple("a statement of the feed", headed("typ", json!("portcullis-feed+jwt")), "wrong_type"),
        simple("critical extensions", headed("crit", json!(["b64"])), "critical_header"),
        simple("alg none", headed("alg", json!("none")), "algorithm"),
        simple("HS256 keyed with the public key", confused, "algorithm"),
        simple("another key's algorithm", headed("alg", json!("ES256")), "algorithm"),
        simple("an unknown kid", headed("kid", json!("nobody")), "unknown_signing_key"),
        simple("another key's name", headed("kid", json!("es")), "algorithm"),
        simple("claims of another token", format!("{header}.{}.{signature}", b64("{}")), "signature"),
        simple("a signature with a bit changed", format!("{signed}.{}", flipped(signature)), "signature"),
    ]
}

/// With another bit in the middle.
fn flipped(signature: &str) -> String {
    let mut letters = signature.as_bytes().to_vec();
    let middle = letters.len() / 2;
    letters[middle] = if letters[middle] == b'A' { b'B' } else { b'A' };
    String::from_utf8(letters).unwrap()
}

fn statements() -> Vec<Value> {
    let raw = |name: &str, claim: &str, value: &str| {
        let token = EDDSA.sign_text(&EDDSA.header().to_string(), &claims_text(claim, value));
        case(name, token, "claims", json!({}))
    };
    let without = |claim: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        plain(&format!("without {claim}"), &claims, "claims")
    };
    let mut all: Vec<Value> =
        ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope", "prj", "pos"].map(without).into();
    all.extend([
        raw("exp is a text", "exp", "\"1800000900\""),
        raw("exp is a fraction", "exp", "1800000900.5"),
        raw("aud is empty", "aud", "[]"),
        raw("ips is null", "ips", "null"),
        raw("ips is empty", "ips", "[]"),
        raw("a network with host bits", "ips", "[\"192.0.2.7/24\"]"),
        raw("pos is negative", "pos", "-1"),
        raw("five ancestors", "anc", &json!(vec![ancestor(9, KEY, 10); 5]).to_string()),
        with("another issuer", "iss", json!("https://auth.example.com/"), "issuer"),
        with("another project", "prj", json!("prj_other"), "project"),
        with("another audience", "aud", json!("https://other.example.com"), "audience"),
        with("one of several audiences", "aud", json!(["https://other.example.com", AUDIENCE]), "ok"),
        with("its last second is over", "exp", json!(NOW), "expired"),
        with("its last second", "exp", json!(NOW + 1), "ok"),
        case("the copy is too old", EDDSA.token(&claims()), "stale", json!({ "stale": true })),
        case(
            "expired, and the copy is too old",
            EDDSA.token(&claims_with("exp", NOW)),
            "expired",
            json!({ "stale": true }),
        ),
    ]);
    all
}

fn ancestor(number: u128, key: &str, pos: u64) -> Value {
    json!({ "jti": jti(number), "key": key, "pos": pos })
}

fn revoked_tokens() -> Vec<Value> {
    let of_key = |pos: u64| {
        let mut claims = claims_with("client_id", "pk_live_blocked");
        claims["pos"] = json!(pos);
        claims
    };
    let of_user = |kind: &str, pos: u64| {
        let mut claims = claims_with("sub", "user-7");
        (claims["sub_kind"], claims["pos"]) = (json!(kind), json!(pos));
        claims
    };
    let below = |link: Value, pos: u64| {
        let mut claims = claims_with("anc", json!([link]));
        claims["pos"] = json!(pos);
        claims
    };
    let by_revoked = {
        let mut header = EDDSA.header();
        header["kid"] = json!("revoked");
        EDDSA.sign(&header, &claims())
    };
    vec![
        case("its signing key is revoked", by_revoked, "signing_key_revoked", json!({})),
        with("the token is revoked", "jti", json!(jti(666)), "revoked"),
        plain("its key is revoked", &of_key(19), "revoked"),
        plain("its key, decided at the revocation", &of_key(20), "ok"),
        plain("its key, decided after", &of_key(21), "ok"),
        with("all, decided before", "pos", json!(3), "revoked"),
        with("its project, decided before", "pos", json!(4), "revoked"),
        with("its project, decided at the revocation", "pos", json!(5), "ok"),
        plain("its subject", &of_user("user", 21), "revoked"),
        plain("its subject, decided after", &of_user("user", 22), "ok"),
        plain("a subject of another kind", &of_user("order", 21), "ok"),
        plain("an ancestor is revoked", &below(ancestor(666, KEY, 30), 30), "revoked"),
        plain("an ancestor's key is revoked", &below(ancestor(1, "pk_live_blocked", 19), 30), "revoked"),
        plain("an ancestor's key, decided after", &below(ancestor(1, "pk_live_blocked", 20), 30), "ok"),
        plain("all reach the oldest of the chain", &below(ancestor(1, KEY, 3), 30), "revoked"),
    ]
}

fn restrictions() -> Vec<Value> {
    let asked = |name: &str, held: &str, wanted: &str, verdict: &str| {
        let token = EDDSA.token(&claims_with("scope", held));
        case(name, token, verdict, json!({ "scope": wanted }))
    };
    let from = |name: &str, ips: Value, address: Value, verdict: &str| {
        case(name, EDDSA.token(&claims_with("ips", ips)), verdict, json!({ "address": address }))
    };
    let bound = EDDSA.token(&claims_with("org", json!(["https://shop.example.com"])));
    let (net, v6) = (json!(["192.0.2.0/24"]), json!(["2001:db8::/32", "10.0.0.1"]));
    vec![
        asked("no scope is needed", "orders:read", "", "ok"),
        asked("a wildcard", "orders:*", "orders:read:eu", "ok"),
        asked("a wildcard and its stem", "orders:*", "orders", "insufficient_scope"),
        asked("a prefix that is no segment", "orders:*", "ordersX:read", "insufficient_scope"),
        asked("one of two", "orders:read", "orders:read orders:write", "insufficient_scope"),
        asked("another case", "orders:read", "Orders:read", "insufficient_scope"),
        asked("what is reserved, by a wildcard", "portcullis:*", "portcullis:keys", "insufficient_scope"),
        asked("what is reserved, by name", "portcullis:introspect", "portcullis:introspect", "ok"),
        from("inside a network", net.clone(), json!("192.0.2.255"), "ok"),
        from("outside", net.clone(), json!("192.0.3.0"), "address"),
        from("mapped into IPv6", net.clone(), json!("::ffff:192.0.2.1"), "ok"),
        from("not known", net, json!(null), "address"),
        from("IPv6", v6.clone(), json!("2001:db8::1"), "ok"),
        from("a single address", v6.clone(), json!("10.0.0.1"), "ok"),
        from("next to it", v6, json!("10.0.0.2"), "address"),
        case("not restricted, and not known", EDDSA.token(&claims()), "ok", json!({ "address": null })),
        case("its origin", bound.clone(), "ok", json!({ "origin": "https://shop.example.com" })),
        case("another origin", bound.clone(), "origin", json!({ "origin": "https://shop.example.com:8443" })),
        case("no origin", bound, "origin", json!({})),
        with("bound to nothing that can be read", "cnf", json!(null), "proof"),
        with("bound to a proof", "cnf", json!({ "jkt": "x" }), "proof"),
    ]
}

fn make() -> Value {
    let cases = [shapes(), statements(), revoked_tokens(), restrictions()].concat();
    let mut keys: Vec<Value> = signers().map(Signer::jwk).into();
    let mut revoked = EDDSA.jwk();
    revoked["kid"] = json!("revoked");
    keys.push(revoked);
    json!({
        "about": "Tokens and what a guard says of each; see docs/guard.md.",
        "issuer": ISSUER, "project": PROJECT, "audiences": [AUDIENCE], "jwks": { "keys": keys },
        "entries": revocations(),
        "cases": cases,
    })
}

#[test]
fn this_guard_says_of_each_token_what_the_vectors_say() {
    let vectors = vectors("tokens.json", make);
    let keys = KeySet::from_json(&vectors["jwks"].to_string()).unwrap();
    let judge = Verifier::new(text(&vectors, "issuer").into(), read(text(&vectors, "project")), keys.into());
    let list = RevocationList::new();
    for entry in vectors["entries"].as_array().unwrap() {
        let entry: Entry = serde_json::from_value(entry.clone()).unwrap();
        list.apply(&Revocation::from(&entry), Timestamp::from_secs(NOW));
    }
    let audiences: Vec<Audience> = serde_json::from_value(vectors["audiences"].clone()).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let scope = read(text(case, "scope"));
        let required = Required {
            scope: &scope,
            audience: Whose::OneOf(&audiences),
            address: Place::From(case["address"].as_str().map(read)),
            origin: case["origin"].as_str(),
        };
        let freshness = if case["stale"] == true { Freshness::Stale } else { Freshness::Fresh };
        let gate = Gate { list: &list, freshness, now: Timestamp::from_secs(case["now"].as_i64().unwrap()) };
        let judged = judge.judge(text(case, "token"), &required, &gate);
        let verdict = judged.map_or_else(Refusal::reason, |_| "ok");
        assert_eq!(verdict, text(case, "verdict"), "{}", case["name"]);
    }
    assert_all_occur(&vectors["cases"], Refusal::ALL.map(Refusal::reason));
}
