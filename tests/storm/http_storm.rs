//! P1 and P7 under arbitrary requests: each is answered by the contract, in time; and what was
//! accepted, and nothing else, is decided.

use crate::http_case::{Caller, Case, Shape};
use crate::http_line::{Line, Reply};
use crate::plan::{Plan, assert_unharmed};
use harness::{self, Bench, MUG, Process, Role, Site, eventually};
use redeemq::domain::job::JobId;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;
use uuid::Uuid;

/// By default. The full number is 100000 or more: `STORM_CASES=100000 cargo test --test storm`.
const CASES: u64 = 10_000;
/// Lines to the front door at a time.
const LINES: u64 = 32;
/// Requests that are sent on a line before their answers are read.
const PIPELINED: usize = 16;
/// The statuses of the contract.
const STATUSES: [u16; 12] = [200, 202, 400, 401, 403, 404, 405, 413, 415, 422, 429, 503];

/// What one caller has seen.
#[derive(Default)]
struct Seen {
    statuses: BTreeMap<String, u64>,
    accepted: BTreeSet<Uuid>,
    /// Answers that the server could not get through before it hung up, as HTTP has it.
    cut_off: u64,
}

impl Seen {
    fn add(&mut self, case: &Case, reply: &Reply, name: &str) {
        let about = || format!("{name}: {}{}", reply.head, String::from_utf8_lossy(&reply.body));
        let body = reply.json();
        // Of a decision the envelope is all there is; a status and a token have a response of ours.
        let is_decision =
            body["response"]["status"].is_null() && body["response"]["token"].is_null();
        let key = match (case.shape, reply.status) {
            (Shape::Anything, status) => format!("to no request: {status}"),
            (Shape::Envelope, 200) if is_decision => "200 decided".to_owned(),
            (_, status) => format!("{status} {}", body["error_code"].as_str().unwrap_or("-")),
        };
        *self.statuses.entry(key).or_default() += 1;
        assert!(reply.status != 500, "{}", about());
        match case.shape {
            Shape::Envelope => assert!(is_envelope(reply), "{}", about()),
            Shape::Probe => assert_eq!(reply.status, 200, "{}", about()),
            Shape::HeadOnly | Shape::Anything => {}
        }
        if reply.status == 202 {
            let id = body["response"]["job_id"].as_str().and_then(JobId::parse);
            self.accepted.insert(id.unwrap_or_else(|| panic!("{}", about())).key());
        }
    }

    fn merge(&mut self, other: Seen) {
        for (key, count) in other.statuses {
            *self.statuses.entry(key).or_default() += count;
        }
        self.accepted.extend(other.accepted);
        self.cut_off += other.cut_off;
    }
}

fn is_envelope(reply: &Reply) -> bool {
    let body = reply.json();
    let code = body["error_code"].as_str().unwrap_or_default();
    STATUSES.contains(&reply.status)
        && code.len() == 4
        && body["success"] == (code == "0000")
        && body["message"].as_str().is_some_and(|message| !message.is_empty())
        && body["timestamp"].is_i64()
        && reply.head.to_lowercase().contains("content-type: application/json")
}

impl Seen {
    fn hung_up(&mut self, case: &Case, error: &io::Error, name: &str) {
        assert!(case.shape == Shape::Anything || case.is_too_long(), "hung up on {name}: {error}");
        self.cut_off += 1;
    }

    fn count(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        self.statuses.iter().filter(|(key, _)| wanted(key)).map(|(_, count)| count).sum()
    }
}

/// Cases of one line, one after another, many on their way at once. What is no HTTP goes alone.
async fn call(plan: &Plan, base: &str, caller: &Caller<'_>, cases: Range<u64>) -> Seen {
    let mut seen = Seen::default();
    let mut line = Line::open(base).await;
    let mut cases =
        cases.map(|number| (number, Case::new(&mut plan.rng(number), caller))).peekable();
    while let Some(first) = cases.next() {
        let mut batch = vec![first];
        let is_done = |batch: &[(u64, Case)]| {
            batch.len() == PIPELINED || batch.iter().any(|(_, case)| case.is_last)
        };
        while !is_done(&batch)
            && let Some(more) = cases.next_if(|(_, case)| case.shape != Shape::Anything)
        {
            batch.push(more);
        }
        let bytes: Vec<u8> = batch.iter().flat_map(|(_, case)| case.bytes.clone()).collect();
        if plan.is_replay() {
            println!("{}", String::from_utf8_lossy(&bytes));
        }
        let sent = line.send(&bytes).await;
        assert!(sent.is_ok() || batch.len() == 1, "hung up on {}", plan.name(batch[0].0));
        if batch[0].1.shape == Shape::Anything {
            let _ = line.end().await;
        }
        for (number, case) in &batch {
            match line.reply(case.shape == Shape::HeadOnly).await {
                Ok(reply) => seen.add(case, &reply, &plan.name(*number)),
                Err(error) => seen.hung_up(case, &error, &plan.name(*number)),
            }
        }
        if batch.iter().any(|(_, case)| case.is_last) {
            line = Line::open(base).await;
        }
    }
    seen
}

