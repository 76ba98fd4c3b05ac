//! Traces, as a collector gets them.

mod faults;

use harness::collector::{Collector, Span};
use harness::{
    Bench, NO_CERTIFICATES, Process, Request, Role, Site, eventually, leaks, mug, with_mugs,
};
use lapin::types::{AMQPValue, FieldTable};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Of what nobody else asks for, nothing is kept.
const NONE: (&str, &str) = ("OTEL_TRACES_SAMPLER_ARG", "0");

/// Somebody's place in a trace of his own.
struct Origin {
    trace: String,
    span: String,
}

impl Origin {
    fn new() -> Self {
        let digits = || uuid::Uuid::new_v4().simple().to_string();
        Self { trace: digits(), span: digits()[16..].to_owned() }
    }

    fn sampled(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.span)
    }

    fn unsampled(&self) -> String {
        format!("00-{}-{}-00", self.trace, self.span)
    }

    fn place(&self) -> (String, String) {
        (self.trace.clone(), self.span.clone())
    }
}

/// A request with a header that says where it comes from.
fn traced(mut request: Request, traceparent: &str) -> Request {
    let mut headers: FieldTable = request.properties.headers().clone().unwrap_or_default();
    headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
    request.properties = request.properties.with_headers(headers);
    request
}

fn params() -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": 1})
}

/// An ingress and a worker apart, so that the trace goes from process to process.
async fn apart(site: &Site, collector: &Collector) -> (Process, Process) {
    // Over http, a collector takes no certificates.
    let worker = [&[collector.named(), NONE], &NO_CERTIFICATES[..]].concat();
    let worker = site.start(Role::Worker, &worker).await;
    (site.start(Role::Ingress, &[collector.named(), NONE]).await, worker)
}

#[tokio::test]
async fn a_job_is_one_trace_from_the_request_to_its_result() {
    let site = with_mugs().await;
    let collector = Collector::open().await;
    let (ingress, worker) = apart(&site, &collector).await;
    let mut results = Bench::open(&site.amqp_url).await.results("#").await;
    let caller = site.caller(&ingress, "acme").await;
    let origin = Origin::new();

    let request = caller.request(reqwest::Method::POST, "/Redeem/goods").json(&params());
    let request = request.header("traceparent", origin.sampled()).header("tracestate", "shop=7");
    let request = request.header("X-Correlation-Id", "order-7").header("Prefer", "wait=20");
    assert_eq!(caller.send(request).await.said(), (200, "0000"));
    let result = results.next().await;

    let one = async |name| collector.one(&origin.trace, name).await;
    let (asked, sent) = (one("POST /Redeem/goods").await, one("send redeem.requests").await);
    let (decided, answered) =
        (one("decide redeem.requests").await, one("send redeem.results").await);
    let ways = [
        (&asked, &origin.span),
        (&sent, &asked.id),
        (&decided, &sent.id),
        (&answered, &decided.id),
    ];
    for (span, parent) in ways {
        assert_eq!((&span.parent, span.state.as_str()), (parent, "shop=7"), "{span:?}");
        assert!(!span.is_error && span.nanos > 0 && span.service == "redeemq", "{span:?}");
    }
    assert_eq!(result.header("traceparent"), answered.traceparent());
    assert_eq!(result.header("tracestate"), "shop=7");

    let kinds = [&asked, &sent, &decided, &answered].map(|span| span.kind);
    assert_eq!(
        kinds,
        [SpanKind::Server, SpanKind::Producer, SpanKind::Consumer, SpanKind::Producer]
    );
    tell(
        &asked,
        &[
            ("http.request.method", "POST"),
            ("http.route", "/Redeem/goods"),
            ("http.response.status_code", "200"),
            ("url.scheme", "http"),
        ],
    );
    for (span, exchange, operation, kind, key) in [
        (&sent, "redeem.requests", "send", "send", "goods"),
        (&decided, "redeem.requests", "decide", "process", "goods"),
        (&answered, "redeem.results", "send", "send", "acme.goods"),
    ] {
        tell(
            span,
            &[
                ("messaging.system", "rabbitmq"),
                ("messaging.destination.name", exchange),
                ("messaging.operation.name", operation),
                ("messaging.operation.type", kind),
                ("messaging.rabbitmq.destination.routing_key", key),
                ("messaging.message.id", &result.message_id),
                ("messaging.message.conversation_id", "order-7"),
            ],
        );
    }
    tell(
        &decided,
        &[
            ("redeemq.client_id", "acme"),
            ("redeemq.operation", "goods"),
            ("redeemq.code", "0000"),
            ("redeemq.replayed", "false"),
        ],
    );
    drop((ingress, worker));
    site.close().await;
}

