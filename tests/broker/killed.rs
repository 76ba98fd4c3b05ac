//! P1 and P7: RabbitMQ dies by SIGKILL, with jobs in its queue and in a worker's hands.

use crate::node::alone;
use crate::told::{PATH, Told, accepted, assert_done, mug};
use futures_util::future::join_all;
use harness::{Bench, Role, eventually};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_broker_that_is_killed_and_restarted_loses_nothing() {
    let (node, _turn) = alone().await;
    let site = node.site().await;
    let process = site.start(Role::Serve, &[]).await;
    let caller = site.caller(&process, "acme").await;
    node.remember();
    let mug = mug();
    let mut hold = site.store.begin().await.expect("a transaction");
    sqlx::query("select from goods where scope = 'acme' for update")
        .execute(&mut *hold)
        .await
        .expect("held");
    let mut queued = Vec::new();
    for answer in join_all((0..40).map(|_| caller.post(PATH, &mug))).await {
        assert_eq!(answer.said(), (202, "0000"), "{}", answer.text);
        queued.push(answer.job_id());
    }
    site.until_waiting(1).await;

    // Some are on their way when it dies: each is told one or the other, and what is told is true.
    let flood = async {
        let mut answers = Vec::new();
        while answers.iter().all(|answer: &harness::Answer| answer.status == 202) {
            answers.extend(join_all((0..50).map(|_| caller.post(PATH, &mug))).await);
        }
        answers
    };
    let killing = tokio::task::spawn_blocking(|| node.kill());
    let (answers, killed) = tokio::join!(flood, killing);
    killed.expect("killed");
    let mut told = Told::default();
    for answer in answers {
        if answer.status == 202 { queued.push(answer.job_id()) } else { told.add(&answer) }
    }
    told.crowd(&caller, 200).await;
    hold.rollback().await.expect("let go");
    // What the worker had in hand is decided even now, and told later.
    let decided = async || site.number("select count(*) from ledger").await;
    eventually("its batch is decided", async || decided().await > 0).await;
    eventually("it looks for its broker", async || {
        process.metric("redeemq_lanes_consuming", "").await == 0.0
    })
    .await;
    let before = decided().await;

    let back = async {
        while !node.greets().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let returned = Instant::now();
        let accepting = async { (accepted(&caller).await, returned.elapsed()) };
        let deciding = async {
            eventually("it decides", async || decided().await > before).await;
            returned.elapsed()
        };
        tokio::join!(accepting, deciding)
    };
    let reviving = tokio::task::spawn_blocking(|| node.revive());
    let (revived, ((job, accepting), deciding)) = tokio::join!(reviving, back);
    revived.expect("revived");
    told.assert_back("accepting", accepting);
    told.assert_back("deciding", deciding);

    queued.push(job);
    for job in &queued {
        assert_done(&caller, job).await;
    }
    let granted = site.number("select granted from goods where scope = 'acme'").await;
    let queued = queued.len() as i64;
    assert!((queued..=queued + told.unknown).contains(&granted), "{granted} of {queued}");
    assert_eq!(Bench::open(&site.amqp_url).await.depth("redeem.dead").await, 0);
    site.audit();
    site.close().await;
}
