//! A machine whose clock is wrong: it admits nobody, for it would judge ends of tokens by it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::house::{Constants, House, PAUSE, now, report};
use crate::support::give_away;

const MISSING: &str = "libfaketime is missing, and this test is not skipped: apt-get install faketime \
                       (scripts/test does it)";

/// Where Debian has put it.
fn faketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let library = |folder: PathBuf| folder.join("faketime/libfaketime.so.1");
    folders.map(library).find(|library| library.exists()).expect(MISSING)
}

/// A clock that the test sets: that of every process which has its variables, at the same moment.
pub(super) struct Clock(TempDir);

impl Clock {
    /// A right one.
    pub(super) fn right() -> Self {
        let clock = Self(tempfile::tempdir().unwrap());
        give_away(clock.0.path());
        clock.set(0);
        clock
    }

    /// So many seconds ahead.
    pub(super) fn set(&self, ahead: i64) {
        // Whole or not at all: it is read at every look at the clock.
        let next = self.0.path().join("next");
        fs::write(&next, format!("{ahead:+}")).unwrap();
        fs::rename(next, self.offset()).unwrap();
    }

    fn offset(&self) -> PathBuf {
        self.0.path().join("offset")
    }

    /// What makes a process live by it.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", faketime().to_str().unwrap().to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.offset().to_str().unwrap().to_owned()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // The other clock cannot be set.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

/// Variables as they are handed on.
pub(super) fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_clock_is_off_admits_nobody_until_it_is_set_right() {
    let mut house = House::of(1).await;
    let clock = Clock::right();
    house.add(&borrowed(&clock.variables()));
    let (key, other) = (house.key(), house.key());
    let valid = house.token(0, &other).await;
    house.all_is_well(&valid, &other).await;

    let Constants { poll, .. } = house.constants;
    for wrong in [10, -10, 600, -600] {
        let doomed = house.token(0, &key).await;
        house.until(1, &doomed, 200).await;
        clock.set(wrong);
        let began = now();
        house.until(1, &valid, 503).await;
        let noticed = began.elapsed();
        assert!(noticed <= poll + house.constants.slack, "{wrong} s: {noticed:?}");
        for _ in 0..10 {
            assert_eq!(house.verdict(1, &valid).await.0, 503);
            assert_eq!(house.ready(1).await, 503);
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(house.ask(1, &other).await.0, 503);
        assert_eq!(house.verdict(0, &valid).await.0, 200);
        // What is revoked meanwhile is known when the clock is right again.
        house.shell.done(&["key", "revoke-tokens", &key.id]);
        clock.set(0);
        house.until(1, &valid, 200).await;
        assert_eq!(house.verdict(1, &doomed).await, (401, "revoked".to_owned()));
        report(&format!("clock {wrong:+} s off: nobody admitted after {} ms", noticed.as_millis()));
    }
    assert!(house.nodes[1].log().contains("set both clocks right"), "{}", house.nodes[1].log());

    // A little is what clocks do.
    clock.set(3);
    let seen = |house: &House| {
        let nodes = house.shell.done(&["nodes"]);
        let mut times: Vec<i64> =
            nodes["items"].as_array().unwrap().iter().map(|node| node["seen_at"].as_i64().unwrap()).collect();
        times.sort_unstable();
        times[1] - times[0]
    };
    let began = now();
    while seen(&house) < 2 {
        assert!(began.elapsed() < 4 * (poll + house.constants.slack), "no poll by this clock");
    }
    house.all_is_well(&valid, &other).await;
}
