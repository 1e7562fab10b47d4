//! Hands the master's rows to HiGHS and reads the answers back.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use highs::{Col, HighsModelStatus, HighsSolutionStatus, Model, RowProblem, Sense, SolvedModel};

use super::{Inequality, Key, Master, Point, Solved, Var, Variable, float};
use crate::dense::index;

/// How hard to try in whole numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Nodes of the branch-and-bound tree.
    pub(crate) nodes: i32,
    /// Seconds; the backstop.
    pub(crate) seconds: f64,
}

impl Master<'_> {
    fn cost_of(&self, variable: &Variable) -> f64 {
        let main = float(variable.cost / self.unit);
        main + self.guide_share * float(variable.guide / self.unit)
    }

    fn scale_of(&self, row: &Inequality) -> f64 {
        if row.key == Key::Lost { float(self.unit) } else { 1.0 }
    }

    /// Solves the linear relaxation, from where the last solve ended.
    ///
    /// `seconds` is for all such solves of this master together.
    pub(crate) fn solve_lp(&mut self, seconds: f64) -> Solved {
        if self.impossible {
            return Solved::Infeasible;
        }
        let Some(model) = self.model.take().or_else(new_model) else { return Solved::Failed };
        let Some(mut model) = self.bring_up_to_date(model) else { return Solved::Failed };
        if seconds.is_finite() && model.try_set_option("time_limit", seconds.max(0.01)).is_err() {
            return Solved::Failed;
        }
        let Ok(solved) = model.try_solve() else { return Solved::Failed };
        let status = solved.status();
        let result = if is_solved(status) {
            let solution = solved.get_solution();
            Solved::Point(Point {
                value: solved.objective_value(),
                at: solution.columns().to_vec(),
                reduced: solution.dual_columns().to_vec(),
                duals: solution.dual_rows().to_vec(),
            })
        } else if status == HighsModelStatus::Infeasible {
            Solved::Infeasible
        } else {
            Solved::Failed
        };
        self.model = Some(Model::from(solved));
        result
    }

    fn bring_up_to_date(&mut self, mut model: Model) -> Option<Model> {
        for at in index(self.handles.len())..index(self.variables.len()) {
            let variable = &self.variables[at];
            let upper = if variable.fixed { 0.0 } else { 1.0 };
            let known = variable.born_in.iter().filter_map(|&(row, coefficient)| {
                let handle = self.row_handles.get(row as usize)?;
                Some((*handle, float(coefficient) / self.scale_of(&self.rows[row])))
            });
            let known: Vec<_> = known.collect();
            let cost = self.cost_of(variable);
            self.handles.push(model.try_add_column(cost, 0.0..=upper, known).ok()?);
        }
        for at in index(self.row_handles.len())..index(self.rows.len()) {
            let row = &self.rows[at];
            let scale = self.scale_of(row);
            let terms = row.terms.iter().filter_map(|&(variable, coefficient)| {
                Some((*self.handles.get(variable as usize)?, float(coefficient) / scale))
            });
            let terms: Vec<_> = terms.collect();
            self.row_handles.push(model.try_add_row(float(row.least) / scale.., terms).ok()?);
        }
        Some(model)
    }

    /// Holds a variable between bounds in the linear relaxation.
    pub(crate) fn pin(&mut self, variable: u32, bounds: RangeInclusive<f64>) {
        if let (Some(model), Some(&column)) = (&mut self.model, self.handles.get(variable as usize))
        {
            model.change_column_bounds(column, bounds);
        }
    }

    /// Solves in whole numbers.
    ///
    /// `shut` says which variables may be left at 0; `idle` which rows
    /// to leave out; `known` is a point that is allowed.
    pub(crate) fn solve_whole(
        &self,
        shut: &[bool],
        idle: &[bool],
        known: Option<&[f64]>,
        effort: Effort,
    ) -> Solved {
        if self.impossible {
            return Solved::Infeasible;
        }
        let mut problem = RowProblem::new();
        let mut columns: Vec<Col> = Vec::with_capacity(self.variables.len());
        for (variable, at) in self.variables.iter().zip(0_usize..) {
            let closed =
                variable.fixed || variable.barred || shut.get(at).copied().unwrap_or(false);
            let upper = if closed { 0.0 } else { 1.0 };
            let whole = match variable.var {
                Var::Column(_) => true,
                Var::Item(_) => !self.slack_gates.is_empty(),
                Var::Asset(_) => false,
            };
            let cost = self.cost_of(variable);
            columns.push(problem.add_column_with_integrality(cost, 0.0..=upper, whole));
        }
        for (row, at) in self.rows.iter().zip(0_usize..) {
            if idle.get(at).copied().unwrap_or(false) {
                continue;
            }
            let scale = self.scale_of(row);
            let terms: Vec<(Col, f64)> = row
                .terms
                .iter()
                .filter_map(|&(variable, coefficient)| {
                    Some((*columns.get(variable as usize)?, float(coefficient) / scale))
                })
                .collect();
            problem.add_row(float(row.least) / scale.., terms);
        }
        let Ok(mut model) = problem.try_optimise(Sense::Minimise) else { return Solved::Failed };
        if set_options(&mut model, effort).is_none() {
            return Solved::Failed;
        }
        if let Some(known) = known {
            // A point that HiGHS rejects costs only its head start.
            let _unused = model.try_set_solution(Some(known), None, None, None);
        }
        model.try_solve().map_or(Solved::Failed, |solved| read_whole(&solved))
    }
}

