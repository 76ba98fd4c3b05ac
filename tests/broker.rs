//! What happens when RabbitMQ itself goes: away, killed, blocked, or with other settings. All that
//! would disturb other tests, so this target brings a RabbitMQ of its own; and it runs when no other
//! target does, so it can hold us to seconds.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

#[path = "it/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what other targets need of it")]
mod harness;

#[path = "broker/away.rs"]
mod away;
#[path = "broker/blocked.rs"]
mod blocked;
#[path = "commands/blocks.rs"]
#[allow(dead_code, reason = "what other targets need of it")]
mod blocks;
#[path = "broker/commands.rs"]
mod commands;
#[path = "broker/doctor.rs"]
mod doctor;
#[path = "broker/held.rs"]
mod held;
#[path = "broker/idle.rs"]
mod idle;
#[path = "broker/killed.rs"]
mod killed;
#[path = "broker/lanes.rs"]
mod lanes;
#[path = "broker/large.rs"]
mod large;
#[path = "broker/node.rs"]
mod node;
#[path = "broker/silent.rs"]
mod silent;
#[path = "broker/takeover.rs"]
mod takeover;
#[path = "broker/told.rs"]
mod told;
