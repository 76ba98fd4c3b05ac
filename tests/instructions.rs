//! What decode, decide and encode cost the processor, counted by `valgrind --tool=callgrind` and not by a
//! clock: the same count on any machine of this architecture, whatever else that does. These are counts
//! of an unoptimised build, so their bounds are guards against doing more, not figures to be proud of.
//!
//! Run without arguments it measures itself: it starts this program under valgrind with a step and a
//! number of jobs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is its own harness")]

use redeemq::domain::decide::{Rules, Verdict, decide};
use redeemq::domain::goods::{Asset, Goods, Scope};
use redeemq::domain::id::{ClientId, Id};
use redeemq::domain::job::Job;
use redeemq::domain::operation::Operation;
use redeemq::domain::request::{Request, Target};
use redeemq::domain::state::State;
use redeemq::wire::{answer, now, request};
use serde_json::json;
use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::sync::Arc;

const GOODS: i64 = 7;
/// Most instructions for each job in a batch of [`LARGE`], of all steps up to this one. Measured with
/// rustc 1.95 and raised by a tenth: if a compiler changes them, measure anew.
const STEPS: [(&str, u64); 4] =
    [("write", 136_000), ("decode", 204_000), ("decide", 268_000), ("encode", 540_000)];
const SMALL: u64 = 50;
const LARGE: u64 = 500;

fn client() -> ClientId {
    ClientId::trusted("acme".to_owned())
}

/// A message by the contract, for one of many players of one campaign.
fn message(number: u64) -> Vec<u8> {
    let params = json!({"goods_id": "cola", "player_id": format!("player-{number}"), "amount": 1});
    let params = serde_json::from_value(params).expect("an object");
    let request = Request::parse(Operation::Sponsor, &client(), &params).expect("acceptable");
    let job_id = uuid::Uuid::from_u128(number.into()).to_string();
    request::encode(&job_id, &client(), Operation::Sponsor, now(), &request)
}

fn campaign() -> Goods {
    Goods {
        row: GOODS,
        scope: Scope::Sponsored,
        sponsor: Some("cola".to_owned()),
        goods_id: Id::trusted("cola".to_owned()),
        name: "Cola".to_owned(),
        group: None,
        quantity: Some(1_000_000),
        per_player: Some(3),
        per_client: None,
        price: "point=1".parse().expect("a price"),
        starts_at: None,
        ends_at: None,
        coupon_expires_at: None,
        coupon_days: None,
        fold_case: false,
        granted: 0,
    }
}

fn loaded(jobs: &[Job]) -> State {
    let mut state = State::default();
    state.clients.insert(client(), None);
    let name = (Scope::Sponsored, Target::Goods(Id::trusted("cola".to_owned())));
    state.names.insert(name, GOODS);
    state.goods.insert(GOODS, Arc::new(campaign()));
    for job in jobs {
        let Ok(Request::Redeem(redeem)) = &job.request else { continue };
        let balances = BTreeMap::from([(Asset::Point, 10)]);
        state.players.insert((job.client.clone(), redeem.player.clone()), balances);
    }
    state
}

/// Does the steps up to the one that is named.
fn work(last: &str, jobs: u64) {
    let messages: Vec<Vec<u8>> = (0..jobs).map(message).collect();
    if last == "write" {
        return;
    }
    let read = |message: &Vec<u8>| request::decode(message).expect("a job");
    let jobs: Vec<Job> = messages.iter().map(read).collect();
    if last == "decode" {
        return;
    }
    let rules = Rules { now: now(), age_max: None };
    let (verdicts, _) = decide(&jobs, &mut loaded(&jobs), &rules);
    if last == "decide" {
        return;
    }
    for (job, verdict) in jobs.iter().zip(&verdicts) {
        let Verdict::Decided(outcome) = verdict else { panic!("{verdict:?}") };
        let body = answer::decided(job, outcome, rules.now);
        assert!(body.contains(r#""success":true"#));
    }
}

/// Instructions that this program executes for a step.
fn count(step: &str, jobs: u64) -> u64 {
    let program = std::env::current_exe().expect("a path");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["work", step, &jobs.to_string()])
        .output()
        .expect("valgrind runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = collected.unwrap_or_else(|| panic!("no count: {said}"));
    count.trim().parse().expect("a number")
}

fn measure() -> bool {
    let start = count("write", 0);
    let mut kept = true;
    for (step, most) in STEPS {
        let of_job = |jobs: u64| (count(step, jobs) - start) / jobs;
        let (small, large) = (of_job(SMALL), of_job(LARGE));
        println!(
            "up to {step}: {large} instructions a job (of {most} at most), {small} in a small batch"
        );
        if large > most || large > small + small / 10 {
            eprintln!("up to {step}: too many, or more the larger the batch");
            kept = false;
        }
    }
    kept
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, work, step, jobs] = arguments.as_slice()
        && work == "work"
    {
        self::work(step, jobs.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: instructions are not counted");
        return ExitCode::SUCCESS;
    }
    if measure() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
