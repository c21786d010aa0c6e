//! The audit log as a file, and as it happens.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt as _;
use portcullis::domain::audit::Act;
use portcullis::keys::acts::KeyAct;
use portcullis::web::AUDIT_STREAMS_PER_KEY;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Administrator, no};
use crate::support::{App, DEADLINE, Listed as _};

const EXPORT: &str = "/admin/v1/audit/export";
const FOLLOW: &str = "/admin/v1/audit/follow";
/// More than is held at once.
const MANY: usize = 1200;

/// The next piece of an answer that goes on; none at its end.
async fn piece(body: &mut Body) -> Option<Result<String, axum::Error>> {
    let frame = timeout(DEADLINE, body.frame()).await.expect("nothing comes")?;
    Some(frame.map(|frame| String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn numbers(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["seq"].as_i64().unwrap()).collect()
}

impl App {
    /// Writes rows that belong to no project.
    async fn note(&self, rows: usize) {
        for _ in 0..rows {
            let draft =
                self.shell.audit(Act::ExportSigningKey, None, "=kid", json!({ "note": "a,\"b\"\nc" }));
            self.shell.store.note(&draft).await.unwrap();
        }
    }

    async fn rows(&self) -> i64 {
        self.shell.store.audit(0, 10_000).await.unwrap().last().unwrap().row.seq
    }
}

impl Administrator<'_> {
    /// Everything that the list has, page by page.
    async fn listed(&self) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/admin/v1/audit?limit=700{cursor}")).await.json();
            all.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { return all };
            cursor = format!("&cursor={next}");
        }
    }

    async fn open(&self, path: &str) -> Body {
        self.send(Method::GET, path).open().await.unwrap_or_else(|no| panic!("{}", no.text())).into_body()
    }
}

#[tokio::test]
async fn an_export_is_the_whole_log_in_the_order_of_its_chain_and_ends_with_the_head() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    app.note(MANY).await;
    let admin = app.administrator("portcullis:audit:read").await;
    let listed = admin.listed().await;

    let answer = admin.get(EXPORT).await;

    assert_eq!((answer.status, answer.header("content-type")), (200, "application/jsonl"));
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"audit.jsonl\"");
    let exported = lines(&answer.text());
    let (head, rows) = exported.split_last().unwrap();
    assert!(rows.len() > MANY && rows == listed, "{} of {}", rows.len(), listed.len());
    let last = rows.last().unwrap();
    assert_eq!(head, &json!({ "rows": last["seq"], "head": last["hash"] }));
    for pair in rows.windows(2) {
        assert_eq!(
            (&pair[1]["previous"], pair[1]["seq"].as_i64()),
            (&pair[0]["hash"], pair[0]["seq"].as_i64().map(|seq| seq + 1))
        );
    }
    let rest = lines(&admin.get(&format!("{EXPORT}?after=1000")).await.text());
    assert_eq!(rest, exported[1000..]);
    assert_eq!(
        lines(&admin.get(&format!("{EXPORT}?after=9000000")).await.text()),
        std::slice::from_ref(head)
    );

    // As CSV, the same, and no formula.
    let answer = admin.get(&format!("{EXPORT}?format=csv")).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    let text = answer.text();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), exported.len());
    for (record, row) in records.iter().zip(rows) {
        assert_eq!((&record[0], &record[10]), (&*row["seq"].to_string(), row["hash"].as_str().unwrap()));
        assert_eq!(&record[7].trim_start_matches('\''), &row["target"].as_str().unwrap());
        assert!(!record.iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])), "{record:?}");
    }
    assert_eq!(&records.last().unwrap()[5], "(head)");

    // Whoever sees one project exports that, and no head but that of what they see.
    let limited = app.administrator(&format!("portcullis:project:{}:audit:read", shop.project.id)).await;
    let exported = lines(&limited.get(EXPORT).await.text());
    let (head, rows) = exported.split_last().unwrap();
    assert_eq!(rows, limited.listed().await);
    assert!(rows.iter().all(|row| row["project"] == json!(shop.project.id)) && !rows.is_empty());
    assert_eq!(head["head"], rows.last().unwrap()["hash"]);
    for wrong in ["format=xml", "after=-1", "after=x", "limit=5", "order=newest", "format="] {
        let refused = admin.get(&format!("{EXPORT}?{wrong}")).await;
        assert_eq!(refused.problem(), no(400, "invalid_request"), "{wrong}");
    }
}

