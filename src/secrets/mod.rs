//! Everything that is keyed with `REDEEMQ_SECRET`: tokens, the MAC of job ids, PIN hashes.
//!
//! Several secrets may be configured: the first signs, all verify. Each is split into keys of one
//! purpose, so that no MAC of one kind is ever one of another. Verification is constant-time.

pub mod option;

use crate::domain::content::Content;
use crate::domain::id::ClientId;
use crate::domain::job::{JobId, MAC_BYTES};
use crate::domain::request::PIN_HASHES_MAX;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub const TOKEN_LIFE: Duration = Duration::days(3);
pub const SECRET_MIN_BYTES: usize = 32;

/// Shortest part of a text that counts as quoted.
const QUOTED_MIN_BYTES: usize = 3;

type Keyed = Hmac<Sha256>;

/// A secret list that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableSecrets {
    /// The secret at this position, counted from 1.
    #[error(
        "REDEEMQ_SECRET: secret {0} of the list has less than 32 bytes; make one with `openssl rand -hex 32`"
    )]
    TooShort(usize),
    /// This many.
    #[error(
        "REDEEMQ_SECRET: {0} secrets are too many: a request carries a PIN's hash under each, and may carry 4; drop the oldest, after `redeemq branch new-pin` for the branches that still have a PIN under it"
    )]
    TooMany(usize),
}

/// The configured secrets, each split into keys of one purpose.
#[derive(Clone)]
pub struct Secrets {
    first: Keys,
    older: Vec<Keys>,
}

#[derive(Clone)]
struct Keys {
    id: String,
    job: Keyed,
    token: Keyed,
    pin: Keyed,
}

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The client that it was given to.
    pub client: ClientId,
    /// Renewing raises the client's generation; tokens of earlier ones are void.
    pub generation: i32,
    /// From this instant on it is void.
    pub expires_at: OffsetDateTime,
}

impl Secrets {
    /// Reads the comma-separated list; the first secret signs.
    ///
    /// # Errors
    /// When one of the secrets is too short, or they are too many.
    pub fn parse(list: &SecretString) -> Result<Self, UnusableSecrets> {
        let mut keys = Vec::new();
        for (i, secret) in list.expose_secret().split(',').map(str::trim).enumerate() {
            if secret.len() < SECRET_MIN_BYTES {
                return Err(UnusableSecrets::TooShort(i + 1));
            }
            keys.push(Keys::derive(secret.as_bytes()));
        }
        if keys.len() > PIN_HASHES_MAX {
            return Err(UnusableSecrets::TooMany(keys.len()));
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(UnusableSecrets::TooShort(1))?;
        Ok(Self { first, older: keys.collect() })
    }

    fn all(&self) -> impl Iterator<Item = &Keys> {
        std::iter::once(&self.first).chain(&self.older)
    }

    /// The job id that a client gets for this key and content.
    pub fn job_id(&self, client: &ClientId, key: Uuid, content: Content) -> JobId {
        let mut mac = [0; MAC_BYTES];
        let full = over_job(&self.first.job, client, key, content).finalize().into_bytes();
        mac.copy_from_slice(&full[..MAC_BYTES]);
        JobId::Given { key, content, mac }
    }

    /// Whether this job id was given to this client.
    pub fn gave(&self, client: &ClientId, id: &JobId) -> bool {
        match id {
            JobId::Foreign(_) => false,
            JobId::Given { key, content, mac } => self.all().any(|keys| {
                over_job(&keys.job, client, *key, *content).verify_truncated_left(mac).is_ok()
            }),
        }
    }

    /// The token of a client: the same text for the same generation and expiry.
    pub fn token(&self, client: &ClientId, generation: i32, expires_at: OffsetDateTime) -> String {
        let claims = format!("{client}.{generation}.{}", expires_at.unix_timestamp());
        let mac = self.first.token.clone().chain_update(&claims).finalize().into_bytes();
        format!("{claims}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Reads a token; none when it is forged, garbled or expired.
    pub fn read_token(&self, text: &str, now: OffsetDateTime) -> Option<Token> {
        self.signed_token(text).filter(|token| now < token.expires_at)
    }

    /// Reads a token that we signed, expired or not.
    pub(crate) fn signed_token(&self, text: &str) -> Option<Token> {
        let (claims, mac) = text.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        let verifies = |keys: &Keys| keys.token.clone().chain_update(claims).verify_slice(&mac);
        self.all().find(|keys| verifies(keys).is_ok())?;
        let mut claims = claims.split('.');
        Some(Token {
            client: ClientId::parse(claims.next()?).ok()?,
            generation: claims.next()?.parse().ok()?,
            expires_at: OffsetDateTime::from_unix_timestamp(claims.next()?.parse().ok()?).ok()?,
        })
    }

    /// The hashes of a PIN under every configured secret, by key id: what travels instead of it.
    pub fn pin_hashes(&self, pin: &str) -> BTreeMap<String, String> {
        self.all().map(|keys| (keys.id.clone(), hex(over_pin(keys, pin)))).collect()
    }

    /// Key id and hash of a new PIN: what is stored instead of it.
    pub fn new_pin_hash(&self, pin: &str) -> (String, String) {
        (self.first.id.clone(), hex(over_pin(&self.first, pin)))
    }
}

/// A library's error about a text that holds a password, unless it quotes any part of that text.
pub fn unless_quoting<'a>(words: &'a str, text: &SecretString) -> &'a str {
    let mut pieces = text.expose_secret().split(|c: char| !c.is_alphanumeric());
    match pieces.any(|piece| piece.len() >= QUOTED_MIN_BYTES && words.contains(piece)) {
        true => "details are not shown, as they may contain a password",
        false => words,
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(|keys| &keys.id)).finish()
    }
}

