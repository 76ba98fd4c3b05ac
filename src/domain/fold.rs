//! Upper and lower case as one, for pools that fold case.

use super::id::Id;
use unicase::UniCase;

/// The code in one case, the same for all spellings that differ in case alone.
///
/// Unicode's full case folding, not lower case: lower case keeps `ß` and `SS` apart, `σ` and `ς`. It is
/// stable, so that a code folded today is found by tomorrow's tables. One letter more is folded: a
/// dotless `ı` has the upper case `I`, as `i` has.
pub fn folded(code: &Id) -> Id {
    let folded = UniCase::new(code.as_str()).to_folded_case().replace('ı', "i");
    if folded == code.as_str() { code.clone() } else { Id::trusted(folded) }
}

#[cfg(test)]
pub(crate) mod strategies {
    //! Other spellings of a code, for the tests of whoever folds.

    use proptest::prelude::*;

    /// The text with the case of each character changed, or not.
    pub(crate) fn recased(text: String) -> impl Strategy<Value = String> {
        let characters = text.chars().count();
        prop::collection::vec(0..3_u8, characters).prop_map(move |how| {
            let recase = |(character, how): (char, u8)| match how {
                0 => character.to_string(),
                1 => character.to_uppercase().to_string(),
                _ => character.to_lowercase().to_string(),
            };
            text.chars().zip(how).map(recase).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::strategies::recased;
    use super::*;
    use proptest::prelude::*;

    fn fold(text: &str) -> String {
        folded(&Id::trusted(text.to_owned())).as_str().to_owned()
    }

    #[test]
    fn no_character_is_another_in_upper_or_lower_case() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let once = fold(&text);
            for other in [text.to_uppercase(), text.to_lowercase(), once.clone()] {
                assert_eq!(fold(&other), once, "U+{:04X}", u32::from(character));
            }
        }
    }

    #[test]
    fn what_differs_by_more_than_case_stays_apart() {
        let codes = ["a", "á", "b", "0", "o", "l", "1", "ss", "s", "é", "e\u{301}", "-", "_"];
        for (i, one) in codes.iter().enumerate() {
            assert!(codes[i + 1..].iter().all(|other| fold(one) != fold(other)), "{one}");
        }
        for (shown, key) in [("SAVE-TEN", "save-ten"), ("Straße", "strasse"), ("ΣΑΣ", "σασ")]
        {
            assert_eq!(fold(shown), key);
        }
    }

    proptest! {
        #[test]
        fn a_code_is_the_same_in_any_case(
            (code, other) in ".{0,30}".prop_flat_map(|code| (Just(code.clone()), recased(code))),
        ) {
            prop_assert_eq!(fold(&code), fold(&other));
            prop_assert_eq!(fold(&code), fold(&code.to_uppercase()));
            prop_assert_eq!(fold(&code), fold(&code.to_lowercase()));
        }
    }
}
