//! A client site that speaks HTTP.

use super::process::{Process, SECRET};
use super::{PATIENCE, instant, leaks};
use redeemq::domain::id::ClientId;
use redeemq::secrets::{Secrets, TOKEN_LIFE};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::borrow::Cow;

/// What every answer consists of; a decision may add `refused_by`.
const ENVELOPE: [&str; 7] =
    ["error_code", "message", "response", "success", "time", "timestamp", "version"];

#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    site: String,
    pub base: String,
    pub token: String,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["error_code"].as_str().unwrap_or_default()
    }

    /// Status and code, of an answer that must have the shape that all of them have.
    pub fn said(&self) -> (u16, &str) {
        let text = &self.text;
        assert_eq!(self.header("content-type"), "application/json", "{text}");
        let Value::Object(envelope) = &self.body else { panic!("no envelope: {text}") };
        let mut fields: Vec<&str> = envelope.keys().map(String::as_str).collect();
        fields.retain(|field| *field != "refused_by");
        fields.sort_unstable();
        assert_eq!(fields, ENVELOPE, "{text}");
        let is_success = self.code() == "0000";
        assert_eq!(envelope["success"], is_success, "{text}");
        assert!(is_success || self.code() == "3003" || envelope["response"].is_null(), "{text}");
        assert!(self.code().len() == 4 && !envelope["message"].as_str().unwrap_or("").is_empty());
        let seconds = instant(&envelope["time"]).unix_timestamp();
        assert_eq!(envelope["timestamp"], seconds, "{text}");
        (self.status, self.code())
    }

    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    pub fn job_id(&self) -> String {
        let id = &self.body["response"]["job_id"];
        id.as_str().unwrap_or_else(|| panic!("no job id in {}", self.text)).to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Those of a body, in JSON or as a form.
fn fields(body: &[u8]) -> Value {
    let pair = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into());
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::Object(form_urlencoded::parse(body).map(pair).collect()))
}

impl Caller {
    /// Somebody without a token.
    pub fn stranger(process: &Process) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
        let (base, site) = (process.http.clone(), process.site.clone());
        Self { http, site, base, token: String::new() }
    }

    /// Somebody with this token.
    pub fn with_token(process: &Process, token: &str) -> Self {
        leaks::keep(&process.site, token);
        Self { token: token.to_owned(), ..Self::stranger(process) }
    }

    /// With a token as `/Auth` would give it, without the cost of hashing a secret.
    pub fn with_minted_token(process: &Process, client: &str, generation: i32) -> Self {
        Self::with_token_signed_by(SECRET, process, client, generation)
    }

    /// The same from an ingress with another secret.
    pub fn with_token_signed_by(
        secret: &str,
        process: &Process,
        client: &str,
        generation: i32,
    ) -> Self {
        let secrets = Secrets::parse(&secret.to_owned().into()).expect("a secret");
        let client = ClientId::parse(client).expect("a client id");
        let token = secrets.token(&client, generation, redeemq::wire::now() + TOKEN_LIFE);
        Self::with_token(process, &token)
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let asked = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        leaks::keep_fields(&self.site, &fields(asked));
        let answer = client.execute(request).await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or_default();
        leaks::keep_fields(&self.site, &body);
        Answer { status, headers, text, body }
    }

    /// A request with the token as bearer.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// A post in JSON, as it is.
    pub async fn post(&self, path: &str, params: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(params)).await
    }

    /// A post in JSON that waits for the decision.
    pub async fn decide(&self, path: &str, params: &Value) -> Answer {
        let request = self.request(Method::POST, path).header("Prefer", "wait=20");
        self.send(request.json(params)).await
    }

    /// The same with an idempotency key.
    pub async fn decide_once(&self, path: &str, key: &str, params: &Value) -> Answer {
        let request = self.request(Method::POST, path).header("Prefer", "wait=20");
        self.send(request.header("Idempotency-Key", key).json(params)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// The status of a job once it is done (or dead).
    pub async fn settled(&self, job_id: &str) -> Answer {
        let request = self.request(Method::GET, &format!("/Redeem/jobs/{job_id}"));
        self.send(request.header("Prefer", "wait=20")).await
    }
}
