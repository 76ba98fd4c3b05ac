//! The command line as a process sees it: environment variables, errors and exit codes. No server is
//! asked.

use clap::CommandFactory as _;
use redeemq::config::Cli;
use redeemq::printable::is_printable;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::process::{Command, Output};

/// A value that cannot be read, which no error of a secret may show.
const WRONG: &str = "s3cr3t-and-wrong";

/// Every variable: a command that reads it, and words of what it must be.
const VARIABLES: [(&str, &[&str], &str); 31] = [
    ("DATABASE_URL", &["migrate"], "a URL such as "),
    ("AMQP_URL", &["worker"], "a URL such as "),
    ("RABBITMQ_MANAGEMENT_URL", &["worker"], "a URL such as "),
    ("REDEEMQ_SECRET", &["ingress"], "UTF-8"),
    ("REDEEMQ_HTTP_ADDR", &["ingress"], "127.0.0.1:8080"),
    ("REDEEMQ_METRICS_ADDR", &["worker"], "127.0.0.1:8080"),
    ("REDEEMQ_METRICS_ADDR", &["top"], "127.0.0.1:8080"),
    ("REDEEMQ_CONNECTIONS_MAX", &["serve"], "from 1 to 65535"),
    ("REDEEMQ_CONNECTIONS_ADDRESS", &["serve"], "from 0 to 65535"),
    ("REDEEMQ_IDLE_SECONDS", &["serve"], "from 1 to 65535"),
    ("REDEEMQ_RATE_CLIENT", &["serve"], "200:1000"),
    ("REDEEMQ_RATE_ADDRESS", &["serve"], "200:1000"),
    ("REDEEMQ_AUTH_FAILURES", &["serve"], "from 0 to 4294967295"),
    ("REDEEMQ_TRUSTED_HOPS", &["serve"], "from 0 to 255"),
    ("REDEEMQ_ANSWERS", &["ingress"], "async or sync"),
    ("REDEEMQ_CORS_ORIGINS", &["ingress"], "as in https://shop.example, or *"),
    ("REDEEMQ_SYNC_SECONDS", &["serve"], "from 1 to 30"),
    ("REDEEMQ_BATCH_MAX", &["serve"], "from 1 to 5000"),
    ("REDEEMQ_STATEMENT_SECONDS", &["worker"], "from 1 to 60"),
    ("REDEEMQ_QUEUE_BYTES", &["doctor"], "a whole number"),
    ("REDEEMQ_LANES", &["worker"], "from 1 to 64"),
    ("REDEEMQ_AGE_MAX_SECONDS", &["worker"], "a whole number"),
    ("REDEEMQ_AUDIT_EVERY_SECONDS", &["worker"], "from 1 to"),
    ("REDEEMQ_LOOK_EVERY_SECONDS", &["worker"], "a whole number"),
    ("REDEEMQ_OPERATOR", &["client", "list"], "UTF-8"),
    ("REDEEMQ_LOG_JSON", &["client", "list"], "true or false"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", &["worker"], "a URL such as "),
    ("OTEL_EXPORTER_OTLP_HEADERS", &["worker"], "UTF-8"),
    ("OTEL_SERVICE_NAME", &["worker"], "UTF-8"),
    ("OTEL_TRACES_SAMPLER_ARG", &["worker"], "from 0 to 1"),
    ("NO_COLOR", &["top", "--once"], "UTF-8"),
];

/// Variables of servers that may be switched off, and are by nothing.
const URLS: &str = "a URL such as ";

/// Variables whose text is never shown.
const SECRETS: [&str; 6] = [
    "DATABASE_URL",
    "AMQP_URL",
    "RABBITMQ_MANAGEMENT_URL",
    "REDEEMQ_SECRET",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
];

fn redeemq(words: &[&str], variables: &[(&str, &OsStr)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redeemq"));
    command.env_clear().args(words).envs(variables.iter().copied()).output().expect("redeemq runs")
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Text that no setting takes.
fn not_utf8() -> OsString {
    OsString::from_vec(b"s3cr3t-and-wrong\xff".to_vec())
}

/// Each command, by its words, with each variable that it reads.
fn readers(command: &clap::Command, path: &[&str]) -> Vec<(Vec<String>, String)> {
    let variables = command.get_arguments().filter_map(clap::Arg::get_env);
    let words: Vec<String> = path.iter().map(|word| (*word).to_owned()).collect();
    let own = variables.map(|name| (words.clone(), name.to_string_lossy().into_owned()));
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    let below = below.flat_map(|below| readers(below, &[path, &[below.get_name()]].concat()));
    own.chain(below).collect()
}

#[test]
fn every_command_names_every_variable_that_it_cannot_read() {
    let mut command = Cli::command();
    command.build();
    let readers = readers(&command, &[]);
    assert!(readers.len() > 80, "{readers:?}");
    for (words, variable) in readers {
        assert!(
            VARIABLES.iter().any(|(known, ..)| *known == variable),
            "{variable} is in no table"
        );
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words.is_empty() || command.find_subcommand(words[0]).is_none() {
            continue;
        }
        let said = complaint(&redeemq(&words, &[(&variable, &not_utf8())]));
        // A command that has others prints its help instead.
        let is_group = said.contains("Usage:") && !said.starts_with("error");
        assert!(
            is_group || said.starts_with(&format!("error: {variable} must be ")),
            "{words:?}: {said}"
        );
    }
}

#[test]
fn a_wrong_variable_is_named_with_what_it_must_be() {
    let not_utf8 = not_utf8();
    for (variable, words, must_be) in VARIABLES {
        let is_any_text = must_be == "UTF-8";
        let value = if is_any_text { &not_utf8 } else { OsStr::new(WRONG) };
        let output = redeemq(words, &[(variable, value)]);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(2), "{variable}: {said}");
        assert!(said.starts_with(&format!("error: {variable} must be ")), "{variable}: {said}");
        assert!(said.contains(must_be), "{variable}: {said}");
        let is_shown = said.contains("s3cr3t");
        let is_secret = SECRETS.contains(&variable) || variable == "NO_COLOR";
        assert_eq!(is_shown, !is_secret, "{variable}: {said}");
    }
}

#[test]
fn an_empty_variable_is_wrong_where_nothing_can_be_read_from_it() {
    for (variable, words, must_be) in VARIABLES {
        let said = complaint(&redeemq(words, &[(variable, OsStr::new(""))]));
        let is_refused = said.contains(&format!("{variable} must be "));
        assert_eq!(is_refused, !["UTF-8", URLS].contains(&must_be), "{variable}: {said}");
    }
}

#[test]
fn a_secret_that_is_no_use_is_never_shown() {
    let long = "s3cr3t-and-long-enough-s3cr3t-and-long-enough";
    let postgres = "postgres://redeemq@127.0.0.1:1/none";
    for (variable, words, value) in [
        ("DATABASE_URL", &["migrate"][..], "s3cr3t"),
        ("DATABASE_URL", &["migrate"], "postgres:/redeemq:s3cr3t@host"),
        ("DATABASE_URL", &["worker"], "jdbc:postgresql://host/redeemq?password=s3cr3t"),
        ("DATABASE_URL", &["ingress"], "mysql://redeemq:s3cr3t@host/redeemq"),
        ("DATABASE_URL", &["audit"], "amqp://redeemq:s3cr3t@host"),
        ("AMQP_URL", &["worker"], "http://redeemq:s3cr3t@host:15672"),
        ("AMQP_URL", &["serve"], "redeemq:s3cr3t@host:5672"),
        ("AMQP_URL", &["ingress"], "\"amqp://redeemq:s3cr3t@host\""),
        ("RABBITMQ_MANAGEMENT_URL", &["worker"], "amqp://redeemq:s3cr3t@host"),
        ("AMQP_URL", &["dead", "list"], "amqp:/redeemq:s3cr3t@host"),
        ("REDEEMQ_SECRET", &["worker"], "s3cr3t"),
        ("REDEEMQ_SECRET", &["branch", "new-pin", "1"], "s3cr3t"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &["worker"], "http://redeemq:s3cr3t@host:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", &["worker"], "s3cr3t"),
    ] {
        let mut variables = vec![
            ("DATABASE_URL", OsStr::new(postgres)),
            ("AMQP_URL", OsStr::new("amqp://127.0.0.1:1/%2f")),
            ("REDEEMQ_SECRET", OsStr::new(long)),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", OsStr::new("http://127.0.0.1:1")),
            ("REDEEMQ_HTTP_ADDR", OsStr::new("127.0.0.1:0")),
            ("REDEEMQ_METRICS_ADDR", OsStr::new("127.0.0.1:0")),
        ];
        variables.retain(|(name, _)| *name != variable);
        variables.push((variable, OsStr::new(value)));
        let output = redeemq(words, &variables);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(2), "{variable}: {said}");
        assert!(said.contains(variable), "{variable}: {said}");
        assert!(!said.contains("s3cr3t"), "{variable}: {said}");
    }
}

#[test]
fn blanks_around_an_address_are_no_part_of_it() {
    let secret = OsStr::new("s3cr3t-and-long-enough-s3cr3t-and-long-enough");
    let variables = |database: &'static str| {
        [("DATABASE_URL", OsStr::new(database)), ("REDEEMQ_SECRET", secret)]
    };
    // Nothing listens there: what it says shows that it has read the address.
    let said =
        complaint(&redeemq(&["audit"], &variables(" postgres://u:s3cr3t@127.0.0.1:1/d\t\n")));
    assert!(said.contains("no database connection in time") || said.contains("refused"), "{said}");
    // Blank is not given.
    let said = complaint(&redeemq(&["audit"], &variables(" \t")));
    assert!(said.contains("DATABASE_URL is not set"), "{said}");
}

