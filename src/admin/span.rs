//! Spans of time as people type them: `30m`, `12h`, `7d`.

use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no span of time such as 90s, 30m, 12h or 7d, of 10 years at most")]
pub(super) struct BadSpan;

/// So long that no time that it is added to ends.
const MAX: Duration = Duration::from_secs(10 * 366 * 86_400);

/// A whole number of seconds, minutes, hours or days.
pub(super) fn span(text: &str) -> Result<Duration, BadSpan> {
    let text = text.trim();
    let before_unit = text.char_indices().next_back().map_or(0, |(at, _)| at);
    let (number, unit) = text.split_at(before_unit);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(BadSpan),
    };
    let is_whole = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    let number: u32 =
        if is_whole { number.parse().map_err(|_| BadSpan)? } else { return Err(BadSpan) };
    let span = Duration::from_secs(u64::from(number) * seconds);
    if span <= MAX { Ok(span) } else { Err(BadSpan) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_whole_number_and_its_unit() {
        for (text, seconds) in
            [("0s", 0), ("90s", 90), (" 30m ", 1_800), ("12h", 43_200), ("7d", 604_800)]
        {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "d", "7", "7w", "-7d", "+7d", "1.5h", "7 d", "é", "4294967295d", "3661d"] {
            assert_eq!(span(bad), Err(BadSpan), "{bad:?}");
        }
    }
}
