//! Answers synchronous clients as the original service did: every envelope with status 200.
//!
//! A handler tells how its request is answered once it has read whose it is. Where it never gets so far (an unknown
//! path, a body that can't be read, too many requests), headers and URL decide.

use super::headers;
use super::state::AppState;
use crate::domain::answer_mode::AnswerMode;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::{Arc, Mutex, PoisonError};

/// How one request is answered, once that is known; an extension of each request.
#[derive(Clone, Default)]
pub(super) struct Answering(Arc<Mutex<Option<AnswerMode>>>);

impl Answering {
    /// Notes it for the request with these extensions.
    pub(super) fn tell(extensions: &Extensions, answers: AnswerMode) {
        if let Some(Answering(known)) = extensions.get() {
            *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(answers);
        }
    }

    fn known(&self) -> Option<AnswerMode> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes 200 of the status of each refusal for a synchronous client.
pub(super) async fn status_for_client(
    State(state): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let answering = Answering::default();
    request.extensions_mut().insert(answering.clone());
    let uri = request.uri().clone();
    let authorization = request.headers().get(header::AUTHORIZATION).cloned();
    let mut response = next.run(request).await;
    if response.status().is_success() || !is_envelope(&response) {
        return response;
    }
    let answers =
        answering.known().unwrap_or_else(|| by_headers(&state, &uri, authorization.as_ref()));
    if answers == AnswerMode::Sync {
        *response.status_mut() = StatusCode::OK;
    }
    response
}

fn by_headers(state: &AppState, uri: &Uri, authorization: Option<&HeaderValue>) -> AnswerMode {
    let query = headers::query(uri);
    let bearer = authorization.and_then(headers::bearer_in);
    let bearer = state.tokens.read(bearer.or_else(|| query.text_if_good("token")));
    state.tokens.answers(&bearer, query.text_if_good("api_key"))
}

fn is_envelope(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE)
        == Some(&HeaderValue::from_static("application/json"))
}
