//! `redeemq goods import`: goods and pools, new or changed.

use super::catalogue::Catalogue;
use super::header::{Columns, Header};
use super::report::{Applied, BadRow};
use super::sheet::{Row, Sheet};
use super::{Import, field};
use crate::admin::operator::Operator;
use crate::admin::output::Output;
use crate::admin::owner::Owner;
use crate::admin::{success, watch};
use crate::domain::id::Id;
use crate::store::imports::Chunk;
use crate::store::imports::goods::{self, Line, StagedGoods};
use crate::store::lock::{self, Names};
use clap::Subcommand;
use sqlx::PgConnection;
use std::path::PathBuf;
use std::process::ExitCode;

const COLUMNS: Columns = Columns {
    required: &["goods_id"],
    optional: &[
        "name",
        "group",
        "quantity",
        "per_player",
        "per_client",
        "price",
        "starts_at",
        "ends_at",
        "coupon_expires_at",
        "coupon_days",
    ],
    ids: &["goods_id", "group"],
};
/// A hundred years.
const COUPON_DAYS_MAX: i64 = 36_500;

/// What can be done with goods.
#[derive(Debug, Clone, Subcommand)]
pub enum GoodsCommand {
    /// Add or change goods and pools from a CSV file: goods_id, and any of name, group, quantity,
    /// per_player, per_client, price, starts_at, ends_at, coupon_expires_at, coupon_days
    ///
    /// quantity is the total ever; empty is unlimited. A column that the file doesn't have leaves
    /// goods as they are. price reads point=50;badge:gold=1;custom:gem=2. Goods with a group are a
    /// pool of codes and stay one. Times are RFC 3339.
    Import {
        /// Whose
        #[command(flatten)]
        owner: Owner,
        /// CSV file
        file: PathBuf,
    },
    /// Publish the stock of goods as a metric, for campaigns; at most 100 goods at a time
    Watch {
        /// Whose
        #[command(flatten)]
        owner: Owner,
        /// The goods
        #[arg(required = true, value_parser = Id::parse)]
        goods_id: Vec<Id>,
    },
    /// Stop publishing the stock of goods
    Unwatch {
        /// Whose
        #[command(flatten)]
        owner: Owner,
        /// The goods
        #[arg(required = true, value_parser = Id::parse)]
        goods_id: Vec<Id>,
    },
    /// List watched goods with their stock
    Watched,
}

/// Whose goods, and what the file says of them.
struct GoodsImport {
    owner: Owner,
    header: Header,
}

pub(in crate::admin) async fn run(
    command: GoodsCommand,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let (owner, file) = match command {
        GoodsCommand::Import { owner, file } => (owner, file),
        GoodsCommand::Watch { owner, goods_id } => {
            return watch::watch(&owner, &goods_id, operator, output).await.map(success);
        }
        GoodsCommand::Unwatch { owner, goods_id } => {
            return watch::unwatch(&owner, &goods_id, operator, output).await.map(success);
        }
        GoodsCommand::Watched => return watch::list(&operator.store, output).await.map(success),
    };
    let sheet = Sheet::open(&file, COLUMNS)?;
    owner.must_exist(&operator.store).await?;
    let header = sheet.header().clone();
    super::run(&GoodsImport { owner, header }, sheet, operator, output).await
}

impl Import for GoodsImport {
    type Row = StagedGoods;

    const WHAT: &'static str = "goods import";

    fn subject(&self) -> String {
        self.owner.to_string()
    }

    fn parse(row: &Row<'_>) -> Result<StagedGoods, String> {
        let whole = |column| row.optional(column, field::whole(field::WHOLE_MAX));
        let days = row.optional("coupon_days", field::whole(COUPON_DAYS_MAX))?;
        Ok(StagedGoods {
            goods_id: row.required("goods_id", field::id)?,
            name: row.optional("name", field::name)?,
            group: row.optional("group", field::id)?,
            quantity: whole("quantity")?,
            per_player: whole("per_player")?,
            per_client: whole("per_client")?,
            price: row.required("price", str::parse)?,
            starts_at: row.optional("starts_at", field::time)?,
            ends_at: row.optional("ends_at", field::time)?,
            coupon_expires_at: row.optional("coupon_expires_at", field::time)?,
            coupon_days: days.and_then(|days| days.try_into().ok()),
        })
    }

    async fn apply(&self, db: &mut PgConnection, chunk: Chunk) -> anyhow::Result<Applied> {
        let scope = self.owner.scope();
        let lines = goods::lines(&mut *db, chunk).await?;
        goods::take_turns(&mut *db, &scope).await?;
        let names = |names: Vec<String>| Names {
            scopes: vec![scope.as_str().to_owned(); names.len()],
            names,
        };
        let ids = lines.iter().map(|line| line.row.goods_id.to_string()).collect();
        let groups = lines.iter().filter_map(|line| line.row.group.as_ref().map(Id::to_string));
        let locked = lock::goods(&mut *db, &names(ids), &names(groups.collect())).await?;

        let mut catalogue = Catalogue::new(&self.owner, locked);
        for Line { line, first_line, row } in lines {
            catalogue.take(line, first_line, row, &self.header);
        }
        let plan = catalogue.into_plan();
        if !plan.write.is_empty() {
            goods::upsert(&mut *db, &plan.write).await?;
        }
        if !plan.limit_players.is_empty() {
            goods::count_players_afresh(&mut *db, &plan.limit_players).await?;
        }
        if !plan.limit_clients.is_empty() {
            goods::count_clients_afresh(&mut *db, &plan.limit_clients).await?;
        }
        Ok(plan.applied)
    }
    /// Told when they are applied: a row of the same goods would change them.
    async fn repeats(&self, _: &mut PgConnection, _: Chunk) -> anyhow::Result<Vec<BadRow>> {
        Ok(Vec::new())
    }
}
