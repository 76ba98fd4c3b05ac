//! P1: nothing lost. A job whose own data makes the database fail ends in the dead queue, alone; a
//! fault of the database itself empties no queue.

use harness::{Bench, MUG, Process, Reader, Request, Role, Site, Tally, eventually};
use serde_json::json;

fn mug(player: usize) -> Request {
    let params = json!({"goods_id": "mug", "player_id": format!("p{player}"), "amount": 1});
    Request::new("acme", "goods", &params)
}

/// A site where jobs can wait for a worker to start, and the database was tampered with.
async fn tampered(statements: &[&'static str]) -> (Site, Bench, Reader) {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    for statement in statements {
        site.tamper(statement).await;
    }
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let results = bench.results("#").await;
    (site, bench, results)
}

/// Raises P0001, as an extension or an operator's own trigger would.
const RAISE: &str = "create function raise_poison() returns trigger language plpgsql as
    $$ begin raise exception 'poisoned'; end $$";
const FOR_P3: &str = "create trigger poison before insert on ledger
    for each row when (new.player_id = 'p3') execute function raise_poison()";
const FOR_ALL: &str =
    "create trigger poison before insert on ledger for each row execute function raise_poison()";
const CLASS_23: &str = "alter table ledger add constraint nothing_for_p3 check (player_id <> 'p3')";

async fn splits(worker: &Process) -> f64 {
    worker.metric("redeemq_batches_split_total", "").await
}

#[tokio::test]
async fn a_poisonous_job_is_parted_from_its_neighbours_and_dies_alone() {
    for (tampering, error) in
        [(&[RAISE, FOR_P3][..], "poisoned"), (&[CLASS_23][..], "nothing_for_p3")]
    {
        let (site, bench, mut results) = tampered(tampering).await;
        let (good, bad): (Vec<Request>, Request) =
            ((0..40).map(|player| mug([1, 2, 4, 5][player % 4])).collect(), mug(3));
        let mut all = good.clone();
        all.insert(17, bad.clone());
        bench.publish_all(&all).await;

        let worker = site.start(Role::Worker, &[]).await;
        let mut tally = Tally::of(&good);
        tally.read_all(&bench, &mut results).await;
        eventually("it is dead", async || bench.depth("redeem.dead").await == 1).await;
        assert!(splits(&worker).await > 0.0, "all were one batch");
        let letter = bench.pop("redeem.dead").await.expect("the poison");
        assert_eq!(letter.body, bad.body);
        assert!(letter.header("x-redeemq-reason").contains(error));
        assert_eq!(letter.header("x-redeemq-attempts"), "1", "of the twenty that it has");
        assert!(worker.terminate().await.success());
        tally.read_rest(&bench, &mut results).await;
        assert_eq!((tally.count(), tally.replayed()), (40, 0));
        assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
        assert_eq!(site.number("select granted from goods").await, 40);
        site.audit();
        site.close().await;
    }
}

#[tokio::test]
async fn a_lone_job_that_fails_waits_until_another_proves_it_guilty() {
    let (site, bench, mut results) = tampered(&[RAISE, FOR_P3]).await;
    let worker = site.start(Role::Worker, &[]).await;
    let (bad, good) = (mug(3), mug(1));
    bench.publish(&bad).await;
    worker.logged("job failed alone; retrying before it is dead-lettered").await;
    assert_eq!(bench.depth("redeem.dead").await, 0);

    bench.publish(&good).await;
    assert_eq!(results.next().await.message_id, good.job_id());
    eventually("it is dead", async || bench.depth("redeem.dead").await == 1).await;
    site.close().await;
}

#[tokio::test]
async fn when_all_jobs_fail_alike_none_is_dead_and_all_are_decided_once_it_is_mended() {
    let (site, bench, mut results) = tampered(&[RAISE, FOR_ALL]).await;
    let jobs: Vec<Request> = (0..8).map(|job| mug(job % 9 + 1)).collect();
    bench.publish_all(&jobs).await;
    let worker = site.start(Role::Worker, &[]).await;
    // Seven splits part eight jobs; more of them mean that all were tried again.
    eventually("they are tried again", async || splits(&worker).await > 7.0).await;
    assert_eq!(worker.metric("redeemq_dead_total", "").await, 0.0);
    assert_eq!(bench.depth("redeem.dead").await, 0);

    site.tamper("drop trigger poison on ledger").await;
    let mut tally = Tally::of(&jobs);
    tally.read_all(&bench, &mut results).await;
    assert!(worker.terminate().await.success());
    tally.read_rest(&bench, &mut results).await;
    assert_eq!((tally.count(), tally.replayed()), (8, 0));
    assert_eq!(site.number("select granted from goods").await, 8);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.close().await;
}

