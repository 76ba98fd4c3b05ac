//! Clocks: jobs are judged by the instant at which an ingress accepted them, on a machine of its own.

use super::finding::Examination;
use crate::domain::decide::FUTURE_MAX;
use crate::secrets::TOKEN_LIFE;
use time::{Duration, OffsetDateTime};

/// Machines that follow the network's time differ by milliseconds.
const UNUSUAL: Duration = Duration::seconds(5);

/// How far another clock is ahead of ours (negative: behind), and how far that may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skew {
    pub(super) ahead: Duration,
    pub(super) uncertain: Duration,
}

impl Skew {
    /// The other clock was read at some instant between our two.
    pub(super) fn measured(
        before: OffsetDateTime,
        theirs: OffsetDateTime,
        after: OffsetDateTime,
    ) -> Self {
        let half = (after - before) / 2;
        Self { ahead: theirs - (before + half), uncertain: half }
    }
}

pub(super) fn judge(examined: &mut Examination, skew: Skew) {
    let at_least = (skew.ahead.abs() - skew.uncertain).max(Duration::ZERO);
    let ms = skew.ahead.whole_milliseconds();
    let direction = if ms < 0 { "behind" } else { "ahead of" };
    let what = format!(
        "the database's clock is {:.3} s {direction} this machine's (give or take {:.3} s)",
        skew.ahead.abs().as_seconds_f64(),
        skew.uncertain.as_seconds_f64()
    );
    let remedy = format!(
        "Synchronise all machines by NTP (`chronyc tracking`). A job whose ingress is more than {} s ahead of its worker is refused (2302), and tokens end {} days after the clock of their ingress",
        FUTURE_MAX.whole_seconds(),
        TOKEN_LIFE.whole_days()
    );
    if at_least > FUTURE_MAX {
        examined.fatal(what, remedy);
    } else if at_least > UNUSUAL {
        examined.warning(what, remedy);
    } else {
        examined.ok(format!("{what}; up to {} s are tolerated", FUTURE_MAX.whole_seconds()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Server, Severity};
    use super::*;
    use time::macros::datetime;

    fn judged(ahead: Duration, uncertain: Duration) -> (Severity, String) {
        let mut examined = Examination::of(Server::Database);
        judge(&mut examined, Skew { ahead, uncertain });
        let finding = examined.findings.pop().expect("a finding");
        (finding.severity, finding.to_string())
    }

    #[test]
    fn a_skew_is_bad_beyond_what_a_worker_tolerates_in_either_direction() {
        let sure = Duration::milliseconds(1);
        for (ahead, severity) in [
            (Duration::milliseconds(-300), Severity::Ok),
            (Duration::seconds(5), Severity::Ok),
            (Duration::seconds(6), Severity::Warning),
            (Duration::seconds(-60), Severity::Warning),
            (Duration::seconds(60), Severity::Warning),
            (Duration::seconds(61), Severity::Fatal),
            (Duration::seconds(-3_600), Severity::Fatal),
        ] {
            assert_eq!(judged(ahead, sure).0, severity, "{ahead}");
        }
    }

    #[test]
    fn a_slow_answer_is_no_skew() {
        assert_eq!(judged(Duration::seconds(61), Duration::seconds(60)).0, Severity::Ok);
    }

    #[test]
    fn the_skew_is_shown_with_its_direction_and_the_bounds() {
        let (_, text) = judged(Duration::milliseconds(-75_250), Duration::milliseconds(2));
        for part in ["75.250 s behind", "0.002 s", "60 s", "3 days", "NTP"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_other_clock_was_read_half_way() {
        let before = datetime!(2026-11-22 12:00 UTC);
        let skew =
            Skew::measured(before, before + Duration::seconds(11), before + Duration::seconds(2));
        assert_eq!(skew.ahead, Duration::seconds(10));
        assert_eq!(skew.uncertain, Duration::seconds(1));
    }
}
