//! `redeemq players import`: what players own, added once.

use super::header::Columns;
use super::report::{Applied, BadRow};
use super::sheet::{Row, Sheet};
use super::{Import, field};
use crate::admin::operator::Operator;
use crate::admin::output::Output;
use crate::admin::owner::client_must_exist;
use crate::domain::id::{ClientId, Id};
use crate::store::imports::players::{self, Conflict, StagedPlayer};
use crate::store::imports::{Chunk, repeats};
use clap::Subcommand;
use sqlx::PgConnection;
use std::path::PathBuf;
use std::process::ExitCode;

const COLUMNS: Columns =
    Columns { required: &["player_id", "asset", "amount"], optional: &[], ids: &["player_id"] };

/// What can be done with players.
#[derive(Debug, Clone, Subcommand)]
pub enum PlayersCommand {
    /// Add to what players own from a CSV file: player_id,asset,amount
    ///
    /// asset is point, badge:ID or custom:ID. Each player and asset gets its amount once for an
    /// import id, however often the file is imported; the amount 0 creates the player.
    Import {
        /// Client site of the players
        #[arg(long, value_name = "ID", value_parser = ClientId::parse)]
        client: ClientId,
        /// Name of this import: each name adds once
        #[arg(long, value_name = "I", value_parser = Id::parse)]
        import_id: Id,
        /// CSV file
        file: PathBuf,
    },
}

/// Whose players, and which import.
struct PlayerImport {
    client: ClientId,
    import: Id,
}

pub(in crate::admin) async fn run(
    command: PlayersCommand,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let PlayersCommand::Import { client, import_id: import, file } = command;
    let sheet = Sheet::open(&file, COLUMNS)?;
    client_must_exist(&client, &operator.store).await?;
    super::run(&PlayerImport { client, import }, sheet, operator, output).await
}

impl Import for PlayerImport {
    type Row = StagedPlayer;

    const WHAT: &'static str = "players import";

    fn subject(&self) -> String {
        format!("{} {}", self.client, self.import)
    }

    fn parse(row: &Row<'_>) -> Result<StagedPlayer, String> {
        Ok(StagedPlayer {
            player: row.required("player_id", field::id)?,
            asset: row.required("asset", |text| text.trim().parse())?,
            amount: row.required("amount", field::whole(field::WHOLE_MAX))?,
        })
    }

    async fn apply(&self, db: &mut PgConnection, chunk: Chunk) -> anyhow::Result<Applied> {
        let added = players::add(&mut *db, &self.client, &self.import, chunk).await?;
        if added == chunk.rows() {
            return Ok(Applied { added, ..Applied::default() });
        }
        let conflicts = players::conflicts(&mut *db, &self.client, &self.import, chunk).await?;
        let refusal = |Conflict { line, added }| BadRow {
            line: line as u64,
            reason: format!("import `{}` added {added} here already", self.import),
        };
        Ok(Applied { added, updated: 0, refused: conflicts.into_iter().map(refusal).collect() })
    }

    async fn repeats(&self, db: &mut PgConnection, chunk: Chunk) -> anyhow::Result<Vec<BadRow>> {
        repeats::prepare::<StagedPlayer>(&mut *db).await?;
        let repeats = repeats::players(&mut *db, chunk).await?;
        Ok(BadRow::repeats(repeats, "player and asset are"))
    }
}
