//! Jobs, deliveries and a scripted database for unit tests.

use crate::broker::BasicProperties;
use crate::broker::consume::received::Received;
use crate::domain::job::Job;
use crate::domain::request::{Redeem, Request, Target};
use crate::store::lock_keys::LockKeys;
use crate::store::{Result as StoreResult, StoreError};
use crate::wire::request;
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::batch::executor::{AttemptError, Executor};
use crate::worker::batch::job_result::JobResult;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

pub(crate) fn body(goods: &str, player: &str, amount: i64) -> Vec<u8> {
    let request = json!({
        "v": 1, "job_id": Uuid::now_v7(), "client_id": "acme", "operation": "goods",
        "accepted_at": "2026-01-02T03:04:05Z",
        "params": {"goods_id": goods, "player_id": player, "amount": amount},
    });
    request.to_string().into_bytes()
}

/// A redemption of one unit, under an id of its own.
pub(crate) fn job(goods: &str, player: &str) -> Job {
    request::decode(&body(goods, player, 1)).expect("a job")
}

pub(crate) fn received(tag: u64, delivery_count: i64, body: Vec<u8>) -> Received {
    let properties = BasicProperties::default();
    Received { tag, body, properties, delivery_count, death: None, is_dead_letter: false }
}

/// A delivery of a job that was accepted when [`accepted_at`] says.
pub(crate) fn delivery(tag: u64, goods: &str, player: &str) -> Delivery {
    delivery_of(tag, 0, goods, player)
}

/// A delivery of a mug that was delivered so often before.
pub(crate) fn delivered(tag: u64, delivery_count: i64) -> Delivery {
    delivery_of(tag, delivery_count, "mug", "p1")
}

fn delivery_of(tag: u64, delivery_count: i64, goods: &str, player: &str) -> Delivery {
    let mut delivery = Delivery::read(received(tag, delivery_count, body(goods, player, 1)));
    if let Payload::Job(job) = &mut delivery.payload {
        job.accepted_at = accepted_at(tag);
    }
    delivery
}

/// When the job of a delivery was accepted: as many seconds after the others as its tag says.
pub(crate) fn accepted_at(tag: u64) -> OffsetDateTime {
    datetime!(2026-01-02 03:04:05 UTC) + Duration::from_secs(tag)
}

/// The tags of deliveries.
pub(crate) fn tags(deliveries: impl IntoIterator<Item = Delivery>) -> Vec<u64> {
    deliveries.into_iter().map(|delivery| delivery.received.tag).collect()
}

/// The goods that a job asks for.
pub(crate) fn goods(job: &Job) -> String {
    match &job.request {
        Ok(Request::Redeem(Redeem { target: Target::Goods(goods), .. })) => goods.to_string(),
        other => panic!("not a redemption of goods: {other:?}"),
    }
}

/// The keys of goods that another session holds.
pub(crate) fn keys_of(goods: &str) -> LockKeys {
    LockKeys::of(&[job(goods, &format!("the only one who asks for {goods}"))])
}

/// What the database would say that is starting.
pub(super) fn transient() -> StoreError {
    StoreError::NoSession
}

/// What changes in the rules.
type Change = fn(&mut Script);

/// A database by rules: it commits, unless one of these speaks against it.
#[derive(Default)]
pub(super) struct Script {
    /// What fails the next attempts, whatever they are of.
    pub(super) errors: VecDeque<StoreError>,
    /// Goods whose jobs the database refuses.
    pub(super) poison: Vec<&'static str>,
    /// Goods over whose jobs our own code panics.
    pub(super) panics: Vec<&'static str>,
    /// Goods that another session holds.
    pub(super) locked: Vec<&'static str>,
    /// Goods that are out of stock.
    pub(super) refused: Vec<&'static str>,
    /// Jobs beyond which a batch times out.
    pub(super) jobs_max: Option<usize>,
    /// Looks at locks that are not answered.
    pub(super) unanswered: usize,
    /// How these rules change after so many attempts.
    pub(super) then: Option<(usize, Change)>,
    /// The goods of each attempt.
    pub(super) attempts: Vec<Vec<String>>,
    /// All that the lane was told.
    pub(super) paused: Vec<bool>,
}

impl Script {
    pub(super) fn failing(errors: impl IntoIterator<Item = StoreError>) -> Self {
        Self { errors: errors.into_iter().collect(), ..Self::default() }
    }
}

impl Executor for Script {
    async fn attempt(&mut self, jobs: &Arc<[Job]>) -> Result<Vec<JobResult>, AttemptError> {
        if let Some((_, change)) = self.then.take_if(|(after, _)| self.attempts.len() == *after) {
            change(self);
        }
        let wanted: Vec<String> = jobs.iter().map(goods).collect();
        let wants = |some: &[&str]| wanted.iter().any(|goods| some.contains(&goods.as_str()));
        let error = match self.errors.pop_front() {
            Some(error) => Some(AttemptError::Store(error)),
            None if wants(&self.panics) => Some(AttemptError::Panicked("a panic".to_owned())),
            None if wants(&self.locked) => Some(AttemptError::Store(StoreError::Silent)),
            None if self.jobs_max.is_some_and(|max| jobs.len() > max) => {
                Some(AttemptError::Store(StoreError::Silent))
            }
            None if wants(&self.poison) => Some(AttemptError::Store(of_job())),
            None => None,
        };
        let effective = |goods: &String| !self.refused.contains(&goods.as_str());
        let results = wanted.iter().map(|goods| result(goods, effective(goods))).collect();
        self.attempts.push(wanted);
        error.map_or(Ok(results), Err)
    }

    async fn held_keys(&mut self, jobs: &Arc<[Job]>) -> StoreResult<Vec<LockKeys>> {
        if self.unanswered > 0 {
            self.unanswered -= 1;
            return Err(StoreError::Silent);
        }
        let wanted: Vec<String> = jobs.iter().map(goods).collect();
        let held = self.locked.iter().filter(|goods| wanted.iter().any(|wanted| wanted == *goods));
        Ok(held.map(|goods| keys_of(goods)).collect())
    }

    fn set_paused(&mut self, is_paused: bool) {
        self.paused.push(is_paused);
    }
}

/// What is told about a job of these goods.
pub(crate) fn result(goods: &str, is_effective: bool) -> JobResult {
    JobResult { body: goods.into(), decided_at: Some(Instant::now()), is_effective, place: None }
}

/// What the database says of data that it does not take.
fn of_job() -> StoreError {
    StoreError::Database(sqlx::Error::Encode("not for this column".into()))
}
