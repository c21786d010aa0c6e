//! A PostgreSQL of one test's own, which it may stop, kill, fill up, copy and promote.

use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tempfile::TempDir;

use super::cluster::{PASSWORD, PASSWORD_IN_A_URL, as_user, free_port, program, unprivileged};

/// How often it is asked whether the server is ready, and how many milliseconds after the last time.
const TRIES: (u32, u64) = (1200, 50);

/// A server and its folder. It ends with its owner, whatever ends that.
pub(crate) struct PostgresServer {
    folder: TempDir,
    port: u16,
    running: Option<Child>,
    /// What its process may not exceed or has to believe: variables of its environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Further settings, as they stand in its file.
    settings: Vec<String>,
}

impl PostgresServer {
    /// A new one, empty, and running.
    pub(crate) async fn start() -> Self {
        let mut server = Self::in_a_folder();
        fs::write(server.folder.path().join("password"), PASSWORD).unwrap();
        let mut initdb = server.command("initdb");
        initdb.args(["--username=portcullis", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile=password", "-D", "data"]);
        finish(&mut initdb);
        server.run().await;
        server
    }

    /// A copy that follows this one.
    pub(crate) async fn standby(&self) -> Self {
        let mut standby = Self::in_a_folder();
        let mut copy = standby.command("pg_basebackup");
        copy.args(["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "-D", "data", "-d"]);
        finish(copy.arg(self.url("postgres")));
        standby.run().await;
        standby
    }

    /// From now on each commit waits until a standby has it, as this one does.
    pub(crate) async fn wait_for_standbys(&self, standby: &Self) {
        self.tell("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.tell("SELECT pg_reload_conf()").await;
        let mut main = self.connect().await.unwrap();
        let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let (tries, pause) = TRIES;
        for _ in 0..tries {
            if sqlx::query_scalar::<_, i64>(follows).fetch_one(&mut main).await.unwrap() == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        panic!("no standby follows: {}", standby.log());
    }

    /// Makes it a primary, by hand.
    pub(crate) async fn promote(&self) {
        let mut promote = self.command("pg_ctl");
        finish(promote.args(["promote", "-w", "-D", "data"]));
        // The copy of the other one's settings.
        self.tell("ALTER SYSTEM RESET synchronous_standby_names").await;
        self.tell("SELECT pg_reload_conf()").await;
    }

    fn in_a_folder() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        give_away(folder.path());
        Self { folder, port: free_port(), running: None, environment: Vec::new(), settings: Vec::new() }
    }

    /// Another setting from the next start on.
    pub(crate) fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Starts it, again, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        let mut server = self.command("postgres");
        server.args(["-D", "data", "-k"]).arg(self.folder.path());
        for setting in [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            "max_connections=100".to_owned(),
            "shared_buffers=16MB".to_owned(),
            "max_wal_size=64MB".to_owned(),
            // What a crash of the machine would lose is thrown away anyway.
            "fsync=off".to_owned(),
        ]
        .iter()
        .chain(&self.settings)
        {
            server.arg("-c").arg(setting);
        }
        server.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.running = Some(server.spawn().unwrap());
        self.answers().await;
    }

    async fn answers(&self) {
        let (tries, pause) = TRIES;
        for _ in 0..tries {
            if let Ok(main) = self.connect().await {
                return main.close().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    /// Ends it in order; what is under way is undone.
    pub(crate) fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// Ends it as a failing machine would.
    pub(crate) fn kill(&mut self) {
        self.end(Signal::QUIT);
    }

    fn end(&mut self, by: Signal) {
        let Some(mut running) = self.running.take() else { return };
        kill_process(Pid::from_child(&running), by).unwrap();
        running.wait().unwrap();
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// How a database of it is called in settings.
    pub(crate) fn url(&self, database: &str) -> String {
        url_by(self.address(), database)
    }

    /// A way to it past everybody.
    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.url("postgres").parse::<PgConnectOptions>()?.connect().await
    }

    /// Runs a statement as its owner.
    pub(crate) async fn tell(&self, statement: &str) {
        let mut main = self.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut main).await.unwrap();
        main.close().await.unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// One of its programs, in its folder, and no longer than this process.
    fn command(&self, name: &str) -> Command {
        unprivileged_in(self.folder.path(), &program(name))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.end(Signal::QUIT);
    }
}

/// How a database is called in settings, by a way that leads to its server.
pub(crate) fn url_by(way: SocketAddr, database: &str) -> String {
    format!("postgres://portcullis:{PASSWORD_IN_A_URL}@{way}/{database}")
}

/// A program that refuses to be root, in a folder that it may write, and no longer than this process.
pub(crate) fn unprivileged_in(folder: &Path, program: &Path) -> Command {
    let mut command = as_user(user(), Path::new("setpriv"));
    command.args(["--pdeathsig", "QUIT"]).arg(program).current_dir(folder);
    command
}

/// A folder for such a program.
pub(crate) fn give_away(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    if let Some((uid, gid)) = user() {
        chown(folder, Some(uid), Some(gid)).unwrap();
    }
}

fn user() -> Option<(u32, u32)> {
    rustix::process::geteuid().is_root().then(unprivileged)
}

fn finish(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
