//! The operator's commands against a real Postgres, each test in a database of its own.

#[path = "admin/audit.rs"]
mod audit;
#[path = "admin/branches.rs"]
mod branches;
#[path = "admin/clients.rs"]
mod clients;
#[path = "admin/coupons.rs"]
mod coupons;
#[path = "admin/goods.rs"]
mod goods;
#[path = "admin/harness.rs"]
mod harness;
#[path = "admin/players.rs"]
mod players;
