//! Judges a history: a pure function from what was seen to an account of it.

#[cfg(test)]
mod tests;

use crate::history::{Allowance, History, Job};
use crate::world::{CLIENTS, Goods, MUGS_PER_PLAYER, Wish, World};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Most examples of one fault that are named.
const EXAMPLES_MAX: usize = 20;

/// The account of a history.
#[derive(Debug, Default)]
pub struct Account {
    pub sent: usize,
    pub requests: u64,
    pub acknowledged: usize,
    pub decided: usize,
    pub results: u64,
    /// Acknowledged, and never decided.
    pub lost: usize,
    /// Effects beyond the first: a code with two holders, a coupon used twice, a key with two
    /// effects, units or points gone that no answer accounts for.
    pub duplicated: usize,
    /// Answers that nobody asked for, or that no rule allows.
    pub unexpected: usize,
    /// Units beyond a bound, or points and units that should be gone and are not.
    pub over: usize,
    /// Decided, but no result message came.
    pub unanswered: usize,
    /// Jobs with two unlike answers, or two ids.
    pub conflicting: usize,
    /// Decided, although a sending of it had ended without a word.
    pub recovered: usize,
    /// Bounds whose rest was asked for at the end, and was what the answers add up to.
    pub probes: usize,
    /// By code, how many decisions.
    pub codes: BTreeMap<String, usize>,
    /// What is wrong, in words.
    pub faults: Vec<String>,
}

impl Account {
    /// Whether every promise was kept.
    pub fn is_clean(&self) -> bool {
        let bad = [self.lost, self.duplicated, self.unexpected, self.over];
        bad.iter().sum::<usize>() + self.unanswered + self.conflicting == 0
    }

    fn fault(&mut self, of: fn(&mut Self) -> &mut usize, count: usize, what: String) {
        let counter = of(self);
        if *counter < EXAMPLES_MAX {
            self.faults.push(what);
        }
        *of(self) += count;
    }
}

/// Judges what was seen by what there was.
pub fn judge(world: &World, history: &History) -> Account {
    let mut account = Account {
        sent: history.jobs.len(),
        requests: history.requests,
        results: history.results,
        ..Account::default()
    };
    for (number, job) in history.jobs.iter().enumerate() {
        ends(&mut account, number, job);
        answers(&mut account, number, job);
        rivals(&mut account, number, job, history);
    }
    for stray in &history.strays {
        account.fault(|a| &mut a.unexpected, 1, stray.clone());
    }
    codes(&mut account, world, history);
    verifications(&mut account, history);
    bounds(&mut account, world, history);
    probes(&mut account, world, history);
    account
}

/// Lost, unanswered, recovered.
fn ends(account: &mut Account, number: usize, job: &Job) {
    account.acknowledged += usize::from(job.is_acknowledged);
    let is_decided =
        job.results > 0 || !job.heard.is_empty() || job.status.as_deref() == Some("done");
    account.decided += usize::from(is_decided);
    account.recovered += usize::from(is_decided && job.was_unknown);
    if job.is_acknowledged && !is_decided {
        let status = job.status.as_deref().unwrap_or("not asked for");
        let what =
            format!("job {number} {:?}: acknowledged, never decided; status: {status}", job.wish);
        account.fault(|a| &mut a.lost, 1, what);
    } else if is_decided && job.results == 0 {
        let what = format!("job {number} {:?}: decided, no result message came", job.wish);
        account.fault(|a| &mut a.unanswered, 1, what);
    }
}

/// Conflicting and impossible answers.
fn answers(account: &mut Account, number: usize, job: &Job) {
    if job.heard.len() > 1 || job.ids.len() > 1 {
        let what = format!("job {number}: unlike answers or ids: {:?} {:?}", job.ids, job.heard);
        account.fault(|a| &mut a.conflicting, 1, what);
    }
    let Some(answer) = job.answer() else { return };
    *account.codes.entry(answer.code.to_string()).or_default() += 1;
    let is_possible = match (&job.wish, &*answer.code) {
        (_, "3001") => job.rival.is_some(),
        (Wish::Redeem { amount, goods, .. }, "0000") => {
            answer.grant.as_ref().is_some_and(|grant| {
                let codes = if goods.is_pool() { *amount } else { 0 };
                grant.units == *amount && grant.codes.len() as i64 == codes
            })
        }
        (Wish::Verify { .. }, "0000") => true,
        (Wish::Redeem { goods: Goods::Rush | Goods::Gift, .. }, "0604" | "0605") => true,
        (Wish::Redeem { goods: Goods::Mug, .. }, "0601" | "0605") => true,
        (Wish::Redeem { goods: Goods::Cinema, .. }, "0604") => true,
        _ => false,
    };
    if !is_possible {
        let what = format!("job {number} {:?}: no rule gives this answer: {answer:?}", job.wish);
        account.fault(|a| &mut a.unexpected, 1, what);
    }
}

