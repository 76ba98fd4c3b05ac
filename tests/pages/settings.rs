//! docs/configuration.md has every environment variable of the command line, with its default.

use crate::page::Page;
use clap::{Command, CommandFactory as _};
use redeemq::config::Cli;
use std::collections::BTreeMap;

/// Read by libraries, and not by the command line.
const OF_LIBRARIES: [&str; 2] = ["RUST_LOG", "OTEL_RESOURCE_ATTRIBUTES"];
/// How the page says that there is no default.
const NO_DEFAULT: [&str; 4] = ["required", "off", "not set", "a quarter"];

/// Variables with their defaults; none has none.
type Settings = BTreeMap<String, Option<String>>;

fn documented() -> Settings {
    let rows = Page::read("docs/configuration.md").rows();
    let rows =
        rows.iter().filter_map(|row| Some((row[0].strip_prefix('`')?.strip_suffix('`')?, &row[1])));
    let rows = rows.filter(|(name, _)| !OF_LIBRARIES.contains(name));
    let default = |cell: &String| match NO_DEFAULT.contains(&cell.as_str()) {
        true => None,
        false => Some(cell.trim_matches('`').to_owned()),
    };
    rows.map(|(name, cell)| (name.to_owned(), default(cell))).collect()
}

fn collect(command: &Command, settings: &mut Settings) {
    for argument in command.get_arguments() {
        let Some(name) = argument.get_env() else { continue };
        let default = argument.get_default_values().first();
        let default = default.map(|value| value.to_string_lossy().into_owned());
        settings.insert(name.to_string_lossy().into_owned(), default);
    }
    for below in command.get_subcommands() {
        collect(below, settings);
    }
}

fn of_the_command_line() -> Settings {
    let mut command = Cli::command();
    command.build();
    let mut settings = Settings::new();
    collect(&command, &mut settings);
    settings
}

#[test]
fn the_table_of_settings_is_that_of_the_command_line() {
    assert_eq!(documented(), of_the_command_line());
}

/// Such as `REDEEMQ_IDLE_SECONDS`, 75: in the table of bounds.
#[test]
fn a_default_that_a_page_repeats_is_the_right_one() {
    let settings = of_the_command_line();
    let mut repeated = 0;
    for row in Page::read("docs/http.md").rows() {
        let Some((name, rest)) =
            row.get(1).and_then(|cell| cell.strip_prefix('`')?.split_once("`, "))
        else {
            continue;
        };
        if !name.starts_with("REDEEMQ_") {
            continue;
        }
        let default = rest.split([' ', ';']).next().expect("a word");
        let default = (default != "off").then(|| default.to_owned());
        assert_eq!(settings.get(name), Some(&default), "{name} in docs/http.md");
        repeated += 1;
    }
    assert!(repeated >= 5, "{repeated} bounds were found");
}
