//! What a lane does with a batch, and with each of its jobs afterwards.

use crate::broker::Result;
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::batch::outcome::Processed;
use crate::worker::lane::state::Lane;
use crate::worker::metrics::lane::{record_blocked, record_busy, record_parked};
use crate::worker::publish::pending_result::PendingResult;
use crate::worker::redelivery::attempts;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

impl Lane {
    /// One batch: decide what can be decided, and hand on what has to be published.
    pub(super) async fn process(
        &mut self,
        batch: Vec<Delivery>,
        stop: &CancellationToken,
    ) -> Result<()> {
        let waiting = self.oldest_waiting();
        self.context
            .in_flight_age
            .set(batch.iter().filter_map(Delivery::accepted_at).chain(waiting));
        if !self.unblocked(stop).await {
            return Ok(());
        }
        let mut results = Vec::with_capacity(batch.len());
        let deliveries = self.admit(batch, &mut results).await;
        record_busy(&self.context, true);
        let has_proof = self.suspects.has_proof();
        let outcomes = attempts::process(&self.context, deliveries, has_proof, stop).await;
        record_busy(&self.context, false);
        self.hand_on(outcomes, results).await;
        Ok(())
    }

    /// Admits a batch: parks what needs a locked row, settles what is not to be tried, and returns the jobs
    /// that are to be decided.
    async fn admit(
        &mut self,
        batch: Vec<Delivery>,
        results: &mut Vec<PendingResult>,
    ) -> Vec<Delivery> {
        self.dead_letterer.begin_batch();
        let mut deliveries = Vec::new();
        for delivery in batch {
            let Some(delivery) = self.parked.admit(delivery) else { continue };
            match &delivery.payload {
                Payload::Job(_) => deliveries.push(delivery),
                Payload::OverLimit(_) => {
                    let settled = self.dead_letterer.answer_or_dead_letter(delivery).await;
                    results.extend(self.or_retry(settled));
                }
                Payload::Malformed(undecodable) => {
                    let reason = undecodable.reason.clone();
                    let settled =
                        self.dead_letterer.dead_letter(delivery, "undecodable", &reason).await;
                    results.extend(self.or_retry(settled));
                }
                Payload::DeadLetter => results.push(PendingResult::dead_letter(&delivery.received)),
            }
        }
        deliveries
    }

    /// Each job where its outcome leads it; results and dead letters to the publisher.
    pub(super) async fn hand_on(
        &mut self,
        outcomes: Vec<(Delivery, Processed)>,
        mut results: Vec<PendingResult>,
    ) {
        for (delivery, outcome) in outcomes {
            match outcome {
                Processed::Decided(result) => {
                    if result.is_effective {
                        self.suspects.add_proof();
                    }
                    if !delivery.policy().goes_alone {
                        self.prefetch.decided_first_delivery();
                    }
                    results.extend(PendingResult::of(&delivery, &self.context.traces, &result));
                }
                Processed::Poison(error) => {
                    let settled = self.dead_letterer.dead_letter_poisoned(delivery, &error).await;
                    results.extend(self.or_retry(settled));
                }
                Processed::Suspect(error) => {
                    tracing::error!(%error, "job failed alone; retrying before it is dead-lettered");
                    self.suspects.add_failed(delivery);
                }
                Processed::OverLimit => {
                    let settled = self.dead_letterer.answer_or_dead_letter(delivery).await;
                    results.extend(self.or_retry(settled));
                }
                Processed::Parked(keys) => self.parked.park(delivery, keys),
                Processed::Abandoned => {}
            }
        }
        record_parked(&self.context, self.parked.len(), self.suspects.len());
        self.context.in_flight_age.set(self.oldest_waiting());
        self.publishing.send(results).await;
    }

    /// What is to be published for a delivery, unless it was given back: then it waits for its next try.
    fn or_retry(&mut self, settled: Result<PendingResult, Delivery>) -> Option<PendingResult> {
        settled.map_err(|delivery| self.suspects.retry_later(delivery)).ok()
    }

    /// Waits while the broker blocks publishers, for results could not be published; whether to go on
    /// then.
    pub(super) async fn unblocked(&self, stop: &CancellationToken) -> bool {
        if !self.publishing.is_blocked() {
            return true;
        }
        tracing::warn!(
            "broker blocks publishers (memory or disk alarm); no batch begins meanwhile"
        );
        record_blocked(&self.context, true);
        let begun = Instant::now();
        let goes_on = tokio::select! {
            () = self.publishing.until_blocked(false) => true,
            () = self.publishing.ended() => false,
            () = stop.cancelled() => false,
        };
        record_blocked(&self.context, false);
        let took = begun.elapsed().as_secs_f64();
        metrics::histogram!("redeemq_broker_blocked_seconds", "part" => "worker").record(took);
        goes_on
    }
}
