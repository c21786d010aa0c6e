//! The files of `deploy/`, as they are but for their placeholders, in the programs that they are for, as
//! Debian ships them: in front of an API that tells what it was sent.

mod api;
mod caddy;
mod haproxy;
mod nginx;
mod programs;
mod scene;
mod systemd;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than any bound that is asserted.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between two questions of somebody who waits.
const PAUSE: Duration = Duration::from_millis(20);

/// A file of `deploy/` with its placeholders replaced, each of which must be there.
fn filled(path: &str, places: &[(&str, &str)]) -> String {
    let mut text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)).unwrap();
    for (name, value) in places {
        let place = format!("@{name}@");
        assert!(text.contains(&place), "{path} has no {place}");
        text = text.replace(&place, value);
    }
    let is_place = |word: &&str| word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase());
    let left = text.split('@').find(is_place);
    assert_eq!(left, None, "a placeholder of {path} is left");
    text
}

#[expect(clippy::disallowed_methods, reason = "processes live by the machine's clock")]
fn now() -> Instant {
    Instant::now()
}
