//! Messages to silent routes, beside all others: see [`trials`](super::trials) for what becomes of them.

use super::parcel::{self, Parcel};
use super::silent::SilentRoutes;
use super::trials::Keeper;
use crate::broker::alone::Alone;
use crate::broker::letters::Letter;
use crate::broker::message::{Outgoing, Receipt};
use crate::broker::settler::Settler;
use crate::broker::{BrokerError, Result};
use crate::traces::messages::Sending;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A message to a route that is suspected.
#[derive(Debug)]
pub struct Laggard {
    /// The message.
    pub message: Outgoing,
    /// The delivery that waits for it; none for a copy, for which nothing waits.
    pub tag: Option<u64>,
    decided_at: Option<std::time::Instant>,
    sending: Sending,
    pub(super) since: Instant,
}

impl Laggard {
    /// A result, whose time begins now.
    pub fn of(parcel: Parcel) -> Self {
        let Parcel { tag, letter, decided_at, sending, .. } = parcel;
        let (message, since) = (letter.main, Instant::now());
        Self { message, tag: Some(tag), decided_at, sending, since }
    }

    /// A copy, likewise.
    pub fn copy(message: Outgoing) -> Self {
        let (sending, since) = (Sending::default(), Instant::now());
        Self { message, tag: None, decided_at: None, sending, since }
    }

    /// To be published as usual: the result that this delivery waits for.
    pub(super) fn into_parcel(self, tag: u64) -> Parcel {
        let letter = Letter { main: self.message, copies: Vec::new() };
        let (decided_at, sending) = (self.decided_at, self.sending);
        Parcel { tag, letter, decided_at, is_dead: false, sending }
    }

    /// It has waited long enough, or its fate is known.
    pub(super) fn count(&mut self, receipt: Receipt) {
        self.sending.tell(parcel::fault(receipt));
        match self.tag {
            Some(_) => parcel::count_result(receipt, self.decided_at),
            None => parcel::count_copies([receipt]),
        }
    }
}

/// The publisher's side of them.
pub struct Laggards {
    to: mpsc::UnboundedSender<Vec<Laggard>>,
    back: mpsc::UnboundedReceiver<Vec<Laggard>>,
    keeping: JoinHandle<Result<()>>,
}

impl Laggards {
    /// Begins to keep them; ends when this is dropped. What is not settled then is delivered again.
    pub fn begin(
        line: Alone,
        settler: Settler,
        silent: Arc<SilentRoutes>,
        held_max: usize,
    ) -> Self {
        // Neither needs a bound: no more can be on the way than the broker has sent ahead. (Nothing holds
        // back copies, but they only wait for the end of a trial, which comes when others are heard.)
        let (to, fresh) = mpsc::unbounded_channel();
        let (home, back) = mpsc::unbounded_channel();
        let keeper = Keeper::new(line, settler, silent, home, held_max);
        Self { to, back, keeping: tokio::spawn(keeper.keep(fresh)) }
    }

    /// Takes messages to routes that are suspected.
    pub fn take(&self, laggards: Vec<Laggard>) {
        if !laggards.is_empty() && self.to.send(laggards).is_err() {
            tracing::debug!("the keeper of laggards has ended; its error ends the session");
        }
    }

    /// The next ones whose route speaks: they are to be published as usual.
    ///
    /// # Errors
    /// When the broker has failed.
    pub async fn back(&mut self) -> Result<Vec<Laggard>> {
        if let Some(back) = self.back.recv().await {
            return Ok(back);
        }
        match (&mut self.keeping).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => Err(BrokerError::TimedOut("laggards")),
            Err(_panic) => Err(BrokerError::Panicked("the keeper of laggards")),
        }
    }
}
