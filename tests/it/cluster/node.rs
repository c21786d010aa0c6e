//! One `portcullis serve` of many, and its cable to the database.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Link, PROGRAM};

/// Everybody knows it: these databases are thrown away.
pub(super) const MASTER_KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
pub(super) const ISSUER: &str = "https://tokens.example.com";

/// A server; killed with its owner.
pub(super) struct Node {
    pub(super) link: Link,
    folder: TempDir,
    variables: Vec<(String, String)>,
    running: Option<Child>,
    pub(super) url: String,
    /// Where it answers administrators.
    pub(super) admin: String,
}

impl Node {
    /// Starts one that reaches its database by a cable of its own; `url` names the database by the
    /// way that it is given.
    pub(super) fn start(
        far: SocketAddr,
        url: impl FnOnce(SocketAddr) -> String,
        further: &[(String, String)],
    ) -> Self {
        let link = Link::to(far);
        let mut variables = vec![
            ("PORTCULLIS_DATABASE".to_owned(), url(link.address())),
            ("PORTCULLIS_MASTER_KEY".to_owned(), MASTER_KEY.to_owned()),
            ("PORTCULLIS_ISSUER".to_owned(), ISSUER.to_owned()),
        ];
        variables.extend_from_slice(further);
        let folder = tempfile::tempdir().unwrap();
        let mut node =
            Self { link, folder, variables, running: None, url: String::new(), admin: String::new() };
        node.run();
        node
    }

    /// Starts it, again, at an address of the system's choice.
    pub(super) fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen-public", "127.0.0.1:0"])
            .current_dir(self.folder.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.running = Some(child);
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no start: {}", self.log()));
        ready["public"].as_str().unwrap().clone_into(&mut self.url);
        ready["admin"].as_str().unwrap().clone_into(&mut self.admin);
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().unwrap();
            running.wait().unwrap();
        }
    }

    /// Asks it to stop, and waits until it has.
    pub(super) async fn stop(&mut self) {
        kill_process(self.id(), Signal::TERM).unwrap();
        let mut running = self.running.take().unwrap();
        let ended = tokio::task::spawn_blocking(move || running.wait().unwrap()).await.unwrap();
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Its process.
    pub(super) fn id(&self) -> Pid {
        Pid::from_child(self.running.as_ref().unwrap())
    }

    /// What it told.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            super::house::report(&format!("{} told:\n{}", self.url, self.log()));
        }
    }
}
