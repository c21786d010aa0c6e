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
use super::small_disk::SmallDisk;

/// How often it is asked whether the server is ready, and how many milliseconds after the last time.
const TRIES: (u32, u64) = (1200, 50);

/// Where a server's tables are, and where its log of changes, in its folder.
pub(crate) const TABLES: &str = "data";
pub(crate) const CHANGES: &str = "wal";

/// A server and its folder. It ends with its owner, whatever ends that.
pub(crate) struct PostgresServer {
    // In this order: the server goes before its disk, and that before the folder.
    running: Option<Child>,
    disk: Option<SmallDisk>,
    folder: TempDir,
    port: u16,
    /// What its process may not exceed or has to believe: variables of its environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Further settings, as they stand in its file.
    settings: Vec<String>,
}

impl PostgresServer {
    /// A new one, empty, and running.
    pub(crate) async fn start() -> Self {
        let mut server = Self::in_a_folder();
        server.found();
        server.run().await;
        server
    }

    /// The same, with its tables or its log of changes on a disk of so many mebibytes.
    pub(crate) async fn start_on_a_small_disk(what: &str, mebibytes: u32) -> Self {
        let mut server = Self::in_a_folder();
        let place = server.folder.path().join(what);
        fs::create_dir(&place).unwrap();
        server.disk = Some(SmallDisk::at(&place, mebibytes, user()));
        // A checkpoint that finds no room for the state of its slots ends the server: a test that wants that
        // asks for one, and there is none of the server's own accord.
        server.set("checkpoint_timeout=1h");
        if what == CHANGES {
            server.set("min_wal_size=2MB");
            server.set("max_wal_size=4MB");
        }
        server.found();
        server.run().await;
        server
    }

    fn found(&self) {
        fs::write(self.folder.path().join("password"), PASSWORD).unwrap();
        let mut initdb = self.command("initdb");
        initdb.args(["--username=portcullis", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile=password", "-D", TABLES]);
        if self.disk.is_some() {
            // In small pieces, so that a small disk has room for some of them.
            initdb.arg("--wal-segsize=1").arg("--waldir").arg(self.folder.path().join(CHANGES));
        }
        finish(&mut initdb);
    }

    /// A copy that follows this one.
    pub(crate) async fn standby(&self) -> Self {
        let mut standby = Self::in_a_folder();
        let mut copy = standby.command("pg_basebackup");
        copy.args(["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "-D", TABLES, "-d"]);
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
        finish(promote.args(["promote", "-w", "-D", TABLES]));
        // The copy of the other one's settings.
        self.tell("ALTER SYSTEM RESET synchronous_standby_names").await;
        self.tell("SELECT pg_reload_conf()").await;
    }

    fn in_a_folder() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        give_away(folder.path());
        let (environment, settings) = (Vec::new(), Vec::new());
        Self { running: None, disk: None, folder, port: free_port(), environment, settings }
    }

    /// Another setting from the next start on.
    pub(crate) fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// From the next start on it speaks TLS by this certificate and key, and over the network nothing else.
    pub(crate) fn speak_only_tls(&mut self, (certificate, key): (String, String)) {
        let folder = self.folder.path().to_owned();
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            own(&path);
        }
        let who = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(folder.join(TABLES).join("pg_hba.conf"), who).unwrap();
        self.settings.retain(|setting| !setting.starts_with("ssl"));
        self.set("ssl=on");
        self.set(&format!("ssl_cert_file={}", folder.join("server.crt").display()));
        self.set(&format!("ssl_key_file={}", folder.join("server.key").display()));
    }

    /// Starts it, again, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        // Its variables are for itself alone, and not for what makes it somebody else's process.
        let mut server = self.command_of(Path::new("env"));
        server.args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        server.arg(program("postgres")).args(["-D", TABLES, "-k"]).arg(self.folder.path());
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
        if running.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&running), by).unwrap();
            running.wait().unwrap();
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.running.as_mut().is_none_or(|running| running.try_wait().unwrap().is_some())
    }

    /// The small disk that it is on.
    pub(crate) fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("it is on a small disk")
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

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// One of its programs, in its folder, and no longer than this process.
    fn command(&self, name: &str) -> Command {
        self.command_of(&program(name))
    }

    fn command_of(&self, program: &Path) -> Command {
        match &self.disk {
            Some(disk) => disk.command(program),
            None => unprivileged_in(self.folder.path(), program),
        }
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
    own(folder);
}

/// Makes it the property of who runs such a program.
fn own(path: &Path) {
    if let Some((uid, gid)) = user() {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

fn user() -> Option<(u32, u32)> {
    rustix::process::geteuid().is_root().then(unprivileged)
}

fn finish(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
