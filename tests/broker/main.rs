//! What happens when RabbitMQ itself goes: away, killed, blocked, or with other settings. All that
//! would disturb other tests, so this target brings a RabbitMQ of its own; and it runs when no other
//! target does, so it can hold us to seconds.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod away;
mod blocked;
mod commands;
mod dead;
mod doctor;
mod held;
mod idle;
mod killed;
mod lanes;
mod large;
mod node;
mod silent;
mod takeover;
mod told;
