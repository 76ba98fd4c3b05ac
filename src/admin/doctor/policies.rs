//! Policies: they override some arguments of a queue, and only the management API reports them.

use super::arguments::replace;
use super::finding::Examination;
use super::lanes::KnownLanes;
use super::options::Settings;
use crate::broker::inspect::management::{Management, RealQueue};
use crate::broker::topology::{
    Argument, BROKER_DELIVERY_LIMIT, DEAD, DEAD_NOTICES, DELIVERY_LIMIT, Queue,
};
use crate::broker::{Connection, Result};
use serde_json::{Map, Value};

/// Consumers that are slower lose their deliveries. Workers hold none longer than an outage of the
/// database, but no shorter time is advised by the broker's makers.
const CONSUMER_TIMEOUT_MIN_MS: i64 = 5 * 60 * 1000;

/// Looks at what holds for our queues beside their arguments.
pub(super) async fn examine(
    examined: &mut Examination,
    connection: &Connection,
    management: &Management,
    settings: &Settings,
) -> Result<()> {
    let before = examined.so_far();
    let known = KnownLanes::look(connection, Some(management)).await?;
    for wanted in &known.queues(settings.queue_bytes_max) {
        let Some(real) = management.queue(&wanted.name).await? else {
            let what = format!("policies over queue {}", wanted.name);
            examined.not_checked(what, "there is no such queue");
            continue;
        };
        differences(examined, wanted, &real);
        match &real.policy {
            Some(policy) => judge(examined, wanted, &by(&real), policy),
            None => examined.not_checked(
                format!("policies over queue {}", wanted.name),
                "the broker does not report a new queue at once: run this again in 10 s",
            ),
        }
    }
    if examined.is_clean_since(before) {
        examined.ok("no policy overrides the queues' arguments");
    }
    Ok(())
}

/// A broker may be configured to take a declaration as equal that is not.
fn differences(examined: &mut Examination, wanted: &Queue, real: &RealQueue) {
    let mut differing = Vec::new();
    for (name, value) in &wanted.arguments {
        let value = match value {
            Argument::Text(text) => Value::from(*text),
            Argument::Number(number) => Value::from(*number),
            Argument::Flag(flag) => Value::from(*flag),
        };
        let real = real.arguments.get(*name);
        if real != Some(&value) {
            let real = real.map_or("not set".to_owned(), Value::to_string);
            differing.push(format!("{name} is {real} and not {value}"));
        }
    }
    if !differing.is_empty() {
        let what = format!("queue {}: {}", wanted.name, differing.join(", "));
        let remedy = replace(&wanted.name);
        examined.fatal(what, remedy);
    }
}

fn by(real: &RealQueue) -> String {
    let named = |kind: &str, name: &Option<String>| {
        name.as_ref().filter(|name| !name.is_empty()).map(|name| format!("{kind} `{name}`"))
    };
    let names =
        [named("policy", &real.policy_name), named("operator policy", &real.operator_policy_name)];
    names.into_iter().flatten().collect::<Vec<_>>().join(" or ")
}

/// What a policy asks for, against what the queue is for.
fn judge(examined: &mut Examination, queue: &Queue, by: &str, policy: &Map<String, Value>) {
    for (key, value) in policy {
        let Some((is_fatal, risk)) = risk(queue, key, value) else { continue };
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let what = format!("{by} sets {key} to {shown} on queue {}: {risk}", queue.name);
        let remedy =
            format!("Take {key} out of it, or keep its pattern from matching {}", queue.name);
        if is_fatal {
            examined.fatal(what, remedy);
        } else {
            examined.warning(what, remedy);
        }
    }
}

/// Whether a key of a policy is fatal, and why; none where it does no harm. (What the broker takes from
/// a policy first: overflow and strategy. The smaller of policy and argument: limits and times. From
/// the argument first: the dead-letter exchange.)
fn risk(queue: &Queue, key: &str, value: &Value) -> Option<(bool, &'static str)> {
    let number = value.as_i64().unwrap_or(0);
    match (key, queue.name.as_ref()) {
        ("message-ttl", _) => Some((true, "messages would expire and get lost or die undecided")),
        ("expires", _) => Some((true, "an unused queue would vanish with its messages")),
        ("delivery-limit", DEAD) => Some((
            true,
            "looking at dead letters counts, and they would get lost after so many looks",
        )),
        ("max-length" | "max-length-bytes", DEAD) => {
            Some((true, "the oldest dead letters would be dropped"))
        }
        ("delivery-limit", DEAD_NOTICES) => {
            Some((true, "dead letters of the broker would get no notice and no status"))
        }
        (_, DEAD) => None,
        ("overflow", _) if value != "reject-publish" => {
            Some((true, "a full queue would drop jobs that were answered 202"))
        }
        ("dead-letter-strategy", _) if value != "at-least-once" => {
            Some((true, "jobs over the broker's limit could get lost on their way"))
        }
        ("delivery-limit", _) if number <= DELIVERY_LIMIT => {
            Some((true, "the broker would give jobs up before the workers have"))
        }
        ("delivery-limit", _) if number < BROKER_DELIVERY_LIMIT => {
            Some((false, "the broker would give up jobs that were sent often and not tried"))
        }
        ("max-length" | "max-length-bytes", DEAD_NOTICES) => Some((
            false,
            "at so many dead letters of the broker the others wait in its other queues",
        )),
        ("max-length", _) => Some((false, "publishers are refused at so many jobs")),
        ("max-length-bytes", _) if number < limit(queue) => {
            Some((false, "publishers are refused earlier than REDEEMQ_QUEUE_BYTES says"))
        }
        ("consumer-timeout", _) if number < CONSUMER_TIMEOUT_MIN_MS => {
            Some((false, "workers that wait for the database would lose their deliveries"))
        }
        _ => None,
    }
}

fn limit(queue: &Queue) -> i64 {
    let of = queue.arguments.iter().find(|(name, _)| *name == "x-max-length-bytes");
    match of {
        Some((_, Argument::Number(bytes))) => *bytes,
        _ => i64::MAX,
    }
}
