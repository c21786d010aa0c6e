//! Through PgBouncer, which gives each transaction another connection: nothing is listened for and
//! nothing prepared, and the bounds hold.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::house::{House, PAUSE, now, report};
use crate::support::{POSTGRES_PASSWORD, PostgresServer, free_port, give_away, unprivileged_in};

const MISSING: &str = "pgbouncer is missing, and this test is not skipped: apt-get install pgbouncer \
                       (scripts/test does it)";

/// Runs until it is dropped.
struct Bouncer {
    running: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Bouncer {
    /// In front of that server, with fewer connections than its clients have.
    async fn before(server: &PostgresServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_away(folder.path());
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=portcullis password='{}'\n\
             [pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={}\nunix_socket_dir=\nauth_type=any\n\
             pool_mode=transaction\ndefault_pool_size=3\nmax_client_conn=100\n",
            server.address().port(),
            POSTGRES_PASSWORD,
            address.port()
        );
        fs::write(folder.path().join("pgbouncer.ini"), settings).unwrap();
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(Path::new);
        let program = program.into_iter().find(|program| program.exists()).expect(MISSING);
        let mut command = unprivileged_in(folder.path(), program);
        command.args(["-q", "pgbouncer.ini"]);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let running = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut bouncer = Self { running, folder, address };
        let began = now();
        while std::net::TcpStream::connect(address).is_err() {
            let ended = bouncer.running.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < Duration::from_secs(20), "{}", bouncer.log());
            tokio::time::sleep(PAUSE).await;
        }
        bouncer
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        self.running.kill().unwrap();
        self.running.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_pooler_of_transactions_blocks_are_seen_by_looking() {
    let server = PostgresServer::start().await;
    let bouncer = Bouncer::before(&server).await;
    let poll_only = [("PORTCULLIS_STORE_LISTEN", "off"), ("PORTCULLIS_STORE_PREPARE", "off")];
    let mut house = House::on_with(&server, 0, &[]).await;
    house.go_by(bouncer.address, &poll_only);
    for _ in 0..2 {
        house.add(&poll_only);
    }
    let other = house.key();
    let valid = house.token(0, &other).await;
    house.all_is_well(&valid, &other).await;

    for _ in 0..5 {
        let key = house.key();
        let doomed = house.token(0, &key).await;
        house.until(1, &doomed, 200).await;
        house.shell.done(&["key", "block", &key.id]);
        for node in [0, 1] {
            assert_eq!(house.ask(node, &key).await.0, 401, "nothing is minted on what is remembered");
        }
        let took = house.dead_everywhere(&doomed).await;
        assert!(took <= house.constants.poll + Duration::from_secs(3) + house.constants.slack, "{took:?}");
        report(&format!("through a pooler, poll only: dead after {} ms", took.as_millis()));
    }
    // Many at once, on three connections.
    let asking: Vec<_> = (0..60)
        .map(|turn| {
            let (http, url) = (house.http.clone(), house.nodes[turn % 2].url.clone());
            let key = other.clone();
            tokio::spawn(async move { super::house::ask(&http, &url, &key).await.0 })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), 200);
    }
    house.all_is_well(&valid, &other).await;
    house.shell.done(&["audit", "verify"]);
}
