//! What can't be decided is put aside: into the dead queue, with a note for whoever payload for its
//! status.

use crate::broker::publish::outbound;
use crate::broker::trace_headers;
use crate::store;
use crate::wire::request::Known;
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::batch::process;
use crate::worker::context::Context;
use crate::worker::publish::pending_result::PendingResult;
use crate::worker::redelivery::unprocessed;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Poisonous jobs that a worker buries within [`PERIOD`]. More of them are rather a fault of the
/// deployment that looks like theirs: they wait for it to be mended.
const POISON_MAX: usize = 10;
/// See [`POISON_MAX`].
const PERIOD: Duration = Duration::from_secs(60);

/// What becomes of a job that was delivered too often.
pub enum OverLimitOutcome {
    /// It is answered or put aside.
    Settled(Option<PendingResult>),
    /// Most of its deliveries ended before it was tried: it still may be.
    NotYet(Delivery),
}

/// Buries, as long as the database takes notes of it.
pub struct DeadLetterer {
    context: Arc<Context>,
    /// Whether the database takes notes of dead jobs, as far as is known in this batch.
    can_note: bool,
    /// When the last poisonous jobs were buried, the oldest first.
    poisoned: VecDeque<Instant>,
    alarmed_at: Option<Instant>,
}

impl DeadLetterer {
    /// With no funeral behind it.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, can_note: true, poisoned: VecDeque::new(), alarmed_at: None }
    }

    /// Another batch: the database may take notes again.
    pub fn hopes_anew(&mut self) {
        self.can_note = true;
    }

    /// Delivered too often: answered if it was decided after all, and put aside if it was tried as often.
    ///
    /// # Errors
    /// Gives it back while the books can't be asked.
    pub async fn over_limit_outcome(
        &mut self,
        delivery: Delivery,
    ) -> Result<OverLimitOutcome, Delivery> {
        let Payload::OverLimit(job) = &delivery.payload else {
            return Ok(OverLimitOutcome::NotYet(delivery));
        };
        let standing = match process::look_up(&self.context, job).await {
            Ok(Some(answer)) => {
                let result = PendingResult::of(&delivery, &self.context.traces, &answer);
                return Ok(OverLimitOutcome::Settled(result));
            }
            Ok(None) => unprocessed::is_over(&self.context, &delivery.received, job).await,
            Err(error) => Err(error),
        };
        match standing {
            Ok(true) => {
                let attempts = delivery.received.delivery_count;
                let reason = format!("delivered {attempts} times without a decision");
                self.dead_letter(delivery, "attempts", &reason)
                    .await
                    .map(|dead| OverLimitOutcome::Settled(Some(dead)))
            }
            Ok(false) => Ok(OverLimitOutcome::NotYet(delivery.not_over_limit())),
            Err(error) => {
                tracing::warn!(%error, "the books can't be asked about an overdue job yet");
                Err(delivery)
            }
        }
    }

    /// A poisonous job, unless too many died of late.
    ///
    /// # Errors
    /// Gives it back while it has to wait.
    pub async fn dead_letter_poisoned(
        &mut self,
        delivery: Delivery,
        error: &str,
    ) -> Result<PendingResult, Delivery> {
        let now = Instant::now();
        while self.poisoned.front().is_some_and(|at| now.duration_since(*at) > PERIOD) {
            self.poisoned.pop_front();
        }
        if self.poisoned.len() >= POISON_MAX {
            if self.alarmed_at.is_none_or(|at| now.duration_since(at) > PERIOD) {
                self.alarmed_at = Some(now);
                tracing::error!(%error, max = POISON_MAX, "more jobs a minute fail than are likely to be at fault themselves: look at the database; they wait and are tried again");
            }
            return Err(delivery);
        }
        let result = self.dead_letter(delivery, "poison", error).await?;
        self.poisoned.push_back(now);
        Ok(result)
    }

    /// A dead letter; its job's status says so from here on.
    ///
    /// # Errors
    /// Gives it back while that can't be noted.
    pub async fn dead_letter(
        &mut self,
        delivery: Delivery,
        kind: &'static str,
        reason: &str,
    ) -> Result<PendingResult, Delivery> {
        let known = match &delivery.payload {
            Payload::Job(job) | Payload::OverLimit(job) => Some(Known::of(job)),
            Payload::Malformed(undecodable) => undecodable.known.clone(),
        };
        if let Some(known) = &known
            && !self.note(known, reason).await
        {
            return Err(delivery);
        }
        metrics::counter!("redeemq_dead_total", "reason" => kind).increment(1);
        tracing::warn!(kind, reason, "a message goes to the dead queue");
        let mut messages = outbound::dead(&delivery.received, known.as_ref(), reason);
        let traces = &self.context.traces;
        let sending = trace_headers::dead_letter(traces, &delivery.received, &mut messages, kind);
        let tag = delivery.received.tag;
        Ok(PendingResult { tag, messages, decided_at: None, is_dead: true, sending })
    }

    async fn note(&mut self, known: &Known, reason: &str) -> bool {
        let Known { client, key, job_id, .. } = known;
        if self.can_note {
            let noting = store::dead::insert(&self.context.store, client, *key, job_id, reason);
            if let Err(error) = store::in_time(noting).await {
                tracing::warn!(%error, "dead jobs can't be noted yet");
                self.can_note = false;
            }
        }
        self.can_note
    }
}
