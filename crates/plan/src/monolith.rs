//! The same question as one mixed-integer program: the yardstick for the planner's speed.
//!
//! Nothing plans with this. It states the balanced alternative in full, a
//! variable per node and a row per link, and leaves the rest to HiGHS, as
//! anybody would who had a solver and no planner. Two forms: the compact one,
//! and a better one that keeps only the nodes between footholds and assets and
//! lets their reach be continuous, which is exact as long as the choices are
//! whole. It shares no line with the search, so equal optima are also a test.

mod needs;
mod program;

use std::num::NonZeroU32;

use cordon_model::{Estate, Money};
use highs::{HighsModelStatus, HighsSolutionStatus, Model, Sense, SolvedModel};

use crate::request::{Foothold, merged};
use program::Program;

/// How the program is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Every node and link, every variable whole.
    Compact,
    /// Only nodes between footholds and assets, reach continuous.
    Pruned,
}

impl Form {
    /// The name as written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Pruned => "pruned",
        }
    }
}

/// How the solver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With the proven optimum.
    Optimal,
    /// With the proof that no sound plan exists.
    Infeasible,
    /// With the time limit.
    TimeLimit,
    /// With an error of its own.
    Failed,
}

/// What the solver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// Total of the best plan found.
    pub total: Option<Money>,
    /// Proven lower bound, where there is one.
    pub bound: Option<Money>,
    /// Variables of the program.
    pub variables: usize,
    /// Rows of the program.
    pub rows: usize,
}

/// States and solves the balanced alternative against all `footholds`, whatever their probability.
///
/// One thread, the solver's usual settings, but no gap: it ends when nothing
/// cheaper by one unit of money can exist, or after `seconds` of solving.
#[must_use]
pub fn solve(estate: &Estate, footholds: &[Foothold], form: Form, seconds: f64) -> Outcome {
    let program = Program::new(estate, &merged(footholds), form);
    let (variables, rows) = (program.problem.num_cols(), program.problem.num_rows());
    let unit = program.unit;
    let failed = Outcome { ending: Ending::Failed, total: None, bound: None, variables, rows };
    let Ok(mut model) = program.problem.try_optimise(Sense::Minimise) else { return failed };
    if set_options(&mut model, seconds).is_none() {
        return failed;
    }
    model.try_solve().map_or(failed, |solved| read(&solved, unit, failed))
}

fn set_options(model: &mut Model, seconds: f64) -> Option<()> {
    model.make_quiet();
    model.set_threads(NonZeroU32::MIN);
    model.try_set_option("parallel", "off").ok()?;
    model.try_set_option("mip_rel_gap", 0.0).ok()?;
    // All costs are whole multiples of the unit.
    model.try_set_option("mip_abs_gap", 0.99).ok()?;
    if seconds.is_finite() {
        model.try_set_option("time_limit", seconds.max(0.01)).ok()?;
    }
    Some(())
}

fn read(solved: &SolvedModel, unit: i64, failed: Outcome) -> Outcome {
    // Costs are at least 0, so that nothing here is unbounded.
    const INFEASIBLE: [HighsModelStatus; 2] =
        [HighsModelStatus::Infeasible, HighsModelStatus::UnboundedOrInfeasible];
    let status = solved.status();
    let total = || money(solved.objective_value().round(), unit);
    if [HighsModelStatus::Optimal, HighsModelStatus::ModelEmpty].contains(&status) {
        Outcome { ending: Ending::Optimal, total: total(), bound: total(), ..failed }
    } else if INFEASIBLE.contains(&status) {
        Outcome { ending: Ending::Infeasible, ..failed }
    } else if status == HighsModelStatus::ReachedTimeLimit {
        let found = solved.primal_solution_status() == HighsSolutionStatus::Feasible;
        let bound = solved.double_info_value(c"mip_dual_bound").ok();
        Outcome {
            ending: Ending::TimeLimit,
            total: total().filter(|_| found),
            bound: bound.and_then(|bound| money((bound - 1e-6).floor().max(0.0), unit)),
            ..failed
        }
    } else {
        failed
    }
}

#[expect(clippy::cast_possible_truncation, reason = "below 2^52 by the check before it")]
fn money(units: f64, unit: i64) -> Option<Money> {
    let small = units.is_finite() && units.abs() < 4e15;
    small.then(|| (units as i64).saturating_mul(unit)).map(Money)
}
