//! A window on its way: what is sent and not confirmed, and what came back.
//!
//! The client library attaches a returned message to the *next* confirm of the channel, whichever that
//! is. So no status is read from the position: returns are collected over the whole window, and matched
//! by message id and destination.

use crate::broker::error::{BrokerError, Result};
use crate::broker::publish::message::{ConfirmStatus, Destination, Outgoing};
use futures_util::FutureExt as _;
use lapin::{Confirmation, PublisherConfirm};
use std::borrow::Borrow;
use std::collections::{HashSet, VecDeque};
use std::pin::Pin;

/// A message that the library has, and is writing to its socket.
type Sending<'w> = Pin<Box<dyn Future<Output = Result<PublisherConfirm>> + Send + 'w>>;

/// The messages of one window that are on their way.
pub(in crate::broker) struct InFlight<'w> {
    /// What is known of each message.
    statuses: Vec<ConfirmStatus>,
    /// Those that are not written yet stand behind those that are.
    waiting: VecDeque<(usize, Step<'w>)>,
    written: usize,
    returned: HashSet<Destination>,
}

enum Step<'w> {
    Sending(Sending<'w>),
    Sent(PublisherConfirm),
}

impl<'w> InFlight<'w> {
    /// Of so many messages, none of which is sent yet.
    pub(in crate::broker) fn new(messages: usize) -> Self {
        let statuses = vec![ConfirmStatus::Unconfirmed; messages];
        let waiting = VecDeque::with_capacity(messages);
        Self { statuses, waiting, written: 0, returned: HashSet::new() }
    }

    pub(in crate::broker) fn is_too_large(&mut self, position: usize) {
        self.statuses[position] = ConfirmStatus::TooLarge;
    }

    /// Hands a message to the library, and does not wait until that has written it: its thread would
    /// have to wake, and wake us again, for each. It takes the message when it is first asked.
    pub(in crate::broker) fn send(
        &mut self,
        position: usize,
        sending: impl Future<Output = Result<PublisherConfirm>> + Send + 'w,
    ) -> Result<()> {
        let mut sending: Sending<'w> = Box::pin(sending);
        let step = match (&mut sending).now_or_never() {
            Some(sent) => Step::Sent(sent?),
            None => Step::Sending(sending),
        };
        self.waiting.push_back((position, step));
        Ok(())
    }

    pub(in crate::broker) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Waits until all are written. Dropping the future loses nothing.
    pub(in crate::broker) async fn flush(&mut self) -> Result<()> {
        while let Some((_, step)) = self.waiting.get_mut(self.written) {
            if let Step::Sending(sending) = step {
                match sending.await {
                    Ok(confirm) => *step = Step::Sent(confirm),
                    Err(error) => {
                        // It has told all that it will, and may not be asked again.
                        self.waiting.remove(self.written);
                        return Err(error);
                    }
                }
            }
            self.written += 1;
        }
        Ok(())
    }

    /// Waits for the confirm of the oldest. Dropping the future loses nothing.
    pub(in crate::broker) async fn next(&mut self) -> Result<()> {
        if self.written == 0 {
            self.flush().await?;
        }
        if let Some((position, Step::Sent(confirm))) = self.waiting.front_mut() {
            let (position, confirmation) = (*position, confirm.await?);
            self.waiting.pop_front();
            self.written -= 1;
            self.record(position, confirmation);
        }
        Ok(())
    }

    /// Takes what has been confirmed out of turn, and waits for no more.
    pub(in crate::broker) fn take_arrived(&mut self) {
        for (position, step) in std::mem::take(&mut self.waiting) {
            if let Some(Ok(confirmation)) = step.confirmed().now_or_never() {
                self.record(position, confirmation);
            }
        }
    }

    /// What the broker closed the channel for, if it did. Whatever is sent from then on fails of a closed
    /// channel only, and at once; those that wait are told the cause, but only when the library has
    /// agreed to the end.
    pub(in crate::broker) async fn cause(&mut self) -> Option<BrokerError> {
        for (position, step) in std::mem::take(&mut self.waiting) {
            match step.confirmed().await {
                Ok(confirmation) => self.record(position, confirmation),
                Err(error) if error.is_of_protocol() => return Some(error),
                Err(_) => {}
            }
        }
        None
    }

    fn record(&mut self, position: usize, confirmation: Confirmation) {
        let is_ack = confirmation.is_ack();
        self.statuses[position] =
            if is_ack { ConfirmStatus::Confirmed } else { ConfirmStatus::Refused };
        if let Some(message) = confirmation.take_message() {
            let delivery = message.delivery;
            let id = delivery.properties.message_id().clone().unwrap_or_default();
            self.returned.insert((id, delivery.exchange, delivery.routing_key));
        }
    }

    /// What became of this window.
    pub(in crate::broker) fn statuses(
        self,
        window: &[impl Borrow<Outgoing>],
    ) -> Vec<ConfirmStatus> {
        let is_returned = |message: &Outgoing| {
            !self.returned.is_empty() && self.returned.contains(&message.destination())
        };
        let status = |(message, status)| match status {
            ConfirmStatus::Confirmed if is_returned(Borrow::borrow(message)) => {
                ConfirmStatus::Returned
            }
            status => status,
        };
        window.iter().zip(self.statuses).map(status).collect()
    }
}

impl Step<'_> {
    async fn confirmed(self) -> Result<Confirmation> {
        let confirm = match self {
            Step::Sending(sending) => sending.await?,
            Step::Sent(confirm) => confirm,
        };
        Ok(confirm.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message that the library has taken, and finds it can't write.
    async fn unwritten() -> Result<PublisherConfirm> {
        tokio::task::yield_now().await;
        Err(BrokerError::TimedOut("basic.publish"))
    }

    #[tokio::test]
    async fn a_message_that_could_not_be_written_is_not_asked_for_its_cause_again() {
        let mut in_flight = InFlight::new(2);
        for position in 0..2 {
            in_flight.send(position, unwritten()).expect("taken");
        }
        assert!(in_flight.flush().await.is_err());
        assert!(in_flight.cause().await.is_none());
    }
}
