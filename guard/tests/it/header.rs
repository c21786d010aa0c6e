//! Algorithm confusion, keys that come with the token, header extensions (threat S3).

use portcullis_guard::{Refusal, Unverified};
use serde_json::{Value, json};

use crate::support::*;

fn header_with(name: &str, value: impl Into<Value>) -> Value {
    let mut header = ES256.header();
    header[name] = value.into();
    header
}

/// Honestly signed, so that only the header can be the reason.
fn signed_with(header: &Value) -> Option<Refusal> {
    refusal(&ES256.sign(header, &claims()))
}

/// The public key in the spellings that a careless verifier would hand to HMAC as its secret.
fn public_key_as_secrets(signer: &Signer) -> Vec<Vec<u8>> {
    let jwk = signer.jwk();
    let mut secrets = vec![jwk.to_string().into_bytes(), serde_json::to_vec_pretty(&jwk).unwrap()];
    let bare = |name: &str| jwk[name].as_str().map(|text| text.as_bytes().to_vec());
    secrets.extend(["x", "y", "n", "kid"].into_iter().filter_map(bare));
    for der in signer.public_der() {
        secrets.push(der.clone());
        for name in ["PUBLIC KEY", "RSA PUBLIC KEY", "EC PUBLIC KEY"] {
            let body = base64_lines(&der);
            let pem = format!("-----BEGIN {name}-----\n{body}\n-----END {name}-----");
            secrets
                .extend([pem.clone(), format!("{pem}\n"), pem.replace('\n', "\r\n")].map(String::into_bytes));
        }
    }
    secrets.push(Vec::new());
    secrets
}

fn base64_lines(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    lines.join("\n")
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    for signer in signers() {
        for secret in public_key_as_secrets(signer) {
            for alg in ["HS256", "hs256", signer.algorithm()] {
                let header = json!({ "typ": "at+jwt", "alg": alg, "kid": signer.kid });
                let signed = format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
                let token = format!("{signed}.{}", hs256(&secret, &signed));
                let expected =
                    if alg == signer.algorithm() { Refusal::Signature } else { Refusal::Algorithm };
                assert_eq!(refusal(&token), Some(expected), "{alg}");
            }
        }
    }
}

#[test]
fn none_is_refused_in_every_case_with_and_without_signature() {
    for bits in 0..16u32 {
        let flip = |(at, c): (usize, char)| if bits >> at & 1 == 1 { c.to_ascii_uppercase() } else { c };
        let alg: String = "none".chars().enumerate().map(flip).collect();
        let header = header_with("alg", alg.clone());
        assert_eq!(signed_with(&header), Some(Refusal::Algorithm), "{alg}");
        let signed = format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
        assert_eq!(refusal(&format!("{signed}.")), Some(Refusal::Malformed), "{alg} without signature");
        assert_eq!(refusal(&signed), Some(Refusal::Malformed), "{alg} in two parts");
        assert_eq!(refusal(&format!("{signed}.AA")), Some(Refusal::Algorithm), "{alg} with a stub");
    }
    let honest = format!("{}.{}", b64(ES256.header().to_string()), b64(claims().to_string()));
    assert_eq!(refusal(&format!("{honest}.")), Some(Refusal::Malformed));
}

#[test]
fn the_algorithm_is_spelled_as_in_the_registry_and_accepted_by_us() {
    let wrong = [
        "",
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES256\0",
        "ES384",
        "ES512",
        "ES256K",
        "PS256",
        "RS384",
        "RS512",
        "HS384",
        "HS512",
        "eddsa",
        "EDDSA",
        "Ed25519",
        "Ed448",
        "RS1",
        "RSA-OAEP",
        "dir",
        "ES256,RS256",
        "null",
    ];
    for alg in wrong {
        assert_eq!(signed_with(&header_with("alg", alg)), Some(Refusal::Algorithm), "{alg:?}");
    }
    for no_text in [json!(null), json!(7), json!(["ES256"]), json!({ "alg": "ES256" }), json!(true)] {
        assert_eq!(signed_with(&header_with("alg", no_text.clone())), Some(Refusal::Malformed), "{no_text}");
    }
}

