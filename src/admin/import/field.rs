//! Reads single fields. The reasons are for the person who corrects the file.

use super::sheet::Row;
use crate::admin::owner;
use crate::domain::id;
use crate::wire::instant;
use std::fmt::Display;
use time::OffsetDateTime;

/// Largest whole number of any column: sums of many stay far inside 64 bits.
pub(super) const WHOLE_MAX: i64 = 1_000_000_000_000_000;

impl Row<'_> {
    /// A field that must not be left empty.
    pub(super) fn required<T, E: Display>(
        &self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, String> {
        read(self.text(column)?).map_err(|reason| format!("{column}: {reason}"))
    }

    /// A field that may be empty or absent.
    pub(super) fn optional<T, E: Display>(
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

/// A whole number from 0 to `max`.
pub(super) fn whole(max: i64) -> impl FnOnce(&str) -> Result<i64, String> {
    move |text| {
        let digits = text.trim();
        let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok());
        number
            .flatten()
            .filter(|number| *number <= max)
            .ok_or_else(|| format!("`{digits}` is not a whole number from 0 to {max}"))
    }
}

/// A time, cut to what Postgres keeps.
pub(super) fn time(text: &str) -> Result<OffsetDateTime, String> {
    let text = text.trim();
    instant(text).ok_or_else(|| {
        format!(
            "`{text}` is not an RFC 3339 time of the years 1970 to 9999, such as 2026-01-31T10:00:00Z"
        )
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
        for bad in [
            "2026-01-31",
            "2026-01-31T10:00:00",
            "2026-02-30T10:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00+23:59",
            "tomorrow",
        ] {
            let reason = time(bad).expect_err(bad);
            assert!(reason.contains(bad) && reason.contains("RFC 3339"), "{reason}");
        }
    }

    #[test]
    fn a_whole_number_is_digits_within_its_bounds() {
        assert_eq!(whole(9)("9"), Ok(9));
        assert_eq!(whole(9)(" 007 "), Ok(7));
        for bad in ["10", "-1", "+1", "1.0", "1e0", "", "٣", "99999999999999999999"] {
            assert!(whole(9)(bad).is_err(), "{bad} was accepted");
        }
    }
}
