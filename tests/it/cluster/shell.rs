//! The administrator's commands, on a machine of their own.

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::node::{ISSUER, MASTER_KEY};
use crate::support::PROGRAM;

pub(super) struct Shell {
    folder: TempDir,
    database: String,
    variables: Vec<(String, String)>,
}

impl Shell {
    /// One that reaches the database by this URL.
    pub(super) fn at(database: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: database.to_owned(), variables: Vec::new() }
    }

    /// The same, with these variables set.
    pub(super) fn with(mut self, variables: &[(&str, &str)]) -> Self {
        self.variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--json").current_dir(self.folder.path());
        command.envs(self.environment());
        command
    }

    /// What brings the program to the database.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let fixed = [
            ("PORTCULLIS_DATABASE", self.database.as_str()),
            ("PORTCULLIS_MASTER_KEY", MASTER_KEY),
            ("PORTCULLIS_ISSUER", ISSUER),
        ];
        let fixed = fixed.map(|(name, value)| (name.to_owned(), value.to_owned()));
        fixed.into_iter().chain(self.variables.clone()).collect()
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command says that must succeed.
    pub(super) fn done(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
