//! The last questions, when all is quiet: what is left of everything, what the status route says, and
//! what the second witness, `redeemq audit`, makes of the books.

use crate::answer;
use crate::history::{Allowance, Probe};
use crate::shared_client::SharedClient;
use crate::system::{Part, System};
use crate::world::{CLIENTS, Goods, PLAYERS, TOO_MANY, Wish};
use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use harness::servers::Servers;
use lapin::options::QueueDeclareOptions;
use lapin::{Connection, ConnectionProperties};
use redeemq::broker::topology;
use serde_json::Value;

/// Jobs whose status is asked for, besides those that lack an answer.
const STATUSES: usize = 2_000;
const AT_A_TIME: usize = 16;

/// What they were answered, beside what went into the history.
pub struct Last {
    /// Messages still in the request queues.
    pub waiting: u32,
    /// Messages in the dead queue; there is no poison in a campaign.
    pub dead: u32,
    /// What the audit said, and whether it found nothing.
    pub audit: (String, bool),
    /// Parts that ended although nobody had killed them.
    pub ended: Vec<String>,
    /// What their logs say of faults of our own, by whatever means they went on.
    pub panics: Vec<String>,
}

pub async fn ask(
    shared: &SharedClient,
    system: &System,
    servers: &Servers,
) -> anyhow::Result<Last> {
    let ended = system.parts.iter().filter_map(|part| {
        part.ended().map(|status| format!("{} ended by itself: {status}", part.name))
    });
    let ended = ended.collect();
    let panics =
        system.parts.iter().map(Part::panics).collect::<anyhow::Result<Vec<_>>>()?.concat();
    statuses(shared).await?;
    probes(shared).await?;
    let connection =
        Connection::connect(&servers.amqp_url, ConnectionProperties::default()).await?;
    let depth = async |queue: &str| -> anyhow::Result<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let channel = connection.create_channel().await?;
        let declared = channel.queue_declare(queue.into(), passive, Default::default()).await?;
        Ok(declared.message_count())
    };
    let waiting = depth(topology::REQUESTS).await? + depth(topology::UNROUTED).await?;
    let dead = depth(topology::DEAD).await?;
    let audit = system.output(&["audit"])?;
    let audit = (summary(&audit.stdout), audit.status.success());
    Ok(Last { waiting, dead, audit, ended, panics })
}

/// What the audit found broken, and its last line.
fn summary(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("ok ")).collect();
    lines.join("\n    ")
}

/// Jobs without a result, and a sample of the others.
async fn statuses(shared: &SharedClient) -> anyhow::Result<()> {
    let asked: Vec<(usize, usize, Box<str>)> = {
        let history = shared.history();
        let every = history.jobs.len() / STATUSES + 1;
        let chosen =
            |(number, job): &(usize, &crate::history::Job)| job.results == 0 || number % every == 0;
        let with_id = |(number, job): (usize, &crate::history::Job)| {
            Some((number, job.client, job.ids.first()?.clone()))
        };
        history.jobs.iter().enumerate().filter(chosen).filter_map(with_id).collect()
    };
    let asking = stream::iter(asked).map(async |(job, client, id)| {
        let status = shared.status(client, &id).await?;
        let word = status["response"]["status"].as_str().unwrap_or("unknown").into();
        let mut history = shared.history();
        history.jobs[job].status = Some(word);
        if let Some(heard) = answer::of_status(&status) {
            history.hear(job, heard);
        }
        anyhow::Ok(())
    });
    asking.buffer_unordered(AT_A_TIME).try_collect::<()>().await
}

/// Asks for more than there can be, of everything: each refusal says what is left.
async fn probes(shared: &SharedClient) -> anyhow::Result<()> {
    let wish = |goods, player| Wish::Redeem { goods, player, amount: TOO_MANY };
    let mut questions = Vec::new();
    for client in 0..CLIENTS.len() {
        for goods in [Goods::Rush, Goods::Cinema, Goods::Gift] {
            questions.push((client, wish(goods, 0)));
        }
        questions.extend((0..PLAYERS).map(|player| (client, wish(Goods::Priced, player))));
    }
    let asking = stream::iter(questions).map(async |(client, wish)| {
        let answer = shared.ask(client, &wish).await?;
        let probe = read(client, &wish, &answer);
        shared.history().probes.push(probe.with_context(|| format!("no bound in {answer}"))?);
        anyhow::Ok(())
    });
    asking.buffer_unordered(AT_A_TIME).try_collect::<()>().await
}

fn read(client: usize, wish: &Wish, answer: &Value) -> Option<Probe> {
    let Wish::Redeem { goods, player, .. } = wish else { return None };
    let bound = &answer["refused_by"][0];
    let of = match bound["cap"].as_str()? {
        "stock" => Allowance::Stock(*goods),
        "per_client" => Allowance::PerClient(*goods, client),
        "codes" => Allowance::Codes(*goods, client),
        "point" => Allowance::Points(client, *player),
        _ => return None,
    };
    Some(Probe { of, left: bound["left"].as_i64()? })
}