/// Of two contents under one key, one is decided and the other is told so.
fn rivals(account: &mut Account, number: usize, job: &Job, history: &History) {
    let Some(rival) = job.rival.filter(|rival| *rival > number) else { return };
    let both = [job.answer(), history.jobs[rival].answer()];
    let [Some(one), Some(other)] = both.map(|answer| answer.map(|answer| &*answer.code)) else {
        return;
    };
    let refused = [one, other].into_iter().filter(|code| *code == "3001").count();
    if refused == 0 {
        let what = format!("jobs {number} and {rival} share a key, and both were decided");
        account.fault(|a| &mut a.duplicated, 1, what);
    } else if refused == 2 {
        let what = format!("jobs {number} and {rival} share a key, and neither was decided");
        account.fault(|a| &mut a.unexpected, 1, what);
    }
}

/// Each code has one holder, and comes out of its pool.
fn codes(account: &mut Account, world: &World, history: &History) {
    let mut holders: HashMap<&str, &Job> = HashMap::new();
    for (job, goods, _, grant) in history.grants() {
        for code in &grant.codes {
            if !world.holds(goods, job.client, code) {
                let what = format!("{code} was granted, and no pool of {} holds it", goods.name());
                account.fault(|a| &mut a.unexpected, 1, what);
            }
            if let Some(other) = holders.insert(code, job) {
                let what = format!("{code} was granted twice: {:?} and {:?}", other.wish, job.wish);
                account.fault(|a| &mut a.duplicated, 1, what);
            }
        }
    }
}

/// Each coupon is used once.
fn verifications(account: &mut Account, history: &History) {
    let mut used = HashSet::new();
    for job in &history.jobs {
        if let (Wish::Verify { code, .. }, Some(true)) =
            (&job.wish, job.answer().map(|answer| answer.verified))
            && !used.insert(code)
        {
            account.fault(|a| &mut a.duplicated, 1, format!("{code} was used twice"));
        }
    }
}

/// No bound is exceeded.
fn bounds(account: &mut Account, world: &World, history: &History) {
    let mut taken: BTreeMap<Bound, i64> = BTreeMap::new();
    for (job, goods, player, grant) in history.grants() {
        let client = job.client;
        *taken.entry(Bound::Left(Allowance::Points(client, player))).or_default() +=
            goods.price() * grant.units;
        match goods {
            Goods::Rush => {
                *taken.entry(Bound::Left(Allowance::Stock(goods))).or_default() += grant.units;
                *taken.entry(Bound::Left(Allowance::PerClient(goods, client))).or_default() +=
                    grant.units;
            }
            Goods::Mug => *taken.entry(Bound::Mugs(client, player)).or_default() += grant.units,
            Goods::Cinema | Goods::Gift | Goods::Priced => {}
        }
    }
    for (bound, taken) in taken {
        let most = match &bound {
            Bound::Left(allowance) => start(world, allowance),
            Bound::Mugs(..) => MUGS_PER_PLAYER,
        };
        let excess = usize::try_from(taken - most).unwrap_or(0);
        if excess > 0 {
            account.fault(|a| &mut a.over, excess, format!("{bound:?}: {taken} granted of {most}"));
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Left(Allowance),
    Mugs(usize, u16),
}

/// What there was before the first job.
fn start(world: &World, allowance: &Allowance) -> i64 {
    match allowance {
        Allowance::Points(..) => world.points,
        Allowance::Stock(_) => world.rush,
        Allowance::PerClient(..) => world.rush_per_client,
        Allowance::Codes(..) => world.codes,
    }
}

/// What is left at the end is what the answers leave over: an effect without an answer, or an answer
/// without its effect, shows here.
fn probes(account: &mut Account, world: &World, history: &History) {
    let mut spent: HashMap<(usize, u16), i64> = HashMap::new();
    for (job, goods, player, grant) in history.grants() {
        *spent.entry((job.client, player)).or_default() += goods.price() * grant.units;
    }
    let units = history.units();
    let of = |goods: Goods, client: usize| units.get(&(goods, client)).copied().unwrap_or(0);
    let of_all = |goods| (0..CLIENTS.len()).map(|client| of(goods, client)).sum::<i64>();
    for probe in &history.probes {
        let taken = match probe.of {
            Allowance::Points(client, player) => spent.get(&(client, player)).copied().unwrap_or(0),
            Allowance::Stock(goods) => of_all(goods),
            Allowance::PerClient(goods, client) => of(goods, client),
            Allowance::Codes(goods, client) => {
                if goods.is_sponsored() {
                    of_all(goods)
                } else {
                    of(goods, client)
                }
            }
        };
        let expected = start(world, &probe.of) - taken;
        let what =
            || format!("{:?}: {} left, and the answers leave {expected}", probe.of, probe.left);
        match probe.left - expected {
            0 => account.probes += 1,
            less @ ..0 => {
                account.fault(|a| &mut a.duplicated, less.unsigned_abs() as usize, what())
            }
            more => account.fault(|a| &mut a.over, more as usize, what()),
        }
    }
}