#[tokio::test]
async fn a_fault_that_is_mended_between_two_jobs_condemns_neither() {
    // Ten attempts fail: the batch of eight is halved until four of them have failed alone.
    let mending = "create sequence attempts; create function raise_at_first() returns trigger
        language plpgsql as $$ begin
            if nextval('attempts') <= 10 then raise exception 'not yet mended'; end if;
            return new;
        end $$";
    let trigger = "create trigger poison before insert on ledger
        for each row execute function raise_at_first()";
    let (site, bench, mut results) = tampered(&[mending, trigger]).await;
    let jobs: Vec<Request> = (0..8).map(|job| mug(job % 9 + 1)).collect();
    bench.publish_all(&jobs).await;
    let _worker = site.start(Role::Worker, &[]).await;
    Tally::of(&jobs).read_all(&bench, &mut results).await;
    assert_eq!(bench.depth("redeem.dead").await, 0);
    assert_eq!(site.number("select granted from goods").await, 8);
    site.close().await;
}

#[tokio::test]
async fn when_many_fail_few_are_buried_and_the_others_wait_for_the_database_to_be_mended() {
    let for_most = "create trigger poison before insert on ledger
        for each row when (new.player_id < 'p7') execute function raise_poison()";
    let (site, bench, mut results) = tampered(&[RAISE, for_most]).await;
    let jobs: Vec<Request> = (0..45).map(|job| mug(job % 9 + 1)).collect();
    bench.publish_all(&jobs).await;
    let worker = site.start(Role::Worker, &[]).await;
    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 30).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    worker.logged("dead-letter rate limit reached; check the database").await;

    let aside = async || worker.metric("redeemq_jobs_aside", "suspect").await;
    eventually("the others wait", async || aside().await == 20.0).await;
    let failures = async || worker.metric("redeemq_batch_errors_total", "job").await;
    let before = failures().await;
    eventually("they are tried again", async || failures().await > before + 20.0).await;
    // Another one comes through, so each of them could be proven guilty now.
    let good = mug(9);
    bench.publish(&good).await;
    results.of(&good).await;
    let before = failures().await;
    eventually("they are tried again", async || failures().await > before + 20.0).await;
    assert_eq!(bench.depth("redeem.dead").await, 10);

    site.tamper("drop trigger poison on ledger").await;
    tally.read(&mut results, 10).await;
    eventually("nobody waits any more", async || aside().await == 0.0).await;
    assert_eq!(worker.metric("redeemq_dead_total", "").await, 10.0);
    site.json(&["dead", "replay", "--all"]);
    tally.read_all(&bench, &mut results).await;
    assert_eq!((tally.count(), tally.replayed()), (45, 0));
    assert_eq!(site.number("select granted from goods").await, 46);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_missing_column_pauses_the_lane_until_it_is_back() {
    let (site, bench, mut results) =
        tampered(&["alter table ledger rename column spent to gone"]).await;
    let jobs: Vec<Request> = (0..8).map(|job| mug(job % 9 + 1)).collect();
    bench.publish_all(&jobs).await;
    let worker = site.start(Role::Worker, &[]).await;
    let paused = async || worker.metric("redeemq_lane_paused", "").await == 1.0;
    eventually("the lane pauses", paused).await;
    eventually("it tries on", async || {
        worker.metric("redeemq_batch_errors_total", "kind=\"deployment\"").await >= 3.0
    })
    .await;
    worker.logged("the database refuses every batch; fix it: jobs wait and nothing is lost").await;
    assert_eq!(splits(&worker).await, 0.0);
    assert_eq!(bench.depth("redeem.dead").await, 0);

    site.tamper("alter table ledger rename column gone to spent").await;
    let mut tally = Tally::of(&jobs);
    tally.read_all(&bench, &mut results).await;
    assert!(!paused().await);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    assert_eq!(site.number("select granted from goods").await, 8);
    site.close().await;
}
