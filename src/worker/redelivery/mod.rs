//! What becomes of deliveries that came before.

pub mod dead_letterer;
pub mod deferred;
pub mod poison_suspects;
pub mod unprocessed;
