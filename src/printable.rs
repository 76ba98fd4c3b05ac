//! What came from outside, on its way to a terminal, a log or JSON: nothing in it acts, reorders or hides.
//!
//! A name in the database, a header at the broker or a file may hold an escape sequence that paints over
//! the screen, or a mark that turns the order of letters round. All that is printed goes through here.

use crate::domain::visible::is_invisible;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal shows it, and does nothing else.
pub fn is_printable(character: char) -> bool {
    !character.is_control() && !is_invisible(character)
}

/// For people: `\u{…}` for what is not printable.
pub fn text(text: &str) -> Cow<'_, str> {
    escaped(text, is_printable, |character, out| {
        _ = write!(out, "\\u{{{:x}}}", u32::from(character));
    })
}

/// For machines: the same JSON in printable characters, if it has no line ends between its tokens. Outside
/// its strings JSON is ASCII, so what is escaped stands in a string.
pub fn json(json: &str) -> Cow<'_, str> {
    escaped(json, is_printable, |character, out| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            _ = write!(out, "\\u{unit:04x}");
        }
    })
}

/// A line of the log, which ends with its only line end. With colours it has escape sequences, which are ours.
pub fn log_line(line: &str, as_json: bool, colours: bool) -> String {
    let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
    let escape: fn(&str) -> Cow<'_, str> = if as_json { json } else { text };
    let parts = line.split('\u{1b}').map(escape).collect::<Vec<_>>();
    let escape = if colours { Cow::Borrowed("\u{1b}") } else { escape("\u{1b}") };
    parts.join(&*escape) + end
}

fn escaped(
    text: &str,
    keep: impl Fn(char) -> bool,
    escape: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if text.chars().all(&keep) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match keep(character) {
            true => out.push(character),
            false => escape(character, &mut out),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json as value};

    /// Some of each kind that acts, reorders or hides.
    pub(crate) const UNPRINTABLE: [char; 20] = [
        '\0',
        '\u{7}',
        '\u{8}',
        '\t',
        '\n',
        '\r',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{9d}',
        '\u{ad}',
        '\u{200b}',
        '\u{200f}',
        '\u{2028}',
        '\u{202e}',
        '\u{2066}',
        '\u{feff}',
        '\u{fe0f}',
        '\u{e0001}',
    ];

    fn unprintable() -> impl Strategy<Value = char> {
        prop_oneof![
            prop::sample::select(UNPRINTABLE.to_vec()),
            any::<char>().prop_filter("printable", |c| !is_printable(*c)),
        ]
    }

    fn mixed() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop_oneof!["[a-zé漢\\\\\" ]{0,3}", unprintable().prop_map(String::from)],
            0..12,
        )
        .prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn people_get_nothing_that_is_not_printable_and_all_that_is(given in mixed()) {
            let shown = text(&given);
            prop_assert!(shown.chars().all(is_printable), "{:?}", shown);
            let kept = |text: &str| text.chars().filter(|c| "é漢\"".contains(*c)).collect::<String>();
            prop_assert_eq!(kept(&shown), kept(&given));
            prop_assert_eq!(text(&shown), shown.clone(), "once is enough");
        }

        #[test]
        fn machines_read_what_was_given(given in mixed(), name in mixed()) {
            let mut all = serde_json::Map::new();
            all.insert(name, value!([given]));
            let shown = serde_json::to_string(&all).expect("JSON");
            let shown = json(&shown);
            prop_assert!(shown.chars().all(is_printable), "{:?}", shown);
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), Value::from(all));
        }

        #[test]
        fn a_line_of_the_log_stays_one_line(given in mixed(), as_json: bool, colours: bool) {
            let line = log_line(&format!("{given}\n"), as_json, colours);
            let (rest, end) = line.split_at(line.len() - 1);
            prop_assert_eq!(end, "\n");
            let ours = |c: char| colours && c == '\u{1b}';
            prop_assert!(rest.chars().all(|c| is_printable(c) || ours(c)), "{:?}", rest);
        }
    }

    #[test]
    fn what_is_printable_is_not_copied() {
        assert!(matches!(text("Odéon, 漢字 \\ \"x\""), Cow::Borrowed(_)));
        assert_eq!(text("a\u{1b}[2J\u{202e}b"), "a\\u{1b}[2J\\u{202e}b");
        assert_eq!(json("\"a\u{9b}\u{e0001}\""), "\"a\\u009b\\udb40\\udc01\"");
    }
}
