//! A PostgreSQL of the run's own: started by the first test that wants one, shared by all test
//! processes, ended when none is left. Its databases are thrown away with it.
//!
//! Each test process holds a lease for as long as it lives, whatever ends it; a small watcher
//! (`cluster.sh`) ends the server once nobody holds one.

use std::fs::{self, File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis::store::PostgresStore;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

const WATCHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/cluster.sh");
const MISSING: &str = "PostgreSQL is missing, and these tests are not skipped: apt-get install postgresql \
                       (scripts/test does it)";
/// A database in an order that no id should be in: that of a language.
const BARE: &str = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'";
/// How often it is asked whether the server is ready, and how long after the last time.
const TRIES: (u32, u64) = (600, 50);
/// Users that a server may run as: it refuses to be root.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The server, and this process's lease on it.
pub(crate) struct Cluster {
    /// Where its socket is.
    socket: PathBuf,
    port: u16,
    #[expect(dead_code, reason = "held, not read")]
    lease: File,
}

/// A database of one test, dropped with its owner.
pub(crate) struct PostgresDatabase {
    cluster: &'static Cluster,
    name: String,
}

impl PostgresDatabase {
    /// With the tables of this release, and nothing in them.
    pub(crate) async fn empty() -> Self {
        Self::made("TEMPLATE portcullis").await
    }

    /// With nothing at all in it.
    pub(crate) async fn bare() -> Self {
        Self::made(BARE).await
    }

    async fn made(how: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let cluster = Cluster::shared();
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut main = cluster.main().await;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name} {how}")))
            .execute(&mut main)
            .await
            .unwrap();
        main.close().await.unwrap();
        Self { cluster, name }
    }

    /// How it is called in settings.
    pub(crate) fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// How it is called in settings, by a network address and with a password.
    pub(crate) fn tcp_url(&self) -> String {
        self.url_by(self.address())
    }

    /// The same, by a way that leads there.
    pub(crate) fn url_by(&self, way: SocketAddr) -> String {
        format!("postgres://portcullis:{PASSWORD_IN_A_URL}@{way}/{}", self.name)
    }

    /// Where its server is.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.cluster.port))
    }

    /// A way to it past the store.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.url().parse().unwrap()
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let (url, name) = (self.cluster.url("postgres"), self.name.clone());
        // A thread of its own: this one may be inside a runtime.
        let dropping = std::thread::spawn(move || {
            let drop = async {
                let mut main = PgConnection::connect(&url).await?;
                sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
                    .execute(&mut main)
                    .await
            };
            // Left behind, it goes with the server.
            let _ =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(drop);
        });
        let _ = dropping.join();
    }
}

/// Of the only user; it is written otherwise in a URL.
pub(crate) const PASSWORD: &str = "no+secret/at all";
pub(super) const PASSWORD_IN_A_URL: &str = "no%2Bsecret%2Fat%20all";

impl Cluster {
    /// The one of this run.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            // Not where the sources are: another user must be able to look into each folder above,
            // and the path of a socket is short.
            let user = rustix::process::getuid().as_raw();
            let place = std::env::temp_dir().join(format!("portcullis-tests-{user}-{:08x}", crc32()));
            fs::create_dir_all(&place).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
            Self::in_place(&place)
        })
    }

    fn in_place(place: &Path) -> Self {
        let open = |name| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(place.join(name))
                .unwrap()
        };
        // One process after the other looks whether there is a server.
        let turn = open("turn");
        turn.lock().unwrap();
        let lease = open("lease");
        lease.lock_shared().unwrap();
        let current = place.join("current");
        let found = fs::read_to_string(&current).ok().and_then(|text| {
            let (folder, port) = text.trim().split_once(' ')?;
            Some((PathBuf::from(folder), port.parse::<u16>().ok()?))
        });
        if let Some((socket, port)) = found
            && UnixStream::connect(socket.join(format!(".s.PGSQL.{port}"))).is_ok()
        {
            return Self { socket, port, lease };
        }
        Self::start(place, lease)
    }

    fn start(place: &Path, lease: File) -> Self {
        let folder = tempfile::Builder::new().prefix("c").tempdir_in(place).unwrap().keep();
        let user = rustix::process::geteuid().is_root().then(unprivileged);
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let (data, password) = (folder.join("data"), folder.join("password"));
        fs::write(&password, PASSWORD).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
        let mut initdb = as_user(user, &program("initdb"));
        initdb.args(["--username=portcullis", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
        initdb.arg(format!("--pwfile={}", password.display())).arg("-D").arg(&data);
        let made = initdb.current_dir(&folder).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        Self::watch(&folder, &place.join("lease"), user, port);
        let cluster = Self { socket: folder.clone(), port, lease };
        cluster.make_template(&folder);
        fs::write(place.join("current"), format!("{} {port}\n", folder.display())).unwrap();
        cluster
    }

    #[expect(clippy::zombie_processes, reason = "it ends after the last of these processes")]
    fn watch(folder: &Path, lease: &Path, user: Option<(u32, u32)>, port: u16) {
        let server = as_user(user, &program("postgres"));
        let mut watcher = Command::new("sh");
        watcher.arg(WATCHER).arg(folder).arg(lease).arg(server.get_program()).args(server.get_args());
        watcher.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
        for setting in [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "max_connections=300".to_owned(),
            "shared_buffers=64MB".to_owned(),
            "max_wal_size=2GB".to_owned(),
            "checkpoint_timeout=30min".to_owned(),
            // What a crash of the machine would lose is thrown away anyway.
            "fsync=off".to_owned(),
            "full_page_writes=off".to_owned(),
        ] {
            watcher.arg("-c").arg(setting);
        }
        // In a group of its own: whoever ends this test and its children does not end it.
        watcher.process_group(0).current_dir(folder);
        watcher.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    }

    /// Waits until the server answers, and makes the database that those of the tests are copies of.
    fn make_template(&self, folder: &Path) {
        let make = async {
            let (tries, pause) = TRIES;
            for _ in 0..tries {
                if let Ok(mut main) = PgConnection::connect(&self.url("postgres")).await {
                    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE portcullis {BARE}")))
                        .execute(&mut main)
                        .await
                        .unwrap();
                    main.close().await.unwrap();
                    PostgresStore::open(&self.url("portcullis")).await.unwrap().close().await;
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            }
            panic!(
                "PostgreSQL does not start: {}",
                fs::read_to_string(folder.join("log")).unwrap_or_default()
            );
        };
        std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(make);
            });
            made.join().unwrap();
        });
    }

    fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?user=portcullis&host={}&port={}", self.socket.display(), self.port)
    }

    async fn main(&self) -> PgConnection {
        let options: PgConnectOptions = self.url("postgres").parse().unwrap();
        options.connect().await.unwrap()
    }
}

/// Another one for each folder of sources.
fn crc32() -> u32 {
    crc32fast::hash(env!("CARGO_TARGET_TMPDIR").as_bytes())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A program of PostgreSQL: the one in the path, or the newest that Debian has put aside.
pub(super) fn program(name: &str) -> PathBuf {
    if Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return PathBuf::from(name);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.unwrap().path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().expect(MISSING)
}

/// User and group id of somebody who is not root.
pub(super) fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &&str| {
        users.lines().find_map(|line| {
            let mut fields = line.strip_prefix(*name)?.strip_prefix(':')?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
    };
    UNPRIVILEGED.iter().find_map(find).unwrap_or((65_534, 65_534))
}

pub(super) fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    let Some((uid, gid)) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups").arg(program);
    command
}
