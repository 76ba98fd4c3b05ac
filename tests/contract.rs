//! The two documents of the API say what the code does: they are those in `docs/`, what is seen on the
//! wire is as they tell, and tools that know nothing else find no contradiction. The tools are fetched
//! into `target/`, so this target is kept apart.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

#[path = "it/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what other targets need of it")]
mod harness;
#[path = "tools/mod.rs"]
#[allow(dead_code, reason = "what other targets need of it")]
mod tools;

#[path = "contract/http.rs"]
mod http;
#[path = "contract/kept.rs"]
mod kept;
#[path = "contract/messages.rs"]
mod messages;
#[path = "contract/schemas.rs"]
mod schemas;
