//! The command line as tables: what each command takes, and what it takes an option for.

use super::{Cli, Command, overview, read};
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use secrecy::ExposeSecret as _;
use std::collections::BTreeMap;
use std::ffi::OsString;

const SERVER: &str = "amqp-url database-url log-json look-every-seconds metrics-addr otlp-endpoint \
                      otlp-headers queue-bytes secret service-name statement-seconds \
                      traces-ratio";
const INGRESS: &str = "answers auth-failures connections-address connections-max cors-origins http-addr idle-seconds \
                       rate-address rate-client \
                       sync-seconds trusted-hops";
const WORKER: &str = "age-max-seconds audit-every-seconds batch-max lanes management-url";
const DATABASE: &str = "database-url json log-json";
/// Of a group of commands some of which change something.
const OPERATOR: &str = "database-url json log-json operator";

/// Every command with all of its options: a new setting has to be placed here as well.
fn table() -> Vec<(&'static str, Vec<&'static str>)> {
    let owned = &[OPERATOR, "client sponsor"];
    let dead = &[OPERATOR, "amqp-url"];
    vec![
        ("serve", vec![SERVER, INGRESS, WORKER]),
        ("ingress", vec![SERVER, INGRESS]),
        ("worker", vec![SERVER, WORKER]),
        ("migrate", vec![DATABASE]),
        (
            "doctor",
            vec![
                DATABASE,
                "amqp-url management-url for deep queue-bytes lanes audit-every-seconds",
            ],
        ),
        ("top", vec!["amqp-url json log-json metrics metrics-addr every once no-color"]),
        ("audit", vec![DATABASE]),
        ("log", vec![DATABASE, "since who limit"]),
        ("dead list", dead.to_vec()),
        ("dead show", dead.to_vec()),
        ("dead replay", [dead, &["all dry-run restamp"][..]].concat()),
        ("dead drop", dead.to_vec()),
        ("client create", vec![OPERATOR, "name answers"]),
        ("client set", vec![OPERATOR, "answers"]),
        ("client list", vec![OPERATOR]),
        ("client new-secret", vec![OPERATOR, "overlap"]),
        ("client revoke-tokens", vec![OPERATOR]),
        ("client disable", vec![OPERATOR]),
        ("client enable", vec![OPERATOR]),
        ("goods import", owned.to_vec()),
        ("goods watch", owned.to_vec()),
        ("goods unwatch", owned.to_vec()),
        ("goods watched", vec![OPERATOR]),
        ("coupons import", [owned, &["group fold-case"][..]].concat()),
        ("players import", vec![OPERATOR, "client import-id"]),
        ("branch create", [owned, &["merchant branch group secret"][..]].concat()),
        ("branch list", owned.to_vec()),
        ("branch disable", vec![OPERATOR]),
        ("branch enable", vec![OPERATOR]),
        ("branch new-pin", vec![OPERATOR, "secret"]),
    ]
}

/// All commands that do something, by their words.
fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    let below = below
        .flat_map(|command| leaves(command, format!("{path} {}", command.get_name()).trim_start()));
    let below: Vec<_> = below.collect();
    if below.is_empty() { vec![(path.to_owned(), command.clone())] } else { below }
}

fn built() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

fn options(command: &clap::Command) -> Vec<String> {
    let longs = command.get_arguments().filter_map(clap::Arg::get_long);
    let mut longs: Vec<String> =
        longs.filter(|long| !["help", "version"].contains(long)).map(str::to_owned).collect();
    longs.sort();
    longs
}

fn parse(words: &str) -> Result<Cli, clap::Error> {
    read(words.split_whitespace().map(OsString::from))
}

#[test]
fn every_command_takes_what_it_uses_and_nothing_else() {
    let sorted = |options: Vec<&str>| {
        let all = options.iter().flat_map(|part| part.split_whitespace());
        let mut all: Vec<String> = all.map(str::to_owned).collect();
        all.sort();
        all
    };
    let expected: BTreeMap<_, _> =
        table().into_iter().map(|(path, of)| (path.to_owned(), sorted(of))).collect();
    let found: BTreeMap<_, _> =
        leaves(&built(), "").into_iter().map(|(path, of)| (path, options(&of))).collect();
    assert_eq!(found, expected);
}

#[test]
fn no_help_shows_an_option_that_the_command_does_not_take() {
    let mut all: Vec<String> =
        leaves(&built(), "").iter().flat_map(|(_, of)| options(of)).collect();
    all.sort();
    all.dedup();
    for (path, mut command) in leaves(&built(), "") {
        let taken = options(&command);
        for help in [command.render_help(), command.render_long_help()] {
            let help = help.to_string();
            let words: Vec<&str> = help.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
            for option in &all {
                let is_shown = words.contains(&format!("--{option}").as_str());
                assert_eq!(is_shown, taken.contains(option), "{path} --{option}: {help}");
            }
        }
    }
}

