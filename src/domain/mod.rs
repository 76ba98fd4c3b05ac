//! The rules, and nothing else: no I/O, no async, no clock, no SQL below this line.
//!
//! Everything here is a function of its arguments, so every rule can be tried as a table, and a
//! batch can be compared with its jobs decided one by one. [`decide`] says *what* is decided; [`outcome`]
//! and [`code`] say *how it is answered*.
//!
//! A coupon code is worth what it buys, and a PIN's hash what the PIN opens: `Debug` shows neither,
//! here and in all that carries them, so that no log and no panic can.

pub mod answer_mode;
pub mod code;
pub mod content;
pub mod decide;
pub mod fold;
pub mod form;
pub mod goods;
pub mod id;
pub mod job;
pub mod operation;
pub mod outcome;
pub mod params;
pub mod request;
pub mod state;
pub mod visible;
pub mod whole;
