//! Which rows a job locks while it is decided, and which of them another session holds.

use super::error::Result;
use super::load::targets;
use super::lock::{Names, Players};
use crate::domain::goods::Scope;
use crate::domain::id::{ClientId, Id};
use crate::domain::job::Job;
use crate::domain::request::{Request, Target};
use crate::domain::state::Player;
use sqlx::{PgExecutor, PgPool};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A row or rows that a job locks while it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockKey {
    /// Goods, by one of their names.
    Goods(Scope, Target),
    Player(Player),
}

/// A lock that is held, by all its keys: goods have an id and may have a group.
pub type LockedRow = Arc<[LockKey]>;

/// All that this job may have to lock.
pub fn needs(job: &Job) -> Vec<LockKey> {
    let goods = targets(job).into_iter().map(|(scope, target)| LockKey::Goods(scope, target));
    goods.chain(player(job).map(LockKey::Player)).collect()
}

/// Only a redemption touches what a player owns.
fn player(job: &Job) -> Option<Player> {
    match &job.request {
        Ok(Request::Redeem(redeem)) => Some((job.client.clone(), redeem.player.clone())),
        Ok(Request::Verify(_)) | Err(_) => None,
    }
}

/// What these jobs lock and another session holds now, perhaps only for an instant. Each statement
/// releases its own locks when it ends.
///
/// # Errors
/// As the database has it.
pub async fn held(store: &PgPool, jobs: &[Job]) -> Result<Vec<LockedRow>> {
    let mut held = held_goods(store, &jobs.iter().flat_map(targets).collect()).await?;
    held.extend(held_players(store, &jobs.iter().filter_map(player).collect()).await?);
    Ok(held)
}

async fn held_goods(
    db: impl PgExecutor<'_>,
    wanted: &BTreeSet<(Scope, Target)>,
) -> Result<Vec<LockedRow>> {
    let (ids, groups) = Names::of(wanted.iter().cloned());
    let rows = sqlx::query!(
        r#"with wanted as materialized (
               select g.id from unnest($1::text[], $2::text[]) as wanted (scope, name)
               join goods g on g.scope = wanted.scope and g.goods_id = wanted.name
               union
               select g.id from unnest($3::text[], $4::text[]) as wanted (scope, name)
               join goods g on g.scope = wanted.scope and g.group_name = wanted.name),
           free as materialized (
               select id from goods where id = any(array(select id from wanted))
               for update skip locked)
           select scope, goods_id, group_name from goods
           where id = any(array(select id from wanted except select id from free))"#,
        &ids.scopes,
        &ids.names,
        &groups.scopes,
        &groups.names,
    )
    .fetch_all(db)
    .await?;
    let names = rows.into_iter().map(|row| {
        let scope = Scope::trusted(row.scope);
        let group = row.group_name.map(|group| Target::Group(Id::trusted(group)));
        let id = Target::Goods(Id::trusted(row.goods_id));
        std::iter::once(id).chain(group).map(|name| LockKey::Goods(scope.clone(), name)).collect()
    });
    Ok(names.collect())
}

async fn held_players(
    db: impl PgExecutor<'_>,
    wanted: &BTreeSet<Player>,
) -> Result<Vec<LockedRow>> {
    let wanted = Players::of(wanted);
    let rows = sqlx::query!(
        r#"with wanted as materialized (
               select b.client_id, b.player_id, b.asset
               from unnest($1::text[], $2::text[]) as wanted (client_id, player_id)
               join balance b on b.client_id = wanted.client_id and b.player_id = wanted.player_id),
           free as materialized (
               select b.client_id, b.player_id, b.asset
               from unnest($1::text[], $2::text[]) as wanted (client_id, player_id)
               join balance b on b.client_id = wanted.client_id and b.player_id = wanted.player_id
               for update of b skip locked)
           select distinct client_id as "client_id!", player_id as "player_id!"
           from (select * from wanted except select * from free) as held"#,
        &wanted.clients,
        &wanted.players,
    )
    .fetch_all(db)
    .await?;
    let player =
        |(client, player)| LockKey::Player((ClientId::trusted(client), Id::trusted(player)));
    Ok(rows.into_iter().map(|row| [player((row.client_id, row.player_id))].into()).collect())
}
