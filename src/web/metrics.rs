//! The page of metrics: what was counted, and what is true of this node at the moment.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use portcullis_guard::Freshness;

use super::Server;
use crate::metrics::{CONTENT_TYPE, Page, Tally, list};

/// Why a request was refused, for whoever counts: among the extensions of the answer. A code of ours, never
/// anything that the client wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedFor(pub &'static str);

/// `GET /metrics`. It names no project, key, address or token, so whoever may reach the listener may read it.
pub async fn metrics(State(server): State<Arc<Server>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page(&server)).into_response()
}

fn page(server: &Server) -> String {
    let (mut page, counted) = (Page::default(), &server.metrics);
    page.begin(&list::BUILD);
    page.labelled(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    counted.tell(&mut page);
    page.number(&list::SIGNATURES, counted.signatures.sum());
    page.number(&list::SIGNATURE_MISSES, server.verified.misses());
    let (lookups, loads) = server.authenticator.record_lookups();
    page.number(&list::RECORDS, lookups);
    page.number(&list::RECORD_LOADS, loads);
    let commits = server.issuance.commits();
    page.number(&list::ISSUED, commits.recorded.sum());
    page.begin(&list::COMMITS);
    page.spread(&[], &Tally::of(&commits.took));
    page.begin(&list::BATCHES);
    page.spread(&[], &Tally::of(&commits.tokens));
    page.number(&list::COMMIT_FAILURES, commits.failed.sum());
    page.number(&list::WAITING, server.issuance.waiting());
    match server.copy.age() {
        Some(age) => page.number(&list::AGE, age.as_secs_f64()),
        None => page.number(&list::AGE, "+Inf"),
    }
    page.number(&list::STALE, u8::from(server.copy.freshness() == Freshness::Stale));
    page.number(&list::POSITION, server.copy.applied().value());
    page.number(&list::STREAMS, server.streams.count());
    page.begin(&list::WEBHOOK_ATTEMPTS);
    for (outcome, count) in server.webhooks.counts().attempts() {
        page.labelled(&[("outcome", outcome)], count);
    }
    page.number(&list::WEBHOOK_WAIT, server.webhooks.counts().oldest_secs());
    page.number(&list::CONNECTIONS, counted.connections.now());
    page.end()
}
