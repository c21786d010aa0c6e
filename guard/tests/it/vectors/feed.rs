//! Answers of the feed, and what becomes of each.

use std::time::Duration;

use portcullis_guard::feed_rules::{
    Answer, BodyHash, Course, Expected, InvalidAnswer, Known, Nonce, Standing, Unfitting, age, course,
    is_behind, read as read_answer,
};
use portcullis_guard::{KeySet, ProjectId, Revocation, RevocationList, SigningKeyId, Target, Timestamp};
use serde_json::{Value, json};

use super::{assert_all_occur, entry, text, vectors};
use crate::support::{EDDSA, ES256, ISSUER, NOW, PROJECT, b64, read};

const NONCE: &str = "nonce-of-the-request";
const TAGS: [&str; 3] = ["00112233445566aa", "00112233445566bb", "00112233445566cc"];

fn body(entries: &[Value]) -> String {
    json!({ "entries": entries }).to_string()
}

fn key_entry(position: u64) -> Value {
    entry(position, NOW * 1000, json!({ "revoke": "key", "project": PROJECT, "key": "pk_live_blocked" }))
}

/// A delta from 10 to 20.
fn delta(body: &str) -> Value {
    json!({
        "iss": ISSUER, "prj": PROJECT, "nonce": NONCE, "since": 10, "since_tag": TAGS[0], "snapshot": false,
        "position": 20, "tag": TAGS[1], "age": 1200, "elapsed": 300, "now": NOW * 1000,
        "sha256": BodyHash::of(body.as_bytes()).to_string(),
    })
}

/// Everything up to 20.
fn snapshot(body: &str) -> Value {
    let mut snapshot = delta(body);
    snapshot["snapshot"] = json!(true);
    snapshot.as_object_mut().unwrap().remove("since_tag");
    snapshot
}

fn changed(mut statement: Value, changes: impl Into<Value>) -> Value {
    let Value::Object(changes) = changes.into() else { panic!("no object") };
    for (name, value) in changes {
        statement[name] = value;
    }
    statement
}

fn header() -> Value {
    json!({ "typ": "portcullis-feed+jwt", "alg": "EdDSA", "kid": "ed" })
}

fn signed(statement: &Value) -> String {
    EDDSA.sign(&header(), statement)
}

/// A case: what was heard, where the guard stands, and what becomes of it.
fn case(
    name: &str,
    statement: impl Into<String>,
    body: &str,
    verdict: &str,
    differs: impl Into<Value>,
) -> Value {
    let case = json!({
        "name": name, "nonce": NONCE, "statement": statement.into(), "body": body,
        "known": { "position": 10, "tag": TAGS[0] }, "stale": false, "revoked_keys": [],
        "since_sent": 500, "own_clock": NOW * 1000, "verdict": verdict,
    });
    changed(case, differs)
}

/// What a believed answer comes to at the usual time.
fn usual() -> Value {
    json!({ "age": 1400, "behind": false })
}

fn taken_up() -> Vec<Value> {
    let (some, none) = (body(&[key_entry(12), key_entry(20)]), body(&[]));
    let everything = body(&[
        entry(1, 0, json!({ "revoke": "signing_key", "kid": "gone" })),
        entry(2, NOW, json!({ "revoke": "all" })),
        entry(3, NOW, json!({ "revoke": "project", "project": PROJECT })),
        entry(4, NOW, json!({ "revoke": "subject", "project": PROJECT, "kind": "user", "subject": "7" })),
        entry(5, NOW, json!({ "revoke": "token", "project": PROJECT, "jti": "AAAAAAAAAAAAAAAAAAAAAA" })),
        key_entry(20),
    ]);
    let first = signed(&changed(snapshot(&some), json!({ "since": 0 })));
    let ahead_and_stale = json!({ "known": { "position": 21, "tag": TAGS[2] }, "stale": true });
    vec![
        case("a delta", signed(&delta(&some)), &some, "extend", usual()),
        case("a delta without entries", signed(&delta(&none)), &none, "extend", usual()),
        case("a snapshot", signed(&snapshot(&everything)), &everything, "replace", usual()),
        case("the first snapshot", first, &some, "replace", changed(usual(), json!({ "known": null }))),
        case(
            "a node that is behind a guard that is stale",
            signed(&snapshot(&none)),
            &none,
            "replace",
            changed(usual(), ahead_and_stale),
        ),
    ]
}

