//! A merchant's verification: checks a coupon and uses it up, once ever.

use crate::domain::goods::{Goods, Scope};
use crate::domain::id::Id;
use crate::domain::job::Job;
use crate::domain::outcome::{Outcome, Refusal};
use crate::domain::request::{Target, Verify};
use crate::domain::state::{Branch, Changes, CouponUse, PinFailed, PinFailure, State};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use time::{Duration, OffsetDateTime};

/// Wrong PINs at one coupon before it is locked for its client.
pub(super) const PIN_FAILURES_PER_CODE: usize = 5;
/// Wrong PINs at one group before it is locked for its client: guessing on many coupons is guessing.
pub(super) const PIN_FAILURES_PER_GROUP: usize = 50;
/// Wrong PINs count while they lie within this much of accepted_at.
pub const PIN_WINDOW: Duration = Duration::minutes(15);

/// Order: unknown, not issued to this client, used before, expired, locked, PIN. (A used coupon has a
/// holder, so for one's own coupons "used before" comes before "not issued", as the contract says.)
pub(super) fn decide(
    job: &Job,
    verify: &Verify,
    state: &mut State,
    changes: &mut Changes,
) -> Result<Outcome, Refusal> {
    let pool = find_group(job, &verify.group, state).ok_or(Refusal::NoSuchCoupon)?;
    let (row, code) = (pool.row, pool.coupon_key(&verify.code));
    let coupon = state.coupons.get(&(row, code.clone())).ok_or(Refusal::NoSuchCoupon)?;
    // A coupon held by another client's player looks like one that nobody holds: its use is not ours to tell.
    if coupon.holder.as_ref().is_none_or(|(client, _)| *client != job.client) {
        return Err(Refusal::CouponNotIssued);
    }
    if let Some((branch, at)) = &coupon.used {
        return Ok(Outcome::VerifiedBefore { branch: branch.clone(), at: *at });
    }
    if coupon.valid_until.is_some_and(|end| end <= job.accepted_at) {
        return Err(Refusal::CouponExpired);
    }
    let tried = (job.client.clone(), row);
    let failures = state.pin_failures.get(&tried).map_or(&[][..], Vec::as_slice);
    if is_locked(failures, &code, job.accepted_at) {
        return Err(Refusal::PinLocked);
    }
    let Some(branch) = find_branch(state.branches.get(&row), verify) else {
        let failure = PinFailure { code, at: job.accepted_at, forgiven: false };
        state.pin_failures.entry(tried).or_default().push(failure.clone());
        changes.pin_failures.push(PinFailed {
            client: job.client.clone(),
            goods: row,
            key: job.key,
            failure,
        });
        return Err(Refusal::BranchRefused);
    };
    if state.pin_failures.get_mut(&tried).is_some_and(|failures| forgive(failures, &code)) {
        changes.pin_resets.push((job.client.clone(), row, code.clone()));
    }
    let used = (branch.name.clone(), job.accepted_at);
    let branch = branch.row;
    if let Some(coupon) = state.coupons.get_mut(&(row, code.clone())) {
        coupon.used = Some(used);
        changes.used.push(CouponUse {
            goods: row,
            code,
            key: job.key,
            branch,
            at: job.accepted_at,
        });
    }
    Ok(Outcome::Verified)
}

/// The client's own group, else the sponsored one of that name.
fn find_group<'a>(job: &Job, group: &Id, state: &'a State) -> Option<&'a Goods> {
    let target = Target::Group(group.clone());
    state
        .find(&Scope::Client(job.client.clone()), &target)
        .or_else(|| state.find(&Scope::Sponsored, &target))
        .map(Arc::as_ref)
}

fn is_locked(failures: &[PinFailure], code: &Id, at: OffsetDateTime) -> bool {
    let recent = failures.iter().filter(|failure| (failure.at - at).abs() < PIN_WINDOW);
    let (mut of_group, mut of_code) = (0, 0);
    for failure in recent {
        of_group += 1;
        of_code += usize::from(failure.code == *code && !failure.forgiven);
    }
    of_group >= PIN_FAILURES_PER_GROUP || of_code >= PIN_FAILURES_PER_CODE
}

fn forgive(failures: &mut [PinFailure], code: &Id) -> bool {
    let mut any = false;
    for failure in failures.iter_mut().filter(|f| f.code == *code && !f.forgiven) {
        failure.forgiven = true;
        any = true;
    }
    any
}

/// In constant time: how long it takes says nothing of how much of a hash is right. Every branch is
/// looked at, so it doesn't say which of them the PIN belongs to either.
fn find_branch<'a>(branches: Option<&'a Vec<Branch>>, verify: &Verify) -> Option<&'a Branch> {
    let is_its_pin = |branch: &&Branch| {
        let given = verify.pin_hashes.get(&branch.key_id);
        given.is_some_and(|given| given.as_bytes().ct_eq(branch.pin_hash.as_bytes()).into())
    };
    branches?.iter().filter(is_its_pin).fold(None, |first, branch| first.or(Some(branch)))
}
