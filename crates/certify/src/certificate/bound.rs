//! Adds the rows of a stage up to the bound that they prove, by weak duality.
//!
//! `sum(y * right side) + sum over free variables of min(0, cost - sum(y * coefficient))`,
//! all times the stage's scale, in 128-bit integers. A variable that no row
//! names adds nothing, since no cost is negative.

use cordon_model::plan::{Objective, Stage};
use cordon_model::{Money, WithdrawalIx};
use rustc_hash::FxHashMap;

use super::rows::{Form, Owner, Variable};
use super::{Complaints, Outsiders};
use crate::case::{Case, Start};

/// What the rows of a stage prove.
#[derive(Debug)]
pub(crate) struct Derived {
    /// Rounded up to the next minor unit, at least 0.
    pub(crate) bound: Money,
    /// What is left of each free variable's cost, times the scale.
    left: FxHashMap<Variable, i128>,
}

/// Derives the bound of a stage; `None` if a sum passes 128 bits.
pub(crate) fn derive(
    case: &Case<'_>,
    stage: &Stage,
    rows: &[Form],
    outsiders: Outsiders,
) -> Option<Derived> {
    let scale = i128::from(stage.scale.max(1));
    let mut sum: i128 = 0;
    let mut left: FxHashMap<Variable, i128> = FxHashMap::default();
    for row in rows {
        let y = i128::from(row.multiplier);
        sum = sum.checked_add(y.checked_mul(row.right)?)?;
        for &(variable, coefficient) in &row.terms {
            if is_fixed(case, variable, outsiders) {
                continue;
            }
            let cost = || i128::from(cost(case, stage.objective, variable).0) * scale;
            let slot = left.entry(variable).or_insert_with(cost);
            *slot = slot.checked_sub(y.checked_mul(coefficient)?)?;
        }
    }
    let negative = left.values().try_fold(0_i128, |all, left| all.checked_add((*left).min(0)))?;
    let sum = sum.checked_add(negative)?.max(0);
    let rounded = sum / scale + i128::from(sum % scale > 0);
    let bound = Money(i64::try_from(rounded).unwrap_or(i64::MAX));
    Some(Derived { bound, left })
}

impl Derived {
    /// Complains of multipliers that are not settled: where one more would raise the sum,
    /// or one less would not lower it.
    pub(crate) fn complain(&self, rows: &[Form], complaints: &mut Complaints<'_>) {
        for row in rows.iter().filter(|row| row.multiplier > 0) {
            if self.gain(row, 1) > 0 {
                complaints.about(row.at, "unsettled", "would prove more with a larger multiplier");
            } else if self.gain(row, -1) >= 0 {
                complaints.about(row.at, "unsettled", "has a multiplier larger than it uses");
            }
        }
    }

    /// By how much the sum changes with one row's multiplier.
    fn gain(&self, row: &Form, step: i128) -> i128 {
        let mut gain = step.saturating_mul(row.right);
        for (variable, coefficient) in &row.terms {
            // Fixed variables have nothing left to pay and are not in the map.
            if let Some(&left) = self.left.get(variable) {
                let after = left.saturating_sub(step.saturating_mul(*coefficient));
                gain = gain.saturating_add(after.min(0).saturating_sub(left.min(0)));
            }
        }
        gain
    }
}

/// What a variable costs in an objective.
fn cost(case: &Case<'_>, objective: Objective, variable: Variable) -> Money {
    let asset = |at: u32| case.estate.assets().get(at as usize);
    match (objective, variable) {
        (Objective::Total | Objective::Cost, Variable::Raised(column)) => {
            case.halves(column).map(|half| case.price(case.estate.withdrawal(half))).sum()
        }
        (Objective::Total | Objective::Cost, Variable::Down(Owner::Service(service))) => {
            case.over_horizon(case.estate.service(service).cost_per_hour)
        }
        (Objective::Total | Objective::Loss, Variable::Lost(at)) => {
            asset(at).map_or(Money::ZERO, |asset| asset.loss)
        }
        (Objective::HardLoss, Variable::Lost(at)) => {
            asset(at).filter(|asset| asset.must_hold).map_or(Money::ZERO, |asset| asset.loss)
        }
        (
            Objective::Total | Objective::Cost | Objective::Loss | Objective::HardLoss,
            Variable::Raised(_) | Variable::Down(_) | Variable::Fails(..) | Variable::Lost(_),
        ) => Money::ZERO,
    }
}

/// Tells whether a variable is 0 in every sound choice, by rules that need no search.
fn is_fixed(case: &Case<'_>, variable: Variable, outsiders: Outsiders) -> bool {
    match variable {
        Variable::Raised(column) => column_is_fixed(case, column, outsiders),
        Variable::Down(Owner::Service(service)) => {
            let service = case.estate.service(service);
            service.protected && !case.context.down.contains(&service.id)
        }
        Variable::Lost(at) => {
            let asset = case.estate.assets().get(at as usize);
            !case.may_lose_hard() && asset.is_some_and(|asset| asset.must_hold)
        }
        Variable::Down(Owner::Node(_)) | Variable::Fails(..) => false,
    }
}

/// A column nobody may raise: forbidden, unavailable, enforced by a foothold, or beyond the authority.
fn column_is_fixed(case: &Case<'_>, column: WithdrawalIx, outsiders: Outsiders) -> bool {
    use cordon_model::plan::AlternativeName::Now;
    let halves = || case.halves(column).map(|half| case.estate.withdrawal(half));
    halves().any(|half| {
        let void = half.enforcer.is_some_and(|node| case.starts.get(node) != Start::No);
        let unavailable = case.context.unavailable.contains(&half.id);
        let alone = case.claim.name != Now
            || case.within_authority(half).unwrap_or_else(|| {
                outsiders == Outsiders::Free || case.raised().any(|raised| raised.id == half.id)
            });
        void || unavailable || !alone || case.forbidden(half).is_some()
    })
}
