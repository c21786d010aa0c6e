//! `--server` and profiles: who speaks with which server, and what cannot be done from afar.

use std::fs;

use serde_json::Value;

use super::Home;
use crate::support::Serving;

/// An installation's first key.
pub(super) fn first_key(home: &Home) -> Value {
    serde_json::from_str(&home.read("portcullis-data/admin-key.json")).unwrap()
}

/// A profile for an installation's first key.
fn profile(home: &Home, serving: &Serving) -> String {
    profile_of(&first_key(home), serving, "")
}

/// A profile for a key, with these lines in it.
pub(super) fn profile_of(key: &Value, serving: &Serving, more: &str) -> String {
    format!(
        "server = \"{}\"\npublic = \"{}\"\nissuer = \"http://127.0.0.1:8080\"\nclient_id = {}\nsecret = {}\n{more}",
        serving.admin, serving.url, key["key_id"], key["secret"]
    )
}

impl Home {
    pub(super) fn private(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.set_mode(name, 0o600);
    }
}

/// A served installation, and a folder elsewhere with a profile for it.
pub(super) fn far() -> (Home, Serving, Home) {
    far_of(Home::founded(), &[])
}

/// The same of this installation, whose server has these variables.
pub(super) fn far_of(home: Home, variables: &[(&str, String)]) -> (Home, Serving, Home) {
    let serving = Serving::start_with(&home.path(""), &[], variables);
    let mut elsewhere = Home::empty();
    elsewhere.private("profile.toml", &profile(&home, &serving));
    elsewhere.set("PORTCULLIS_PROFILE", "profile.toml");
    (home, serving, elsewhere)
}

