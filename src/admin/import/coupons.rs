//! `redeemq coupons import`: codes for a pool.

use super::header::Columns;
use super::report::{Applied, BadRow};
use super::sheet::{Row, Sheet};
use super::{Import, field};
use crate::admin::output::Output;
use crate::admin::owner::Owner;
use crate::domain::id::Id;
use crate::store::imports::coupons::{self, Conflict, StagedCoupon};
use crate::store::imports::{Chunk, repeats};
use crate::store::pools;
use crate::wire::rfc3339;
use anyhow::bail;
use clap::Subcommand;
use sqlx::{PgConnection, PgPool};
use std::path::PathBuf;
use std::process::ExitCode;

const COLUMNS: Columns = Columns { required: &["code"], optional: &["expires_at"], ids: &["code"] };

/// What can be done with codes.
#[derive(Debug, Clone, Subcommand)]
pub enum CouponsCommand {
    /// Add codes to a pool from a CSV file: code and, if it has one, expires_at
    Import {
        /// Whose
        #[command(flatten)]
        owner: Owner,
        /// The pool
        #[arg(long, value_name = "G", value_parser = Id::parse)]
        group: Id,
        /// CSV file
        file: PathBuf,
    },
}

/// Into which goods row.
struct CouponImport {
    goods: i64,
}

pub(in crate::admin) async fn run(
    command: CouponsCommand,
    pool: &PgPool,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let CouponsCommand::Import { owner, group, file } = command;
    let sheet = Sheet::open(&file, COLUMNS)?;
    owner.must_exist(pool).await?;
    let found = pools::find(pool, &owner.scope(), &[group.to_string()]).await?;
    let goods = match found.first() {
        None => bail!(
            "there is no pool `{group}`: create it with `redeemq goods import` (column `group`)"
        ),
        Some(found) if found.sponsor.as_deref() != owner.sponsor() => {
            bail!("pool `{group}` belongs to sponsor `{}`", found.sponsor.as_deref().unwrap_or("-"))
        }
        Some(found) => found.goods,
    };
    super::run(&CouponImport { goods }, sheet, pool, output).await
}

impl Import for CouponImport {
    type Row = StagedCoupon;

    fn parse(row: &Row<'_>) -> Result<StagedCoupon, String> {
        Ok(StagedCoupon {
            code: row.required("code", field::id)?,
            expires_at: row.optional("expires_at", field::time)?,
        })
    }

    async fn apply(&self, db: &mut PgConnection, chunk: Chunk) -> anyhow::Result<Applied> {
        coupons::lock(&mut *db, self.goods).await?;
        let added = coupons::insert(&mut *db, self.goods, chunk).await?;
        if added > 0 {
            coupons::add_codes(&mut *db, self.goods, added).await?;
        }
        if added == chunk.rows() {
            return Ok(Applied { added, ..Applied::default() });
        }
        let conflicts = coupons::conflicts(&mut *db, self.goods, chunk).await?;
        let refused = conflicts.into_iter().map(refusal).collect();
        Ok(Applied { added, updated: 0, refused })
    }

    async fn repeats(&self, db: &mut PgConnection, chunk: Chunk) -> anyhow::Result<Vec<BadRow>> {
        repeats::prepare::<StagedCoupon>(&mut *db).await?;
        let repeats = repeats::coupons(&mut *db, chunk).await?;
        Ok(BadRow::repeats(repeats, "the code is"))
    }
}

fn refusal(Conflict { line, expires_at }: Conflict) -> BadRow {
    let expiry = expires_at.map_or("no expiry".to_owned(), |at| format!("expiry {}", rfc3339(at)));
    BadRow { line: line as u64, reason: format!("the code is in the pool already, with {expiry}") }
}
