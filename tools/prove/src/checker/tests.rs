//! The checker is a witness only if it finds what it is shown: each of these histories has one fault.

use super::{Account, judge};
use crate::history::{Allowance, Grant, Heard, History, Job, Probe, correlation_of};
use crate::world::{Goods, Wish, World};

fn world() -> World {
    World { rush: 3, rush_per_client: 2, codes: 5, points: 10 }
}

fn wish(goods: Goods, player: u16, amount: i64) -> Wish {
    Wish::Redeem { goods, player, amount }
}

fn refused(code: &str) -> Heard {
    Heard {
        content: code.parse().expect("digits"),
        code: code.into(),
        grant: None,
        verified: false,
    }
}

fn granted(units: i64, codes: &[&str]) -> Heard {
    let codes = codes.iter().map(|code| (*code).into()).collect();
    Heard {
        content: units.unsigned_abs(),
        code: "0000".into(),
        grant: Some(Grant { units, codes }),
        verified: false,
    }
}

fn verified(verified: bool) -> Heard {
    Heard { content: verified.into(), code: "0000".into(), grant: None, verified }
}

impl History {
    /// A job that was acknowledged and answered by a result message.
    fn with(mut self, client: usize, wish: Wish, heard: Heard) -> Self {
        let job = self.begin(Job::new(client, wish));
        self.acknowledge(job, &format!("id-{job}"));
        self.result(&correlation_of(job), &format!("id-{job}"), heard, 0);
        self
    }

    fn probed(mut self, of: Allowance, left: i64) -> Self {
        self.probes.push(Probe { of, left });
        self
    }
}

/// Both clients run into the stock, one into its cap; a coupon is used; all is asked for at the end.
fn clean() -> History {
    History::default()
        .with(0, wish(Goods::Rush, 1, 2), granted(2, &[]))
        .with(0, wish(Goods::Rush, 1, 1), refused("0604"))
        .with(1, wish(Goods::Rush, 1, 1), granted(1, &[]))
        .with(0, wish(Goods::Cinema, 2, 1), granted(1, &["cinema-acme-0"]))
        .with(1, wish(Goods::Cinema, 2, 1), granted(1, &["cinema-zeta-0"]))
        .with(1, wish(Goods::Gift, 3, 2), granted(2, &["gift-cola-0", "gift-cola-4"]))
        .with(
            0,
            Wish::Verify { goods: Goods::Cinema, code: "cinema-acme-0".into() },
            verified(true),
        )
        .with(
            0,
            Wish::Verify { goods: Goods::Cinema, code: "cinema-acme-0".into() },
            verified(false),
        )
        .probed(Allowance::Points(0, 1), 8)
        .probed(Allowance::Stock(Goods::Rush), 0)
        .probed(Allowance::PerClient(Goods::Rush, 1), 1)
        .probed(Allowance::Codes(Goods::Gift, 0), 3)
}

fn of(history: &History) -> Account {
    judge(&world(), history)
}

#[test]
fn a_clean_history_is_clean() {
    let account = of(&clean());
    assert!(account.is_clean(), "{:?}", account.faults);
    assert_eq!((account.sent, account.acknowledged, account.decided, account.probes), (8, 8, 8, 4));
    assert_eq!(account.codes["0000"], 7);
}

#[test]
fn a_lost_job_is_found() {
    let mut history = clean();
    let job = history.begin(Job::new(0, wish(Goods::Mug, 1, 1)));
    history.acknowledge(job, "id");
    assert_eq!(of(&history).lost, 1);
}

#[test]
fn a_job_that_nobody_was_promised_is_not_lost() {
    let mut history = clean();
    let job = history.begin(Job::new(0, wish(Goods::Mug, 1, 1)));
    history.jobs[job].was_unknown = true;
    let account = of(&history);
    assert!(account.is_clean(), "{:?}", account.faults);
    assert_eq!((account.sent, account.acknowledged, account.recovered), (9, 8, 0));
}

#[test]
fn a_job_that_is_decided_after_all_is_recovered() {
    let mut history = clean();
    history.jobs[0].was_unknown = true;
    assert_eq!(of(&history).recovered, 1);
}

