//! Settings of answers over HTTP.

use crate::domain::answer_mode::AnswerMode;
use clap::{Args, value_parser};
use std::time::Duration;

/// Below the 10 s after which the original PHP client gives up.
const SYNC_SECONDS: u8 = 8;
/// As long as `Prefer: wait` may ask for.
const SYNC_SECONDS_MAX: i64 = 30;

/// Settings; each is a flag and an environment variable.
#[derive(Debug, Clone, Args)]
pub struct Answers {
    /// How requests are answered whose client is unknown: async (202, then the status route) or sync (the decision,
    /// always with status 200). Clients have modes of their own: `redeemq client create --answers`.
    #[arg(long, env = "REDEEMQ_ANSWERS", global = true, default_value_t)]
    pub answers: AnswerMode,
    /// Seconds that a synchronous client waits for a decision, before it is told that there is none yet (3005).
    #[arg(long, env = "REDEEMQ_SYNC_SECONDS", global = true, default_value_t = SYNC_SECONDS,
          value_parser = value_parser!(u8).range(1..=SYNC_SECONDS_MAX))]
    pub sync_seconds: u8,
}

impl Answers {
    /// How long a synchronous client waits.
    pub fn sync_wait(&self) -> Duration {
        Duration::from_secs(self.sync_seconds.into())
    }
}