fn read_whole(solved: &SolvedModel) -> Solved {
    const STOPPED: [HighsModelStatus; 3] = [
        HighsModelStatus::ReachedTimeLimit,
        HighsModelStatus::ReachedSolutionLimit,
        HighsModelStatus::ReachedIterationLimit,
    ];
    let status = solved.status();
    let at = || solved.get_solution().columns().to_vec();
    if is_solved(status) {
        let value = solved.objective_value();
        Solved::Point(Point { value, at: at(), reduced: Vec::new(), duals: Vec::new() })
    } else if status == HighsModelStatus::Infeasible {
        Solved::Infeasible
    } else if STOPPED.contains(&status) {
        let bound = solved.double_info_value(c"mip_dual_bound").unwrap_or(f64::NEG_INFINITY);
        let feasible = solved.primal_solution_status() == HighsSolutionStatus::Feasible;
        Solved::Stopped { bound, at: feasible.then(at) }
    } else {
        Solved::Failed
    }
}

fn is_solved(status: HighsModelStatus) -> bool {
    status == HighsModelStatus::Optimal || status == HighsModelStatus::ModelEmpty
}

fn new_model() -> Option<Model> {
    let mut model = RowProblem::new().try_optimise(Sense::Minimise).ok()?;
    set_options(&mut model, Effort { nodes: i32::MAX, seconds: f64::INFINITY })?;
    Some(model)
}

/// One thread, one seed, no gap: the same answer every time.
fn set_options(model: &mut Model, effort: Effort) -> Option<()> {
    model.make_quiet();
    model.set_threads(NonZeroU32::MIN);
    model.try_set_option("parallel", "off").ok()?;
    model.try_set_option("random_seed", 1).ok()?;
    model.try_set_option("mip_rel_gap", 0.0).ok()?;
    model.try_set_option("mip_abs_gap", 1e-6).ok()?;
    model.try_set_option("mip_feasibility_tolerance", 1e-9).ok()?;
    model.try_set_option("primal_feasibility_tolerance", 1e-9).ok()?;
    model.try_set_option("dual_feasibility_tolerance", 1e-9).ok()?;
    // Restarting the tree costs more than it saves on masters of some hundred rows.
    model.try_set_option("mip_allow_restart", false).ok()?;
    model.try_set_option("mip_max_nodes", effort.nodes).ok()?;
    if effort.seconds.is_finite() {
        model.try_set_option("time_limit", effort.seconds.max(0.01)).ok()?;
    }
    Some(())
}
