//! Bad input by the hundred thousand, at the real front door and the real worker, and what single
//! messages of the worst kind did to them.
//!
//! A storm is made of numbered cases; seed and number make the same case again. Environment:
//! - `STORM_CASES`: how many a storm has (see each storm for what it has by default),
//! - `STORM_SEED`: another storm (1 by default, so that a run can be repeated),
//! - `STORM_CASE`: that one case alone, printed.

#![expect(unreachable_pub, reason = "a test binary has no outside")]
#![expect(
    clippy::print_stdout,
    reason = "a storm tells what came of it, and shows a case that is replayed"
)]

mod amqp_case;
mod amqp_properties;
mod amqp_storm;
mod broken_case;
mod edges;
mod header_edges;
mod http_case;
mod http_line;
mod http_storm;
mod odd;
mod plan;
mod pure;
mod raw_amqp;
mod redeem_case;
mod status_case;
mod stray_case;
mod wedges;
