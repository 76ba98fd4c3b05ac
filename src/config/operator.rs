//! The operator's commands with the connections that each needs.

use super::connection::{
    BrokerOption, DatabaseOption, ManagementOption, Missing, OperatorOption, OutputOption,
};
use crate::admin::branch::BranchCommand;
use crate::admin::client::ClientCommand;
use crate::admin::import::{coupons::CouponsCommand, goods::GoodsCommand, players::PlayersCommand};
use crate::admin::log::LogCommand;
use crate::admin::top::TopCommand;
use crate::admin::{self, dead, doctor};
use crate::broker::topology::QUEUE_BYTES_MAX;
use crate::broker::topology::lanes::LANES_MAX;
use crate::setting;
use crate::store::StatementLimit;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::time::Duration;

const OF_THE_PROCESS: &str = "Settings of the process that --for names";

/// What a command on the database takes.
#[derive(Debug, Clone, Args)]
pub struct OnDatabase {
    #[command(flatten)]
    pub database: DatabaseOption,
    #[command(flatten)]
    pub output: OutputOption,
}

/// A command on the database that has commands of its own, some of which change something.
#[derive(Debug, Args)]
pub struct Group<C: Subcommand> {
    #[command(flatten)]
    on: OnDatabase,
    #[command(flatten)]
    operator: OperatorOption,
    #[command(subcommand)]
    command: C,
}

#[derive(Debug, Subcommand)]
pub enum Operate {
    /// Client sites: who may call
    Client(Group<ClientCommand>),
    /// Goods and code pools
    Goods(Group<GoodsCommand>),
    /// Codes of a pool
    Coupons(Group<CouponsCommand>),
    /// Players and what they own
    Players(Group<PlayersCommand>),
    /// Branches of merchants, which verify coupons by their PINs
    Branch(Group<BranchCommand>),
    /// Prove that the ledger adds up; exit 1 and examples where it does not
    Audit(OnDatabase),
    /// Who changed what by these commands
    Log(Log),
}

/// `redeemq log`.
#[derive(Debug, Args)]
pub struct Log {
    #[command(flatten)]
    on: OnDatabase,
    #[command(flatten)]
    command: LogCommand,
}

impl Operate {
    /// Where to do it, by whom, and what.
    pub fn split(self) -> (OnDatabase, Option<String>, admin::Command) {
        use admin::Command;
        match self {
            Operate::Client(group) => group.split(Command::Client),
            Operate::Goods(group) => group.split(Command::Goods),
            Operate::Coupons(group) => group.split(Command::Coupons),
            Operate::Players(group) => group.split(Command::Players),
            Operate::Branch(group) => group.split(Command::Branch),
            Operate::Audit(on) => (on, None, Command::Audit),
            Operate::Log(Log { on, command }) => (on, None, Command::Log(command)),
        }
    }
}

impl<C: Subcommand> Group<C> {
    fn split(
        self,
        command: impl FnOnce(C) -> admin::Command,
    ) -> (OnDatabase, Option<String>, admin::Command) {
        (self.on, self.operator.operator, command(self.command))
    }
}

/// `redeemq dead`.
#[derive(Debug, Args)]
pub struct Dead {
    #[command(flatten)]
    pub on: OnDatabase,
    #[command(flatten)]
    pub broker: BrokerOption,
    #[command(flatten)]
    pub operator: OperatorOption,
    #[command(subcommand)]
    pub command: dead::Command,
}

/// `redeemq doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    pub command: doctor::DoctorCommand,
    #[command(flatten)]
    pub on: OnDatabase,
    #[command(flatten)]
    broker: BrokerOption,
    #[command(flatten)]
    management: ManagementOption,
    /// The size that its request queues should have
    #[arg(long, env = "REDEEMQ_QUEUE_BYTES", value_name = "BYTES", default_value_t = QUEUE_BYTES_MAX,
          help_heading = OF_THE_PROCESS, value_parser = setting::whole(0..=u64::MAX))]
    queue_bytes: u64,
    /// Its lanes: each opens a connection to the database
    #[arg(long, env = "REDEEMQ_LANES", value_name = "N", help_heading = OF_THE_PROCESS,
          value_parser = setting::whole(1..=LANES_MAX))]
    pub lanes: Option<u16>,
    /// Its time between audits: these open a connection to the database
    #[arg(long, env = "REDEEMQ_AUDIT_EVERY_SECONDS", value_name = "SECONDS",
          help_heading = OF_THE_PROCESS, value_parser = setting::whole(1..=u32::MAX))]
    pub audit_every_seconds: Option<u32>,
}

impl Doctor {
    /// `connections` is how many the process may open to the database.
    ///
    /// # Errors
    /// When database or broker are not set.
    pub fn settings(&self, connections: u32) -> Result<doctor::Settings, Missing> {
        Ok(doctor::Settings {
            role: self.command.role,
            deep: self.command.deep,
            database_url: self.on.database.url()?.clone(),
            amqp_url: self.broker.url()?.clone(),
            management_url: self.management.if_given(),
            queue_bytes_max: self.queue_bytes,
            statement_limit: StatementLimit::default(),
            connections,
        })
    }
}

/// `redeemq top`.
#[derive(Debug, Args)]
pub struct Top {
    #[command(flatten)]
    command: TopCommand,
    /// Where a process serves its metrics, if --metrics is not given
    #[arg(long, env = "REDEEMQ_METRICS_ADDR", value_name = "ADDRESS", default_value = "127.0.0.1:9464",
          value_parser = setting::address())]
    metrics_addr: SocketAddr,
    #[command(flatten)]
    broker: BrokerOption,
    #[command(flatten)]
    pub output: OutputOption,
}

impl Top {
    /// Live on a terminal, unless one snapshot is asked for.
    pub fn settings(self, is_terminal: bool) -> admin::top::Settings {
        let TopCommand { metrics, every, once, no_color } = self.command;
        admin::top::Settings {
            endpoints: if metrics.is_empty() { vec![self.metrics_addr.into()] } else { metrics },
            amqp_url: self.broker.if_given(),
            every: Duration::from_secs(every.into()),
            live: is_terminal && !once && !self.output.json,
            colours: no_color.is_none_or(|set| set.is_empty()),
        }
    }
}
