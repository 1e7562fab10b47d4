//! The order of raising: first what the intruder would use first.
//!
//! A withdrawal is due when the intruder can first arrive at the earliest of
//! its targets, over the seconds of the links with nothing cut. An end comes
//! straight after its default refuse.

use std::cmp::Reverse;

use cordon_model::{Mode, NodeIx, WithdrawalIx};

use crate::case::Case;
use crate::claim::WithdrawalClaim;
use crate::form;
use crate::links::{PerNode, arrivals};
use crate::objections::Objections;

/// Checks the `order` of the withdrawals that have one.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) {
    let claims = &case.claim.withdrawals;
    for (claim, place) in claims.iter().zip(1_u32..) {
        let order = claim.order.unwrap_or(place);
        objections.unless(order == place, "wrong-order", || {
            format!("`{}` is number {place} of the list, not {order}", claim.id)
        });
    }
    if claims.iter().any(|claim| claim.order.is_none()) {
        return;
    }
    let found = claims.iter().map(|claim| case.estate.find_withdrawal(claim.id.as_str()));
    let listed: Vec<WithdrawalIx> = found.flatten().collect();
    let due = Due::new(case, &listed);
    check_due(case, &due, &listed, objections);
    check_ends(case, &listed, objections);
    if case.ground.form.is_some() {
        check_ties(case, &due, objections);
    }
}

/// When the intruder can first come to the targets of withdrawals.
struct Due<'c, 'a> {
    case: &'c Case<'a>,
    arrival: PerNode<Option<u64>>,
}

impl<'c, 'a> Due<'c, 'a> {
    fn new(case: &'c Case<'a>, listed: &[WithdrawalIx]) -> Self {
        let targets = listed.iter().flat_map(|&w| case.estate.withdrawal(w).removes.iter());
        let targets: Vec<NodeIx> = targets.copied().collect();
        let starts = case.open_starts(|_| false);
        Self { case, arrival: arrivals(case.estate, &case.ground.links, starts, &targets) }
    }

    /// In seconds from now with nothing cut; never is `u64::MAX`.
    fn of(&self, withdrawal: WithdrawalIx) -> u64 {
        let targets = &self.case.estate.withdrawal(withdrawal).removes;
        let arrivals = targets.iter().filter_map(|&target| self.arrival.get(target));
        arrivals.min().unwrap_or(u64::MAX)
    }
}

fn check_due(
    case: &Case<'_>,
    due: &Due<'_, '_>,
    listed: &[WithdrawalIx],
    objections: &mut Objections,
) {
    for pair in listed.windows(2) {
        let [before, after] = pair else { continue };
        objections.unless(due.of(*before) <= due.of(*after), "late", || {
            let (before, after) = (case.estate.withdrawal(*before), case.estate.withdrawal(*after));
            format!(
                "the intruder can come to `{}` before `{}`, which stands first",
                after.id, before.id
            )
        });
    }
}

fn check_ends(case: &Case<'_>, listed: &[WithdrawalIx], objections: &mut Objections) {
    for (at, &index) in listed.iter().enumerate() {
        let withdrawal = case.estate.withdrawal(index);
        let Some(partner) = withdrawal.partner.filter(|_| withdrawal.mode == Mode::Refuse) else {
            continue;
        };
        let follows = listed.get(at + 1) == Some(&partner) || !case.chosen.contains(&partner);
        objections.unless(follows, "late", || {
            let end = &case.estate.withdrawal(partner).id;
            format!("`{end}` does not stand straight after `{}`", withdrawal.id)
        });
    }
}

/// Of withdrawals of a settled plan that are due at the same time, the one with the greatest loss
/// behind it stands first, then the one with the least id.
fn check_ties(case: &Case<'_>, due: &Due<'_, '_>, objections: &mut Objections) {
    let leads = case.claim.withdrawals.iter().filter_map(|claim| {
        let index = case.estate.find_withdrawal(claim.id.as_str())?;
        (form::lead(case, index) == index).then_some((claim, index))
    });
    let leads: Vec<(&WithdrawalClaim, WithdrawalIx)> = leads.collect();
    let behind = |claim: &WithdrawalClaim| {
        let end = claim.path.as_ref().and_then(|path| case.estate.find(path.last()?.as_str()));
        let asset = end.and_then(|end| form::asset_behind(case, end));
        asset.map(|asset| asset.loss).unwrap_or_default()
    };
    for pair in leads.windows(2) {
        let [(a, first), (b, second)] = pair else { continue };
        let rank = |claim, index| (Reverse(behind(claim)), index);
        let fine = due.of(*first) != due.of(*second) || rank(a, first) <= rank(b, second);
        objections.unless(fine, "wrong-order", || {
            format!("`{}` and `{}` are due at one time, and stand the wrong way round", a.id, b.id)
        });
    }
}
