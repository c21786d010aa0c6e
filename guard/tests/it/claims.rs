//! Claims of the wrong type are refused, however well they are signed (threat S4).

use portcullis_guard::{Refusal, Unverified};
use serde_json::json;

use crate::support::*;

fn with(name: &str, value: &str) -> Option<Refusal> {
    refusal(&ES256.sign_text(&ES256.header().to_string(), &claims_text(name, value)))
}

/// Raw JSON, because some of it is no number that `serde_json::Value` could hold.
const NO_TIMES: [&str; 24] = [
    "\"1800000900\"",
    "\"\"",
    "1800000900.0",
    "1800000900.5",
    "18e8",
    "1.8e9",
    "-1",
    "-1800000900",
    "-0",
    "1e400",
    "-1e400",
    "1e9999",
    "null",
    "true",
    "[]",
    "[1800000900]",
    "{}",
    "{\"$date\":1}",
    "9223372036854775807",
    "9223372036854776",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "01800000900",
];

#[test]
fn a_time_is_a_whole_positive_number_of_seconds_and_nothing_else() {
    for name in ["exp", "iat"] {
        for wrong in NO_TIMES {
            assert_eq!(with(name, wrong), Some(Refusal::Claims), "{name}: {wrong}");
        }
        assert_eq!(with(name, "9223372036854775"), None, "{name}: the last second that fits");
    }
    assert_eq!(with("iat", "0"), None);
    assert_eq!(with("exp", "0"), Some(Refusal::Expired));
}

#[test]
fn a_position_is_a_whole_number_and_nothing_else() {
    for wrong in
        ["\"10\"", "10.0", "1e1", "-1", "-0", "1e400", "null", "true", "[10]", "{}", "18446744073709551616"]
    {
        assert_eq!(with("pos", wrong), Some(Refusal::Claims), "{wrong}");
    }
    assert_eq!(with("pos", "18446744073709551615"), None);
}

#[test]
fn each_claim_of_rfc_9068_and_each_of_ours_must_be_there() {
    for name in ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope", "prj", "pos"] {
        let mut missing = claims();
        missing.as_object_mut().unwrap().remove(name);
        assert_eq!(refusal(&ES256.token(&missing)), Some(Refusal::Claims), "without {name}");
        for wrong in ["null", "7.5", "{}", "[]", "[[]]", "false", "[null]", "{\"0\":\"x\"}"] {
            assert_eq!(with(name, wrong), Some(Refusal::Claims), "{name}: {wrong}");
        }
    }
}

#[test]
fn names_outside_their_grammar_are_no_claims() {
    let jti_padded = format!("\"{}==\"", jti(1));
    let table = [
        ("jti", "\"\""),
        ("jti", "\"short\""),
        ("jti", jti_padded.as_str()),
        ("jti", "\"AAAAAAAAAAAAAAAAAAAAAB\""),
        ("scope", "[\"orders:read\"]"),
        ("scope", "\"orders:read  vouchers\""),
        ("scope", "\" orders:read\""),
        ("scope", "\"orders:\""),
        ("scope", "\"orders:read\\u0000\""),
        ("client_id", "\"\""),
        ("client_id", "\"a b\""),
        ("client_id", "\"a\\nb\""),
        ("prj", "\"prj/../x\""),
        ("prj", "\"\""),
        ("aud", "\"\""),
        ("aud", "[]"),
        ("aud", "[\"https://api.example.com\", 7]"),
        ("aud", "[\"https://api.example.com\", \"\"]"),
        ("aud", "[[\"https://api.example.com\"]]"),
        ("aud", "{\"0\":\"https://api.example.com\"}"),
        ("iss", "[\"https://auth.example.com\"]"),
        ("sub", "[\"x\"]"),
        ("sub", "\"\\ud800\""),
    ];
    for (name, wrong) in table {
        assert_eq!(with(name, wrong), Some(Refusal::Claims), "{name}: {wrong}");
    }
}

