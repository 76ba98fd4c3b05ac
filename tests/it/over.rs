//! P3: never over. However many workers, duplicates and deaths: exactly what there is, is granted, and
//! the database itself would refuse more.

use harness::{Bench, Request, Role, Site, Tally};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _};
use std::collections::{HashMap, HashSet};

const CLIENTS: [&str; 2] = ["acme", "zeta"];

/// Everything is scarce, each for another reason, and a code pool as well.
async fn scarce() -> Site {
    let site = Site::with_clients().await;
    let goods = "goods_id,name,group,quantity,per_player,price\n\
        stock,Stock,,150,,\n\
        few,Few each,,,3,point=1\n\
        dear,Dear,,,,custom:gem=1;point=100\n\
        cinema,Cinema,seats,,,badge:gold=1\n";
    site.goods("acme", goods);
    let sponsored = "goods_id,name,group,quantity,per_client,price\n\
        capped,Capped,,,40,\n\
        shared,Shared,,60,,point=2\n\
        stream,Stream,months,,,\n";
    site.goods("@cola", sponsored);
    let codes = |prefix: &str, count: usize| -> String {
        let codes = (0..count).map(|code| format!("{prefix}{code}\n"));
        std::iter::once("code\n".to_owned()).chain(codes).collect()
    };
    site.coupons("acme", "seats", &codes("seat-", 40));
    site.coupons("@cola", "months", &codes("month-", 90));
    site
}

/// Far more jobs than can be granted: amounts of two first, so that single ones take what they leave.
fn greedy() -> Vec<Request> {
    let mut jobs = Vec::new();
    for round in 0..22 {
        let amount = if round < 6 { 2 } else { 1 };
        for player in 1..=9 {
            let params = |name: &str, value: &str| json!({name: value, "player_id": format!("p{player}"), "amount": amount});
            for goods in ["stock", "few", "dear"] {
                jobs.push(Request::new("acme", "goods", &params("goods_id", goods)));
            }
            jobs.push(Request::new("acme", "goods_group", &params("group", "seats")));
            for client in CLIENTS {
                for goods in ["capped", "shared"] {
                    jobs.push(Request::new(client, "sponsor", &params("goods_id", goods)));
                }
                jobs.push(Request::new(client, "sponsor_group", &params("group", "months")));
            }
        }
    }
    jobs
}

/// Every seventh comes twice, the second time a bit later.
fn with_duplicates(jobs: &[Request]) -> Vec<Request> {
    let mut all = Vec::with_capacity(jobs.len() * 8 / 7);
    for chunk in jobs.chunks(70) {
        all.extend_from_slice(chunk);
        all.extend(chunk.iter().step_by(7).cloned());
    }
    all
}

#[tokio::test]
async fn two_workers_duplicates_and_a_death_grant_exactly_what_there_is() {
    let site = scarce().await;
    let bench = Bench::open(&site.amqp_url).await;
    let (dying, staying) =
        tokio::join!(site.start(Role::Worker, &[]), site.start(Role::Worker, &[]));
    let mut results = bench.results("#").await;
    let jobs = greedy();
    let mut tally = Tally::of(&jobs);

    bench.publish_all(&with_duplicates(&jobs)).await;
    tally.read(&mut results, jobs.len() * 2 / 3).await;
    dying.kill();
    let third = site.start(Role::Worker, &[]).await;
    tally.read_all(&bench, &mut results).await;
    for worker in [staying, third] {
        // The database never had to refuse: the locks had kept the workers from asking for it.
        assert_eq!(worker.metric("redeemq_batches_split_total", "").await, 0.0);
        let errors = worker.metric("redeemq_batch_errors_total", "kind=\"deployment\"").await;
        assert_eq!(errors, 0.0);
        assert!(worker.terminate().await.success());
    }
    assert_eq!(bench.depth("redeem.dead").await, 0);
    tally.read_rest(&bench, &mut results).await;

    assert_eq!(tally.answers().len(), jobs.len());
    let granted = ["stock", "few", "dear", "cinema", "capped", "shared", "stream"]
        .map(|goods| (goods, tally.units(goods)));
    // 9 players with 3 each, with 5 gems each, with 5 gold each for 40 seats; 2 clients with 40 each.
    let there_is = [
        ("stock", 150),
        ("few", 27),
        ("dear", 45),
        ("cinema", 40),
        ("capped", 80),
        ("shared", 60),
        ("stream", 90),
    ];
    assert_eq!(granted, there_is);
    let codes = tally.codes();
    let different: HashSet<&str> = codes.iter().copied().collect();
    assert_eq!((codes.len(), different.len()), (130, 130));
    assert!(tally.answers().iter().all(|answer| is_expected(answer)));
    assert_eq!(site.number("select min(amount) from balance").await, 0);
    site.audit();
    site.close().await;
}

