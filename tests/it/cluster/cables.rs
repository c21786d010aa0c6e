//! Cables: cut without a word, broken, slow, and without notifications.

use std::time::Duration;

use super::house::{Constants, House, PAUSE, now, report};

/// The bound of promise P2 where the cable is cut: the largest age of a copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_cut_off_admits_nobody_beyond_the_maximum_age_and_comes_back_by_itself() {
    let house = House::of(3).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(1, &other).await);
    house.all_is_well(&doomed, &other).await;

    house.nodes[2].link.cut();
    house.shell.done(&["key", "block", &key.id, "--reason", "key_compromise"]);
    let blocked = now();

    house.until(0, &doomed, 401).await;
    house.until(1, &doomed, 401).await;
    let mut last_admitted = Duration::ZERO;
    loop {
        let asked = blocked.elapsed();
        match house.verdict(2, &doomed).await.0 {
            200 => last_admitted = asked,
            503 => break,
            status => panic!("{status}: it cannot know"),
        }
        let bound = house.constants.bound();
        assert!(asked <= bound, "{asked:?} after the block the server that is cut off admits its token");
        tokio::time::sleep(PAUSE).await;
    }
    report(&format!(
        "cable cut, max_age {:?}: the last check that passed was asked {} ms after the block",
        house.constants.max_age,
        last_admitted.as_millis()
    ));
    // It says so of every token, and gives none, while the others go on.
    for _ in 0..20 {
        assert_eq!(house.verdict(2, &valid).await.0, 503);
        assert_eq!(house.verdict(2, &doomed).await.0, 503);
    }
    assert_eq!(house.ask(2, &other).await.0, 503);
    assert_eq!(house.ready(2).await, 503);
    assert_eq!(house.verdict(0, &valid).await.0, 200);
    assert_eq!(house.ask(0, &other).await.0, 200);

    house.nodes[2].link.mend();
    house.until(2, &valid, 200).await;
    assert_eq!(house.verdict(2, &doomed).await, (401, "revoked".to_owned()), "it learnt before it admitted");
    house.all_is_well(&valid, &other).await;
}

/// The same for connections that were ended: nobody waits for the dead ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_connections_break_is_stale_and_comes_back_by_itself() {
    let house = House::of(2).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(1, &other).await);
    house.all_is_well(&doomed, &other).await;

    house.nodes[1].link.refuse();
    house.shell.done(&["key", "block", &key.id]);
    let blocked = now();
    house.until(1, &valid, 503).await;
    assert!(blocked.elapsed() <= house.constants.bound());
    assert_eq!(house.verdict(1, &doomed).await.0, 503);
    assert_eq!(house.verdict(0, &doomed).await.0, 401);

    house.nodes[1].link.mend();
    house.until(1, &valid, 200).await;
    assert_eq!(house.verdict(1, &doomed).await, (401, "revoked".to_owned()));
    house.all_is_well(&valid, &other).await;
}

/// Nothing is told; the poll alone is enough for the bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_notifications_the_poll_alone_keeps_the_bound() {
    let constants = Constants::of_run();
    let house = House::with(2, constants, &[("PORTCULLIS_STORE_LISTEN", "off")]).await;
    let other = house.key();
    let valid = house.token(0, &other).await;
    for _ in 0..5 {
        let key = house.key();
        let doomed = house.token(0, &key).await;
        house.until(1, &doomed, 200).await;
        house.shell.done(&["key", "block", &key.id]);
        let took = house.dead_everywhere(&doomed).await;
        // 5 s and a read of 3 s at the constants of everyday.
        let bound = constants.poll + Duration::from_secs(3) + constants.slack;
        assert!(took <= bound, "{took:?}");
        report(&format!("no notifications, poll {:?}: dead after {} ms", constants.poll, took.as_millis()));
        assert_eq!(house.ask(1, &key).await.0, 401, "nothing is minted on what is remembered");
    }
    house.all_is_well(&valid, &other).await;
}

/// Half a second for whatever is said to the database: mints may fail, checks do not notice, and a
/// revoked token dies within the bound of everyday.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_delays_and_never_widens() {
    let constants = Constants::REAL;
    let house = House::with(2, constants, &[]).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(1, &other).await);
    house.all_is_well(&doomed, &other).await;

    house.nodes.iter().for_each(|node| node.link.slow_down(Duration::from_millis(500)));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let (status, body) = house.ask(0, &other).await;
        assert!(matches!(status, 200 | 503), "{status}: {body}");
        if let Some(token) = body["access_token"].as_str() {
            house.until(1, token, 200).await;
        }
        statuses.push(status);
        assert_eq!(house.verdict(0, &valid).await.0, 200, "a check asks no database");
    }
    report(&format!("500 ms to the database: mints were answered {statuses:?}"));
    // A key that no server has met: one statement for it and one for its project, and the log's.
    let cold = house.key();
    let began = now();
    let token = house.token(0, &cold).await;
    report(&format!(
        "500 ms to the database: the first token of a key after {} ms",
        began.elapsed().as_millis()
    ));
    house.until(1, &token, 200).await;
    house.shell.done(&["key", "block", &key.id]);
    let blocked = now();
    for node in [0, 1] {
        loop {
            let asked = blocked.elapsed();
            match house.verdict(node, &doomed).await.0 {
                200 => assert!(asked <= constants.bound(), "{asked:?}"),
                401 => break,
                status => assert_eq!(status, 503),
            }
            tokio::time::sleep(PAUSE).await;
        }
        assert_ne!(house.ask(node, &key).await.0, 200);
    }
    report(&format!("500 ms to the database: dead everywhere after {} ms", blocked.elapsed().as_millis()));

    house.nodes.iter().for_each(|node| node.link.mend());
    house.all_is_well(&valid, &other).await;
    assert_eq!(house.verdict(0, &doomed).await.0, 401);
}
