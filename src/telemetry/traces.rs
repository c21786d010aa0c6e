//! Traces of requests, sent to a collector by OTLP over HTTP. They hold what the lines of the log hold,
//! and when each step began and ended: no path, no header, no secret.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Traces;

/// Under this name collectors know us.
const SERVICE: &str = "portcullis";
/// How long a collector may take for one batch, and for the last one when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

static SENT: AtomicBool = AtomicBool::new(false);

/// What sends traces. They are collected and sent by a thread of their own, a batch every few seconds; a
/// collector that does not answer costs traces, never a request.
#[derive(Debug)]
pub struct Sending(SdkTracerProvider);

impl Sending {
    /// Begins, and the layer that sees the spans.
    pub(super) fn start<S>(traces: &Traces) -> (Self, impl Layer<S> + use<S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        let exporter = exporter.with_endpoint(traces.url()).with_timeout(PATIENCE).build();
        // Settings have looked at the URL; what else can fail is a TLS without roots.
        let exporter = exporter.expect("a client for the collector");
        let resource = Resource::builder().with_service_name(SERVICE);
        let resource = resource
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        // Whoever goes on from a trusted proxy's trace goes on from its choice as well.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(traces.share)));
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
        let provider = provider.with_resource(resource.build()).with_sampler(sampler).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        // Steps are spans of the level `debug`; our own alone, because others put more into theirs.
        let ours = Targets::new().with_target("portcullis", LevelFilter::DEBUG);
        SENT.store(true, Ordering::Relaxed);
        (Self(provider), layer.with_filter(ours))
    }

    /// Sends what is left; takes at most the patience that collectors get.
    pub fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Whether this process sends any.
pub fn are_sent() -> bool {
    SENT.load(Ordering::Relaxed)
}

/// Says of a request's span that it goes on from what these headers name (W3C Trace Context), those of a
/// proxy that is believed; and in every line of the log, which trace it belongs to.
pub fn continues(span: &Span, headers: Option<&HeaderMap>) {
    if !are_sent() {
        return;
    }
    if let Some(headers) = headers {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        if parent.span().span_context().is_valid() {
            // An error means that no layer sees this span: then there is nothing to go on with.
            let _ = span.set_parent(parent);
        }
    }
    let context = span.context();
    span.record("trace.id", context.span().span_context().trace_id().to_string());
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    /// One line alone: two are none.
    fn get(&self, key: &str) -> Option<&str> {
        let mut lines = self.0.get_all(key).iter();
        let (line, more) = (lines.next()?, lines.next());
        line.to_str().ok().filter(|_| more.is_none())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
