//! The settings as a whole: who wins, what is refused, how it is said.

use std::{fs, path::Path};

use clap::{Args, Command, FromArgMatches};

use super::*;

fn flags(arguments: &[&str]) -> Flags {
    let command = Flags::augment_args(Command::new("portcullis")).subcommand(Command::new("serve"));
    Flags::from_arg_matches(&command.get_matches_from([&["portcullis"], arguments].concat())).unwrap()
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn load(arguments: &[&str], variables: &[(&str, &str)], file: &str) -> Result<Settings, Error> {
    let (flags, environment) = (flags(arguments), environment(variables));
    environment.refuse_unknown()?;
    let file = File::parse(Path::new("portcullis.toml"), file)?;
    Settings::of(&Layers { flags: &flags, environment: &environment, file })
}

fn refusal(arguments: &[&str], variables: &[(&str, &str)], file: &str) -> String {
    load(arguments, variables, file).unwrap_err().to_string()
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let settings = load(&[], &[], "").unwrap();

    insta::assert_debug_snapshot!(settings, @r#"
    Settings {
        data_dir: "./portcullis-data",
        database: None,
        issuer: None,
        listen_public: 127.0.0.1:8080,
        listen_admin: Some(
            127.0.0.1:8081,
        ),
        tls: None,
        revocation: Revocation {
            poll: 5s,
            max_age: 30s,
        },
        client_address: ClientAddress {
            trusted_proxies: [],
            header: XForwardedFor,
        },
        rotate_every: 2592000s,
        issuance_retention: 2592000s,
        throttle: Throttle {
            key_failures: 10,
            address_failures: 100,
        },
        default_project: None,
        leak_signers: None,
        webhook_networks: [],
        log: Log {
            format: Auto,
            level: Level(
                Info,
            ),
            level_is_set: false,
        },
        traces: None,
        master_key: None,
        new_master_key: None,
    }
    "#);
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let port = |arguments, variables, file| load(arguments, variables, file).unwrap().listen_public.port();
    let flag: &[_] = &["--listen-public", "127.0.0.1:1"];
    let variable: &[_] = &[("PORTCULLIS_LISTEN_PUBLIC", "127.0.0.1:2")];
    let file = "listen.public = '127.0.0.1:3'";

    assert_eq!(port(flag, variable, file), 1);
    assert_eq!(port(&[], variable, file), 2);
    assert_eq!(port(&[], &[], file), 3);
    assert_eq!(port(&[], &[], ""), 8080);
}

#[test]
fn the_administrators_listener_may_be_off_and_takes_a_free_port_where_the_other_one_does() {
    let admin = |arguments: &[&str]| load(arguments, &[], "").unwrap().listen_admin;
    let at = |address: &str| Some(address.parse().unwrap());
    assert_eq!(admin(&["--listen-public", "127.0.0.1:0"]), at("127.0.0.1:0"));
    assert_eq!(admin(&["--listen-public", "0.0.0.0:9000"]), at("127.0.0.1:8081"));
    assert_eq!(admin(&["--listen-public", "127.0.0.1:0", "--listen-admin", "[::1]:8081"]), at("[::1]:8081"));
    assert_eq!(admin(&["--listen-admin", "off"]), None);
    for wrong in ["", "OFF", "none", ":8081", "localhost:8081"] {
        let told = refusal(&["--listen-admin", wrong], &[], "");
        assert!(told.contains("write 127.0.0.1:8081, [::1]:8081, or off"), "{wrong}: {told}");
    }
}

#[test]
fn flags_are_taken_before_and_after_the_command() {
    for arguments in [["--log-level", "debug", "serve"], ["serve", "--log-level", "debug"]] {
        assert_eq!(load(&arguments, &[], "").unwrap().log.level, Level::DEBUG);
    }
}

#[test]
fn every_setting_can_be_set_by_flag_environment_and_file() {
    // A value that no rule takes must be refused in the name of its setting and source.
    // The name of a folder or file may be anything.
    let named = ["data_dir", "leaks.signers"];
    for setting in SETTINGS.iter().filter(|setting| !named.contains(&setting.name)) {
        let (section, key) = setting.name.split_once('.').unwrap_or(("", setting.name));
        let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
        let line = header.lines().count() + 1;

        let by_flag = refusal(&[&format!("--{}", setting.flag), "?"], &[], "");
        let by_variable = refusal(&[], &[(setting.env, "?")], "");
        let by_file = refusal(&[], &[], &format!("{header}{key} = '?'"));

        assert!(by_flag.starts_with(&format!("{} (flag --{}): ", setting.name, setting.flag)), "{by_flag}");
        assert!(
            by_variable.starts_with(&format!("{} (environment {}): ", setting.name, setting.env)),
            "{by_variable}"
        );
        assert!(
            by_file.starts_with(&format!("{} (portcullis.toml line {line}): ", setting.name)),
            "{by_file}"
        );
    }
}

#[test]
fn each_bad_value_is_answered_with_the_fix() {
    let table = [
        ("data-dir", ""),
        ("listen-public", ":8080"),
        ("listen-public", "localhost:8080"),
        ("revocation-poll", "5"),
        ("revocation-poll", "30s"),
        ("revocation-max-age", "41s"),
        ("client-address-trusted-proxies", "10.0.0.1/8"),
        ("client-address-header", "x-real-ip"),
        ("throttle-key-failures", "0"),
        ("throttle-address-failures", "many"),
        ("verify-default-project", "the shop"),
        ("log-format", "xml"),
        ("log-level", "verbose\n"),
        ("issuer", "http://tokens.example.com"),
    ];
    let messages = table.map(|(flag, value)| refusal(&[&format!("--{flag}"), value], &[], ""));

    insta::assert_snapshot!(messages.join("\n"), @"
    data_dir (flag --data-dir): it is empty; name a folder, such as ./portcullis-data
    listen.public (flag --listen-public): it is not an IP address with a port; write 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 for every interface
    listen.public (flag --listen-public): it is not an IP address with a port; write 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 for every interface
    revocation.poll (flag --revocation-poll): it has no unit; write a number and a unit: 500ms, 30s, 15m, 12h, 30d
    revocation.max_age (default): 30s is not more than revocation.poll, 30s (flag --revocation-poll); poll more often or let the list grow older
    revocation.max_age (flag --revocation-max-age): 41s is more than 40s, so a revoked token could live beyond a minute; write 40s or less
    client_address.trusted_proxies (flag --client-address-trusted-proxies): network 1 has address bits beyond its prefix; write 10.0.0.0/8, or the address alone
    client_address.header (flag --client-address-header): it is not known; write one of x-forwarded-for, forwarded
    throttle.key_failures (flag --throttle-key-failures): it is not a whole number from 1 to 4294967295; write one, such as 10
    throttle.address_failures (flag --throttle-address-failures): it is not a whole number from 1 to 4294967295; write one, such as 10
    verify.default_project (flag --verify-default-project): it is not a project's id; write one that `portcullis project list` shows
    log.format (flag --log-format): it is not known; write one of auto, pretty, json
    log.level (flag --log-level): it is not known; write one of error, warn, info, debug, trace
    issuer (flag --issuer): plain http is taken for loopback hosts only (RFC 8414); write the https URL under which clients reach this server, for example at its proxy
    ");
}

#[test]
fn what_the_file_cannot_say_is_refused_with_its_line() {
    let table = [
        "\nlisten = '127.0.0.1:8080'",
        "[listen]\n# so far only one\npubic = '127.0.0.1:8080'",
        "[listne]",
        "\"listen.public\" = '127.0.0.1:8080'",
        "[log]\nlevel = true",
        "[log]\nlevel = ['info']",
        "[client_address]\ntrusted_proxies = ['10.0.0.0/8', 7]",
        "[throttle]\nkey_failures = 0xFFFFFFFFFFFFFFFFF",
        "master_key = 'deadbeef'",
        "issuer = 'https://example.com'\nissuer = 'https://example.org'",
        "\nmaster_key = deadbeef",
    ];
    let messages = table.map(|file| refusal(&[], &[], file));

    insta::assert_snapshot!(messages.join("\n"), @r#"
    listen (portcullis.toml line 2): there is no such setting; remove it or use one of listen.public, listen.admin
    listen.pubic (portcullis.toml line 3): there is no such setting; remove it or use one of listen.public, listen.admin
    listne (portcullis.toml line 1): there is no such setting; remove it or use one of data_dir, issuer, database, listen.public, listen.admin, tls.cert, tls.key, store.connections, store.listen, store.prepare, revocation.poll, revocation.max_age, client_address.trusted_proxies, client_address.header, signing.rotate_every, issuance.retention, throttle.key_failures, throttle.address_failures, verify.default_project, leaks.signers, webhooks.allow_networks, log.format, log.level, traces.endpoint, traces.share
    "listen.public" (portcullis.toml line 1): there is no such setting; remove it or use one of data_dir, issuer, database, listen.public, listen.admin, tls.cert, tls.key, store.connections, store.listen, store.prepare, revocation.poll, revocation.max_age, client_address.trusted_proxies, client_address.header, signing.rotate_every, issuance.retention, throttle.key_failures, throttle.address_failures, verify.default_project, leaks.signers, webhooks.allow_networks, log.format, log.level, traces.endpoint, traces.share
    log.level (portcullis.toml line 2): this is a boolean; write a text in quotes
    log.level (portcullis.toml line 2): this is a list; write a text in quotes
    client_address.trusted_proxies (portcullis.toml line 2): this is a list of other things than text; write a list of texts in quotes
    throttle.key_failures (portcullis.toml line 2): the number is too large; write a smaller one
    master_key (portcullis.toml line 1): there is no such setting; the master key is read from the environment only, as PORTCULLIS_MASTER_KEY
    portcullis.toml line 2: this is not TOML: duplicate key; correct that line
    portcullis.toml line 2: this is not TOML: string values must be quoted, expected literal string; correct that line
    "#);
    assert!(!messages.concat().contains("deadbeef"));
}

#[test]
fn the_file_takes_lists_numbers_and_texts() {
    let file = "[client_address]\ntrusted_proxies = ['10.0.0.0/8', 'fd00::/8']\n[throttle]\nkey_failures = 0x1_0\naddress_failures = '7'";

    let settings = load(&[], &[], file).unwrap();

    assert_eq!(settings.client_address.trusted_proxies.len(), 2);
    assert_eq!(settings.throttle.key_failures.get(), 16);
    assert_eq!(settings.throttle.address_failures.get(), 7);
}

#[test]
fn a_misspelt_variable_is_refused_and_those_of_kubernetes_are_not() {
    let kubernetes = [
        ("PORTCULLIS_PORT", "tcp://10.0.0.1:80"),
        ("PORTCULLIS_SERVICE_HOST", "10.0.0.1"),
        ("PORTCULLIS_PORT_80_TCP", ""),
    ];
    assert!(load(&[], &kubernetes, "").is_ok());

    let message = refusal(&[], &[("PORTCULLIS_LISTEN_PUBIC", "0.0.0.0:80")], "");

    insta::assert_snapshot!(message, @"environment PORTCULLIS_LISTEN_PUBIC: there is no such setting; remove it or use one of PORTCULLIS_LISTEN_PUBLIC, PORTCULLIS_LISTEN_ADMIN");
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let missing = "/nonexistent/portcullis.toml";
    let by_flag = Settings::load(&flags(&["--config", missing]), &Environment::default()).unwrap_err();
    let by_variable =
        Settings::load(&Flags::default(), &environment(&[("PORTCULLIS_CONFIG", missing)])).unwrap_err();

    assert!(by_flag.to_string().starts_with("settings file /nonexistent/portcullis.toml (flag --config): "));
    assert!(by_variable.to_string().contains("(environment PORTCULLIS_CONFIG): "));
}

#[test]
fn the_flag_names_another_file_than_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, level: &str| {
        let path = folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(&path, format!("[log]\nlevel = '{level}'")).unwrap();
        path
    };
    let (one, other) = (file("one.toml", "warn"), file("other.toml", "debug"));
    let environment = environment(&[("PORTCULLIS_CONFIG", &one)]);

    assert_eq!(Settings::load(&Flags::default(), &environment).unwrap().log.level, Level::WARN);
    assert_eq!(Settings::load(&flags(&["--config", &other]), &environment).unwrap().log.level, Level::DEBUG);
}

#[test]
fn the_issuance_log_is_kept_for_a_day_at_least() {
    let set = |text: &'static str| load(&["--issuance-retention", text], &[], "");
    assert_eq!(set("1d").unwrap().issuance_retention, Duration::from_hours(24));
    let refused = set("23h").unwrap_err().to_string();
    assert!(refused.contains("is less than a day") && refused.contains("write 1d or more"), "{refused}");
}
