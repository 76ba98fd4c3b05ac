//! All SQL: one function a statement, checked against the schema at compile time.
//!
//! A batch runs in one transaction (read committed): [`lock`] takes the locks of goods, in a statement of
//! their own and in one fixed order; [`load`] reads in *later* statements what they protect; [`persist`]
//! writes. A statement that both locked goods and read would see the goods as they are now but the
//! ledger as it was before it waited for the lock, and would miss the result of a duplicate.
//!
//! No transaction is ever begun in a future that can be dropped half-way (a timeout, a `select!`,
//! an HTTP handler): the driver would hand the connection on with that transaction still open. The
//! one exception closes its connection: [`crate::worker::batch::attempt`].

pub mod attempts;
pub mod audit;
pub mod audit_log;
pub mod branches;
pub mod clients;
pub(crate) mod connect;
pub mod dead;
pub mod error;
pub mod health;
pub mod imports;
pub mod ledger;
pub mod limit;
pub mod load;
pub mod lock;
pub mod lock_keys;
pub mod persist;
pub mod pools;
pub mod spelling;
pub mod watched;

pub use error::{Fault, Result, StoreError};
pub use limit::StatementLimit;

use crate::gauges::{Gauges, pooled};
use secrecy::SecretString;
use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use std::future::ready;
use std::time::Duration;

pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Longest wait for a connection; the pools are large enough that only an outage makes one wait.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Idle for so short a time, a worker's session is taken without asking whether it still answers: it did
/// when it came back, and a batch that meets its end is done again.
const FRESH: Duration = Duration::from_secs(1);

/// Who opens the pool: what their sessions may do, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Short transactions with locks on hot rows.
    Worker(StatementLimit),
    /// Single reads, and writes of one row.
    Ingress(StatementLimit),
    /// Commands of an operator, which may take as long as they need.
    Admin,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Worker(_) => "worker",
            Role::Ingress(_) => "ingress",
            Role::Admin => "admin",
        }
    }

    fn settings(self) -> Vec<(&'static str, String)> {
        match self {
            Role::Worker(limit) => [
                limits(limit, limit.lock()).as_slice(),
                // They keep a batch on its indexes: given 500 keys, the planner would hash a whole
                // table of 100,000 balances.
                &[("plan_cache_mode", "force_generic_plan".to_owned())],
                &["enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit"].map(off),
            ]
            .concat(),
            Role::Ingress(limit) => limits(limit, limit.statement()).into(),
            Role::Admin => vec![off("jit")],
        }
    }
}

/// A frozen worker must not hold a hot row for long.
fn limits(limit: StatementLimit, lock: String) -> [(&'static str, String); 3] {
    [
        ("statement_timeout", limit.statement()),
        ("lock_timeout", lock),
        ("idle_in_transaction_session_timeout", limit.statement()),
    ]
}

fn off(name: &'static str) -> (&'static str, String) {
    (name, "off".to_owned())
}

/// A pool that connects when first used, so that a process starts while the database is away.
///
/// # Errors
/// When the URL can't be read.
pub fn pool(url: &SecretString, role: Role, connections_max: u32) -> Result<PgPool> {
    let options = connect::options(url)?
        .application_name(&format!("redeemq {}", role.name()))
        .options(role.settings());
    Ok(PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(move |db, session| match role {
            Role::Worker(_) if session.idle_for < FRESH => Box::pin(ready(Ok(true))),
            _ => Box::pin(async { db.ping().await.map(|()| true) }),
        })
        .after_release(|db, _| Box::pin(answers(db)))
        .connect_lazy_with(options))
}

/// Measures the use of a pool at each scrape.
pub fn measure(gauges: &Gauges, name: &'static str, pool: PgPool) {
    gauges.add(move || {
        let (open, idle) = (f64::from(pool.size()), pool.num_idle() as f64);
        pooled(name, (open - idle).max(0.0), idle, f64::from(pool.options().get_max_connections()));
    });
}

/// Whether a session that comes back still answers. The pool asks as well, but would wait for ever and
/// not lend the place to anyone else: a few lost connections would use up the pool.
async fn answers(db: &mut PgConnection) -> sqlx::Result<bool> {
    let silent = || sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(ACQUIRE_TIMEOUT, db.ping()).await.map_err(|_| silent())?.map(|()| true)
}

/// Brings the schema to the version that this binary was built with.
///
/// # Errors
/// When the database is away, or holds migrations that this binary does not know.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    MIGRATIONS.run(pool).await.map_err(|error| match error {
        MigrateError::Execute(error) => error.into(),
        error => error.into(),
    })
}
