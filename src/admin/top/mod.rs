//! `redeemq top`: what happens now, on a terminal or as one snapshot.
//!
//! It asks the processes for their metrics and the broker for its queues, and needs no database.
//! `page` and `fetch` read what processes tell, `sampler` looks at all of them at a time, as a
//! `sample`. From two of these `view` derives what is shown, each part in a file of its own;
//! `sections` makes tables of it, `layout` and `draw` put them on a screen, `text` on paper.

mod draw;
mod fetch;
mod health;
mod lanes;
mod latency;
mod layout;
mod live;
mod page;
mod queues;
mod rates;
mod refusals;
mod sample;
mod sampler;
mod section;
mod sections;
mod text;
mod view;
mod watched;
mod words;

pub use fetch::Endpoint;

use super::output::{Output, line};
use crate::setting;
use anyhow::anyhow;
use clap::{Args, value_parser};
use sampler::Sampler;
use secrecy::SecretString;
use std::process::ExitCode;
use std::time::Duration;
use view::Seen;

/// What to look at, and how often.
#[derive(Debug, Clone, Args)]
pub struct TopCommand {
    /// Where processes serve their metrics, as HOST:PORT, separated by commas or given several times
    /// [default: REDEEMQ_METRICS_ADDR]
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', value_parser = Endpoint::parse)]
    pub metrics: Vec<Endpoint>,
    /// Seconds between two readings
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = value_parser!(u16).range(1..=3_600))]
    pub every: u16,
    /// Print one snapshot of two readings and exit, as without a terminal or with --json. The rate of
    /// watched goods needs --every 10 or more
    #[arg(long)]
    pub once: bool,
    /// No colours; any value of the variable has the same effect
    #[arg(long, env = "NO_COLOR", hide_env_values = true, num_args = 0..=1, default_missing_value = "1",
          value_parser = setting::text())]
    pub no_color: Option<String>,
}

/// The same with addresses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Processes, at least one.
    pub endpoints: Vec<Endpoint>,
    /// The broker, if it is to be asked.
    pub amqp_url: Option<SecretString>,
    /// Between two looks.
    pub every: Duration,
    /// A screen until the user quits; else one snapshot.
    pub live: bool,
    /// Whether there may be colours.
    pub colours: bool,
}

/// Shows it. Exits with 1 after a snapshot to which no process answered.
///
/// # Errors
/// When the terminal or the output can't be written.
pub async fn run(
    settings: Settings,
    stop: impl Future<Output = ()>,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let Settings { endpoints, amqp_url, every, live, colours } = settings;
    let mut sampler = Sampler::new(endpoints, amqp_url, every);
    if live {
        live::run(sampler, every, colours, stop).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut seen = Seen::default();
    seen.note(sampler.look().await);
    tokio::time::sleep(every).await;
    sampler.until_broker_told().await;
    seen.note(sampler.look().await);
    let view = seen.view().ok_or_else(|| anyhow!("nothing was read"))?;
    output.result(&view, |view| text::lines(view).iter().map(|text| line([text])).collect())?;
    Ok(if view.answering() > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
