//! `redeemq coupons import`: codes for a pool.

use super::header::Columns;
use super::report::{Applied, BadRow};
use super::sheet::{Row, Sheet};
use super::{Import, field, fold};
use crate::admin::operator::Operator;
use crate::admin::output::Output;
use crate::admin::owner::Owner;
use crate::domain::id::Id;
use crate::store::imports::coupons::{self, Conflict, StagedCoupon};
use crate::store::imports::{Chunk, repeats};
use crate::store::pools;
use crate::wire::rfc3339;
use anyhow::bail;
use clap::Subcommand;
use sqlx::PgConnection;
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
        /// Upper and lower case are one in this pool, from now on and for all imports: `save-ten` is
        /// `SAVE-TEN`. For a pool that has no codes yet
        #[arg(long)]
        fold_case: bool,
        /// CSV file
        file: PathBuf,
    },
}

/// Into which goods row, which folds case or doesn't.
struct CouponImport<const FOLD: bool> {
    goods: i64,
    /// Owner and group.
    pool: String,
}

pub(in crate::admin) async fn run(
    command: CouponsCommand,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let CouponsCommand::Import { owner, group, fold_case, file } = command;
    let sheet = Sheet::open(&file, COLUMNS)?;
    owner.must_exist(&operator.store).await?;
    let found = pools::find(&operator.store, &owner.scope(), &[group.to_string()]).await?;
    let found = match found.first() {
        None => bail!(
            "there is no pool `{group}`: create it with `redeemq goods import` (column `group`)"
        ),
        Some(found) if found.sponsor.as_deref() != owner.sponsor() => {
            bail!("pool `{group}` belongs to sponsor `{}`", found.sponsor.as_deref().unwrap_or("-"))
        }
        Some(found) => found,
    };
    let (goods, pool) = (found.goods, format!("{owner} {group}"));
    match fold::settle(&operator.store, found, fold_case).await? {
        true => super::run(&CouponImport::<true> { goods, pool }, sheet, operator, output).await,
        false => super::run(&CouponImport::<false> { goods, pool }, sheet, operator, output).await,
    }
}

impl<const FOLD: bool> Import for CouponImport<FOLD> {
    type Row = StagedCoupon;

    const WHAT: &'static str = "coupons import";

    fn subject(&self) -> String {
        self.pool.clone()
    }

    fn parse(row: &Row<'_>) -> Result<StagedCoupon, String> {
        let code = row.required("code", field::id)?;
        let (code, shown) = if FOLD { fold::spelled(code) } else { (code, None) };
        let expires_at = row.optional("expires_at", field::time)?;
        Ok(StagedCoupon { code, shown, expires_at })
    }

    async fn apply(&self, db: &mut PgConnection, chunk: Chunk) -> anyhow::Result<Applied> {
        if coupons::lock(&mut *db, self.goods).await? != FOLD {
            bail!(fold::CHANGED);
        }
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

fn refusal(Conflict { line, is_in_other_case, expires_at }: Conflict) -> BadRow {
    if is_in_other_case {
        return BadRow { line: line as u64, reason: fold::COLLISION.to_owned() };
    }
    let expiry = expires_at.map_or("no expiry".to_owned(), |at| format!("expiry {}", rfc3339(at)));
    BadRow { line: line as u64, reason: format!("the code is in the pool already, with {expiry}") }
}
