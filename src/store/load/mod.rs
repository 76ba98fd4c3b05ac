//! Step 1 of a batch: lock the goods, then read what that protects.

mod batch_rows;
mod free_codes;
mod goods_rows;

use super::error::Result;
use super::lock::{self, Names, Players};
use crate::domain::decide::{CodesWanted, Rules, codes_wanted};
use crate::domain::goods::{Goods, Scope};
use crate::domain::id::{ClientId, Id};
use crate::domain::job::Job;
use crate::domain::request::{Redeem, Request, Target, Verify};
use crate::domain::state::State;
use batch_rows::Wanted;
use free_codes::Pools;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use time::OffsetDateTime;

/// Everything that deciding these jobs needs, and the rules to decide them by, as of when all was locked.
/// The caller's transaction holds the locks until it ends.
///
/// # Errors
/// The caller rolls back on any.
pub async fn load(
    db: &mut PgConnection,
    jobs: &[Job],
    rules: impl FnOnce() -> Rules,
) -> Result<(State, Rules)> {
    let mut state = State::default();
    lock_goods(db, jobs, &mut state).await?;
    // From here on, later statements: they see what the holders of the goods before us committed.
    let wanted = wanted(jobs, &state);
    batch_rows::load(&mut *db, &wanted, &mut state).await?;
    let rules = rules();
    load_usage(db, jobs, &mut state).await?;
    load_codes(db, &codes_wanted(jobs, &state, &rules), &mut state).await?;
    load_verifies(db, jobs, &mut state).await?;
    Ok((state, rules))
}

async fn lock_goods(db: &mut PgConnection, jobs: &[Job], state: &mut State) -> Result<()> {
    let wanted: BTreeSet<(Scope, Target)> = jobs.iter().flat_map(targets).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let (ids, groups) = Names::of(wanted);
    for goods in lock::goods(&mut *db, &ids, &groups).await? {
        let named = (goods.scope.clone(), Target::Goods(goods.goods_id.clone()));
        state.names.insert(named, goods.row);
        if let Some(group) = &goods.group {
            state.names.insert((goods.scope.clone(), Target::Group(group.clone())), goods.row);
        }
        state.goods.insert(goods.row, Arc::new(goods));
    }
    Ok(())
}

/// A redeem wants one goods row; a verify, the client's own group and the sponsored one of that name.
pub(super) fn targets(job: &Job) -> Vec<(Scope, Target)> {
    match &job.request {
        Ok(Request::Redeem(redeem)) => vec![(redeem.scope.clone(), redeem.target.clone())],
        Ok(Request::Verify(verify)) => {
            verify_scopes(job).map(|scope| (scope, Target::Group(verify.group.clone()))).collect()
        }
        Err(_) => Vec::new(),
    }
}

fn verify_scopes(job: &Job) -> impl Iterator<Item = Scope> {
    [Scope::Client(job.client.clone()), Scope::Sponsored].into_iter()
}

/// Players who may pay are locked; of the others only their existence is asked.
fn wanted(jobs: &[Job], state: &State) -> Wanted {
    let (mut paying, mut others) = (BTreeSet::new(), BTreeSet::new());
    for (job, redeem) in redeems(jobs) {
        let player = (job.client.clone(), redeem.player.clone());
        match state.find(&redeem.scope, &redeem.target) {
            Some(goods) if !goods.price.is_free() => paying.insert(player),
            _ => others.insert(player),
        };
    }
    let clients: BTreeSet<&str> = jobs.iter().map(|job| job.client.as_str()).collect();
    Wanted {
        others: Players::of(others.difference(&paying)),
        paying: Players::of(&paying),
        jobs: jobs.iter().map(|job| (job.client.as_str().to_owned(), job.key)).unzip(),
        clients: clients.into_iter().map(str::to_owned).collect(),
    }
}

