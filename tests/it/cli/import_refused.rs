//! `key import`: what is refused, how that is told, and that nothing of it is ever repeated.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::Home;
use super::import::{SECRET, SHA256, keys};
use crate::support::Finder;

#[test]
#[expect(clippy::too_many_lines, reason = "a flat list")]
fn every_bad_line_is_named_by_number_field_and_rule_and_its_neighbours_are_imported() {
    let (home, project) = Home::with_shop();
    let long = "x".repeat(70_000);
    let bad: Vec<(String, Option<&str>)> = [
        (r#"{"secret":"S"}"#, Some("id")),
        (r#"{"id":"a b","secret":"S"}"#, Some("id")),
        (r#"{"id":7,"secret":"S"}"#, Some("id")),
        (r#"{"id":"a"}"#, Some("secret")),
        (r#"{"id":"a","secret":"S","secret_sha256":"H"}"#, Some("secret")),
        (r#"{"id":"a","secret":"fifteen letters"}"#, Some("secret")),
        (r#"{"id":"a","secret":"S é"}"#, Some("secret")),
        (r#"{"id":"a","secret":["S"]}"#, Some("secret")),
        (r#"{"id":"a","secret_sha256":"S"}"#, Some("secret_sha256")),
        (r#"{"id":"a","secret":"S","secret":"S"}"#, Some("secret")),
        (r#"{"id":"a","secret":"S","name":""}"#, Some("name")),
        (r#"{"id":"a","secret":"S","name":"a\u0007"}"#, Some("name")),
        (r#"{"id":"a","secret":"S","permissions":"orders:"}"#, Some("permissions")),
        (r#"{"id":"a","secret":"S","permissions":["orders:read orders:write"]}"#, Some("permissions")),
        (r#"{"id":"a","secret":"S","permissions":["orders:read",7]}"#, Some("permissions")),
        (r#"{"id":"a","secret":"S","permissions":"portcullis:keys:write"}"#, Some("permissions")),
        (r#"{"id":"a","secret":"S","permissions":"portcullis:*"}"#, Some("permissions")),
        (r#"{"id":"a","secret":"S","role":"a b"}"#, Some("role")),
        (r#"{"id":"a","secret":"S","role":"none"}"#, Some("role")),
        (r#"{"id":"a","secret":"S","role":["x"]}"#, Some("role")),
        (r#"{"id":"a","secret":"S","allowlist":"10.0.0.1/8"}"#, Some("allowlist")),
        (r#"{"id":"a","secret":"S","allowlist":" , "}"#, Some("allowlist")),
        (r#"{"id":"a","secret":"S","allowlist":[""]}"#, Some("allowlist")),
        (r#"{"id":"a","secret":"S","audiences":"https://other.example"}"#, Some("audiences")),
        (r#"{"id":"a","secret":"S","token_lifetime":901}"#, Some("token_lifetime")),
        (r#"{"id":"a","secret":"S","token_lifetime":1.5}"#, Some("token_lifetime")),
        (r#"{"id":"a","secret":"S","require_scope":"yes"}"#, Some("require_scope")),
        (r#"{"id":"a","secret":"S","live_tokens":0}"#, Some("live_tokens")),
        (r#"{"id":"a","secret":"S","auth_methods":"telepathy"}"#, Some("auth_methods")),
        (r#"{"id":"a","secret":"S","expires_at":1000000000}"#, Some("expires_at")),
        (r#"{"id":"a","secret":"S","expires_at":"30d"}"#, Some("expires_at")),
        (r#"{"id":"a","secret":"S","expires_at":{}}"#, Some("expires_at")),
        (r#"{"id":"a","secret":"S","state":"blocked"}"#, None),
        (r#"{"id":"a","secret":"S"} {}"#, None),
        (r#"{"id":"a","secret":"S""#, None),
        (r#"["a","S"]"#, None),
        ("S", None),
        ("LONG", None),
        ("\u{FFFF}", None),
    ]
    .map(|(line, field)| {
        (line.replace('S', &format!("S{SECRET}")).replace('H', SHA256).replace("LONG", &long), field)
    })
    .into();
    let mut text = Vec::new();
    for (n, (line, _)) in bad.iter().enumerate() {
        text.extend_from_slice(line.as_bytes());
        text.extend_from_slice(
            format!(
                "\n{}\n",
                json!({ "id": format!("good-{n}"), "secret": format!("a good secret, no. {n}") })
            )
            .as_bytes(),
        );
    }
    // The last bad line becomes one that is not even text.
    let at = text.windows(3).rposition(|bytes| bytes == "\u{FFFF}".as_bytes()).unwrap();
    text[at] = 0xFF;
    home.write("keys.jsonl", &text);

    let ran = home.import(&project, &["keys.jsonl", "--refused", "refused.jsonl"]);

    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let answer = ran.answer();
    let refused = answer["refused"].as_array().unwrap();
    for (n, (line, field)) in bad.iter().enumerate() {
        let (number, field) = (json!(2 * n + 1), json!(field));
        assert_eq!((&refused[n]["line"], &refused[n]["field"]), (&number, &field), "{line}");
    }
    assert_eq!((&answer["imported"], &answer["refused_lines"]), (&json!(bad.len()), &json!(bad.len())));
    assert_eq!(home.count_of_keys(&project), bad.len());
    let listed: Vec<Value> =
        home.read("refused.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&listed, refused);
    let mut finder = Finder::default();
    finder.text("the secret", SECRET);
    for said in [&ran.stdout, &ran.stderr, &home.read("refused.jsonl")] {
        assert_eq!(finder.find("said", said.as_bytes()), Vec::<String>::new());
    }
    for quoted in ["telepathy", "portcullis:keys", "other.example", "10.0.0.1", "30d", "xxxx"] {
        assert!(!ran.stdout.contains(quoted), "{quoted}");
    }
}

#[test]
fn a_line_of_csv_that_is_torn_spoils_itself_alone() {
    let (home, project) = Home::with_shop();
    let line = |n: u32| format!("app-{n},a good secret, no. {n},orders:read\n").replace(", no", " no");
    let text = format!(
        "id,secret,permissions\n{}app,\"{SECRET},orders:read\n{}app,{SECRET}\napp,{SECRET},orders:read,\n\n{}a\rb,{SECRET},orders:read\n\"app\",\"{SECRET}\",\"orders:read\"\n",
        line(1),
        line(2),
        line(3)
    );
    home.write("keys.csv", text);
    let ran = home.import(&project, &["keys.csv"]);
    let answer = ran.answer();
    let lines: Vec<_> =
        answer["refused"].as_array().unwrap().iter().map(|line| line["line"].clone()).collect();
    assert_eq!((lines, &answer["imported"]), (vec![json!(3), json!(5), json!(6), json!(9)], &json!(4)));
}

#[test]
fn a_file_whose_columns_cannot_be_told_is_refused_whole_and_not_quoted() {
    let (home, project) = Home::with_shop();
    for (text, says) in [
        (format!("app,{SECRET}\n"), "line 1: the name of column 1 is none of id, secret, "),
        (format!("id,{SECRET}\n"), "line 1: the name of column 2 is none of"),
        ("id,secret,id\n".to_owned(), "line 1: two columns have the same name"),
        ("id,name\n".to_owned(), "line 1: the columns id and secret (or secret_sha256) are needed"),
        ("secret\n".to_owned(), "line 1: the columns id and"),
        (String::new(), "line 1: the names of the columns are missing"),
        ("id,\"secret\n".to_owned(), "line 1: a quote is not closed"),
    ] {
        home.write("keys.csv", text);
        let (status, code, message) = home.failed(&["key", "import", "keys.csv", "--project", &project]);
        assert_eq!((status, code.as_str()), (1, "input"), "{message}");
        assert!(message.contains(says) && !message.contains("horse"), "{message}");
    }
    assert_eq!(home.count_of_keys(&project), 0);
}

#[test]
fn what_is_asked_for_is_looked_at_before_anything_is_read() {
    let (home, project) = Home::with_shop();
    home.write("keys.txt", keys(0..1));
    home.write("keys.jsonl", keys(0..1));
    let failed = |more: &[&str]| {
        let (status, code, message) = home.failed(&[&["key", "import"], more].concat());
        assert!(!message.contains("horse"));
        (status, code, message)
    };
    let usage = failed(&["keys.txt", "--project", &project]);
    assert_eq!((usage.0, usage.2.contains("--format")), (2, true));
    assert_eq!(failed(&["keys.jsonl", "--project", "prj_none"]).1, "not_found");
    assert_eq!(failed(&["none.jsonl", "--project", &project]).1, "input");
    assert_eq!(failed(&["keys.jsonl", "--project", &project, "--refused", "./keys.jsonl"]).0, 2);
    assert_eq!(failed(&["keys.jsonl", "--project", &project, "--refused", "no/such/folder"]).1, "input");
    assert_eq!(home.read("keys.jsonl"), keys(0..1), "it is still there");
    assert_eq!(home.run(&["key", "import", "keys.jsonl", "--project", &project, "--batch", "0"]).status, 2);
    assert_eq!(home.count_of_keys(&project), 0);
    home.done(&["key", "import", "keys.txt", "--project", &project, "--format", "jsonl"]);
    assert_eq!(home.count_of_keys(&project), 1);
}

#[test]
fn people_read_a_sentence_and_the_first_refused_lines() {
    let (home, project) = Home::with_shop();
    home.write(
        "keys.csv",
        format!("id,secret,permissions\na,{SECRET},orders:read\na,{SECRET} 2,orders:read\nb,short,\n"),
    );
    let import = ["key", "import", "keys.csv", "--project", &project];

    let ran = home.run(&import);

    assert_eq!(ran.status, 1);
    assert_snapshot!(ran.stdout, @r"
    1 imported, 0 already there, 2 refused.
    line 3: id: this id is in use already, or was once
    line 4: secret: a secret has at least 16 characters
    ");
    assert_snapshot!(ran.stderr, @"error: 2 lines were refused; correct them and run the command again");
    home.write("keys.csv", "id,secret\n".to_owned() + &"a,short\n".repeat(130));
    let ran = home.run(&import);
    assert_eq!(ran.stdout.lines().count(), 22);
    assert_eq!(ran.stdout.lines().last(), Some("and 110 more lines; --refused FILE lists all of them"));
    let answer = home.import(&project, &["keys.csv", "--refused", "refused"]).answer();
    assert_eq!((answer["refused"].as_array().unwrap().len(), &answer["refused_lines"]), (100, &json!(130)));
    assert_eq!(home.read("refused").lines().count(), 130);
}

#[test]
fn what_may_not_have_been_meant_is_warned_of_once_and_not_quoted() {
    let (home, project) = Home::with_shop();
    home.write(
        "keys.csv",
        format!(
            "id,secret,permissions,allowlist\na,{SECRET} a,orders:read,10.0.0.0/8\nb,{SECRET} b,orders:reed,\nc,{SECRET} c,orders:reed,0.0.0.0/0\nd,{SECRET} d,,\n"
        ),
    );
    let ran = home.run(&["key", "import", "keys.csv", "--project", &project]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "4 imported, 0 already there, 0 refused.\n"));
    assert_snapshot!(ran.stderr, @r"
    warning: 2 keys hold scopes that are not in the project's catalogue; the first is in line 3
    warning: 1 keys have no permissions, so they can mint no token; the first is in line 5
    warning: 1 keys have an allowlist that names every address of IPv4 or IPv6, so it keeps nobody out; the first is in line 4
    ");
}
