//! One job, and the id that names it.
//!
//! An id is made of three parts. K names the job within its client and is the ledger's key: random
//! and time-ordered, or a plain hash of client and idempotency key (never keyed with a secret, so
//! that rotating secrets leaves it alone). C fingerprints the content, so that a key used again
//! for something else is noticed. M binds both to the client: it tells an id that was given from
//! one that was not, without a write on the way in. Trusted publishers over AMQP use a UUID, which is K.

use super::content::{CONTENT_BYTES, Content};
use super::id::ClientId;
use super::operation::Operation;
use super::outcome::Refusal;
use super::request::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

/// Bytes of the MAC within an id: 128 bits can't be guessed.
pub const MAC_BYTES: usize = 16;
const ID_BYTES: usize = 16 + CONTENT_BYTES + MAC_BYTES;

/// K for an idempotency key: a plain hash of client and key.
pub fn key_for(client: &ClientId, idempotency_key: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update((client.as_str().len() as u64).to_be_bytes());
    hash.update(client.as_str());
    hash.update(idempotency_key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A job id taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobId {
    /// Given by an ingress.
    Given {
        /// K
        key: Uuid,
        /// C
        content: Content,
        /// M
        mac: [u8; MAC_BYTES],
    },
    /// Chosen by a trusted publisher over AMQP.
    Foreign(Uuid),
}

impl JobId {
    /// Reads either kind; none for a text that no one can have been given. A UUID may have any of its usual
    /// forms; its one canonical form, which is written, is in lower case with hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(key) = Uuid::try_parse(text) {
            return Some(JobId::Foreign(key));
        }
        let bytes: [u8; ID_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (key, rest) = bytes.split_first_chunk()?;
        let (content, mac) = rest.split_first_chunk()?;
        Some(JobId::Given {
            key: Uuid::from_bytes(*key),
            content: Content(*content),
            mac: mac.try_into().ok()?,
        })
    }

    /// K, the ledger's key.
    pub fn key(&self) -> Uuid {
        match self {
            JobId::Given { key, .. } | JobId::Foreign(key) => *key,
        }
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            JobId::Given { key, content, mac } => {
                let bytes = [key.as_bytes().as_slice(), &content.0, mac].concat();
                f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
            }
            JobId::Foreign(key) => write!(f, "{key}"),
        }
    }
}

/// One job as a worker takes it from the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The id in its canonical form.
    pub job_id: String,
    /// K.
    pub key: Uuid,
    /// C, made from the parameters that came.
    pub content: Content,
    /// Whose job.
    pub client: ClientId,
    /// Which operation.
    pub operation: Operation,
    /// The instant at which it is judged.
    pub accepted_at: OffsetDateTime,
    /// What is asked, or why that can't be read: such a job is decided as well.
    pub request: Result<Request, Refusal>,
}

impl Job {
    /// Ledger key.
    pub fn ledger_key(&self) -> (ClientId, Uuid) {
        (self.client.clone(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_url_safe_and_reads_back() {
        let id =
            JobId::Given { key: Uuid::now_v7(), content: Content([7; 8]), mac: [255; MAC_BYTES] };
        let text = id.to_string();
        assert!(text.len() <= 64, "{} characters", text.len());
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(JobId::parse(&text), Some(id));
        assert_eq!(JobId::parse(&text[1..]), None);
    }

    #[test]
    fn a_foreign_id_is_a_uuid_in_any_form_and_is_written_in_one() {
        let key = Uuid::now_v7();
        let forms = [
            key.hyphenated().to_string(),
            key.simple().to_string(),
            key.braced().to_string(),
            key.urn().to_string(),
            key.hyphenated().to_string().to_uppercase(),
            key.simple().to_string().to_uppercase(),
        ];
        for form in forms {
            let id = JobId::parse(&form);
            assert_eq!(id, Some(JobId::Foreign(key)), "{form}");
            assert_eq!(id.map(|id| id.to_string()), Some(key.to_string()), "{form}");
        }
        for bad in ["", "1", "not-a-uuid-at-all-but-36-characters-x", "ffff", "{}", "urn:uuid:"] {
            assert_eq!(JobId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_key_of_two_clients_names_two_jobs() {
        let client = |id| ClientId::parse(id).expect("a client id");
        assert_eq!(key_for(&client("a"), "k"), key_for(&client("a"), "k"));
        assert_ne!(key_for(&client("a"), "k"), key_for(&client("b"), "k"));
        assert_ne!(key_for(&client("a"), "bk"), key_for(&client("ab"), "k"));
    }
}
