//! What came back for a flood of jobs.

use super::amqp::{Bench, Reader, Request, Result};
use super::eventually;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// Counts from the results alone, as a reader has them, never from the tables.
pub struct Tally {
    results: HashMap<String, Vec<Result>>,
    missing: HashSet<String>,
}

impl Tally {
    /// Of these jobs; a job that is published twice is one job.
    pub fn of(jobs: &[Request]) -> Self {
        Self::of_ids(jobs.iter().map(Request::job_id))
    }

    /// Of jobs that came over HTTP.
    pub fn of_ids(job_ids: impl IntoIterator<Item = String>) -> Self {
        Self { results: HashMap::new(), missing: job_ids.into_iter().collect() }
    }

    /// Reads until no more than so many jobs lack an answer.
    pub async fn read(&mut self, results: &mut Reader, missing: usize) {
        while self.missing.len() > missing {
            let result = results.next().await;
            self.add(result);
        }
    }

    /// Reads until every job has an answer and no request is left.
    pub async fn read_all(&mut self, bench: &Bench, results: &mut Reader) {
        self.read(results, 0).await;
        eventually("no request is left", async || {
            bench.depth("redeem.requests").await + bench.depth("redeem.requests.spare").await == 0
        })
        .await;
    }

    /// Reads whatever was published before this.
    pub async fn read_rest(&mut self, bench: &Bench, results: &mut Reader) {
        let mut last = Request::new("acme", "goods", &json!({}));
        last.routing_key = "acme.last";
        bench.publish_to("redeem.results", &last).await;
        loop {
            let result = results.next().await;
            if result.message_id == last.job_id() {
                break;
            }
            self.add(result);
        }
    }

    fn add(&mut self, result: Result) {
        self.missing.remove(&result.message_id);
        self.results.entry(result.message_id.clone()).or_default().push(result);
    }

    /// How many results there are, repeats among them.
    pub fn count(&self) -> usize {
        self.results.values().map(Vec::len).sum()
    }

    pub fn replayed(&self) -> usize {
        self.results.values().flatten().filter(|result| result.is_replayed).count()
    }

    /// How often the ledger answered for these jobs; a job among them that came twice is one job.
    pub fn replayed_of(&self, jobs: &[Request]) -> usize {
        let ids: HashSet<String> = jobs.iter().map(Request::job_id).collect();
        let results = ids.iter().filter_map(|id| self.results.get(id)).flatten();
        results.filter(|result| result.is_replayed).count()
    }

    /// The answer to each job. All that one job ever got must be the same bytes.
    pub fn answers(&self) -> Vec<&Value> {
        let mut answers = Vec::with_capacity(self.results.len());
        for (job_id, results) in &self.results {
            let first = &results[0];
            assert!(results.iter().all(|result| result.body == first.body), "answers to {job_id}");
            answers.push(&first.json);
        }
        answers
    }

    /// The events of all grants, with whom they were for.
    pub fn events(&self) -> Vec<(&str, &Value)> {
        self.answers()
            .into_iter()
            .flat_map(|answer| {
                let client = answer["client_id"].as_str().expect("a client");
                let events = answer["response"]["events"].as_array().into_iter().flatten();
                events.map(move |event| (client, event))
            })
            .collect()
    }

    /// Units granted of some goods.
    pub fn units(&self, goods_id: &str) -> i64 {
        let of_goods = |(_, event): &(&str, &Value)| event["goods_data"]["goods_id"] == goods_id;
        self.events()
            .iter()
            .filter(|event| of_goods(event))
            .filter_map(|(_, e)| e["value"].as_i64())
            .sum()
    }

    /// Codes granted, repeats among them.
    pub fn codes(&self) -> Vec<&str> {
        self.events().iter().filter_map(|(_, event)| event["goods_data"]["code"].as_str()).collect()
    }
}
