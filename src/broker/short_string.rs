//! Texts as the protocol's short strings: at most 255 bytes.

use lapin::types::ShortString;

/// A text from outside; none when it is longer than 255 bytes. The client library's own conversion
/// would panic.
pub fn try_short_string(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}

/// A text of our own. Cut to fit, a name would be another name.
///
/// # Panics
/// When it has more than 255 bytes.
pub fn short_string(text: &str) -> ShortString {
    try_short_string(text).expect("names of our own have at most 255 bytes")
}
