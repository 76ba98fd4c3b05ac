//! A short `make prove`, on servers of its own: every promise, while everything dies. The seed is drawn
//! anew each time and printed with the account.

#![expect(clippy::print_stdout, reason = "the account is shown when it fails")]

use harness::make::make;

#[test]
fn a_minute_of_faults_breaks_no_promise() {
    let output =
        make(&["prove", "NAME=campaign", "JOBS=20000", "SECONDS=60"]).output().expect("make runs");
    let account = String::from_utf8_lossy(&output.stdout);
    println!("{account}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{account}\n{said}");
}
