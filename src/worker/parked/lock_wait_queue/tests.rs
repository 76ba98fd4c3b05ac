use super::*;
use crate::worker::batch::fixtures::{delivery, keys_of, result};
use std::time::Duration;

fn tag(delivery: &Delivery) -> u64 {
    delivery.received.tag
}

fn tags<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> Vec<u64> {
    deliveries.into_iter().map(tag).collect()
}

/// A queue with tries of at most three jobs, and the time.
struct Parked(LockWaitQueue, Instant);

impl Parked {
    /// One job for each of these goods, with tags from 1.
    fn with(goods: &[&str]) -> Self {
        let mut parked = Self(LockWaitQueue::new(3), Instant::now());
        for (tag, goods) in (1..).zip(goods) {
            parked.park(tag, goods);
        }
        parked
    }

    fn park(&mut self, tag: u64, goods: &str) {
        self.0.park(delivery(tag, goods, &format!("p{tag}")), keys_of(goods), self.1);
    }

    fn next(&mut self) -> Action {
        self.0.next_action(self.1, false)
    }

    fn next_try(&mut self) -> Try {
        match self.next() {
            Action::Try(parked) => parked,
            action => panic!("nothing to try: {action:?}"),
        }
    }

    fn end(&mut self, tried: Try, outcome: impl Fn(u64) -> Processed) -> Vec<u64> {
        let outcomes = tried.deliveries.into_iter().map(|delivery| {
            let outcome = outcome(tag(&delivery));
            (delivery, outcome)
        });
        let done = self.0.end(tried.group, outcomes, self.1);
        tags(done.iter().map(|(delivery, _)| delivery))
    }

    /// When it has to be asked again.
    fn due_in(&mut self) -> Duration {
        match self.next() {
            Action::WaitUntil(due) => due - self.1,
            action => panic!("no pause: {action:?}"),
        }
    }
}