#[test]
fn what_cannot_be_done_from_afar_is_refused_in_one_sentence() {
    let (_home, _serving, elsewhere) = far();
    for (line, name) in [
        ("serve", "`serve`"),
        ("init", "`init`"),
        ("backup copy.db", "`backup`"),
        ("restore copy.db", "`restore`"),
        ("migrate status", "`migrate`"),
        ("master-key rotate", "`master-key`"),
        ("doctor", "`doctor`"),
        ("key import keys.csv --project prj_x", "`key import`"),
        ("signing-key import key.pem", "`signing-key import`"),
        ("signing-key export AAAA key.pem", "`signing-key export`"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (status, code, said) = elsewhere.failed(&words);
        assert_eq!((status, code.as_str()), (2, "usage"), "{line}: {said}");
        assert_eq!(
            said,
            format!(
                "{name} works on the installation itself: run it on that machine, without --server and \
                 --profile (PORTCULLIS_SERVER, PORTCULLIS_PROFILE)"
            )
        );
    }
    assert!(!elsewhere.path("portcullis-data").exists());
    // These are about no installation: a variable for others does not concern them, a flag does.
    elsewhere.done(&["completions", "bash"]);
    for line in [
        &["completions", "bash", "--server", "http://127.0.0.1:1"][..],
        &["key", "scan", ".", "--profile", "x"],
    ] {
        assert_eq!(elsewhere.failed(line).0, 2);
    }
}

/// Names of servers, and what age their copies have, differ from look to look.
#[test]
fn the_servers_are_listed_from_afar() {
    let (home, _serving, elsewhere) = far();
    let [here, afar] = [&home, &elsewhere].map(|folder| folder.json(&["nodes"])["items"][0].clone());
    for name in ["node", "started_at", "position"] {
        assert_eq!(here[name], afar[name], "{name}");
    }
    assert!(elsewhere.done(&["nodes"]).starts_with("NODE "));
}

#[test]
fn a_profile_that_others_can_read_is_refused_and_no_message_shows_its_secret() {
    let (home, serving, elsewhere) = far();
    let whole = profile(&home, &serving);
    let secret = whole.split("secret = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let wrong = format!("{}{}", &secret[..secret.len() - 1], if secret.ends_with('x') { 'y' } else { 'x' });
    for mode in [0o644, 0o640, 0o604, 0o602] {
        elsewhere.set_mode("profile.toml", mode);
        let (status, code, said) = elsewhere.failed(&["project", "list"]);
        assert_eq!((status, code.as_str()), (1, "input"));
        assert_eq!(said, "profile.toml: others can read the secret in it; run `chmod 600 profile.toml`");
    }
    elsewhere.set_mode("profile.toml", 0o600);
    elsewhere.done(&["project", "list"]);
    for (text, said) in [
        (whole.replace("secret =", "secrets ="), "unknown field `secrets`"),
        (whole.replace("client_id", "key_id"), "unknown field `key_id`"),
        (whole.replace("\"\nsecret", "\nsecret"), "not a table of TOML"),
        (whole.replace("issuer = ", "issuer = 5 #"), "not a table of TOML"),
        (
            whole.lines().filter(|line| !line.starts_with("server")).collect::<Vec<_>>().join("\n"),
            "--server is missing",
        ),
        (whole.replace(&serving.admin, "http://tokens.example.com"), "loopback"),
        (whole.replace(&serving.admin, "ftp://127.0.0.1"), "neither https nor http"),
        (whole.replace("issuer = \"http", "issuer = \"x"), "issuer: "),
        (whole.replace(&secret, &wrong), "invalid_client"),
        (whole.replace(&serving.admin, &serving.url), "not as the administrators' API does"),
    ] {
        elsewhere.private("other.toml", &text);
        let (status, _, message) = elsewhere.failed(&["project", "list", "--profile", "other.toml"]);
        assert!(status > 0 && message.contains(said), "{said}: {message}");
        assert!(!message.contains(&secret[30..50]) && !message.contains("psk_"), "{message}");
    }
    assert_eq!(elsewhere.failed(&["project", "list", "--profile", "none.toml"]).1, "input");
}

#[test]
fn the_environment_names_server_and_key_without_a_profile() {
    let home = Home::founded();
    let port = crate::support::free_port();
    let issuer = format!("http://127.0.0.1:{port}");
    let key: Value = serde_json::from_str(&home.read("portcullis-data/admin-key.json")).unwrap();
    let mut elsewhere = Home::empty();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    elsewhere.set("PORTCULLIS_SERVER", &issuer);
    let (status, _, said) = elsewhere.failed(&["project", "list"]);
    assert_eq!(status, 2);
    assert!(said.contains("--profile") && said.contains("PORTCULLIS_KEY_SECRET"), "{said}");
    elsewhere.set("PORTCULLIS_KEY_ID", text("key_id"));
    elsewhere.set("PORTCULLIS_KEY_SECRET", text("secret"));
    elsewhere.set("PORTCULLIS_ISSUER", &issuer);
    // Nobody is there.
    let (status, code, said) = elsewhere.failed(&["project", "list"]);
    assert_eq!((status, code.as_str()), (4, "unavailable"));
    assert!(said.contains("cannot be used: no connection"), "{said}");
}

#[test]
fn a_key_that_is_limited_to_a_project_does_there_what_it_may_and_nothing_else() {
    let (home, serving, elsewhere) = far();
    let (project, key) = home.project_and_key();
    let other = home.project("Other");
    let permission =
        format!("portcullis:project:{project}:keys:write,portcullis:project:{project}:audit:read");
    let create =
        ["key", "create", "--project", "portcullis", "--name", "limited", "--permission", &permission];
    let made = home.json(&create);
    let profile = |more: &str| profile_of(&made, &serving, more);
    elsewhere.private("profile.toml", &profile(""));
    // A project that is named is all that a token is asked for.
    assert_eq!(elsewhere.json(&["key", "list", "--project", &project])["items"][0]["key_id"], key.as_str());
    let (status, code, said) = elsewhere.failed(&["key", "block", &key]);
    assert_eq!((status, code.as_str()), (1, "refused"), "{said}");
    assert!(said.contains("invalid_scope") && said.contains("`project` in the profile"), "{said}");

    elsewhere.private("profile.toml", &profile(&format!("project = \"{project}\"\n")));
    elsewhere.done(&["key", "block", &key]);
    elsewhere.done(&["nodes"]);
    let rows = elsewhere.json(&["audit", "list"]);
    assert!(rows["items"].as_array().unwrap().iter().all(|row| row["project"] == project.as_str()), "{rows}");
    for line in [&["audit", "verify"][..], &["audit", "head"]] {
        assert_eq!(elsewhere.failed(line).0, 2, "{line:?}");
    }
    for line in
        [&["key", "list", "--project", &other][..], &["project", "show", &project], &["signing-key", "list"]]
    {
        assert_eq!(elsewhere.failed(line).0, 1, "{line:?}");
    }
    let create = ["key", "create", "--project", &project, "--name", "n", "--permission", "anything"];
    let made = elsewhere.json(&create);
    assert!(made["secret"].is_string(), "without a look at the catalogue: {made}");
}
