//! Adds the rows of a stage up to the bound that they prove, by weak duality.
//!
//! `sum(y * right side) + sum over free variables of min(0, cost - sum(y * coefficient))`,
//! all times the stage's scale, in 128-bit integers. A variable that no row
//! names adds nothing, since no cost is negative.

use cordon_model::plan::AlternativeName::Now;
use cordon_model::plan::{Objective, Stage};
use cordon_model::{Money, WithdrawalIx};
use rustc_hash::FxHashMap;

use super::rows::{Form, Variable};
use crate::case::{Case, Start};
use crate::stopping::{Item, Owner};

/// Which columns outside the plan `now` may use, where the asker cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outsiders {
    All,
    None,
}

/// What the rows of a stage prove, and what they leave of each variable's cost.
#[derive(Debug)]
pub(crate) struct Sums<'c, 'a> {
    case: &'c Case<'a>,
    objective: Objective,
    scale: i128,
    outsiders: Outsiders,
    /// What is proven, times the scale; may be below 0.
    sum: i128,
    /// Of each variable that a row names; `None` if it is fixed at 0.
    left: FxHashMap<Variable, Option<i128>>,
}

impl<'c, 'a> Sums<'c, 'a> {
    /// Adds rows up; `None` if a sum passes 128 bits.
    pub(crate) fn of(
        case: &'c Case<'a>,
        stage: &Stage,
        rows: &[Form],
        outsiders: Outsiders,
    ) -> Option<Self> {
        let scale = i128::from(stage.scale.max(1));
        let (objective, left) = (stage.objective, FxHashMap::default());
        let mut sums = Self { case, objective, scale, outsiders, sum: 0, left };
        for row in rows {
            let y = i128::from(row.multiplier);
            sums.sum = sums.sum.checked_add(y.checked_mul(row.right)?)?;
            for &(variable, coefficient) in &row.terms {
                let left = sums.left(variable);
                let paid = y.checked_mul(coefficient)?;
                let left =
                    left.map(|left| left.checked_sub(paid)).map_or(Some(None), |l| l.map(Some))?;
                sums.left.insert(variable, left);
            }
        }
        let negative = |all: i128, left: &Option<i128>| all.checked_add(left.unwrap_or(0).min(0));
        let negative = sums.left.values().try_fold(0_i128, negative)?;
        sums.sum = sums.sum.checked_add(negative)?;
        Some(sums)
    }

    /// What is proven: rounded up to the next minor unit, at least 0.
    pub(crate) fn bound(&self) -> Money {
        self.bound_with(0)
    }

    /// What would be proven if the sum were higher by `gain`.
    pub(crate) fn bound_with(&self, gain: i128) -> Money {
        let sum = self.sum.saturating_add(gain).max(0);
        let rounded = sum / self.scale + i128::from(sum % self.scale > 0);
        Money(i64::try_from(rounded).unwrap_or(i64::MAX))
    }

    /// What is left of a variable's cost, times the scale; `None` if it is fixed at 0.
    pub(crate) fn left(&self, variable: Variable) -> Option<i128> {
        match self.left.get(&variable) {
            Some(left) => *left,
            None if self.is_fixed(variable) => None,
            None => Some(i128::from(self.cost(variable).0) * self.scale),
        }
    }

    /// By how much the sum changes when a variable pays `more`.
    pub(crate) fn strain(&self, variable: Variable, more: i128) -> i128 {
        let left = self.left(variable).unwrap_or(0);
        let fixed = self.left(variable).is_none();
        if fixed { 0 } else { left.saturating_sub(more).min(0).saturating_sub(left.min(0)) }
    }

    /// By how much the sum changes with one row's multiplier.
    pub(crate) fn gain(&self, row: &Form, step: i128) -> i128 {
        let strain =
            |&(variable, by): &(Variable, i128)| self.strain(variable, step.saturating_mul(by));
        let strain = row.terms.iter().map(strain).fold(0, i128::saturating_add);
        step.saturating_mul(row.right).saturating_add(strain)
    }

    /// What a variable costs in the objective.
    fn cost(&self, variable: Variable) -> Money {
        let case = self.case;
        let asset = |at: u32| case.estate.assets().get(at as usize);
        match (self.objective, variable) {
            (Objective::Total | Objective::Cost, Variable::Raised(column)) => {
                case.halves(column).map(|half| case.price(case.estate.withdrawal(half))).sum()
            }
            (
                Objective::Total | Objective::Cost,
                Variable::Down(Item::Owner(Owner::Service(service))),
            ) => case.over_horizon(case.estate.service(service).cost_per_hour),
            (Objective::Total | Objective::Loss, Variable::Lost(at)) => {
                asset(at).map_or(Money::ZERO, |asset| asset.loss)
            }
            (Objective::HardLoss, Variable::Lost(at)) => {
                asset(at).filter(|asset| asset.must_hold).map_or(Money::ZERO, |asset| asset.loss)
            }
            (
                Objective::Total | Objective::Cost | Objective::Loss | Objective::HardLoss,
                Variable::Raised(_) | Variable::Down(_) | Variable::Lost(_),
            ) => Money::ZERO,
        }
    }

    /// Tells whether a variable is 0 in every sound choice, by rules that need no search.
    pub(crate) fn is_fixed(&self, variable: Variable) -> bool {
        let case = self.case;
        match variable {
            Variable::Raised(column) => is_out_of_use(case, column) || !self.is_permitted(column),
            Variable::Down(Item::Owner(Owner::Service(service))) => {
                let service = case.estate.service(service);
                service.protected && !case.context.down.contains(&service.id)
            }
            Variable::Lost(at) => {
                let asset = case.estate.assets().get(at as usize);
                !case.may_lose_hard() && asset.is_some_and(|asset| asset.must_hold)
            }
            Variable::Down(Item::Owner(Owner::Node(_)) | Item::Gate(..)) => false,
        }
    }

    /// Tells whether the authority does not keep this alternative from using a column.
    fn is_permitted(&self, column: WithdrawalIx) -> bool {
        let case = self.case;
        if case.claim.name != Now {
            return true;
        }
        let outside = || self.outsiders == Outsiders::All;
        case.halves(column).all(|half| {
            let within = case.within_authority(case.estate.withdrawal(half));
            within.unwrap_or_else(|| case.chosen.contains(&half) || outside())
        })
    }
}

/// A column that no plan may use: forbidden, unavailable, or void because its enforcer is a
/// foothold or stopped by itself.
fn is_out_of_use(case: &Case<'_>, column: WithdrawalIx) -> bool {
    let halves = || case.halves(column).map(|half| case.estate.withdrawal(half));
    let stops = halves().any(|half| half.stops);
    halves().any(|half| {
        let void = half.enforcer.is_some_and(|node| {
            case.starts.get(node) != Start::No || stops && half.removes.binary_search(&node).is_ok()
        });
        void || case.context.unavailable.contains(&half.id) || case.forbidden(half).is_some()
    })
}
