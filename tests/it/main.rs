//! The whole system from outside: real RabbitMQ, real Postgres, real HTTP, the real binary. Each
//! test has a database and a vhost of its own, so all run side by side. `make test` brings the servers.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod admin;
mod answered;
mod apart;
mod attempts;
mod auth;
mod away;
mod backlog;
mod books;
mod broker_dead;
mod cost;
mod coupons;
mod crashes;
mod crowd;
mod dead;
mod doctor;
mod faults;
mod folding;
mod full;
mod guesses;
mod heads;
mod held;
mod http;
mod hygiene;
mod judged;
mod junk;
mod killers;
mod leaks;
mod least;
mod limits;
mod lost;
mod metrics;
mod once;
mod operations;
mod original;
mod outages;
mod over;
mod panics;
mod pins;
mod plans;
mod poison;
mod printed;
mod refusals;
mod rotation;
mod schema;
mod shares;
mod silence;
mod slow;
mod speed;
mod supply;
mod tls;
mod top;
mod traces;
mod waiting;
