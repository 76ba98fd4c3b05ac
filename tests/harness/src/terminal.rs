//! A real terminal: tmux, with a window of any size, whose screen can be read and whose keys pressed.

use super::{PATIENCE, leaks, places};
use std::process::{Command, Output};
use std::sync::Once;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Installs it where it is missing, once.
fn need() {
    static NEEDED: Once = Once::new();
    NEEDED.call_once(|| {
        let installed = Command::new(places::script("services")).args(["need", "tmux"]).status();
        assert!(installed.is_ok_and(|status| status.success()), "tmux can't be installed");
    });
}

pub struct Terminal {
    /// A server of its own, so that no other sees it, and it sees none's environment.
    socket: String,
    site: String,
}

impl Terminal {
    /// A window in which a shell has said `before`, runs `redeemq` with these arguments, and says with
    /// which status it ended, and whether the terminal still is one to type on.
    pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        need();
        let socket = format!("redeemq-{}", uuid::Uuid::new_v4().simple());
        let arguments = arguments.join(" ");
        let script = format!(
            "echo before; {} {arguments}; echo ended with $?; stty -a | tr ';' '\\n' | grep -ow -e '-*icanon' -e '-*echo'; sleep 60",
            places::binary().display()
        );
        let url = environment.iter().find(|(name, _)| *name == "AMQP_URL");
        let terminal =
            Self { socket, site: url.map(|(_, url)| leaks::site_of(url)).unwrap_or_default() };
        let mut tmux = terminal.tmux(&["-f", "/dev/null", "new-session", "-d"]);
        tmux.args(["-x", "80", "-y", "24", &script]);
        tmux.env_remove("NO_COLOR")
            .env_remove("AMQP_URL")
            .env("RUST_BACKTRACE", "0")
            .envs(environment.iter().copied());
        done(&mut tmux);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.env("LC_ALL", "C.UTF-8").args(["-u", "-L", &self.socket]).args(arguments);
        tmux
    }

    /// What can be read now.
    pub fn screen(&self) -> String {
        let output = done(&mut self.tmux(&["capture-pane", "-p"]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same with its colours.
    pub fn coloured_screen(&self) -> String {
        let output = done(&mut self.tmux(&["capture-pane", "-p", "-e"]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until the screen is as wanted.
    pub async fn until(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if is_it(&screen) {
                leaks::search(&self.site, screen.clone());
                return screen;
            }
            assert!(Instant::now() < deadline, "never on the screen: {what}; it is\n{screen}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until all of these can be read.
    pub async fn shows(&self, texts: &[&str]) -> String {
        self.until(&format!("{texts:?}"), |screen| texts.iter().all(|t| screen.contains(t))).await
    }

    /// By tmux's names of keys.
    pub fn press(&self, key: &str) {
        done(&mut self.tmux(&["send-keys", key]));
    }

    pub fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        done(&mut self.tmux(&["resize-window", "-x", &width, "-y", &height]));
    }

    /// Sends a signal to the process that has the terminal.
    pub fn signal(&self, signal: &str) {
        let output = done(&mut self.tmux(&["display-message", "-p", "#{pane_pid}"]));
        let shell = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let children = format!("/proc/{shell}/task/{shell}/children");
        let children = std::fs::read_to_string(children).expect("the shell's children");
        done(Command::new("kill").arg(signal).args(children.split_whitespace()));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        _ = self.tmux(&["kill-server"]).output();
    }
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}
