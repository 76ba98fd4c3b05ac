//! What a lane does with a batch, and with each of its jobs afterwards.

use super::{Lane, signs};
use crate::broker::Result;
use crate::broker::publisher::Pressure;
use crate::worker::batch::{Asks, Item};
use crate::worker::parcel::Parcel;
use crate::worker::process::{self, Processed};
use crate::worker::undertaker::LastWord;
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
        batch: Vec<Item>,
        stop: &CancellationToken,
    ) -> Result<()> {
        let aside = self.aside();
        self.context.hand.holds(batch.iter().filter_map(Item::accepted_at).chain(aside));
        if !self.unblocked(stop).await {
            self.given_up.extend(batch);
            return Ok(());
        }
        self.undertaker.hopes_anew();
        let mut parcels = Vec::with_capacity(batch.len());
        let mut items = Vec::new();
        for item in batch {
            let Some(item) = self.waiting.admit(item) else { continue };
            match &item.asks {
                Asks::Job(_) => items.push(item),
                Asks::Overdue(_) => match self.undertaker.last_word(item).await {
                    Ok(LastWord::Settled(parcel)) => parcels.extend(parcel),
                    Ok(LastWord::NotYet(item)) => items.push(item),
                    Err(item) => self.suspects.wait(item),
                },
                Asks::Nothing(undecodable) => {
                    let reason = undecodable.reason.clone();
                    match self.undertaker.bury(item, "undecodable", &reason).await {
                        Ok(parcel) => parcels.push(parcel),
                        Err(item) => self.suspects.wait(item),
                    }
                }
            }
        }
        let proof = self.suspects.proof;
        let lane = self.context.source.label();
        let busy = metrics::gauge!("redeemq_lane_busy", "lane" => lane);
        busy.set(1.0);
        let outcomes = process::process(&self.context, &items, proof, stop).await;
        busy.set(0.0);
        self.hand_on(items.into_iter().zip(outcomes).collect(), parcels).await;
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
        outcomes: Vec<(Item, Processed)>,
        mut parcels: Vec<Parcel>,
    ) {
        for (item, outcome) in outcomes {
            match outcome {
                Processed::Answered(answer) => {
                    self.suspects.proof |= answer.is_effective;
                    if item.received.attempts == 0 {
                        self.ahead.goes_well();
                    }
                    parcels.extend(item.result(&self.context.traces, &answer));
                }
                Processed::Poison(error) => {
                    match self.undertaker.bury_poisoned(item, &error).await {
                        Ok(parcel) => parcels.push(parcel),
                        Err(item) => self.suspects.wait(item),
                    }
                }
                Processed::Suspect(error) => {
                    tracing::error!(%error, "a job fails, and no other commits: it waits for proof");
                    self.suspects.add(item);
                }
                Processed::Waits(held) => self.waiting.hold(item, &held),
                Processed::Abandoned => {}
            }
        }
        signs::tell_aside(&self.context, self.waiting.len(), self.suspects.len());
        self.context.hand.holds(self.aside());
        if !parcels.is_empty() && self.sender.send(parcels).await.is_err() {
            tracing::debug!("the publisher has ended; its error ends the session");
        }
    }
}

/// Waits for an alarm.
pub(super) async fn blocked(pressure: &Pressure) {
    loop {
        tokio::time::sleep(BLOCKED_CHECK).await;
        if pressure.is_blocked() {
            return;
        }
    }
}
