//! What a process has to be able to do, by its role.

use crate::broker::inspect::probe::Right::{self, Configure, Read, Write};
use crate::broker::topology::{DEAD, DEAD_NOTICES, REQUESTS, RESULTS, UNROUTED};
use clap::ValueEnum;

/// The process whose place `doctor` takes: it uses that process's URLs, and so its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Ingress and worker in one process
    Serve,
    /// The HTTP ingress alone
    Ingress,
    /// A worker alone
    Worker,
}

/// A reply queue, as an ingress declares one of its own; nothing has this name.
const REPLY: &str = "redeem.reply.none-has-this-name";
/// The broker's default exchange, by which replies go to their queues.
const DEFAULT_EXCHANGE: &str = "";

/// A worker declares everything, and to bind a queue one must read its exchange.
const WORKER_AT_BROKER: [(Right, &str); 15] = [
    (Configure, REQUESTS),
    (Configure, UNROUTED),
    (Configure, RESULTS),
    (Configure, DEAD),
    (Configure, DEAD_NOTICES),
    (Write, REQUESTS),
    (Write, UNROUTED),
    (Write, RESULTS),
    (Write, DEAD),
    (Write, DEAD_NOTICES),
    (Write, DEFAULT_EXCHANGE),
    (Read, REQUESTS),
    (Read, UNROUTED),
    (Read, DEAD),
    (Read, DEAD_NOTICES),
];

const INGRESS_AT_BROKER: [(Right, &str); 3] =
    [(Configure, REPLY), (Write, REQUESTS), (Read, REPLY)];

const EXECUTE: &[&str] = &["execute"];

const WORKER_IN_DATABASE: [(&str, &[&str]); 14] = [
    ("client", &["select"]),
    ("goods", &["select", "update"]),
    ("coupon", &["select", "update"]),
    ("balance", &["select", "update"]),
    ("player_import", &["select"]),
    ("player_usage", &["select", "insert", "update"]),
    ("client_usage", &["select", "insert", "update"]),
    ("branch", &["select"]),
    ("branch_group", &["select"]),
    ("pin_failure", &["select", "insert", "update", "delete"]),
    ("ledger", &["select", "insert"]),
    ("dead_job", &["select", "insert", "update"]),
    ("attempt", &["select", "insert", "update", "delete"]),
    ("standing_of", EXECUTE),
];

const INGRESS_IN_DATABASE: [(&str, &[&str]); 3] =
    [("client", &["select", "update"]), ("credentials_of", EXECUTE), ("standing_of", EXECUTE)];

impl Role {
    /// Rights at the broker.
    pub(crate) fn at_broker(self) -> Vec<(Right, &'static str)> {
        self.of(&INGRESS_AT_BROKER, &WORKER_AT_BROKER)
    }

    /// Rights on tables and functions, one a row.
    pub fn in_database(self) -> Vec<(&'static str, &'static str)> {
        let tables = self.of(&INGRESS_IN_DATABASE, &WORKER_IN_DATABASE);
        let rights = |(table, rights): (&'static str, &'static [&'static str])| {
            rights.iter().map(move |right| (table, *right))
        };
        tables.into_iter().flat_map(rights).collect()
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Serve => "serve",
            Role::Ingress => "ingress",
            Role::Worker => "worker",
        }
    }

    /// Whether it is, among other things, a worker.
    pub fn works(self) -> bool {
        self != Role::Ingress
    }

    fn of<T: Clone>(self, ingress: &[T], worker: &[T]) -> Vec<T> {
        match self {
            Role::Serve => [ingress, worker].concat(),
            Role::Ingress => ingress.to_vec(),
            Role::Worker => worker.to_vec(),
        }
    }
}
