//! redeemq: a queue-driven worker that redeems goods, coupon codes and sponsor rewards.

pub mod domain;
pub mod secrets;
pub mod store;
pub mod wire;
