//! Exchanges and queues as they are, against those that are wanted.

use super::finding::Examination;
use super::lanes::{HIDDEN, KnownLanes};
use super::options::Settings;
use crate::broker::inspect::probe::{self, ProbeResult};
use crate::broker::topology::lanes::{self, LANES};
use crate::broker::topology::{DEAD, DEAD_NOTICES, EXCHANGES};
use crate::broker::{Connection, Result};

/// Publishers are refused meanwhile.
const REPLACE_EXCHANGE: &str = "Stop the workers, delete it, and start a worker at once: it declares it anew, and until then publishers are refused. Bindings of client sites go with it: bind their queues again";

/// How to have a queue declared anew without losing a message. What an unbound request queue would have got
/// goes to redeem.requests.spare, waits where it is, or is refused; the dead queue has no binding.
pub(super) fn replace(queue: &str) -> String {
    let other = match queue {
        DEAD => {
            return "Stop the workers, so that nothing new comes into it; replay or drop its dead letters; when it has no message left, delete it, and start a worker: it declares it anew".to_owned();
        }
        DEAD_NOTICES => "redeem.requests.spare",
        _ => "another request queue",
    };
    let with_lanes = if lanes::is_lane(queue) { " with REDEEMQ_LANES set" } else { "" };
    format!(
        "Delete its bindings, so that nothing new comes into it; let the workers that still run empty it, or move its messages to {other} with a shovel; when it has no message left, ready or unacknowledged, stop the workers, delete it, and start a worker{with_lanes}: it declares and binds it anew"
    )
}

/// Looks at all of them; what a process declares when it starts may be missing.
pub(super) async fn examine(
    examined: &mut Examination,
    connection: &Connection,
    settings: &Settings,
) -> Result<()> {
    let before = examined.so_far();
    let known = KnownLanes::look(connection, None).await?;
    if known.in_use.is_none() {
        examined.not_checked(format!("exchange {LANES}"), HIDDEN);
    }
    if known.count.is_none() {
        examined.not_checked("queues of lanes", HIDDEN);
    }
    let of_lanes = (known.in_use == Some(true)).then(lanes::exchange);
    for wanted in EXCHANGES.iter().chain(&of_lanes) {
        let heard = probe::exchange(connection, wanted).await?;
        judge(examined, "exchange", wanted.name, heard, REPLACE_EXCHANGE);
    }
    for wanted in &known.queues(settings.queue_bytes_max) {
        let heard = probe::queue(connection, wanted).await?;
        judge(examined, "queue", &wanted.name, heard, &replace(&wanted.name));
    }
    if examined.is_clean_since(before) {
        examined.ok("exchanges and queues are declared as expected");
    }
    Ok(())
}

fn judge(examined: &mut Examination, kind: &str, name: &str, heard: ProbeResult, mend: &str) {
    match heard {
        ProbeResult::Fine => {}
        ProbeResult::Missing => {
            let what = format!("{kind} {name} is missing");
            let remedy = "Start a worker, or start it again: it declares what is missing. Until then publishers can be refused";
            examined.warning(what, remedy);
        }
        ProbeResult::Forbidden => {
            let what = format!("whether {kind} {name} is declared as expected");
            examined.not_checked(what, "only a user with the right to configure it can see this");
        }
        ProbeResult::Refused(words) => {
            let words = words.trim_start_matches("PRECONDITION_FAILED - ");
            let what = format!("{kind} {name} exists with other arguments: {words}{}", risk(words));
            let or = if words.contains("x-max-length-bytes") {
                ". Or set REDEEMQ_QUEUE_BYTES everywhere to the value that it has"
            } else {
                ""
            };
            let remedy = format!("{mend} (`received` is what it wants){or}");
            examined.fatal(what, remedy);
        }
    }
}

/// What the argument in the broker's words is there for.
fn risk(words: &str) -> String {
    let risks = [
        ("x-queue-type", "only a quorum queue keeps jobs when a node is lost"),
        ("x-overflow", "a full queue must refuse jobs and never drop them"),
        ("x-dead-letter-strategy", "jobs over the broker's limit could get lost on their way"),
        ("x-dead-letter-exchange", "jobs over the broker's limit would be dropped or go astray"),
        ("x-delivery-limit", "the broker must not give jobs up before the workers do"),
        ("x-max-length", "a backlog must stay below the broker's memory alarm"),
        ("x-message-ttl", "jobs would expire undecided"),
        ("x-expires", "the queue would vanish with its jobs"),
        ("alternate-exchange", "jobs that no queue wants would come back"),
    ];
    let risk = risks.iter().find(|(argument, _)| words.contains(argument));
    risk.map_or(String::new(), |(_, risk)| format!("; {risk}"))
}
