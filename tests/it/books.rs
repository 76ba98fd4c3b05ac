//! P5: the books balance. After any mix of work and imports, every counter is what ledger and
//! imports add up to; and where it is not, the audit says so.

use harness::{Bench, Request, Role, Site, Tally, eventually};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _};

const CLIENTS: [&str; 2] = ["acme", "zeta"];

fn codes(from: usize, to: usize) -> String {
    let codes = (from..to).map(|code| format!("code-{code}\n"));
    std::iter::once("code\n".to_owned()).chain(codes).collect()
}

async fn with_goods() -> Site {
    let site = Site::with_clients().await;
    let goods = "goods_id,name,group,quantity,per_player,price\n\
        mug,Mug,,500,20,point=3\n\
        cinema,Cinema,seats,,,point=1;custom:gem=1\n";
    for client in CLIENTS {
        site.goods(client, goods);
        site.coupons(client, "seats", &codes(0, 20));
    }
    site.goods(
        "@cola",
        "goods_id,name,quantity,per_client,price\ncola,Cola,900,300,badge:gold=1;point=2\n",
    );
    site
}

fn redeems() -> Vec<Request> {
    let mut jobs = Vec::new();
    for round in 0..40 {
        for client in CLIENTS {
            for player in 1..=9 {
                let params = |name: &str, value: &str| {
                    let amount = round % 3 + 1;
                    json!({name: value, "player_id": format!("p{player}"), "amount": amount})
                };
                jobs.push(match round % 3 {
                    0 => Request::new(client, "goods", &params("goods_id", "mug")),
                    1 => Request::new(client, "goods_group", &params("group", "seats")),
                    _ => Request::new(client, "sponsor", &params("goods_id", "cola")),
                });
            }
        }
    }
    jobs
}

/// Each code is tried by its own client and by the other one, with a wrong PIN and with the right one.
async fn verifies(site: &Site, tally: &Tally) -> Vec<Request> {
    let (key, right): (String, String) =
        sqlx::query_as("select key_id, pin_hash from branch where scope = 'acme'")
            .fetch_one(&site.store)
            .await
            .expect("the branch");
    let mut jobs = Vec::new();
    for code in tally.codes() {
        for client in CLIENTS {
            for pin in ["wrong", &right] {
                let params = json!({
                    "goods_group": "seats", "coupon_code": code, "pin_hashes": {&key: pin},
                });
                jobs.push(Request::new(client, "verify", &params));
            }
        }
    }
    jobs
}

#[tokio::test]
async fn the_books_balance_after_a_mix_of_everything() {
    let site = with_goods().await;
    site.branch("acme", "Centre", "seats");
    let bench = Bench::open(&site.amqp_url).await;
    let _workers = tokio::join!(site.start(Role::Worker, &[]), site.start(Role::Worker, &[]));
    let mut results = bench.results("#").await;
    let jobs = redeems();
    let mut tally = Tally::of(&jobs);
    bench.publish_all(&jobs).await;
    tally.read(&mut results, jobs.len() - 50).await;

    // In the middle of it, an operator imports.
    let more = "player_id,asset,amount\np1,point,7\np2,custom:gem,1\n";
    site.import(&["players", "import", "--client", "acme", "--import-id", "more"], more);
    site.coupons("acme", "seats", &codes(10, 30));
    site.goods("zeta", "goods_id,name,quantity,per_player,price\nmug,Mug,600,30,point=4\n");
    tally.read_all(&bench, &mut results).await;

    let verifies = verifies(&site, &tally).await;
    let mut verified = Tally::of(&verifies);
    bench.publish_all(&verifies).await;
    verified.read_all(&bench, &mut results).await;

    site.audit();
    let paid: i64 = tally.events().iter().map(|(_, event)| points(event)).sum();
    let imported = 2 * 9 * 1000 + 7;
    let left = site.number("select sum(amount)::bigint from balance where asset = 'point'").await;
    assert_eq!(left, imported - paid);
    let held = site.number("select count(*) from coupon where job_key is not null").await;
    assert_eq!(usize::try_from(held).expect("a count"), tally.codes().len());
    let successes =
        verified.answers().iter().filter(|answer| answer["response"]["success"] == true).count();
    let used = site.number("select count(*) from coupon where used_key is not null").await;
    assert_eq!(usize::try_from(used).expect("a count"), successes);
    assert!(successes > 0 && !tally.codes().is_empty() && paid > 0);
    site.close().await;
}

/// Points that one event cost.
fn points(event: &Value) -> i64 {
    let each = event["goods_data"]["redeem"]["point"]["point_value"].as_i64().expect("points");
    each * event["value"].as_i64().expect("units")
}

#[tokio::test]
async fn the_audit_tells_of_a_book_that_was_changed_by_hand() {
    let site = with_goods().await;
    let bench = Bench::open(&site.amqp_url).await;
    let _worker = site.start(Role::Worker, &[]).await;
    let mut results = bench.results("#").await;
    let jobs = &redeems()[..60];
    bench.publish_all(jobs).await;
    results.take(jobs.len()).await;
    site.audit();
    for (tamper, mend) in [
        (
            "update goods set granted = granted - 1 where goods_id = 'mug'",
            "update goods set granted = granted + 1 where goods_id = 'mug'",
        ),
        (
            "update balance set amount = amount + 1 where player_id = 'p1'",
            "update balance set amount = amount - 1 where player_id = 'p1'",
        ),
        (
            "update player_usage set granted = granted - 1",
            "update player_usage set granted = granted + 1",
        ),
        (
            "update client_usage set granted = granted - 1",
            "update client_usage set granted = granted + 1",
        ),
    ] {
        site.store.execute(AssertSqlSafe(tamper)).await.expect("tampered");
        let audit = site.run(&["audit"]);
        assert_eq!(audit.status.code(), Some(1), "{tamper}");
        assert!(String::from_utf8_lossy(&audit.stdout).contains("P5"), "{tamper}");
        site.store.execute(AssertSqlSafe(mend)).await.expect("mended");
    }
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_worker_that_audits_shows_a_drift_as_a_metric() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,quantity\nmug,10\n");
    let worker = site.start(Role::Worker, &[("REDEEMQ_AUDIT_EVERY_SECONDS", "1")]).await;
    eventually("an audit", async || worker.page().await.contains("redeemq_audit_broken 0")).await;
    sqlx::query("update goods set granted = 1").execute(&site.store).await.expect("tampered");
    eventually("the drift shows", async || worker.metric("redeemq_audit_broken", "").await > 0.0)
        .await;
    assert!(worker.metric("redeemq_audit_rows_broken", "").await >= 1.0);
    let finished = worker.metric("redeemq_audit_finished_timestamp_seconds", "").await;
    let age = redeemq::wire::now().unix_timestamp() as f64 - finished;
    assert!((0.0..60.0).contains(&age), "{finished}");
    site.close().await;
}