#[test]
fn the_algorithm_is_that_of_the_named_key() {
    for signer in signers() {
        for other in signers().into_iter().filter(|other| other.kid != signer.kid) {
            // The other's algorithm under our name, and our algorithm under the other's.
            let borrowed = json!({ "typ": "at+jwt", "alg": other.algorithm(), "kid": signer.kid });
            let misnamed = json!({ "typ": "at+jwt", "alg": signer.algorithm(), "kid": other.kid });
            for header in [borrowed, misnamed] {
                for by in [signer, other] {
                    assert_eq!(refusal(&by.sign(&header, &claims())), Some(Refusal::Algorithm), "{header}");
                }
            }
            let foreign = other.sign(&signer.header(), &claims());
            assert_eq!(refusal(&foreign), Some(Refusal::Signature));
        }
    }
}

#[test]
fn a_key_that_comes_with_the_token_is_not_asked() {
    let stranger = Signer::es256("es");
    let jwk = stranger.jwk();
    let embedded = [
        ("jwk", jwk.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("jwks", json!({ "keys": [jwk] })),
    ];
    for (name, value) in embedded {
        for (kid, expected) in [
            (json!("es"), Refusal::Signature),
            (json!("stranger"), Refusal::UnknownSigningKey),
            (Value::Null, Refusal::UnknownSigningKey),
        ] {
            let mut header = header_with(name, value.clone());
            header["kid"] = kid;
            assert_eq!(refusal(&stranger.sign(&header, &claims())), Some(expected), "{name}");
        }
        // Beside an honest signature they are headers like any other unknown one (RFC 7515 §4).
        assert_eq!(signed_with(&header_with(name, value)), None, "{name}");
    }
}

#[test]
fn any_crit_is_refused_whatever_it_holds() {
    let crit = [
        json!(["exp"]),
        json!(["b64"]),
        json!(["unknown", "exp"]),
        json!(["alg"]),
        json!([]),
        json!([7]),
        json!(null),
        json!(""),
        json!("b64"),
        json!({}),
        json!(false),
        json!(0),
    ];
    for value in crit {
        assert_eq!(signed_with(&header_with("crit", value.clone())), Some(Refusal::Critical), "{value}");
        let mut unencoded = header_with("crit", value);
        unencoded["b64"] = false.into();
        assert_eq!(signed_with(&unencoded), Some(Refusal::Critical));
    }
}

#[test]
fn an_unencoded_payload_is_no_payload() {
    let mut header = header_with("b64", false);
    let part = b64(header.to_string());
    assert_eq!(
        refusal(&ES256.seal(&part, &claims().to_string())),
        Some(Refusal::Malformed),
        "dots in the claims"
    );
    let dotless = claims().to_string().replace('.', "-");
    assert_eq!(refusal(&ES256.seal(&part, &dotless)), Some(Refusal::Claims));
    header["crit"] = json!(["b64"]);
    let part = b64(header.to_string());
    assert_eq!(refusal(&ES256.seal(&part, &dotless)), Some(Refusal::Critical));
}

#[test]
fn a_kid_is_looked_up_and_never_interpreted() {
    let wrong = [
        "",
        "ES",
        "es ",
        " es",
        "es\0",
        "es\0x",
        "es\n",
        "../../../../dev/null",
        "/dev/null",
        "es/../es",
        "file:///es",
        "' OR '1'='1",
        "es' UNION SELECT 'x' --",
        "es; DROP TABLE signing_keys",
        "$(id)",
        "%65s",
        "%00",
        "es%00",
        "é",
        "{\"$ne\":null}",
        "http://evil.example/es",
        "0",
        "null",
    ];
    let long = "e".repeat(2500);
    for kid in wrong.into_iter().chain([long.as_str()]) {
        assert_eq!(signed_with(&header_with("kid", kid)), Some(Refusal::UnknownSigningKey), "{kid:?}");
    }
    assert_eq!(signed_with(&header_with("kid", "e".repeat(10_000))), Some(Refusal::TooLong));
    for no_text in [json!(7), json!(["es"]), json!({ "kid": "es" }), json!(true)] {
        assert_eq!(signed_with(&header_with("kid", no_text.clone())), Some(Refusal::Malformed), "{no_text}");
    }
    let nameless = json!({ "typ": "at+jwt", "alg": "ES256" });
    assert_eq!(signed_with(&nameless), Some(Refusal::UnknownSigningKey));
}

#[test]
fn a_header_is_one_json_object_and_names_nothing_twice() {
    let honest = ES256.header().to_string();
    let inner = &honest[1..honest.len() - 1];
    let wrong = [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "7",
        "\"ES256\"",
        // By the order of the struct's fields; a reader by position would take it.
        "[\"ES256\",\"at+jwt\",\"es\"]",
        "[\"ES256\",\"at+jwt\",\"es\",null]",
        &format!("[{honest}]"),
        &format!("{honest}{honest}"),
        &format!("{honest},"),
        &format!("{{{inner},\"alg\":\"ES256\"}}"),
        &format!("{{\"alg\":\"none\",{inner}}}"),
        &format!("{{{inner},\"\\u0061lg\":\"none\"}}"),
        &format!("{{{inner},\"kid\":\"es\"}}"),
        &format!("{{{inner},\"typ\":\"at+jwt\"}}"),
        &format!("{{{inner},\"crit\":null,\"crit\":[\"exp\"]}}"),
        &format!("{{{inner},}}"),
        &honest.replace('"', "'"),
        &format!("\u{feff}{honest}"),
    ];
    for header in wrong {
        let token = ES256.sign_text(header, &claims().to_string());
        assert_eq!(refusal(&token), Some(Refusal::Malformed), "{header}");
    }
    // Names have their case: these are unknown headers, and the known ones are missing.
    let upper = ES256.sign_text(&honest.replace("alg", "ALG"), &claims().to_string());
    assert_eq!(refusal(&upper), Some(Refusal::Malformed));
}

#[test]
fn an_empty_or_trivial_signature_fits_nothing() {
    for signer in signers() {
        let signed = format!("{}.{}", b64(signer.header().to_string()), b64(claims().to_string()));
        let one = [[0; 31].as_slice(), &[1]].concat();
        let mut trivial = vec![vec![0], vec![0; 63], vec![0; 64], vec![0; 65], vec![0xFF; 64], vec![0; 256]];
        // r or s at the group's order, or 0 beside 1 (CVE-2022-21449), and DER instead of r || s.
        trivial.extend([
            [P256_ORDER, P256_ORDER].concat(),
            [one.clone(), vec![0; 32]].concat(),
            [vec![0; 32], one].concat(),
        ]);
        trivial.extend([vec![0x30, 6, 2, 1, 0, 2, 1, 0], vec![0x30, 6, 2, 1, 1, 2, 1, 1]]);
        for signature in trivial {
            let token = format!("{signed}.{}", b64(&signature));
            assert_eq!(refusal(&token), Some(Refusal::Signature), "{} {signature:?}", signer.kid);
        }
    }
}

#[test]
fn size_is_judged_before_anything_is_read() {
    for (length, expected) in
        [(4096, Refusal::Malformed), (4097, Refusal::TooLong), (10_000_000, Refusal::TooLong)]
    {
        for filling in [".", "e", "\0", "."] {
            assert_eq!(Unverified::read(&filling.repeat(length)).unwrap_err(), expected);
        }
    }
    let sized = |pad: usize| ES256.token(&claims_with("pad", "x".repeat(pad)));
    let longest = (0..4096).rev().map(sized).find(|token| token.len() <= 4096).unwrap();
    assert!(longest.len() > 4090);
    assert_eq!(refusal(&longest), None);
}
