//! The operator: who changes something, and the log of it.

use crate::store::audit_log::{self, Change};
use sqlx::{PgConnection, PgPool};
use std::os::unix::fs::MetadataExt as _;

/// Whoever runs a command that may change something.
#[derive(Debug)]
pub struct Operator {
    pub(super) store: PgPool,
    name: String,
}

impl Operator {
    /// With a name; without one, that of the user whose process this is.
    pub fn new(store: PgPool, name: Option<String>) -> Self {
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(of_the_process);
        Self { store, name }
    }

    /// Logs a change, in the transaction that makes it. What changes nothing is not logged.
    pub(super) async fn log(
        &self,
        db: &mut PgConnection,
        change: Change<'_>,
    ) -> anyhow::Result<()> {
        let is_none = change.before.is_some() && change.before == change.after;
        if !is_none {
            audit_log::insert(db, &self.name, &change).await?;
        }
        Ok(())
    }
}

fn of_the_process() -> String {
    let named = |variable| std::env::var(variable).ok().filter(|name| !name.trim().is_empty());
    let numbered = || match std::fs::metadata("/proc/self") {
        Ok(process) => format!("uid {}", process.uid()),
        Err(_) => "unknown".to_owned(),
    };
    named("USER").or_else(|| named("LOGNAME")).unwrap_or_else(numbered)
}
