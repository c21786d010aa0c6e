//! A folder of the test's own, and the program run in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tempfile::TempDir;

pub(super) struct Home {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What a run of the program left behind.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) status: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Home {
    /// With nothing in it.
    pub(super) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// With an installation.
    pub(super) fn founded() -> Self {
        let home = Self::empty();
        home.done(&["init"]);
        home
    }

    /// From now on with this in the environment.
    pub(super) fn set(&mut self, variable: &'static str, value: impl Into<String>) {
        self.variables.push((variable, value.into()));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The program with these arguments, off any terminal.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_portcullis")), arguments)
    }

    /// A copy of the program with these arguments.
    pub(super) fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// What a command says that must succeed.
    pub(super) fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        ran.stdout
    }

    /// What a command that must succeed says to programs.
    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Status, code and message of a command that must fail, which say the same with `--json`.
    pub(super) fn failed(&self, arguments: &[&str]) -> (i32, String, String) {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.stdout, "", "{arguments:?}");
        let error: Value =
            serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{arguments:?}: {ran:?}"));
        let (code, message) = (error["error"].as_str().unwrap(), error["message"].as_str().unwrap());
        let plain = self.run(arguments);
        assert_eq!((plain.status, plain.stdout.as_str()), (ran.status, ""), "{arguments:?}");
        assert!(plain.stderr.starts_with(&format!("error: {message}\n")), "{}\n{message}", plain.stderr);
        (ran.status, code.to_owned(), message.to_owned())
    }

    /// The id of a new project.
    pub(super) fn project(&self, name: &str) -> String {
        self.json(&["project", "create", name])["project"].as_str().unwrap().to_owned()
    }

    /// A project with a scope `orders:read`, and the id of a key that holds it.
    pub(super) fn project_and_key(&self) -> (String, String) {
        let project = self.project("Shop");
        self.done(&["scope", "set", "orders:read", "--project", &project]);
        let create = ["key", "create", "--project", &project, "--name", "k", "--permission", "orders:read"];
        let key = self.json(&create)["key_id"].as_str().unwrap().to_owned();
        (project, key)
    }

    /// Another hand on the database.
    pub(super) async fn database(&self) -> SqliteConnection {
        SqliteConnectOptions::new()
            .filename(self.path("portcullis-data/portcullis.db"))
            .connect()
            .await
            .unwrap()
    }

    /// Runs statements on the database, as somebody with another program would.
    pub(super) async fn tamper(&self, statements: &'static str) {
        let mut connection = self.database().await;
        sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Ran {
    pub(super) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            status: output.status.code().expect("it ended by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