async fn load_usage(db: &mut PgConnection, jobs: &[Job], state: &mut State) -> Result<()> {
    let (mut limited, mut capped) = (BTreeSet::new(), BTreeSet::new());
    for (job, redeem) in redeems(jobs).filter(|(job, _)| is_new(job, state)) {
        let Some(goods) = state.find(&redeem.scope, &redeem.target) else { continue };
        if goods.per_player.is_some() {
            limited.insert((goods.row, (job.client.clone(), redeem.player.clone())));
        }
        if goods.per_client.is_some() {
            capped.insert((goods.row, job.client.clone()));
        }
    }
    if !limited.is_empty() {
        state.player_usage = goods_rows::player_usage(&mut *db, &limited).await?;
    }
    if !capped.is_empty() {
        state.client_usage = goods_rows::client_usage(&mut *db, &capped).await?;
    }
    Ok(())
}

/// No more codes than can be granted.
async fn load_codes(
    db: &mut PgConnection,
    wanted: &BTreeMap<i64, CodesWanted>,
    state: &mut State,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let many = wanted.iter().filter(|(_, codes)| codes.is_counted_first());
    let counted = Pools::of(many, |_, codes| codes.units);
    let available = match counted.is_empty() {
        true => HashMap::new(),
        false => free_codes::count(&mut *db, &counted).await?,
    };
    let units = |goods: &i64, codes: &CodesWanted| match available.get(goods) {
        Some(available) => codes.loadable(*available),
        None => codes.units,
    };
    state.free_codes = free_codes::load(&mut *db, &Pools::of(wanted, units)).await?;
    for (goods, available) in available {
        let codes = state.free_codes.entry(goods).or_default();
        codes.beyond = available - codes.loaded.len() as i64;
    }
    Ok(())
}

async fn load_verifies(db: &mut PgConnection, jobs: &[Job], state: &mut State) -> Result<()> {
    let mut coupons: BTreeSet<(i64, Id)> = BTreeSet::new();
    let mut tried: BTreeMap<(ClientId, i64), (OffsetDateTime, OffsetDateTime)> = BTreeMap::new();
    for (job, verify) in verifies(jobs).filter(|(job, _)| is_new(job, state)) {
        for goods in verify_goods(job, verify, state) {
            coupons.insert((goods.row, goods.coupon_key(&verify.code)));
            let span = (job.accepted_at, job.accepted_at);
            tried
                .entry((job.client.clone(), goods.row))
                .and_modify(|(from, to)| {
                    (*from, *to) = (job.accepted_at.min(*from), job.accepted_at.max(*to));
                })
                .or_insert(span);
        }
    }
    if coupons.is_empty() {
        return Ok(());
    }
    let goods: BTreeSet<i64> = coupons.iter().map(|(goods, _)| *goods).collect();
    let goods: Vec<i64> = goods.into_iter().collect();
    state.coupons = goods_rows::coupons(&mut *db, &coupons).await?;
    state.branches = goods_rows::branches(&mut *db, &goods).await?;
    state.pin_failures = goods_rows::pin_failures(&mut *db, &tried).await?;
    Ok(())
}

fn verify_goods<'a>(job: &Job, verify: &Verify, state: &'a State) -> Vec<&'a Arc<Goods>> {
    let target = Target::Group(verify.group.clone());
    verify_scopes(job).filter_map(|scope| state.find(&scope, &target)).collect()
}

fn is_new(job: &Job, state: &State) -> bool {
    !state.stored_results.contains_key(&job.ledger_key())
}

fn redeems(jobs: &[Job]) -> impl Iterator<Item = (&Job, &Redeem)> {
    jobs.iter().filter_map(|job| match &job.request {
        Ok(Request::Redeem(redeem)) => Some((job, redeem)),
        _ => None,
    })
}

fn verifies(jobs: &[Job]) -> impl Iterator<Item = (&Job, &Verify)> {
    jobs.iter().filter_map(|job| match &job.request {
        Ok(Request::Verify(verify)) => Some((job, verify)),
        _ => None,
    })
}
