//! A guard that somebody wrote in another language, after docs/guard.md.

use std::path::Path;

use tokio::time::timeout;

use super::{DEADLINE, command};

#[tokio::test]
async fn a_guard_in_python_makes_of_the_vectors_what_the_crate_does() {
    let place = tempfile::tempdir().unwrap();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("guard/vectors");
    let mut python = command("with_vectors.py", place.path());
    let done = python.env("VECTORS", vectors).kill_on_drop(true).output();
    let done = timeout(DEADLINE, done).await.expect("it does not end").unwrap();
    let (said, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}{errors}");
    assert_eq!(said.matches(": done").count(), 2, "{said}");
}
