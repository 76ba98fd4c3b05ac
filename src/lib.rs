//! redeemq: a queue-driven worker that redeems goods, coupon codes and sponsor rewards.
//!
//! # The way of a job
//!
//! An [`ingress`] checks the form of a request and publishes it; [`broker`] carries it; a [`worker`]
//! takes what has arrived as one batch and loads it from the [`store`], lets the [`domain`] decide,
//! persists, publishes the results, and only then settles the deliveries.
//!
//! # The rooms
//!
//! Each imports only from those above it:
//!
//! - [`domain`]: the rules, pure;
//! - [`wire`], [`secrets`], [`retry`], [`failpoint`], [`gauges`], [`printable`], [`progress`], [`server`],
//!   [`client`]: shapes of messages, keyed hashes, pauses, faults on purpose, what is measured on demand, what
//!   may be printed, how far work is, connections in and out;
//! - [`traces`]: spans, and their way to a collector;
//! - [`store`]: all SQL; [`broker`]: all AMQP;
//! - [`ingress`], [`worker`], [`admin`]: the two services, and the operator's commands;
//! - [`config`], [`ops`], [`telemetry`], [`app`]: what makes a process of them.
//!
//! # Where each promise is kept
//!
//! | promise | place |
//! |---|---|
//! | nothing lost | [`worker::publish`]: settled only after the confirm; `ingress::request_publisher`: 202 only after the confirm |
//! | never twice | [`store::persist`]: one ledger row a job, in the transaction of its effect |
//! | never over | [`domain::decide`], and again as named constraints in `migrations/` |
//! | answered | [`broker::publish::outbound`]; the stored bytes stay in the ledger |
//! | the ledger adds up | `redeemq audit` |
//! | apart | [`domain::goods::Scope`], [`secrets`]; full queues: [`worker::publish`]; unresponsive ones: [`worker::publish::route_circuits`] |
//! | degrades honestly | `ingress::request_publisher` and `ingress::slot`, [`worker::batch::process`] |

pub mod domain;

pub mod client;
pub mod failpoint;
pub mod gauges;
pub mod printable;
pub mod progress;
pub mod retry;
pub mod secrets;
pub mod server;
mod setting;
mod shares;
pub mod wire;

pub mod traces;

pub mod broker;
pub mod store;

pub mod admin;
pub mod ingress;
pub mod worker;

pub mod app;
pub mod config;
pub mod ops;
pub mod telemetry;
