//! The figures of a plan: its cost, its bound, its gap, and the status and proof that follow.

use cordon_model::Money;
use cordon_model::plan::{PlanCost, Proof, Status};

use crate::case::Case;
use crate::objections::Objections;

/// How far a claimed gap may be from the exact one.
const GAP_TOLERANCE: f64 = 1e-9;

/// What a certificate proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    /// No plan that the alternative prefers costs less.
    pub(crate) bound: Money,
    /// Whether there is a certificate of the documented form at all.
    pub(crate) given: bool,
}

/// Checks cost, lower bound, gap, status and proof.
pub(crate) fn check(case: &Case<'_>, proven: &Proven, objections: &mut Objections) {
    let cost = cost(case);
    let claimed = &case.claim.cost;
    for (part, said, is) in [
        ("withdrawals", claimed.withdrawals, cost.withdrawals),
        ("services", claimed.services, cost.services),
        ("loss", claimed.loss, cost.loss),
        ("total", claimed.total, cost.total),
    ] {
        objections.unless(said == is, "wrong-cost", || {
            format!("the cost in `{part}` is {is}, not {said}")
        });
    }
    check_bound(case, cost.total, proven, objections);
    check_gap(case, cost.total, objections);
    check_status(case, cost.total, objections);
}

fn cost(case: &Case<'_>) -> PlanCost {
    let withdrawals: Money = case.raised().map(|withdrawal| case.price(withdrawal)).sum();
    let stopped = case.stopped.iter().map(|&service| case.estate.service(service));
    let services: Money = stopped.map(|service| case.over_horizon(service.cost_per_hour)).sum();
    let loss = case.loss();
    PlanCost { withdrawals, services, loss, total: withdrawals + services + loss }
}

fn check_bound(case: &Case<'_>, total: Money, proven: &Proven, objections: &mut Objections) {
    let (lower, bound) = (case.claim.lower_bound, proven.bound);
    if lower > total {
        let what = format!("the lower bound {lower} is above the total, {total}");
        objections.object("raised-bound", what);
        return;
    }
    objections.unless(lower >= bound, "wrong-bound", || {
        format!("the lower bound {lower} is below {bound}, which the certificate proves")
    });
    match case.claim.proof {
        Proof::Flow => objections.unless(lower <= bound, "raised-bound", || {
            format!("the certificate proves a lower bound of {bound}, not of {lower}")
        }),
        Proof::Search => objections.unless(!proven.given || lower > bound, "wrong-proof", || {
            format!("the certificate alone proves the lower bound {lower}; no search was needed")
        }),
    }
}

fn check_gap(case: &Case<'_>, total: Money, objections: &mut Objections) {
    let difference = total - case.claim.lower_bound;
    let exact = if total == Money::ZERO { 0.0 } else { minor(difference) / minor(total) };
    let claimed = case.claim.gap;
    #[expect(clippy::float_cmp, reason = "a settled plan holds this very double")]
    let fine = match case.ground.form {
        Some(_) => exact == claimed,
        None => (exact - claimed).abs() <= GAP_TOLERANCE,
    };
    objections.unless(fine, "wrong-gap", || format!("the gap is {exact}, not {claimed}"));
}

/// An amount in minor units.
#[expect(clippy::cast_precision_loss, reason = "amounts stay below 2^53")]
pub(crate) fn minor(money: Money) -> f64 {
    money.0 as f64
}

fn check_status(case: &Case<'_>, total: Money, objections: &mut Objections) {
    let lower = case.claim.lower_bound;
    let fine = match case.claim.status {
        Status::Optimal => lower == total,
        Status::Gap => lower != total,
        Status::Infeasible => true,
    };
    objections.unless(fine, "wrong-status", || {
        if lower == total {
            "its total equals its lower bound, so it is optimal".to_owned()
        } else {
            format!("it is called optimal, but its lower bound is {lower} and its total {total}")
        }
    });
}
