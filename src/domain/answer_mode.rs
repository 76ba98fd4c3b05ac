//! How a client site is answered over HTTP.

use std::fmt;
use std::str::FromStr;

/// When the answer to a redeem or verify is sent, and with which status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnswerMode {
    /// At once with 202; refusals have a status of their own.
    #[default]
    Async,
    /// With the decision, and always with status 200, as the original service did.
    Sync,
}

/// A text that names no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is async or sync")]
pub struct NoAnswerMode;

impl AnswerMode {
    /// As the column `client.answers` and the command line write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            AnswerMode::Async => "async",
            AnswerMode::Sync => "sync",
        }
    }
}

impl FromStr for AnswerMode {
    type Err = NoAnswerMode;

    fn from_str(text: &str) -> Result<Self, NoAnswerMode> {
        match text {
            "async" => Ok(AnswerMode::Async),
            "sync" => Ok(AnswerMode::Sync),
            _ => Err(NoAnswerMode),
        }
    }
}

impl fmt::Display for AnswerMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_reads_as_it_is_written() {
        for mode in [AnswerMode::Async, AnswerMode::Sync] {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        assert_eq!("Sync".parse::<AnswerMode>(), Err(NoAnswerMode));
    }
}
