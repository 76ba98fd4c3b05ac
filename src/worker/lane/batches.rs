//! What a lane does with a batch, and with each of its jobs afterwards.

use crate::broker::Result;
use crate::broker::publish::publisher::BlockedStatus;
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::batch::process::{self, Processed};
use crate::worker::lane::Lane;
use crate::worker::metrics::lane::record_parked;
use crate::worker::publish::pending_result::PendingResult;
use crate::worker::redelivery::dead_letterer::OverLimitOutcome;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often a lane looks whether the broker takes results again.
const BLOCKED_CHECK: Duration = Duration::from_millis(100);

impl Lane {
    /// One batch: decide what can be decided, and hand on what has to be published.
    pub(super) async fn process(
        &mut self,
        batch: Vec<Delivery>,
        stop: &CancellationToken,
    ) -> Result<()> {
        let aside = self.aside();
        self.context.hand.holds(batch.iter().filter_map(Delivery::accepted_at).chain(aside));
        if !self.unblocked(stop).await {
            self.given_up.extend(batch);
            return Ok(());
        }
        self.dead_letterer.hopes_anew();
        let mut results = Vec::with_capacity(batch.len());
        let mut deliveries = Vec::new();
        for delivery in batch {
            let Some(delivery) = self.waiting.admit(delivery) else { continue };
            match &delivery.payload {
                Payload::Job(_) => deliveries.push(delivery),
                Payload::OverLimit(_) => {
                    match self.dead_letterer.over_limit_outcome(delivery).await {
                        Ok(OverLimitOutcome::Settled(result)) => results.extend(result),
                        Ok(OverLimitOutcome::NotYet(delivery)) => deliveries.push(delivery),
                        Err(delivery) => self.suspects.wait(delivery),
                    }
                }
                Payload::Malformed(undecodable) => {
                    let reason = undecodable.reason.clone();
                    match self.dead_letterer.dead_letter(delivery, "undecodable", &reason).await {
                        Ok(result) => results.push(result),
                        Err(delivery) => self.suspects.wait(delivery),
                    }
                }
            }
        }
        let proof = self.suspects.proof;
        let lane = self.context.source.label();
        let busy = metrics::gauge!("redeemq_lane_busy", "lane" => lane);
        busy.set(1.0);
        let outcomes = process::process(&self.context, &deliveries, proof, stop).await;
        busy.set(0.0);
        self.hand_on(deliveries.into_iter().zip(outcomes).collect(), results).await;
        Ok(())
    }

    /// Waits while the broker takes no results; whether to go on then. What would be decided meanwhile
    /// could not be told to anybody.
    pub(super) async fn unblocked(&self, stop: &CancellationToken) -> bool {
        if !self.pressure.is_blocked() {
            return true;
        }
        tracing::warn!("the broker blocks publishers (memory or disk alarm): no batch is begun");
        let blocked =
            metrics::gauge!("redeemq_lane_blocked", "lane" => self.context.source.label());
        blocked.set(1.0);
        let begun = Instant::now();
        let unblocked = async {
            while self.pressure.is_blocked() {
                tokio::time::sleep(BLOCKED_CHECK).await;
            }
        };
        let goes_on = tokio::select! {
            () = unblocked => true,
            () = self.sender.closed() => false,
            () = stop.cancelled() => false,
        };
        blocked.set(0.0);
        let took = begun.elapsed().as_secs_f64();
        metrics::histogram!("redeemq_broker_blocked_seconds", "part" => "worker").record(took);
        goes_on
    }

    /// When the oldest of those that wait beside the others were accepted.
    fn aside(&self) -> impl Iterator<Item = OffsetDateTime> + use<> {
        self.waiting.oldest().into_iter().chain(self.suspects.oldest())
    }

    /// Each job where its outcome leads it; answers and dead letters to the publisher.
    pub(super) async fn hand_on(
        &mut self,
        outcomes: Vec<(Delivery, Processed)>,
        mut results: Vec<PendingResult>,
    ) {
        for (delivery, outcome) in outcomes {
            match outcome {
                Processed::Answered(answer) => {
                    self.suspects.proof |= answer.is_effective;
                    if delivery.received.delivery_count == 0 {
                        self.ahead.goes_well();
                    }
                    results.extend(PendingResult::of(&delivery, &self.context.traces, &answer));
                }
                Processed::Poison(error) => {
                    match self.dead_letterer.dead_letter_poisoned(delivery, &error).await {
                        Ok(result) => results.push(result),
                        Err(delivery) => self.suspects.wait(delivery),
                    }
                }
                Processed::Suspect(error) => {
                    tracing::error!(%error, "a job fails, and no other commits: it waits for proof");
                    self.suspects.add(delivery);
                }
                Processed::Waits(held) => self.waiting.hold(delivery, &held),
                Processed::Abandoned => {}
            }
        }
        record_parked(&self.context, self.waiting.len(), self.suspects.len());
        self.context.hand.holds(self.aside());
        if !results.is_empty() && self.sender.send(results).await.is_err() {
            tracing::debug!("the publisher has ended; its error ends the session");
        }
    }
}

/// Waits for an alarm.
pub(super) async fn blocked(pressure: &BlockedStatus) {
    loop {
        tokio::time::sleep(BLOCKED_CHECK).await;
        if pressure.is_blocked() {
            return;
        }
    }
}
