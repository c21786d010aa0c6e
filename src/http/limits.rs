//! What one connection may ask of the server, in HTTP/1 and HTTP/2 alike.

use std::time::Duration;

use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

use super::Patience;
use super::connection::{Places, Watching};
use super::drain::Drain;

/// The longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The same for HTTP/2, where a head is many short fields, compressed.
const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;
/// Requests under way on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;
/// Requests that were taken back before they were answered, beyond which the connection ends
/// (CVE-2023-44487, "rapid reset").
const MAX_TAKEN_BACK: usize = 20;
/// Requests that broke a rule, beyond which the connection ends (CVE-2025-8671, "made you reset").
const MAX_BROKEN: usize = 100;
/// What a client may send of a body before it is read; forms are shorter.
const WINDOW_BYTES: u32 = 64 * 1024;

/// Sets the limits of every connection.
pub(super) fn limit(http: &mut Builder<TokioExecutor>, patience: Patience) {
    http.http1().timer(TokioTimer::new()).header_read_timeout(patience.head).max_buf_size(MAX_HEAD_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(MAX_TAKEN_BACK)
        .max_local_error_reset_streams(MAX_BROKEN)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_send_buf_size(MAX_HEAD_BYTES)
        // Whoever is gone without a word is noticed; whoever is there and idle, by `Watching`.
        .keep_alive_interval(patience.head)
        .keep_alive_timeout(patience.head);
}

/// Who is let in over plain TCP.
pub(super) fn plainly(patience: Patience, drain: Drain, places: Places) -> Watching<NoDelayAcceptor> {
    Watching::new(NoDelayAcceptor::new(), idle(patience), drain, places)
}

/// Who is let in over TLS.
pub(super) fn by_tls(
    served: RustlsConfig,
    patience: Patience,
    drain: Drain,
    places: Places,
) -> Watching<RustlsAcceptor<NoDelayAcceptor>> {
    let tls = RustlsAcceptor::new(served).handshake_timeout(patience.head);
    Watching::new(tls.acceptor(NoDelayAcceptor::new()), idle(patience), drain, places)
}

/// Longer than a head may take, so that HTTP/1 has the first word.
fn idle(patience: Patience) -> Duration {
    patience.head.saturating_add(patience.head / 2)
}
