//! What a sceptic reads: what was done, what was broken, and the account.

#![expect(clippy::print_stdout, reason = "this is the output of the proof")]

use crate::checker::Account;
use crate::history::History;
use crate::last::Last;
use crate::nemesis::{Fault, Struck};
use crate::shared_client::SharedClient;
use redeemq::progress::{Progress, Unit};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

static PROGRESS: OnceLock<Progress> = OnceLock::new();

/// Between two looks at how far it is: each goes through the whole history, while clients write to it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Lines of faults that are printed of an account.
const FAULTS_SHOWN: usize = 40;

fn clock() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed()
}

pub fn begin(seed: u64, jobs: u64, seconds: u64) {
    clock();
    println!("make prove SEED={seed} JOBS={jobs} SECONDS={seconds}");
    println!("two ingresses, two workers, RabbitMQ, Postgres, clients over HTTP and AMQP\n");
}

fn line(what: &str) {
    let print = || println!("{:>7.1} s  {what}", clock().as_secs_f64());
    PROGRESS.get().map_or_else(print, |progress| progress.suspend(print));
}

/// A fault that is over.
pub fn fault(what: &str, micros: i64) {
    line(&format!("{what} ({:.1} s)", micros as f64 / 1e6));
}

pub fn phase(what: &str) {
    line(what);
}

/// How many jobs have their results, of all that are to be sent, until it is told to end.
pub async fn progress(shared: Arc<SharedClient>, jobs: u64) {
    let progress = Progress::on_stderr("results of jobs", Unit::Pieces("jobs"), jobs);
    let progress = PROGRESS.get_or_init(|| progress);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (sent, unanswered) = {
            let history = shared.history();
            (history.jobs.len(), history.unanswered().count())
        };
        progress.expect(jobs.max(sent as u64));
        progress.set((sent - unanswered) as u64);
    }
}

/// Prints the account; whether it is clean.
pub fn account(
    account: &Account,
    history: &History,
    faults: &[Struck],
    load_ended: i64,
    last: &Last,
) -> bool {
    PROGRESS.get().into_iter().for_each(Progress::finish);
    println!("\nFaults, and the time from a fault's end to the first new decision");
    healing(history, faults, load_ended);

    println!("\nDecisions by code");
    for (code, count) in &account.codes {
        println!("  {code}  {count:>9}");
    }

    println!("\nAccount");
    let figures = [
        ("sent", account.sent, "jobs"),
        ("requests", account.requests as usize, "sendings of them, repeats included"),
        ("acknowledged", account.acknowledged, "jobs whose client was told so"),
        ("decided", account.decided, "jobs"),
        ("results", account.results as usize, "result messages, repeats included"),
        ("recovered", account.recovered, "decided, though a sending ended without a word"),
        ("probes", account.probes, "bounds whose rest is what the answers leave over"),
    ];
    for (name, count, what) in figures {
        println!("  {name:<13} {count:>9}   {what}");
    }
    let promises = [
        ("lost", account.lost, "acknowledged, never decided"),
        ("duplicated", account.duplicated, "effects beyond the first"),
        ("unexpected", account.unexpected, "answers nobody asked for, or no rule gives"),
        ("over-granted", account.over, "units beyond a bound"),
        ("unanswered", account.unanswered, "decided, but no result message"),
        ("conflicting", account.conflicting, "jobs with two unlike answers"),
        ("waiting", last.waiting as usize, "requests left in the queues"),
        ("dead", last.dead as usize, "dead letters, though nothing was poison"),
        ("ended", last.ended.len(), "processes that ended by themselves"),
        ("panics", last.panics.len(), "in the logs of all processes"),
    ];
    let mut kept = last.audit.1 && account.is_clean();
    for (name, count, what) in promises {
        kept &= count == 0;
        println!("{} {name:<13} {count:>9}   {what}", mark(count == 0));
    }
    println!("{} redeemq audit: {}", mark(last.audit.1), last.audit.0);
    for fault in account.faults.iter().chain(&last.ended).chain(&last.panics).take(FAULTS_SHOWN) {
        println!("    {fault}");
    }
    kept
}

fn mark(good: bool) -> &'static str {
    if good { "✓" } else { "✗" }
}

/// Each kind of fault, how often, and how soon decisions came again. Where everything stood still for
/// another reason at the end of a fault, its time tells nothing and is left out.
fn healing(history: &History, faults: &[Struck], load_ended: i64) {
    let mut decided_at = history.decided_at.clone();
    decided_at.sort_unstable();
    let mut kinds: BTreeMap<Fault, (usize, Vec<i64>)> = BTreeMap::new();
    for struck in faults {
        let (count, times) = kinds.entry(struck.fault).or_default();
        *count += 1;
        let first = decided_at[decided_at.partition_point(|at| *at < struck.until)..].first();
        let others = |other: &&Struck| {
            other.fault.stops_everything()
                && other.from < struck.until + 2_000_000
                && other.until > struck.until
        };
        if let Some(first) = first
            && faults.iter().filter(others).count() == 0
            && struck.until < load_ended
        {
            times.push(first - struck.until);
        }
    }
    println!(
        "  {:<16} {:>6} {:>9} {:>10} {:>10}",
        "", "struck", "measured", "median ms", "worst ms"
    );
    for (fault, (count, mut times)) in kinds {
        times.sort_unstable();
        let ms =
            |at: Option<&i64>| at.map_or("-".to_owned(), |us| format!("{:.0}", *us as f64 / 1e3));
        let (median, worst) = (ms(times.get(times.len() / 2)), ms(times.last()));
        println!(
            "  {:<16} {count:>6} {:>9} {median:>10} {worst:>10}",
            format!("{fault:?}"),
            times.len()
        );
    }
    println!("  {} faults in all", faults.len());
}

pub fn end(kept: bool, seed: u64, took: Duration, folder: &Path) {
    let took = took.as_secs();
    match kept {
        true => println!("\nEvery promise was kept ({took} s, seed {seed})."),
        false => println!("\nBROKEN: seed {seed}; the logs are in {}", folder.display()),
    }
}

pub fn stopped(error: &anyhow::Error, seed: u64) {
    PROGRESS.get().into_iter().for_each(Progress::finish);
    println!("\nThe campaign could not be carried out (seed {seed}): {error:#}");
}
