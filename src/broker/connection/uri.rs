//! The broker's URL.

use crate::broker::error::{BrokerError, Result};
use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};

/// Unless the URL names one: shorter ones give false alarms under load, longer ones leave a dead peer
/// unnoticed.
const HEARTBEAT_SECONDS: u32 = 15;

pub(super) fn with_heartbeat(url: &str) -> String {
    match url.split_once('?') {
        Some((_, query)) if query.contains("heartbeat=") => url.to_owned(),
        Some(_) => format!("{url}&heartbeat={HEARTBEAT_SECONDS}"),
        None => format!("{url}?heartbeat={HEARTBEAT_SECONDS}"),
    }
}

/// Reads it. The library's own error would quote the URL, password and all.
pub(super) fn read(url: &SecretString) -> Result<AMQPUri> {
    with_heartbeat(url.expose_secret()).parse().map_err(|words: String| {
        BrokerError::Url(crate::secrets::unless_quoting(&words, url).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_added_but_never_replaced() {
        assert_eq!(with_heartbeat("amqp://h/%2f"), "amqp://h/%2f?heartbeat=15");
        assert_eq!(with_heartbeat("amqp://h/v?frame_max=9"), "amqp://h/v?frame_max=9&heartbeat=15");
        assert_eq!(with_heartbeat("amqp://h/v?heartbeat=3"), "amqp://h/v?heartbeat=3");
    }
}
