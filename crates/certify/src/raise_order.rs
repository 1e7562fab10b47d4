//! The order of raising: first what the intruder would use first.
//!
//! A withdrawal is due when the intruder can first arrive at the earliest of
//! its targets, over the seconds of the links with nothing cut. An end comes
//! straight after its default refuse.

use cordon_model::{Mode, NodeIx, WithdrawalIx};

use crate::case::{Case, Start};
use crate::links::arrivals;
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
    check_due(case, &listed, objections);
    check_ends(case, &listed, objections);
}

fn check_due(case: &Case<'_>, listed: &[WithdrawalIx], objections: &mut Objections) {
    let targets: Vec<NodeIx> =
        listed.iter().flat_map(|&w| case.estate.withdrawal(w).removes.iter().copied()).collect();
    let starts = case.footholds.iter().map(|foothold| foothold.node);
    let starts = starts.filter(|&node| case.starts.get(node) != Start::No);
    let arrival = arrivals(case.estate, &case.ground.links, starts, &targets);
    let due = |w: WithdrawalIx| {
        let targets = &case.estate.withdrawal(w).removes;
        targets.iter().filter_map(|&target| arrival.get(target)).min().unwrap_or(u64::MAX)
    };
    for pair in listed.windows(2) {
        let [before, after] = pair else { continue };
        objections.unless(due(*before) <= due(*after), "late", || {
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
