//! Reads single fields. The reasons are for the person who corrects the file: they name the column, and repeat
//! nothing of the field, which may be a code.

use super::sheet::Row;
use crate::admin::owner;
use crate::domain::id;
use crate::domain::whole::{self, NotWhole};
use crate::wire::instant;
use std::fmt::Display;
use time::OffsetDateTime;

/// Largest whole number of any column: sums of many stay far inside 64 bits.
pub(super) const WHOLE_MAX: i64 = 1_000_000_000_000_000;

/// Why a field is bad. A type that can be copied has no room for the field's text.
pub(super) trait Reason: Display + Copy + 'static {}

impl<T: Display + Copy + 'static> Reason for T {}

impl Row<'_> {
    /// A field that must not be left empty.
    pub(super) fn required<T, E: Reason>(
        &self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, String> {
        read(self.text(column)?).map_err(|reason| format!("{column}: {reason}"))
    }

    /// A field that may be empty or absent.
    pub(super) fn optional<T, E: Reason>(
        &self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        if self.text(column)?.trim().is_empty() {
            return Ok(None);
        }
        self.required(column, read).map(Some)
    }
}

/// An id, a group or a code.
pub(super) fn id(text: &str) -> Result<id::Id, id::BadId> {
    id::Id::parse(text)
}

pub(super) fn name(text: &str) -> Result<String, id::BadId> {
    owner::name(text)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}; it must be a whole number from 0 to {max}")]
pub(super) struct BadWhole {
    why: NotWhole,
    max: i64,
}

/// A whole number from 0 to `max`.
pub(super) fn whole(max: i64) -> impl FnOnce(&str) -> Result<i64, BadWhole> {
    move |text| match whole::whole(text) {
        Ok(number) if number <= max => Ok(number),
        Ok(_) => Err(BadWhole { why: NotWhole::TooLarge, max }),
        Err(why) => Err(BadWhole { why, max }),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadTime {
    #[error("is a date without a time of day: write it in RFC 3339, as in 2026-01-31T10:00:00Z")]
    NoTime,
    #[error(
        "has no offset from UTC: write it in RFC 3339, as in 2026-01-31T10:00:00Z or 2026-01-31T10:00:00+02:00"
    )]
    NoOffset,
    #[error("is not an RFC 3339 time of the years 1970 to 9999, such as 2026-01-31T10:00:00Z")]
    Other,
}

/// A time, cut to what Postgres keeps.
pub(super) fn time(text: &str) -> Result<OffsetDateTime, BadTime> {
    let text = text.trim();
    instant(text).ok_or_else(|| {
        let is_date = |date: &str| instant(&format!("{date}T00:00:00Z")).is_some();
        match text.split_at_checked("2026-01-31".len()) {
            Some((date, "")) if is_date(date) => BadTime::NoTime,
            Some((date, rest)) if is_date(date) && !rest.contains(['Z', 'z', '+', '-']) => {
                BadTime::NoOffset
            }
            _ => BadTime::Other,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_time_has_an_offset_and_a_sane_year() {
        assert_eq!(time(" 2026-01-31T10:00:00+02:00"), Ok(datetime!(2026-01-31 08:00 UTC)));
        assert_eq!(
            time("9999-12-31T23:59:59.9999999Z"),
            Ok(datetime!(9999-12-31 23:59:59.999999 UTC))
        );
        for (bad, why) in [
            ("2026-01-31", BadTime::NoTime),
            ("2026-01-31T10:00:00", BadTime::NoOffset),
            ("2026-01-31 10:00", BadTime::NoOffset),
            ("2026-02-30", BadTime::Other),
            ("2026-02-30T10:00:00Z", BadTime::Other),
            ("31.01.2026", BadTime::Other),
            ("1969-12-31T23:59:59Z", BadTime::Other),
            ("9999-12-31T23:59:59-01:00", BadTime::Other),
            ("0000-01-01T00:00:00+23:59", BadTime::Other),
            ("tomorrow, at 1ö", BadTime::Other),
        ] {
            assert_eq!(time(bad), Err(why), "{bad}");
            let reason = why.to_string();
            assert!(
                reason.contains("RFC 3339") && reason.contains("2026-01-31T10:00:00Z"),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_whole_number_stays_within_its_bounds() {
        assert_eq!(whole(9)("9.0"), Ok(9));
        for bad in ["10", "-1", "9.5", "1,000"] {
            let reason = whole(9)(bad).expect_err(bad).to_string();
            assert!(reason.ends_with("it must be a whole number from 0 to 9"), "{reason}");
        }
    }
}
