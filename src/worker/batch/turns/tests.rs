use super::*;
use crate::worker::batch::fixtures::received;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// Client, units, and how often it was delivered before.
type Ask = (&'static str, i64, i64);

fn delivery(tag: u64, (client, units, delivery_count): Ask) -> Delivery {
    let request = json!({
        "v": 1, "job_id": Uuid::now_v7(), "client_id": client, "operation": "goods",
        "accepted_at": "2026-01-02T03:04:05Z",
        "params": {"goods_id": "mug", "player_id": "ann", "amount": units},
    });
    Delivery::read(received(tag, delivery_count, request.to_string().into_bytes()))
}

/// Tags from 1 on.
fn turns_of(asks: impl IntoIterator<Item = Ask>) -> Turns {
    let mut turns = Turns::default();
    for (tag, ask) in (1..).zip(asks) {
        turns.add(delivery(tag, ask));
    }
    turns
}

fn next_batch(turns: &mut Turns, jobs_max: usize) -> Vec<u64> {
    let mut batch = BatchBuilder::new(jobs_max);
    turns.fill(&mut batch);
    batch.finish().iter().map(|delivery| delivery.received.tag).collect()
}

fn batches(turns: &mut Turns, jobs_max: usize) -> Vec<Vec<u64>> {
    let mut batches = Vec::new();
    while !turns.is_empty() {
        batches.push(next_batch(turns, jobs_max));
    }
    batches
}

#[test]
fn one_client_alone_fills_batches_in_its_order() {
    let mut turns = turns_of([("acme", 1, 0); 7]);
    assert_eq!(batches(&mut turns, 3), [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
}

#[test]
fn a_lone_job_behind_a_flood_is_in_the_next_batch() {
    let flood = [("acme", 1, 0); 1_400];
    let mut turns = turns_of(flood.into_iter().chain([("bolt", 1, 0)]));
    let first = next_batch(&mut turns, 500);
    assert_eq!((first.len(), first.last()), (500, Some(&1_401)));
}

#[test]
fn a_lone_job_behind_costly_ones_waits_for_one_of_them_at_most() {
    for units in [100, 1_000, 10_000] {
        let costly = [("acme", units, 0); 300];
        let mut turns = turns_of(costly.into_iter().chain([("bolt", 1, 0)]));
        let with_bolt = batches(&mut turns, 500).iter().position(|batch| batch.contains(&301));
        assert!(with_bolt <= Some(1), "{units} units: {with_bolt:?}");
    }
}

#[test]
fn costly_jobs_get_their_share_beside_a_flood_of_cheap_ones() {
    let mut turns = turns_of([("acme", 10_000, 0)]);
    let mut tags = 2..;
    let mut cheap_before = 0;
    loop {
        for tag in tags.by_ref().take(600) {
            turns.add(delivery(tag, ("bolt", 1, 0)));
        }
        let batch = next_batch(&mut turns, 500);
        if batch.contains(&1) {
            assert_eq!(batch, [1], "it fills a batch");
            break;
        }
        cheap_before += batch.len();
    }
    // Ten thousand units cost as much as 910 jobs of one unit.
    assert!((900..=1_500).contains(&cheap_before), "{cheap_before}");
}

#[test]
fn what_goes_alone_is_first_in_the_next_batch() {
    let mut turns = turns_of([("acme", 1, 0), ("bolt", 1, 1), ("acme", 1, 0), ("bolt", 1, 0)]);
    assert_eq!(batches(&mut turns, 500), [vec![1, 3], vec![2], vec![4]]);
}

#[test]
fn what_nobody_can_read_takes_turns_as_well() {
    let mut turns = turns_of([("acme", 1, 0); 1_000]);
    turns.add(Delivery::read(received(1_001, 0, b"{}".to_vec())));
    assert!(next_batch(&mut turns, 500).contains(&1_001));
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let client = prop::sample::select(vec!["acme", "bolt", "cove", "dune"]);
    let units = prop_oneof![5 => Just(1_i64), 1 => 1..200_i64, 1 => Just(10_000_i64)];
    let delivery_count = prop_oneof![9 => Just(0_i64), 1 => Just(1_i64)];
    prop::collection::vec((client, units, delivery_count), 1..120)
}

proptest! {
    #[test]
    fn each_comes_once_and_those_of_a_client_in_their_order(asks in asks(), jobs_max in 1..40_usize) {
        let batches = batches(&mut turns_of(asks.clone()), jobs_max);
        prop_assert!(batches.iter().all(|batch| (1..=jobs_max).contains(&batch.len())));
        let mut all: Vec<u64> = batches.concat();
        for client in ["acme", "bolt", "cove", "dune"] {
            let whose = |tag: &&u64| asks[**tag as usize - 1].0 == client;
            let of_client: Vec<&u64> = all.iter().filter(whose).collect();
            prop_assert!(of_client.is_sorted(), "{client}: {of_client:?}");
        }
        all.sort_unstable();
        prop_assert_eq!(all, (1..=asks.len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn a_lone_job_waits_for_few_batches_whatever_the_others_have(asks in asks()) {
        // Each of the four others may have one job first that goes alone, and one that fills a batch.
        let last = ("echo", 1, 0);
        let mut turns = turns_of(asks.iter().copied().chain([last]));
        let tag = asks.len() as u64 + 1;
        let batches = batches(&mut turns, 500);
        let at = batches.iter().position(|batch| batch.contains(&tag)).expect("it is served");
        prop_assert!(at <= 8, "in batch {at} of {batches:?}");
    }
}