#[test]
fn a_claim_named_twice_is_refused_however_it_is_spelled() {
    let plain = claims().to_string();
    for name in [
        "iss",
        "sub",
        "aud",
        "client_id",
        "exp",
        "iat",
        "jti",
        "scope",
        "prj",
        "pos",
        "ips",
        "org",
        "anc",
        "cnf",
    ] {
        let value = if name == "ips" { json!(["192.0.2.7"]) } else { claims()[name].clone() };
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
        for again in [name, &escaped] {
            let first = format!("{{\"{again}\":{value},\"{name}\":{value},{}", &plain[1..]);
            let last = format!("{},\"{name}\":{value},\"{again}\":{value}}}", &plain[..plain.len() - 1]);
            for twice in [first, last] {
                let token = ES256.sign_text(&ES256.header().to_string(), &twice);
                assert_eq!(refusal(&token), Some(Refusal::Claims), "{twice}");
            }
        }
    }
}

#[test]
fn a_claims_set_is_one_json_object() {
    let honest = claims();
    // The values in the order of the struct's fields: a reader by position would take them.
    let fields = ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope", "prj", "pos"];
    let by_position: Vec<_> = fields.iter().map(|name| honest[*name].clone()).collect();
    let positional = json!(by_position).to_string();
    let with_rest = format!("{},[\"192.0.2.7\"],[],[],\"x\",1,1]", &positional[..positional.len() - 1]);
    let bom = format!("\u{feff}{honest}");
    let wrong = [
        "",
        "null",
        "7",
        "\"x\"",
        "[]",
        "[{}]",
        "{",
        "{}",
        "{}{}",
        "nonsense",
        positional.as_str(),
        with_rest.as_str(),
        &format!("[{honest}]"),
        &format!("{honest}{honest}"),
        &format!("{honest},"),
        &format!("{honest}\0"),
        &honest.to_string().replace('"', "'"),
        bom.as_str(),
        &format!("{honest}//"),
    ];
    for text in wrong {
        let token = ES256.sign_text(&ES256.header().to_string(), text);
        assert_eq!(refusal(&token), Some(Refusal::Claims), "{text}");
    }
    let mut bytes = honest.to_string().into_bytes();
    bytes[12] = 0xFF;
    let token = ES256.seal(&b64(ES256.header().to_string()), &b64(bytes));
    assert_eq!(refusal(&token), Some(Refusal::Claims), "invalid UTF-8");
    let spaced = ES256.sign_text(&ES256.header().to_string(), &format!(" \r\n\t{honest} "));
    assert_eq!(refusal(&spaced), None, "white space around it is JSON");
}

#[test]
fn deep_json_is_refused_without_a_crash() {
    for name in ["act", "cnf", "aud", "ips", "org", "anc", "unknown"] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let depth = if open == "[" { 1200 } else { 400 };
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let refused = with(name, &deep);
            let expected = if name == "unknown" { None } else { Some(Refusal::Claims) };
            assert_eq!(refused, expected, "{name} {open}");
            assert_eq!(with(name, &open.repeat(depth)), Some(Refusal::Claims), "{name} {open} unfinished");
        }
    }
}

#[test]
fn a_chain_has_at_most_four_whole_links() {
    let link = |n: u128| json!({ "jti": jti(n), "key": KEY, "pos": 3 });
    let chain = |count| claims_with("anc", (0..count).map(link).collect::<Vec<_>>());
    assert_eq!(refusal(&ES256.token(&chain(4))), None);
    assert_eq!(refusal(&ES256.token(&chain(5))), Some(Refusal::Claims));
    for wrong in [
        json!(null),
        json!({}),
        json!("x"),
        json!([null]),
        json!([{}]),
        json!([{ "jti": jti(1), "key": KEY }]),
    ] {
        assert_eq!(
            refusal(&ES256.token(&claims_with("anc", wrong.clone()))),
            Some(Refusal::Claims),
            "{wrong}"
        );
    }
}

#[test]
fn unverified_claims_tell_the_project_and_nothing_else() {
    let forged = Signer::es256("es").token(&claims());
    let unverified = Unverified::read(&forged).unwrap();
    assert_eq!(unverified.claims().unwrap().project().as_str(), PROJECT);
    assert_eq!(refusal(&forged), Some(Refusal::Signature));
}