fn tell(span: &Span, what: &[(&str, &str)]) {
    for (name, value) in what {
        assert_eq!(span.tells(name), *value, "{name} of {span:?}");
    }
}

#[tokio::test]
async fn a_batch_links_its_jobs_and_each_of_them_links_it() {
    let site = with_mugs().await;
    let collector = Collector::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let origins: Vec<Origin> = (0..20).map(|_| Origin::new()).collect();
    let kept = origins.iter().map(|origin| traced(mug("acme"), &origin.sampled()));
    let others = [mug("acme"), traced(mug("acme"), &Origin::new().unsampled())];
    let requests: Vec<Request> = kept.chain(others).collect();
    bench.publish_all(&requests).await;
    let worker = site.start(Role::Worker, &[collector.named(), NONE]).await;
    results.take(requests.len()).await;

    for origin in &origins {
        collector.one(&origin.trace, "send redeem.results").await;
    }
    let linked = || -> BTreeSet<(String, String)> {
        collector.all("process redeem.requests").into_iter().flat_map(|batch| batch.links).collect()
    };
    let places: BTreeSet<(String, String)> = origins.iter().map(Origin::place).collect();
    eventually("batches link all jobs that are kept, and no other", async || linked() == places)
        .await;
    let batches = collector.all("process redeem.requests");
    // The first delivery of a session goes alone.
    assert!(batches.len() < 20 && batches.iter().any(|batch| batch.links.len() > 1), "{batches:?}");
    for batch in &batches {
        tell(batch, &[("messaging.system", "rabbitmq"), ("messaging.operation.type", "process")]);
        tell(batch, &[("redeemq.lane", "common")]);
        assert!(batch.kind == SpanKind::Consumer && batch.parent.is_empty() && !batch.is_error);
        let jobs: usize = batch.tells("messaging.batch.message_count").parse().expect("a number");
        assert!(jobs >= batch.links.len(), "{batch:?}");
        for step in ["load", "decide", "persist", "commit"] {
            assert_eq!(collector.one(&batch.trace, step).await.parent, batch.id);
        }
    }
    for decided in collector.all("decide redeem.requests") {
        let [batch] = decided.links.as_slice() else { panic!("{decided:?}") };
        let batch = batches.iter().find(|all| all.place() == *batch).expect("its batch");
        assert!(batch.links.contains(&(decided.trace.clone(), decided.parent.clone())));
    }
    assert_eq!(collector.all("decide redeem.requests").len(), origins.len());
    drop(worker);
    site.close().await;
}

