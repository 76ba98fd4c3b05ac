//! Bindings: what fills each queue. Only the management API tells.

use super::finding::Examination;
use super::lanes::{HIDDEN, KnownLanes};
use crate::broker::inspect::management::Management;
use crate::broker::topology::lanes::LANES;
use crate::broker::topology::{Queue, REQUESTS};
use crate::broker::{Connection, Result};

/// Whether each queue is filled by what it should be.
pub(super) async fn examine(
    examined: &mut Examination,
    connection: &Connection,
    management: &Management,
) -> Result<()> {
    let before = examined.so_far();
    let known = KnownLanes::look(connection, Some(management)).await?;
    // Whether redeem.requests should be bound depends on it.
    let Some(in_lanes) = known.in_use else {
        examined.not_checked("bindings", HIDDEN);
        return Ok(());
    };
    for queue in &known.queues(0) {
        let Some(bindings) = management.bindings(&queue.name).await? else {
            let what = format!("bindings of queue {}", queue.name);
            examined.not_checked(what, "there is no such queue");
            continue;
        };
        let is_bound = bindings.iter().any(|binding| {
            binding.source == queue.bound_to && binding.routing_key == queue.routing_key
        });
        judge(examined, queue, is_bound, queue.is_to_be_bound(in_lanes));
    }
    if examined.is_clean_since(before) {
        examined.ok("queues are bound as expected");
    }
    Ok(())
}

fn judge(examined: &mut Examination, queue: &Queue, is_bound: bool, is_to_be_bound: bool) {
    let (name, exchange, key) = (&queue.name, queue.bound_to, queue.routing_key);
    match (is_bound, is_to_be_bound) {
        (true, true) | (false, false) => {}
        (true, false) if name == REQUESTS => {
            let what = format!(
                "queue {name} is bound to exchange {exchange}, though there are lanes: each job is delivered twice, and answered twice"
            );
            let remedy = format!(
                "Start a worker with REDEEMQ_LANES set: it unbinds the queue. Or by hand: delete its binding from {exchange}"
            );
            examined.warning(what, remedy);
        }
        (true, false) => {
            let what = format!(
                "queue {name} is bound to exchange {exchange}: what the broker dead-letters lies there twice"
            );
            let remedy = format!(
                "Start a worker, when none of version 0.1.0 runs any more: it unbinds the queue. Or by hand: delete its binding from {exchange}"
            );
            examined.warning(what, remedy);
        }
        (false, true) if exchange == LANES => examined.ok(format!(
            "{name} is a lane that is no longer used; delete it when it is empty and no worker with lanes runs"
        )),
        (false, true) => {
            let what = format!("queue {name} is not bound to exchange {exchange} by `{key}`");
            let remedy = "Start a worker, or start it again: it binds what is not bound";
            examined.warning(what, remedy);
        }
    }
}