impl Keys {
    fn derive(secret: &[u8]) -> Self {
        let derive = |purpose: &str| keyed(secret).chain_update(purpose).finalize().into_bytes();
        Self {
            id: hex(&derive("redeemq key id")[..4]),
            job: keyed(&derive("redeemq job id")),
            token: keyed(&derive("redeemq token")),
            pin: keyed(&derive("redeemq pin")),
        }
    }
}

fn keyed(key: &[u8]) -> Keyed {
    Keyed::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn over_job(keyed: &Keyed, client: &ClientId, key: Uuid, content: Content) -> Keyed {
    // Fixed lengths first: the variable part can't run into them.
    keyed.clone().chain_update(key.as_bytes()).chain_update(content.0).chain_update(client.as_str())
}

fn over_pin(keys: &Keys, pin: &str) -> impl AsRef<[u8]> {
    keys.pin.clone().chain_update(pin).finalize().into_bytes()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(list: &str) -> Secrets {
        Secrets::parse(&SecretString::from(list.to_owned())).expect("long enough")
    }

    fn client(id: &str) -> ClientId {
        ClientId::parse(id).expect("a client id")
    }

    const OLD: &str = "old-secret-old-secret-old-secret-";
    const NEW: &str = "new-secret-new-secret-new-secret-";

    #[test]
    fn a_rotated_secret_goes_on_verifying_what_it_signed() {
        let (old, new, both) = (secrets(OLD), secrets(NEW), secrets(&format!("{NEW},{OLD}")));
        let now = OffsetDateTime::now_utc();
        let id = old.job_id(&client("a"), Uuid::now_v7(), Content([1; 8]));
        let token = old.token(&client("a"), 3, now + TOKEN_LIFE);
        let (key_id, hash) = old.new_pin_hash("1234567");

        assert!(both.gave(&client("a"), &id) && !new.gave(&client("a"), &id));
        assert_eq!(both.read_token(&token, now).map(|t| t.generation), Some(3));
        assert_eq!(new.read_token(&token, now), None);
        assert_eq!(both.pin_hashes("1234567").get(&key_id), Some(&hash));
        assert_eq!(both.new_pin_hash("1234567"), new.new_pin_hash("1234567"));
    }

    #[test]
    fn an_id_belongs_to_the_client_it_was_given_to() {
        let secrets = secrets(NEW);
        let (key, content) = (Uuid::now_v7(), Content([1; 8]));
        let id = secrets.job_id(&client("a"), key, content);
        assert!(secrets.gave(&client("a"), &id));
        assert!(!secrets.gave(&client("b"), &id));
        assert!(!secrets.gave(&client("a"), &secrets.job_id(&client("b"), key, content)));
        assert!(!secrets.gave(&client("a"), &JobId::Foreign(key)));
    }

    #[test]
    fn a_token_changed_in_any_character_is_void() {
        let secrets = secrets(NEW);
        let now = OffsetDateTime::now_utc();
        let token = secrets.token(&client("a"), 0, now + TOKEN_LIFE);
        assert!(secrets.read_token(&token, now).is_some());
        for i in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[i] = if forged[i] == b'1' { b'2' } else { b'1' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(secrets.read_token(&forged, now), None, "{forged}");
        }
        assert_eq!(secrets.read_token(&token, now + TOKEN_LIFE), None);
        assert_eq!(secrets.signed_token(&token).map(|t| t.client), Some(client("a")));
        assert_eq!(secrets.signed_token(&format!("{token}x")), None);
    }

    #[test]
    fn words_about_a_text_are_shown_only_if_they_repeat_nothing_of_it() {
        let url = SecretString::from("amqp:me:pass-word@host");
        assert_eq!(unless_quoting("invalid port number", &url), "invalid port number");
        for words in ["Invalid URL: 'amqp:me:pass-word@host'", "invalid: word", "no host"] {
            assert!(unless_quoting(words, &url).contains("are not shown"), "{words}");
        }
    }

    #[test]
    fn a_short_secret_is_refused_by_its_place_and_never_shown() {
        let error = Secrets::parse(&SecretString::from(format!("{NEW},short"))).expect_err("short");
        assert_eq!(error, UnusableSecrets::TooShort(2));
        assert!(!error.to_string().contains("short,"));
        assert!(!format!("{:?}", secrets(NEW)).contains("secret"));
    }

    #[test]
    fn no_more_secrets_are_in_force_than_a_message_can_carry_hashes() {
        let list = |secrets: usize| SecretString::from(vec![NEW; secrets].join(","));
        assert!(Secrets::parse(&list(PIN_HASHES_MAX)).is_ok());
        let error = Secrets::parse(&list(PIN_HASHES_MAX + 1)).expect_err("too many");
        assert_eq!(error, UnusableSecrets::TooMany(5));
    }
}