fn decided() -> Processed {
    Processed::Decided(result("mug", true))
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_waits_for_nothing() {
    let mut parked = Parked::with(&[]);
    assert!(parked.0.is_empty() && parked.0.oldest().is_none());
    assert!(matches!(parked.next(), Action::Wait));
}

#[tokio::test(start_paused = true)]
async fn a_parked_job_is_tried_at_once_and_leaves_when_it_is_decided() {
    let mut parked = Parked::with(&["mug"]);
    assert_eq!((parked.0.len(), parked.0.is_empty()), (1, false));
    let tried = parked.next_try();
    assert_eq!((tags(&tried.deliveries), &tried.keys), (vec![1], &keys_of("mug")));
    assert_eq!(parked.0.len(), 1, "it is still parked while it is tried");
    assert!(parked.0.oldest().is_some());
    assert!(matches!(parked.next(), Action::Wait));
    assert_eq!(parked.end(tried, |_| decided()), [1]);
    assert!(parked.0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn jobs_of_one_lock_are_one_group_and_those_of_another_are_not() {
    let mut parked = Parked::with(&["mug", "cap", "mug"]);
    assert_eq!(tags(&parked.next_try().deliveries), [1, 3]);
    assert_eq!(tags(&parked.next_try().deliveries), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_later_job_is_parked_behind_those_that_wait_for_its_lock() {
    let mut parked = Parked::with(&["mug"]);
    assert!(parked.0.admit(delivery(2, "mug", "ann")).is_none());
    assert!(parked.0.admit(delivery(3, "cap", "ann")).is_some(), "nobody waits for that");
    let over_limit = Delivery { payload: over_limit(), ..delivery(4, "mug", "ann") };
    assert!(parked.0.admit(over_limit).is_some(), "it needs no lock");
    let tried = parked.next_try();
    assert_eq!(tags(&tried.deliveries), [1, 2]);
    assert!(parked.0.admit(delivery(5, "mug", "ann")).is_none(), "while they are tried as well");
    assert_eq!(parked.0.len(), 3);
    parked.end(tried, |_| decided());
    assert_eq!(tags(&parked.next_try().deliveries), [5]);
}

fn over_limit() -> Payload {
    let Payload::Job(job) = delivery(0, "mug", "ann").payload else { panic!("no job") };
    Payload::OverLimit(job)
}

#[tokio::test(start_paused = true)]
async fn a_try_has_a_bound_of_jobs_and_the_rest_follows_in_order() {
    let mut parked = Parked::with(&["mug"; 5]);
    let tried = parked.next_try();
    assert_eq!(tags(&tried.deliveries), [1, 2, 3]);
    assert!(matches!(parked.next(), Action::Wait), "one try a group");
    assert_eq!(parked.end(tried, |_| decided()), [1, 2, 3]);
    assert_eq!(tags(&parked.next_try().deliveries), [4, 5]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_two_groups_are_tried_at_once_and_each_has_its_turn() {
    let mut parked = Parked::with(&["mug", "cap", "pen", "mug"]);
    let (mugs, caps) = (parked.next_try(), parked.next_try());
    assert!(matches!(parked.next(), Action::Wait));
    parked.end(mugs, |tag| if tag == 1 { decided() } else { Processed::Parked(keys_of("mug")) });
    assert_eq!(tags(&parked.next_try().deliveries), [3], "not the first group again");
    parked.end(caps, |_| decided());
    assert!(parked.due_in() > Duration::ZERO, "the first group has a pause");
    parked.1 += Duration::from_secs(1);
    assert_eq!(tags(&parked.next_try().deliveries), [4]);
}

#[tokio::test(start_paused = true)]
async fn what_is_still_locked_goes_back_to_the_front_and_is_tried_after_pauses_that_grow() {
    let mut parked = Parked::with(&["mug"; 4]);
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let tried = parked.next_try();
        assert_eq!(tags(&tried.deliveries), [1, 2, 3]);
        assert!(parked.end(tried, |_| Processed::Parked(keys_of("mug"))).is_empty());
        let pause = parked.due_in();
        parked.1 += pause;
        pauses.push(pause);
    }
    assert!(pauses[0] <= Duration::from_millis(100), "{pauses:?}");
    assert!(pauses[10..].iter().any(|pause| *pause > Duration::from_millis(500)), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(1)), "{pauses:?}");

    let tried = parked.next_try();
    assert_eq!(parked.end(tried, |_| decided()), [1, 2, 3]);
    let tried = parked.next_try();
    parked.end(tried, |_| Processed::Parked(keys_of("mug")));
    assert!(parked.due_in() <= Duration::from_millis(100), "the pauses begin anew");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_had_its_turn_stands_behind_the_others() {
    let mut parked = Parked::with(&["mug", "mug", "mug", "mug", "cap"]);
    let mugs = parked.next_try();
    parked.end(mugs, |_| decided());
    assert_eq!(tags(&parked.next_try().deliveries), [5]);
    assert_eq!(tags(&parked.next_try().deliveries), [4]);
}

/// Pauses are drawn at random, so once would prove little.
#[tokio::test(start_paused = true)]
async fn the_group_that_is_due_first_is_waited_for() {
    for _ in 0..20 {
        let mut parked = Parked::with(&["mug", "cap"]);
        let (mugs, caps) = (parked.next_try(), parked.next_try());
        parked.end(caps, |_| Processed::Parked(keys_of("cap")));
        let caps_due = parked.due_in();
        parked.end(mugs, |_| Processed::Parked(keys_of("mug")));
        assert!(parked.due_in() <= caps_due);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_meets_another_lock_moves_to_its_group() {
    let mut parked = Parked::with(&["mug", "mug", "cap"]);
    let tried = parked.next_try();
    let moved = parked.end(tried, |tag| match tag {
        1 => Processed::Parked(keys_of("cap")),
        _ => Processed::Parked(keys_of("pen")),
    });
    assert!(moved.is_empty());
    assert_eq!(parked.0.len(), 3);
    assert_eq!(tags(&parked.next_try().deliveries), [3, 1], "behind those that wait there");
    assert_eq!(tags(&parked.next_try().deliveries), [2], "a group of its own");
}

#[tokio::test(start_paused = true)]
async fn the_oldest_job_is_one_in_front_of_a_group_or_in_the_database() {
    let mut parked = Parked::with(&["mug", "cap", "mug"]);
    let accepted = |tag| delivery(tag, "mug", "ann").accepted_at();
    assert_eq!(parked.0.oldest(), accepted(1));
    let mugs = parked.next_try();
    assert_eq!(parked.0.oldest(), accepted(1), "while it is tried as well");
    parked.end(mugs, |tag| if tag == 1 { decided() } else { Processed::Parked(keys_of("mug")) });
    assert_eq!(parked.0.oldest(), accepted(2));
    let caps = parked.next_try();
    parked.end(caps, |_| decided());
    assert_eq!(parked.0.oldest(), accepted(3));
}

#[tokio::test(start_paused = true)]
async fn all_outcomes_but_locks_leave_the_queue() {
    let mut parked = Parked::with(&["mug"; 3]);
    let tried = parked.next_try();
    let left = parked.end(tried, |tag| match tag {
        1 => Processed::Poison(String::new()),
        2 => Processed::Suspect(String::new()),
        _ => Processed::Abandoned,
    });
    assert_eq!((left, parked.0.is_empty()), (vec![1, 2, 3], true));
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_begins_no_try() {
    let mut parked = Parked::with(&["mug"; 4]);
    assert_eq!(tags(&parked.next_try().deliveries), [1, 2, 3]);
    parked.park(5, "cap");
    assert!(matches!(parked.0.next_action(parked.1, true), Action::Wait));
    assert_eq!(parked.0.len(), 5, "they wait on");
}
