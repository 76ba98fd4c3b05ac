//! One request, read: its parameters, its token, and how its client is answered.

use super::answers::Answering;
use super::body;
use super::headers;
use super::response::Rejection;
use super::state::AppState;
use super::tokens::Bearer;
use crate::domain::answer_mode::AnswerMode;
use crate::domain::params::{Given, Params};
use axum::extract::Request;
use axum::http::Method;
use axum::http::request::Parts;

pub(super) struct Call {
    pub(super) parts: Parts,
    pub(super) params: Params,
    pub(super) bearer: Bearer,
    pub(super) answers: AnswerMode,
}

impl Call {
    /// Reads a request with its body.
    ///
    /// # Errors
    /// Those of [`body::read`], and 2302 for a token that is no text.
    pub(super) async fn read(state: &AppState, request: Request) -> Result<Self, Rejection> {
        let (parts, body) = request.into_parts();
        let params = body::read(&parts, body).await?;
        Self::of(state, parts, params)
    }

    /// Finds out whose request it is, and tells [`super::answers`] how it is answered.
    ///
    /// # Errors
    /// 2302 for a token that is no text.
    pub(super) fn of(state: &AppState, parts: Parts, params: Params) -> Result<Self, Rejection> {
        let token = token(&parts, &params);
        let bearer = state.tokens.read(token.as_ref().ok().and_then(Option::as_deref));
        let answers = match bearer {
            Bearer::Signed(_) => state.tokens.answers(&bearer, None),
            Bearer::Missing | Bearer::Void => {
                let query = headers::query(&parts.uri);
                let api_key =
                    query.text_if_good("api_key").or_else(|| params.text_if_good("api_key"));
                state.tokens.answers(&bearer, api_key)
            }
        };
        Answering::tell(&parts.extensions, answers);
        token?;
        Ok(Self { parts, params, bearer, answers })
    }
}

/// The token: a parameter, else a header, else (for GET) a query parameter.
fn token(parts: &Parts, params: &Params) -> Result<Option<String>, Rejection> {
    let given = |params: &Params| match params.text("token") {
        Given::Good(token) => Ok(Some(token.to_owned())),
        Given::Missing => Ok(None),
        Given::Unacceptable | Given::Invisible(_) => Err(Rejection::invalid("token")),
    };
    if let Some(token) = given(params)? {
        return Ok(Some(token));
    }
    match headers::bearer(&parts.headers) {
        Some(token) => Ok(Some(token.to_owned())),
        None if parts.method == Method::GET => {
            let query = Params::from_form(parts.uri.query().unwrap_or_default().as_bytes());
            given(&query.map_err(|error| Rejection::not_utf8(&error))?)
        }
        None => Ok(None),
    }
}