fn clocks() -> Vec<Value> {
    let none = body(&[]);
    let apart = signed(&changed(delta(&none), json!({ "elapsed": 900 })));
    let at = |name: &str, millis: i64, behind: bool| {
        let differs = json!({ "age": 1400, "own_clock": NOW * 1000 + millis, "behind": behind });
        case(name, signed(&delta(&none)), &none, "extend", differs)
    };
    vec![
        case("no age is negative", apart, &none, "extend", json!({ "age": 1200, "behind": false })),
        at("a clock that is five seconds behind", -5000, false),
        at("a clock that is further behind", -5001, true),
        at("a clock that is ahead: tokens end early", 60_000, false),
    ]
}

fn not_taken_up() -> Vec<Value> {
    let (some, none) = (body(&[key_entry(12), key_entry(20)]), body(&[]));
    let stands = |position: u64, tag: &str| json!({ "known": { "position": position, "tag": tag } });
    let still = changed(delta(&none), json!({ "position": 10 }));
    let of = |name: &str, verdict: &str, differs: Value| {
        case(name, signed(&delta(&some)), &some, verdict, differs)
    };
    vec![
        case("a node that is behind", signed(&snapshot(&none)), &none, "behind", stands(21, TAGS[2])),
        of("the first answer is a delta", "gap", json!({ "known": null })),
        of("a delta from before", "gap", stands(11, TAGS[0])),
        of("a delta from beyond", "gap", stands(9, TAGS[0])),
        of("another mark where the guard stands", "other_history", stands(10, TAGS[2])),
        case("nothing moved, and the mark did", signed(&still), &none, "other_history", json!({})),
        of("signed by a key that was revoked", "revoked_feed_key", json!({ "revoked_keys": ["ed"] })),
    ]
}

fn unbelievable() -> Vec<Value> {
    let (some, none) = (body(&[key_entry(12), key_entry(20)]), body(&[]));
    let good = signed(&delta(&some));
    let headed = |changes: Value| EDDSA.sign(&changed(header(), changes), &delta(&none));
    let stated = |changes: Value| signed(&changed(delta(&none), changes));
    let of = |body: &str| signed(&delta(body));
    let simple = |name: &str, statement: String, body: &str, verdict: &str| {
        case(name, statement, body, verdict, json!({}))
    };
    let (start, _) = good.rsplit_once('.').unwrap();
    let by_other = ES256.sign(&header(), &delta(&none));
    let foreign = body(&[entry(12, NOW, json!({ "revoke": "project", "project": "prj_other" }))]);
    vec![
        simple("no statement", String::new(), &some, "malformed"),
        simple("not signed", format!("{start}."), &some, "malformed"),
        simple("a statement without end", format!("{good}{}", "A".repeat(4096)), &some, "malformed"),
        simple("four parts", format!("x.{good}"), &some, "malformed"),
        simple("a token", EDDSA.token(&delta(&none)), &none, "wrong_type"),
        simple(
            "a type in another case",
            headed(json!({ "typ": "Portcullis-Feed+JWT" })),
            &none,
            "wrong_type",
        ),
        simple("critical extensions", headed(json!({ "crit": ["x"] })), &none, "critical_header"),
        simple("a key that nobody published", headed(json!({ "kid": "es" })), &none, "unknown_feed_key"),
        simple("another algorithm", headed(json!({ "alg": "ES256" })), &none, "unknown_feed_key"),
        simple("no algorithm", headed(json!({ "alg": "none" })), &none, "unknown_feed_key"),
        simple("another's signature", by_other, &none, "signature"),
        simple("no object", EDDSA.seal(&b64(header().to_string()), &b64("[]")), &none, "statement"),
        simple("another issuer", stated(json!({ "iss": "https://auth.example.com/" })), &none, "issuer"),
        simple("another project", stated(json!({ "prj": "prj_other" })), &none, "project"),
        simple("a replay", stated(json!({ "nonce": "nonce-of-another-one" })), &none, "nonce"),
        simple("a truncated body", good.clone(), &none, "body"),
        simple("a body with a space more", good, &format!("{some} "), "body"),
        simple("a body that is an array", of("[[]]"), "[[]]", "entries"),
        simple("an entry of another kind", of(OTHER_KIND), OTHER_KIND, "entries"),
        simple("an end that is null", of(NO_END), NO_END, "entries"),
        simple("another project's entry", of(&foreign), &foreign, "misplaced_entry"),
    ]
}

fn misplaced() -> Vec<Value> {
    let table = [
        ("an entry at since", [10, 20]),
        ("an entry beyond the position", [12, 21]),
        ("entries out of order", [14, 13]),
        ("two entries in one place", [14, 14]),
    ];
    let misplaced = table.map(|(name, entries)| {
        let body = body(&entries.map(key_entry));
        case(name, signed(&delta(&body)), &body, "misplaced_entry", json!({}))
    });
    misplaced.into()
}

