//! The database: stopped, started again, in need of room.

use std::time::Duration;

use super::house::{House, PAUSE, now, report};
use crate::support::PostgresServer;

/// Up to the maximum age checks go on, nothing is minted, and what had been acknowledged holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_and_starts_again_is_found_again() {
    let mut server = PostgresServer::start().await;
    let house = House::on(&server, 2).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(1, &other).await);
    house.all_is_well(&valid, &other).await;
    house.shell.done(&["key", "block", &key.id]);
    house.dead_everywhere(&doomed).await;

    for end in [PostgresServer::stop, PostgresServer::kill] {
        let away = now();
        end(&mut server);
        for node in [0, 1] {
            let (status, body) = house.ask(node, &other).await;
            assert_eq!(status, 503, "it cannot record what it gives: {body}");
        }
        server.run().await;
        let back = now();
        house.all_is_well(&valid, &other).await;
        report(&format!(
            "database away for {} ms: all is well {} ms later",
            (back - away).as_millis(),
            back.elapsed().as_millis()
        ));
        for node in [0, 1] {
            assert_eq!(house.verdict(node, &doomed).await.0, 401, "what was revoked stays so");
            assert_eq!(house.ask(node, &key).await.0, 401);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_nobody_is_admitted_beyond_the_maximum_age() {
    let mut server = PostgresServer::start().await;
    let house = House::on(&server, 2).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(1, &other).await);
    house.all_is_well(&valid, &other).await;
    // Acknowledged, and then nobody can be asked any more.
    house.shell.done(&["key", "block", &key.id]);
    let blocked = now();
    server.kill();

    for node in [0, 1] {
        loop {
            let asked = blocked.elapsed();
            let status = house.verdict(node, &valid).await.0;
            let revoked = house.verdict(node, &doomed).await.0;
            assert!(matches!(status, 200 | 503), "{status}");
            assert!(revoked != 200 || asked <= house.constants.bound(), "{asked:?}");
            assert_ne!(house.ask(node, &other).await.0, 200, "there is nothing to record it in");
            if status == 503 {
                break;
            }
            assert!(asked <= house.constants.bound(), "{asked:?} without a database");
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(house.ready(node).await, 503);
    }

    server.run().await;
    house.all_is_well(&valid, &other).await;
    for node in [0, 1] {
        assert_eq!(house.verdict(node, &doomed).await, (401, "revoked".to_owned()));
        assert_eq!(house.ask(node, &key).await.0, 401);
    }
    house.shell.done(&["audit", "verify"]);
}

/// Every connection that the database has is somebody else's: nobody gets one, then some do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_gets_no_connection_is_stale_until_it_gets_one() {
    let mut server = PostgresServer::start().await;
    let house = House::on(&server, 2).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(1, &other).await);
    house.all_is_well(&valid, &other).await;

    // Fewer than are there; the servers' own are ended with the restart.
    server.stop();
    server.set("max_connections=5");
    server.set("superuser_reserved_connections=0");
    server.run().await;
    let mut held = Vec::new();
    let blocked = loop {
        match server.connect().await {
            Ok(connection) => held.push(connection),
            Err(_) if held.is_empty() => tokio::time::sleep(PAUSE).await,
            Err(_) => {
                let pid = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE application_name = 'portcullis'";
                sqlx::raw_sql(pid).execute(&mut held[0]).await.unwrap();
            }
        }
        if held.len() == 5 {
            // The last one makes room for the shell, and for nobody else in between.
            break now();
        }
    };
    for node in [0, 1] {
        house.until(node, &valid, 503).await;
        assert!(blocked.elapsed() <= house.constants.bound(), "{:?}", blocked.elapsed());
        let (status, _) = house.ask(node, &other).await;
        assert_eq!(status, 503);
    }
    assert!(!house.shell.run(&["key", "block", &key.id]).status.success(), "nor does the shell");

    drop(held);
    server.stop();
    server.set("max_connections=100");
    server.run().await;
    house.all_is_well(&valid, &other).await;
    house.shell.done(&["key", "block", &key.id]);
    house.dead_everywhere(&doomed).await;
}

/// Fewer connections than requests, each of them busy: who waits too long is told so, and nothing
/// that was recorded is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_used_up_refuses_and_recovers() {
    let server = PostgresServer::start().await;
    let house = House::on_with(&server, 2, &[("PORTCULLIS_STORE_CONNECTIONS", "2")]).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(1, &other).await);
    house.all_is_well(&valid, &other).await;

    // Whoever records waits for this lock, on as many connections as there are.
    let mut holder = house.connect().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE issued_tokens IN ACCESS EXCLUSIVE MODE")
        .execute(&mut holder)
        .await
        .unwrap();
    let began = now();
    let asking: Vec<_> = (0..40)
        .map(|_| {
            let (http, url, key) = (house.http.clone(), house.nodes[0].url.clone(), other.clone());
            tokio::spawn(async move { super::house::ask(&http, &url, &key).await.0 })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), 503);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for ever: {:?}", began.elapsed());
    house.shell.done(&["key", "block", &key.id]);
    house.until(1, &doomed, 401).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();

    house.all_is_well(&valid, &other).await;
    house.dead_everywhere(&doomed).await;
    assert_eq!(house.ask(0, &key).await.0, 401);
}
