//! The rules, tried as tables and against a naive model.
//!
//! A test describes a [`shop::World`] in plain words, asks it a few [`ask::Ask`]s and reads the
//! answers as text: `0604 stock 1<2` is a refusal, the bound that refused, what was left and what
//! was needed. [`answer`] makes that text of the real verdicts, [`model`] makes it on its own from
//! the same world, and [`answer::assert_answers`] holds both against the table.

mod accounts;
mod agreement;
mod answer;
mod ask;
mod codes;
mod duplicates;
mod folding;
mod limits;
mod load;
mod model;
mod order;
mod pins;
mod pools;
mod prices;
mod shop;
mod verify;
mod worlds;
