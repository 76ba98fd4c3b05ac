//! How a setting is read from its flag or its environment variable.
//!
//! A value that cannot be read is refused with the name of its source, the variable or the flag, and
//! with what it must be. The value itself is shown unless the setting is a secret (`hide_env_values`).

mod url;

pub(crate) use url::{UrlOf, url};

use clap::builder::TypedValueParser;
use clap::error::{Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, Command};
use secrecy::SecretString;
use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A value parser that says what a value must be.
#[derive(Clone)]
pub(crate) struct Setting<T, F> {
    must_be: String,
    read: F,
    of: PhantomData<fn() -> T>,
}

/// `read` returns none for what is not `must_be`.
pub(crate) fn setting<T>(
    must_be: impl Into<String>,
    read: impl Fn(&str) -> Option<T> + Clone + Send + Sync + 'static,
) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
{
    refusing(must_be, move |text: &str| read(text).ok_or_else(String::new))
}

/// The same, and `read` says what is wrong, in words that show nothing of a secret.
fn refusing<T, F>(must_be: impl Into<String>, read: F) -> Setting<T, F>
where
    F: Fn(&str) -> Result<T, String>,
{
    Setting { must_be: must_be.into(), read, of: PhantomData }
}

/// Whether it stands between quotes, as in a file from which nobody took them away.
pub(crate) fn is_quoted(text: &str) -> bool {
    ['"', '\'']
        .iter()
        .any(|quote| text.len() > 1 && text.starts_with(*quote) && text.ends_with(*quote))
}

/// Any text, kept out of logs.
pub(crate) fn secret() -> impl TypedValueParser<Value = SecretString> {
    setting("UTF-8 text", |text| Some(text.to_owned().into()))
}

pub(crate) fn text() -> impl TypedValueParser<Value = String> {
    setting("UTF-8 text", |text| Some(text.to_owned()))
}

pub(crate) fn boolean() -> impl TypedValueParser<Value = bool> {
    setting("true or false", |text| text.parse().ok())
}

/// An address to listen on or to ask.
pub(crate) fn address() -> impl TypedValueParser<Value = SocketAddr> {
    setting("an IP address and a port, as in 127.0.0.1:8080", |text| text.trim().parse().ok())
}

/// A whole number within these bounds.
pub(crate) fn whole<T>(bounds: RangeInclusive<T>) -> impl TypedValueParser<Value = T>
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    let must_be = format!("a whole number from {} to {}", bounds.start(), bounds.end());
    setting(must_be, move |text| text.parse().ok().filter(|number| bounds.contains(number)))
}

/// A share of a whole.
pub(crate) fn ratio() -> impl TypedValueParser<Value = f64> {
    setting("a number from 0 to 1", |text| {
        text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio))
    })
}

impl<T, F> TypedValueParser for Setting<T, F>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        self.parse_ref_(cmd, arg, value, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        cmd: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<T, Error> {
        let read = value.to_str().ok_or_else(String::new).and_then(&self.read);
        read.map_err(|why| self.refusal(arg, value, source, &why).with_cmd(cmd))
    }
}

impl<T, F> Setting<T, F> {
    fn refusal(&self, arg: Option<&Arg>, value: &OsStr, source: ValueSource, why: &str) -> Error {
        let variable = arg.and_then(Arg::get_env).filter(|_| source == ValueSource::EnvVariable);
        let name = match (variable, arg) {
            (Some(variable), _) => variable.to_string_lossy().into_owned(),
            (None, Some(arg)) => arg.to_string(),
            (None, None) => "the value".to_owned(),
        };
        let is_secret = arg.is_some_and(Arg::is_hide_env_values_set);
        let found = match (why, is_secret) {
            ("", true) => String::new(),
            ("", false) => format!(", and is {value:?}"),
            (why, _) => format!(", but {why}"),
        };
        Error::raw(ErrorKind::ValueValidation, format!("{name} must be {}{found}\n", self.must_be))
    }
}
