//! `redeemq log`: what operators changed.

use super::output::{Output, line};
use super::owner::name;
use super::span::span;
use crate::store::audit_log;
use crate::wire::{self, instant};
use clap::Args;
use serde_json::Value;
use sqlx::PgPool;
use time::OffsetDateTime;

/// Which changes.
#[derive(Debug, Clone, Args)]
pub struct LogCommand {
    /// Only changes since then: a time as in 2026-01-31T10:00:00Z, or how long ago, as in 30m, 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<OffsetDateTime>,
    /// Only changes by this operator
    #[arg(long, value_name = "NAME", value_parser = name)]
    who: Option<String>,
    /// Most changes; of more, the latest
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub(super) async fn run(
    command: LogCommand,
    store: &PgPool,
    output: &mut Output,
) -> anyhow::Result<()> {
    let LogCommand { since, who, limit } = command;
    let entries = audit_log::list(store, since, who.as_deref(), i64::from(limit)).await?;
    output.result(&entries, |entries| {
        let mut lines = vec![line(["AT", "WHO", "WHAT", "SUBJECT", "BEFORE", "AFTER"])];
        lines.extend(entries.iter().map(|entry| {
            let at = wire::rfc3339(entry.at);
            let (before, after) = (shown(entry.before.as_ref()), shown(entry.after.as_ref()));
            line([&at, &entry.who, &entry.what, &entry.subject, &before, &after])
        }));
        lines
    })?;
    if entries.len() == limit as usize {
        output.remark(&format!(
            "These are the latest {limit}; there may be more: see --limit and --since."
        ));
    }
    Ok(())
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "-".to_owned(), Value::to_string)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is neither a time as in 2026-01-31T10:00:00Z nor a span such as 30m, 12h or 7d")]
struct BadSince;

fn since(text: &str) -> Result<OffsetDateTime, BadSince> {
    let text = text.trim();
    if let Some(at) = instant(text) {
        return Ok(at);
    }
    let span = span(text).map_err(|_| BadSince)?;
    wire::now().checked_sub(span.try_into().map_err(|_| BadSince)?).ok_or(BadSince)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_a_span() {
        assert_eq!(
            since(" 2026-01-31T10:00:00Z "),
            Ok(time::macros::datetime!(2026-01-31 10:00 UTC))
        );
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800)] {
            let ago = (wire::now() - since(text).expect("a span")).whole_seconds();
            assert!((seconds - 1..seconds + 5).contains(&ago), "{text}: {ago}");
        }
        for bad in [
            "",
            "d",
            "7",
            "7w",
            "-7d",
            "1.5h",
            "7 d",
            "yesterday",
            "2026-01-31",
            "4294967295d",
            "é",
        ] {
            assert_eq!(since(bad), Err(BadSince), "{bad:?}");
        }
    }
}
