//! How an ingress answers its callers.

use crate::domain::answer_mode::AnswerMode;
use crate::ingress::cors::CorsOrigins;
use crate::setting::{self, setting};
use clap::Args;
use clap::builder::TypedValueParser;
use std::time::Duration;

const HEADING: &str = "Answers";
/// Below the 10 s after which the original PHP client gives up.
const SYNC_SECONDS: u8 = 8;
/// As long as `Prefer: wait` may ask for.
const SYNC_SECONDS_MAX: u8 = 30;

#[derive(Debug, Clone, Args)]
pub struct AnswerOptions {
    /// How requests of unknown clients are answered: async (202, then the status route) or sync (the
    /// decision, always with status 200). Each client has a mode: `redeemq client create --answers`
    #[arg(long, env = "REDEEMQ_ANSWERS", value_name = "MODE", default_value_t, help_heading = HEADING,
          value_parser = mode())]
    pub answers: AnswerMode,
    /// Seconds that a synchronous client waits for a decision before it gets 3005 (not decided yet)
    #[arg(long, env = "REDEEMQ_SYNC_SECONDS", value_name = "SECONDS", default_value_t = SYNC_SECONDS,
          help_heading = HEADING, value_parser = setting::whole(1..=SYNC_SECONDS_MAX))]
    sync_seconds: u8,
    /// Origins whose web pages may call, comma-separated, or * for all; off if not given
    #[arg(long, env = "REDEEMQ_CORS_ORIGINS", value_name = "ORIGINS", help_heading = HEADING,
          value_parser = origins())]
    pub cors_origins: Option<CorsOrigins>,
}

fn mode() -> impl TypedValueParser<Value = AnswerMode> {
    setting("async or sync", |text| text.parse().ok())
}

fn origins() -> impl TypedValueParser<Value = CorsOrigins> {
    setting("scheme, host and port of each origin, as in https://shop.example, or *", |text| {
        text.parse().ok()
    })
}

impl AnswerOptions {
    /// How long a synchronous client waits.
    pub fn sync_wait(&self) -> Duration {
        Duration::from_secs(self.sync_seconds.into())
    }
}
