//! Traces of requests, as a collector gets them (OTLP over HTTP).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::support::{Serving, plain_client};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What was posted to a collector.
type Posted = Arc<Mutex<Vec<Bytes>>>;

/// A collector on a port of its own.
async fn collector() -> (String, Posted) {
    let posted = Posted::default();
    let take = async |State(posted): State<Posted>, headers: HeaderMap, body: Bytes| {
        assert_eq!(headers[header::CONTENT_TYPE], "application/x-protobuf");
        posted.lock().unwrap().push(body);
    };
    let routes = Router::new().route("/v1/traces", post(take)).with_state(posted.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, posted)
}

fn spans(posted: &Posted) -> Vec<Span> {
    let posted = posted.lock().unwrap();
    let batches = posted.iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap());
    let resources = batches.flat_map(|batch| batch.resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let (span, more) = (found.next(), found.next());
    assert!(more.is_none(), "more than one {name}");
    span.unwrap_or_else(|| panic!("no {name} among {:?}", names(spans)))
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn attribute(span: &Span, name: &str) -> Option<Any> {
    let mut all = span.attributes.iter();
    all.find(|attribute| attribute.key == name)?.value.clone()?.value
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// One mint, with a trace to go on from, of a server with these arguments; its secrets.
async fn mint_traced(more: &[&str]) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let serving = {
        let (folder, more) = (folder.path().to_owned(), more.iter().map(|text| (*text).to_owned()));
        let more: Vec<String> = more.collect();
        // Waits for the server, while the collector lives on this thread.
        let start = move || {
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            Serving::start_with(&folder, &more, &[])
        };
        tokio::task::spawn_blocking(start).await.unwrap()
    };
    let project = serving.shell(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
    let made = ["key", "create", "--project", &project, "--name", "k", "--permission", "orders:read"];
    let made = serving.shell(&made);
    let (key, secret) = (made["key_id"].as_str().unwrap(), made["secret"].as_str().unwrap().to_owned());
    let request = plain_client().post(format!("{}/oauth/token", serving.url));
    let request =
        request.basic_auth(key, Some(&secret)).header("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body("grant_type=client_credentials").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: serde_json::Value = answer.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    tokio::task::spawn_blocking(|| serving.stop()).await.unwrap();
    [secret, token]
}

#[tokio::test]
async fn a_request_is_traced_step_by_step_onwards_from_a_trusted_proxy_and_holds_no_secret() {
    let (collector, posted) = collector().await;

    let proxies = "--client-address-trusted-proxies";
    let arguments = ["--traces-endpoint", &collector, "--traces-share", "1", proxies, "127.0.0.1/32"];
    let secrets = mint_traced(&arguments).await;

    let spans = spans(&posted);
    let request = named(&spans, "POST /oauth/token");
    assert_eq!(request.kind, SpanKind::Server as i32);
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!(attribute(request, "http.response.status_code"), Some(Any::IntValue(200)));
    assert_eq!(attribute(request, "http.route"), Some(Any::StringValue("/oauth/token".to_owned())));
    for step in ["authenticate", "sign", "issuance.record"] {
        let step = named(&spans, step);
        assert_eq!((&step.trace_id, &step.parent_span_id), (&request.trace_id, &request.span_id));
        assert!(step.start_time_unix_nano >= request.start_time_unix_nano);
        assert!(step.end_time_unix_nano <= request.end_time_unix_nano);
    }
    let sent = posted.lock().unwrap().concat();
    for secret in secrets {
        let tail = &secret.as_bytes()[secret.len() - 20..];
        assert!(!sent.windows(tail.len()).any(|window| window == tail), "a secret is in a trace");
    }
}

#[tokio::test]
async fn nobody_else_names_the_trace_of_a_request() {
    let (collector, posted) = collector().await;

    mint_traced(&["--traces-endpoint", &collector, "--traces-share", "1"]).await;

    let spans = spans(&posted);
    let request = named(&spans, "POST /oauth/token");
    assert_ne!(hex(&request.trace_id), TRACE);
    assert!(request.parent_span_id.is_empty(), "{request:?}");
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_no_request_and_does_not_keep_the_server() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);

    mint_traced(&["--traces-endpoint", &url, "--traces-share", "1"]).await;
}
