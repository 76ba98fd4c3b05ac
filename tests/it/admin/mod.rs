//! The operator's commands against a real Postgres, each test in a database of its own.

mod audit;
mod branches;
mod clients;
mod coupons;
mod files;
mod fold;
mod goods;
mod players;
mod world;
