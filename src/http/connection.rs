//! Who may hold a connection, and for how long: one that neither sends nor awaits a request is let
//! go, whatever it speaks and at whatever step it stands. A place is held until the connection ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderValue, Request, Response, Version, header};
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::drain::Drain;
use crate::metrics::Present;
use crate::web::Turns;

/// The most connections at a time, if the system allows so many files.
const MOST: u64 = 10_000;
/// The same for administrators.
const MOST_OF_ADMINISTRATORS: u64 = 500;

/// How many connections one listener may have at a time. Each has places of its own: however crowded it
/// is elsewhere, administrators get in.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    /// Most of the files that may be open: a quarter is left for the database and all else.
    pub(super) fn for_everybody() -> Self {
        Self::of(|files| (files / 4 * 3).min(MOST))
    }

    /// A part of that quarter.
    pub(super) fn for_administrators() -> Self {
        Self::of(|files| (files / 16).min(MOST_OF_ADMINISTRATORS))
    }

    fn of(share: impl FnOnce(u64) -> u64) -> Self {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let most = share(files.unwrap_or(u64::MAX));
        Self(Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(1).max(1))))
    }
}

/// Gives each connection a place and watches it.
#[derive(Clone)]
pub(super) struct Watching<A> {
    inner: A,
    idle: Duration,
    drain: Drain,
    places: Arc<Semaphore>,
}

impl<A> Watching<A> {
    /// Lets go of connections between one and two spans of `idle` after their last request, and with
    /// their next answer once the server is about to stop.
    pub(super) fn new(inner: A, idle: Duration, drain: Drain, Places(places): Places) -> Self {
        Self { inner, idle, drain, places }
    }
}

type Accepted<T, S> = Pin<Box<dyn Future<Output = io::Result<(T, S)>> + Send>>;

impl<A, I, S> Accept<I, S> for Watching<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = Watched<A::Stream>;
    type Service = Counted<A::Service>;
    type Future = Accepted<Self::Stream, Self::Service>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            tracing::warn!("a connection was closed at once: there are too many");
            return Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) });
        };
        let (accepting, idle) = (self.inner.accept(stream, service), self.idle);
        let drain = self.drain.clone();
        Box::pin(async move {
            let (inner, service) = accepting.await?;
            let turns = Arc::new(Turns::default());
            let timer = Box::pin(sleep(idle));
            let place = (place, drain.enter());
            let watched = Watched { inner, turns: turns.clone(), seen: 0, timer, idle, _place: place };
            Ok((watched, Counted { inner: service, turns, drain }))
        })
    }
}

/// The service of one connection, counting its requests. A request counts until its answer is
/// handed over, not until it is sent: whoever does not read is let go as well. An answer that goes on
/// finds the count in its request, and tells of each step.
#[derive(Clone)]
pub(super) struct Counted<S> {
    inner: S,
    turns: Arc<Turns>,
    drain: Drain,
}

impl<S, B, C> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<C>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.turns.clone());
        // HTTP/2 has another way to say that a connection ends, and says it when it does.
        let is_told_by_header = request.version() < Version::HTTP_2;
        let (turn, answering) = (self.turns.begin(), self.inner.call(request));
        let drain = self.drain.clone();
        Box::pin(async move {
            let mut answer = answering.await;
            if let Ok(answer) = &mut answer
                && is_told_by_header
                && drain.has_begun()
            {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            drop(turn);
            answer
        })
    }
}

/// A stream that ends once its connection idles.
pub(super) struct Watched<T> {
    inner: T,
    turns: Arc<Turns>,
    /// How many requests had ended when the timer was set.
    seen: u64,
    timer: Pin<Box<Sleep>>,
    idle: Duration,
    _place: (OwnedSemaphorePermit, Present),
}

impl<T> Watched<T> {
    fn idles(&mut self, context: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(context).is_ready() {
            let ended = self.turns.ended();
            if ended == self.seen && self.turns.is_idle_after(ended) {
                return true;
            }
            self.seen = ended;
            self.timer.set(sleep(self.idle));
        }
        false
    }

    /// What the inner stream says, unless it says to wait and the time is up.
    fn unless_idle<R>(
        &mut self,
        context: &mut Context<'_>,
        poll: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if poll.is_pending() && self.idles(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        poll
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_read(context, buffer);
        if poll.is_pending() && self.idles(context) {
            // As if the client had hung up: what is above ends the connection in good order.
            return Poll::Ready(Ok(()));
        }
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.unless_idle(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.unless_idle(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(context);
        self.unless_idle(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(context);
        self.unless_idle(context, poll)
    }
}
