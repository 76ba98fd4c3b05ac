//! P1 and P4: what the broker dead-letters itself becomes a dead letter like any other, with its notice, or is
//! answered like any other redelivery.

use harness::{Bench, Caller, MUG, Process, Request, Role, Site, eventually, mug};
use lapin::types::AMQPValue;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Where the broker's dead letters wait for a worker.
const WAITING: &str = "redeem.dead.notices";

/// A site where jobs wait for a worker, and an open queue for replies.
async fn without_worker() -> (Site, Bench) {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    bench.queue("redeem.reply.mine", None, &[]).await;
    (site, bench)
}

/// Has the broker itself dead-letter requests: over its limit in one queue, then in the next. RabbitMQ 4.3 goes
/// on counting in the second, others begin anew.
async fn dead_by_broker(bench: &Bench, requests: &[Request]) {
    bench.publish_all(requests).await;
    let all = u32::try_from(requests.len()).expect("a few");
    for (queue, next) in
        [("redeem.requests", "redeem.requests.spare"), ("redeem.requests.spare", WAITING)]
    {
        let mut losses = 0;
        while bench.depth(next).await < all {
            // What was lost is back after a while, or on its way to the next queue.
            let left = bench.depth(queue).await;
            bench.lose(queue, left as usize).await;
            losses += 1;
            assert!(losses < 5_000, "the broker's limit does not hold");
        }
    }
}

/// Dead letters that a worker has put into their queue, for the broker's reason.
async fn counted(process: &Process) -> f64 {
    process.metric("redeemq_dead_total", "reason=\"broker\"").await
}

/// The broker's letters are all taken, and so many lie in the dead queue.
async fn until_in_place(bench: &Bench, letters: u32) {
    eventually("no letter waits", async || bench.depth(WAITING).await == 0).await;
    eventually("they lie where operators look", async || {
        bench.depth("redeem.dead").await == letters
    })
    .await;
}

async fn status(caller: &Caller, request: &Request) -> Value {
    let status = caller.get(&format!("/Redeem/jobs/{}", request.job_id())).await;
    status.body["response"]["status"].clone()
}

fn reason(row: &Value) -> &str {
    row["reason"].as_str().expect("a reason")
}

