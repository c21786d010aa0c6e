//! `token request` and `token inspect`: a client of the server, for the shell.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Home, Ran};
use crate::support::Serving;

/// A server, and a file with a key of it.
pub(super) fn scene() -> (Home, Serving) {
    let home = Home::founded();
    let project = home.project("Shop");
    for scope in ["orders:read", "orders:write"] {
        home.done(&["scope", "set", scope, "--project", &project]);
    }
    let create = ["key", "create", "--project", &project, "--name", "k"];
    let permissions = ["--permission", "orders:read", "--permission", "orders:write"];
    let made = home.json(&[&create[..], &permissions].concat());
    fs::write(home.path("key.json"), made.to_string()).unwrap();
    home.set_mode("key.json", 0o600);
    let serving = Serving::start(&home.path(""));
    (home, serving)
}

impl Home {
    pub(super) fn key(&self) -> (String, String) {
        let key: Value = serde_json::from_str(&self.read("key.json")).unwrap();
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        (text("key_id"), text("secret"))
    }

    fn request(&self, serving: &Serving, more: &[&str]) -> String {
        let request = ["token", "request", "--server", &serving.url, "--credentials", "key.json"];
        self.done(&[&request[..], more].concat()).trim_end().to_owned()
    }

    /// What is said of a token that comes on the standard input.
    fn inspect(&self, token: &str, more: &[&str]) -> Ran {
        let mut inspect = self.command(&[&["token", "inspect"][..], more].concat());
        inspect.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = inspect.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{token}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let signature = token.rsplit('.').next().unwrap();
        assert!(signature.len() < 20 || !(stdout.contains(signature) || stderr.contains(signature)));
        Ran { status: output.status.code().unwrap(), stdout, stderr }
    }

    /// Exit status, whether it was verified, and the reason if not.
    pub(super) fn judged(&self, token: &str, more: &[&str]) -> (i32, Value, Value) {
        let ran = self.inspect(token, &[more, &["--json"]].concat());
        let said: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        (ran.status, said["verified"].clone(), said["reason"].clone())
    }
}

#[test]
fn a_token_is_requested_with_a_key_from_file_standard_input_or_environment() {
    let (mut home, serving) = scene();
    let all = home.request(&serving, &[]);
    assert!(!all.contains('\n') && all.starts_with("eyJ"), "the token alone, for $(…)");
    assert_eq!(home.judged(&all, &["--server", &serving.url]), (0, json!(true), Value::Null));

    let more = ["--scope", "orders:read", "--expires-in", "5m", "--json"];
    let said: Value = serde_json::from_str(&home.request(&serving, &more)).unwrap();
    assert_eq!((&said["scope"], &said["expires_in"]), (&json!("orders:read"), &json!(300)));
    assert_eq!((&said["token_type"], said["client_id"].as_str()), (&json!("Bearer"), Some(&*home.key().0)));

    let from_stdin = ["token", "request", "--server", &serving.url, "--credentials", "-"];
    let mut from_stdin = home.command(&from_stdin);
    from_stdin.stdin(fs::File::open(home.path("key.json")).unwrap());
    assert!(Ran::of(from_stdin).stdout.starts_with("eyJ"));

    // The file that an installation begins with names its server; here that one is elsewhere.
    let admin: Value = serde_json::from_str(&home.read("portcullis-data/admin-key.json")).unwrap();
    let mut moved = admin.clone();
    moved["issuer"] = json!(serving.url);
    fs::write(home.path("admin.json"), moved.to_string()).unwrap();
    let ran =
        home.run(&["token", "request", "--credentials", "admin.json", "--scope", "portcullis:keys:read"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("can be read by others"), "{}", ran.stderr);

    let (id, secret) = home.key();
    home.set("PORTCULLIS_KEY_ID", id);
    home.set("PORTCULLIS_KEY_SECRET", secret);
    assert!(home.done(&["token", "request", "--server", &serving.url]).starts_with("eyJ"));
}

#[test]
fn a_refused_request_says_why_and_shows_no_secret() {
    let (home, serving) = scene();
    let (id, secret) = home.key();
    let wrong = format!("{}x", &secret[..secret.len() - 1]);
    fs::write(home.path("wrong.json"), json!({ "key_id": id, "secret": wrong }).to_string()).unwrap();
    fs::write(home.path("broken.json"), format!("{{\"key_id\":\"{id}\",\"secret\":\"{secret}")).unwrap();
    fs::write(home.path("half.json"), json!({ "secret": secret }).to_string()).unwrap();
    for file in ["wrong.json", "broken.json", "half.json"] {
        home.set_mode(file, 0o600);
    }
    let server = serving.url.as_str();
    let nobody = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", free.local_addr().unwrap())
    };
    for (more, status, code, said) in [
        (&["--server", server, "--credentials", "wrong.json"][..], 1, "refused", "invalid_client"),
        (
            &["--server", server, "--credentials", "key.json", "--scope", "admin"],
            1,
            "refused",
            "invalid_scope",
        ),
        (
            &["--server", server, "--credentials", "key.json", "--audience", "https://b.example"],
            1,
            "refused",
            "invalid_target",
        ),
        (&["--server", server, "--credentials", "broken.json"], 1, "input", "no JSON object with `key_id`"),
        (&["--server", server, "--credentials", "half.json"], 1, "input", "no JSON object with `key_id`"),
        (&["--server", server, "--credentials", "none.json"], 1, "input", "No such file"),
        (&["--server", &nobody, "--credentials", "key.json"], 4, "unavailable", "cannot be used"),
        (&["--server", server], 2, "usage", "PORTCULLIS_KEY_SECRET"),
        (&["--credentials", "key.json"], 2, "usage", "--server is missing"),
        (&["--server", "http://tokens.example.com", "--credentials", "key.json"], 2, "usage", "loopback"),
        (&["--server", server, "--credentials", "key.json", "--expires-in", "16m"], 2, "usage", "1 to 900"),
    ] {
        let ran = home.failed(&[&["token", "request"], more].concat());
        assert_eq!((ran.0, ran.1.as_str()), (status, code), "{more:?}: {}", ran.2);
        assert!(ran.2.contains(said), "{more:?}: {}", ran.2);
        assert!(!ran.2.contains(&secret[30..50]) && !ran.2.contains("psk_"), "{}", ran.2);
    }
    home.run(&["key", "block", &id]);
    let ran = home.failed(&["token", "request", "--server", server, "--credentials", "key.json"]);
    assert!(ran.2.contains("blocked"), "{}", ran.2);
}