fn no_statements() -> Vec<Value> {
    let none = body(&[]);
    let mut all = Vec::new();
    for name in ["iss", "nonce", "since", "since_tag", "snapshot", "position", "tag", "age", "now", "sha256"]
    {
        let mut statement = delta(&none);
        statement.as_object_mut().unwrap().remove(name);
        all.push(case(&format!("without {name}"), signed(&statement), &none, "statement", json!({})));
    }
    for (name, changes) in [
        ("an age that is negative", json!({ "age": -1 })),
        ("an age that is a fraction", json!({ "age": 0.5 })),
        ("a snapshot with the mark of a delta", json!({ "snapshot": true })),
        ("a position before since", json!({ "position": 9 })),
        ("a mark that is too short", json!({ "tag": "00112233" })),
        ("a mark in capitals", json!({ "tag": "00112233445566AA" })),
    ] {
        let statement = signed(&changed(delta(&none), changes));
        all.push(case(name, statement, &none, "statement", json!({})));
    }
    all
}

const OTHER_KIND: &str = r#"{"entries":[{"position":12,"revoke":"everybody"}]}"#;
const NO_END: &str = r#"{"entries":[{"position":12,"ends":null,"revoke":"all"}]}"#;

fn make() -> Value {
    let cases = [taken_up(), clocks(), not_taken_up(), unbelievable(), misplaced(), no_statements()].concat();
    json!({
        "about": "Answers of the feed, where a guard stands, and what it makes of each; see docs/guard.md. \
                  `since_sent` and `age` are milliseconds, `own_clock` is milliseconds since 1970.",
        "issuer": ISSUER, "project": PROJECT, "feed_jwks": { "keys": [EDDSA.jwk()] },
        "cases": cases,
    })
}

/// What becomes of an answer that is believed.
fn fate(answer: &Answer, case: &Value) -> Result<Course, Unfitting> {
    let list = RevocationList::new();
    for kid in case["revoked_keys"].as_array().unwrap() {
        let kid: SigningKeyId = read(kid.as_str().unwrap());
        let revocation =
            Revocation { target: Target::SigningKey { kid }, position: read_position(1), ends: None };
        list.apply(&revocation, Timestamp::from_secs(NOW));
    }
    let known = &case["known"];
    let known = known.is_object().then(|| Known {
        position: read_position(known["position"].as_u64().unwrap()),
        tag: text(known, "tag").parse().unwrap(),
    });
    course(answer, &Standing { known, is_stale: case["stale"] == true, list: &list })
}

fn read_position(value: u64) -> portcullis_guard::Position {
    portcullis_guard::Position::new(value)
}

#[test]
fn this_guard_makes_of_each_answer_what_the_vectors_say() {
    let vectors = vectors("feed.json", make);
    let keys = KeySet::from_json(&vectors["feed_jwks"].to_string()).unwrap();
    let project: ProjectId = read(text(&vectors, "project"));
    for case in vectors["cases"].as_array().unwrap() {
        let nonce: Nonce = text(case, "nonce").parse().unwrap();
        let expected = Expected { issuer: text(&vectors, "issuer"), project: &project, nonce: &nonce };
        let read = read_answer(text(case, "statement"), text(case, "body").as_bytes(), &keys, &expected);
        let verdict = match &read {
            Err(invalid) => invalid.reason(),
            Ok(answer) => match fate(answer, case) {
                Ok(Course::Extend) => "extend",
                Ok(Course::Replace) => "replace",
                Err(unfitting) => unfitting.reason(),
            },
        };
        assert_eq!(verdict, text(case, "verdict"), "{}", case["name"]);
        if let (Ok(answer), Some(expected)) = (read, case["age"].as_u64()) {
            let millis = |name: &str| Duration::from_millis(case[name].as_u64().unwrap());
            let (elapsed, old) = (answer.statement.elapsed, answer.statement.age);
            let found = age(millis("since_sent"), Duration::from_millis(elapsed), Duration::from_millis(old));
            assert_eq!(found, Duration::from_millis(expected), "{}", case["name"]);
            let own = Timestamp::from_millis(case["own_clock"].as_i64().unwrap());
            assert_eq!(is_behind(own, &answer.statement), case["behind"] == true, "{}", case["name"]);
        }
    }
    let reasons = InvalidAnswer::ALL.map(InvalidAnswer::reason).into_iter();
    let reasons = reasons.chain(Unfitting::ALL.map(Unfitting::reason)).chain(["extend", "replace"]);
    assert_all_occur(&vectors["cases"], reasons);
}
