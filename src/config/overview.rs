//! The help of `redeemq` itself: its commands by what they are for.

use clap::Command;
use std::fmt::Write as _;

/// Every command, under the heading that its reader looks for.
pub(super) const GROUPS: [(&str, &[&str]); 3] = [
    ("Run", &["serve", "ingress", "worker"]),
    ("Operate", &["doctor", "top", "audit", "dead", "log"]),
    ("Set up", &["migrate", "client", "goods", "coupons", "players", "branch"]),
];

/// As clap's own template, with groups instead of one list.
pub(super) fn template(commands: &Command) -> String {
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (heading, names) in GROUPS {
        _ = write!(text, "\n{heading}:\n");
        for name in names {
            let about = commands.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            _ = writeln!(text, "  {name:<8}  {about}");
        }
    }
    text + "\nOptions:\n{options}\n\n`redeemq COMMAND --help` explains a command and its settings.\n"
}
