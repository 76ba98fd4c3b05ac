//! Redelivery: what becomes of messages that were delivered before. [`policy`] has all the numbers.

pub(crate) mod attempts;
pub(crate) mod dead_letterer;
pub(crate) mod deferred;
pub(crate) mod poison_suspects;
pub(crate) mod policy;

mod dead_letter_rate;
