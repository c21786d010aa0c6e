//! The bodies of the fuzz targets (`fuzz/`), bounded: their seeds, and as many variations of them as there is
//! time for (threat S33).

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use axum::extract::ConnectInfo;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::support::{App, Build};

#[path = "../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a crate of its own, too")]
mod bodies;

use bodies::BODIES;

/// What the parsers look for.
const WORDS: [&[u8]; 33] = [
    b"%",
    b"%00",
    b"%ff",
    b"+",
    b"&",
    b"=",
    b"&&",
    b":",
    b"*",
    b":*",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b".",
    b",",
    b";",
    b"\"",
    b"\\",
    b"[",
    b"]",
    b"::ffff:",
    b"for=",
    b"unknown",
    b"/0",
    b"portcullis:",
    b"1e400",
    b"null",
    b"\r\n",
    b"data: ",
    b"\"position\":",
    b"\"revoke\":\"all\"",
    b"https://",
];

/// One change of an input.
#[derive(Clone, Debug)]
enum Edit {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index, Index),
    Repeat(Index, u8),
}

impl Edit {
    fn apply(&self, input: &mut Vec<u8>) {
        let place = |at: &Index| at.index(input.len() + 1);
        match self {
            Self::Set(at, byte) if !input.is_empty() => *at.get_mut(input) = *byte,
            Self::Set(..) => {}
            Self::Insert(at, bytes) => {
                let at = place(at);
                input.splice(at..at, bytes.iter().copied());
            }
            Self::Cut(a, b) => {
                let (a, b) = (place(a), place(b));
                input.drain(a.min(b)..a.max(b));
            }
            Self::Repeat(at, times) => {
                let tail = input.split_off(place(at));
                for _ in 0..*times {
                    input.extend_from_slice(&tail);
                }
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let inserted = prop_oneof![
        3 => select(&WORDS[..]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        4 => (any::<Index>(), inserted).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Edit::Cut(a, b)),
        1 => (any::<Index>(), 1..4u8).prop_map(|(at, times)| Edit::Repeat(at, times)),
    ]
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let seeds: Vec<_> =
        fs::read_dir(folder).unwrap().map(|seed| fs::read(seed.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds
}

/// A seed of the target, or nothing, changed.
fn inputs(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds = [seeds(target), vec![Vec::new()]].concat();
    (select(seeds), prop::collection::vec(edit(), 0..8)).prop_map(|(mut input, edits)| {
        for edit in &edits {
            edit.apply(&mut input);
        }
        input
    })
}

fn bounded(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

#[test]
fn every_target_has_a_body_and_every_body_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let name = |path: std::path::PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut targets: Vec<_> =
        fs::read_dir(folder).unwrap().map(|target| name(target.unwrap().path())).collect();
    let mut expected: Vec<_> = BODIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    expected.push("request".into());
    targets.sort();
    expected.sort();
    assert_eq!(targets, expected);
}

#[test]
fn no_parser_that_strangers_reach_fails_at_any_input() {
    for (target, body) in BODIES {
        for seed in seeds(target) {
            body(&seed);
        }
        let mut runner = proptest::test_runner::TestRunner::new(bounded(400));
        let outcome = runner.run(&inputs(target), |input| {
            body(&input);
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{target}: {failure}"));
    }
}

static SERVER: LazyLock<(Runtime, App)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // So that what is asked at /verify need not name one.
    let build = Build::default().set("PORTCULLIS_VERIFY_DEFAULT_PROJECT", "prj_shop");
    let app = runtime.block_on(build.start());
    (runtime, app)
});

proptest! {
    #![proptest_config(bounded(600))]

    #[test]
    fn no_request_makes_the_router_fail(input in inputs("request")) {
        let Some(mut request) = bodies::server::request(&input) else { return Ok(()) };
        let (runtime, app) = &*SERVER;
        request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 1], 4711))));
        let answer = runtime.block_on(app.router.clone().oneshot(request)).unwrap();
        prop_assert!(answer.status().as_u16() < 500, "{}", answer.status());
    }
}
