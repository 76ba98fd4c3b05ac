//! P1: what the broker dead-letters while its way to the workers is broken waits in the broker.

use crate::node::alone;
use harness::{Bench, Role, eventually, mug};
use std::time::{Duration, Instant};

/// After how long the broker tries again what found no queue, in milliseconds; and by default.
const AGAIN: (&str, u64, u64) = ("dead_letter_worker_publisher_confirm_timeout", 1_000, 180_000);

#[tokio::test]
async fn a_letter_of_the_broker_that_finds_no_queue_is_kept_until_a_worker_has_bound_it() {
    let (node, _turn) = alone().await;
    let _soon = node.with(AGAIN.0, AGAIN.1, AGAIN.2);
    for is_deleted in [false, true] {
        let site = node.site().await;
        let bench = Bench::open(&site.amqp_url).await;
        bench.declare().await;
        match is_deleted {
            true => bench.delete("redeem.dead.notices").await,
            false => bench.unbind("redeem.dead.notices", "redeem.dead", "").await,
        }
        let job = mug("acme");
        bench.publish(&job).await;
        for queue in ["redeem.requests", "redeem.requests.spare"] {
            let deadline = Instant::now() + Duration::from_secs(30);
            let mut quiet = 0;
            // What was lost is back after a while; what stays away is on its way to the next queue.
            while quiet < 10 {
                assert!(Instant::now() < deadline, "the broker's limit does not hold");
                match bench.depth(queue).await {
                    0 => quiet += 1,
                    _ => {
                        bench.lose(queue, 1).await;
                        quiet = 0;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let said = site.run(&["doctor", "--for", "worker"]);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let fault = if is_deleted { "is missing" } else { "is not bound to exchange redeem.dead" };
        assert!(said.contains(&format!("queue redeem.dead.notices {fault}")), "{said}");

        let mut results = bench.results("#").await;
        let _worker = site.start(Role::Worker, &[]).await;
        let notice = results.next_of_any_kind().await;
        assert_eq!((&notice.message_id, &notice.json["status"]), (&job.job_id(), &"dead".into()));
        eventually("the letter lies there", async || bench.depth("redeem.dead").await == 1).await;
        site.close().await;
    }
}
