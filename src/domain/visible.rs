//! Texts that look alike are alike: the one rule for ids and codes, wherever they come from.
//!
//! White space around a text is not part of it. A character that nobody sees is refused, because two ids
//! that differ only by it would be one to people and two to us.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// A character that nobody sees, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("U+{:04X}, which is invisible, is character {place}", u32::from(*.character))]
pub struct Invisible {
    pub character: char,
    /// Counted in characters of the text without its outer white space, from 1.
    pub place: usize,
}

/// The text without white space around it.
///
/// # Errors
/// The first character that nobody sees: a format character (Cf), a line or paragraph separator, or a
/// variation selector. Such a separator is refused at the ends as well.
pub fn visible(text: &str) -> Result<&str, Invisible> {
    let text = text.trim_matches(is_outer);
    match text.chars().zip(1..).find(|(character, _)| is_invisible(*character)) {
        Some((character, place)) => Err(Invisible { character, place }),
        None => Ok(text),
    }
}

/// White space that is no part of a text when it stands around it.
pub fn is_outer(character: char) -> bool {
    character.is_whitespace() && !is_invisible(character)
}

/// Whether nobody sees it: [`visible`] names the kinds.
pub fn is_invisible(character: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    // None of ASCII is, and nearly all ids and codes are ASCII.
    if character.is_ascii() {
        return false;
    }
    matches!(character.general_category(), Format | LineSeparator | ParagraphSeparator)
        || is_variation_selector(character)
}

/// The property Variation_Selector of Unicode 16.
fn is_variation_selector(character: char) -> bool {
    matches!(character,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Blanks and invisible characters, as lists of real codes have them.
    const UNSEEN: &[(char, char)] = &[
        (' ', ' '),
        ('\u{a0}', '\u{a0}'),
        ('\u{ad}', '\u{ad}'),
        ('\u{61c}', '\u{61c}'),
        ('\u{180b}', '\u{180f}'),
        ('\u{2000}', '\u{200f}'),
        ('\u{2028}', '\u{202f}'),
        ('\u{205f}', '\u{2064}'),
        ('\u{2066}', '\u{206f}'),
        ('\u{3000}', '\u{3000}'),
        ('\u{fe00}', '\u{fe0f}'),
        ('\u{feff}', '\u{feff}'),
        ('\u{e0001}', '\u{e0001}'),
        ('\u{e0020}', '\u{e007f}'),
        ('\u{e0100}', '\u{e01ef}'),
    ];

    fn unseen() -> impl Strategy<Value = char> {
        prop::sample::select(UNSEEN).prop_flat_map(|(first, last)| prop::char::range(first, last))
    }

    proptest! {
        #[test]
        fn a_text_with_something_unseen_around_it_is_the_same_text_or_none(
            text in "[A-Za-z0-9-]{1,20}", before in prop::collection::vec(unseen(), 0..4),
            after in prop::collection::vec(unseen(), 0..4),
        ) {
            let around: String = before.iter().copied().chain(text.chars()).chain(after).collect();
            if let Ok(read) = visible(&around) {
                prop_assert_eq!(read, text);
            }
        }

        #[test]
        fn an_invisible_character_is_named_with_its_place(
            head in "[A-Za-z0-9é]{1,20}", tail in "[A-Za-z0-9]{0,20}", character in unseen(),
        ) {
            let text = format!(" {head}{character}{tail}");
            match visible(&text) {
                Ok(read) => prop_assert!(character.is_whitespace(), "{:?}", read),
                Err(found) => {
                    let place = head.chars().count() + 1;
                    prop_assert_eq!(found, Invisible { character, place });
                    let named = format!("U+{:04X}", u32::from(character));
                    prop_assert!(found.to_string().contains(&named), "{}", found);
                }
            }
        }

        #[test]
        fn what_people_see_is_kept(text in "[a-zA-Z0-9äßéñ漢字_.:/ -]{0,20}[a-z]") {
            prop_assert_eq!(visible(&text), Ok(text.trim()));
        }
    }
}
