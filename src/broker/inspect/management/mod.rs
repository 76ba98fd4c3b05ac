//! The broker's management API: it alone tells of policies, bindings and alarms.

mod answer;
mod client;
mod shapes;

pub(crate) use client::Management;
pub(crate) use shapes::RealQueue;