#[test]
fn a_decision_without_a_result_message_is_unanswered() {
    let mut history = clean();
    let job = history.begin(Job::new(0, wish(Goods::Mug, 1, 1)));
    history.acknowledge(job, "id");
    history.jobs[job].status = Some("done".into());
    let account = of(&history);
    assert_eq!((account.lost, account.unanswered), (0, 1));
}

#[test]
fn a_code_with_two_holders_is_found() {
    let history = clean().with(0, wish(Goods::Gift, 9, 1), granted(1, &["gift-cola-0"]));
    // The pool has lost one code less than was granted, as well.
    let account = of(&history);
    assert_eq!((account.duplicated, account.over), (1, 1));
}

#[test]
fn an_effect_that_no_answer_accounts_for_is_found() {
    for (probe, left) in [(Allowance::Points(0, 1), 7), (Allowance::Codes(Goods::Cinema, 1), 3)] {
        let account = of(&clean().probed(probe, left));
        assert_eq!((account.duplicated, account.over), (1, 0));
    }
}

#[test]
fn an_answer_without_its_effect_is_found() {
    let account = of(&clean().probed(Allowance::Points(1, 1), 10));
    assert_eq!((account.duplicated, account.over), (0, 1));
}

#[test]
fn a_coupon_used_twice_is_found() {
    let again = Wish::Verify { goods: Goods::Cinema, code: "cinema-acme-0".into() };
    assert_eq!(of(&clean().with(0, again, verified(true))).duplicated, 1);
}

#[test]
fn more_than_there_is_is_found_in_every_bound() {
    let mut history = clean()
        .with(1, wish(Goods::Rush, 4, 1), granted(1, &[])) // four of three
        .with(0, wish(Goods::Mug, 5, 20), granted(20, &[])) // 40 points of 10
        .with(0, wish(Goods::Mug, 5, 1), granted(1, &[])); // 21 mugs of 20, two points more
    history.probes.clear();
    let account = of(&history);
    assert_eq!(account.over, 1 + 32 + 1, "{:?}", account.faults);
}

#[test]
fn two_unlike_answers_to_one_job_conflict() {
    let mut history = clean();
    history.hear(1, refused("0605"));
    assert_eq!(of(&history).conflicting, 1);
    let mut history = clean();
    history.acknowledge(1, "another id");
    assert_eq!(of(&history).conflicting, 1);
}

#[test]
fn the_same_answer_many_times_is_one() {
    let mut history = clean();
    history.result(&correlation_of(1), "id-1", refused("0604"), 0);
    history.hear(1, refused("0604"));
    assert!(of(&history).is_clean());
    assert_eq!(of(&history).results, 9);
}

#[test]
fn two_contents_under_one_key_have_one_effect() {
    for (one, other, [duplicated, unexpected]) in [
        (granted(1, &[]), refused("3001"), [0, 0]),
        (refused("3001"), granted(2, &[]), [0, 0]),
        (granted(1, &[]), granted(2, &[]), [1, 0]),
        (refused("3001"), refused("3001"), [0, 1]),
    ] {
        let mut history = History::default().with(0, wish(Goods::Mug, 1, 1), one).with(
            0,
            wish(Goods::Mug, 1, 2),
            other,
        );
        history.jobs[0].rival = Some(1);
        history.jobs[1].rival = Some(0);
        let account = of(&history);
        assert_eq!([account.duplicated, account.unexpected], [duplicated, unexpected]);
    }
}

#[test]
fn what_nobody_sent_and_what_no_rule_gives_is_unexpected() {
    let mut stray = clean();
    stray.result("prove-999", "id", granted(1, &[]), 0);
    let of_others = clean().with(1, wish(Goods::Cinema, 1, 1), granted(1, &["cinema-acme-1"]));
    let more_than_wished = clean().with(1, wish(Goods::Mug, 1, 1), granted(2, &[]));
    let too_few_codes = clean().with(1, wish(Goods::Gift, 1, 1), granted(1, &[]));
    let broken = clean().with(1, wish(Goods::Mug, 1, 1), refused("0800"));
    let no_rival = clean().with(1, wish(Goods::Mug, 1, 1), refused("3001"));
    for history in [stray, of_others, more_than_wished, too_few_codes, broken, no_rival] {
        assert_eq!(of(&history).unexpected, 1);
    }
}
