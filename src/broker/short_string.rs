//! Texts as the protocol's short strings: at most 255 bytes.

use lapin::types::ShortString;

/// A text from outside; none when it is longer than 255 bytes. The client library's own conversion
/// would panic.
pub fn short(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}

/// A text of our own. A name of ours that were too long would be another name when cut.
///
/// # Panics
/// When it has more than 255 bytes.
pub fn own(text: &str) -> ShortString {
    short(text).expect("names of our own have at most 255 bytes")
}
