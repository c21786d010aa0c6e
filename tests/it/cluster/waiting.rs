//! `?wait=applied` against real servers: what it says of each is what that server then does, whether its cable
//! is cut, its process killed or the database gone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::house::{Constants, House, Key, PAUSE, now, report};

/// Somebody who is paged at night: a key for administration, and a client that waits as long as it takes.
struct OnCall<'a> {
    house: &'a House,
    key: Key,
    http: reqwest::Client,
}

impl<'a> OnCall<'a> {
    fn at(house: &'a House) -> Self {
        let create = ["key", "create", "--project", "portcullis", "--name", "on call"];
        let made = house.shell.done(&[&create[..], &["--permission", "portcullis:keys:write"]].concat());
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let key = Key { id: text("key_id"), secret: text("secret") };
        let http = reqwest::Client::builder().timeout(Duration::from_secs(90)).build().unwrap();
        Self { house, key, http }
    }

    /// Blocks a key by the first server and waits; status and body of the answer, and how long it took.
    async fn block(&self, token: &str, key: &Key, timeout: u32) -> (u16, Value, Duration) {
        let path = format!("admin/v1/keys/{}/block?wait=applied&timeout={timeout}", key.id);
        let began = now();
        let request = self.http.post(format!("{}/{path}", self.house.nodes[0].admin)).bearer_auth(token);
        let answer = request.json(&json!({ "reason": "key_compromise" })).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap(), began.elapsed())
    }

    async fn token(&self) -> String {
        self.house.token(0, &self.key).await
    }
}

