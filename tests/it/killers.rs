//! P1: nothing lost. A job that ends the process each time it is tried ends in the dead queue, and
//! takes no neighbour along, however often operators start the workers again.

use harness::{Bench, Process, Request, Role, Site, Tally, eventually, mug};
use harness::{MUG, instant};
use serde_json::json;

fn of_player(player: &str) -> Request {
    let params = json!({"goods_id": "mug", "player_id": player, "amount": 1});
    Request::new("acme", "goods", &params)
}

/// Whoever decides for p3 stands still, and says which worker it is by the lock it waits for. Its
/// session ends with the worker, not seconds later.
const STANDS_STILL: &str = "create function stand_still() returns trigger language plpgsql as
    $$ begin
        perform pg_advisory_xact_lock(current_setting('redeemq.worker')::bigint);
        return new;
    end $$;
    create trigger killer before insert on ledger
    for each row when (new.player_id = 'p3') execute function stand_still()";
const STANDING_STILL: &str = "select max(objid::bigint) from pg_locks
    where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())";

/// Starts a worker with a number of its own.
async fn start(site: &Site, number: i64) -> (i64, Process) {
    let options = "options[client_connection_check_interval]=50";
    let url = format!("{}?{options}&options[redeemq.worker]={number}", site.database_url);
    (number, site.start(Role::Worker, &[("DATABASE_URL", &url)]).await)
}

#[tokio::test]
async fn a_job_that_ends_the_process_at_each_try_dies_alone_between_two_workers() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    site.tamper(STANDS_STILL).await;
    let mut locks = site.store.begin().await.expect("a transaction");
    sqlx::query("select pg_advisory_xact_lock(number) from generate_series(1, 200) as number")
        .execute(&mut *locks)
        .await
        .expect("locks");
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let killer = of_player("p3");
    let mut good: Vec<Request> = (0..100).map(|_| mug("acme")).collect();
    let mut all = good.clone();
    all.insert(50, killer.clone());
    bench.publish_all(&all).await;

    let mut workers = vec![start(&site, 1).await, start(&site, 2).await];
    let (mut number, mut deaths) = (2, 0);
    while bench.depth("redeem.dead").await == 0 {
        let standing = site.number(STANDING_STILL).await;
        if let Some(at) = workers.iter().position(|(number, _)| *number == standing) {
            workers.swap_remove(at).1.kill();
            deaths += 1;
            number += 1;
            assert!(deaths <= 21, "twenty attempts, and the first delivery");
            let more: Vec<Request> = (0..5).map(|_| mug("acme")).collect();
            bench.publish_all(&more).await;
            good.extend(more);
            workers.push(start(&site, number).await);
        }
    }
    let letter = bench.pop("redeem.dead").await.expect("the killer");
    assert_eq!(letter.body, killer.body);
    assert!(letter.header("x-redeemq-reason").contains("without a decision"));
    assert_eq!(deaths, 21);

    let mut tally = Tally::of(&good);
    tally.read_all(&bench, &mut results).await;
    let answers = tally.answers();
    assert!(answers.iter().all(|answer| answer["error_code"] == "0000"));
    let last = answers.iter().map(|answer| instant(&answer["decided_at"])).max();
    let dead_at = instant(&letter.header("x-redeemq-dead-at").into());
    assert!(last.expect("decisions") <= dead_at, "nobody had to wait for its end");
    assert_eq!(bench.depth("redeem.dead").await, 0);
    assert_eq!(site.number("select granted from goods").await, good.len() as i64);

    // Mended, and given another chance.
    locks.rollback().await.expect("let go");
    bench.put("redeem.dead", &killer).await;
    eventually("it lies there", async || bench.depth("redeem.dead").await == 1).await;
    site.json(&["dead", "replay", &killer.job_id()]);
    assert_eq!(results.of(&killer).await.code(), "0000");
    site.audit();
    site.close().await;
}
