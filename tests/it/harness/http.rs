//! A client site that speaks HTTP.

use super::process::{Process, SECRET};
use redeemq::domain::id::ClientId;
use redeemq::secrets::{Secrets, TOKEN_LIFE};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
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

    pub fn job_id(&self) -> String {
        let id = &self.body["response"]["job_id"];
        id.as_str().unwrap_or_else(|| panic!("no job id in {}", self.text)).to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Caller {
    /// Somebody without a token.
    pub fn stranger(process: &Process) -> Self {
        let http = reqwest::Client::new();
        Self { http, base: process.http.clone(), token: String::new() }
    }

    /// With a token as `/Auth` would give it, without the cost of hashing a secret.
    pub fn with_minted_token(process: &Process, client: &str, generation: i32) -> Self {
        let secrets = Secrets::parse(&SECRET.to_owned().into()).expect("a secret");
        let client = ClientId::parse(client).expect("a client id");
        let token = secrets.token(&client, generation, redeemq::wire::now() + TOKEN_LIFE);
        Self { token, ..Self::stranger(process) }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or_default();
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
