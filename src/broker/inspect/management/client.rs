//! The client of the management API.

use crate::broker::connection::in_time;
use crate::broker::error::{BrokerError, Result};
use crate::broker::inspect::management::answer::{Answer, failed};
use crate::broker::inspect::management::shapes::{Alarms, Binding, Permission, RealQueue, User};
use crate::client::Client;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Request, StatusCode};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{DeserializeOwned, IgnoredAny};
use url::Url;

/// Answers about one queue have some 10 KiB.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Asks the API about one vhost.
pub(crate) struct Management {
    http: Client,
    /// Without user and password.
    url: Url,
    credentials: HeaderValue,
    vhost: String,
}

impl Management {
    /// A client for the vhost of the AMQP connections.
    ///
    /// # Errors
    /// When the URL can't be read, or is https and this machine knows no certificates to trust.
    pub(crate) fn new(url: &SecretString, vhost: &str) -> Result<Self> {
        let hint = "RABBITMQ_MANAGEMENT_URL can't be read: it is http://user:password@host:15672";
        let unreadable = || BrokerError::Management(hint.to_owned());
        let mut url = Url::parse(url.expose_secret()).map_err(|_| unreadable())?;
        let credentials = credentials(&url).ok_or_else(unreadable)?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(unreadable());
        }
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| unreadable())?;
        let http = Client::to(url.as_str()).map_err(failed)?;
        Ok(Self { http, url, credentials, vhost: vhost.to_owned() })
    }

    /// A queue; none when there is no such queue.
    ///
    /// # Errors
    /// When the API is away or refuses.
    pub(crate) async fn queue(&self, name: &str) -> Result<Option<RealQueue>> {
        self.find(&["queues", &self.vhost, name]).await
    }

    /// A queue's bindings; none when there is no such queue.
    ///
    /// # Errors
    /// When the API is away or refuses.
    pub(crate) async fn bindings(&self, queue: &str) -> Result<Option<Vec<Binding>>> {
        self.find(&["queues", &self.vhost, queue, "bindings"]).await
    }

    /// Whether there is an exchange of this name.
    ///
    /// # Errors
    /// When the API is away or refuses.
    pub(crate) async fn has_exchange(&self, name: &str) -> Result<bool> {
        let found: Option<IgnoredAny> = self.find(&["exchanges", &self.vhost, name]).await?;
        Ok(found.is_some())
    }

    /// The tags of a user, such as `administrator`.
    ///
    /// # Errors
    /// When the API is away, or tells that to administrators only.
    pub(crate) async fn tags(&self, user: &str) -> Result<Vec<String>> {
        let user: User = self.get(&["users", user]).await?;
        user.tags()
    }

    /// The vhosts that a user has rights in.
    ///
    /// # Errors
    /// When the API is away, or tells that to administrators only.
    pub(crate) async fn vhosts(&self, user: &str) -> Result<Vec<String>> {
        let permissions: Vec<Permission> = self.get(&["users", user, "permissions"]).await?;
        Ok(permissions.into_iter().map(|permission| permission.vhost).collect())
    }

    /// The alarms that block publishers now, as in `memory on rabbit@one`.
    ///
    /// # Errors
    /// When the API is away or refuses.
    pub(crate) async fn alarms(&self) -> Result<Vec<String>> {
        // With an alarm, the status is 503.
        let answer = self.ask(&["health", "checks", "alarms"]).await?;
        let known = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&answer.status());
        let checked: Alarms = if known { answer.read()? } else { return answer.refusal() };
        Ok(checked.describe())
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
        // Every part is escaped: the default vhost is a slash.
        let parts = url.path_segments_mut();
        parts.expect("URLs of http have a path").pop_if_empty().push("api").extend(path);
        let request = Request::get(url.as_str()).header(AUTHORIZATION, &self.credentials);
        let request = request.body(Full::default()).map_err(failed)?;
        let asking = async { self.http.ask(request, ANSWER_MAX).await.map_err(failed) };
        in_time("the management API", asking).await.map(Answer)
    }
}

/// User and password of a URL, as a header that no log shows.
fn credentials(url: &Url) -> Option<HeaderValue> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    // A URL without a password means an empty one.
    let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or("")));
    let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let mut header = HeaderValue::from_str(&format!("Basic {basic}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}
