//! Which published keys are taken up (RFC 7517; threat S31).

use portcullis_guard::jwks::InvalidKeySet;
use portcullis_guard::{KeySet, Refusal, Verifier};
use serde_json::{Value, json};

use crate::support::*;

fn ids(keys: &[Value]) -> Vec<String> {
    let mut ids: Vec<_> = key_set(keys).unwrap().ids().map(ToString::to_string).collect();
    ids.sort();
    ids
}

fn changed(signer: &Signer, name: &str, value: &Value) -> Value {
    let mut jwk = signer.jwk();
    jwk[name] = value.clone();
    jwk
}

fn without(signer: &Signer, name: &str) -> Value {
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove(name);
    jwk
}

#[test]
fn the_three_kinds_of_keys_are_taken_up() {
    assert_eq!(ids(&signers().map(Signer::jwk)), ["ed", "es", "rs"]);
    assert_eq!(ids(&signers().map(|signer| without(signer, "alg"))), ["ed", "es", "rs"]);
    assert_eq!(ids(&signers().map(|signer| without(signer, "use"))), ["ed", "es", "rs"]);
    assert!(ids(&[]).is_empty());
}

#[test]
fn keys_that_sign_no_tokens_of_ours_are_passed_over() {
    let mut others = vec![
        json!({ "kty": "oct", "kid": "hmac", "k": b64([7; 32]) }),
        json!({ "kty": "oct", "kid": "hmac-256", "alg": "HS256", "k": b64([7; 32]) }),
        json!({ "kty": "AKP", "kid": "future", "alg": "ML-DSA-44", "pub": b64([7; 1312]) }),
        json!({ "kty": "OKP", "crv": "X25519", "kid": "x25519", "x": b64([7; 32]) }),
        json!({ "kty": "OKP", "crv": "Ed448", "kid": "ed448", "x": b64([7; 57]) }),
        json!({ "kty": "EC", "crv": "P-384", "kid": "p384", "x": b64([7; 48]), "y": b64([7; 48]) }),
        json!({ "kty": "EC", "crv": "secp256k1", "kid": "k1", "x": b64([7; 32]), "y": b64([7; 32]) }),
        json!({ "kty": "EC", "crv": "Ed25519", "kid": "mixed", "x": b64([7; 32]), "y": b64([7; 32]) }),
        json!({ "kty": "unknown", "kid": "unknown" }),
        json!({ "kid": "nothing" }),
        json!({}),
    ];
    for signer in signers() {
        others.push(changed(signer, "use", &json!("enc")));
        others.push(changed(signer, "use", &json!("other")));
        others.push(without(signer, "kid"));
        for kid in ["", "../../etc/passwd", "a b", "a\u{0}b", "' OR 1=1 --", &"x".repeat(129)] {
            others.push(changed(signer, "kid", &json!(kid)));
        }
        for alg in ["ES256", "EdDSA", "RS256", "HS256", "PS256", "RSA-OAEP", "none", "es256", "new"] {
            if alg != signer.algorithm() {
                others.push(changed(signer, "alg", &json!(alg)));
            }
        }
    }
    for other in &others {
        assert!(ids(std::slice::from_ref(other)).is_empty(), "{other}");
    }
    others.extend(signers().map(Signer::jwk));
    assert_eq!(ids(&others), ["ed", "es", "rs"], "the others do not disturb ours");
}

#[test]
fn a_symmetric_key_in_the_set_verifies_nothing() {
    let secret = [7; 32];
    let jwk = json!({ "kty": "oct", "kid": "hmac", "alg": "HS256", "use": "sig", "k": b64(secret) });
    let keys = key_set(&[jwk, ES256.jwk()]).unwrap();
    let verifier = Verifier::new(ISSUER.into(), read(PROJECT), keys.into());
    let header = json!({ "typ": "at+jwt", "alg": "HS256", "kid": "hmac" });
    let signed = format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
    let token = format!("{signed}.{}", hs256(&secret, &signed));
    assert_eq!(Court { verifier, ..Court::new() }.refusal(&token), Some(Refusal::Algorithm));
}

#[test]
fn two_keys_of_one_id_are_ambiguous() {
    let twin = Signer::es256(ES256.kid);
    for keys in [
        [ES256.jwk(), twin.jwk()],
        [ES256.jwk(), ES256.jwk()],
        [ES256.jwk(), changed(&EDDSA, "kid", &json!("es"))],
    ] {
        assert!(matches!(key_set(&keys), Err(InvalidKeySet::Ambiguous(kid)) if kid.as_str() == "es"));
    }
    assert_eq!(ids(&[ES256.jwk(), changed(&ES256, "kid", &json!("ES"))]), ["ES", "es"], "an id has its case");
}

#[test]
fn a_key_whose_numbers_make_no_key_is_damaged() {
    let table: [(&Signer, &str, Value); 15] = [
        (&ES256, "x", json!("")),
        (&ES256, "x", json!("not base64")),
        (&ES256, "x", json!(b64([7; 31]))),
        (&ES256, "x", json!(b64([7; 33]))),
        (&ES256, "y", json!(b64([7; 31]))),
        (&ES256, "y", json!(format!("{}=", b64([7; 32])))),
        (&EDDSA, "x", json!("")),
        (&EDDSA, "x", json!(b64([7; 31]))),
        (&EDDSA, "x", json!(b64([7; 64]))),
        (&RS256, "n", json!("")),
        (&RS256, "n", json!("%%%")),
        (&RS256, "n", json!(b64([0xF7; 128]))),
        (&RS256, "n", json!(b64([0xF7; 1025]))),
        (&RS256, "e", json!("")),
        (&RS256, "e", json!("=")),
    ];
    for (signer, name, value) in table {
        let keys = key_set(&[changed(signer, name, &value)]);
        assert!(
            matches!(keys, Err(InvalidKeySet::Damaged(kid)) if kid.as_str() == signer.kid),
            "{name} {value}"
        );
    }
}

#[test]
fn a_point_that_is_on_no_curve_is_no_key() {
    let keys = key_set(&[changed(&ES256, "x", &json!(b64([7; 32])))]);
    assert!(matches!(keys, Err(InvalidKeySet::Damaged(kid)) if kid.as_str() == ES256.kid));
}

#[test]
fn a_document_that_is_no_key_set_is_refused() {
    for wrong in [
        "",
        "{}",
        "[]",
        "null",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"keys\":[7]}",
        "{\"keys\":[]",
        "<html>",
    ] {
        assert!(matches!(KeySet::from_json(wrong), Err(InvalidKeySet::Shape(_))), "{wrong}");
    }
}

#[test]
fn a_key_set_never_prints_its_keys() {
    let jwks = signers().map(Signer::jwk);
    let printed = format!("{:?}", key_set(&jwks).unwrap());
    for number in jwks.iter().flat_map(|jwk| ["x", "y", "n"].map(|name| jwk[name].as_str())).flatten() {
        assert!(!printed.contains(number), "{printed}");
    }
    assert!(printed.len() < 500, "{printed}");
}
