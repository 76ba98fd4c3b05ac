//! What is printed.

#![expect(clippy::print_stdout, reason = "this is the output of the bench")]

use crate::book::Book;
use crate::machine::Machine;
use crate::plan::Plan;
use crate::stats::Spread;
use crate::targets::{Target, Wanted};
use redeemq::progress::{Progress, Unit};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static PROGRESS: OnceLock<Progress> = OnceLock::new();

/// So many times [`progress`] will be told of something new.
pub fn begin(steps: usize) {
    let progress = Progress::on_stderr("measuring", Unit::Pieces("steps"), steps as u64);
    _ = PROGRESS.set(progress);
}

/// What is measured now.
pub fn progress(what: &str) {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    static STEPS: AtomicU64 = AtomicU64::new(0);
    let seconds = BEGUN.get_or_init(Instant::now).elapsed().as_secs_f64();
    let print = || println!("{seconds:>7.1} s  {what}");
    let Some(progress) = PROGRESS.get() else { return print() };
    progress.set(STEPS.fetch_add(1, Ordering::Relaxed));
    progress.suspend(print);
}

fn end() {
    PROGRESS.get().into_iter().for_each(Progress::finish);
}

pub fn stopped(error: &anyhow::Error) {
    end();
    println!("\nThe bench could not measure: {error:#}");
}

pub fn written(file: &Path) {
    println!("\nAll values: {}", file.display());
}

pub fn drawn(file: &Path) {
    println!("Picture: {}", file.display());
}

/// The ratios first: they are what holds on other machines as well.
pub fn print(
    machine: &Machine,
    plan: &Plan,
    targets: &[Target],
    book: &Book,
    (seconds, load_after): (f64, f64),
) {
    end();
    println!("\n{} run, {seconds:.0} s, medians with [lowest, highest]", plan.name);
    println!(
        "{} cores, {}, {:.1} GiB, Linux {}; load average {:.1} before, {load_after:.1} after",
        machine.cores, machine.model, machine.memory_gib, machine.kernel, machine.load_before
    );
    println!(
        "redeemq {}, PostgreSQL {}, RabbitMQ {}, {}\n",
        machine.redeemq, machine.postgres, machine.rabbitmq, machine.rustc
    );
    println!("| what | measured | | target | |\n|---|---|---|---|---|");
    for target in targets {
        println!("{}", target_line(target));
    }
    println!("\n| what | median | | unit |\n|---|---|---|---|");
    for (name, unit, spread) in book.lines() {
        println!("| {name} | {} | {} | {unit} |", number(spread.median), range(&spread));
    }
    println!();
    for note in &book.notes {
        println!("- {note}");
    }
}

fn target_line(target: &Target) -> String {
    let wanted = match target.wanted {
        Wanted::AtLeast(least) => format!("≥ {}", number(least)),
        Wanted::AtMost(most) => format!("≤ {}", number(most)),
    };
    let verdict = match target.is_reached() {
        Some(true) => "reached",
        Some(false) => "**missed**",
        None => "",
    };
    let (median, range) = match &target.measured {
        Some(spread) => (number(spread.median), range(spread)),
        None => ("not measured".to_owned(), String::new()),
    };
    format!("| {} | {median} | {range} | {wanted} | {verdict} |", target.what)
}

fn range(spread: &Spread) -> String {
    format!("[{}, {}]", number(spread.low), number(spread.high))
}

/// As many digits as mean something.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => grouped(value.round() as i64),
    }
}

fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = if number < 0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_mean_something() {
        let written: Vec<_> =
            [0.654, 12.34, 999.6, 1_234_567.0, -1_500.0].into_iter().map(number).collect();
        assert_eq!(written, ["0.65", "12.3", "1,000", "1,234,567", "-1,500"]);
    }

    #[test]
    fn a_missed_target_stands_out() {
        let measured = Some(Spread { median: 0.5, low: 0.4, high: 0.6 });
        let target = Target { what: "it".to_owned(), wanted: Wanted::AtLeast(0.65), measured };
        assert_eq!(target_line(&target), "| it | 0.50 | [0.40, 0.60] | ≥ 0.65 | **missed** |");
    }
}
