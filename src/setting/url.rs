//! URLs as people type them: with blanks around, in quotes, of another server.

use super::{is_quoted, refusing};
use clap::builder::TypedValueParser;
use secrecy::SecretString;
use url::{Host, Url};

/// What a URL leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrlOf {
    Database,
    Broker,
    Management,
    Collector,
}

/// Schemes that are told when they stand in front; any other text there may be a secret.
const KNOWN: [&str; 19] = [
    "amqp",
    "amqps",
    "file",
    "ftp",
    "grpc",
    "http",
    "https",
    "kafka",
    "mariadb",
    "mongodb",
    "mqtt",
    "mysql",
    "postgres",
    "postgresql",
    "pyamqp",
    "redis",
    "sqlite",
    "sqlserver",
    "stomp",
];

/// Reads it without the white space around it; nothing but white space is empty, as if not given.
pub(crate) fn url(of: UrlOf) -> impl TypedValueParser<Value = SecretString> {
    let must_be = format!("a URL such as {}", of.example());
    refusing(must_be, move |text: &str| {
        let text = text.trim();
        match wrong(of, text) {
            Some(why) if !text.is_empty() => Err(why),
            _ => Ok(text.to_owned().into()),
        }
    })
}

impl UrlOf {
    pub(crate) fn example(self) -> &'static str {
        match self {
            UrlOf::Database => "postgres://user:password@host:5432/redeemq",
            UrlOf::Broker => "amqp://user:password@host:5672/%2f",
            UrlOf::Management => "http://user:password@host:15672",
            UrlOf::Collector => "http://host:4318",
        }
    }

    fn schemes(self) -> &'static [&'static str] {
        match self {
            UrlOf::Database => &["postgres", "postgresql"],
            UrlOf::Broker => &["amqp", "amqps"],
            UrlOf::Management | UrlOf::Collector => &["http", "https"],
        }
    }
}

