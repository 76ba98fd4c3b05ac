//! Forms (`application/x-www-form-urlencoded`), decoded strictly.
//!
//! Bytes that are not UTF-8, raw or escaped, are refused. Replacing them would make one player of `Ren%E9` and
//! `Ren%E8`. Everything else is as the URL standard has it: `+` is a blank, and a `%` that begins no escape is a `%`.

use super::id::Id;
use percent_encoding::percent_decode;
use std::fmt;

/// Names and values in the order of the form.
pub type Pairs = Vec<(String, String)>;

/// Parameters that are not UTF-8: their names, or `body` for a name that can't be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotUtf8(Vec<String>);

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not UTF-8: {}", self.0.join(" , "))
    }
}

impl NotUtf8 {
    /// Of the names that could be read.
    pub(crate) fn of(names: impl IntoIterator<Item = Option<String>>) -> Self {
        let shown = |name: Option<String>| name.filter(|name| Id::parse(name).is_ok());
        let mut names: Vec<String> = names
            .into_iter()
            .map(|name| shown(name).unwrap_or_else(|| "body".to_owned()))
            .collect();
        names.dedup();
        Self(names)
    }

    /// Each once, where they stand next to each other.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// Takes a form apart.
///
/// # Errors
/// When a name or a value is not UTF-8.
pub fn decode(form: &[u8]) -> Result<Pairs, NotUtf8> {
    let mut pairs = Pairs::new();
    let mut faults = Vec::new();
    for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut sides = pair.splitn(2, |byte| *byte == b'=');
        let mut side = || text(sides.next().unwrap_or_default());
        match (side(), side()) {
            (Some(name), Some(value)) => pairs.push((name, value)),
            (name, _) => faults.push(name),
        }
    }
    if faults.is_empty() { Ok(pairs) } else { Err(NotUtf8::of(faults)) }
}

fn text(side: &[u8]) -> Option<String> {
    let blanks = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
    let side: Vec<u8> = side.iter().map(blanks).collect();
    String::from_utf8(percent_decode(&side).collect()).ok()
}

#[cfg(test)]
pub(crate) mod strategies {
    //! The class of what is not UTF-8, for the tests of each reader.

    use proptest::prelude::*;

    /// One fault of each kind that UTF-8 knows, or any bytes that have one.
    pub(crate) fn not_utf8() -> impl Strategy<Value = Vec<u8>> {
        let cut_short = any::<char>()
            .prop_filter("of one byte", |c| c.len_utf8() > 1)
            .prop_map(|c| c.to_string().into_bytes()[..c.len_utf8() - 1].to_vec());
        let overlong = (0_u8..0x80).prop_flat_map(|byte| {
            prop_oneof![
                Just(vec![0xc0 | byte >> 6, 0x80 | byte & 0x3f]),
                Just(vec![0xe0, 0x80 | byte >> 6, 0x80 | byte & 0x3f]),
                Just(vec![0xf0, 0x80, 0x80 | byte >> 6, 0x80 | byte & 0x3f]),
            ]
        });
        let surrogate = (0xd800_u32..0xe000).prop_map(|point| {
            let [low, middle] = [point & 0x3f, point >> 6 & 0x3f].map(|bits| 0x80 | bits as u8);
            vec![0xed, middle, low]
        });
        let beyond = (0xf5_u8..=0xff, prop::collection::vec(0x80_u8..0xc0, 0..4))
            .prop_map(|(first, rest)| [vec![first], rest].concat());
        let stray = (0x80_u8..0xc0).prop_map(|byte| vec![byte]);
        let latin_1 = "[a-z]{0,4}".prop_flat_map(|text| {
            (0xc0_u8..=0xff).prop_map(move |byte| [text.as_bytes(), &[byte]].concat())
        });
        let any_of_them = prop::collection::vec(any::<u8>(), 1..12);
        let fault =
            prop_oneof![cut_short, overlong, surrogate, beyond, stray, latin_1, any_of_them];
        ("\\PC{0,4}", fault, "[a-z]{0,4}")
            .prop_map(|(before, fault, after)| {
                [before.as_bytes(), &fault, after.as_bytes()].concat()
            })
            .prop_filter("UTF-8", |bytes| std::str::from_utf8(bytes).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::strategies::not_utf8;
    use super::*;
    use proptest::prelude::*;

    /// Each byte escaped or raw, as the bits of the mask say; what a form uses itself is always escaped.
    fn escaped(bytes: &[u8], mask: u64) -> Vec<u8> {
        let must = |byte: u8| matches!(byte, b'&' | b'=' | b'+' | b'%');
        let byte = |(at, byte): (usize, &u8)| match mask >> (at % 64) & 1 == 1 || must(*byte) {
            true => format!("%{byte:02X}").into_bytes(),
            false => vec![*byte],
        };
        bytes.iter().enumerate().flat_map(byte).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_not_utf8_is_refused_by_its_name_however_it_is_escaped(
            bytes in not_utf8(), mask: u64, before in "[a-z]{1,5}=[a-z]{0,5}", at_end: bool,
        ) {
            let bad = [b"player_id=", escaped(&bytes, mask).as_slice()].concat();
            let good = before.into_bytes();
            let form = if at_end { [good, bad].join(&b'&') } else { [bad, good].join(&b'&') };
            prop_assert_eq!(decode(&form), Err(NotUtf8(vec!["player_id".to_owned()])));
        }

        #[test]
        fn a_name_that_is_not_utf8_is_refused_as_well(bytes in not_utf8(), mask: u64) {
            let form = [escaped(&bytes, mask).as_slice(), b"=p1"].concat();
            prop_assert_eq!(decode(&form), Err(NotUtf8(vec!["body".to_owned()])));
        }

        #[test]
        fn what_is_utf8_is_read_as_it_was_written(
            pairs in prop::collection::vec((".{0,8}", ".{0,8}"), 1..5), mask: u64,
        ) {
            let side = |text: &str| escaped(text.as_bytes(), mask);
            let pair = |(name, value): &(String, String)| [side(name), side(value)].join(&b'=');
            let form = pairs.iter().map(pair).collect::<Vec<_>>().join(&b'&');
            prop_assert_eq!(decode(&form), Ok(pairs));
        }

        #[test]
        fn a_form_that_is_accepted_reads_as_the_url_standard_has_it(form in "[a-z&=+% 0-9A-Fé]{0,40}") {
            let standard: Pairs = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
            if let Ok(pairs) = decode(form.as_bytes()) {
                prop_assert_eq!(pairs, standard);
            }
        }
    }

    #[test]
    fn every_fault_is_named_and_a_name_with_control_characters_is_not_shown() {
        let named = |form: &[u8]| decode(form).map_err(|error| error.names().join(","));
        assert_eq!(named(b"a=%ff&b=1&c=\xff"), Err("a,c".to_owned()));
        assert_eq!(named(b"a%1b[31m=%ff"), Err("body".to_owned()));
        assert_eq!(
            named(b"a=100%&b=%zz&=&&c"),
            Ok(vec![
                ("a".to_owned(), "100%".to_owned()),
                ("b".to_owned(), "%zz".to_owned()),
                (String::new(), String::new()),
                ("c".to_owned(), String::new()),
            ])
        );
    }
}
