//! `redeemq dead`: what could not become a decision can be looked at, tried again, or dropped.

use harness::{Bench, MUG, Process, Reader, Request, Site, eventually, mug};
use redeemq::broker::{self, consume::dead_queue::DeadQueue};
use serde_json::{Value, json};

/// A site with mugs, a running worker, and a reader of all results.
async fn with_worker() -> (Site, Process, Bench, Reader) {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let results = bench.results("#").await;
    (site, process, bench, results)
}

async fn bury(bench: &Bench, letters: &[&Request]) {
    let before = bench.depth("redeem.dead").await;
    for letter in letters {
        bench.put("redeem.dead", letter).await;
    }
    let all = before + u32::try_from(letters.len()).expect("a few");
    eventually("the letters lie there", async || bench.depth("redeem.dead").await == all).await;
}

fn ids(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().expect("a list");
    rows.iter().map(|row| row["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn looking_at_dead_letters_a_hundred_times_loses_and_changes_nothing() {
    let (site, _process, bench, _results) = with_worker().await;
    let broken = |field: &str| mug("acme").with(field, json!("?"));
    let letters = ["v", "job_id", "client_id", "operation", "accepted_at"].map(broken);
    bench.publish_all(&letters).await;
    eventually("they are dead", async || bench.depth("redeem.dead").await == 5).await;

    let first = site.json(&["dead", "list"]);
    let url = site.amqp_url.clone().into();
    let connection = broker::connect(&url, "looker").await.expect("the broker");
    for _ in 0..100 {
        let mut queue = DeadQueue::open(&connection).await.expect("the dead queue");
        let mut seen = 0;
        while queue.next().await.expect("a letter").is_some() {
            seen += 1;
        }
        assert_eq!(seen, 5);
        queue.close().await.expect("closed");
    }
    broker::close(connection).await;

    assert_eq!(site.json(&["dead", "list"]), first);
    for row in first.as_array().expect("a list") {
        let shown = site.json(&["dead", "show", row["id"].as_str().expect("an id")]);
        let (shown, row) = (&shown[0], row.as_object().expect("an object"));
        assert!(row.iter().all(|(name, value)| shown[name] == *value), "{shown}");
        let body = shown["body"].as_str().expect("a body").as_bytes();
        assert!(letters.iter().any(|letter| letter.body == body));
        assert!(shown["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        assert_eq!(shown["attempts"], 1);
    }
    let text = site.run(&["dead", "list"]).stdout;
    assert_eq!(String::from_utf8_lossy(&text).lines().count(), 6, "a header and five rows");
    eventually("they lie there still", async || bench.depth("redeem.dead").await == 5).await;
    site.close().await;
}

#[tokio::test]
async fn a_second_looker_is_told_that_somebody_is_at_it() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    bury(&bench, &[&mug("acme")]).await;
    let url = site.amqp_url.clone().into();
    let connection = broker::connect(&url, "looker").await.expect("the broker");
    let first = DeadQueue::open(&connection).await.expect("the dead queue");

    let second = site.run(&["dead", "list"]);
    assert_eq!(second.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&second.stderr);
    assert!(complaint.contains("another `redeemq dead`"), "{complaint}");

    first.close().await.expect("closed");
    broker::close(connection).await;
    eventually("the next one sees it", async || {
        site.run(&["dead", "list", "--json"]).stdout.len() > 3
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn a_replayed_letter_is_decided_like_any_other_job() {
    let (site, process, bench, mut results) = with_worker().await;
    let (first, second, third) =
        (mug("acme"), mug("acme").reply_to("redeem.reply.mine"), mug("acme"));
    bench.queue("redeem.reply.mine", None, &[]).await;
    let mut replies = bench.read("redeem.reply.mine").await;
    bury(&bench, &[&first, &second, &third]).await;

    let done = site.json(&["dead", "replay", &second.job_id()]);
    assert_eq!(ids(&done), [second.job_id()]);
    let result = results.next().await;
    assert_eq!((result.message_id.clone(), result.code()), (second.job_id(), "0000"));
    assert!(!result.is_replayed);
    assert_eq!(replies.next().await.body, result.body);
    assert_eq!(ids(&site.json(&["dead", "list"])).len(), 2);

    let done = site.json(&["dead", "replay", "--all"]);
    assert_eq!(ids(&done).len(), 2);
    let caller = site.caller(&process, "acme").await;
    for (result, request) in results.take(2).await.iter().zip([first, third]) {
        assert_eq!(result.message_id, request.job_id());
        let status = caller.settled(&request.job_id()).await;
        assert_eq!(status.body["response"]["status"], "done");
    }
    assert_eq!(site.json(&["dead", "list"]), json!([]));
    assert_eq!(site.number("select granted from goods").await, 3);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_letter_that_was_decided_meanwhile_is_only_answered_again() {
    let (site, _process, bench, mut results) = with_worker().await;
    let request = mug("acme").correlated("mine");
    bench.publish(&request).await;
    let first = results.next().await;
    bury(&bench, &[&request]).await;

    let done = site.json(&["dead", "replay", &request.job_id()]);
    assert!(done[0]["done"].as_str().is_some_and(|done| done.contains("was decided")), "{done}");
    let again = results.next().await;
    assert_eq!((again.body, again.is_replayed), (first.body, true));
    assert_eq!(again.correlation_id, "mine");
    assert_eq!(site.json(&["dead", "list"]), json!([]));
    assert_eq!(site.number("select granted from goods").await, 1);
    site.close().await;
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let (site, _process, bench, mut results) = with_worker().await;
    let (decided, undecided) = (mug("acme"), mug("acme"));
    bench.publish(&decided).await;
    results.next().await;
    bury(&bench, &[&decided, &undecided]).await;
    let before = site.json(&["dead", "list"]);

    let said = site.json(&["dead", "replay", "--all", "--dry-run"]);
    assert_eq!(ids(&said), [decided.job_id(), undecided.job_id()]);
    assert!(
        said.as_array()
            .expect("a list")
            .iter()
            .all(|row| { row["done"].as_str().is_some_and(|done| done.contains("would be")) })
    );

    assert_eq!(site.json(&["dead", "list"]), before);
    // A result that came by now would stand before this one.
    let last = mug("acme");
    bench.publish(&last).await;
    assert_eq!(results.next().await.message_id, last.job_id());
    site.close().await;
}

#[tokio::test]
async fn a_restamped_letter_is_judged_as_of_now_and_others_as_of_then() {
    let (site, _process, bench, mut results) = with_worker().await;
    site.goods("acme", "goods_id,name,starts_at\nmug,Mug,2026-01-01T00:00:00Z\n");
    let then = json!("2025-12-31T23:59:59Z");
    let (as_was, restamped) = (
        mug("acme").with("accepted_at", then.clone()),
        mug("acme").with("accepted_at", then.clone()),
    );
    bury(&bench, &[&as_was, &restamped]).await;

    site.json(&["dead", "replay", &as_was.job_id()]);
    let result = results.next().await;
    assert_eq!((result.message_id.clone(), result.code()), (as_was.job_id(), "0603"));
    assert_eq!(result.json["accepted_at"], then);

    site.json(&["dead", "replay", &restamped.job_id(), "--restamp"]);
    let result = results.next().await;
    assert_eq!((result.message_id.clone(), result.code()), (restamped.job_id(), "0000"));
    assert_ne!(result.json["accepted_at"], then);
    site.close().await;
}

#[tokio::test]
async fn a_dropped_letter_is_gone_and_an_unknown_one_is_an_error() {
    let (site, process, bench, _results) = with_worker().await;
    let (dropped, kept) = (mug("acme").with("v", json!(2)), mug("acme").with("v", json!(2)));
    bench.publish_all(&[dropped.clone(), kept.clone()]).await;
    eventually("they are dead", async || bench.depth("redeem.dead").await == 2).await;

    assert_eq!(ids(&site.json(&["dead", "drop", &dropped.job_id()])), [dropped.job_id()]);

    assert_eq!(ids(&site.json(&["dead", "list"])), [kept.job_id()]);
    let caller = site.caller(&process, "acme").await;
    let status =
        async |request: &Request| caller.get(&format!("/Redeem/jobs/{}", request.job_id())).await;
    assert_eq!(status(&dropped).await.status, 404);
    assert_eq!(status(&kept).await.body["response"]["status"], "dead");
    for command in ["show", "replay", "drop"] {
        let output = site.run(&["dead", command, &dropped.job_id()]);
        assert_eq!(output.status.code(), Some(2));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(complaint.contains("no dead letter has this id"), "{complaint}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_job_that_dies_again_when_replayed_still_reads_as_dead() {
    let (site, process, bench, _results) = with_worker().await;
    let request = mug("acme").with("operation", json!("refund"));
    bench.publish(&request).await;
    eventually("it is dead", async || bench.depth("redeem.dead").await == 1).await;
    let caller = site.caller(&process, "acme").await;
    for times in 2..8 {
        site.json(&["dead", "replay", &request.job_id()]);
        eventually("it is dead again", async || {
            process.metric("redeemq_results_total", "outcome=\"dead\"").await == f64::from(times)
        })
        .await;
        let status = caller.get(&format!("/Redeem/jobs/{}", request.job_id())).await;
        assert_eq!(status.body["response"]["status"], "dead", "{}", status.text);
    }
    assert_eq!(ids(&site.json(&["dead", "list"])), [request.job_id()]);
    site.close().await;
}

#[tokio::test]
async fn replaying_what_was_decided_changes_nothing_in_the_books() {
    let (site, _process, bench, mut results) = with_worker().await;
    site.goods(
        "acme",
        "goods_id,name,group,quantity,per_player,per_client,price\n\
         cap,Cap,,9,3,5,point=10;badge:gold=1\nfilm,Film,cinema,,2,,custom:gem=1\n",
    );
    site.coupons("acme", "cinema", "code\nA\nB\n");
    let redeem = |operation, params: Value| Request::new("acme", operation, &params);
    let jobs = [
        redeem("goods", json!({"goods_id": "cap", "player_id": "p1", "amount": 2})),
        redeem("goods", json!({"goods_id": "cap", "player_id": "p1", "amount": 2})),
        redeem("goods_group", json!({"group": "cinema", "player_id": "p1", "amount": 1})),
        redeem("goods", json!({"goods_id": "cap", "player_id": "nobody", "amount": 1})),
        redeem(
            "verify",
            json!({"goods_group": "cinema", "coupon_code": "A", "pin_hashes": {"k": "0"}}),
        ),
    ];
    let mut first = Vec::new();
    for job in &jobs {
        bench.publish(job).await;
        first.push(results.next().await);
    }
    let letters: Vec<&Request> = jobs.iter().collect();
    let books = site.books().await;
    for how in [&["dead", "replay", "--all"][..], &["dead", "replay", "--all", "--restamp"]] {
        bury(&bench, &letters).await;
        let done = site.json(how);
        let done = done.as_array().expect("a list");
        assert_eq!(done.len(), jobs.len());
        assert!(done.iter().all(|row| row["done"].to_string().contains("was decided")));
        for (first, again) in first.iter().zip(results.take(jobs.len()).await) {
            assert_eq!((&again.body, again.is_replayed), (&first.body, true));
        }
        assert_eq!(site.books().await, books);
        assert_eq!(site.json(&["dead", "list"]), json!([]));
    }
    let codes: Vec<&str> = first.iter().map(|result| result.code()).collect();
    assert_eq!(codes, ["0000", "0601", "0000", "0200", "0608"]);
    site.close().await;
}

#[tokio::test]
async fn letters_that_die_again_while_all_are_replayed_are_replayed_once() {
    let (site, process, bench, _results) = with_worker().await;
    let broken: Vec<Request> = (0..20).map(|_| mug("acme").with("v", json!(2))).collect();
    bench.publish_all(&broken).await;
    eventually("they are dead", async || bench.depth("redeem.dead").await == 20).await;
    for times in 2..5 {
        assert_eq!(ids(&site.json(&["dead", "replay", "--all"])).len(), 20);
        eventually("they are dead again", async || {
            process.metric("redeemq_results_total", "outcome=\"dead\"").await
                == f64::from(20 * times)
        })
        .await;
    }
    let listed = site.json(&["dead", "list"]);
    let mut listed = ids(&listed);
    listed.sort_unstable();
    let mut expected: Vec<String> = broken.iter().map(Request::job_id).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    site.close().await;
}
