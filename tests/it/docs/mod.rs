//! The documentation does what it says: the README's lines run as pasted, the demonstration succeeds.

mod commands;

use std::process::Command;

use portcullis::domain::RawKeyRefusal;
use portcullis::web::Refused;
use portcullis_guard::{Class, Refusal};

use crate::support::{PROGRAM, Serving};

/// The block of a page that says that a test runs it.
fn pasted(page: &str) -> String {
    let (_, after) = page.split_once("<!-- a test runs this block -->\n```sh\n").unwrap();
    after.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_lines_of_the_readme_work_as_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let release = folder.path().join("target/release");
    std::fs::create_dir_all(&release).unwrap();
    std::os::unix::fs::symlink(PROGRAM, release.join("portcullis")).unwrap();
    let lines = pasted(include_str!("../../../README.md")).replace("http://127.0.0.1:8080", &serving.url);

    let mut shell = Command::new("bash");
    let done = shell.args(["-euo", "pipefail", "-c", &lines]).current_dir(folder.path()).output().unwrap();

    let (said, errors) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{said}\n{errors}");
    assert!(said.contains("\"active\": true"), "{said}");
    assert_eq!(said.lines().last(), Some("\"revoked\""), "{said}\n{errors}");
}

#[test]
fn the_lines_about_backups_work_as_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let project = serving.shell(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
    let key = serving.shell(&["key", "create", "--project", &project, "--name", "broker"]);
    let key = key["key_id"].as_str().unwrap();
    let lines = pasted(include_str!("../../../docs/backup.md"));
    let program = std::path::Path::new(PROGRAM).parent().unwrap().display();
    let lines = format!("PATH=\"{program}:$PATH\"\n{lines}");

    let mut shell = Command::new("bash");
    let done = shell.args(["-euo", "pipefail", "-c", &lines]).current_dir(folder.path()).output().unwrap();

    let (said, errors) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{said}\n{errors}");
    assert!(said.contains(&format!("{key}\t{project}\tbroker")), "{said}");
    let state = serving.shell(&["key", "show", key, "--data-dir", "restored"])["state"].clone();
    assert_eq!(state, "active", "confirmed");
}

#[test]
fn the_lines_about_importing_keys_work_as_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let project = serving.shell(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
    for scope in ["orders:read", "orders:write"] {
        serving.shell(&["scope", "set", scope, "--project", &project]);
    }
    let program = std::path::Path::new(PROGRAM).parent().unwrap().display();
    let lines = pasted(include_str!("../../../docs/import.md"));
    let lines = format!("PATH=\"{program}:$PATH\" PROJECT={project}\n{lines}");

    let mut shell = Command::new("bash");
    let done = shell.args(["-euo", "pipefail", "-c", &lines]).current_dir(folder.path()).output().unwrap();

    let (said, errors) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success() && errors.is_empty(), "{said}\n{errors}");
    assert_eq!(said.lines().filter(|line| line.contains("1 imported")).count(), 3, "{said}");
    assert_eq!(serving.shell(&["key", "show", "till-7"])["permissions"][0], "orders:read");
    assert_eq!(serving.shell(&["key", "show", "shop-app"])["name"], "Shop");
}

#[test]
fn the_lines_about_proxies_work_as_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let program = std::path::Path::new(PROGRAM).parent().unwrap().display();
    let lines =
        pasted(include_str!("../../../docs/proxies.md")).replace("http://127.0.0.1:8080", &serving.url);
    let lines = format!("PATH=\"{program}:$PATH\"\n{lines}");

    let mut shell = Command::new("bash");
    let done = shell.args(["-euo", "pipefail", "-c", &lines]).current_dir(folder.path()).output().unwrap();

    let (said, errors) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{said}\n{errors}");
    let statuses: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
    assert_eq!(statuses, ["200 OK", "403 Forbidden", "401 Unauthorized", "401 Unauthorized"], "{said}");
    let names = said.lines().filter_map(|line| line.strip_prefix("x-auth-key-id: "));
    assert_eq!(names.filter(|name| name.starts_with("pk_live_")).count(), 1, "{said}");
}

#[test]
fn every_reason_of_a_refusal_is_explained() {
    let page = include_str!("../../../docs/proxies.md");
    let tokens = Refusal::ALL.into_iter().filter(|refusal| refusal.class() != Class::Unknown);
    let reasons = tokens.map(Refusal::reason).chain(RawKeyRefusal::ALL.map(RawKeyRefusal::reason));
    for reason in reasons.chain([Refused::ABSENT, Refused::INVALID_REQUEST]) {
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_demonstration_succeeds_step_by_step() {
    let done = Command::new(PROGRAM).arg("demo").output().unwrap();
    let said = text(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", text(&done.stderr));
    for step in [
        "ready on",
        "granted",
        "invalid_scope",
        "unauthorized_client",
        "invalid_client",
        "active",
        "judged offline",
        "refused",
        "stays dead",
        "live on",
    ] {
        assert!(said.contains(step), "{step}: {said}");
    }
}
