//! P1 and P4: what the broker dead-letters itself is told like any other dead letter, or answered like
//! any other redelivery; and the letter stays where operators look for it.

use harness::{Bench, MUG, Process, Request, Role, Site, eventually, mug};
use serde_json::{Value, json};

/// A site where jobs wait for a worker, and an open queue for replies.
async fn without_worker() -> (Site, Bench) {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    bench.queue("redeem.reply.mine", None, &[]).await;
    (site, bench)
}

/// Has the broker itself move requests to the dead queue: over its limit in one queue, then in the next.
/// RabbitMQ 4.3 goes on counting in the second, others begin anew.
async fn dead_by_broker(bench: &Bench, requests: &[Request]) {
    bench.publish_all(requests).await;
    let all = u32::try_from(requests.len()).expect("a few");
    let before = bench.depth("redeem.dead").await;
    for (queue, next, at_end) in [
        ("redeem.requests", "redeem.requests.spare", all),
        ("redeem.requests.spare", "redeem.dead", before + all),
    ] {
        let mut losses = 0;
        while bench.depth(next).await < at_end {
            // What was lost is back after a while, or on its way to the next queue.
            let left = bench.depth(queue).await;
            bench.lose(queue, left as usize).await;
            losses += 1;
            assert!(losses < 5_000, "the broker's limit does not hold");
        }
    }
}

async fn told(process: &Process) -> f64 {
    process.metric("redeemq_dead_total", "reason=\"broker\"").await
}

/// The copies are all taken.
async fn until_all_are_told(bench: &Bench) {
    eventually("no copy waits", async || bench.depth("redeem.dead.notices").await == 0).await;
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
    let status = caller.get(&format!("/Redeem/jobs/{}", request.job_id())).await;
    assert_eq!(status.body["response"]["status"], "dead", "{}", status.text);
    until_all_are_told(&bench).await;
    assert_eq!(told(&process).await, 1.0);
    assert_eq!(bench.depth("redeem.dead").await, 1, "the letter is left to operators");
    let row = &site.json(&["dead", "list"])[0];
    assert_eq!((row["id"].as_str(), reason(row)), (Some(&*request.job_id()), reason(&notice.json)));
    assert!(row["dead_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{row}");

    site.json(&["dead", "replay", &request.job_id()]);
    assert_eq!(results.next().await.code(), "0000");
    let status = caller.settled(&request.job_id()).await;
    assert_eq!(status.body["response"]["status"], "done");
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
    until_all_are_told(&bench).await;
    assert_eq!(told(&process).await, 0.0);
    assert_eq!(site.number("select count(*) from dead_job").await, 0);
    let caller = site.caller(&process, "acme").await;
    let status = caller.get(&format!("/Redeem/jobs/{}", request.job_id())).await;
    assert_eq!(status.body["response"]["status"], "done");
    assert_eq!(bench.depth("redeem.dead").await, 1, "the letter is left to operators");
    let done = site.json(&["dead", "replay", "--all"]);
    assert!(done[0]["done"].to_string().contains("was decided"), "{done}");
    assert_eq!(results.next().await.body, first.body);
    assert_eq!(site.number("select granted from goods").await, 1);
    site.close().await;
}

#[tokio::test]
async fn of_many_letters_each_is_told_once_by_one_of_two_workers_and_the_workers_own_are_not() {
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
    let mut told = Vec::new();
    while told.len() < expected.len() {
        let notice = results.next_of_any_kind().await;
        assert_eq!(notice.json["status"], "dead", "{}", notice.json);
        told.push(notice.message_id);
    }
    until_all_are_told(&bench).await;
    for worker in workers {
        assert_eq!(worker.metric("redeemq_sessions_lost_total", "").await, 0.0);
        assert!(worker.terminate().await.success());
    }
    assert_eq!(bench.depth("redeem.dead.notices").await, 0, "all are settled");
    // A notice too many would stand before this one.
    let last = mug("acme");
    let _worker = site.start(Role::Worker, &[]).await;
    bench.publish(&last).await;
    assert_eq!(results.next_of_any_kind().await.message_id, last.job_id());
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert_eq!(site.number("select count(*) from dead_job").await, expected.len() as i64);
    assert_eq!(bench.depth("redeem.dead").await, expected.len() as u32 + 1);
    site.close().await;
}

#[tokio::test]
async fn while_the_database_takes_no_note_nobody_is_told_and_nothing_is_lost() {
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
    assert_eq!(told(&worker).await, 0.0);

    site.tamper("drop trigger refuse on dead_job").await;
    assert_eq!(results.next_of_any_kind().await.message_id, request.job_id());
    assert_eq!(told(&worker).await, 1.0);
    site.close().await;
}

#[tokio::test]
async fn a_letter_of_a_worker_is_in_the_dead_queue_or_its_job_is_kept() {
    let (site, bench) = without_worker().await;
    let _worker = site.start(Role::Worker, &[]).await;
    bench.unbind("redeem.dead", "redeem.dead", "").await;
    bench.publish(&Request::raw(b"no job")).await;
    eventually("it needs no binding", async || bench.depth("redeem.dead").await == 1).await;

    let connection = lapin::Connection::connect(&site.amqp_url, Default::default()).await;
    let connection = connection.expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    channel.queue_delete("redeem.dead".into(), Default::default()).await.expect("deleted");
    bench.publish(&Request::raw(b"no job either")).await;
    // The worker declares it anew in its next session.
    eventually("the letter waits for the queue", async || {
        let probe = connection.create_channel().await.expect("a channel");
        let passive = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
        let found = probe.queue_declare("redeem.dead".into(), passive, Default::default()).await;
        found.is_ok_and(|queue| queue.message_count() == 1)
    })
    .await;
    site.close().await;
}
