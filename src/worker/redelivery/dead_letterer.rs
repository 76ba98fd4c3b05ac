//! Dead-lettering: what can't be decided goes to the dead queue, and is recorded for anyone who asks for its
//! job's status.

use crate::broker::consume::death::Death;
use crate::broker::message_spans;
use crate::broker::publish::outbound;
use crate::broker::topology::BROKER_DELIVERY_LIMIT;
use crate::failpoint::{self, Point};
use crate::store::{self, StoreError};
use crate::wire::request::Known;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::replay;
use crate::worker::context::Context;
use crate::worker::publish::pending_result::{Kind, PendingResult};
use crate::worker::redelivery::dead_letter_rate::{Allowance, DeadLetterRate, POISON_MAX};
use std::sync::Arc;
use tokio::time::Instant;

/// Dead-letters, as long as the database records it.
pub(crate) struct DeadLetterer {
    context: Arc<Context>,
    /// Whether dead jobs can be recorded, as far as is known in this batch.
    can_record: bool,
    rate: DeadLetterRate,
}

impl DeadLetterer {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context, can_record: true, rate: DeadLetterRate::default() }
    }

    /// Another batch: the database may be back.
    pub(crate) fn begin_batch(&mut self) {
        self.can_record = true;
    }

    /// Answers a job over the limit if it was decided after all; else dead-letters it.
    ///
    /// # Errors
    /// Gives it back while the database can't be asked, or can't record it.
    pub(crate) async fn answer_or_dead_letter(
        &mut self,
        delivery: Delivery,
    ) -> Result<PendingResult, Delivery> {
        match self.find_answer(&delivery).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                let times = match delivery.received.is_over_broker_limit() {
                    true => format!("more than {BROKER_DELIVERY_LIMIT}"),
                    false => delivery.received.delivery_count.to_string(),
                };
                let reason = format!("delivered {times} times without a decision");
                self.dead_letter(delivery, "attempts", &reason).await
            }
            Err(_reported) => Err(delivery),
        }
    }

    /// The result of a delivery's job, if it was decided.
    async fn find_answer(&self, delivery: &Delivery) -> Result<Option<PendingResult>, StoreError> {
        let Some(job) = delivery.any_job() else { return Ok(None) };
        let found = replay::find(&self.context, job).await.inspect_err(
            |error| tracing::warn!(%error, "could not look up whether a job was decided; retrying"),
        )?;
        Ok(found.and_then(|result| PendingResult::of(delivery, &self.context.traces, &result)))
    }

    /// Dead-letters a poisonous job, unless too many were of late.
    ///
    /// # Errors
    /// Gives it back while it has to wait.
    pub(crate) async fn dead_letter_poisoned(
        &mut self,
        delivery: Delivery,
        error: &str,
    ) -> Result<PendingResult, Delivery> {
        let now = Instant::now();
        if let Allowance::LimitReached { raises_alarm } = self.rate.ask(now) {
            if raises_alarm {
                tracing::error!(%error, per_minute = POISON_MAX, "dead-letter rate limit reached; check the database");
            }
            return Err(delivery);
        }
        let result = self.dead_letter(delivery, "poison", error).await?;
        self.rate.add(now);
        Ok(result)
    }

    /// Makes a dead letter; the status of its job says so from here on. What the broker dead-lettered itself
    /// is dead for the broker's reason.
    ///
    /// # Errors
    /// Gives it back while that can't be recorded.
    pub(crate) async fn dead_letter(
        &mut self,
        delivery: Delivery,
        kind: &'static str,
        reason: &str,
    ) -> Result<PendingResult, Delivery> {
        let by_broker = delivery.received.dead_by_broker().map(Death::to_string);
        let (kind, reason) = match &by_broker {
            Some(reason) => ("broker", reason.as_str()),
            None => (kind, reason),
        };
        let known = delivery.known();
        if let Some(known) = &known
            && !self.record(known, reason).await
        {
            return Err(delivery);
        }
        failpoint::hit(Point::AfterNote);
        tracing::warn!(kind, reason, "dead-lettering a message");
        let mut messages = outbound::dead(&delivery.received, known.as_ref(), reason);
        let traces = &self.context.traces;
        let sending = message_spans::dead_letter(traces, &delivery.received, &mut messages, kind);
        let tag = delivery.received.tag;
        Ok(PendingResult { tag, messages, kind: Kind::DeadLetter(Some(kind)), sending })
    }

    /// Records that a job is dead; whether the database took it.
    async fn record(&mut self, known: &Known, reason: &str) -> bool {
        let Known { client, key, job_id, .. } = known;
        if self.can_record {
            let recording = store::dead::insert(&self.context.store, client, *key, job_id, reason);
            if let Err(error) = self.context.settings.statement_limit.in_time(recording).await {
                tracing::warn!(%error, "could not record a dead job; retrying");
                self.can_record = false;
            }
        }
        self.can_record
    }
}
