//! `make demo` and `make run`: the whole system on real servers, through the front door.
//!
//! Expects `DATABASE_URL`, `AMQP_URL` and `RABBITMQ_MANAGEMENT_URL`; makes a database and a vhost of
//! its own there, so it disturbs nothing and can be run again; `REDEEMQ_DEMO_NAME` names them otherwise.
//! `--stay` leaves the stack running.

#![expect(unreachable_pub, reason = "a program has no outside")]

mod acts;
mod flood;
mod http;
mod original;
mod page;
mod run;
mod servers;
mod stage;

use anyhow::Context as _;
use page::Page;
use stage::Stage;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let stay = std::env::args().any(|argument| argument == "--stay");
    let played = if stay { run::stay().await.map(|()| true) } else { play().await };
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            Page::default().fault(&error);
            ExitCode::from(2)
        }
    }
}

async fn play() -> anyhow::Result<bool> {
    let mut page = Page::default();
    page.title("redeemq: goods, coupons and sponsor rewards, redeemed once");
    let stage = Stage::set(&name("redeemq_demo"), &mut page).await?;
    // Before the ingress starts: it learns of new clients every two seconds.
    let original = stage.synchronous_client()?;
    let services = stage.start_services().await?;
    let caller = stage.sign_in(&services).await.context("signing in")?;
    acts::operations(&caller, &stage, &mut page).await?;
    acts::refusals(&caller, &stage, &mut page).await?;
    acts::replay(&caller, &mut page).await?;
    original::client(original, &services, &mut page).await?;
    flood::flood(&caller, &stage, &mut page).await?;
    stage.audit(&mut page)?;
    Ok(page.verdict())
}

/// Of the database and the vhost.
fn name(usual: &str) -> String {
    std::env::var("REDEEMQ_DEMO_NAME").unwrap_or_else(|_| usual.to_owned())
}
