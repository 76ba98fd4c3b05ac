//! The operator's commands without a process for each: what a test starts with is made in this one, by
//! what the binary itself calls. What the binary makes of the same words is tested by those who type them.

use super::{SECRET, leaks, rights};
use clap::Parser;
use redeemq::admin;
use redeemq::admin::operator::Operator;
use redeemq::admin::output::Output;
use redeemq::config::operator::Operate;
use redeemq::secrets::Secrets;
use redeemq::store::{self, Role};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use tokio::runtime::Runtime;

/// Of its own: a test calls from within one that has a single thread, which waits meanwhile.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

#[derive(Parser)]
struct Words {
    #[command(subcommand)]
    command: Operate,
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a page").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("a page")).into_owned()
    }
}

/// Runs a command that must succeed on a database, as the operator's user; its JSON.
pub fn run(database: &str, arguments: &[&str]) -> Value {
    let words = ["redeemq"].iter().chain(arguments);
    let Words { command } = Words::try_parse_from(words).expect("a command");
    let (_, name, command) = command.split();
    let url = rights::database_for_command(arguments, database);
    let (out, err) = (Page::default(), Page::default());
    let mut output = Output::to(true, out.clone(), err.clone());
    let (tell, told) = mpsc::channel();
    RUNTIME.spawn(async move {
        let secrets = Secrets::parse(&SECRET.to_owned().into()).expect("a secret");
        let store = store::pool(&url.into(), Role::Admin, 2).expect("a pool");
        let operator = Operator::new(store.clone(), name);
        let ended = admin::run(command, &operator, Some(&secrets), &mut output).await;
        store.close().await;
        _ = tell.send(ended);
    });
    let ended = told.recv().expect("it ran to its end");
    let site = leaks::site_of(database);
    let (out, err) = (out.text(), err.text());
    let value = serde_json::from_str(&out).unwrap_or_default();
    leaks::keep_fields(&site, &value);
    assert!(matches!(ended, Ok(ExitCode::SUCCESS)), "{arguments:?}: {ended:?} {out}{err}");
    leaks::search(&site, err);
    value
}
