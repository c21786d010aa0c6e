//! How long a block takes to reach every server, under load; and that neither a check nor a mint that
//! was on its way outruns it (threat S23).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use portcullis::config::{Environment, Flags, Settings};
use portcullis::domain::KeyId;
use portcullis::domain::audit::Actor;
use portcullis::entropy::SystemEntropy;
use portcullis::installation::{Installation, Surroundings, Terms};
use portcullis::keys::acts::{Acts, KeyAct, Why};
use portcullis::time::SystemClock;

use super::house::{House, Key, PAUSE, ask, is_real, now, report, verdict};
use super::node::{ISSUER, MASTER_KEY};

const NODES: usize = 3;

/// What everybody does meanwhile, until told to stop.
struct Load {
    over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    working: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// Somebody who asks each server for tokens, and somebody who asks each of them about one.
    fn begin(house: &House, key: &Key, valid: &str) -> Self {
        let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut working = Vec::new();
        for node in &house.nodes {
            let (http, url, key) = (house.http.clone(), node.url.clone(), key.clone());
            let (stop, count) = (over.clone(), done.clone());
            working.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let (status, body) = ask(&http, &url, &key).await;
                    assert_eq!(status, 200, "{body}");
                    count.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
            }));
            let (http, url, token) = (house.http.clone(), node.url.clone(), valid.to_owned());
            let (stop, count) = (over.clone(), done.clone());
            working.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(verdict(&http, &url, &token).await.0, 200);
                    count.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
            }));
        }
        Self { over, done, working }
    }

    /// How many requests were answered, each as it should be.
    async fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        for working in self.working {
            working.await.unwrap();
        }
        self.done.load(Ordering::Relaxed)
    }
}

/// Asks for tokens of a key until it is refused; each token with the moment it was asked for.
async fn mint_until_refused(http: reqwest::Client, url: String, key: Key) -> Vec<(Instant, String)> {
    let mut given = Vec::new();
    loop {
        let asked = now();
        match ask(&http, &url, &key).await {
            (200, body) => {
                given.push((asked, body["access_token"].as_str().unwrap().to_owned()));
                tokio::time::sleep(PAUSE).await;
            }
            (401, _) => return given,
            // Decided while the key was edited, and the second time too late.
            (503, _) => {}
            (status, body) => panic!("{status}: {body}"),
        }
    }
}

/// Asks until the token is refused; how long after that moment it was.
async fn refused_after(
    http: reqwest::Client,
    url: String,
    token: String,
    since: Arc<OnceLock<Instant>>,
) -> Duration {
    loop {
        let (status, _) = verdict(&http, &url, &token).await;
        let Some(since) = since.get() else {
            assert!(matches!(status, 200 | 401));
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        };
        if status == 401 {
            return since.elapsed();
        }
        assert_eq!(status, 200);
        assert!(since.elapsed() < Duration::from_mins(1), "a revoked token passes after a minute");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One block: how long after it was acknowledged each server refused.
async fn block(house: &House, shell: &Acts, key: &Key) -> Vec<Duration> {
    let id: KeyId = key.id.parse().unwrap();
    let token = house.token(0, key).await;
    let acknowledged = Arc::new(OnceLock::new());
    let minting: Vec<_> = (0..NODES)
        .map(|node| {
            tokio::spawn(mint_until_refused(house.http.clone(), house.nodes[node].url.clone(), key.clone()))
        })
        .collect();
    let checking: Vec<_> = (0..NODES)
        .map(|node| {
            let (http, url) = (house.http.clone(), house.nodes[node].url.clone());
            tokio::spawn(refused_after(http, url, token.clone(), acknowledged.clone()))
        })
        .collect();
    for node in 0..NODES {
        house.until(node, &token, 200).await;
    }
    shell.act_on_key(&id, KeyAct::Block, &Why::default()).await.unwrap();
    let at = now();
    acknowledged.set(at).unwrap();
    for node in 0..NODES {
        assert_eq!(house.ask(node, key).await.0, 401, "a mint asked for after the block");
    }
    let mut took = Vec::new();
    for check in checking {
        took.push(check.await.unwrap());
    }
    for mint in minting {
        for (asked, token) in mint.await.unwrap() {
            assert!(asked <= at, "a token asked for {:?} after the block was acknowledged", asked - at);
            for node in 0..NODES {
                assert_eq!(house.verdict(node, &token).await.0, 401, "a token in flight is dead on arrival");
            }
        }
    }
    shell.act_on_key(&id, KeyAct::Unblock, &Why::default()).await.unwrap();
    took
}

/// An administrator's hand on the database, without the time that a process takes to start.
async fn shell(house: &House, folder: &std::path::Path) -> Acts {
    let variables = [
        ("PORTCULLIS_DATABASE", house.url_by(house.address())),
        ("PORTCULLIS_MASTER_KEY", MASTER_KEY.to_owned()),
        ("PORTCULLIS_ISSUER", ISSUER.to_owned()),
        ("PORTCULLIS_DATA_DIR", folder.to_str().unwrap().to_owned()),
    ];
    let settings = Settings::load(&Flags::default(), &Environment::from_iter(variables)).unwrap();
    let terms = Terms { issuer: settings.issuer.clone(), ..Terms::default() };
    let surroundings = Surroundings { clock: SystemClock::shared(), entropy: SystemEntropy::shared() };
    Installation::open(&settings, &terms, surroundings).await.unwrap().acts(Actor::Local(0))
}

/// Median, the one that 99 of 100 are below, and the largest, in milliseconds.
fn spread(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)].as_secs_f64() * 1e3;
    format!("median {:.1} ms, p99 {:.1} ms, max {:.1} ms", at(50), at(99), at(100))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_a_block_is_everywhere_within_its_bound_and_no_mint_outruns_it() {
    let house = House::of(NODES).await;
    let other = house.key();
    let valid = house.token(0, &other).await;
    house.all_is_well(&valid, &other).await;
    let (folder, key) = (tempfile::tempdir().unwrap(), house.key());
    let shell = shell(&house, folder.path()).await;
    let load = Load::begin(&house, &other, &valid);
    let began = now();

    let blocks = if is_real() { 200 } else { 30 };
    let mut took = Vec::new();
    for _ in 0..blocks {
        took.extend(block(&house, &shell, &key).await);
    }

    let (span, answered) = (began.elapsed(), load.end().await);
    assert!(took.iter().all(|took| *took <= house.constants.bound()));
    report(&format!(
        "{blocks} blocks, {NODES} servers, {:.0} other requests/s: acknowledged to refused {}",
        f64::from(u32::try_from(answered).unwrap()) / span.as_secs_f64(),
        spread(took)
    ));
    house.all_is_well(&valid, &other).await;
}
