//! The shapes that leave and enter the process: messages, answers, envelopes. Conversion and nothing
//! else; a field's name stands here once.

pub mod answer;
pub mod envelope;
mod event;
pub mod reply;
pub mod request;
pub mod schema;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Version of the messages, in their field `v`.
pub const VERSION: u64 = 1;

/// RFC 3339 in UTC. A time that can't be written (beyond the year 9999) can't come from a clock or
/// from Postgres as we bound it; it would read as empty.
pub fn rfc3339(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_default()
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
