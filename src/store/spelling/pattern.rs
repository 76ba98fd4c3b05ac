//! The rule of [`crate::domain::visible`] as regular expressions of Postgres.

use crate::domain::visible::{is_invisible, is_outer};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// What no id or code has had since the rule is checked on the way in.
#[derive(Debug)]
pub(super) struct Patterns {
    /// An id or code that nobody can name, since it would be read as another or refused.
    pub(super) unreachable: String,
    /// What nobody sees, wherever it stands.
    pub(super) unseen: String,
    /// White space around the rest.
    pub(super) around: String,
}

pub(super) static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let unseen = class(|character| is_invisible(character) || character.is_control());
    let outer = class(is_outer);
    Patterns {
        unreachable: format!("^{outer}|{outer}$|{unseen}"),
        around: format!("^{outer}+|{outer}+$"),
        unseen,
    }
});

/// A bracket expression for these characters, as ranges of code points. No text of Postgres has U+0000.
fn class(holds: impl Fn(char) -> bool) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for point in ('\u{1}'..=char::MAX).filter(|character| holds(*character)).map(u32::from) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == point => *last = point,
            _ => ranges.push((point, point)),
        }
    }
    let mut class = "[".to_owned();
    for (first, last) in ranges {
        _ = write!(class, "\\U{first:08X}-\\U{last:08X}");
    }
    class + "]"
}
