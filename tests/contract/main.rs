//! The two documents of the API say what the code does: they are those in `docs/`, what is seen on the
//! wire is as they tell, and tools that know nothing else find no contradiction. The tools are fetched
//! into `target/`, so this target is kept apart.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod http;
mod kept;
mod messages;
mod schemas;