fn unix_now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "servers tell the machine's time")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// How the servers stand, sorted; each with a time that can be.
fn standings(done: &Value, since: i64) -> Vec<&str> {
    let nodes = done["applied"]["nodes"].as_array().unwrap();
    let mut found = Vec::new();
    for node in nodes {
        let (standing, seen_at) = (node["standing"].as_str().unwrap(), node["seen_at"].as_i64().unwrap());
        assert!((since..=unix_now() + 1).contains(&seen_at), "{done}");
        let has = node["applied"].as_u64() >= done["position"].as_u64();
        assert_eq!(has, standing == "applied", "{done}");
        found.push(standing);
    }
    found.sort_unstable();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_is_applied_on_all_servers_is_refused_by_each_from_then_on() {
    let since = unix_now();
    let house = House::of(3).await;
    let on_call = OnCall::at(&house);
    let token = on_call.token().await;
    for _ in 0..5 {
        let key = house.key();
        let doomed = house.token(1, &key).await;
        for node in 0..3 {
            house.until(node, &doomed, 200).await;
        }

        let (status, done, took) = on_call.block(&token, &key, 30).await;

        // The first question to each: nobody is asked twice.
        for node in 0..3 {
            assert_eq!(house.verdict(node, &doomed).await, (401, "revoked".to_owned()), "{done}");
            assert_eq!(house.ask(node, &key).await.0, 401, "{done}");
        }
        assert_eq!((status, &done["applied"]["complete"]), (200, &json!(true)), "{done}");
        assert_eq!(standings(&done, since), ["applied", "applied", "applied"], "{done}");
        report(&format!("block with wait: applied on all three after {} ms", took.as_millis()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_cut_off_is_presumed_stale_and_admits_nobody_when_it_is_said() {
    let since = unix_now();
    let house = House::of(3).await;
    let on_call = OnCall::at(&house);
    let (key, other, token) = (house.key(), house.key(), on_call.token().await);
    let (doomed, valid) = (house.token(0, &key).await, house.token(0, &other).await);
    house.all_is_well(&doomed, &other).await;
    house.nodes[2].link.cut();

    let (status, done, took) = on_call.block(&token, &key, 60).await;

    for (token, last) in [(&doomed, 503), (&valid, 503)] {
        assert_eq!(house.verdict(2, token).await.0, last, "it was said to be stale: {done}");
    }
    assert_eq!((house.ask(2, &other).await.0, house.ready(2).await), (503, 503));
    assert_eq!((house.verdict(0, &doomed).await.0, house.verdict(1, &doomed).await.0), (401, 401));
    assert_eq!((status, &done["applied"]["complete"]), (200, &json!(true)), "{done}");
    assert_eq!(standings(&done, since), ["applied", "applied", "stale"], "{done}");
    assert!(took > house.constants.max_age, "{took:?}: nobody is stale so soon");

    house.nodes[2].link.mend();
    house.until(2, &valid, 200).await;
    assert_eq!(house.verdict(2, &doomed).await, (401, "revoked".to_owned()), "it learnt before it admitted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_holds_nobody_up_for_longer_and_refuses_when_it_is_back() {
    let since = unix_now();
    let mut house = House::of(3).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(0, &other).await);
    house.all_is_well(&doomed, &other).await;
    house.nodes[2].kill();
    let on_call = OnCall::at(&house);
    let token = on_call.token().await;

    let (status, done, took) = on_call.block(&token, &key, 60).await;

    assert_eq!((status, &done["applied"]["complete"]), (200, &json!(true)), "{done}");
    assert_eq!(standings(&done, since), ["applied", "applied", "stale"], "{done}");
    report(&format!("block with wait, one of three killed: complete after {} ms", took.as_millis()));
    house.nodes[2].run();
    house.until(2, &valid, 200).await;
    assert_eq!(house.verdict(2, &doomed).await, (401, "revoked".to_owned()));
}

/// The act is done: that is said, and of what is not known nothing is claimed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_lost_while_somebody_waits_leaves_an_honest_answer() {
    let house = House::of(3).await;
    let on_call = OnCall::at(&house);
    let (key, other, token) = (house.key(), house.key(), on_call.token().await);
    let (doomed, valid) = (house.token(0, &key).await, house.token(0, &other).await);
    house.all_is_well(&doomed, &other).await;
    // Somebody has to be waited for.
    house.nodes[2].link.cut();
    let lost = async {
        while house.shell.done(&["key", "show", &key.id])["state"] != "blocked" {
            tokio::time::sleep(PAUSE).await;
        }
        house.nodes.iter().for_each(|node| node.link.cut());
    };

    let ((status, done, took), ()) = tokio::join!(on_call.block(&token, &key, 8), lost);

    assert_eq!((status, &done["applied"]["complete"]), (200, &json!(false)), "{done}");
    assert_eq!(done["tokens_revoked"], true, "{done}");
    let bound = Duration::from_secs(8) + house.constants.slack;
    assert!(took <= bound, "{took:?}");
    for node in 0..3 {
        // Nobody can know: whoever has not applied it admits nobody either.
        house.until(node, &valid, 503).await;
    }
    // And what cannot be done now is not said to be done.
    let (status, refused, took) = on_call.block(&token, &other, 8).await;
    assert_eq!((status, &refused["code"]), (503, &json!("temporarily_unavailable")), "{refused}");
    assert!(took <= bound, "{took:?}");

    house.nodes.iter().for_each(|node| node.link.mend());
    for node in 0..3 {
        house.until(node, &valid, 200).await;
        assert_eq!(house.verdict(node, &doomed).await, (401, "revoked".to_owned()));
    }
}

/// The listener lets go of whoever takes longer than 15 s; who waits may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_may_take_longer_than_any_other_request() {
    let since = unix_now();
    let constants = Constants { max_age: Duration::from_secs(17), ..Constants::REAL };
    let house = House::with(2, constants, &[]).await;
    let on_call = OnCall::at(&house);
    let (key, other, token) = (house.key(), house.key(), on_call.token().await);
    let doomed = house.token(0, &key).await;
    house.all_is_well(&doomed, &other).await;
    house.nodes[1].link.cut();

    let (status, done, took) = on_call.block(&token, &key, 60).await;

    assert_eq!(house.verdict(1, &doomed).await.0, 503, "{done}");
    assert_eq!((status, &done["applied"]["complete"]), (200, &json!(true)), "{done}");
    assert_eq!(standings(&done, since), ["applied", "stale"], "{done}");
    assert!((Duration::from_secs(15)..Duration::from_mins(1)).contains(&took), "{took:?}");
    report(&format!("block with wait, one of two cut off: complete after {} ms", took.as_millis()));
}
