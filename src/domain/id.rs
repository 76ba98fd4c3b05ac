//! Names that came from outside, checked once at the edge.

use crate::domain::visible::{Invisible, visible};
use std::fmt;
use std::sync::Arc;

/// Longest id or code, in bytes.
pub const ID_MAX_BYTES: usize = 128;
/// Longest client id, in bytes.
pub const CLIENT_ID_MAX_BYTES: usize = 64;

/// Why a text is no [`Id`] or [`ClientId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// Nothing but white space.
    #[error("must not be blank")]
    Blank,
    /// More bytes than the bound.
    #[error("must not be longer than {0} bytes")]
    TooLong(usize),
    /// A control character, which no log, table or terminal should meet.
    #[error("must not contain control characters")]
    Control,
    /// A character that nobody sees, which would make two ids of what people take for one.
    #[error("must not contain invisible characters: {0}")]
    Invisible(#[from] Invisible),
    /// Outside the alphabet of client ids.
    #[error("must be lower-case letters, digits and hyphens")]
    Alphabet,
}

/// The text without white space around it: the rule of ids, and of names for people.
///
/// # Errors
/// When it is blank, longer than so many bytes, or has a control or an invisible character.
pub fn checked(text: &str, bytes_max: usize) -> Result<&str, BadId> {
    let text = visible(text)?;
    match text {
        "" => Err(BadId::Blank),
        _ if text.len() > bytes_max => Err(BadId::TooLong(bytes_max)),
        _ if text.chars().any(char::is_control) => Err(BadId::Control),
        _ => Ok(text),
    }
}

/// A player, goods, group, coupon code or branch name: 1 to 128 bytes, no control and no invisible
/// characters, no white space around it. Upper and lower case are different.
/// Cheap to clone, for one batch names the same goods hundreds of times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

impl Id {
    /// Checks the bounds; the text is kept as it came, without white space around it.
    ///
    /// # Errors
    /// [`BadId`] says which bound was broken.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        Ok(Self(checked(text, ID_MAX_BYTES)?.into()))
    }

    /// A name that the database vouches for.
    pub fn trusted(text: String) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client site: `[a-z0-9-]{1,64}`, since it is also a word of a routing key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Checks length and alphabet.
    ///
    /// # Errors
    /// [`BadId`] says which bound was broken.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        match text.len() {
            0 => Err(BadId::Blank),
            n if n > CLIENT_ID_MAX_BYTES => Err(BadId::TooLong(CLIENT_ID_MAX_BYTES)),
            _ if text.bytes().all(allowed) => Ok(Self(text.into())),
            _ => Err(BadId::Alphabet),
        }
    }

    /// An id that the database vouches for.
    pub fn trusted(text: String) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_bounded_in_bytes_and_free_of_control_characters() {
        assert!(Id::parse("p-1").is_ok());
        assert!(Id::parse(&"x".repeat(128)).is_ok());
        assert_eq!(Id::parse(&"x".repeat(129)), Err(BadId::TooLong(128)));
        assert_eq!(Id::parse(&"é".repeat(65)), Err(BadId::TooLong(128)));
        assert_eq!(Id::parse(" \t"), Err(BadId::Blank));
        assert_eq!(Id::parse("a\0b"), Err(BadId::Control));
        assert_eq!(Id::parse("a\u{85}b"), Err(BadId::Control));
        assert!(matches!(Id::parse("a\u{200b}"), Err(BadId::Invisible(_))));
        assert_eq!(Id::parse("\u{3000}TICKET-7\r\n"), Id::parse("TICKET-7"));
    }

    #[test]
    fn a_client_id_fits_a_routing_key_word() {
        assert!(ClientId::parse("acme-2").is_ok());
        for bad in ["", "Acme", "a.b", "a*", "a#", "a b", &"a".repeat(65)] {
            assert!(ClientId::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
