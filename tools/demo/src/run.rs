//! `make run`: the stack left running, with what is needed to try it.

use crate::acts::Caller;
use crate::page::Page;
use crate::servers::client_user;
use crate::stage::{CLIENT, Stage, free_address, wait_until_ready};
use anyhow::Context as _;
use std::net::TcpListener;

/// Sets the stage, starts the services, and leaves them running.
pub async fn stay() -> anyhow::Result<()> {
    let mut page = Page::default();
    let name = crate::name("redeemq_run");
    let stage = Stage::set(&name, &mut page).await?;
    let amqp_url = client_user(&name, CLIENT)?;
    let http = if TcpListener::bind("127.0.0.1:8080").is_ok() {
        "127.0.0.1:8080".to_owned()
    } else {
        free_address()?
    };
    let metrics = free_address()?;
    // A process group of its own: Ctrl-C in this terminal is not meant for it.
    let mut command = stage.service("serve", &http, &metrics);
    let child = std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn()?;
    if let Ok(file) = std::env::var("REDEEMQ_RUN_PID") {
        std::fs::write(&file, child.id().to_string()).with_context(|| format!("writing {file}"))?;
    }
    let base = format!("http://{http}");
    wait_until_ready(&base).await?;
    let caller = Caller::sign_in(&base, &stage.api_key, &stage.api_secret).await?;
    page.heading("Running. A first job, to paste:");
    page.plain(&format!(
        "\ncurl -s {base}/Redeem/goods -H 'Prefer: wait=5' \\\n  -d token={} \\\n  -d goods_id=espresso -d player_id=alice -d amount=1\n",
        caller.token
    ));
    page.heading("For the clients in examples/clients, to paste:");
    export(
        &mut page,
        &[
            ("REDEEMQ_URL", &base),
            ("REDEEMQ_CLIENT", CLIENT),
            ("API_KEY", &stage.api_key),
            ("API_SECRET", &stage.api_secret),
            ("CLIENT_AMQP_URL", &amqp_url),
        ],
    );
    page.heading("For `redeemq …`:");
    let environment: Vec<(&str, &str)> =
        stage.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    export(&mut page, &environment);
    page.plain("");
    page.line("metrics", &format!("http://{metrics}/metrics"));
    page.line("stop it", "make stop");
    Ok(())
}

fn export(page: &mut Page, variables: &[(&str, &str)]) {
    for (name, value) in variables {
        page.plain(&format!("export {name}='{value}'"));
    }
}
