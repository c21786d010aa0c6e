//! The database's disk is full: the one of its tables, without a checkpoint and with one, and the one of
//! its log of changes. Nothing that was acknowledged is lost, and nobody restarts a server of ours.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::house::{House, Key, PAUSE, ask, now, report, verdict};
use super::killed::all_are_recorded;
use crate::support::{CHANGES, PostgresServer, TABLES};

/// What everybody was told while there was no room.
#[derive(Default)]
struct Told {
    /// Tokens that came.
    received: Vec<String>,
    /// Tokens of keys whose block was acknowledged.
    dead: Vec<String>,
    /// Keys whose block was refused, and a token of each.
    refused: Vec<(Key, String)>,
}

impl Told {
    /// Asks a server for a token; whether it came. If not, the caller is told to come again.
    async fn mint(&mut self, house: &House, node: usize, key: &Key) -> bool {
        let request = house.http.post(format!("{}/oauth/token", house.nodes[node].url));
        let request = request.basic_auth(&key.id, Some(&key.secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body("grant_type=client_credentials").send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body: serde_json::Value = answer.json().await.unwrap();
        if status == 200 {
            self.received.push(body["access_token"].as_str().unwrap().to_owned());
            return true;
        }
        assert_eq!((status, &body["error"]), (503, &"temporarily_unavailable".into()), "{body}");
        let pause: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(pause > 0);
        false
    }

    /// Tries to block a key.
    async fn block(&mut self, house: &House, key: Key, token: String) {
        let mut command = tokio::process::Command::from(house.shell.command(&["key", "block", &key.id]));
        let output = command.output().await.unwrap();
        match output.status.code() {
            Some(0) => self.dead.push(token),
            Some(4) => self.refused.push((key, token)),
            _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Nothing of what was acknowledged is lost, and what was not has happened nowhere or everywhere.
    async fn holds(&self, house: &House) {
        all_are_recorded(house, &self.received).await;
        for token in &self.dead {
            house.dead_everywhere(token).await;
        }
        for (key, token) in &self.refused {
            let is_blocked = house.shell.done(&["key", "show", &key.id])["state"] == "blocked";
            for node in 0..house.nodes.len() {
                house.until(node, token, if is_blocked { 401 } else { 200 }).await;
                assert_eq!(house.ask(node, key).await.0, if is_blocked { 401 } else { 200 });
            }
            house.shell.done(&["key", "block", &key.id]);
            house.dead_everywhere(token).await;
        }
        house.shell.done(&["audit", "verify"]);
    }
}

/// Who is asked all the while.
struct Witness {
    key: Key,
    /// A token of that key.
    valid: String,
    /// One whose key was blocked before anything happened.
    doomed: String,
}

/// Two servers of ours on that one, and a witness.
async fn house_on(server: &PostgresServer) -> (House, Witness) {
    let house = House::on(server, 2).await;
    let (key, dead) = (house.key(), house.key());
    let (valid, doomed) = (house.token(0, &key).await, house.token(1, &dead).await);
    house.shell.done(&["key", "block", &dead.id]);
    house.dead_everywhere(&doomed).await;
    (house, Witness { key, valid, doomed })
}

/// Keys to be blocked, each with a token that every server has judged.
async fn victims(house: &House, count: usize) -> Vec<(Key, String)> {
    let mut victims = Vec::new();
    for _ in 0..count {
        let key = house.key();
        let token = house.token(0, &key).await;
        house.until(1, &token, 200).await;
        victims.push((key, token));
    }
    victims
}

/// Until nothing is recorded any more at any server: so many refusals one after the other.
async fn until_nobody_mints(house: &House, key: &Key, told: &mut Told) {
    let (began, mut refusals) = (now(), 0);
    while refusals < 20 {
        refusals = if told.mint(house, refusals % 2, key).await { 0 } else { refusals + 1 };
        assert!(began.elapsed() < Duration::from_mins(1), "there is room yet");
    }
}

/// A row that is not to be had is an error of its transaction; whatever needs no room goes on, also
/// the poll, so that the servers know that they know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_room_for_a_row_stops_minting_and_nothing_is_lost() {
    let server = PostgresServer::start_on_a_small_disk(TABLES, 96).await;
    let (house, Witness { key, valid, doomed }) = house_on(&server).await;
    let mut told = Told::default();

    for round in 0..2 {
        let mut victims = victims(&house, 3).await;
        house.all_is_well(&valid, &key).await;
        server.disk().fill();
        until_nobody_mints(&house, &key, &mut told).await;
        for (victim, token) in victims.drain(..) {
            told.block(&house, victim, token).await;
        }
        for node in [0, 1] {
            assert!(!told.mint(&house, node, &key).await, "round {round}");
            assert_eq!(house.verdict(node, &valid).await.0, 200, "a check asks no database");
            assert_eq!(house.verdict(node, &doomed).await.0, 401);
        }

        server.disk().free();
        let freed = now();
        house.all_is_well(&valid, &key).await;
        report(&format!(
            "the disk of the tables full: {} tokens, {} of {} blocks before the end; all is well {} ms after \
             there is room",
            told.received.len(),
            told.dead.len(),
            told.dead.len() + told.refused.len(),
            freed.elapsed().as_millis()
        ));
        told.holds(&house).await;
        told.refused.clear();
    }
    let log = house.nodes[0].log();
    assert!(log.contains("its disk is full"), "{log}");
    assert!(!log.contains("no transaction in progress"), "what was refused has nothing to undo: {log}");
}

/// A log of changes that cannot grow ends PostgreSQL in the middle of whatever it does. It is started
/// again once there is room, as by an operator; our servers are not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_log_a_change_is_waited_for_and_nothing_is_lost() {
    let mut server = PostgresServer::start_on_a_small_disk(CHANGES, 12).await;
    let (house, witness) = house_on(&server).await;
    let mut told = Told::default();
    let victims = victims(&house, 8).await;
    house.all_is_well(&witness.valid, &witness.key).await;

    // A standby that is never there: what it has not fetched is kept, and nothing makes room.
    execute(&server, "SELECT pg_create_physical_replication_slot('absent', true)").await.unwrap();
    server.disk().fill();
    // Mints and blocks until the end; somebody else's changes fill what is left the sooner.
    let over = AtomicBool::new(false);
    let mint = async {
        let mut received = Vec::new();
        while !over.load(Ordering::SeqCst) {
            match ask(&house.http, &house.nodes[0].url, &witness.key).await {
                (200, body) => received.push(body["access_token"].as_str().unwrap().to_owned()),
                (status, body) => assert_eq!(status, 503, "{body}"),
            }
            assert_ne!(verdict(&house.http, &house.nodes[1].url, &witness.doomed).await.0, 200);
        }
        received
    };
    let end = async {
        for (victim, token) in victims {
            told.block(&house, victim, token).await;
            change_much(&server).await;
        }
        let began = now();
        while !server.has_ended() {
            change_much(&server).await;
            assert!(began.elapsed() < Duration::from_mins(1), "it goes on: {}", server.log());
            tokio::time::sleep(PAUSE).await;
        }
        over.store(true, Ordering::SeqCst);
        now()
    };
    let (received, ended) = tokio::join!(mint, end);
    assert!(server.log().contains("No space left on device"), "{}", server.log());
    told.received.extend(received);

    gone_and_back(&house, &mut server, &mut told, (witness, ended)).await;
    report(&format!(
        "the disk of the log of changes full: {} tokens and {} blocks kept",
        told.received.len(),
        told.dead.len()
    ));
}

/// A checkpoint writes a file of its own, and PostgreSQL ends when it cannot. This is how a full disk of
/// tables goes on when nobody looks after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_room_for_a_checkpoint_is_waited_for_and_nothing_is_lost() {
    let mut server = PostgresServer::start_on_a_small_disk(TABLES, 96).await;
    let (house, witness) = house_on(&server).await;
    let mut told = Told::default();
    let victims = victims(&house, 3).await;
    house.all_is_well(&witness.valid, &witness.key).await;

    server.disk().fill();
    until_nobody_mints(&house, &witness.key, &mut told).await;
    for (victim, token) in victims {
        told.block(&house, victim, token).await;
    }
    execute(&server, "CHECKPOINT").await.unwrap_err();
    let began = now();
    // It starts itself again, wants another checkpoint for that, and gives up.
    while !server.has_ended() {
        assert!(began.elapsed() < Duration::from_mins(1), "it goes on: {}", server.log());
        tokio::time::sleep(PAUSE).await;
    }
    let ended = now();
    assert!(server.log().contains("PANIC:") && server.log().contains("No space left on device"));

    gone_and_back(&house, &mut server, &mut told, (witness, ended)).await;
}

/// Without a database nobody is admitted when the bound is over; with room it is started again, and all is
/// as it was acknowledged.
async fn gone_and_back(
    house: &House,
    server: &mut PostgresServer,
    told: &mut Told,
    (Witness { key, valid, doomed }, ended): (Witness, Instant),
) {
    // Nobody can prove any more that nothing was revoked.
    for node in [0, 1] {
        assert!(!told.mint(house, node, &key).await);
        house.until(node, &valid, 503).await;
        assert!(ended.elapsed() <= house.constants.bound(), "{:?} without a database", ended.elapsed());
        assert_eq!((house.verdict(node, &doomed).await.0, house.ready(node).await), (503, 503));
        assert!(!told.mint(house, node, &key).await);
    }

    server.disk().free();
    server.run().await;
    let back = now();
    house.all_is_well(&valid, &key).await;
    report(&format!("all is well {} ms after the database runs again", back.elapsed().as_millis()));
    told.holds(house).await;
}

/// Some changes of somebody else.
async fn change_much(server: &PostgresServer) {
    // The end of the server is an answer as well.
    let _ = execute(server, "SELECT pg_logical_emit_message(false, 'others', repeat('x', 100000))").await;
}

async fn execute(server: &PostgresServer, statement: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statement).execute(&mut server.connect().await?).await.map(drop)
}
