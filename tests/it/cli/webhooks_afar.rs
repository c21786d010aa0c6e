//! Webhooks, hygiene and flags from afar: what a key needs for them, and who judges.

use serde_json::{Value, json};

use super::Home;
use super::afar::{far, far_of, first_key, profile_of};

const NETWORKS: &str = "PORTCULLIS_WEBHOOKS_ALLOW_NETWORKS";
const UNKNOWN: &str = "whk_0000000000000000";

/// The words of a line, in which names stand in braces.
fn words(line: &str, names: &[(&str, &str)]) -> Vec<String> {
    let named = |word: String, (name, value): &(&str, &str)| word.replace(&format!("{{{name}}}"), value);
    line.split(' ').map(|word| names.iter().fold(word.to_owned(), named)).collect()
}

fn text(made: &Value, name: &str) -> String {
    made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// A paused webhook: what is for it leaves no machine.
fn paused(home: &Home, whose: &[&str]) -> String {
    let create = [&["webhook", "create", "--url", "https://hooks.example/in"], whose].concat();
    let id = text(&home.json(&create), "webhook");
    home.done(&["webhook", "edit", &id, "--state", "paused"]);
    id
}

#[test]
fn each_request_asks_for_a_token_that_is_worth_as_much_as_it_needs() {
    let (home, _serving, elsewhere) = far();
    let (project, key) = home.project_and_key();
    let administrator = text(&first_key(&home), "key_id");
    let webhook = paused(&home, &["--project", &project]);
    home.done(&["webhook", "test", &webhook]);
    let message = text(&home.json(&["webhook", "deliveries", &webhook])["items"][0], "message");
    let names = [
        ("project", project.as_str()),
        ("key", key.as_str()),
        ("webhook", webhook.as_str()),
        ("message", message.as_str()),
    ];
    let granted = || {
        let list = ["token", "list", "--key", &administrator, "--limit", "1000"];
        home.json(&list)["items"].as_array().unwrap().clone()
    };
    for (line, scope) in [
        ("key clear-flags {key}", "portcullis:keys:write"),
        ("key hygiene", "portcullis:keys:read"),
        ("key hygiene --project {project}", "portcullis:project:{project}:keys:read"),
        ("webhook list", "portcullis:webhooks:read"),
        ("webhook list --project {project}", "portcullis:project:{project}:webhooks:read"),
        ("webhook show {webhook}", "portcullis:webhooks:read"),
        ("webhook deliveries {webhook}", "portcullis:webhooks:read"),
        ("webhook edit {webhook} --description x", "portcullis:webhooks:write"),
        ("webhook test {webhook}", "portcullis:webhooks:write"),
        ("webhook redeliver {webhook} {message}", "portcullis:webhooks:write"),
        ("webhook rotate-secret {webhook}", "portcullis:webhooks:write"),
        ("webhook delete {webhook}", "portcullis:webhooks:write"),
        (
            "webhook create --project {project} --url https://hooks.example/",
            "portcullis:project:{project}:webhooks:write",
        ),
        ("webhook create --all-projects --url https://hooks.example/", "portcullis:webhooks:write"),
    ] {
        let before = granted().len();
        let words = words(line, &names);

        elsewhere.done(&words.iter().map(String::as_str).collect::<Vec<_>>());

        let after = granted();
        let scope = scope.replace("{project}", &project);
        assert_eq!((after.len() - before, &after[0]["scope"]), (1, &json!([scope])), "{line}");
    }
}

#[test]
fn a_key_sees_the_webhooks_that_its_scopes_open_and_changes_none() {
    let (home, serving, elsewhere) = far();
    let (project, key) = home.project_and_key();
    let other = home.project("Other");
    let [own, others] = [&project, &other].map(|project| paused(&home, &["--project", project]));
    let all = paused(&home, &["--all-projects"]);
    let limited = |permission: &str| {
        let create = ["key", "create", "--project", "portcullis", "--permission", permission];
        let made = home.json(&[&create[..], &["--name", "limited"]].concat());
        elsewhere
            .private("profile.toml", &profile_of(&made, &serving, &format!("project = \"{project}\"\n")));
    };

    limited(&format!("portcullis:project:{project}:webhooks:read"));
    let list = elsewhere.json(&["webhook", "list"]);
    assert_eq!((&list["items"][0]["webhook"], &list["next"]), (&json!(own), &Value::Null));
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(elsewhere.json(&["webhook", "show", &own]), home.json(&["webhook", "show", &own]));
    elsewhere.done(&["webhook", "deliveries", &own]);
    elsewhere.done(&["nodes"]);
    // What is not theirs is as if it were not there.
    let unknown = elsewhere.failed(&["webhook", "show", UNKNOWN]);
    assert_eq!(unknown, home.failed(&["webhook", "show", UNKNOWN]));
    for webhook in [&others, &all] {
        assert_eq!(elsewhere.failed(&["webhook", "show", webhook]), unknown);
        assert_eq!(elsewhere.failed(&["webhook", "deliveries", webhook]), unknown);
    }
    let to = ["--url", "https://hooks.example/"];
    let no = |line: &[&str]| {
        let (status, code, said) = elsewhere.failed(line);
        assert_eq!((status, code.as_str()), (1, "refused"), "{line:?}: {said}");
        assert!(said.starts_with("the server refuses: invalid_scope: "), "{line:?}: {said}");
    };
    no(&["webhook", "list", "--project", &other]);
    for act in ["test", "delete", "rotate-secret"] {
        no(&["webhook", act, &own]);
    }
    no(&["webhook", "edit", &own, "--state", "active"]);
    no(&[&["webhook", "create", "--project", &project], &to[..]].concat());
    no(&["key", "hygiene"]);
    no(&["key", "clear-flags", &key]);

    // Who may change those of a project makes none for all projects, and touches no other's.
    limited(&format!("portcullis:project:{project}:webhooks:write"));
    elsewhere.done(&["webhook", "edit", &own, "--description", "mine"]);
    no(&[&["webhook", "create", "--all-projects"], &to[..]].concat());
    for webhook in [&others, &all] {
        assert_eq!(elsewhere.failed(&["webhook", "delete", webhook]), unknown);
        assert_eq!(elsewhere.failed(&["webhook", "edit", webhook, "--state", "active"]), unknown);
    }

    limited(&format!("portcullis:project:{project}:keys:write"));
    elsewhere.done(&["key", "clear-flags", &key]);
    let found = elsewhere.json(&["key", "hygiene"]);
    let found: Vec<_> = found["items"].as_array().unwrap().iter().map(|row| &row["key_id"]).collect();
    assert_eq!(found, [&json!(key)]);
    no(&["webhook", "list"]);
    no(&["webhook", "show", &own]);
}

#[test]
fn where_a_webhook_goes_is_judged_by_who_makes_it_here_and_by_the_server_from_afar() {
    let (home, _serving, elsewhere) = far_of(Home::founded(), &[(NETWORKS, "127.0.0.0/8".to_owned())]);
    let create = |url: &'static str| ["webhook", "create", "--all-projects", "--url", url];
    let plain =
        "it must begin with https://; plain http is for networks of the setting `webhooks.allow_networks`";
    let private = "its address is not a public one; private networks are reached if the setting \
                   `webhooks.allow_networks` names them";
    let own = "this command judges by its own settings: give it the networks that the servers have";
    let (http, https) = ("http://127.0.0.1:9/in", "https://127.0.0.1:9/in");

    // The server has the network, and the shell beside it has not.
    let made = elsewhere.json(&create(http));
    for (url, why) in [(http, plain), (https, private)] {
        let said = home.failed(&create(url));
        assert_eq!(said, (1, "refused".to_owned(), format!("{why}; {own}")));
    }
    let edit = ["webhook", "edit", made["webhook"].as_str().unwrap(), "--url", https];
    assert_eq!(home.failed(&edit).2, format!("{private}; {own}"));
    elsewhere.done(&edit);

    // Now the shell has it, and the server has not.
    let (_home, _serving, mut elsewhere) = far();
    elsewhere.set(NETWORKS, "127.0.0.0/8");
    for (url, why) in [(http, plain), (https, private)] {
        assert_eq!(elsewhere.failed(&create(url)), (1, "refused".to_owned(), why.to_owned()));
    }
}

#[test]
fn one_webhook_too_many_is_refused_in_the_same_words_here_and_from_afar() {
    let (home, _serving, elsewhere) = far();
    let project = home.project("Shop");
    let create = ["webhook", "create", "--project", &project, "--url", "https://hooks.example/"];
    for _ in 0..20 {
        home.done(&create);
    }

    let (status, code, said) = elsewhere.failed(&create);

    assert_eq!((status, code.as_str()), (1, "limit"));
    assert_eq!(home.failed(&create), (status, code, said));
}