/// What is wrong with it; shows nothing of it but a scheme that is known.
fn wrong(of: UrlOf, text: &str) -> Option<String> {
    if is_quoted(text) || text.starts_with(['"', '\'']) {
        return Some("it is in quotes: take them away (docker's --env-file keeps them)".to_owned());
    }
    if text.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("jdbc:")) {
        return Some("it begins with `jdbc:`, as Java's drivers have it".to_owned());
    }
    let schemes = of.schemes();
    let Some((scheme, _)) = text.split_once("://") else {
        return Some(format!("it does not begin with {}://", schemes[0]));
    };
    let scheme = scheme.to_ascii_lowercase();
    if !schemes.contains(&scheme.as_str()) {
        return Some(match KNOWN.contains(&scheme.as_str()) {
            true => format!("it begins with {scheme}://"),
            false => format!("it does not begin with {}://", schemes[0]),
        });
    }
    if text.contains('#') {
        return Some("it has a `#`, which would cut it off: write %23".to_owned());
    }
    match Url::parse(text) {
        // The library's words quote nothing.
        Err(error) => Some(format!(
            "it cannot be read ({error}): in user and password, write other characters than letters and digits as %40 for `@`"
        )),
        // lapin would take it for localhost.
        Ok(url) => match url.host() {
            Some(Host::Ipv6(ip)) if of == UrlOf::Broker && !ip.is_loopback() => {
                Some("its host is an IPv6 address: give a name that leads there".to_owned())
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use UrlOf::{Broker, Collector, Database, Management};
    use clap::{Arg, Command};
    use secrecy::ExposeSecret as _;

    const ALL: [UrlOf; 4] = [Database, Broker, Management, Collector];

    fn read(of: UrlOf, value: &str) -> Result<String, String> {
        let arg = Arg::new("url").long("url").hide_env_values(true).value_parser(url(of));
        let command = Command::new("redeemq").arg(arg);
        let found = command.try_get_matches_from(["redeemq", "--url", value]);
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.get_one::<SecretString>("url").expect("given").expose_secret().to_owned())
    }

    #[test]
    fn blanks_around_a_url_are_none_of_it() {
        for of in ALL {
            let right = of.example();
            for (before, after) in [(" ", ""), ("", "\n"), ("\t\u{a0}", " \r\n"), ("", "")] {
                assert_eq!(read(of, &format!("{before}{right}{after}")), Ok(right.to_owned()));
                assert_eq!(read(of, &format!("{before}{after}")), Ok(String::new()), "{of:?}");
            }
            let (scheme, rest) = right.split_once("://").expect("a scheme");
            let upper = format!("{}://{rest}", scheme.to_uppercase());
            assert_eq!(read(of, &upper), Ok(upper));
        }
    }

    #[test]
    fn every_right_form_is_taken() {
        for (of, rights) in [
            (
                Database,
                &[
                    "postgresql://h/d",
                    "postgres:///d?host=/var/run/postgresql",
                    "postgres://u:p%40%23@[::1]/d?sslmode=require",
                    "postgres://%2Fvar%2Frun/d",
                ][..],
            ),
            (Broker, &["amqp://h", "amqps://h:5671/v?heartbeat=5", "amqp://[::1]/", "amqp:///v"]),
            (Management, &["https://u:p@h/rabbit", "http://[2001:db8::1]:15672"]),
            (Collector, &["https://h/otlp"]),
        ] {
            for right in rights {
                assert_eq!(read(of, right), Ok((*right).to_owned()), "{of:?}");
            }
        }
    }

    /// What people put there, with the words of the refusal; `{}` is an example of the right form.
    const MISTAKES: [(&[UrlOf], &str, &str); 24] = [
        (&ALL, "\"{}\"", "it is in quotes"),
        (&ALL, "'{}'", "it is in quotes"),
        (&ALL, " \"{}\" ", "it is in quotes"),
        (&ALL, "\"{}", "it is in quotes"),
        (&ALL, "jdbc:postgresql://s3cr3t:5432/d?user=u&password=s3cr3t", "begins with `jdbc:`"),
        (&ALL, "JDBC:{}", "begins with `jdbc:`"),
        (&ALL, "mysql://u:s3cr3t@h/d", "it begins with mysql://"),
        (&ALL, "redis://:s3cr3t@h", "it begins with redis://"),
        (&ALL, "s3cr3t://h", "it does not begin with "),
        (&ALL, "://s3cr3t", "it does not begin with "),
        (&ALL, "h:5432", "it does not begin with "),
        (&ALL, "u:s3cr3t@h:5672/v", "it does not begin with "),
        (&ALL, "host=h user=u password=s3cr3t", "it does not begin with "),
        (&ALL, "//u:s3cr3t@h/d", "it does not begin with "),
        (&ALL, "s3cr3t", "it does not begin with "),
        (&ALL, "{}#s3cr3t", "write %23"),
        (&[Database, Management, Collector], "amqp://u:s3cr3t@h/", "it begins with amqp://"),
        (&[Database, Management, Collector], "AMQPS://u:s3cr3t@h/", "it begins with amqps://"),
        (&[Broker, Management, Collector], "postgres://u:s3cr3t@h/d", "it begins with postgres://"),
        (&[Database, Broker], "http://u:s3cr3t@h:15672", "it begins with http://"),
        (&[Database], "postgres:/u:s3cr3t@h/d", "it does not begin with postgres://"),
        (&[Database], "postgres://u:s3cr3t/p@h/d", "cannot be read (invalid port number)"),
        (&[Broker], "amqp://u:s3cr3t@h:port/v", "cannot be read (invalid port number)"),
        (&[Broker], "amqp://u:s3cr3t@[2001:db8::1]/v", "IPv6"),
    ];

    #[test]
    fn every_mistake_is_named_with_the_right_form_and_shows_no_password() {
        for (settings, mistake, words) in MISTAKES {
            for of in settings {
                let value = mistake.replace("{}", of.example());
                let said = read(*of, &value).expect_err(&value);
                let begin =
                    format!("error: --url <url> must be a URL such as {}, but ", of.example());
                assert!(said.starts_with(&begin) && said.contains(words), "{value}: {said}");
                assert!(!said.contains("s3cr3t"), "{value}: {said}");
            }
        }
    }
}
