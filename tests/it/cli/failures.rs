//! What cannot be done is answered with the reason, the fix and the right status.

use std::fs;

use super::Home;

/// Holds each command line to its message, and all of them to status and code.
fn expect(home: &Home, (status, code): (i32, &str), table: &[(&str, &str)]) {
    for (line, expected) in table {
        let arguments: Vec<_> = line.split(' ').collect();
        let (status_said, code_said, message) = home.failed(&arguments);
        assert_eq!((status_said, code_said.as_str()), (status, code), "{line}: {message}");
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn a_bad_argument_names_itself_and_the_fix() {
    let table = [
        ("projects", "unrecognized subcommand 'projects'"),
        ("project list --limit 0", "'--limit <N>': 0 is not in 1..=1000"),
        ("project show a/b", "'a/b' for '<ID>': not a well-formed project id"),
        ("audience add a#b --project p", "'a#b' for '<URI>': not a well-formed audience"),
        ("scope set a: --project p", "'a:' for '<SCOPE>': a scope value is visible ASCII"),
        ("scope set a", "--project <ID>"),
        ("key show a<b", "'a<b' for '<ID>': not a well-formed key id"),
        ("key create --project p --allow 10.0.0.1/8", "write the network address, such as 10.0.0.0/8"),
        ("key create --project p --allow ", "for '--allow <CIDR>': it is empty; name networks"),
        ("key create --project p --allow ,", "for '--allow <CIDR>': not an IPv4 or IPv6 address"),
        ("key create --project p --permission ", "for '--permission <SCOPE>': it is empty; name scopes"),
        ("key create --project p --token-lifetime 16m", "'--token-lifetime <SPAN>': a token lives 1 to 900"),
        ("key create --project p --token-lifetime 5x", "it is not a duration; write a number and a unit"),
        ("key create --project p --expires soon", "for '--expires <WHEN>': write a span such as 30d"),
        ("key edit k", "required arguments were not provided"),
        ("key edit k --allow 10.0.0.0/8 --allow-any", "'--allow <CIDR>' cannot be used with '--allow-any'"),
        ("key edit k --permission a --add-permission b", "'--permission <SCOPE>' cannot be used with"),
        ("key edit k --expires 30d --never-expires", "'--expires <WHEN>' cannot be used with"),
        ("key edit k --require-scope maybe", "'maybe' for '--require-scope <true|false>'"),
        ("key regenerate k --overlap 24", "for '--overlap <SPAN>': it has no unit"),
        ("key block k --reason boredom", "[possible values: key_compromise, superseded,"),
        ("audit list --after=-1", "'--after <SEQ>': -1 is not in 0.."),
    ];
    expect(&Home::empty(), (2, "usage"), &table);
}

#[test]
fn arguments_that_do_not_fit_together_are_usage_too() {
    let home = Home::founded();
    let (project, key) = home.project_and_key();
    let networks: Vec<_> = (0..32).map(|n| format!("10.{n}.0.0/16")).collect();
    let too_many = format!("key edit {key} --allow {} --allow 192.0.2.7", networks.join(","));
    let table = [
        (&*format!("key create --project {project}"), "--name is missing; say what people call the key"),
        (&*format!("key edit {key} --expires 2020-01-01"), "not ahead; to end a key now, block or delete it"),
        (
            &*format!("key edit {key} --expires 1795305600000"),
            "more than a hundred years ahead; leave it out",
        ),
        (&*too_many, "--allow: more than 32 networks"),
        (&*format!("key delete {key}"), "deleting is final; off a terminal, say that it is meant with --yes"),
    ];
    expect(&home, (2, "usage"), &table);
    assert_eq!(home.json(&["key", "show", &key])["state"], "active");
}

#[test]
fn a_bad_setting_names_itself_its_source_and_the_fix() {
    let mut home = Home::empty();
    let table = [
        ("nodes --listen-public foo", "listen.public (flag --listen-public): it is not an IP address with"),
        ("nodes --config nope.toml", "settings file nope.toml (flag --config): No such file or directory"),
    ];
    expect(&home, (3, "settings"), &table);
    fs::write(home.path("portcullis.toml"), "\nlog.level = 'loud'\n").unwrap();
    let in_file = "log.level (portcullis.toml line 2): it is not known; write one of error, warn";
    expect(&home, (3, "settings"), &[("nodes", in_file)]);
    home.set("PORTCULLIS_LOG_LEVEL", "warn");
    home.set("PORTCULLIS_MASTER_KEY", "deadbeef");
    let in_environment =
        "master key (environment PORTCULLIS_MASTER_KEY): it is not 64 hexadecimal digits; set";
    expect(&home, (3, "settings"), &[("nodes", in_environment)]);
}

#[test]
fn what_is_not_there_is_said_with_where_to_look() {
    let home = Home::founded();
    let project = home.project("Shop");
    let table = [
        (
            "project show prj_x",
            "there is no such project; `portcullis project list` names those that are there",
        ),
        ("key list --project prj_x", "there is no such project"),
        ("scope list --project prj_x", "there is no such project"),
        ("scope set a --project prj_x", "there is no such project"),
        ("audience list --project prj_x", "there is no such project"),
        ("key create --project prj_x --name k", "there is no such project"),
        ("key show pk_x", "there is no such API key; `portcullis key list --project ID` names those"),
        ("key block pk_x", "there is no such API key"),
        ("key edit pk_x --name n", "there is no such API key"),
        ("key delete pk_x --yes", "there is no such API key"),
        (
            &*format!("scope remove nope --project {project}"),
            "there is no such scope; `portcullis scope list",
        ),
        (
            &*format!("audience remove nope --project {project}"),
            "no such audience; `portcullis audience list",
        ),
    ];
    expect(&home, (1, "not_found"), &table);
}

#[test]
fn a_refused_act_says_why() {
    let home = Home::founded();
    let (project, key) = home.project_and_key();
    let create = format!("key create --project {project} --name k");
    let table = [
        ("project create \t", "a name has 1 to 200 characters"),
        ("scope set a --project portcullis", "the project `portcullis` is built in"),
        ("key create --project portcullis --permission a", "`a` does not begin with `portcullis:`"),
        (&*format!("scope set portcullis:x --project {project}"), "are not a project's to define"),
        (&*format!("scope set a --include a --project {project}"), "a scope cannot include itself"),
        (&*format!("audience add http://127.0.0.1:8080/x --project {project}"), "given by Portcullis itself"),
        (&*format!("{create} --permission portcullis:keys:write"), "belongs to Portcullis itself"),
        (&*format!("{create} --audience https://b.example"), "add it to the project first"),
        (&*format!("key unblock {key}"), "the key is not blocked"),
    ];
    expect(&home, (1, "refused"), &table);
    home.done(&["key", "delete", &key, "--yes"]);
    expect(&home, (1, "refused"), &[(&*format!("key unblock {key}"), "deletion is final")]);
    home.done(&["audience", "add", "https://a.example", "--project", &project]);
    let other = home.project("Other");
    let again = format!("audience add https://a.example --project {other}");
    expect(
        &home,
        (1, "taken"),
        &[(&*again, "this audience is in use already, or was once; choose another one")],
    );
}
