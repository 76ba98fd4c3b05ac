//! The shapes that leave and enter the process: messages, answers, envelopes. Conversion and nothing
//! else; a field's name stands here once.

pub mod answer;
pub mod envelope;
mod event;
mod members;
pub mod reply;
pub mod request;
pub mod schema;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Version of the messages, in their field `v`.
pub const VERSION: u64 = 1;

/// RFC 3339 in UTC.
///
/// # Panics
/// On a year before 0: no clock and no column of ours holds one.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let text = at.to_offset(time::UtcOffset::UTC).format(&Rfc3339);
    text.expect("clocks and columns hold times of the years 1970 to 9999")
}

/// JSON of one of our own shapes.
fn json(shape: &impl Serialize) -> String {
    serde_json::to_string(shape).expect("a shape has keys of text and no Serialize that fails")
}

/// Reads RFC 3339, as [`rfc3339`] writes it: in UTC, in whole microseconds, and of the years 1970 to
/// 9999. An offset can lead beyond those, to a time that could be neither written nor stored.
pub fn instant(text: &str) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let at = at.checked_to_offset(time::UtcOffset::UTC)?;
    (1970..=9999).contains(&at.year()).then(|| to_micros(at))
}

/// The clock in whole microseconds, as Postgres keeps it: a time written and read back is equal.
pub fn now() -> OffsetDateTime {
    to_micros(OffsetDateTime::now_utc())
}

/// JSON without the byte order mark that some editors and libraries put before it.
pub(crate) fn without_bom(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)
}

/// Cuts what Postgres would round.
pub fn to_micros(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(at.nanosecond() / 1_000 * 1_000).unwrap_or(at)
}
