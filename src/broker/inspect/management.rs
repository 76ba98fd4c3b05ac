//! The broker's management API: what AMQP can't tell, the policies above all.

use crate::broker::connection::in_time;
use crate::broker::error::{BrokerError, Result};
use crate::client::Client;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

/// Answers about one queue have some 10 KiB.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Asks the API about one vhost.
pub struct Management {
    http: Client,
    /// Without user and password.
    url: Url,
    credentials: HeaderValue,
    vhost: String,
}

struct Answer(Response<Bytes>);

/// A queue as it really is.
#[derive(Debug, Deserialize)]
pub struct RealQueue {
    /// The arguments that it was declared with.
    pub arguments: Map<String, Value>,
    /// What policies and operator policies together ask of it; the broker learns that some seconds
    /// after a queue was declared.
    #[serde(rename = "effective_policy_definition", default, deserialize_with = "table")]
    pub policy: Option<Map<String, Value>>,
    /// The policy's name.
    #[serde(rename = "policy")]
    pub policy_name: Option<String>,
    /// The operator policy's name.
    #[serde(rename = "operator_policy")]
    pub operator_policy_name: Option<String>,
}

/// What fills a queue.
#[derive(Debug, Deserialize)]
pub struct Binding {
    /// The exchange.
    pub source: String,
    /// By this key.
    pub routing_key: String,
}

/// Where a user has rights.
#[derive(Debug, Deserialize)]
pub struct Permission {
    /// In this vhost.
    pub vhost: String,
}

#[derive(Deserialize)]
struct User {
    tags: Value,
}

#[derive(Deserialize)]
struct Alarms {
    status: String,
    #[serde(default)]
    alarms: Vec<Map<String, Value>>,
}

impl Management {
    /// A client for the vhost of the AMQP connections.
    ///
    /// # Errors
    /// When the URL can't be read, or this machine knows no certificates to trust.
    pub fn new(url: &SecretString, vhost: &str) -> Result<Self> {
        let hint = "RABBITMQ_MANAGEMENT_URL can't be read: it is http://user:password@host:15672";
        let unreadable = || BrokerError::Management(hint.to_owned());
        let mut url = Url::parse(url.expose_secret()).map_err(|_| unreadable())?;
        let credentials = credentials(&url).ok_or_else(unreadable)?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(unreadable());
        }
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| unreadable())?;
        let http = Client::new().map_err(failed)?;
        Ok(Self { http, url, credentials, vhost: vhost.to_owned() })
    }

    /// A queue; none when there is none.
    ///
    /// # Errors
    /// When the API is away or refuses.
    pub async fn queue(&self, name: &str) -> Result<Option<RealQueue>> {
        self.find(&["queues", &self.vhost, name]).await
    }

    /// What is bound to a queue; none when there is none.
    ///
    /// # Errors
    /// When the API is away or refuses.
    pub async fn bindings(&self, queue: &str) -> Result<Option<Vec<Binding>>> {
        self.find(&["queues", &self.vhost, queue, "bindings"]).await
    }

    /// The tags of a user, such as `administrator`.
    ///
    /// # Errors
    /// When the API is away, or tells that to administrators only.
    pub async fn tags(&self, user: &str) -> Result<Vec<String>> {
        let user: User = self.get(&["users", user]).await?;
        Ok(match user.tags {
            Value::Array(tags) => {
                tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
            }
            // Before 3.9 it was one text.
            Value::String(tags) => {
                tags.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        })
    }

    /// The vhosts that a user has rights in.
    ///
    /// # Errors
    /// When the API is away, or tells that to administrators only.
    pub async fn vhosts(&self, user: &str) -> Result<Vec<String>> {
        let permissions: Vec<Permission> = self.get(&["users", user, "permissions"]).await?;
        Ok(permissions.into_iter().map(|permission| permission.vhost).collect())
    }

    /// The alarms that block publishers now, as in `memory on rabbit@one`.
    ///
    /// # Errors
    /// When the API is away or refuses.
    pub async fn alarms(&self) -> Result<Vec<String>> {
        // Alarms come with the status 503.
        let answer = self.ask(&["health", "checks", "alarms"]).await?;
        let known = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&answer.status());
        let checked: Alarms = if known { answer.read()? } else { return answer.refusal() };
        let text = |alarm: &Map<String, Value>, field: &str| {
            alarm.get(field).and_then(Value::as_str).unwrap_or("?").to_owned()
        };
        let told: Vec<String> = checked
            .alarms
            .iter()
            .map(|alarm| format!("{} on {}", text(alarm, "resource"), text(alarm, "node")))
            .collect();
        let untold = checked.status != "ok" && told.is_empty();
        Ok(if untold { vec!["of an unknown kind".to_owned()] } else { told })
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T> {
        let answer = self.ask(path).await?;
        if answer.status().is_success() { answer.read() } else { answer.refusal() }
    }

    async fn find<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Option<T>> {
        let answer = self.ask(path).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => answer.read().map(Some),
            _ => answer.refusal(),
        }
    }

    async fn ask(&self, path: &[&str]) -> Result<Answer> {
        let mut url = self.url.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            // Every part is escaped: the default vhost is a slash.
            parts.pop_if_empty().push("api").extend(path);
        }
        let request = Request::get(url.as_str()).header(AUTHORIZATION, &self.credentials);
        let request = request.body(Full::default()).map_err(failed)?;
        let asking = async { self.http.ask(request, ANSWER_MAX).await.map_err(failed) };
        in_time("the management API", asking).await.map(Answer)
    }
}

impl Answer {
    fn status(&self) -> StatusCode {
        self.0.status()
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(self.0.body()).map_err(failed)
    }

    fn refusal<T>(&self) -> Result<T> {
        Err(BrokerError::Management(match self.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "it does not let us ask this: the password is wrong, or the user lacks a tag (monitoring; administrator for the rights of users)".to_owned(),
            StatusCode::NOT_FOUND => "there is no such thing: is it the API of this broker?".to_owned(),
            status => format!("it answered {status}"),
        }))
    }
}

/// User and password of a URL, as a header that no log shows.
fn credentials(url: &Url) -> Option<HeaderValue> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
    let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let mut header = HeaderValue::from_str(&format!("Basic {basic}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn failed(error: impl std::error::Error) -> BrokerError {
    BrokerError::Management(error.to_string())
}

/// An empty table comes as an empty list.
fn table<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(table) => Some(table),
        Value::Null => None,
        _ => Some(Map::new()),
    })
}
