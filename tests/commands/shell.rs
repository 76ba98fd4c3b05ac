//! A shell as a reader has it: in the checkout, with `redeemq` on the path.

use harness::places::root;
use harness::process::path;
use harness::rights::PASSWORD;
use harness::{SECRET, Site};
use std::path::Path;
use std::process::Command;

/// What stands for something that only the reader knows.
pub const BLANK: &str = "…";

pub struct Shell {
    environment: Vec<(&'static str, String)>,
}

impl Shell {
    pub fn of(site: &Site, more: &[(&'static str, &str)]) -> Self {
        let mut environment = vec![
            ("PATH", path()),
            ("DATABASE_URL", site.database_url.clone()),
            ("AMQP_URL", site.amqp_url.clone()),
            ("REDEEMQ_SECRET", SECRET.to_owned()),
        ];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self { environment }
    }

    /// What a command prints, which must succeed.
    pub fn run(&self, command: &str) -> String {
        self.run_in(root(), command)
    }

    pub fn run_in(&self, folder: &Path, command: &str) -> String {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", command]).current_dir(folder);
        let output = bash.envs(self.environment.iter().cloned()).output().expect("bash runs");
        let (said, complaints) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command}: {said}{complaints}");
        said.into_owned()
    }
}

/// With a password wherever there is a blank.
pub fn with_passwords(command: &str) -> String {
    command.replace(BLANK, PASSWORD)
}

/// The word that follows this one.
pub fn after<'a>(text: &'a str, word: &str) -> &'a str {
    let mut words = text.split_whitespace().skip_while(|it| *it != word).skip(1);
    words.next().unwrap_or_else(|| panic!("no {word} in: {text}"))
}
