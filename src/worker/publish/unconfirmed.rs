//! Messages to silent routes, beside all others: see [`route_prober`](crate::worker::publish::route_prober) for what becomes of them.

use crate::broker::consume::settler::Settler;
use crate::broker::publish::isolated::IsolatedPublisher;
use crate::broker::publish::message::{ConfirmStatus, Outgoing};
use crate::broker::publish::outbound::OutboundMessages;
use crate::broker::{BrokerError, Result};
use crate::traces::messages::Sending;
use crate::worker::publish::pending_result::{self, PendingResult};
use crate::worker::publish::route_circuits::RouteCircuits;
use crate::worker::publish::route_prober::RouteProber;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A message to a route that is suspected.
#[derive(Debug)]
pub struct UnconfirmedResult {
    /// The message.
    pub message: Outgoing,
    /// The delivery that waits for it; none for a copy, for which nothing waits.
    pub tag: Option<u64>,
    decided_at: Option<std::time::Instant>,
    sending: Sending,
    pub(super) since: Instant,
}

impl UnconfirmedResult {
    /// A result, whose time begins now.
    pub fn of(result: PendingResult) -> Self {
        let PendingResult { tag, letter, decided_at, sending, .. } = result;
        let (message, since) = (letter.main, Instant::now());
        Self { message, tag: Some(tag), decided_at, sending, since }
    }

    /// A copy, likewise.
    pub fn copy(message: Outgoing) -> Self {
        let (sending, since) = (Sending::default(), Instant::now());
        Self { message, tag: None, decided_at: None, sending, since }
    }

    /// To be published as usual: the result that this delivery waits for.
    pub(super) fn into_parcel(self, tag: u64) -> PendingResult {
        let letter = OutboundMessages { main: self.message, copies: Vec::new() };
        let (decided_at, sending) = (self.decided_at, self.sending);
        PendingResult { tag, letter, decided_at, is_dead: false, sending }
    }

    /// It has waited long enough, or its fate is known.
    pub(super) fn count(&mut self, receipt: ConfirmStatus) {
        self.sending.record_outcome(pending_result::fault(receipt));
        match self.tag {
            Some(_) => pending_result::count_result(receipt, self.decided_at),
            None => pending_result::count_copies([receipt]),
        }
    }
}

/// The publisher's side of them.
pub struct UnconfirmedResults {
    to: mpsc::UnboundedSender<Vec<UnconfirmedResult>>,
    back: mpsc::UnboundedReceiver<Vec<UnconfirmedResult>>,
    keeping: JoinHandle<Result<()>>,
}

impl UnconfirmedResults {
    /// Begins to keep them; ends when this is dropped. What is not settled then is delivered again.
    pub fn begin(
        line: IsolatedPublisher,
        settler: Settler,
        silent: Arc<RouteCircuits>,
        held_max: usize,
    ) -> Self {
        // Neither needs a bound: no more can be on the way than the broker has sent ahead. (Nothing holds
        // back copies, but they only wait for the end of a trial, which comes when others are heard.)
        let (to, fresh) = mpsc::unbounded_channel();
        let (home, back) = mpsc::unbounded_channel();
        let keeper = RouteProber::new(line, settler, silent, home, held_max);
        Self { to, back, keeping: tokio::spawn(keeper.keep(fresh)) }
    }

    /// Takes messages to routes that are suspected.
    pub fn take(&self, unconfirmed: Vec<UnconfirmedResult>) {
        if !unconfirmed.is_empty() && self.to.send(unconfirmed).is_err() {
            tracing::debug!("the keeper of unconfirmed has ended; its error ends the session");
        }
    }

    /// The next ones whose route speaks: they are to be published as usual.
    ///
    /// # Errors
    /// When the broker has failed.
    pub async fn back(&mut self) -> Result<Vec<UnconfirmedResult>> {
        if let Some(back) = self.back.recv().await {
            return Ok(back);
        }
        match (&mut self.keeping).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => Err(BrokerError::TimedOut("unconfirmed")),
            Err(_panic) => Err(BrokerError::Panicked("the keeper of unconfirmed")),
        }
    }
}
