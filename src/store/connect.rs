//! How the database is reached.
//!
//! Postgres' own default, `sslmode=prefer`, hands user and password to whoever answers and says that it has no TLS.
//! So a server over the network has to prove who it is, unless `sslmode` is chosen, in the URL or as `PGSSLMODE`.

use super::{Result, StoreError};
use crate::secrets;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::error::Error as _;
use std::net::IpAddr;
use url::Url;

/// The way to the server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// A Unix socket, or a loopback address: nobody stands between.
    Local,
    Network(PgSslMode),
}

/// # Errors
/// When the URL can't be read.
pub(super) fn options(url: &SecretString) -> Result<PgConnectOptions> {
    let chosen = std::env::var("PGSSLMODE").ok();
    options_with(url, chosen.as_deref())
}

/// # Errors
/// When the URL can't be read.
pub(crate) fn way(url: &SecretString) -> Result<Way> {
    options(url).map(|options| way_of(&options))
}

fn options_with(url: &SecretString, chosen: Option<&str>) -> Result<PgConnectOptions> {
    let options = url.expose_secret().parse();
    let options: PgConnectOptions = options.map_err(|error: sqlx::Error| {
        let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        StoreError::Url(secrets::unless_quoting(&words, url).to_owned())
    })?;
    // What can't be read is no choice.
    let is_chosen = names_mode(url) || chosen.is_some_and(|mode| mode.parse::<PgSslMode>().is_ok());
    Ok(match way_of(&options) {
        Way::Network(_) if !is_chosen => options.ssl_mode(PgSslMode::VerifyFull),
        Way::Network(_) | Way::Local => options,
    })
}

/// By the names that the driver takes.
fn names_mode(url: &SecretString) -> bool {
    Url::parse(url.expose_secret()).is_ok_and(|url| {
        url.query_pairs().any(|(name, _)| ["sslmode", "ssl-mode"].contains(&&*name))
    })
}

fn way_of(options: &PgConnectOptions) -> Way {
    let host = options.get_host();
    match options.get_socket().is_some() || host.starts_with('/') || is_loopback(host) {
        true => Way::Local,
        false => Way::Network(options.get_ssl_mode()),
    }
}

/// Only what is sure to stay on this machine: any other name leads where a resolver says.
fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address: Option<IpAddr> = bare.parse().ok();
    address.map_or(bare.eq_ignore_ascii_case("localhost"), |ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The way, as a word.
    fn way(url: &str, chosen: Option<&str>) -> String {
        match options_with(&url.to_owned().into(), chosen).map(|options| way_of(&options)) {
            Ok(Way::Local) => "local".to_owned(),
            Ok(Way::Network(mode)) => format!("{mode:?}"),
            Err(error) => format!("{error}"),
        }
    }

    #[test]
    fn a_server_over_the_network_proves_who_it_is_unless_a_mode_is_chosen() {
        for (url, expected) in [
            // Hosts that are this machine.
            ("postgres://u:p@localhost/d", "local"),
            ("postgres://u:p@LocalHost:5433/d", "local"),
            ("postgres://127.0.0.1/d", "local"),
            ("postgres://127.9.8.7/d", "local"),
            ("postgres://[::1]:5432/d", "local"),
            ("postgres://[::ffff:127.0.0.1]/d", "local"),
            ("postgres://%2Fvar%2Frun%2Fpostgresql/d", "local"),
            ("postgres:///d?host=/var/run/postgresql", "local"),
            ("postgres://h/d?host=%2Frun", "local"),
            ("postgres://h/d?hostaddr=127.0.0.1", "local"),
            // Hosts that need not be.
            ("postgres://u:p@db/d", "VerifyFull"),
            ("postgresql://u:p@db.example:5433/d", "VerifyFull"),
            ("postgres://10.0.0.1/d", "VerifyFull"),
            ("postgres://0.0.0.0/d", "VerifyFull"),
            ("postgres://127.1/d", "VerifyFull"),
            ("postgres://2130706433/d", "VerifyFull"),
            ("postgres://[2001:db8::1]/d", "VerifyFull"),
            ("postgres://[::ffff:10.0.0.1]/d", "VerifyFull"),
            ("postgres://localhost.example/d", "VerifyFull"),
            ("postgres://localhost./d", "VerifyFull"),
            ("postgres://%6Cocalhost/d", "VerifyFull"),
            ("postgres://localhost/d?host=db", "VerifyFull"),
            ("postgres://localhost/d?hostaddr=10.0.0.1", "VerifyFull"),
            ("postgres:///d?host=localhost&host=db", "VerifyFull"),
            ("postgres:///d?host=localhost,db", "VerifyFull"),
            ("postgres://localhost,db/d", "VerifyFull"),
            // A user, a password or a database that looks like a choice.
            ("postgres://sslmode=disable:sslmode=disable@db/sslmode=disable", "VerifyFull"),
            ("postgres://db/d?application_name=sslmode%3Ddisable", "VerifyFull"),
            ("postgres://db/d?sslrootcert=/root.crt", "VerifyFull"),
            ("postgres://db/d?SSLMODE=disable", "VerifyFull"),
            // Chosen modes.
            ("postgres://db/d?sslmode=disable", "Disable"),
            ("postgres://db/d?sslmode=allow", "Allow"),
            ("postgres://db/d?sslmode=prefer", "Prefer"),
            ("postgres://db/d?ssl-mode=Require", "Require"),
            ("postgres://db/d?ssl%6Dode=verify-ca", "VerifyCa"),
            ("postgres://db/d?sslmode=verify-full", "VerifyFull"),
            ("postgres://db/d?sslmode=disable&sslmode=require", "Require"),
            ("postgres://127.0.0.1/d?sslmode=require", "local"),
        ] {
            assert_eq!(way(url, None), expected, "{url}");
        }
    }

    #[test]
    fn the_environment_may_choose_and_the_url_goes_before_it() {
        for (url, chosen, expected) in [
            ("postgres://db/d", "", "VerifyFull"),
            ("postgres://db/d", "none", "VerifyFull"),
            ("postgres://db/d?sslmode=require", "disable", "Require"),
            ("postgres://localhost/d", "disable", "local"),
        ] {
            assert_eq!(way(url, Some(chosen)), expected, "{url} {chosen}");
        }
        // It is the driver that reads the mode itself: `tests/it/tls.rs`.
        assert_ne!(way("postgres://db/d", Some("disable")), "VerifyFull");
    }

    #[test]
    fn a_mode_that_there_is_none_of_is_refused() {
        let said = way("postgres://u:s3cr3t@db/d?sslmode=verify", None);
        assert!(said.contains("DATABASE_URL is invalid") && !said.contains("s3cr3t"), "{said}");
    }
}
