//! The house keeps its shape: rooms look downwards only, rules stay rules, SQL stays in the store.

use std::fs;
use std::path::{Path, PathBuf};

/// Every room, from the ground up, and which of the rooms below it looks into.
const ROOMS: [(&str, &[&str]); 20] = [
    ("domain", &[]),
    ("config", &[]),
    ("entropy", &[]),
    ("time", &[]),
    ("metrics", &["domain"]),
    ("telemetry", &["config"]),
    ("tls", &["config", "domain"]),
    ("store", &["domain"]),
    ("signing", &["domain", "entropy", "store"]),
    ("revocation", &["domain", "signing", "store", "time"]),
    ("issuance", &["domain", "metrics", "store", "time"]),
    ("keys", &["domain", "entropy", "metrics", "revocation", "signing", "store", "time"]),
    ("installation", &["config", "domain", "entropy", "keys", "signing", "store", "time", "tls"]),
    ("webhooks", &["domain", "entropy", "keys", "metrics", "signing", "store", "time"]),
    (
        "web",
        &[
            "config",
            "domain",
            "entropy",
            "issuance",
            "keys",
            "metrics",
            "revocation",
            "signing",
            "store",
            "time",
            "webhooks",
        ],
    ),
    ("oauth", &["domain", "issuance", "keys", "revocation", "signing", "store", "web"]),
    ("forward_auth", &["domain", "keys", "web"]),
    ("admin", &["domain", "keys", "store", "web", "webhooks"]),
    (
        "http",
        &[
            "admin",
            "domain",
            "forward_auth",
            "keys",
            "metrics",
            "oauth",
            "revocation",
            "store",
            "telemetry",
            "tls",
            "web",
            "webhooks",
        ],
    ),
    (
        "cli",
        &[
            "admin",
            "config",
            "domain",
            "entropy",
            "http",
            "installation",
            "keys",
            "signing",
            "store",
            "telemetry",
            "time",
            "tls",
            "web",
        ],
    ),
];

/// What of the guard does I/O and brings the rules to a program; and the map, which names its features.
const GUARDS_ARMS: [&str; 9] = [
    "guard/src/client/builder.rs",
    "guard/src/client/endpoint.rs",
    "guard/src/client/entry.rs",
    "guard/src/client/mod.rs",
    "guard/src/feed",
    "guard/src/http.rs",
    "guard/src/layer.rs",
    "guard/src/system_clock.rs",
    "guard/src/lib.rs",
];

/// What waits, speaks to the world, or reads a clock.
const NO_RULE: [&str; 15] = [
    "async",
    "await",
    "tokio",
    "futures",
    "axum",
    "hyper",
    "tower",
    "sqlx",
    "reqwest",
    "SystemTime",
    "Instant::now",
    "std::fs",
    "std::env",
    "TcpStream",
    "thread",
];

/// Files longer than 400 lines, and why.
const LONG: [(&str, &str); 0] = [];

struct Source {
    path: PathBuf,
    /// Without comments.
    code: String,
    lines: usize,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let path = path.strip_prefix(root()).unwrap().to_owned();
                found.push(Source {
                    code: code.collect::<Vec<_>>().join("\n"),
                    lines: text.lines().count(),
                    path,
                });
            }
        }
    }
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

impl Source {
    /// The room: the first part of the path below `src`.
    fn room(&self) -> String {
        let part = self.path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
        part.trim_end_matches(".rs").to_owned()
    }

    /// The words that follow `crate::`.
    fn looks_into(&self) -> impl Iterator<Item = &str> {
        self.code.match_indices("crate::").filter(|(at, _)| !self.code[..*at].ends_with('$')).map(
            |(at, found)| {
                let rest = &self.code[at + found.len()..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                &rest[..end]
            },
        )
    }

    fn has_word(&self, word: &str) -> bool {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        self.code.match_indices(word).any(|(at, _)| {
            let (before, after) =
                (self.code[..at].chars().last(), self.code[at + word.len()..].chars().next());
            !is_part(before) && !is_part(after)
        })
    }
}

#[test]
fn rooms_look_downwards_only() {
    for (floor, (room, below)) in ROOMS.iter().enumerate() {
        for other in *below {
            let lower = ROOMS[..floor].iter().any(|(name, _)| name == other);
            assert!(lower, "`{other}` is not below `{room}`");
        }
    }
    for source in sources("src") {
        let room = source.room();
        if room == "lib" || room == "main" {
            continue;
        }
        let (_, below) =
            ROOMS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("a new room: {room}"));
        for other in source.looks_into() {
            let fits = other == room || below.contains(&other);
            assert!(fits, "{}: `{room}` looks into `{other}`", source.path.display());
        }
        // The way out through the roof, which the above does not see.
        assert!(!source.code.contains("super::super::"), "{}", source.path.display());
    }
}

