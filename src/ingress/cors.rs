//! Lets web pages of other origins call the ingress (CORS), where the operator names them.

use axum::http::{HeaderName, HeaderValue, Method, header};
use std::str::FromStr;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser remembers what it was told of an origin.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// Origins whose pages may call: a list, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// `*`
    Any,
    /// Each as a browser sends it.
    Only(Vec<HeaderValue>),
}

/// A text that names no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin")]
pub struct NoOrigin(String);

impl FromStr for CorsOrigins {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        if text.trim() == "*" {
            return Ok(CorsOrigins::Any);
        }
        let listed = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let origins: Vec<HeaderValue> = listed.map(origin).collect::<Result<_, _>>()?;
        if origins.is_empty() {
            Err(NoOrigin(text.to_owned()))
        } else {
            Ok(CorsOrigins::Only(origins))
        }
    }
}

/// Browsers write an origin in one way: lower case, no path, no usual port.
fn origin(text: &str) -> Result<HeaderValue, NoOrigin> {
    let none = || NoOrigin(text.to_owned());
    let url = url::Url::parse(text).map_err(|_| none())?;
    let is_bare = matches!(url.scheme(), "http" | "https")
        && matches!(url.path(), "" | "/")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let origin = url.origin().ascii_serialization();
    is_bare.then(|| HeaderValue::from_str(&origin).ok()).flatten().ok_or_else(none)
}

impl CorsOrigins {
    /// Answers preflights, and names the origin in every answer. Cookies are not used, so none are allowed; any header
    /// is, for it can do no more than a header from elsewhere.
    pub(super) fn layer(&self) -> CorsLayer {
        let origins = match self {
            CorsOrigins::Any => AllowOrigin::any(),
            CorsOrigins::Only(origins) => AllowOrigin::list(origins.iter().cloned()),
        };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([
                header::LOCATION,
                header::RETRY_AFTER,
                HeaderName::from_static("preference-applied"),
            ])
            .max_age(MAX_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        let read = |text: &str| text.parse::<CorsOrigins>();
        let only = |origins: &[&'static str]| {
            CorsOrigins::Only(
                origins.iter().map(|origin| HeaderValue::from_static(origin)).collect(),
            )
        };
        assert_eq!(read(" * "), Ok(CorsOrigins::Any));
        for (text, expected) in [
            ("https://shop.example", only(&["https://shop.example"])),
            ("https://Shop.Example:443/", only(&["https://shop.example"])),
            (
                "http://localhost:3000, https://a.example,",
                only(&["http://localhost:3000", "https://a.example"]),
            ),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            ",",
            "shop.example",
            "https://shop.example/page",
            "https://a.example,*",
            "null",
            "https://me:pw@shop.example",
            "ftp://shop.example",
            "https://shop.example?x",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
