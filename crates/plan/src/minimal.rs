//! Which guards together leave no sound plan: caps and protected services, none too many.
//!
//! The set is minimal: without any one of them there is a sound plan. Found by
//! halving (QuickXplain; Junker, 2004), so that a few searches do among many
//! guards. Where not even the absence of all guards helps, the reason is in the
//! estate (nothing can be withdrawn there), and no guard is named.

use cordon_model::plan::Objective;

use crate::budget::Budget;
use crate::case::{Case, Guard};
use crate::goal::{Closed, Goal};
use crate::search::search;

/// Any sound plan will do: every one of them is worth 0.
const ANY: Goal = Goal { objective: Objective::HardLoss, closed: Closed::Hard, limit: None };

/// Finds the guards to blame for there being no sound plan; empty where they are not to blame
/// or the limits end before it is known.
pub(crate) fn guards(case: &Case<'_>, budget: &Budget<'_>) -> Vec<Guard> {
    let caps = (0..).zip(case.net.estate.caps()).map(|(cap, _)| Guard::Cap(cap));
    let services = case.protected.indexes().filter(|&at| case.protected[at]).map(Guard::Service);
    let all: Vec<Guard> = caps.chain(services).collect();
    let blame = Blame { case, budget, all: &all };
    match blame.is_sound(&[]) {
        Some(true) => blame.among(&[], &[], &all).unwrap_or_default(),
        Some(false) | None => Vec::new(),
    }
}

struct Blame<'a, 'b> {
    case: &'a Case<'a>,
    budget: &'b Budget<'b>,
    all: &'a [Guard],
}

impl Blame<'_, '_> {
    /// Whether there is a sound plan when only some guards count; `None` if the limits end first.
    fn is_sound(&self, counted: &[Guard]) -> Option<bool> {
        let waived: Vec<Guard> =
            self.all.iter().copied().filter(|guard| !counted.contains(guard)).collect();
        let outcome = search(&self.case.without(&waived), ANY, &[], None, self.budget);
        (outcome.best.is_some() || outcome.proven).then_some(outcome.best.is_some())
    }

    /// A minimal set of `guards` that, with all of `with`, leaves no sound plan.
    ///
    /// `added` are those of `with` that were not yet tried alone.
    fn among(&self, with: &[Guard], added: &[Guard], guards: &[Guard]) -> Option<Vec<Guard>> {
        if !added.is_empty() && !self.is_sound(with)? {
            return Some(Vec::new());
        }
        if guards.len() <= 1 {
            return Some(guards.to_vec());
        }
        let (first, second) = guards.split_at(guards.len() / 2);
        let of_second = self.among(&[with, first].concat(), first, second)?;
        let of_first = self.among(&[with, &of_second].concat(), &of_second, first)?;
        Some([of_first, of_second].concat())
    }
}
