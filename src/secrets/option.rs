//! The setting that names the secrets.

use super::Secrets;
use crate::setting;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

/// Not refused: it is a secret as good as any, which may have signed tokens and hashed PINs already.
const QUOTED: &str = "REDEEMQ_SECRET begins and ends with a quote, which is part of the secret: docker's --env-file keeps quotes. A process that reads it from elsewhere, without them, has another secret. To take them away, see docs/configuration.md, Secrets";

/// `REDEEMQ_SECRET`, for what signs or verifies.
#[derive(Debug, Clone, Args)]
pub struct SecretOption {
    /// Secrets of 32 bytes or more, separated by commas: the first signs, all verify
    #[arg(long, env = "REDEEMQ_SECRET", hide_env_values = true, help_heading = "Secrets",
          value_name = "SECRETS", value_parser = setting::secret())]
    secret: Option<SecretString>,
}

impl SecretOption {
    /// None where nothing was set.
    ///
    /// # Errors
    /// When one of the secrets is too short, or they are too many.
    pub fn secrets(&self) -> anyhow::Result<Option<Secrets>> {
        let secrets = self.secret.as_ref();
        if secrets.is_some_and(|list| setting::is_quoted(list.expose_secret().trim())) {
            tracing::warn!("{QUOTED}");
        }
        Ok(secrets.map(Secrets::parse).transpose()?)
    }

    /// # Errors
    /// As [`Self::secrets`], and where nothing was set.
    pub fn required(&self) -> anyhow::Result<Secrets> {
        self.secrets()?.ok_or_else(|| {
            anyhow::anyhow!(
                "REDEEMQ_SECRET is not set: make a secret with `openssl rand -hex 32`, and give every ingress and every command the same"
            )
        })
    }
}