#[tokio::test]
async fn an_export_is_read_in_pieces_and_holds_what_was_there_when_it_began() {
    let app = App::start().await;
    app.note(MANY).await;
    let end = app.rows().await;
    let admin = app.administrator("portcullis:audit:read").await;
    let mut body = admin.open(EXPORT).await;
    let mut exported = Vec::new();
    while let Some(piece) = piece(&mut body).await {
        let piece = lines(&piece.unwrap());
        assert!(piece.len() <= 501, "{}", piece.len());
        exported.extend(piece);
        app.note(1).await;
    }
    let head = exported.pop().unwrap();
    assert_eq!(numbers(&exported), (1..=end).collect::<Vec<_>>());
    assert_eq!(head["rows"], end);
    assert_eq!(app.server.audit_streams.count(), 0, "its place is free");
}

#[tokio::test]
async fn an_export_whose_reader_may_read_no_longer_is_cut_off_and_says_so() {
    let app = App::start().await;
    app.note(MANY).await;
    let whole = app.administrator("").await;
    let key = whole.make_key(&super::key_of(&"portcullis", "auditor", &["portcullis:audit:read"])).await;
    app.follow().await;
    let auditor = Administrator::with(&key).await;
    let mut body = auditor.open(EXPORT).await;
    piece(&mut body).await.unwrap().unwrap();
    key.act(KeyAct::Block).await;
    app.follow().await;
    assert!(piece(&mut body).await.unwrap().is_err(), "it would pass for a shorter log");
    assert!(piece(&mut body).await.is_none());
}

/// One who reads events: `id`, `event` and `data` of each; comments are signs of life.
pub(super) struct Reader {
    body: Body,
    ready: Vec<String>,
}

impl Reader {
    pub(super) async fn of(admin: &Administrator<'_>, query: &str, last_seen: Option<i64>) -> Self {
        let mut send = admin.send(Method::GET, &format!("{FOLLOW}{query}"));
        if let Some(seq) = last_seen {
            send = send.header("last-event-id", &seq.to_string());
        }
        let response = send.open().await.unwrap_or_else(|no| panic!("{}", no.text()));
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body(), ready: Vec::new() }
    }

    /// The next thing that is said; none at the end.
    async fn next(&mut self) -> Option<String> {
        while self.ready.is_empty() {
            let piece = piece(&mut self.body).await?.unwrap();
            self.ready = piece.split_terminator("\n\n").map(ToOwned::to_owned).collect();
        }
        Some(self.ready.remove(0))
    }

    pub(super) async fn begin(&mut self) -> i64 {
        let said = self.next().await.expect("it ended");
        let after = said.lines().next().unwrap().strip_prefix("id: ").unwrap().parse().unwrap();
        assert_eq!(said, format!("id: {after}\nevent: begin\ndata: {{\"after\":{after}}}"));
        after
    }

    pub(super) async fn row(&mut self) -> Value {
        let said = self.next().await.expect("it ended");
        let (id, row) = said.split_once("\nevent: row\ndata: ").unwrap_or_else(|| panic!("{said}"));
        let row: Value = serde_json::from_str(row).unwrap();
        assert_eq!(id, format!("id: {}", row["seq"]));
        row
    }

    async fn ends(mut self) -> bool {
        while self.next().await.is_some() {}
        true
    }
}

