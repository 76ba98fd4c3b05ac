//! How a worker takes jobs.

use super::connection::ManagementOption;
use crate::broker::topology::lanes::LANES_MAX;
use crate::{setting, worker};
use clap::Args;
use std::time::Duration;

const HEADING: &str = "Worker";

#[derive(Debug, Clone, Args)]
pub struct WorkerOptions {
    #[command(flatten)]
    pub management: ManagementOption,
    /// Most jobs that are decided in one transaction
    #[arg(long, env = "REDEEMQ_BATCH_MAX", value_name = "N", default_value_t = worker::BATCH_MAX as u16,
          help_heading = HEADING, value_parser = setting::whole(1..=5_000_u16))]
    pub batch_max: u16,
    /// Spread requests over this many queues by what they contend for, from now on and for all workers;
    /// 1 is one queue again. If not given, the broker's lanes stay as they are. Needs the broker's plugin
    /// rabbitmq_consistent_hash_exchange
    #[arg(long, env = "REDEEMQ_LANES", value_name = "N", help_heading = HEADING,
          value_parser = setting::whole(1..=LANES_MAX))]
    pub lanes: Option<u16>,
    /// Refuse jobs that were accepted more than this many seconds ago (3004); off if not given
    #[arg(long, env = "REDEEMQ_AGE_MAX_SECONDS", value_name = "SECONDS", help_heading = HEADING,
          value_parser = setting::whole(0..=u32::MAX))]
    age_max_seconds: Option<u32>,
    /// Audit the ledger every so many seconds, for the metric redeemq_audit_broken. An audit reads the
    /// whole ledger: 3600 is often enough. Off if not given
    #[arg(long, env = "REDEEMQ_AUDIT_EVERY_SECONDS", value_name = "SECONDS", help_heading = HEADING,
          value_parser = setting::whole(1..=u32::MAX))]
    audit_every_seconds: Option<u32>,
}

impl WorkerOptions {
    /// Jobs accepted longer ago are refused.
    pub fn age_max(&self) -> Option<time::Duration> {
        self.age_max_seconds.map(|seconds| time::Duration::seconds(seconds.into()))
    }

    /// Time between two audits, if there are any.
    pub fn audit_every(&self) -> Option<Duration> {
        self.audit_every_seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }
}
