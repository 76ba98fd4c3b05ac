//! However large the books grow, a job reads the rows that it is about, and no others.

use harness::{Bench, Request, Role, Site, Tally, eventually};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _};

/// Rows that any hot statement could read by mistake.
const LARGE: &[&str] = &[
    "insert into goods (scope, goods_id, name, group_name, per_player, price, codes)
     select 'acme', 'goods-' || i, 'Goods', case when i % 10 = 0 then 'group-' || i end, 1000000, 'point=1',
            case when i % 10 = 0 then 100 else 0 end
     from generate_series(1, 5000) as i",
    "insert into goods (scope, sponsor, goods_id, name, group_name, per_player, per_client, price, codes)
     select '*', 'cola', 'goods-' || i, 'Goods', case when i % 10 = 0 then 'group-' || i end, 1000000, 1000000, '',
            case when i % 10 = 0 then 100 else 0 end
     from generate_series(1, 5000) as i",
    "insert into coupon (goods, code)
     select g.id, 'code-' || i from goods g, generate_series(1, 100) as i where g.group_name is not null",
    "update goods set fold_case = true where group_name = 'group-20'",
    "update coupon c set shown = upper(c.code) from goods g where g.id = c.goods and g.fold_case",
    "insert into balance (client_id, player_id, asset, amount)
     select 'acme', 'player-' || i, 'point', 1000000 from generate_series(1, 100000) as i",
    "insert into ledger (client_id, job_key, content, operation, accepted_at, decided_at, code, body)
     select 'acme', gen_random_uuid(), '\\x0000000000000000', 'goods', now(), now(), '0604', '{}'
     from generate_series(1, 100000)",
    "insert into player_usage (client_id, goods, player_id, granted, cap)
     select 'acme', g.id, 'player-' || i, 0, 1000000 from (select min(id) as id from goods) as g,
            generate_series(1, 20000) as i",
    "insert into pin_failure (client_id, goods, failed_at, job_key, code)
     select 'acme', g.id, now(), gen_random_uuid(), 'code-1' from goods g where g.group_name is not null",
    "analyze",
    // What this session itself has read counts before, not during the work.
    "select pg_stat_force_next_flush()",
];

/// Rows read by scanning tables, and entries read out of indexes, since the database was made.
async fn reads(site: &Site) -> (i64, i64) {
    sqlx::query_as(
        "select (select sum(seq_tup_read)::bigint from pg_stat_user_tables),
                (select sum(idx_tup_read)::bigint from pg_stat_user_indexes)",
    )
    .fetch_one(&site.store)
    .await
    .expect("the statistics")
}

fn hundred(operation: &'static str, name: &str, value: &str) -> Vec<Request> {
    let job = |job: usize| {
        let player = format!("player-{}", job * 997 + 1);
        Request::new("acme", operation, &json!({name: value, "player_id": player, "amount": 1}))
    };
    (0..100).map(job).collect()
}

#[tokio::test]
async fn a_job_reads_its_own_rows_and_no_table_from_end_to_end() {
    let site = Site::with_clients().await;
    let mut db = site.store.acquire().await.expect("a connection");
    for statement in LARGE {
        db.execute(AssertSqlSafe(*statement)).await.expect(statement);
    }
    drop(db);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let verify = |group: &'static str, code: String| {
        let params = json!({"goods_group": group, "coupon_code": code, "pin_hashes": {"k": "h"}});
        Request::new("acme", "verify", &params)
    };
    for (jobs, code) in [
        (hundred("goods", "goods_id", "goods-1"), "0000"),
        (hundred("goods_group", "group", "group-10"), "0000"),
        (hundred("sponsor", "goods_id", "goods-1"), "0000"),
        (hundred("sponsor_group", "group", "group-10"), "0000"),
        ((1..=100).map(|n| verify("group-10", format!("code-{n}"))).collect(), "0608"),
        // In a pool that folds case a code is found by the same index, however it is spelled.
        (hundred("goods_group", "group", "group-20"), "0000"),
        ((1..=100).map(|n| verify("group-20", format!("Code-{n}"))).collect(), "0608"),
    ] {
        let operation = jobs[0].routing_key;
        let before = reads(&site).await;
        bench.publish_all(&jobs).await;
        let worker = site.start(Role::Worker, &[]).await;
        let mut tally = Tally::of(&jobs);
        tally.read_all(&bench, &mut results).await;
        let as_expected = tally.answers().iter().filter(|a| a["error_code"] == code).count();
        // After fifty wrong PINs of a group, the rest are refused unread.
        assert!(as_expected >= 49, "{operation}: {as_expected}");
        assert!(worker.terminate().await.success());
        // A session hands in its statistics at the latest when it ends.
        eventually("its sessions have ended", async || {
            site.number(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and application_name = 'redeemq worker'",
            )
            .await
                == 0
        })
        .await;
        let after = reads(&site).await;
        assert_eq!(after.0 - before.0, 0, "{operation}: rows read by scanning a table");
        // A whole index, read in place of the table, would be just as bad.
        let each = (after.1 - before.1) / 100;
        assert!((1..=12).contains(&each), "{operation}: {each} index entries read for each job");
    }
    site.close().await;
}