#[tokio::test]
async fn whoever_follows_sees_each_row_once_and_goes_on_where_they_were_cut_off() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let admin = app.administrator("portcullis:audit:read").await;
    let limited = app.administrator(&format!("portcullis:project:{}:audit:read", shop.project.id)).await;
    let (mut all, mut ours) = (Reader::of(&admin, "", None).await, Reader::of(&limited, "", None).await);
    let began = all.begin().await;
    assert_eq!(began, app.rows().await);
    assert!(ours.begin().await < began, "it is the last row that they may see");

    let (till, saw) = (shop.key("orders").create().await, mill.key("orders").create().await);
    till.act(KeyAct::Block).await;
    app.note(1).await;

    let listed = admin.listed().await;
    let news = &listed[usize::try_from(began).unwrap()..];
    assert_eq!(news.len(), 4);
    for row in news {
        assert_eq!(&all.row().await, row);
    }
    for row in news.iter().filter(|row| row["project"] == json!(shop.project.id)) {
        assert_eq!(&ours.row().await, row);
    }
    assert!(
        !news.iter().any(|row| row["target"] == json!(saw.id) && row["project"] == json!(shop.project.id))
    );

    // Nothing happens: they hear that it lives.
    app.pass(Duration::from_secs(5)).await;
    assert_eq!(all.next().await.unwrap(), ": alive");

    drop(all);
    app.note(150).await;
    let seen = news[1]["seq"].as_i64().unwrap();
    // What was seen counts more than where the URL once began.
    let mut again = Reader::of(&admin, "?after=1", Some(seen)).await;
    assert_eq!(again.begin().await, seen);
    for seq in seen + 1..=app.rows().await {
        assert_eq!(again.row().await["seq"], seq);
    }
    let mut blocks = Reader::of(&admin, "?after=0&act=key.block", None).await;
    blocks.begin().await;
    assert_eq!(blocks.row().await["target"], json!(till.id));
    // Of a log that was longer, before a backup was restored.
    let beyond = app.rows().await + 1;
    for (query, seen) in [(String::new(), Some(beyond)), (format!("?after={beyond}"), None)] {
        let mut send = limited.send(Method::GET, &format!("{FOLLOW}{query}"));
        if let Some(seen) = seen {
            send = send.header("last-event-id", &seen.to_string());
        }
        assert_eq!(send.send().await.problem(), no(409, "refused"));
    }
    for wrong in ["x", "-1", "1.5", ""] {
        let refused = admin.send(Method::GET, FOLLOW).header("last-event-id", wrong).send().await;
        assert_eq!(refused.problem(), no(400, "invalid_request"), "{wrong}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let app = App::start().await;
    let whole = app.administrator("").await;
    let make = async || {
        let key = whole.make_key(&super::key_of(&"portcullis", "auditor", &["portcullis:audit:read"])).await;
        app.follow().await;
        key
    };
    let (blocked, narrowed, expiring) = (make().await, make().await, make().await);
    let mut readers = Vec::new();
    for key in [&blocked, &narrowed, &expiring] {
        let mut reader = Reader::of(&Administrator::with(key).await, "", None).await;
        reader.begin().await;
        readers.push(reader);
    }
    let [by_block, by_edit, by_time] = readers.try_into().ok().unwrap();
    blocked.act(KeyAct::Block).await;
    let edit = json!({ "permissions": ["portcullis:keys:read"] });
    assert_eq!(whole.patch(&format!("/admin/v1/keys/{}", narrowed.id), &edit).await.status, 200);
    app.follow().await;
    assert!(by_block.ends().await);
    assert!(by_edit.ends().await);
    app.pass(Duration::from_secs(901)).await;
    assert!(by_time.ends().await);
    assert_eq!(app.server.audit_streams.count(), 0);
}

#[tokio::test]
async fn a_key_has_few_streams_of_the_log_and_gets_back_what_it_lets_go() {
    let app = App::start().await;
    let admin = app.administrator("portcullis:audit:read").await;
    let mut open = Vec::new();
    for _ in 0..AUDIT_STREAMS_PER_KEY {
        open.push(Reader::of(&admin, "", None).await);
    }
    for path in [FOLLOW, EXPORT] {
        let refused = admin.get(path).await;
        assert_eq!(refused.problem(), no(429, "limit"));
        assert!(!refused.header("retry-after").is_empty());
    }
    open.pop();
    assert_eq!(admin.get(EXPORT).await.status, 200);
    open.push(Reader::of(&admin, "", None).await);
}

/// On the wire, for longer than an idle connection is kept; and no stream holds up a server that stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_not_let_go_as_idle_and_ends_with_the_server() {
    let app = App::start().await;
    let admin = app.administrator("portcullis:audit:read").await;
    let head = Duration::from_secs(2);
    let patience = portcullis::http::Patience {
        head,
        grace: Duration::from_secs(5),
        ..portcullis::http::Patience::default()
    };
    let (wire, administrators) = app.listen_for_administrators_too(patience);
    let url = format!("http://{administrators}{FOLLOW}");
    let mut answer = crate::support::plain_client().get(url).bearer_auth(&admin.token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut next = async || timeout(DEADLINE, answer.chunk()).await.expect("nothing comes").ok().flatten();
    next().await.unwrap();
    for _ in 0..8 {
        // It is found by looking, about a second after the one before.
        app.note(1).await;
        assert!(next().await.is_some_and(|piece| piece.starts_with(b"id: ")));
    }
    let stopping = tokio::spawn(wire.stop());
    while next().await.is_some() {}
    timeout(DEADLINE, stopping).await.expect("followers hold it up").unwrap();
}