fn is_expected(answer: &Value) -> bool {
    let codes = ["0000", "0601", "0604", "0606", "0607"];
    answer["error_code"].as_str().is_some_and(|code| codes.contains(&code))
}

#[tokio::test]
async fn two_workers_at_one_balance_take_turns() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,price\nleft,Left,point=600\nright,Right,point=600\n");
    let workers = tokio::join!(site.start(Role::Worker, &[]), site.start(Role::Worker, &[]));
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let mut holder = site.store.begin().await.expect("a transaction");
    holder.execute("lock table ledger in exclusive mode").await.expect("held");
    for (goods, waiting) in [("left", 1), ("right", 2)] {
        let params = json!({"goods_id": goods, "player_id": "p1", "amount": 1});
        bench.publish(&Request::new("acme", "goods", &params)).await;
        site.until_waiting(waiting).await;
    }
    holder.rollback().await.expect("let go");

    let mut codes: Vec<String> =
        results.take(2).await.iter().map(|result| result.code().to_owned()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["0000", "0605"]);
    for worker in [workers.0, workers.1] {
        assert!(
            !worker.text().contains("retrying before it is dead-lettered"),
            "the database had to refuse"
        );
    }
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn the_database_refuses_by_name_whatever_would_break_a_promise() {
    let site = scarce().await;
    let bench = Bench::open(&site.amqp_url).await;
    let pin = site.branch("acme", "Centre", "seats");
    let process = site.serve().await;
    let mut results = bench.results("#").await;
    let caller = site.caller(&process, "acme").await;
    for job in &greedy()[..10] {
        bench.publish(job).await;
    }
    let seat = results.take(10).await.into_iter().find_map(|result| {
        let code = &result.json["response"]["events"][0]["goods_data"]["code"];
        code.as_str().filter(|code| code.starts_with("seat-")).map(str::to_owned)
    });
    let verify = json!({"goods_group": "seats", "coupon_code": seat, "pin_code": pin});
    let verified = caller.decide("/Redeem/goodsGroup/verify", &verify).await;
    assert_eq!(verified.body["response"]["success"], true, "{}", verified.text);

    let offences: HashMap<&str, &[&str]> = HashMap::from([
        (
            "goods_stock_not_exceeded",
            &["update goods set granted = quantity + 1 where goods_id = 'stock'"][..],
        ),
        (
            "goods_codes_not_exceeded",
            &["update goods set granted = codes + 1 where goods_id = 'cinema'"],
        ),
        ("balance_not_negative", &["update balance set amount = -1"]),
        ("player_usage_within_limit", &["update player_usage set granted = cap + 1"]),
        ("client_usage_within_cap", &["update client_usage set granted = cap + 1"]),
        (
            "coupon_has_one_holder",
            &[
                "update coupon set holder_player = 'p9' where job_key is not null",
                "update coupon set job_key = null, holder_client = null, holder_player = null where job_key is not null and used_key is null",
            ],
        ),
        (
            "coupon_is_used_once",
            &[
                "update coupon set used_key = job_key, used_at = used_at + interval '1 second' where used_key is not null",
                "update coupon set used_key = null, used_at = null, used_branch = null where used_key is not null",
            ],
        ),
        ("ledger_decides_once", &["insert into ledger select * from ledger limit 1"]),
        (
            "ledger_is_append_only",
            &["update ledger set code = '0000'", "delete from ledger", "truncate ledger"],
        ),
    ]);
    for (constraint, statements) in offences {
        for statement in statements {
            let error = site.store.execute(AssertSqlSafe(*statement)).await.expect_err(statement);
            let error = error.into_database_error().expect("the server's word");
            assert_eq!(error.constraint(), Some(constraint), "{statement}: {error}");
        }
    }
    site.audit();
    site.close().await;
}
