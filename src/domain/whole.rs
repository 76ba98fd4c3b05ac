//! Whole numbers, as people and spreadsheets write them.

/// Why a text is no whole number. Like every reason that a file may meet, it repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWhole {
    #[error("has thousands separators, or may have: write its digits alone, as in 1000")]
    Thousands,
    #[error("has a fraction")]
    Fraction,
    #[error("is too large")]
    TooLarge,
    #[error("is not a whole number")]
    Other,
}

/// Digits, without white space around them. A fraction of zeros is none, as in 100.0; but 1.000 may be a
/// thousand.
///
/// # Errors
/// For signs, exponents, separators and other fractions, and for numbers beyond 64 bits.
pub fn whole(text: &str) -> Result<i64, NotWhole> {
    let text = text.trim();
    if is_grouped(text) {
        return Err(NotWhole::Thousands);
    }
    let (digits, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(digits) || !is_digits(fraction) {
        return Err(NotWhole::Other);
    }
    if fraction.bytes().any(|digit| digit != b'0') {
        return Err(NotWhole::Fraction);
    }
    digits.parse().map_err(|_| NotWhole::TooLarge)
}

/// Whether it reads as one to three digits and then groups of three, as in 1,000 or 1 000 000.50.
fn is_grouped(text: &str) -> bool {
    let is_separator = |c: char| ",.'’_".contains(c) || c.is_whitespace();
    let Some(separator) = text.chars().find(|c| is_separator(*c)) else { return false };
    let groups = match text.rsplit_once(['.', ',']) {
        Some((groups, fraction)) if fraction.len() != 3 && groups.contains(separator) => groups,
        _ => text,
    };
    let mut groups = groups.split(separator);
    let first = groups.next().unwrap_or_default();
    is_digits(first) && first.len() <= 3 && groups.all(|group| is_digits(group) && group.len() == 3)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_fraction_of_zeros_is_none(number in 0_i64.., zeros in prop_oneof![0_usize..=2, 4_usize..9]) {
            let fraction = if zeros > 0 { format!(".{}", "0".repeat(zeros)) } else { String::new() };
            prop_assert_eq!(whole(&format!(" {number}{fraction}\t")), Ok(number));
        }

        #[test]
        fn any_other_fraction_is_refused(
            number in 0_i64.., fraction in "[0-9]{0,2}[1-9]", rest in "[0-9]{1,4}",
        ) {
            prop_assert_eq!(whole(&format!("{number}.{fraction}{}", "0".repeat(4))), Err(NotWhole::Fraction));
            for text in [format!("{number}.{fraction}"), format!("{number},{rest}")] {
                prop_assert!(whole(&text).is_err(), "{}", text);
            }
        }

        #[test]
        fn groups_of_three_are_named(
            first in 1_u16..=999, groups in prop::collection::vec(0_u16..=999, 1..4),
            separator in prop::sample::select(vec![',', '.', '\'', '’', '_', ' ', '\u{a0}', '\u{202f}']),
            fraction in prop::sample::select(vec!["", ".5", ".00", ",25"]),
        ) {
            let mut text = first.to_string();
            groups.iter().for_each(|group| text += &format!("{separator}{group:03}"));
            prop_assert_eq!(whole(&format!("{text}{fraction}")), Err(NotWhole::Thousands), "{}", text);
        }
    }

    #[test]
    fn what_is_no_number_is_told_from_what_has_separators() {
        assert_eq!(whole("007"), Ok(7));
        assert_eq!(whole("1000.000"), Ok(1000), "too many digits for a group");
        for text in ["1.000", "100.000", "1,000", "1 000.5"] {
            assert_eq!(whole(text), Err(NotWhole::Thousands), "{text}");
        }
        assert_eq!(whole("100.5"), Err(NotWhole::Fraction));
        assert_eq!(whole("99999999999999999999"), Err(NotWhole::TooLarge));
        for text in ["", ".", "1.", ".0", "-1", "+1", "1e3", "1E+05", "٣", "1,5", "1.0.0", "0x1"] {
            assert_eq!(whole(text), Err(NotWhole::Other), "{text}");
        }
    }
}
