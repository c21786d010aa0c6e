//! A cable between a server and its database, in the hand of the test: it can be cut without a word,
//! answer with refusals, or be slow.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What travels at once, at most.
const CHUNK: usize = 16 * 1024;

/// On threads of their own: a test that waits for a child blocks its own.
static CABLES: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
});

/// How the cable is.
#[derive(Clone, Copy, Debug)]
struct State {
    way: Way,
    /// How often all connections were ended. Those of another age than this one are over.
    age: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Whole,
    /// Nothing passes and nobody is told: every connection stays open, and new ones are taken.
    Cut,
    /// New connections are ended at once.
    Refusing,
    /// Whatever is said to the database takes so long to arrive.
    Slow(Duration),
}

/// A cable to an address; it ends, with all its connections, when it is dropped.
pub(crate) struct Link {
    near: SocketAddr,
    far: watch::Sender<SocketAddr>,
    state: watch::Sender<State>,
    listening: tokio::task::JoinHandle<()>,
}

impl Link {
    /// A whole one.
    pub(crate) fn to(far: SocketAddr) -> Self {
        let (far, state) = (watch::Sender::new(far), watch::Sender::new(State { way: Way::Whole, age: 0 }));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let near = listener.local_addr().unwrap();
        let _there = CABLES.enter();
        let listener = TcpListener::from_std(listener).unwrap();
        let listening = CABLES.spawn(listen(listener, far.subscribe(), state.subscribe()));
        Self { near, far, state, listening }
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> SocketAddr {
        self.near
    }

    /// Nothing passes from now on, and nobody is told.
    pub(crate) fn cut(&self) {
        self.set(Way::Cut);
    }

    /// Ends every connection, and each that comes.
    pub(crate) fn refuse(&self) {
        self.state.send_modify(|state| *state = State { way: Way::Refusing, age: state.age + 1 });
    }

    /// Whatever is said to the database takes so long.
    pub(crate) fn slow_down(&self, by: Duration) {
        self.set(Way::Slow(by));
    }

    /// As it was at first. What waited in a cut cable arrives now.
    pub(crate) fn mend(&self) {
        self.set(Way::Whole);
    }

    /// Leads elsewhere; who is connected is cut off.
    pub(crate) fn lead_to(&self, far: SocketAddr) {
        self.refuse();
        self.far.send_replace(far);
        self.mend();
    }

    fn set(&self, way: Way) {
        self.state.send_modify(|state| state.way = way);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.listening.abort();
        // The connections end with the last sender of the state.
    }
}

async fn listen(listener: TcpListener, far: watch::Receiver<SocketAddr>, state: watch::Receiver<State>) {
    while let Ok((near, _)) = listener.accept().await {
        if state.borrow().way == Way::Refusing {
            continue;
        }
        tokio::spawn(carry(near, far.clone(), state.clone()));
    }
}

/// One connection, for as long as both ends and the cable bear it.
async fn carry(near: TcpStream, far: watch::Receiver<SocketAddr>, state: watch::Receiver<State>) {
    let whole = async {
        pass(&mut state.clone()).await?;
        let place = *far.borrow();
        let far = TcpStream::connect(place).await.ok()?;
        near.set_nodelay(true).ok()?;
        far.set_nodelay(true).ok()?;
        let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
        tokio::select! {
            _ = pump(from_near, to_far, state.clone(), true) => {}
            _ = pump(from_far, to_near, state.clone(), false) => {}
        }
        Some(())
    };
    let mut watching = state.clone();
    let age = state.borrow().age;
    tokio::select! {
        _ = whole => {}
        _ = watching.wait_for(|state| state.age != age) => {}
    }
}

/// Waits until something may pass; the delay that it suffers.
async fn pass(state: &mut watch::Receiver<State>) -> Option<Duration> {
    let way = state.wait_for(|state| state.way != Way::Cut).await.ok()?.way;
    Some(if let Way::Slow(by) = way { by } else { Duration::ZERO })
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
    delayed: bool,
) -> Option<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        pass(&mut state).await?;
        let length = from.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        let delay = pass(&mut state).await?;
        if delayed && !delay.is_zero() {
            tokio::time::sleep(delay).await;
            pass(&mut state).await?;
        }
        to.write_all(&chunk[..length]).await.ok()?;
    }
}
