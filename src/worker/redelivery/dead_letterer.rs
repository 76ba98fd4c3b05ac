//! Dead-lettering: what can't be decided goes to the dead queue, and is recorded for anyone who asks for its
//! job's status.

use crate::broker::consume::death::Death;
use crate::broker::message_spans;
use crate::broker::publish::outbound;
use crate::store::{self, StoreError};
use crate::traces::messages::Sending;
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
                let delivery_count = delivery.received.delivery_count;
                let reason = format!("delivered {delivery_count} times without a decision");
                self.dead_letter(delivery, "attempts", &reason).await
            }
            Err(_reported) => Err(delivery),
        }
    }

    /// For a dead letter that the broker itself made: answers its job if it was decided after all; else
    /// makes up for what a worker does with a dead letter of its own. None where nobody is known.
    ///
    /// # Errors
    /// Gives it back while the database can't be asked, or can't record it.
    pub(crate) async fn answer_or_notify(
        &mut self,
        delivery: Delivery,
        death: &Death,
    ) -> Result<Option<PendingResult>, Delivery> {
        match self.find_answer(&delivery).await {
            Ok(Some(answer)) => return Ok(Some(answer)),
            Ok(None) => {}
            Err(_reported) => return Err(delivery),
        }
        let (kind, reason, known) = ("broker", death.to_string(), delivery.known());
        if !self.record(known.as_ref(), kind, &reason).await {
            return Err(delivery);
        }
        Ok(known.map(|known| {
            let messages = outbound::notice(&delivery.received, &known, &reason);
            let (tag, sending) = (delivery.received.tag, Sending::default());
            PendingResult { tag, messages, kind: Kind::DeadNotice, sending }
        }))
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

    /// Makes a dead letter; the status of its job says so from here on.
    ///
    /// # Errors
    /// Gives it back while that can't be recorded.
    pub(crate) async fn dead_letter(
        &mut self,
        delivery: Delivery,
        kind: &'static str,
        reason: &str,
    ) -> Result<PendingResult, Delivery> {
        let known = delivery.known();
        if !self.record(known.as_ref(), kind, reason).await {
            return Err(delivery);
        }
        let mut messages = outbound::dead(&delivery.received, known.as_ref(), reason);
        let traces = &self.context.traces;
        let sending = message_spans::dead_letter(traces, &delivery.received, &mut messages, kind);
        let tag = delivery.received.tag;
        Ok(PendingResult { tag, messages, kind: Kind::DeadLetter, sending })
    }

    /// Records a dead letter, and counts it; whether the database took it.
    async fn record(&mut self, known: Option<&Known>, kind: &'static str, reason: &str) -> bool {
        if let Some(known) = known
            && !self.insert(known, reason).await
        {
            return false;
        }
        metrics::counter!("redeemq_dead_total", "reason" => kind).increment(1);
        tracing::warn!(kind, reason, "dead-lettering a message");
        true
    }

    async fn insert(&mut self, known: &Known, reason: &str) -> bool {
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
