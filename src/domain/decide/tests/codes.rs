//! Which codes a batch is loaded with: no more than can be granted, and no answer tells the difference.

use super::answer::{answer_on, rules};
use super::ask::{Ask, group};
use super::shop::{Row, World, pool, row};
use super::worlds::cases;
use crate::domain::decide::{CodesWanted, codes_wanted};
use crate::domain::job::Job;
use crate::domain::state::{FreeCodes, State};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// How the store finds out how many codes there are to load.
#[derive(Clone, Copy)]
enum Counting {
    AsNeeded,
    Always,
}

fn wanted(world: &World, asks: &[Ask]) -> BTreeMap<i64, CodesWanted> {
    let jobs: Vec<Job> = asks.iter().map(Ask::job).collect();
    let unloaded = State { free_codes: Default::default(), ..world.state() };
    codes_wanted(&jobs, &unloaded, &rules(world))
}

/// The world's state with the codes that the store would load for these.
fn loaded_for(world: &World, asks: &[Ask], counting: Counting) -> State {
    let mut state = world.state();
    let wanted = wanted(world, asks);
    state.free_codes.retain(|goods, _| wanted.contains_key(goods));
    for (goods, codes) in &wanted {
        if let Some(free) = state.free_codes.get_mut(goods) {
            load(free, codes, counting);
        }
    }
    state
}

fn load(free: &mut FreeCodes, wanted: &CodesWanted, counting: Counting) {
    let ends_by =
        |at| free.loaded.iter().take_while(|c| c.expires_at.is_some_and(|e| e <= at)).count();
    let (dead, dying) = (ends_by(wanted.earliest), ends_by(wanted.latest));
    free.loaded.drain(..dead);
    let all = |units: i64| free.loaded.len().min(units as usize + dying - dead);
    let (counted, loaded) = match counting {
        Counting::AsNeeded if !wanted.is_counted_first() => (all(wanted.units), all(wanted.units)),
        _ => (all(wanted.units), all(wanted.loadable(all(wanted.units) as i64))),
    };
    free.loaded.truncate(loaded);
    free.beyond = (counted - loaded) as i64;
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_is_decided_alike_with_no_more_codes_than_it_can_grant((world, asks, _) in cases()) {
        let with_all = answer_on(world.state(), &world, &asks);
        for counting in [Counting::AsNeeded, Counting::Always] {
            let with_few = answer_on(loaded_for(&world, &asks, counting), &world, &asks);
            prop_assert_eq!(&with_few.texts, &with_all.texts);
            prop_assert_eq!(&with_few.changes, &with_all.changes);
        }
    }
}

#[test]
fn no_code_is_loaded_for_a_job_that_gets_none() {
    let terms = pool(Some("acme"), "vip", "coffee");
    let rich = |terms| World::with([terms]).codes(&[("A", None), ("B", None), ("C", None)]);
    let costly = Row { price: vec![("point", 1_000_000)], ..terms.clone() };
    let closed = Row { ends: Some(-1), ..terms.clone() };
    let limited = Row { per_player: Some(1), ..terms.clone() };
    let capped = Row { per_client: Some(1), ..terms.clone() };
    for (terms, amount, counted, loaded) in [
        (terms.clone(), 2, 2, 2),
        (terms, 4, 4, 0),
        (costly, 2, 2, 0),
        (closed, 2, 0, 0),
        (limited, 2, 0, 0),
        (capped, 2, 2, 0),
    ] {
        let wanted = wanted(&rich(terms), &[group("coffee", amount)]);
        let wanted = wanted.get(&row(0));
        assert_eq!(wanted.map_or(0, |codes| codes.units), counted);
        assert_eq!(wanted.map_or(0, |codes| codes.loadable(3)), loaded);
    }
}
