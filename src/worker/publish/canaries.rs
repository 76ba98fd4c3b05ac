//! Canaries on their way: the I/O of the [`circuit`](super::circuit)s.

use crate::broker::consume::settler::Settler;
use crate::broker::publish::isolated::IsolatedPublisher;
use crate::broker::publish::message::ConfirmStatus;
use crate::broker::{BrokerError, Result};
use crate::worker::publish::circuit::{Action, Held, TRIAL};
use crate::worker::publish::circuits::Circuits;
use crate::worker::publish::result_counts::record_lost_acks;
use crate::worker::publish::route_circuits::RouteCircuits;
use crate::worker::publish::window::UnconfirmedMessage;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Finds out which routes confirm, and holds what goes to the others.
pub(super) struct Canaries {
    publisher: IsolatedPublisher,
    settler: Settler,
    routes: Arc<RouteCircuits>,
    circuits: Circuits<UnconfirmedMessage>,
    in_flight: JoinSet<Canary>,
}

/// A canary that has come to its end.
pub(super) struct Canary {
    held: Held<UnconfirmedMessage>,
    took: Duration,
    status: Result<ConfirmStatus>,
}

impl Canaries {
    pub(super) fn new(
        publisher: IsolatedPublisher,
        settler: Settler,
        routes: Arc<RouteCircuits>,
        held_max: usize,
    ) -> Self {
        let (circuits, in_flight) = (Circuits::new(held_max), JoinSet::new());
        Self { publisher, settler, routes, circuits, in_flight }
    }

    /// Takes what goes to routes that are not closed.
    pub(super) async fn hold(&mut self, messages: Vec<UnconfirmedMessage>) {
        let now = Instant::now();
        let mut actions = Vec::new();
        for message in messages {
            let route = message.message().route();
            self.routes.open(route.clone());
            actions.extend(self.circuits.hold(route, message, now));
        }
        self.act(actions).await;
    }

    /// Whether [`judge`](Self::judge) is to be called now and then.
    pub(super) fn has_half_open(&self) -> bool {
        self.circuits.has_half_open()
    }

    /// Opens circuits whose canary failed.
    pub(super) async fn judge(&mut self) {
        let actions = self.circuits.judge(self.routes.last_confirm(), Instant::now());
        self.act(actions).await;
    }

    /// The next canary that comes to its end; none while none is on its way.
    pub(super) async fn ended(&mut self) -> Option<Result<Canary>> {
        let ended = self.in_flight.join_next().await?;
        Some(ended.map_err(|_panic| BrokerError::Panicked("the publisher of a canary")))
    }

    /// Learns from a canary; returns what is to be published as usual.
    ///
    /// # Errors
    /// When the broker has failed.
    pub(super) async fn learn(&mut self, canary: Canary) -> Result<Vec<UnconfirmedMessage>> {
        let Canary { held, took, status } = canary;
        let (route, now) = (held.message.message().route(), Instant::now());
        let mut publish = Vec::new();
        match status? {
            // A full queue refuses at once; one without a leader, when the broker's patience ends.
            ConfirmStatus::Refused if took < TRIAL => publish.push(held.message),
            ConfirmStatus::Refused | ConfirmStatus::Unconfirmed => {
                let actions = self.circuits.not_confirmed(&route, held, now);
                self.act(actions).await;
                return Ok(publish);
            }
            // This one says nothing of its route: the next window that is not confirmed does.
            ConfirmStatus::TooLarge => self.settle([held.message], ConfirmStatus::TooLarge).await,
            status @ (ConfirmStatus::Confirmed | ConfirmStatus::Returned) => {
                self.routes.confirmed(now);
                self.settle([held.message], status).await;
            }
        }
        self.routes.close(&route);
        publish.extend(self.circuits.close(&route));
        Ok(publish)
    }

    async fn act(&mut self, actions: Vec<Action<UnconfirmedMessage>>) {
        let mut given_up = Vec::new();
        for action in actions {
            match action {
                Action::SendCanary(held) => self.send(held),
                Action::GiveUp(message) => given_up.push(message),
            }
        }
        self.settle(given_up, ConfirmStatus::Unconfirmed).await;
    }

    fn send(&mut self, held: Held<UnconfirmedMessage>) {
        let publisher = self.publisher.clone();
        self.in_flight.spawn(async move {
            let begun = Instant::now();
            let limit = held.canary_limit(begun);
            let status = publisher.publish(held.message.message(), limit).await;
            Canary { held, took: begun.elapsed(), status }
        });
    }

    async fn settle(
        &self,
        messages: impl IntoIterator<Item = UnconfirmedMessage>,
        status: ConfirmStatus,
    ) {
        let tags = messages.into_iter().filter_map(|message| message.record(status));
        let tags: Vec<u64> = tags.collect();
        record_lost_acks(self.settler.ack(&tags).await);
    }

    /// Ends it. What is still held is delivered again.
    pub(super) fn close_connection(self) {
        let Self { publisher, in_flight, .. } = self;
        tokio::spawn(async move {
            publisher.close().await;
            drop(in_flight);
        });
    }
}
