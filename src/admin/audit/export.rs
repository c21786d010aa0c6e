//! `GET /admin/v1/audit/export`: the log as a file, JSON lines or CSV, a batch of rows at a time.

use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::admin::caller::{Caller, ReadAudit};
use crate::admin::problem::Problem;
use crate::admin::query::Query;
use crate::admin::view::{AuditFormat, AuditHead};
use crate::store::WantedAudit;
use crate::web::{OpenStream, Server, Turns};

use super::{FORMATS, after, filtered, newest};

/// How many rows are held at once.
const BATCH: u32 = 500;

/// The rows that are there when it begins, in the order of the chain, and the newest of them as the head. What
/// cannot be brought to its end is cut off, and never a shorter file.
pub(super) async fn export(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadAudit>,
    turns: Option<Extension<Arc<Turns>>>,
    mut query: Query,
) -> Result<Response, Problem> {
    let wanted = filtered(&caller, &mut query)?;
    let format = query.one_of("format", &FORMATS)?;
    let format = format.map_or(Ok(AuditFormat::JsonLines), |word| word.parse());
    let format = format.map_err(|_| Problem::InvalidRequest("`format` is jsonl or csv"))?;
    let after = after(&mut query)?;
    query.end()?;
    let place =
        server.audit_streams.open(caller.key()).ok_or(Problem::TooMany("streams of the audit log"))?;
    let last = newest(&server, &wanted).await?;
    let end = last.as_ref().map_or(0, |last| last.row.seq);
    let head = last.map(|last| AuditHead::of(&last));
    let wanted = WantedAudit { after: after.or(Some(0)), limit: BATCH, ..wanted };
    let begun = Some(Bytes::from(format.beginning()));
    let turns = turns.map(|Extension(turns)| turns);
    let rest = Rest { server, caller, wanted, format, end, head, begun, turns, over: false, _place: place };
    let pieces = stream::unfold(rest, |mut rest| async move {
        let piece = rest.piece().await?;
        Some((piece, rest))
    });
    let name = HeaderValue::from_static(format.disposition());
    let media_type = HeaderValue::from_static(format.media_type());
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// What is still to be written.
struct Rest {
    server: Arc<Server>,
    caller: Caller<ReadAudit>,
    wanted: WantedAudit,
    format: AuditFormat,
    /// The last row of the export.
    end: i64,
    head: Option<AuditHead>,
    /// What stands before the rows, until it is written.
    begun: Option<Bytes>,
    turns: Option<Arc<Turns>>,
    over: bool,
    _place: OpenStream,
}

impl Rest {
    /// The next piece; none after the last one.
    async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        if self.over {
            return None;
        }
        if let Some(turns) = &self.turns {
            turns.step();
        }
        if let Some(begun) = self.begun.take().filter(|begun| !begun.is_empty()) {
            return Some(Ok(begun));
        }
        let piece = self.rows().await;
        self.over |= piece.is_err();
        Some(piece)
    }

    async fn rows(&mut self) -> io::Result<Bytes> {
        self.caller.check_still(&self.server).map_err(cut_off)?;
        let rows = self.server.store.find_audit(&self.wanted).await.map_err(io::Error::other)?;
        let rows = rows.into_iter().take_while(|sealed| sealed.row.seq <= self.end);
        let (mut bytes, mut last) = (Vec::new(), None);
        for sealed in rows {
            last = Some(sealed.row.seq);
            self.format.row(&sealed.into(), &mut bytes)?;
        }
        match last {
            Some(last) if last < self.end => self.wanted.after = Some(last),
            _ => {
                self.over = true;
                self.format.end(self.head.as_ref(), &mut bytes)?;
            }
        }
        Ok(bytes.into())
    }
}

fn cut_off(problem: Problem) -> io::Error {
    tracing::debug!(error = &problem as &dyn std::error::Error, "an export of the audit log is cut off");
    io::Error::other(problem.to_string())
}
