//! A folder in which the program runs, and everything that it says is kept beside what it stores.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Finder, PROGRAM, files};

/// The program in a folder of its own, at TRACE.
pub(super) struct Program {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    runs: Cell<usize>,
    secrets: RefCell<Vec<(String, String)>>,
}

/// A server of it.
pub(super) struct Served {
    child: Child,
    pub(super) url: String,
    /// Where administrators are served.
    pub(super) admin: String,
}

impl Program {
    pub(super) fn new(format: &str) -> Self {
        let variables = [
            ("PORTCULLIS_LOG_LEVEL", "trace"),
            ("PORTCULLIS_LOG_FORMAT", format),
            // Nobody is turned away before what they present was looked at.
            ("PORTCULLIS_THROTTLE_KEY_FAILURES", "1000000"),
            ("PORTCULLIS_THROTTLE_ADDRESS_FAILURES", "1000000"),
        ];
        let variables = variables.map(|(name, value)| (name, value.to_owned())).to_vec();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("said")).unwrap();
        Self { folder, variables, runs: Cell::new(0), secrets: RefCell::default() }
    }

    pub(super) fn set(&mut self, variable: &'static str, value: &str) {
        self.variables.push((variable, value.to_owned()));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same folder, with other variables; its secrets are this one's too.
    pub(super) fn beside(&self) -> Beside<'_> {
        Beside { program: self, variables: self.variables.clone() }
    }

    /// Keeps what somebody else was told.
    pub(super) fn hear(&self, said: &str) {
        fs::write(self.said("heard"), said).unwrap();
    }

    /// From now on nobody may say this.
    pub(super) fn is_secret(&self, name: &str, secret: &str) -> String {
        self.secrets.borrow_mut().push((name.to_owned(), secret.to_owned()));
        secret.to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn keep(&self, mut command: Command) -> (i32, String) {
        let output = command.output().unwrap();
        fs::write(self.said("stderr"), &output.stderr).unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        fs::write(self.said("stdout"), &said).unwrap();
        (output.status.code().expect("it ended by itself"), said)
    }

    /// Where the next run's words go.
    fn said(&self, end: &str) -> PathBuf {
        self.runs.set(self.runs.get() + 1);
        self.path(&format!("said/{:03}.{end}", self.runs.get()))
    }

    /// Runs a command and keeps what it says; answers its status and stdout.
    pub(super) fn run(&self, arguments: &[&str]) -> (i32, String) {
        self.keep(self.command(arguments))
    }

    /// What a command that must succeed says to programs.
    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        let (status, said) = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(status, 0, "{arguments:?}: {said}");
        serde_json::from_str(&said).unwrap()
    }

    /// The secret that a command shows, once, on stdout: the one place where it is meant to be.
    pub(super) fn shown(&self, arguments: &[&str]) -> Value {
        let said = self.json(arguments);
        let secret = self.is_secret(&arguments.join(" "), said["secret"].as_str().unwrap());
        let kept = self.path(&format!("said/{:03}.stdout", self.runs.get()));
        let text = fs::read_to_string(&kept).unwrap();
        fs::write(kept, text.replacen(&secret, "", 1)).unwrap();
        said
    }

    pub(super) fn serve(&self, more: &[&str]) -> Served {
        let said = File::create(self.said("serve")).unwrap();
        let arguments = [&["serve", "--listen-public", "127.0.0.1:0"], more].concat();
        let mut child = self.command(&arguments).stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        fs::write(self.said("ready"), &line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not ready: {line}"));
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Served { child, url: text("public"), admin: text("admin") }
    }

    /// All that was said.
    pub(super) fn heard(&self) -> String {
        let said = files(&self.path("said"));
        said.iter().map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned()).collect()
    }

    /// Where a secret is found that should not be there.
    pub(super) fn leaks(&self, mut finder: Finder) -> Vec<String> {
        for (name, secret) in self.secrets.borrow().iter() {
            finder.text(name, secret);
        }
        let all = files(self.folder.path());
        all.iter()
            .flat_map(|file| {
                let place = file.strip_prefix(self.folder.path()).unwrap().display().to_string();
                finder.find(&place, &fs::read(file).unwrap())
            })
            .collect()
    }
}

/// The program with other variables.
pub(super) struct Beside<'a> {
    program: &'a Program,
    variables: Vec<(&'static str, String)>,
}

impl Beside<'_> {
    pub(super) fn set(&mut self, variable: &'static str, value: &str) {
        self.variables.push((variable, value.to_owned()));
    }

    pub(super) fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = self.program.command(arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        self.program.keep(command)
    }

    /// What a command is asked to show, once and alone, on stdout.
    pub(super) fn asked(&self, name: &str, arguments: &[&str]) -> String {
        let (status, said) = self.run(arguments);
        assert_eq!(status, 0, "{arguments:?}");
        fs::write(self.program.path(&format!("said/{:03}.stdout", self.program.runs.get())), "").unwrap();
        self.program.is_secret(name, said.trim())
    }
}

impl Served {
    /// Stops it as a service manager does.
    pub(super) fn stop(mut self) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
