//! What a worker makes sure of before it takes its first job: nothing fatal stands against it.

use super::finding::{Examination, Finding, Server, Severity};
use super::options::Settings;
use super::{broker, database};
use crate::broker::BrokerError;
use crate::retry::Pauses;
use crate::store::StoreError;
use anyhow::bail;

/// Waits for each server, examines it once, and returns when both will do.
///
/// An outage is no finding, and neither is a schema that is not migrated yet: both are waited for.
///
/// # Errors
/// Whatever is fatal, with what to do about it.
pub async fn examine(settings: &Settings) -> anyhow::Result<()> {
    metrics::gauge!("redeemq_lanes_consuming", "lane" => "common").set(0.0);
    let broker = until_fit(Server::Broker, async move || {
        match Box::pin(broker::examine_for_start(settings)).await {
            Err(error @ BrokerError::Url(_)) => Err(error.into()),
            examined => Ok(examined.map_err(|error| error.to_string())),
        }
    });
    let database = until_fit(Server::Database, async move || {
        match database::examine_for_start(settings).await {
            Err(error @ StoreError::Url(_)) => Err(error.into()),
            examined => Ok(examined.map_err(|error| error.to_string())),
        }
    });
    tokio::try_join!(broker, database)?;
    Ok(())
}

type Examined = anyhow::Result<Result<Examination, String>>;

async fn until_fit<E: Future<Output = Examined>>(
    server: Server,
    examine: impl Fn() -> E,
) -> anyhow::Result<()> {
    let mut pauses = Pauses::new();
    let mut told = String::new();
    loop {
        let waits_for = match examine().await? {
            Err(error) => error,
            Ok(examined) => {
                for unchecked in examined.unchecked.iter().filter(|unchecked| unchecked.failed) {
                    tracing::warn!(%server, what = unchecked.what, why = unchecked.why, "not checked");
                }
                let fatal = |f: &&Finding| f.severity == Severity::Fatal;
                let all: Vec<&Finding> = examined.findings.iter().filter(fatal).collect();
                let text = all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                if all.is_empty() {
                    return Ok(());
                }
                if !all.iter().all(|finding| finding.is_passing) {
                    bail!("the worker refused to start, and touched no job: {text}");
                }
                text
            }
        };
        if waits_for != told {
            tracing::warn!(%server, "the worker waits before it consumes jobs: {waits_for}");
            told = waits_for;
        }
        tokio::time::sleep(pauses.draw()).await;
    }
}