/// All cases of a plan, over several lines.
async fn storm(
    plan: &Arc<Plan>,
    base: &str,
    caller: &harness::Caller,
    job_ids: &[String],
    cases: Range<u64>,
) -> Seen {
    let mut lines = JoinSet::new();
    let share = (cases.end - cases.start).div_ceil(LINES).max(1);
    for start in cases.clone().step_by(share as usize) {
        let (plan, base) = (Arc::clone(plan), base.to_owned());
        let (token, job_ids) = (caller.token.clone(), job_ids.to_vec());
        let cases = start..(start + share).min(cases.end);
        lines.spawn(async move {
            call(&plan, &base, &Caller { token: &token, job_ids: &job_ids }, cases).await
        });
    }
    let mut all = Seen::default();
    while let Some(seen) = lines.join_next().await {
        all.merge(seen.expect("a line without a fault"));
    }
    all
}

async fn site() -> Site {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    site.goods("acme", "goods_id,name,group\ncinema,Cinema,cinema\n");
    site.coupons("acme", "cinema", "code\nC1\nC2\nC3\n");
    site.goods("@brand", "goods_id,name,quantity,per_player\nmug,Mug,1000,100\n");
    site
}

/// Ids for questions after jobs.
async fn given(caller: &harness::Caller) -> Vec<String> {
    let mut job_ids = Vec::new();
    for _ in 0..20 {
        let mug = json!({"goods_id": "mug", "player_id": "p9", "amount": 1});
        job_ids.push(caller.post("/Redeem/goods", &mug).await.job_id());
    }
    job_ids
}

impl Seen {
    /// On a machine that is busy, something may be slow; what was sent must not be the reason.
    fn assert_seldom_unavailable(&self) {
        let all = self.count(|_| true);
        let unavailable = self.count(|key| key.starts_with("503"));
        assert!(unavailable * 50 <= all, "{unavailable} of {all}: {:#?}", self.statuses);
    }
}

/// As many hashes at a time as there may be: each takes megabytes, which the process then keeps.
async fn hash(caller: &harness::Caller) {
    let pairs = (0..8).map(|i| json!({"api_key": format!("nobody-{i}"), "api_secret": "wrong"}));
    let pairs: Vec<_> = pairs.collect();
    let answers = pairs.iter().map(|pair| caller.post("/Auth", pair));
    for answer in futures_util::future::join_all(answers).await {
        assert_ne!(answer.status, 500, "{}", answer.text);
    }
}

/// Whatever was accepted is decided, and nothing else.
async fn assert_exactly_decided(site: &Site, process: &Process, seen: &Seen, given: &[String]) {
    let jobs = given.len() as u64
        + seen.count(|key| {
            key.starts_with("202") || key.starts_with("422") || key.starts_with("200 d")
        });
    let accepted = process.metric("redeemq_accepted_total", "").await;
    assert_eq!(accepted, jobs as f64, "{:#?}", seen.statuses);

    let mut keys = seen.accepted.clone();
    keys.extend(given.iter().filter_map(|id| JobId::parse(id)).map(|id| id.key()));
    let mut ledger = BTreeSet::new();
    eventually("all that was accepted is decided", async || {
        let rows = sqlx::query_scalar::<_, Uuid>("select job_key from ledger");
        ledger = rows.fetch_all(&site.store).await.expect("the ledger").into_iter().collect();
        ledger.is_superset(&keys)
    })
    .await;
    let unnamed = ledger.difference(&keys).count() as u64;
    assert!(
        unnamed <= seen.count(|key| key.starts_with("200 d") || key.starts_with("503")),
        "{unnamed}"
    );
}

#[tokio::test]
async fn whatever_is_sent_is_answered_by_the_contract_and_what_was_accepted_is_decided() {
    let plan = Arc::new(Plan::of(CASES));
    let site = site().await;
    let process = site.start(Role::Serve, &[]).await;
    let caller = site.caller(&process, "acme").await;
    let given = given(&caller).await;
    hash(&caller).await;

    let begun = Instant::now();
    let warm = plan.cases.start + plan.len() / 2;
    let mut seen = storm(&plan, &process.http, &caller, &given, plan.cases.start..warm).await;
    let warm_bytes = process.memory();
    seen.merge(storm(&plan, &process.http, &caller, &given, warm..plan.cases.end).await);
    println!(
        "{} requests in {:?}: {:#?}, {} cut off",
        plan.len(),
        begun.elapsed(),
        seen.statuses,
        seen.cut_off
    );

    seen.assert_seldom_unavailable();
    assert_exactly_decided(&site, &process, &seen, &given).await;
    assert_unharmed(&process, if warm_bytes == 0 { u64::MAX } else { warm_bytes });
    let bench = Bench::open(&site.amqp_url).await;
    assert_eq!(bench.depth("redeem.dead").await, 0, "the ingress publishes nothing that is dead");
    for metric in ["redeemq_sessions_lost_total", "redeemq_publisher_reconnects_total"] {
        assert_eq!(process.metric(metric, "").await, 0.0, "{metric}");
    }

    let mug = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    assert_eq!(caller.decide("/Redeem/goods", &mug).await.said(), (200, "0000"));
    site.audit();
    site.close().await;
}
