//! The broker's URL.

use crate::broker::error::{BrokerError, Result};
use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What the URL says unless it says something else.
const DEFAULTS: [(&str, u32); 2] = [
    // Seconds. Shorter ones give false alarms under load, longer ones leave a dead peer unnoticed.
    ("heartbeat", 15),
    // Bytes: what brokers propose. When the client library knows it beforehand, it allocates its buffers
    // (64 frames a connection) at once and touches them as they are used. When it learns it from the
    // broker, it grows them and writes zeros over all 8 MiB.
    ("frame_max", 128 * 1024),
];

/// Escaped.
const DEFAULT_VHOST: &str = "/%2f";

/// The URL with what it leaves out. One that ends in `/` names the default vhost, as without the slash: so
/// have it most clients and those who type it. The specification of these URLs has it name a vhost with an
/// empty name, which nobody has.
pub(super) fn with_defaults(url: &str) -> String {
    let url = &match Url::parse(url) {
        Ok(mut url) if url.path() == "/" => {
            url.set_path(DEFAULT_VHOST);
            String::from(url)
        }
        _ => url.to_owned(),
    };
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let missing = DEFAULTS.iter().filter(|(name, _)| !query.contains(&format!("{name}=")));
    missing.fold(url.clone(), |url, (name, value)| {
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

/// The vhost that it names.
///
/// # Errors
/// When the URL can't be read.
pub fn vhost(url: &SecretString) -> Result<String> {
    Ok(read(url)?.vhost)
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
            ("amqp://u:p%40@h/", "amqp://u:p%40@h/%2f?heartbeat=15&frame_max=131072"),
        ];
        for (url, read) in cases {
            assert_eq!(with_defaults(url), read);
        }
    }

    #[test]
    fn a_url_names_the_vhost_that_most_clients_take_it_for() {
        for (url, expected) in [
            ("amqp://h", "/"),
            ("amqp://h:5672", "/"),
            ("amqp://u:p@h:5672/", "/"),
            ("amqps://u:p@h:5671/", "/"),
            ("amqp://h/?heartbeat=5", "/"),
            ("amqp://h?heartbeat=5", "/"),
            ("amqp://h/%2f", "/"),
            ("amqp://h/%2F?heartbeat=5", "/"),
            // As Celery has it.
            ("amqp://h//", "/"),
            ("amqp://h/v", "v"),
            ("amqp://h/v%2fw", "v/w"),
            ("amqp://h/%2fv", "/v"),
        ] {
            assert_eq!(vhost(&SecretString::from(url)).expect(url), expected, "{url}");
        }
    }
}
