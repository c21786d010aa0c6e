//! The vectors for guards in other languages (`guard/vectors`, docs/guard.md): made here, with
//! `PORTCULLIS_WRITE_VECTORS=1`, and held to what this guard says of each.

mod feed;
mod tokens;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Set, it makes the tests write what they would have judged.
const WRITE: &str = "PORTCULLIS_WRITE_VECTORS";

/// The cases of a file, written anew first if that is wanted.
#[expect(clippy::disallowed_methods, reason = "it is no setting of the program")]
fn vectors(name: &str, make: impl FnOnce() -> Value) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, format!("{:#}\n", make())).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("run this test with {WRITE}=1 first"));
    serde_json::from_str(&text).unwrap()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_else(|| panic!("`{name}` is no text: {case}"))
}

/// That each reason is the verdict of some case.
fn assert_all_occur<'a>(cases: &Value, reasons: impl IntoIterator<Item = &'a str>) {
    let verdicts: Vec<&str> = cases.as_array().unwrap().iter().map(|case| text(case, "verdict")).collect();
    for reason in reasons {
        assert!(verdicts.contains(&reason), "no case is refused for `{reason}`");
    }
}

fn entry(position: u64, ends: i64, mut target: Value) -> Value {
    target["position"] = json!(position);
    if ends > 0 {
        target["ends"] = json!(ends);
    }
    target
}
