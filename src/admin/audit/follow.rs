//! `GET /admin/v1/audit/follow`: rows as they are written, as server-sent events (WHATWG HTML §9.2).

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::admin::caller::{Caller, ReadAudit};
use crate::admin::problem::Problem;
use crate::admin::query::Query;
use crate::admin::view::AuditEntry;
use crate::domain::authority::Reach;
use crate::store::WantedAudit;
use crate::web::{OpenStream, Server, Turns};

use super::{after, filtered, newest};

/// How often it is looked for rows, and whether whoever follows still may.
const LOOK: Duration = Duration::from_secs(1);
/// How often something is said.
const PULSE: Duration = Duration::from_secs(5);
/// How many rows are held at once.
const BATCH: u32 = 100;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The rows after the one that was seen last: `Last-Event-ID`, else `after`; from now on, if neither is given.
pub(super) async fn follow(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadAudit>,
    (turns, headers): (Option<Extension<Arc<Turns>>>, HeaderMap),
    mut query: Query,
) -> Result<Response, Problem> {
    let wanted = filtered(&caller, &mut query)?;
    let after = seen(&headers)?.or(after(&mut query)?);
    query.end()?;
    let place =
        server.audit_streams.open(caller.key()).ok_or(Problem::TooMany("streams of the audit log"))?;
    let after = match after {
        Some(after) => {
            check_there(&server, after).await?;
            after
        }
        None => newest(&server, &wanted).await?.map_or(0, |last| last.row.seq),
    };
    let wanted = WantedAudit { after: Some(after), limit: BATCH, ..wanted };
    // Whoever is cut off before the first row knows where to go on.
    let begun = format!("id: {after}\nevent: begin\ndata: {{\"after\":{after}}}\n\n");
    let turns = turns.map(|Extension(turns)| turns);
    let said = server.clock.monotonic();
    let followed = Followed { server, caller, wanted, begun: Some(begun), said, turns, _place: place };
    let events = stream::unfold(followed, |mut followed| async move {
        let event = followed.event().await?;
        followed.said = followed.server.clock.monotonic();
        Some((Ok::<_, Infallible>(event), followed))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        // nginx would wait until it has a page full.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// Whether the log has come so far. Whoever has seen more has seen a log that is no more, because a backup was
/// restored: they would wait for its number and miss what is written until then.
async fn check_there(server: &Server, seen: i64) -> Result<(), Problem> {
    let whole = WantedAudit {
        within: Reach::Everywhere,
        actor: None,
        act: None,
        target: None,
        since: None,
        until: None,
        newest_first: true,
        after: None,
        limit: 1,
    };
    let end = newest(server, &whole).await?.map_or(0, |last| last.row.seq);
    if seen <= end {
        Ok(())
    } else {
        Err(Problem::Refused("the log ends before this row; if a backup was restored, read it anew".into()))
    }
}

/// What was seen last, as whoever comes back says it.
fn seen(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let mut lines = headers.get_all(LAST_EVENT_ID).iter();
    let (line, more) = (lines.next(), lines.next());
    let number = |line: &HeaderValue| line.to_str().ok()?.parse().ok().filter(|seq: &i64| *seq >= 0);
    match line.map(number) {
        None => Ok(None),
        Some(Some(seq)) if more.is_none() => Ok(Some(seq)),
        _ => Err(Problem::InvalidRequest("Last-Event-ID is the number of a row")),
    }
}

struct Followed {
    server: Arc<Server>,
    caller: Caller<ReadAudit>,
    wanted: WantedAudit,
    /// The first event, until it is sent.
    begun: Option<String>,
    /// When something was said last.
    said: Duration,
    turns: Option<Arc<Turns>>,
    _place: OpenStream,
}

impl Followed {
    /// What comes next; none at the end: whoever follows may no longer, or the server stops.
    async fn event(&mut self) -> Option<String> {
        if let Some(turns) = &self.turns {
            turns.step();
        }
        if let Some(begun) = self.begun.take() {
            return Some(begun);
        }
        let mut news = self.server.copy.log().news();
        loop {
            if news.borrow_and_update().ends || self.caller.check_still(&self.server).is_err() {
                return None;
            }
            if let Some(rows) = self.rows().await {
                return Some(rows);
            }
            if self.server.clock.monotonic().saturating_sub(self.said) >= PULSE {
                return Some(": alive\n\n".to_owned());
            }
            // What is published is in the log as well; what is not is found by looking.
            let _ = tokio::time::timeout(LOOK, news.changed()).await;
        }
    }

    /// The rows that came; none if there are none, or nobody can say now.
    async fn rows(&mut self) -> Option<String> {
        let rows = match self.server.store.find_audit(&self.wanted).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the audit log cannot be read now");
                return None;
            }
        };
        self.wanted.after = Some(rows.last()?.row.seq);
        let events = rows.into_iter().map(AuditEntry::from).fold(String::new(), |mut events, entry| {
            let row = serde_json::to_string(&entry).expect("a row is JSON");
            let _ = write!(events, "id: {}\nevent: row\ndata: {row}\n\n", entry.seq);
            events
        });
        Some(events)
    }
}