#[test]
fn a_secret_in_quotes_is_warned_about_and_used() {
    let quoted = "\"s3cr3t-and-long-enough-s3cr3t-and-long-enough\"";
    for (secret, warned) in
        [(quoted, true), (&quoted.replace('"', "'"), true), (&quoted[1..43], false)]
    {
        let variables = [
            ("REDEEMQ_SECRET", OsStr::new(secret)),
            ("DATABASE_URL", OsStr::new("postgres://127.0.0.1:1/d")),
        ];
        let output = redeemq(&["branch", "new-pin", "1"], &variables);
        let said = complaint(&output);
        let found = said.contains("REDEEMQ_SECRET begins and ends with a quote");
        assert_eq!(found, warned, "{said}");
        assert!(!said.contains("s3cr3t") && !said.contains("REDEEMQ_SECRET:"), "{said}");
    }
}

#[test]
fn a_missing_setting_is_named_with_its_flag() {
    for (words, variables) in [
        (&["migrate"][..], &["DATABASE_URL", "--database-url"][..]),
        (&["dead", "list", "--database-url", "postgres://h/d"], &["AMQP_URL", "--amqp-url"]),
        (&["worker"], &["REDEEMQ_SECRET", "openssl rand -hex 32"]),
    ] {
        let output = redeemq(words, &[]);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(variables.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn a_wrong_flag_is_named_by_the_flag_and_not_by_its_variable() {
    let variables = [("REDEEMQ_LANES", OsStr::new("2"))];
    let said = complaint(&redeemq(&["worker", "--lanes", "65"], &variables));
    assert!(said.starts_with("error: --lanes <N> must be "), "{said}");
    assert!(!said.contains("REDEEMQ_LANES"), "{said}");
}

#[test]
fn what_was_typed_is_quoted_without_what_acts_on_a_terminal() {
    let hostile = "\u{1b}[31m\u{9b}2J\u{202e}\u{200b}\u{7}";
    for words in
        [&[hostile][..], &["client", "list", "--x\u{1b}[31m\u{202e}"], &["top", "--every", hostile]]
    {
        let output = redeemq(words, &[]);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.lines().all(|line| line.chars().all(is_printable)), "{said:?}");
        assert!(said.starts_with("error: ") && said.contains("\\u{202e}"), "{said}");
    }
}

#[test]
fn the_exit_codes_of_help_and_of_mistakes_stay() {
    for (words, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["help", "goods", "import"], 0),
        (&["goods", "import", "--help"], 0),
        (&[], 2),
        (&["goods"], 2),
        (&["nonsense"], 2),
        (&["goods", "import", "--answers"], 2),
    ] {
        assert_eq!(redeemq(words, &[]).status.code(), Some(code), "{words:?}");
    }
}
