//! Whether anybody has published, told by the server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connect::pool;
use super::publish::CHANNEL;

/// After this time it is looked whether there is anything new, told or not.
const LOOK: Duration = Duration::from_secs(1);
/// A connection on which nothing was told for so long is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(10);
/// How long it has to answer that.
const SIGN: Duration = Duration::from_secs(3);
/// How long after a connection broke the next one is tried: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A connection that listens, from the first time that somebody waits.
#[derive(Debug)]
pub(super) struct Watch {
    place: Option<PgConnectOptions>,
    news: Arc<Notify>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Watch {
    /// Listens at this place; nowhere, if there is none.
    pub(super) fn new(place: Option<PgConnectOptions>) -> Self {
        Self { place, news: Arc::default(), listening: Mutex::default() }
    }

    /// Waits until there may be something new, or until it is time to look.
    pub(super) async fn wait(&self) {
        if let Some(place) = &self.place {
            let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
            listening.get_or_insert_with(|| tokio::spawn(listen(place.clone(), self.news.clone())));
        }
        // Either is a reason to look.
        let _ = timeout(LOOK, self.news.notified()).await;
    }

    pub(super) async fn end(&self) {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listening) = listening {
            listening.abort();
            let _ = listening.await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            listening.abort();
        }
    }
}

async fn listen(place: PgConnectOptions, news: Arc<Notify>) {
    let (first, most) = PAUSE;
    let mut pause = first;
    loop {
        let (listened, broke) = until_it_breaks(&place, &news).await;
        if listened {
            pause = first;
        }
        tell(listened, broke.as_ref().err());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(most);
    }
}

fn tell(listened: bool, error: Option<&sqlx::Error>) {
    let error = error.map(|error| error as &dyn std::error::Error);
    if listened {
        tracing::warn!(
            error,
            "the connection that listens to the database broke; until there is another, the feed is polled"
        );
    } else {
        tracing::debug!(error, "the database cannot be listened to");
    }
}

/// Listens on a new connection for as long as it lasts; whether it came to that, and what broke it.
async fn until_it_breaks(place: &PgConnectOptions, news: &Notify) -> (bool, Result<(), sqlx::Error>) {
    // A pool of its own each time: a listener gives its connection back politely, and on a dead
    // link that takes its time.
    let begin = async {
        let pool = pool(1).connect_with(place.clone()).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    };
    let mut listener = match begin.await {
        Ok(listener) => listener,
        Err(error) => return (false, Err(error)),
    };
    // What was published before is not told any more.
    news.notify_one();
    loop {
        match timeout(QUIET, listener.try_recv()).await {
            Ok(Ok(Some(_))) => news.notify_one(),
            Ok(Ok(None)) => return (true, Ok(())),
            Ok(Err(error)) => return (true, Err(error)),
            Err(_quiet) => match timeout(SIGN, listener.execute(sqlx::raw_sql("SELECT 1"))).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return (true, Err(error)),
                Err(_) => return (true, Err(sqlx::Error::PoolTimedOut)),
            },
        }
    }
}
