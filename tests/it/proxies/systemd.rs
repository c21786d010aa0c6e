//! `deploy/systemd`: a unit that systemd takes, and that starts the program as it wants to be started.
//! What its hardening does to a running program is not shown here: that needs systemd itself.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{PROGRAM, Serving};

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/systemd/portcullis.service");

/// The unit, of the program under test.
fn unit(folder: &Path) -> String {
    let text = fs::read_to_string(UNIT).unwrap();
    assert!(text.contains("\nExecStart=/usr/local/bin/portcullis serve "));
    let path = folder.join("portcullis.service");
    fs::write(&path, text.replace("/usr/local/bin/portcullis serve", &format!("{PROGRAM} serve"))).unwrap();
    path.to_str().unwrap().to_owned()
}

fn analyze(arguments: &[&str]) -> Output {
    let ran = Command::new("systemd-analyze").args(arguments).output();
    ran.expect("scripts/test installs systemd")
}

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    let folder = tempfile::tempdir().unwrap();
    let unit = unit(folder.path());
    let verified = analyze(&["verify", &unit]);
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success(), "{told}");
    assert!(!told.contains("portcullis.service"), "{told}");
    // 0 is shut, 10 is open; 2.0 is a tenth of the way to what systemd calls exposed.
    let hardened = analyze(&["security", "--offline=true", "--threshold=20", "--no-pager", &unit]);
    assert!(hardened.status.success(), "{}", String::from_utf8_lossy(&hardened.stdout));
}

#[test]
fn the_unit_starts_the_program_with_arguments_that_it_takes() {
    let text = fs::read_to_string(UNIT).unwrap();
    let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/portcullis serve "));
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let start = start.unwrap().replace("${STATE_DIRECTORY}", state.path().to_str().unwrap());
    let arguments: Vec<&str> = start.split(' ').collect();
    let _serving = Serving::start_with(folder.path(), &arguments, &[]);
    assert!(state.path().join("portcullis.db").exists());
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is written elsewhere");
}
