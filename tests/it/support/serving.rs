//! The program itself, as a process: `serve`, and commands beside it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_portcullis");

/// `portcullis serve` on a free port; ended with its owner.
pub(crate) struct Serving {
    child: Child,
    folder: PathBuf,
    pub(crate) url: String,
    /// Where administrators are served; empty if nowhere.
    pub(crate) admin: String,
}

impl Serving {
    /// Starts it in a folder, where `./portcullis-data` is its data directory.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[], &[])
    }

    /// The same, with more arguments and with these variables.
    pub(crate) fn start_with(folder: &Path, more: &[&str], variables: &[(&str, String)]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen-public", "127.0.0.1:0"])
            .args(more)
            .current_dir(folder)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true, "{line}");
        let url = ready["public"].as_str().unwrap().to_owned();
        let admin = ready["admin"].as_str().unwrap_or_default().to_owned();
        Self { child, folder: folder.to_owned(), url, admin }
    }

    /// A command of the shell beside it, and what it answered.
    pub(crate) fn shell(&self, arguments: &[&str]) -> Value {
        let done = self.try_shell(arguments);
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }

    pub(crate) fn try_shell(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM).args(arguments).arg("--json").current_dir(&self.folder).output().unwrap()
    }
}

impl Serving {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -9`.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // No harm to one that was stopped.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
