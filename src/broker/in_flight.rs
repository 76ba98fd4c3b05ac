//! A window on its way: what is sent and not confirmed, and what came back.
//!
//! The client library attaches a returned message to the *next* confirm of the channel, whichever that
//! is. So no verdict is read from the position: returns are collected over the whole window, and matched
//! by message id and destination.

use super::message::{Destination, Outgoing, Receipt};
use super::{BrokerError, Result};
use futures_util::FutureExt as _;
use lapin::{Confirmation, ErrorKind, PublisherConfirm};
use std::collections::{HashSet, VecDeque};

/// The confirms of one window.
pub(super) struct InFlight {
    /// What is known of each message.
    receipts: Vec<Receipt>,
    waiting: VecDeque<(usize, PublisherConfirm)>,
    returned: HashSet<Destination>,
}

impl InFlight {
    /// Of so many messages, none of which is sent yet.
    pub(super) fn new(messages: usize) -> Self {
        let receipts = vec![Receipt::Unconfirmed; messages];
        Self { receipts, waiting: VecDeque::with_capacity(messages), returned: HashSet::new() }
    }

    pub(super) fn is_too_large(&mut self, place: usize) {
        self.receipts[place] = Receipt::TooLarge;
    }

    pub(super) fn sent(&mut self, place: usize, confirm: PublisherConfirm) {
        self.waiting.push_back((place, confirm));
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Waits for the confirm of the oldest. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<()> {
        if let Some((place, confirm)) = self.waiting.front_mut() {
            let (place, confirmation) = (*place, confirm.await?);
            self.waiting.pop_front();
            self.note(place, confirmation);
        }
        Ok(())
    }

    /// Takes what has been confirmed out of turn, and waits for no more.
    pub(super) fn look(&mut self) {
        for (place, confirm) in std::mem::take(&mut self.waiting) {
            if let Some(Ok(confirmation)) = confirm.now_or_never() {
                self.note(place, confirmation);
            }
        }
    }

    /// What the broker closed the channel for, if it did. Whatever is sent from then on fails of a closed
    /// channel only, and at once; those that wait are told the cause, but only when the library has
    /// agreed to the end.
    pub(super) async fn cause(&mut self) -> Option<BrokerError> {
        for (place, confirm) in std::mem::take(&mut self.waiting) {
            match confirm.await {
                Ok(confirmation) => self.note(place, confirmation),
                Err(error) if matches!(error.kind(), ErrorKind::ProtocolError(_)) => {
                    return Some(error.into());
                }
                Err(_) => {}
            }
        }
        None
    }

    fn note(&mut self, place: usize, confirmation: Confirmation) {
        let is_ack = confirmation.is_ack();
        self.receipts[place] = if is_ack { Receipt::Confirmed } else { Receipt::Refused };
        if let Some(message) = confirmation.take_message() {
            let delivery = message.delivery;
            let id = delivery.properties.message_id().clone().unwrap_or_default();
            self.returned.insert((id, delivery.exchange, delivery.routing_key));
        }
    }

    /// What became of this window.
    pub(super) fn receipts(self, window: &[Outgoing]) -> Vec<Receipt> {
        let receipt = |(message, receipt): (&Outgoing, Receipt)| match receipt {
            Receipt::Confirmed if self.returned.contains(&message.destination()) => {
                Receipt::Returned
            }
            receipt => receipt,
        };
        window.iter().zip(self.receipts).map(receipt).collect()
    }
}