/// A permission that nobody uses any more is taken back.
#[test]
fn no_room_is_allowed_more_than_it_needs() {
    let sources = sources("src");
    for (room, below) in ROOMS {
        for other in below {
            let used = sources.iter().any(|s| s.room() == room && s.looks_into().any(|into| into == *other));
            assert!(used, "`{room}` no longer looks into `{other}`");
        }
    }
}

#[test]
fn rules_neither_wait_nor_read_a_clock() {
    let arms = |source: &Source| GUARDS_ARMS.iter().any(|arm| source.path.starts_with(arm));
    let rules = sources("guard/src").into_iter().filter(|source| !arms(source)).chain(sources("src/domain"));
    for source in rules {
        for word in NO_RULE {
            assert!(!source.has_word(word), "{} names {word}", source.path.display());
        }
    }
}

/// Whoever has a client of their own gets none from us.
#[test]
fn the_guards_core_has_no_http_client_and_no_runtime() {
    let manifest: toml::Table = include_str!("../../guard/Cargo.toml").parse().unwrap();
    let core: Vec<_> = manifest["dependencies"].as_table().unwrap().iter().collect();
    let core = core.into_iter().filter(|(_, how)| how.get("optional").is_none());
    let core: Vec<_> = core.map(|(name, _)| name.as_str()).collect();
    let rules = [
        "aws-lc-rs",
        "base64",
        "dashmap",
        "ipnet",
        "jsonwebtoken",
        "quick_cache",
        "serde",
        "serde_json",
        "thiserror",
    ];
    assert_eq!(core, rules);
}

#[test]
fn one_file_names_oxide_auth() {
    let naming: Vec<_> = sources("src").into_iter().filter(|source| source.has_word("oxide_auth")).collect();
    assert_eq!(naming.len(), 1);
    assert!(naming[0].path.ends_with("oauth/flow.rs"));
}

#[test]
fn sql_is_in_the_store_alone() {
    let statements = ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"BEGIN", "PRAGMA "];
    for source in sources("src").into_iter().filter(|source| source.room() != "store") {
        assert!(
            !source.has_word("sqlx::query_as") && !source.code.contains("use sqlx"),
            "{}",
            source.path.display()
        );
        for statement in statements {
            assert!(!source.code.contains(statement), "{}: {statement}", source.path.display());
        }
    }
    // And of an engine only its own files know.
    for (word, place) in [("SqliteConnection", "src/store/sqlite"), ("PgConnection", "src/store/postgres")] {
        for source in sources("src").into_iter().filter(|source| !source.path.starts_with(place)) {
            assert!(!source.code.contains(word), "{}", source.path.display());
        }
    }
}

/// One clock, one source of randomness, one reader of the environment; clippy sees calls, this
/// sees what makes them possible.
#[test]
fn time_and_chance_come_through_one_door() {
    let doors = [
        // The machine's clocks are read in the guard's `system_clock.rs`.
        ("SystemTime", ["", ""]),
        ("Instant::now", ["", ""]),
        // A signature draws its own.
        ("aws_lc_rs::rand", ["src/entropy.rs", "src/signing/pair.rs"]),
    ];
    for source in sources("src") {
        for (word, doors) in doors {
            assert!(
                !source.has_word(word) || doors.iter().any(|door| source.path == Path::new(door)),
                "{}: {word}",
                source.path.display()
            );
        }
    }
}

#[test]
fn no_file_is_long_without_a_reason() {
    let all = ["src", "guard/src", "tests"].into_iter().flat_map(sources);
    for source in all.filter(|source| source.lines > 400) {
        let excused = LONG.iter().any(|(path, reason)| source.path.ends_with(path) && !reason.is_empty());
        assert!(excused, "{} has {} lines", source.path.display(), source.lines);
    }
}
