//! RabbitMQ: by AMQP what AMQP can tell, and by the management API where there is one.

use super::finding::{Examination, Server};
use super::lanes::KnownLanes;
use super::lines::Lines;
use super::options::Settings;
use super::{arguments, bindings, policies, rights, version};
use crate::broker::connection::server_properties;
use crate::broker::inspect::management::Management;
use crate::broker::inspect::probe;
use crate::broker::topology::DEAD;
use crate::broker::{Connection, Result};
use secrecy::SecretString;

/// Results get as large as this: 10,000 codes granted to one job.
const RESULT_BYTES: usize = 8 * 1024 * 1024;
const HINT: &str = "set RABBITMQ_MANAGEMENT_URL";
const BY_MANAGEMENT: &str = "policies, bindings and alarms";

pub(super) async fn examine(settings: &Settings) -> Examination {
    let mut examined = Examination::of(Server::Broker);
    if let Err(error) = all(&mut examined, settings).await {
        examined.failed(
            "the rest of the broker",
            format!("{error}. Check that it runs and that AMQP_URL is right"),
        );
    }
    examined
}

/// What can keep a worker from starting.
///
/// # Errors
/// When the broker is away.
pub(super) async fn examine_for_start(settings: &Settings) -> Result<Examination> {
    let mut examined = Examination::of(Server::Broker);
    if let Some(lines) = open(&mut examined, settings).await? {
        let examining = essentials(&mut examined, &lines, settings).await;
        lines.close().await;
        examining?;
    }
    Ok(examined)
}

async fn all(examined: &mut Examination, settings: &Settings) -> Result<()> {
    let Some(lines) = open(examined, settings).await? else { return Ok(()) };
    let examining = beyond_essentials(examined, &lines, settings).await;
    lines.close().await;
    examining
}

/// None when what answers won't do anyway.
async fn open(examined: &mut Examination, settings: &Settings) -> Result<Option<Lines>> {
    version::judge(examined, &server_properties(&settings.amqp_url).await?);
    if examined.is_fatal() {
        return Ok(None);
    }
    let lines = Lines::open(&settings.amqp_url).await?;
    examined.ok(format!("vhost `{}`", lines.vhost()));
    Ok(Some(lines))
}

async fn beyond_essentials(
    examined: &mut Examination,
    lines: &Lines,
    settings: &Settings,
) -> Result<()> {
    let management = essentials(examined, lines, settings).await?;
    rights::examine_excess(examined, lines, management.as_ref()).await?;
    depths(examined, &lines.asking).await?;
    sizes(examined, lines).await?;
    if lines.is_blocked() {
        let what = "the broker blocks publishers (an alarm for memory or disk): callers get 503";
        examined.warning(
            what,
            "Give the broker memory or disk, then ask again: rights to write were not checked",
        );
    }
    if let Some(management) = management
        && let Err(error) = more(examined, &lines.asking, &management).await
    {
        examined.failed("bindings and alarms", error.to_string());
    }
    examined.not_checked(
        "consumer_timeout",
        "no API reveals it; the default of 30 minutes is fine, less than 5 is too short",
    );
    Ok(())
}

async fn essentials(
    examined: &mut Examination,
    lines: &Lines,
    settings: &Settings,
) -> Result<Option<Management>> {
    rights::examine(examined, lines, settings).await?;
    arguments::examine(examined, &lines.asking, settings).await?;
    let Some(url) = &settings.management_url else {
        examined.not_checked(BY_MANAGEMENT, HINT);
        return Ok(None);
    };
    match of_policies(examined, lines, settings, url).await {
        Ok(management) => Ok(Some(management)),
        Err(error) => {
            let why = format!("{error}. Check RABBITMQ_MANAGEMENT_URL");
            examined.failed(BY_MANAGEMENT, why);
            Ok(None)
        }
    }
}

async fn of_policies(
    examined: &mut Examination,
    lines: &Lines,
    settings: &Settings,
    url: &SecretString,
) -> Result<Management> {
    let management = Management::new(url, &lines.vhost())?;
    policies::examine(examined, &lines.asking, &management, settings).await?;
    Ok(management)
}

/// Bindings, and what blocks publishers now.
async fn more(
    examined: &mut Examination,
    connection: &Connection,
    management: &Management,
) -> Result<()> {
    bindings::examine(examined, connection, management).await?;
    let alarms = management.alarms().await?;
    if alarms.is_empty() {
        examined.ok("no alarm blocks publishers");
    } else {
        let what = format!("publishers are blocked by an alarm: {}", alarms.join(", "));
        examined.warning(what, "Give the broker memory or disk; until then callers get 503");
    }
    Ok(())
}

async fn depths(examined: &mut Examination, connection: &Connection) -> Result<()> {
    for queue in KnownLanes::look(connection, None).await?.queues(0) {
        let queue = queue.name;
        let Ok(Some((messages, consumers))) = probe::depth(connection, &queue).await else {
            continue;
        };
        if queue != DEAD && messages > 0 && consumers == 0 {
            let what = format!("{messages} jobs wait in {queue}, which has no consumer");
            examined.warning(what, "Start a worker");
        } else {
            examined.ok(format!("{queue}: {messages} messages, {consumers} consumers"));
        }
    }
    Ok(())
}

async fn sizes(examined: &mut Examination, lines: &Lines) -> Result<()> {
    let mebibytes = RESULT_BYTES / 1024 / 1024;
    match lines.takes_bytes(RESULT_BYTES).await? {
        Some(true) => examined.ok(format!("messages of {mebibytes} MiB are accepted")),
        Some(false) => {
            let what = format!(
                "max_message_size of the broker is less than {mebibytes} MiB: the result of a job with many codes would be stored, but not published"
            );
            let remedy = "Set max_message_size in rabbitmq.conf to 16777216 (16 MiB) or more";
            examined.warning(what, remedy);
        }
        None => {}
    }
    Ok(())
}