#[test]
fn an_inspected_token_is_believed_only_where_public_keys_vouch_for_it() {
    let (home, serving) = scene();
    let token = home.request(&serving, &["--scope", "orders:read"]);

    let shown = home.inspect(&token, &[]);
    assert_eq!((shown.status, shown.stderr.as_str()), (0, ""));
    assert!(shown.stdout.starts_with("NOT VERIFIED: nobody vouches"), "{}", shown.stdout);
    assert!(shown.stdout.contains("orders:read") && shown.stdout.contains("in 1"), "{}", shown.stdout);
    assert_eq!(home.judged(&token, &[]), (0, Value::Null, Value::Null));

    let kept = std::process::Command::new("curl")
        .args(["-s", &format!("{}/.well-known/jwks.json", serving.url)])
        .output()
        .unwrap();
    fs::write(home.path("jwks.json"), kept.stdout).unwrap();
    let other = Home::founded();
    let stranger = Serving::start(&other.path(""));
    let (header, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let altered = format!("{header}.{claims}.{}", signature.chars().rev().collect::<String>());
    let server = ["--server", serving.url.as_str()];
    let with = |more: &[&'static str]| [&server[..], more].concat();
    for (token, more, reason) in [
        (&token, with(&[]), None),
        (&token, vec!["--jwks", "jwks.json"], None),
        (&token, with(&["--scope", "orders:read"]), None),
        (&token, with(&["--scope", "orders:write"]), Some("insufficient_scope")),
        (&token, with(&["--audience", "https://b.example"]), Some("audience")),
        (&token, with(&["--issuer", "https://other.example"]), Some("issuer")),
        (&token, vec!["--server", &stranger.url], Some("unknown_signing_key")),
        (&altered, vec!["--jwks", "jwks.json"], Some("signature")),
    ] {
        let expected = (i32::from(reason.is_some()), json!(reason.is_none()), json!(reason));
        assert_eq!(home.judged(token, &more), expected, "{more:?}");
    }
    let refused = home.inspect(&altered, &["--jwks", "jwks.json"]);
    assert!(refused.stdout.starts_with("REFUSED: signature"), "{}", refused.stdout);
    assert_eq!(refused.stderr, "error: the token's signature is wrong (signature)\n");
    fs::write(home.path("token"), &token).unwrap();
    home.done(&["token", "inspect", "token"]);
    for nonsense in ["", "not.a.token", "e30.e30", "😀"] {
        let ran = home.inspect(nonsense, &[]);
        let fine = nonsense == "e30.e30";
        assert_eq!(ran.status, i32::from(!fine), "{nonsense}: {}", ran.stderr);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another process lives by the machine's clock")]
fn an_expired_token_says_since_when() {
    let (home, serving) = scene();
    let token = home.request(&serving, &["--expires-in", "1s"]);
    let began = Instant::now();
    loop {
        let (status, _, reason) = home.judged(&token, &["--server", &serving.url]);
        if status == 1 {
            assert_eq!(reason, "expired");
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "it lives on");
    }
    let ran = home.inspect(&token, &[]);
    assert!(ran.stdout.contains("s ago"), "{}", ran.stdout);
}
