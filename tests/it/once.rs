//! P2: never twice. However often a job comes, its effect happens at most once, and every answer
//! is the same.

use futures_util::future::join_all;
use harness::{Bench, Request, Role, Site, eventually};
use serde_json::json;
use sqlx::Executor as _;

const MUG: &str = "goods_id,name,quantity,price\nmug,Mug,100,point=10\n";

#[tokio::test]
async fn thirty_two_posts_with_one_key_are_one_job_with_one_answer() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 2});

    let posts = (0..32).map(|_| caller.decide_once("/Redeem/goods", "order-1", &params));
    let answers = join_all(posts).await;

    assert!(answers.iter().all(|answer| answer.status == 200 && answer.code() == "0000"));
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));
    assert_eq!(site.number("select granted from goods").await, 2);
    assert_eq!(site.number("select count(*) from ledger").await, 1);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn two_deliveries_of_one_job_are_answered_with_equal_bytes_and_the_second_says_so() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.#").await;
    let request =
        Request::new("acme", "goods", &json!({"goods_id": "mug", "player_id": "p1", "amount": 1}));

    bench.publish(&request).await;
    bench.publish(&request).await;

    let both = results.take(2).await;
    assert_eq!(both[0].body, both[1].body);
    assert_eq!(both[0].json["error_code"], "0000");
    assert_eq!(both[0].message_id, request.job_id());
    assert_eq!((both[0].is_replayed, both[1].is_replayed), (false, true));
    eventually("both are counted", async || {
        process.metric("redeemq_results_total", "outcome=\"replayed\"").await == 1.0
    })
    .await;
    assert_eq!(process.metric("redeemq_results_total", "outcome=\"published\"").await, 1.0);
    assert_eq!(process.metric("redeemq_duplicates_total", "answer=\"stored\"").await, 1.0);
    assert_eq!(site.number("select granted from goods").await, 1);
    site.close().await;
}

#[tokio::test]
async fn duplicates_that_two_workers_decide_at_the_same_time_get_one_answer() {
    let site = Site::with_clients().await;
    let (_one, _two) = tokio::join!(site.start(Role::Worker, &[]), site.start(Role::Worker, &[]));
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    // Of goods that don't exist, so that no lock makes the workers take turns.
    let params = json!({"goods_id": "none", "player_id": "p1", "amount": 1});
    let request = Request::new("acme", "goods", &params);

    let mut holder = site.store.begin().await.expect("a transaction");
    holder.execute("lock table ledger in exclusive mode").await.expect("held");
    for waiting in [1, 2] {
        // Both have looked into the ledger in vain, and now want to write into it.
        bench.publish(&request).await;
        site.until_waiting(waiting).await;
    }
    holder.rollback().await.expect("let go");

    let both = results.take(2).await;
    assert_eq!(both[0].body, both[1].body);
    assert_eq!(both.iter().filter(|result| result.is_replayed).count(), 1);
    site.close().await;
}

/// The worker that waits for the balance looks into the ledger as it was before the other one wrote.
#[tokio::test]
async fn a_key_that_two_workers_meet_with_different_goods_is_paid_for_once() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,price\nmug,Mug,point=10\ncup,Cup,point=10\n");
    let (one, two) = tokio::join!(site.start(Role::Worker, &[]), site.start(Role::Worker, &[]));
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let params = |goods| json!({"goods_id": goods, "player_id": "p1", "amount": 1});
    let mug = Request::new("acme", "goods", &params("mug"));
    let cup = mug.clone().with("params", params("cup"));

    let mut holder = site.store.begin().await.expect("a transaction");
    holder.execute("select from balance where player_id = 'p1' for update").await.expect("held");
    bench.publish_all(&[mug, cup]).await;
    site.until_waiting(2).await;
    holder.rollback().await.expect("let go");

    let both = results.take(2).await;
    let mut codes = [both[0].code(), both[1].code()];
    codes.sort_unstable();
    assert_eq!(codes, ["0000", "3001"]);
    let mut again = 0.0;
    for worker in [&one, &two] {
        again += worker.metric("redeemq_batch_errors_total", "kind=\"twin\"").await;
    }
    assert_eq!(again, 1.0, "the ledger's index told the second one");
    assert_eq!(site.number("select sum(granted)::bigint from goods").await, 1);
    site.audit();
    site.close().await;
}
