//! A message on its way out, and what the broker says of it.

use crate::broker::error::BrokerError;
use crate::broker::short_string::short_string;
use crate::broker::topology::DIRECT_REPLY_PREFIX;
use lapin::BasicProperties;
use lapin::ErrorKind;
use lapin::types::ShortString;
use std::borrow::Borrow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The broker's reply code for what breaks one of its rules.
const PRECONDITION_FAILED: u16 = 406;

/// One message to be published.
#[derive(derive_more::Debug, Clone)]
pub struct Outgoing {
    /// Exchange; empty for the default one, which routes by queue name.
    pub exchange: &'static str,
    /// Routing key.
    pub routing_key: ShortString,
    /// Whether it shall come back when no queue wants it.
    pub mandatory: bool,
    /// Properties; `message_id` must be set, for returned messages are told apart by it.
    pub properties: BasicProperties,
    /// Body.
    #[debug("***")]
    pub body: Arc<[u8]>,
}

/// The messages that one delivery leaves behind.
#[derive(Debug)]
pub struct OutboundMessages {
    /// The result or the dead letter.
    pub main: Outgoing,
    /// Copies for callers who asked for one, and notices: one try each.
    pub copies: Vec<Outgoing>,
}

/// What the broker said of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmStatus {
    /// It is safe in every queue that wanted it.
    Confirmed,
    /// No queue wanted it.
    Returned,
    /// A queue that wanted it is full.
    Refused,
    /// The broker takes no message of this size: it was not even sent.
    TooLarge,
    /// The broker answers, but says nothing of this one.
    Unconfirmed,
}

/// Where a message goes: exchange and routing key.
pub type Route = (&'static str, ShortString);

/// By which a returned message is told apart: message id, exchange, routing key.
pub(in crate::broker) type Destination = (ShortString, ShortString, ShortString);

/// The largest body that the broker takes, which it does not tell: it ends the channel of a publisher that
/// exceeds it. So the first such end teaches it to all publishers that share this.
#[derive(Clone)]
pub struct MaxMessageSize(Arc<AtomicUsize>);

impl Default for MaxMessageSize {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }
}

impl MaxMessageSize {
    pub(in crate::broker) fn allows(&self, message: &Outgoing) -> bool {
        message.body.len() <= self.0.load(Ordering::Relaxed)
    }

    /// If one of the window was too large, the largest was.
    pub(in crate::broker) fn learn(&self, window: &[impl Borrow<Outgoing>], error: &BrokerError) {
        let BrokerError::Broker(error) = error else { return };
        let ErrorKind::ProtocolError(told) = error.kind() else { return };
        let is_of_size = told.get_id() == PRECONDITION_FAILED
            && told.get_message().as_str().contains("message size");
        let largest = window.iter().map(|message| message.borrow().body.len()).max();
        if let Some(largest) = largest.filter(|_| is_of_size) {
            self.0.fetch_min(largest.saturating_sub(1), Ordering::Relaxed);
            tracing::error!(bytes = largest, %error, "the broker takes no message of this size: raise its max_message_size");
        }
    }
}

impl Outgoing {
    /// Whether it goes to the broker's direct reply-to: see [`crate::broker::publish::direct_replies`].
    pub fn is_direct_reply(&self) -> bool {
        self.exchange.is_empty() && self.routing_key.as_str().starts_with(DIRECT_REPLY_PREFIX)
    }

    /// Where it goes.
    pub fn route(&self) -> Route {
        (self.exchange, self.routing_key.clone())
    }

    pub(in crate::broker) fn destination(&self) -> Destination {
        let id = self.properties.message_id().clone().unwrap_or_default();
        (id, short_string(self.exchange), self.routing_key.clone())
    }
}
