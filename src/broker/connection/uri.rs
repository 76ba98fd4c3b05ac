//! The broker's URL.

use crate::broker::error::{BrokerError, Result};
use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};

/// What the URL says unless it says something else.
const DEFAULTS: [(&str, u32); 2] = [
    // Seconds. Shorter ones give false alarms under load, longer ones leave a dead peer unnoticed.
    ("heartbeat", 15),
    // Bytes: what brokers propose. When the client library knows it beforehand, it allocates its buffers
    // (64 frames a connection) at once and touches them as they are used. When it learns it from the
    // broker, it grows them and writes zeros over all 8 MiB.
    ("frame_max", 128 * 1024),
];

pub(super) fn with_defaults(url: &str) -> String {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let missing = DEFAULTS.iter().filter(|(name, _)| !query.contains(&format!("{name}=")));
    missing.fold(url.to_owned(), |url, (name, value)| {
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}{name}={value}")
    })
}

/// Reads it. The library's own error would quote the URL, password and all.
pub(super) fn read(url: &SecretString) -> Result<AMQPUri> {
    with_defaults(url.expose_secret()).parse().map_err(|words: String| {
        BrokerError::Url(crate::secrets::unless_quoting(&words, url).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeat_and_frame_max_are_added_but_never_replaced() {
        let cases = [
            ("amqp://h/%2f", "amqp://h/%2f?heartbeat=15&frame_max=131072"),
            ("amqp://h/v?frame_max=9", "amqp://h/v?frame_max=9&heartbeat=15"),
            ("amqp://h/v?heartbeat=3", "amqp://h/v?heartbeat=3&frame_max=131072"),
            ("amqp://h/v?frame_max=0&heartbeat=3", "amqp://h/v?frame_max=0&heartbeat=3"),
        ];
        for (url, read) in cases {
            assert_eq!(with_defaults(url), read);
        }
    }
}
