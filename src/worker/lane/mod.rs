//! One lane: a consumer, the database and a result publisher; or the same for the broker's dead letters. The way
//! of a delivery, top to bottom:
//!
//! - `supervise` runs one session after another, until told to stop;
//! - `begin` opens a session's consumer, carefully where redeliveries come first;
//! - `take` gathers batches, and retries what is parked or suspected;
//! - `batches` decides a batch, and hands each job on to where its outcome leads it;
//! - `end` drains a session, and leaves what it has not tried to others.
//!
//! They share the `state` of a session. `restarts`, `start` and `prefetch` are the rules by which it
//! begins, without a server in them.

mod batches;
mod begin;
mod end;
mod prefetch;
mod publishing;
mod restarts;
mod start;
mod state;
mod supervise;
mod take;

pub(crate) use supervise::supervise;
