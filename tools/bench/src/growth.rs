//! A ledger that has grown: millions of rows such as past campaigns leave behind, in books that balance.

use crate::bench::Place;
use crate::broker_limit::Samples;
use crate::campaign::Lab;
use crate::jobs::{Keys, Kind};
use crate::world::CLIENT;
use crate::{end_to_end, table};
use redeemq::worker::context::BATCH_MAX;

/// Rows that are written in one statement.
const CHUNK: u64 = 250_000;

/// Ledgers up to this size are audited in the end.
const AUDITED_MAX: u64 = 1_000_000;

/// The series of throughput at so many rows, and of the empty ledger that took turns with it.
pub fn name(keys: Keys, rows: u64, is_empty: bool) -> String {
    let keys = if keys == Keys::Drawn { "keys in order" } else { "hashed keys" };
    let ledger = if is_empty { "an empty ledger beside one" } else { "a ledger" };
    format!("end to end, sponsor, {keys}, {ledger} of {rows} rows")
}

pub async fn measure(lab: &mut Lab) -> anyhow::Result<()> {
    let plan = lab.bench.plan.clone();
    let (empty, full) = (lab.bench.copy().await?, lab.bench.copy().await?);
    let mut filled = 0;
    for rows in plan.ledger.iter().copied() {
        table::progress(&format!("filling a ledger with {rows} rows"));
        fill(&full, &lab.samples, filled, rows).await?;
        filled = rows;
        lab.book.add(
            format!("a row of a ledger of {rows}, on disk"),
            "bytes",
            bytes_a_row(&full).await?,
        );
        for round in 1..=plan.side_rounds {
            table::progress(&format!("round {round} of {}: {rows} rows", plan.side_rounds));
            for keys in [Keys::Drawn, Keys::Hashed] {
                for (place, is_empty) in [(&empty, true), (&full, false)] {
                    let jobs = lab.jobs_with(Kind::Sponsor { spread: false }, keys)?;
                    let worker = place.worker(BATCH_MAX as u16)?;
                    let load = lab.steady(BATCH_MAX as u16, u64::MAX);
                    let rate = end_to_end::steady(&lab.rig, &jobs, load).await?;
                    worker.stop().await?;
                    lab.book.add(name(keys, rows, is_empty), "jobs/s", rate);
                }
            }
        }
    }
    if filled <= AUDITED_MAX {
        full.audit()?;
    }
    Ok(())
}

/// Fills a ledger from so many rows to so many. Every other key is one that the ingress draws, in the
/// order of time; the others are hashes, as idempotency keys become.
pub async fn fill(place: &Place, samples: &Samples, from: u64, to: u64) -> anyhow::Result<()> {
    if from == 0 {
        place
            .execute(
                "insert into goods (scope, sponsor, goods_id, name, quantity, price)
                 values ('*', 'cola', 'past', 'A past campaign', 1000000000000, 'point=1')",
            )
            .await?;
    }
    let body = String::from_utf8_lossy(&samples.result).replace('\'', "");
    let (mut at, step) = (from, CHUNK);
    while at < to {
        let next = (at + step).min(to);
        // They were charged for: what players have now is what they had then, less that.
        place.execute(&rows(at, next, &body)).await?;
        at = next;
    }
    let settled = format!(
        "with spent as (select player_id, count(*) as points from ledger l
                        where goods = (select id from goods where goods_id = 'past')
                        group by player_id)
         insert into player_import as i
         select '{CLIENT}', 'past', player_id, 'point', points from spent
         on conflict (client_id, import_id, player_id, asset) do update set amount = excluded.amount"
    );
    place.execute(&settled).await?;
    let granted = format!("update goods set granted = {to} where goods_id = 'past'");
    place.execute(&granted).await?;
    for statement in ["vacuum (analyze) ledger", "vacuum (analyze) player_import", "checkpoint"] {
        place.execute(statement).await?;
    }
    Ok(())
}

fn rows(from: u64, to: u64, body: &str) -> String {
    format!(
        "insert into ledger (client_id, job_key, content, operation, accepted_at, decided_at, code,
                             goods, player_id, granted, spent, body)
         select '{CLIENT}',
                case when i % 2 = 0 then md5(i::text)::uuid
                     else (lpad(to_hex(1700000000000 + i), 12, '0') || '7' ||
                           substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid end,
                substr(sha256(i::text::bytea), 1, 8), 'sponsor', at, at, '0000',
                past.id, 'player-' || i % players.count, 1, 'point=1', '{body}'
         from (select id from goods where goods_id = 'past') past,
              (select count(*) from balance where client_id = '{CLIENT}') players,
              generate_series({from}::bigint, {to}::bigint - 1) i,
              lateral (select timestamptz '2024-01-01' + i * interval '1 millisecond' as at) moment"
    )
}

/// Bytes on disk for a row of the ledger: its own, its index's, and what lies between.
pub async fn bytes_a_row(place: &Place) -> anyhow::Result<f64> {
    let bytes = place.number("select pg_total_relation_size('ledger')").await?;
    let rows = place.number("select count(*) from ledger").await?;
    Ok(bytes as f64 / rows as f64)
}
