//! What callers are told, and how soon.

use futures_util::future::join_all;
use harness::{Answer, Caller};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How soon a caller is told that we can't.
pub const AT_ONCE: Duration = Duration::from_secs(1);
/// How soon all is well again after the broker's return.
pub const BACK: Duration = Duration::from_secs(2);

pub const PATH: &str = "/Redeem/goods";

pub fn mug() -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": 1})
}

/// What a crowd was told, over the length of an outage.
#[derive(Default)]
pub struct Told {
    pub requests: usize,
    /// Jobs whose fate was not known.
    pub unknown: i64,
    /// What this machine takes, just now, to answer one of a crowd that asks for nothing.
    pub noise: Duration,
}

impl Told {
    /// So many at once, who must all be told to come again, and at once.
    pub async fn crowd(&mut self, caller: &Caller, count: usize) {
        let mug = mug();
        let idle = (0..count).map(|_| timed(caller.get("/livez")));
        let idle = join_all(idle).await.into_iter().map(|(_, took)| took).max();
        self.noise = self.noise.max(idle.unwrap_or_default());
        let asking = join_all((0..count).map(|_| timed(caller.post(PATH, &mug)))).await;
        for (answer, took) in asking {
            self.add(&answer);
            assert!(took < AT_ONCE + self.noise, "{took:?}; for nothing {:?}", self.noise);
        }
    }

    /// Fails unless this was back in time.
    pub fn assert_back(&self, what: &str, took: Duration) {
        assert!(took < BACK + self.noise * 2, "{what}: {took:?}; for nothing {:?}", self.noise);
    }

    /// One who must be told to come again.
    pub fn add(&mut self, answer: &Answer) {
        assert_eq!(answer.said(), (503, "3003"), "{}", answer.text);
        let retry_after = answer.header("retry-after").parse::<u32>();
        assert!(retry_after.is_ok_and(|seconds| seconds > 0), "no Retry-After");
        self.requests += 1;
        self.unknown += i64::from(answer.body["response"]["accepted"] == "unknown");
    }
}

async fn timed(asking: impl Future<Output = Answer>) -> (Answer, Duration) {
    let begun = Instant::now();
    (asking.await, begun.elapsed())
}

/// Waits until the ingress accepts a job again; its id.
pub async fn accepted(caller: &Caller) -> String {
    let mug = mug();
    let begun = Instant::now();
    loop {
        let answer = caller.post(PATH, &mug).await;
        if answer.status == 202 {
            return answer.job_id();
        }
        assert!(begun.elapsed() < harness::PATIENCE, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Fails unless this job was decided, with success.
pub async fn assert_done(caller: &Caller, job_id: &str) {
    let status = caller.settled(job_id).await;
    assert_eq!(status.body["response"]["result"]["error_code"], "0000", "{}", status.text);
}
