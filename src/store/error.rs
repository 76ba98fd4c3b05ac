//! What can go wrong with the database, sorted by what to do about it.

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What to do about a database that does not prove who it is.
pub(crate) const UNTRUSTED: &str = "over the network the database has to prove who it is: give it a certificate, and add sslrootcert=/path/of/root.crt to DATABASE_URL where your own authority signed it; or choose another sslmode there (docs/operations.md, Postgres over the network)";

/// An error of the database layer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The driver's or the server's word.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// It has no TLS, or could not prove who it is.
    #[error("database: {0}; {advice}", advice = UNTRUSTED)]
    Untrusted(#[source] sqlx::Error),
    #[error(
        "no database connection in time: the database is down, starting, or out of connections (check DATABASE_URL, max_connections, and the connection limits of role and database)"
    )]
    NoSession,
    #[error(
        "DATABASE_URL is invalid ({0}): it must be postgres://user:password@host:port/database, with other characters than letters and digits in the password percent-encoded (%40 for @)"
    )]
    Url(String),
    /// The schema could not be brought up to date.
    #[error("migrations: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Another worker stored a duplicate of one of our jobs between our read and our insert.
    #[error("another worker stored a duplicate of a job meanwhile")]
    Duplicate,
    /// Neither an answer nor an error.
    #[error("the database does not answer: its host or the network is down")]
    Silent,
    /// A row that our locks protect was not as we had read it.
    #[error(
        "{table}: {changed} rows changed instead of {expected}: rows were changed by hand or by other software"
    )]
    LostUpdate {
        table: &'static str,
        /// Rows that were to change.
        expected: usize,
        changed: u64,
    },
    /// A stored text that our own code could not have written.
    #[error(
        "{column} holds `{text}`, which cannot be parsed: it was changed by hand or by other software"
    )]
    Unreadable { column: &'static str, text: String },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => StoreError::NoSession,
            error if is_untrusted(&error) => StoreError::Untrusted(error),
            error => StoreError::Database(error),
        }
    }
}

/// What to do about an error of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Retry at once: another worker stored a duplicate.
    Retry,
    /// Retry after a pause: an outage, a deadlock.
    Transient,
    /// Timed out: another session holds a row that it needs, or it is too big. Its jobs must not wait for
    /// each other.
    Stalled,
    /// One job's data is to blame: find it.
    OfJob,
    /// Neither time nor another job mends it (missing column, read-only standby, full disk): pause
    /// and alarm.
    OfDeployment,
}

impl StoreError {
    pub fn fault(&self) -> Fault {
        match self {
            StoreError::Duplicate => Fault::Retry,
            StoreError::NoSession => Fault::Transient,
            StoreError::Silent => Fault::Stalled,
            StoreError::Database(error) | StoreError::Untrusted(error) => of_driver(error),
            StoreError::Url(_)
            | StoreError::Migration(_)
            | StoreError::LostUpdate { .. }
            | StoreError::Unreadable { .. } => Fault::OfDeployment,
        }
    }

    /// Whether the session must not be used again: it leads nowhere, or keeps what was wrong when it
    /// began (a read-only default, plans for a table that has changed) after that was mended.
    pub fn spoils_session(&self) -> bool {
        matches!(self, StoreError::Silent) || self.fault() == Fault::OfDeployment
    }

    /// The named constraint that refused, if one did.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            StoreError::Database(sqlx::Error::Database(error)) => error.constraint(),
            _ => None,
        }
    }
}

/// What a handshake says comes as the error of a broken connection.
pub(crate) fn is_untrusted(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(error) => error.to_string().contains("peer certificate"),
        _ => false,
    }
}

fn of_driver(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(error) => {
            error.code().map_or(Fault::Transient, |code| of_state(&code))
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Fault::Transient,
        sqlx::Error::Encode(_) => Fault::OfJob,
        _ => Fault::OfDeployment,
    }
}

/// By SQLSTATE, as listed in appendix A of the Postgres manual.
fn of_state(code: &str) -> Fault {
    match code {
        "P0001" => Fault::OfJob,
        // Lock timeout, statement timeout.
        "55P03" | "57014" => Fault::Stalled,
        // Too many connections, idle-in-transaction timeout.
        "53300" | "25P03" => Fault::Transient,
        _ => match code.get(..2) {
            // Data exceptions and integrity constraints.
            Some("22" | "23") => Fault::OfJob,
            // Connection, rollback (deadlock, serialization), operator intervention.
            Some("08" | "40" | "57") => Fault::Transient,
            _ => Fault::OfDeployment,
        },
    }
}

/// All the rows that were to change did.
pub(super) fn all_changed(table: &'static str, expected: usize, changed: u64) -> Result<()> {
    if changed == expected as u64 {
        Ok(())
    } else {
        Err(StoreError::LostUpdate { table, expected, changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_error_knows_what_to_do() {
        for (code, fault) in [
            ("22P05", Fault::OfJob),
            ("23514", Fault::OfJob),
            ("P0001", Fault::OfJob),
            ("40001", Fault::Transient),
            ("40P01", Fault::Transient),
            ("57P01", Fault::Transient),
            ("57014", Fault::Stalled),
            ("55P03", Fault::Stalled),
            ("53300", Fault::Transient),
            ("53100", Fault::OfDeployment),
            ("53200", Fault::OfDeployment),
            ("42501", Fault::OfDeployment),
            ("28P01", Fault::OfDeployment),
            ("3D000", Fault::OfDeployment),
            ("42P01", Fault::OfDeployment),
            ("42703", Fault::OfDeployment),
            ("25006", Fault::OfDeployment),
        ] {
            assert_eq!(of_state(code), fault, "{code}");
        }
    }
}
