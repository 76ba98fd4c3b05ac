//! What spreadsheets and exports make of codes and ids. Such a value may be meant, so it is taken and told.

use std::fmt;

/// A kind of damage, in words for people. It says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damage(&'static str);

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "looks like {}", self.0)
    }
}

/// A test, and what passes it.
type Kind = (fn(&str) -> bool, Damage);

const KINDS: [Kind; 9] = [
    (
        is_scientific,
        Damage(
            "a number that a spreadsheet has shortened: format the column as text, and export it anew",
        ),
    ),
    (
        |text| text.starts_with('='),
        Damage("a formula: export the values of the cells, not their formulas"),
    ),
    (is_error, Damage("an error of a spreadsheet: mend the cell, and export it anew")),
    (is_nothing, Damage("an empty value that an export has written as a word")),
    (
        |text| text.strip_suffix(".0").is_some_and(is_digits),
        Damage(
            "digits that a program has read as a number: its zeros may be gone, and .0 is added",
        ),
    ),
    (is_date, Damage("a date that a spreadsheet has made of it: format the column as text")),
    (|text| text.starts_with('\''), Damage("a text with the mark of a spreadsheet before it")),
    (
        |text| text.contains('\u{fffd}'),
        Damage("a text whose characters were lost in another encoding"),
    ),
    (|text| text.starts_with("[object "), Damage("what a script prints instead of a value")),
];

const ERRORS: [&str; 17] = [
    "#REF!",
    "#N/A",
    "#NAME?",
    "#VALUE!",
    "#DIV/0!",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#FIELD!",
    "#BLOCKED!",
    "#CONNECT!",
    "#UNKNOWN!",
    "#BUSY!",
    "#GETTING_DATA",
    "#ERROR!",
    "#PYTHON!",
];

const NOTHING: [&str; 13] = [
    "null",
    "(null)",
    "<null>",
    "\\n",
    "n/a",
    "na",
    "nan",
    "none",
    "nil",
    "undefined",
    "true",
    "false",
    "-",
];

/// What happened to a code or an id, if it looks like that.
pub(super) fn of(text: &str) -> Option<Damage> {
    let text = text.trim();
    KINDS.iter().find(|(has, _)| has(text)).map(|(_, damage)| *damage)
}

/// As in 1.23457E+12, and as a comma or the exponent's sign betray it elsewhere.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (digits, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_number = is_digits(digits) && is_digits(fraction) && is_digits(unsigned);
    is_number && (mantissa != digits || unsigned != exponent)
}

fn is_error(text: &str) -> bool {
    let is_narrow = text.len() >= 3 && text.bytes().all(|byte| byte == b'#');
    let is_numbered = text.strip_prefix("Err:").is_some_and(is_digits);
    is_narrow || is_numbered || ERRORS.iter().any(|error| text.eq_ignore_ascii_case(error))
}

fn is_nothing(text: &str) -> bool {
    NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// As in 1-Mar or Mar-01, which were MAR1.
fn is_date(text: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let is_month = |text: &str| MONTHS.iter().any(|month| text.eq_ignore_ascii_case(month));
    let is_number = |text: &str| text.len() <= 2 && is_digits(text);
    text.split_once('-').is_some_and(|(one, two)| {
        is_number(one) && is_month(two) || is_month(one) && is_number(two)
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(text: &str) -> Option<usize> {
        let found = of(text)?;
        KINDS.iter().position(|(_, damage)| *damage == found)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn numbers_that_were_shortened_are_known(text in " ?-?[1-9]([.,][0-9]{1,9})?[Ee][+-][0-9]{2,3} ?") {
            prop_assert_eq!(kind(&text), Some(0));
        }

        #[test]
        fn formulas_are_known(text in "=\"?[0-9A-Z+]{0,9}\"?") {
            prop_assert_eq!(kind(&text), Some(1));
        }

        #[test]
        fn usual_codes_are_taken_without_a_word(text in "[A-Z]{2}[0-9]{2}[A-Z0-9-]{0,12}|[0-9]{4,16}|[0-9]{3}E[0-9]{3}") {
            prop_assert_eq!(of(&text), None, "{}", text);
        }

        #[test]
        fn a_warning_says_nothing_of_the_value(secret in "=[A-Z]{4}[0-9]{6}") {
            prop_assert!(!of(&secret).map(|damage| damage.to_string()).unwrap_or_default().contains(&secret[1..]));
        }
    }

    #[test]
    fn every_kind_is_known_in_whatever_case() {
        let all = ERRORS.iter().chain(["####", "Err:502"].iter()).map(|text| (*text, 2));
        let all = all.chain(NOTHING.iter().map(|text| (*text, 3))).chain([
            ("456.0", 4),
            ("1-Mar", 5),
            ("Sep-02", 5),
            ("'00456", 6),
            ("CAF\u{fffd}", 7),
            ("[object Object]", 8),
        ]);
        for (text, expected) in all {
            assert_eq!(kind(text), Some(expected), "{text}");
            assert_eq!(kind(&format!(" {text}\u{a0}")), Some(expected), "{text}");
        }
        for text in ["NULL", "Null", "N/A", "#n/a", "1-MAR"] {
            assert!(of(text).is_some(), "{text}");
        }
    }
}
