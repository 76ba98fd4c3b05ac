//! What a redemption costs: CPU time by process, bytes of the write-ahead log, statements, rows.

use crate::bench::{Bench, Place};
use crate::campaign::Lab;
use crate::http::Door;
use crate::{machine, proc, table};
use anyhow::ensure;
use harness::servers::Server;
use sqlx::AssertSqlSafe;

/// Bytes that were written to the log so far.
const WAL: &str = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
/// Rows written so far, in place (HOT) updates among them.
const ROWS: &str =
    "select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint from pg_stat_user_tables";
const IN_PLACE: &str = "select coalesce(sum(n_tup_hot_upd), 0)::bigint from pg_stat_user_tables";
/// Statements so far, each a round trip; the few that ask this are among them.
const CALLS: &str = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())";

/// Once more, with a Postgres that counts statements where it is ours.
pub async fn measure(lab: &mut Lab) -> anyhow::Result<()> {
    table::progress("what a redemption costs");
    let place = lab.place.clone();
    for _ in 0..lab.bench.plan.side_rounds {
        redemptions(lab, &place, false).await?;
    }
    if lab.owns_servers {
        count_calls(&lab.bench, &place, true).await?;
        redemptions(lab, &place, true).await?;
        count_calls(&lab.bench, &place, false).await?;
    } else {
        lab.book.note("statements were not counted: the servers are not the bench's own");
    }
    Ok(())
}

/// Over HTTP through an ingress and a worker, until all that was accepted is answered.
async fn redemptions(lab: &mut Lab, place: &Place, counts_calls: bool) -> anyhow::Result<()> {
    let Lab { bench, rig, book, .. } = lab;
    // Sessions tell what they did late, but tell all of it when they end: rows and statements are counted
    // while no worker runs.
    settle_statistics(place).await?;
    let rows = async || anyhow::Ok((place.number(ROWS).await?, place.number(IN_PLACE).await?));
    let calls = async || match counts_calls {
        true => place.number(CALLS).await.map(Some),
        false => Ok(None),
    };
    let (rows_before, calls_before) = (rows().await?, calls().await?);
    let door = Door::open(bench, place).await?;
    let worker = place.worker(redeemq::worker::context::BATCH_MAX as u16)?;
    let run = rig.begin(false, 0)?;
    // Connections, prepared statements and caches come before.
    let warmed = door.call(bench.plan.connections, None, bench.plan.warm_up).await?.accepted;
    run.until(warmed).await?;

    let processes = [
        ("worker", Some(worker.pid())),
        ("ingress", Some(door.process.pid())),
        ("Postgres", machine::postmaster(place).await?),
        ("RabbitMQ", machine::broker(bench).await?),
        ("the bench itself", Some(std::process::id())),
    ];
    let cpu = || processes.map(|(_, pid)| pid.and_then(seconds_of));
    let wal_before = place.number(WAL).await?;
    let before = cpu();
    let accepted = door.call(bench.plan.connections, None, bench.plan.seconds).await?.accepted;
    run.until(warmed + accepted).await?;
    let after = cpu();
    let wal = place.number(WAL).await? - wal_before;
    worker.stop().await?;
    door.process.stop().await?;
    settle_statistics(place).await?;
    let (rows_after, calls_after) = (rows().await?, calls().await?);

    ensure!(accepted > 0, "nothing was accepted");
    let each = |total: i64| total as f64 / (warmed + accepted) as f64;
    for (place, (name, _)) in processes.iter().enumerate() {
        if let (Some(before), Some(after)) = (before[place], after[place]) {
            let seconds = (after - before) * 1_000.0 / accepted as f64;
            book.add(format!("CPU for 1,000 redemptions: {name}"), "s", seconds);
        }
    }
    let bytes = wal as f64 / accepted as f64;
    book.add("write-ahead log for a redemption", "bytes", bytes);
    book.add("rows written for a redemption", "rows", each(rows_after.0 - rows_before.0));
    book.add("of them updated in place", "rows", each(rows_after.1 - rows_before.1));
    if let (Some(before), Some(after)) = (calls_before, calls_after) {
        book.add("statements for a redemption", "statements", each(after - before));
    }
    Ok(())
}

/// Ours are below us, and not what we took ourselves.
fn seconds_of(pid: u32) -> Option<f64> {
    let own = pid == std::process::id();
    if own { proc::own_cpu_seconds(pid) } else { proc::cpu_seconds(pid) }
}

/// Sessions tell what they did a second late.
async fn settle_statistics(place: &Place) -> anyhow::Result<()> {
    let mut last = -1;
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let now = place.number(ROWS).await?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(())
}

/// Has Postgres count statements, which it must be started anew for; undoes that when told so.
pub async fn count_calls(bench: &Bench, place: &Place, count: bool) -> anyhow::Result<()> {
    let setting = match count {
        true => "alter system set shared_preload_libraries = pg_stat_statements",
        false => "alter system reset shared_preload_libraries",
    };
    place.execute(setting).await?;
    place.execute("checkpoint").await?;
    bench.servers.kill(Server::Postgres).await?;
    bench.servers.revive(Server::Postgres).await?;
    if count {
        let mut db = place.connect().await?;
        let sql = "create extension if not exists pg_stat_statements".to_owned();
        sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await?;
        sqlx::Connection::close(db).await?;
    }
    Ok(())
}
