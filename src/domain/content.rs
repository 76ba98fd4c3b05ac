//! What a request asks for, as a fingerprint.

use super::operation::Operation;
use super::params::Params;
use sha2::{Digest, Sha256};

pub(super) const CONTENT_BYTES: usize = 8;

/// Parameters that never take part in a fingerprint: they are secrets, or differ between retries.
const SECRET_PARAMS: [&str; 3] = ["token", "pin_code", "pin_hashes"];

/// Fingerprint of operation and parameters: it guards a client against its own mistakes, not
/// against an attacker, so 64 bits do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content(pub [u8; CONTENT_BYTES]);

impl Content {
    /// Hashes the fields with their lengths, so that no two lists of fields run together.
    pub fn of(operation: Operation, fields: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(operation.as_str());
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        let mut content = [0; CONTENT_BYTES];
        content.copy_from_slice(&hash.finalize()[..CONTENT_BYTES]);
        Self(content)
    }

    /// For parameters that are no request: still the same for the same bytes of meaning.
    pub fn of_unacceptable(operation: Operation, params: &Params) -> Self {
        Self::of(operation, &["unacceptable", &params.canonical_without(&SECRET_PARAMS)])
    }

    /// For parameters that are not even an object: they may hold secrets, so all of them are the same.
    pub fn of_unreadable(operation: Operation) -> Self {
        Self::of(operation, &["unreadable"])
    }
}
