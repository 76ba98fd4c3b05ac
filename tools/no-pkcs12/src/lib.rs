//! Stands in for the crate of this name, which reads key stores in PKCS#12 and brings 47 crates to do so,
//! among them DES, RC2 and SHA-1. `tcp-stream`, below lapin, wants it for clients that show a certificate of
//! their own from such a file. redeemq is no such client: it has no setting for one, and never asks.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;

/// A key store, of which there is none.
#[derive(Debug)]
pub struct KeyStore(Infallible);

/// A key with its certificates, of which there is none.
#[derive(Debug)]
pub struct PrivateKeyChain(Infallible);

/// A certificate, of which there is none.
#[derive(Debug)]
pub struct Certificate(Infallible);

/// What everybody is told.
#[derive(Debug)]
pub struct Unsupported;

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("key stores in PKCS#12 are not supported")
    }
}

impl Error for Unsupported {}

impl KeyStore {
    /// Reads nothing.
    ///
    /// # Errors
    /// Always.
    pub fn from_pkcs12(_der: &[u8], _password: &str) -> Result<Self, Unsupported> {
        Err(Unsupported)
    }

    /// The first key, by its name.
    pub fn private_key_chain(&self) -> Option<(&str, &PrivateKeyChain)> {
        match self.0 {}
    }
}

impl PrivateKeyChain {
    /// The certificates.
    pub fn chain(&self) -> &[Certificate] {
        match self.0 {}
    }

    /// The key, in PKCS#8.
    pub fn key(&self) -> &[u8] {
        match self.0 {}
    }
}

impl Certificate {
    /// Its bytes.
    pub fn as_der(&self) -> &[u8] {
        match self.0 {}
    }
}
