//! The proof that the ledger adds up: every promise that stored rows can break, as a query for the rows
//! that break it. All queries read one snapshot.

mod check;
mod coupons;
mod ledger;
mod owners;
mod players;
mod stock;

use super::error::Result;
use serde::Serialize;
use sqlx::{PgExecutor, PgPool};

/// Most examples of one check.
pub const EXAMPLES_MAX: usize = 20;

/// What became of one check.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The promise of the README that it belongs to.
    pub promise: &'static str,
    pub check: &'static str,
    pub ok: bool,
    /// How many rows contradict it.
    pub broken: i64,
    /// The first [`EXAMPLES_MAX`] of them.
    pub examples: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub clients: i64,
    pub goods: i64,
    pub ledger_rows: i64,
    pub granted: i64,
    pub codes: i64,
    /// Codes that have a holder.
    pub codes_issued: i64,
    pub codes_used: i64,
    pub players: i64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub ok: bool,
    pub checks: Vec<Finding>,
    pub totals: Totals,
}

/// Audits the database in one snapshot, without blocking writers.
///
/// # Errors
/// When the database is away; a broken promise is no error but a [`Finding`].
pub async fn audit(pool: &PgPool) -> Result<Report> {
    let mut snapshot = pool.begin_with("begin isolation level repeatable read, read only").await?;
    // Sums over a large ledger would else be sorted on disk.
    sqlx::query!("set local work_mem = '64MB'").execute(&mut *snapshot).await?;
    let mut checks = Vec::new();
    for check in
        [stock::CHECKS, players::CHECKS, coupons::CHECKS, ledger::CHECKS, owners::CHECKS].concat()
    {
        let offences = (check.offences)(&mut snapshot).await?;
        checks.push(Finding {
            promise: check.promise,
            check: check.name,
            ok: offences.is_empty(),
            broken: offences.first().map_or(0, |first| first.total),
            examples: offences.into_iter().map(|offence| offence.what).collect(),
        });
    }
    let totals = totals(&mut *snapshot).await?;
    snapshot.rollback().await?;
    Ok(Report { ok: checks.iter().all(|check| check.ok), checks, totals })
}

async fn totals(db: impl PgExecutor<'_>) -> Result<Totals> {
    Ok(sqlx::query_as!(
        Totals,
        r#"select (select count(*) from client) as "clients!",
                  (select count(*) from goods) as "goods!",
                  l.jobs as "ledger_rows!", l.granted as "granted!",
                  c.codes as "codes!", c.issued as "codes_issued!", c.used as "codes_used!",
                  (select count(*) from (select distinct client_id, player_id from balance) as b) as "players!"
           from (select count(*) as jobs, coalesce(sum(granted), 0)::bigint as granted from ledger) as l,
                (select count(*) as codes, count(job_key) as issued, count(used_key) as used from coupon) as c"#
    )
    .fetch_one(db)
    .await?)
}
