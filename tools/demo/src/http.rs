//! HTTP as callers speak it, with the client that redeemq itself asks others with: another one would be
//! more to build.

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use redeemq::client::Client;
use serde_json::Value;
use url::Url;

const ANSWER_MAX: usize = 1024 * 1024;

/// Status and body of an answer.
pub type Answer = (u16, String);

/// A request with a JSON body, or none; a user and a password in the URL become a header.
pub async fn ask(
    client: &Client,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> anyhow::Result<Answer> {
    let mut url = Url::parse(url).context("a URL")?;
    let mut request = Request::builder().method(method).header(CONTENT_TYPE, "application/json");
    if let Some(password) = url.password() {
        let pair = BASE64_STANDARD.encode(format!("{}:{password}", url.username()));
        request = request.header(AUTHORIZATION, format!("Basic {pair}"));
        let removed = url.set_password(None).and_then(|()| url.set_username(""));
        removed.ok().context("a URL with a host")?;
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    finish(client, request.uri(url.as_str()).body(Full::new(Bytes::from(body)))?).await
}

/// A POST with a form.
pub async fn post_form(
    client: &Client,
    url: &str,
    fields: &[(&str, &str)],
) -> anyhow::Result<Answer> {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    finish(client, request.body(Full::new(Bytes::from(form)))?).await
}

async fn finish(client: &Client, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
    let answer = client.ask(request, ANSWER_MAX).await?;
    Ok((answer.status().as_u16(), String::from_utf8(answer.into_body().into())?))
}
