//! What jobs lock while they are decided, and which of it other sessions hold now.

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

/// A row, or a player's rows, that a job locks while it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LockKey {
    /// Goods, by one of their names.
    Goods(Scope, Target),
    /// The balances of a player.
    Player(Player),
}

/// Keys of what is locked together: one row by all its names, or all that some jobs lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockKeys(Arc<[LockKey]>);

impl LockKeys {
    /// All that these jobs may lock.
    pub(crate) fn of(jobs: &[Job]) -> Self {
        Self(jobs.iter().flat_map(keys).collect())
    }

    /// Whether a job may lock one of these.
    pub(crate) fn are_needed_by(&self, job: &Job) -> bool {
        keys(job).any(|key| self.0.contains(&key))
    }

    pub(crate) fn overlap(&self, others: &Self) -> bool {
        self.0.iter().any(|key| others.0.contains(key))
    }

    pub(crate) fn name_goods(&self) -> bool {
        self.0.iter().any(|key| matches!(key, LockKey::Goods(..)))
    }
}

fn keys(job: &Job) -> impl Iterator<Item = LockKey> {
    let goods = targets(job).into_iter().map(|(scope, target)| LockKey::Goods(scope, target));
    goods.chain(player(job).map(LockKey::Player))
}

/// Only a redemption touches balances.
fn player(job: &Job) -> Option<Player> {
    match &job.request {
        Ok(Request::Redeem(redeem)) => Some((job.client.clone(), redeem.player.clone())),
        Ok(Request::Verify(_)) | Err(_) => None,
    }
}

/// Which rows that these jobs lock another session holds now, be it a worker's for an instant. Each
/// statement releases its own locks when it ends.
///
/// # Errors
/// As the database has it.
pub(crate) async fn held(store: &PgPool, jobs: &[Job]) -> Result<Vec<LockKeys>> {
    let mut held = held_goods(store, &jobs.iter().flat_map(targets).collect()).await?;
    held.extend(held_players(store, &jobs.iter().filter_map(player).collect()).await?);
    Ok(held)
}

async fn held_goods(
    db: impl PgExecutor<'_>,
    wanted: &BTreeSet<(Scope, Target)>,
) -> Result<Vec<LockKeys>> {
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
    let keys = rows.into_iter().map(|row| {
        let scope = Scope::trusted(row.scope);
        let group = row.group_name.map(|group| Target::Group(Id::trusted(group)));
        let id = Target::Goods(Id::trusted(row.goods_id));
        let names = std::iter::once(id).chain(group);
        LockKeys(names.map(|name| LockKey::Goods(scope.clone(), name)).collect())
    });
    Ok(keys.collect())
}

async fn held_players(db: impl PgExecutor<'_>, wanted: &BTreeSet<Player>) -> Result<Vec<LockKeys>> {
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
    let keys = rows.into_iter().map(|row| {
        let player = (ClientId::trusted(row.client_id), Id::trusted(row.player_id));
        LockKeys([LockKey::Player(player)].into())
    });
    Ok(keys.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::request;
    use serde_json::{Value, json};

    fn job(operation: &str, params: Value) -> Job {
        let request = json!({
            "v": 1, "job_id": "0190d5a2-7c7a-7cc0-8000-000000000001", "client_id": "acme",
            "operation": operation, "accepted_at": "2026-01-02T03:04:05Z", "params": params,
        });
        request::decode(request.to_string().as_bytes()).expect("a job")
    }

    fn redeem(operation: &str, goods: &str, player: &str) -> Job {
        job(operation, json!({"goods_id": goods, "player_id": player, "amount": 1}))
    }

    fn player(name: &str) -> LockKeys {
        let client = ClientId::parse("acme").expect("a client id");
        LockKeys([LockKey::Player((client, Id::parse(name).expect("an id")))].into())
    }

    #[test]
    fn a_redemption_locks_its_goods_and_its_player() {
        let ann = LockKeys::of(&[redeem("goods", "mug", "ann")]);
        for (goods, name, is_needed) in [
            ("mug", "ann", true),
            ("mug", "bob", true),
            ("cap", "ann", true),
            ("cap", "bob", false),
        ] {
            let other = redeem("goods", goods, name);
            assert_eq!(ann.are_needed_by(&other), is_needed, "{goods} for {name}");
            assert_eq!(ann.overlap(&LockKeys::of(&[other])), is_needed);
        }
        assert!(!ann.are_needed_by(&redeem("sponsor", "mug", "bob")), "a sponsor's mug is another");
        assert!(ann.name_goods());
    }

    #[test]
    fn the_keys_of_a_player_name_no_goods() {
        let ann = player("ann");
        assert!(ann.are_needed_by(&redeem("goods", "mug", "ann")) && !ann.name_goods());
        assert!(!ann.overlap(&player("bob")));
    }

    #[test]
    fn a_job_that_is_refused_unread_locks_nothing() {
        let unreadable = redeem("goods", "", "ann");
        assert!(unreadable.request.is_err());
        assert!(!LockKeys::of(&[redeem("goods", "mug", "ann")]).are_needed_by(&unreadable));
    }
}
