//! Redelivery: what becomes of messages that were delivered before. [`policy`] has all the numbers.

pub mod dead_letterer;
pub mod deferred;
pub mod poison_suspects;
pub mod policy;
pub mod unprocessed;
