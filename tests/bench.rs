//! `make bench-quick`, which is `make bench`, for some seconds: whether everything can still be measured.
//! The numbers mean nothing.

#![expect(clippy::print_stdout, reason = "the table is shown when it fails")]

use harness::make::make;
use serde_json::Value;

#[test]
fn everything_can_be_measured() {
    let folder = harness::places::scratch().join("bench");
    let into = format!("FOLDER={}", folder.display());
    let make = &mut make(&["bench-quick", "NAME=smoke", "ARGS=--smoke", &into]);
    let output = make.output().expect("make runs");
    let table = String::from_utf8_lossy(&output.stdout);
    println!("{table}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{table}\n{said}");

    let results = std::fs::read(folder.join("smoke.json")).expect("results");
    let results: Value = serde_json::from_slice(&results).expect("JSON");
    for target in results["targets"].as_array().expect("targets") {
        // The load at which latencies are compared is not reached in some seconds; pgbench may be missing.
        let what = target["what"].as_str().expect("a name");
        let may_be_missing = what.contains("at half load") || what.contains("pgbench");
        let median = target["measured"]["median"].as_f64();
        assert!(may_be_missing || median.is_some_and(f64::is_finite), "{target}");
    }
    assert!(folder.join("throughput-by-batch.svg").exists(), "no picture");
}
