//! What a batch costs the database, counted: statements, round trips and rows written. None of it may
//! grow with the number of jobs but the rows that the jobs are about.

use harness::{Bench, Counter, Process, Request, Role, Site, Tally, eventually};
use serde_json::json;

const JOBS: usize = 300;

/// Cost of one batch of a kind of job.
#[derive(Debug)]
struct Cost {
    /// Begin and commit among them.
    statements: f64,
    round_trips: f64,
    /// Rows written for each job: one in the ledger, and those that the job changes.
    rows_of_job: f64,
}

async fn written(site: &Site) -> i64 {
    site.number(
        "select (sum(n_tup_ins) + sum(n_tup_upd) + sum(n_tup_del))::bigint from pg_stat_user_tables",
    )
    .await
}

fn hundreds(operation: &'static str, name: &str, value: &str) -> Vec<Request> {
    let job = |job: usize| {
        let params = json!({name: value, "player_id": format!("q{job}"), "amount": 1});
        Request::new("acme", operation, &params)
    };
    (0..JOBS).map(job).collect()
}

async fn cost(site: &Site, bench: &Bench, jobs: &[Request]) -> Cost {
    let line = Counter::before(&site.database_url).await;
    let mut results = bench.results("#").await;
    // Watched goods are looked up by the clock, and not by the batch.
    let environment = [("DATABASE_URL", line.url.as_str()), ("REDEEMQ_LOOK_EVERY_SECONDS", "0")];
    let worker = site.start(Role::Worker, &environment).await;
    // Statements are prepared once in a session, and sessions begun when needed.
    bench.publish(&jobs[0]).await;
    results.of(&jobs[0]).await;
    eventually("the session is back", async || idle(site).await).await;

    let (statements, round_trips) = line.so_far();
    let batches = batches(&worker).await;
    let rows = written(site).await;
    bench.publish_all(&jobs[1..]).await;
    Tally::of(&jobs[1..]).read(&mut results, 0).await;
    eventually("the session is back", async || idle(site).await).await;
    let batches = self::batches(&worker).await - batches;
    let (statements_now, round_trips_now) = line.so_far();
    assert!(worker.terminate().await.success(), "which makes it tell its statistics");
    eventually("all is counted", async || written(site).await >= rows + (JOBS as i64 - 1)).await;
    Cost {
        statements: (statements_now - statements) as f64 / batches,
        round_trips: (round_trips_now - round_trips) as f64 / batches,
        rows_of_job: (written(site).await - rows) as f64 / (JOBS - 1) as f64,
    }
}

async fn batches(worker: &Process) -> f64 {
    worker.metric("redeemq_batch_jobs_count", "").await
}

async fn idle(site: &Site) -> bool {
    let busy = "select count(*) from pg_stat_activity
                where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()";
    site.number(busy).await == 0
}

/// Beyond the statements of the batch: one look whether the session still answers before it is taken,
/// unless it was used just before, and two when it comes back.
const LOOKS: f64 = 3.0;

fn assert_cost(cost: &Cost, statements: f64, rows_of_job: f64) {
    let Cost { statements: asked, round_trips, rows_of_job: written } = cost;
    assert!(*asked <= statements && *round_trips <= statements + LOOKS, "{cost:?}");
    // A few rows more are those of a batch: its goods, its client's cap.
    assert!((rows_of_job..rows_of_job + 0.1).contains(written), "{cost:?}");
}

#[tokio::test]
async fn a_batch_takes_no_more_statements_than_one_job_and_writes_the_rows_that_it_must() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,group\nmug,Mug,\ncinema,Cinema,cinema\n");
    site.goods("@cola", "goods_id,name,price,per_player\ncola,Cola,point=1,3\n");
    let codes: String = (0..JOBS).map(|code| format!("C{code}\n")).collect();
    site.coupons("acme", "cinema", &format!("code\n{codes}"));
    let players: String = (0..JOBS).map(|job| format!("q{job},point,10\n")).collect();
    let rows = format!("player_id,asset,amount\n{players}");
    site.import(&["players", "import", "--client", "acme", "--import-id", "q"], &rows);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;

    // Begin, goods, what is known of players, jobs and clients; the books, commit.
    let mugs = hundreds("goods", "goods_id", "mug");
    assert_cost(&cost(&site, &bench, &mugs).await, 5.0, 1.0);
    // And the free codes, read and taken: each is a row.
    let tickets = hundreds("goods_group", "group", "cinema");
    assert_cost(&cost(&site, &bench, &tickets).await, 7.0, 2.0);
    // And usage, which is read; balances and it are written with the books, and each is a row.
    let colas = hundreds("sponsor", "goods_id", "cola");
    assert_cost(&cost(&site, &bench, &colas).await, 6.0, 3.0);

    let moved = "select sum(n_tup_upd - n_tup_hot_upd)::bigint from pg_stat_user_tables where relname = 'goods'";
    assert_eq!(site.number(moved).await, 0, "the hottest rows are updated in place");
    site.close().await;
}
