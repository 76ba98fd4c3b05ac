//! redeemq: a queue-driven worker that redeems goods, coupon codes and sponsor rewards.

pub mod domain;