#[tokio::test]
async fn an_unsampled_job_leaves_no_span_but_its_traceparent_goes_along() {
    let site = with_mugs().await;
    let collector = Collector::open().await;
    let process = site.start(Role::Serve, &[collector.named()]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;

    let (published, asked, kept) = (Origin::new(), Origin::new(), Origin::new());
    bench.publish(&traced(mug("acme"), &published.unsampled())).await;
    assert_eq!(results.next().await.header("traceparent"), published.unsampled());
    let caller = site.caller(&process, "acme").await;
    let request = caller.request(reqwest::Method::POST, "/Redeem/goods").json(&params());
    caller.send(request.header("traceparent", asked.unsampled())).await;
    let header = results.next().await.header("traceparent");
    assert!(header.contains(&asked.trace) && header.ends_with("-00"), "{header}");

    bench.publish(&traced(mug("acme"), &kept.sampled())).await;
    collector.one(&kept.trace, "send redeem.results").await;
    for trace in [published.trace, asked.trace] {
        assert!(collector.spans().iter().all(|span| span.trace != trace));
    }
    drop(process);
    site.close().await;
}

#[tokio::test]
async fn a_job_without_a_trace_begins_one_where_its_share_is_kept() {
    let site = with_mugs().await;
    let collector = Collector::open().await;
    let name = ("OTEL_SERVICE_NAME", "redeemq-west");
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=west%20coast");
    let worker = site.start(Role::Worker, &[collector.named(), name, headers]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let request = mug("acme");
    bench.publish(&request).await;
    let header = results.of(&request).await.header("traceparent");
    let trace = header.split('-').nth(1).expect("a trace").to_owned();
    let decided = collector.one(&trace, "decide redeem.requests").await;
    assert_eq!((decided.parent.as_str(), decided.service.as_str()), ("", "redeemq-west"));
    assert_eq!(collector.header("x-tenant"), "west coast");

    // The same job again is told as such.
    bench.publish(&request).await;
    eventually("it is told to be a repeat", async || {
        let all = collector.all("decide redeem.requests");
        all.iter().any(|span| {
            span.tells("redeemq.replayed") == "true" && span.tells("redeemq.code") == "0000"
        })
    })
    .await;
    drop(worker);
    site.close().await;
}

#[tokio::test]
async fn requests_tell_their_route_and_status_and_probes_nothing() {
    let site = with_mugs().await;
    let collector = Collector::open().await;
    let ingress = site.start(Role::Ingress, &[collector.named()]).await;
    let caller = site.caller(&ingress, "acme").await;
    caller.get("/livez").await;
    caller.get("/readyz").await;
    caller.get("/Redeem/jobs/not-an-id?token=a-secret").await;
    caller.get("/somewhere/else").await;
    caller
        .send(caller.request(reqwest::Method::from_bytes(b"BREW").expect("a method"), "/coffee"))
        .await;

    let told =
        |name: &'static str, method: &'static str, route: &'static str, status: &'static str| {
            let span = collector.all(name);
            let [span] = span.as_slice() else { return false };
            tell(span, &[("http.request.method", method), ("http.route", route)]);
            tell(span, &[("http.response.status_code", status), ("error.type", "")]);
            !span.is_error
        };
    eventually("they are told", async || {
        told("GET /Redeem/jobs/{job_id}", "GET", "/Redeem/jobs/{job_id}", "404")
            && told("GET", "GET", "", "404")
            && told("HTTP", "_OTHER", "", "404")
    })
    .await;
    let all = collector.spans();
    assert_eq!(all.len(), 3, "{all:?}");
    drop(ingress);
    site.close().await;
}

#[tokio::test]
async fn no_span_holds_a_secret() {
    let site = Site::with_clients().await;
    let collector = Collector::open().await;
    site.goods("acme", "goods_id,name,group\nfilm,Film,tickets\n");
    site.coupons("acme", "tickets", "code\nTICKET-0001\nTICKET-0002\n");
    let pin = site.branch("acme", "Riverside", "tickets");
    let process = site.start(Role::Serve, &[collector.named()]).await;
    let caller = site.caller(&process, "acme").await;

    let take = json!({"group": "tickets", "player_id": "p1", "amount": 1});
    let taken = caller.decide("/Redeem/goodsGroup", &take).await;
    let code = taken.body["response"]["events"][0]["goods_data"]["code"].clone();
    assert!(code.is_string(), "{}", taken.text);
    for pin in [pin.as_str(), "0000000"] {
        let verify = json!({"goods_group": "tickets", "coupon_code": code, "pin_code": pin});
        caller.decide("/Redeem/goodsGroup/verify", &verify).await;
    }
    let path = format!("/Redeem/{}?token={}", code.as_str().expect("a code"), caller.token);
    caller.get(&path).await;
    caller.send(caller.request(reqwest::Method::POST, &path)).await;

    eventually("all of it is told", async || {
        collector.all("send redeem.results").len() == 3 && collector.all("POST").len() == 1
    })
    .await;
    leaks::search(&site.name, format!("{:#?}", collector.spans()));
    drop(process);
    site.close().await;
}