#[test]
fn every_command_stands_in_one_group_of_the_help() {
    let mut grouped: Vec<&str> =
        overview::GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    grouped.sort_unstable();
    let command = Cli::command();
    let mut all: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    all.sort_unstable();
    assert_eq!(grouped, all);
    let help = Cli::command().render_help().to_string();
    for (heading, names) in overview::GROUPS {
        let group = help.split_once(&format!("\n{heading}:\n")).expect(heading).1;
        let group: Vec<&str> = group.lines().take_while(|line| !line.is_empty()).collect();
        assert_eq!(group.len(), names.len(), "{help}");
        for (line, name) in group.iter().zip(names) {
            let (first, about) = line.trim().split_once("  ").expect(line);
            assert!(first == *name && !about.trim().is_empty(), "{line}");
        }
    }
}

#[test]
fn connection_and_json_may_stand_before_the_command_or_behind_it() {
    for words in [
        "redeemq --database-url postgres://a --amqp-url amqp://b --json dead list",
        "redeemq dead --database-url postgres://a --amqp-url amqp://b --json list",
        "redeemq dead list --database-url postgres://a --amqp-url amqp://b --json",
    ] {
        let Ok(Cli { command: Command::Dead(dead), .. }) = parse(words) else { panic!("{words}") };
        assert!(dead.on.output.json, "{words}");
        assert_eq!(dead.on.database.url().expect(words).expose_secret(), "postgres://a");
        assert_eq!(dead.broker.url().expect(words).expose_secret(), "amqp://b");
    }
    let words =
        "redeemq --management-url http://m --database-url postgres://a --amqp-url amqp://b doctor";
    let Ok(Cli { command: Command::Doctor(doctor), .. }) = parse(words) else { panic!("{words}") };
    let management_url = doctor.settings(1).expect(words).management_url.expect(words);
    assert_eq!(management_url.expose_secret(), "http://m");
    let Ok(Cli { command: Command::Operate(goods), .. }) =
        parse("redeemq --json --database-url postgres://a goods watched")
    else {
        panic!("goods")
    };
    let (on, _, _) = goods.split();
    assert!(on.output.json);
    assert_eq!(on.database.url().expect("given").expose_secret(), "postgres://a");
}

#[test]
fn a_setting_of_a_server_is_unknown_to_other_commands() {
    for words in ["goods watched --lanes 2", "audit --http-addr 127.0.0.1:1", "ingress --lanes 2"] {
        let error = parse(&format!("redeemq {words}")).expect_err(words);
        assert_eq!(error.kind(), ErrorKind::UnknownArgument, "{words}");
    }
}

#[test]
fn only_what_is_similar_is_suggested() {
    for (words, suggested) in [
        ("goods import --answers", None),
        ("goods import --cliet", Some("--client")),
        ("goods import --sponser", Some("--sponsor")),
        ("goods import --lanes", None),
        ("worker --lane 8", Some("--lanes")),
        ("worker --batchmax 8", Some("--batch-max")),
        ("ingress --answer sync", Some("--answers")),
        ("client create acme --lanes 2", None),
        ("migrate --databse-url x", Some("--database-url")),
        ("dead replay --al", Some("--all")),
        ("--jsn", Some("--json")),
    ] {
        let said = parse(&format!("redeemq {words}")).expect_err(words).to_string();
        match suggested {
            Some(option) => assert!(said.contains(&format!("'{option}'")), "{words}: {said}"),
            None => assert!(!said.contains("similar") && !said.contains("tip:"), "{words}: {said}"),
        }
    }
}

#[test]
fn one_address_may_have_a_quarter_of_the_connections_unless_it_is_a_proxys() {
    for (words, expected) in [
        ("", Some(200)),
        ("--connections-max 4", Some(1)),
        ("--connections-max 1", Some(1)),
        ("--connections-max 65535", Some(16_384)),
        ("--connections-address 7", Some(7)),
        ("--connections-address 0", None),
        ("--trusted-hops 1", None),
        ("--trusted-hops 2 --connections-address 7", None),
    ] {
        let Ok(Cli { command: Command::Ingress(role), .. }) =
            parse(&format!("redeemq ingress {words}"))
        else {
            panic!("{words}")
        };
        assert_eq!(role.ingress.address_max(), expected, "{words}");
    }
}
