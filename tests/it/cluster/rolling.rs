//! Every server is stopped and started again, one after the other, and no caller notices.

use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;

use super::house::{House, Key, is_real, report};

/// Somebody who goes on to the next server where the connection is refused, and in no other case: a
/// server that stops answers whoever is connected. An answer counts as it is.
#[derive(Clone)]
struct Caller {
    http: Client,
    servers: Arc<Mutex<Vec<String>>>,
    next: Arc<AtomicU64>,
    moved_on: Arc<AtomicU64>,
}

impl Caller {
    async fn status(&self, request: impl Fn(&Client, &str) -> reqwest::RequestBuilder) -> u16 {
        loop {
            let turn = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap();
            let server = {
                let servers = self.servers.lock().unwrap();
                servers[turn % servers.len()].clone()
            };
            match request(&self.http, &server).send().await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    answer.bytes().await.expect("an answer that was begun is finished");
                    return status;
                }
                Err(error) if is_refused(&error) => self.moved_on.fetch_add(1, Ordering::Relaxed),
                Err(error) => panic!("{error:?}"),
            };
        }
    }

    async fn mint(&self, key: &Key) -> u16 {
        self.status(|http, server| {
            let request = http.post(format!("{server}/oauth/token")).basic_auth(&key.id, Some(&key.secret));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            request.body("grant_type=client_credentials")
        })
        .await
    }

    async fn check(&self, token: &str) -> u16 {
        self.status(|http, server| http.get(format!("{server}/v1/auth/verify")).bearer_auth(token)).await
    }
}

/// Whether nobody listens there.
fn is_refused(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let mut kinds = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.any(|kind| kind == io::ErrorKind::ConnectionRefused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_restarted_one_by_one_and_no_valid_request_is_refused() {
    let mut house = House::of(3).await;
    let (key, doomed) = (house.key(), house.key());
    let (valid, dead) = (house.token(0, &key).await, house.token(1, &doomed).await);
    house.shell.done(&["key", "block", &doomed.id]);
    house.dead_everywhere(&dead).await;
    let servers = house.nodes.iter().map(|node| node.url.clone()).collect();
    let http = Client::builder().timeout(Duration::from_secs(15)).build().unwrap();
    let (next, moved_on) = (Arc::default(), Arc::default());
    let caller = Caller { http, servers: Arc::new(Mutex::new(servers)), next, moved_on };
    let over = Arc::new(AtomicBool::new(false));
    let mut calling = Vec::new();
    for _ in 0..3 {
        let (caller, over, key) = (caller.clone(), over.clone(), key.clone());
        let (valid, dead) = (valid.clone(), dead.clone());
        calling.push(tokio::spawn(async move {
            let mut answered = 0;
            while !over.load(Ordering::Relaxed) {
                // Each of them is answered by some server, and as it should be.
                assert_eq!(caller.mint(&key).await, 200);
                assert_eq!(caller.check(&valid).await, 200);
                assert_eq!(caller.check(&dead).await, 401);
                answered += 3;
            }
            answered
        }));
    }

    let rounds = if is_real() { 10 } else { 2 };
    for node in (0..3).cycle().take(3 * rounds) {
        house.nodes[node].stop().await;
        house.nodes[node].run();
        caller.servers.lock().unwrap()[node].clone_from(&house.nodes[node].url);
        house.until(node, &valid, 200).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for caller in calling {
        answered += caller.await.unwrap();
    }
    report(&format!(
        "{} restarts: {answered} requests, none refused, {} went on to the next server",
        3 * rounds,
        caller.moved_on.load(Ordering::Relaxed)
    ));
    house.all_is_well(&valid, &key).await;
}