#[tokio::test]
async fn an_undecided_job_gets_its_notice_and_its_status_and_can_be_replayed() {
    let (site, bench) = without_worker().await;
    let mut results = bench.results("#").await;
    let mut replies = bench.read("redeem.reply.mine").await;
    let request = mug("acme").reply_to("redeem.reply.mine").correlated("mine");
    dead_by_broker(&bench, std::slice::from_ref(&request)).await;

    let process = site.serve().await;
    let notice = results.next_of_any_kind().await;
    assert_eq!(notice.json["status"], "dead", "{}", notice.json);
    assert_eq!((&notice.message_id, notice.correlation_id.as_str()), (&request.job_id(), "mine"));
    assert_eq!(notice.routing_key, "acme.goods");
    assert!(reason(&notice.json).contains("by the broker"), "{}", notice.json);
    assert_eq!(replies.next_of_any_kind().await.body, notice.body);
    let caller = site.caller(&process, "acme").await;
    assert_eq!(status(&caller, &request).await, "dead");
    until_in_place(&bench, 1).await;
    assert_eq!(counted(&process).await, 1.0);
    let row = &site.json(&["dead", "list"])[0];
    assert_eq!((row["id"].as_str(), reason(row)), (Some(&*request.job_id()), reason(&notice.json)));
    assert!(row["dead_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{row}");
    assert_eq!(row["attempts"], 0, "of deliveries since, which say nothing");

    site.json(&["dead", "replay", &request.job_id()]);
    assert_eq!(results.next().await.code(), "0000");
    caller.settled(&request.job_id()).await;
    assert_eq!(status(&caller, &request).await, "done");
    assert_eq!(site.json(&["dead", "list"]), json!([]));
    assert_eq!(site.number("select count(*) from dead_job").await, 0);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_decided_job_gets_its_stored_result_again() {
    let (site, bench) = without_worker().await;
    let mut results = bench.results("#").await;
    let request = mug("acme");
    let worker = site.start(Role::Worker, &[]).await;
    bench.publish(&request).await;
    let first = results.next().await;
    assert!(worker.terminate().await.success());
    dead_by_broker(&bench, &[request.clone().correlated("again")]).await;

    let process = site.serve().await;
    let again = results.next_of_any_kind().await;
    assert_eq!((&again.body, again.is_replayed), (&first.body, true));
    assert_eq!(again.correlation_id, "again");
    until_in_place(&bench, 0).await;
    assert_eq!(counted(&process).await, 0.0);
    assert_eq!(site.number("select count(*) from dead_job").await, 0);
    assert_eq!(status(&site.caller(&process, "acme").await, &request).await, "done");
    assert_eq!(site.number("select granted from goods").await, 1);
    site.close().await;
}

#[tokio::test]
async fn of_many_letters_each_gets_one_notice_by_one_of_two_workers() {
    let (site, bench) = without_worker().await;
    let mut results = bench.results("#").await;
    let broken = |field: &str, value| mug("acme").with(field, value);
    let by_broker: Vec<Request> = [
        mug("acme"),
        mug("zeta"),
        broken("accepted_at", json!(7)),
        broken("operation", json!({})),
        broken("params", json!(7)),
    ]
    .into();
    let nobody = Request::raw(b"{}");
    dead_by_broker(&bench, &[by_broker.clone(), vec![nobody]].concat()).await;

    let workers = [site.start(Role::Worker, &[]).await, site.start(Role::Worker, &[]).await];
    let by_worker = broken("v", json!(2));
    bench.publish(&by_worker).await;
    let mut expected: Vec<String> =
        by_broker.iter().chain([&by_worker]).map(Request::job_id).collect();
    let mut notices = Vec::new();
    while notices.len() < expected.len() {
        let notice = results.next_of_any_kind().await;
        assert_eq!(notice.json["status"], "dead", "{}", notice.json);
        notices.push(notice.message_id);
    }
    until_in_place(&bench, expected.len() as u32 + 1).await;
    for worker in workers {
        assert_eq!(worker.metric("redeemq_sessions_lost_total", "").await, 0.0);
        assert!(worker.terminate().await.success());
    }
    assert_eq!(bench.depth(WAITING).await, 0, "all are settled");
    // A notice too many would stand before this one.
    let last = mug("acme");
    let _worker = site.start(Role::Worker, &[]).await;
    bench.publish(&last).await;
    assert_eq!(results.next_of_any_kind().await.message_id, last.job_id());
    notices.sort_unstable();
    expected.sort_unstable();
    assert_eq!(notices, expected);
    assert_eq!(site.number("select count(*) from dead_job").await, expected.len() as i64);
    assert_eq!(bench.depth("redeem.dead").await, expected.len() as u32 + 1);
    site.close().await;
}

#[tokio::test]
async fn while_the_database_takes_no_note_there_is_no_notice_and_nothing_is_lost() {
    let (site, bench) = without_worker().await;
    let mut results = bench.results("#").await;
    let request = mug("acme");
    dead_by_broker(&bench, std::slice::from_ref(&request)).await;
    site.tamper(
        "create function refuse() returns trigger language plpgsql as
         $$ begin raise exception 'not now'; end $$",
    )
    .await;
    site.tamper(
        "create trigger refuse before insert on dead_job for each row execute function refuse()",
    )
    .await;

    let worker = site.start(Role::Worker, &[]).await;
    worker.logged("could not record a dead job; retrying").await;
    let good = mug("acme");
    bench.publish(&good).await;
    assert_eq!(results.next_of_any_kind().await.message_id, good.job_id(), "jobs go on");
    assert_eq!(counted(&worker).await, 0.0);
    assert_eq!(bench.depth("redeem.dead").await, 0);

    site.tamper("drop trigger refuse on dead_job").await;
    assert_eq!(results.next_of_any_kind().await.message_id, request.job_id());
    until_in_place(&bench, 1).await;
    assert_eq!(counted(&worker).await, 1.0);
    site.close().await;
}

#[tokio::test]
async fn no_dead_letter_is_lost_where_an_operator_deletes_the_dead_queue() {
    let (site, bench) = without_worker().await;
    let mut results = bench.results("#").await;
    let by_broker = mug("acme");
    dead_by_broker(&bench, std::slice::from_ref(&by_broker)).await;
    bench.delete("redeem.dead").await;
    let worker = site.start(Role::Worker, &[]).await;
    assert_eq!(results.next_of_any_kind().await.message_id, by_broker.job_id());
    until_in_place(&bench, 1).await;

    // A worker that runs declares it anew in its next session.
    bench.delete("redeem.dead").await;
    let by_worker = mug("acme").with("v", json!(2));
    bench.publish(&by_worker).await;
    eventually("the letter waits for the queue", async || bench.exists("redeem.dead").await).await;
    until_in_place(&bench, 1).await;
    bench.delete("redeem.dead").await;
    bench.publish_to("redeem.dead", &mug("acme").dead_by_broker()).await;
    eventually("so does that of the broker", async || bench.exists("redeem.dead").await).await;
    until_in_place(&bench, 1).await;
    assert!(worker.metric("redeemq_sessions_lost_total", "").await >= 2.0);
    site.close().await;
}

#[tokio::test]
async fn a_full_queue_of_one_client_keeps_no_notice_of_another_waiting() {
    let (site, bench) = without_worker().await;
    let overflow = AMQPValue::LongString("reject-publish".into());
    let full = [("x-max-length", AMQPValue::LongInt(1)), ("x-overflow", overflow)];
    bench.queue("acme-results", Some("acme.#"), &full).await;
    let mut results = bench.results("zeta.#").await;
    let of_acme: Vec<Request> = (0..20).map(|_| mug("acme").dead_by_broker()).collect();
    let of_zeta = mug("zeta").dead_by_broker();
    for letter in of_acme.iter().chain([&of_zeta]) {
        bench.publish_to("redeem.dead", letter).await;
    }

    let begun = Instant::now();
    let process = site.start(Role::Worker, &[]).await;
    assert_eq!(results.next_of_any_kind().await.message_id, of_zeta.job_id());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    until_in_place(&bench, 21).await;
    assert_eq!(counted(&process).await, 21.0);
    assert_eq!(process.metric("redeemq_sessions_lost_total", "").await, 0.0);
    site.close().await;
}

/// What the counter says is what lies there, however often a letter was delivered; and where an operator has
/// dropped a letter, the job is dead only if it has another.
#[tokio::test]
async fn letters_are_counted_and_not_their_deliveries() {
    for (fault, sessions_lost) in [("after_note:panic", 1.0), ("after_confirm:panic", 1.0)] {
        let (site, bench) = without_worker().await;
        let request = mug("acme").dead_by_broker();
        bench.publish_to("redeem.dead", &request).await;
        let process = site.start(Role::Serve, &[("REDEEMQ_CRASH", fault)]).await;
        process.logged_because("lane lost its broker connection; reconnecting", "panicked").await;
        let letters = if fault.starts_with("after_note") { 1 } else { 2 };
        until_in_place(&bench, letters).await;
        assert_eq!(counted(&process).await, f64::from(letters), "{fault}");
        let lost = process.metric("redeemq_sessions_lost_total", "").await;
        assert_eq!(lost, sessions_lost, "{fault}");
        let caller = site.caller(&process, "acme").await;
        assert_eq!(status(&caller, &request).await, "dead");
        site.json(&["dead", "drop", &request.job_id()]);
        assert_eq!(status(&caller, &request).await, Value::Null);
        assert_eq!(site.json(&["dead", "list"]), json!([]));
        site.close().await;
    }
}

#[tokio::test]
async fn a_job_is_dead_only_while_a_letter_of_it_lies_there() {
    let (site, bench) = without_worker().await;
    let request = mug("acme").dead_by_broker();
    bench.publish_to("redeem.dead", &request).await;
    let frozen = site.start(Role::Worker, &[("REDEEMQ_CRASH", "after_confirm:stop")]).await;
    frozen.until_stopped().await;
    site.json(&["dead", "drop", &request.job_id()]);
    frozen.kill();

    let process = site.serve().await;
    eventually("the letter comes again", async || counted(&process).await == 1.0).await;
    until_in_place(&bench, 1).await;
    let caller = site.caller(&process, "acme").await;
    assert_eq!(status(&caller, &request).await, "dead");
    site.json(&["dead", "drop", &request.job_id()]);
    assert_eq!(status(&caller, &request).await, Value::Null);
    site.close().await;
}

#[tokio::test]
async fn what_somebody_else_has_dead_lettered_lies_there_as_it_came() {
    let (site, bench) = without_worker().await;
    let mut results = bench.results("#").await;
    let by_hand = mug("acme");
    let mut of_old_worker = Request { routing_key: "dead", ..mug("acme").dead_by_broker() };
    let mut headers = of_old_worker.properties.headers().clone().expect("headers");
    headers.insert("x-redeemq-reason".into(), AMQPValue::LongString("poison".into()));
    of_old_worker.properties = of_old_worker.properties.with_headers(headers);
    let process = site.start(Role::Worker, &[]).await;
    for letter in [&by_hand, &of_old_worker] {
        bench.publish_to("redeem.dead", letter).await;
    }
    until_in_place(&bench, 2).await;
    let rows = site.json(&["dead", "list"]);
    let of = |request: &Request| {
        let rows = rows.as_array().expect("a list").iter();
        rows.clone().find(|row| row["id"] == request.job_id()).map(reason)
    };
    assert_eq!(of(&of_old_worker), Some("poison"));
    assert!(of(&by_hand).is_some_and(|reason| reason.contains("no header")), "{rows}");
    assert_eq!(process.metric("redeemq_dead_total", "").await, 0.0);
    assert_eq!(site.number("select count(*) from dead_job").await, 0);
    // A notice would stand before this one.
    let last = mug("acme");
    bench.publish(&last).await;
    assert_eq!(results.next_of_any_kind().await.message_id, last.job_id());
    site.close().await;
}
