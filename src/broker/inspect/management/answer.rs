//! One answer of the management API: what it says, or what to do about its refusal.

use crate::broker::error::{BrokerError, Result};
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use serde::de::DeserializeOwned;

pub(super) struct Answer(pub(super) Response<Bytes>);

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.0.status()
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(self.0.body()).map_err(failed)
    }

    pub(super) fn refusal<T>(&self) -> Result<T> {
        Err(BrokerError::Management(match self.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "it does not let us ask this: the password is wrong, or the user lacks a tag (monitoring; administrator for the rights of users)".to_owned(),
            StatusCode::NOT_FOUND => "there is no such thing: is it the API of this broker?".to_owned(),
            status => format!("it answered {status}"),
        }))
    }
}

pub(super) fn failed(error: impl std::error::Error) -> BrokerError {
    BrokerError::Management(error.to_string())
}
