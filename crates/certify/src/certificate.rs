//! The certificate: what lower bound its rows prove, re-derived exactly.
//!
//! Every row is checked against the estate, turned into its linear form and
//! summed with its multiplier in 128-bit integers; a row that does not hold
//! counts nothing. How the stages join, and the one form in which a certificate
//! is written, stand in `model::plan`. The time is linear in the certificate,
//! but for sorting.

mod better;
mod bound;
mod columns;
mod rows;
mod settled;

use std::collections::BTreeSet;

use cordon_model::Money;
use cordon_model::plan::{AlternativeName, Objective, Proof, Row, Stage};

use crate::case::Case;
use crate::objections::Objections;
use crate::totals::Proven;

use bound::{Outsiders, Sums};

pub(crate) use columns::Columns;

/// More objections than this to the rows of one stage are only counted.
const MOST_ROW_OBJECTIONS: usize = 10;

/// Checks a certificate and returns what it proves.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) -> Proven {
    let none = Proven { bound: Money::ZERO, given: false };
    let Some(claim) = &case.claim.certificate else { return none };
    let stages = claim.stages.as_deref().unwrap_or_default();
    let claimed = claim.bound.unwrap_or_default();
    let foreign = claim.bound.is_none() && claim.stages.is_none();
    let silent = stages.is_empty() && claimed == Money::ZERO && case.claim.proof == Proof::Search;
    if foreign || silent {
        return none;
    }
    objections.unless(claim.settled != Some(false), "wrong-form", || {
        "its certificate says that it is not settled; that is said by leaving it out".to_owned()
    });
    let expected = objectives(case);
    let found: Vec<Objective> = stages.iter().map(|stage| stage.objective).collect();
    let mut bound = Money::ZERO;
    if found == expected {
        bound = join(case, stages, objections);
    } else {
        let what = format!("its certificate has the stages {found:?}, not {expected:?}");
        objections.object("wrong-stages", what);
    }
    compare("the certificate", claimed, bound, bound, objections);
    Proven { bound, given: true }
}

/// What the stages of this alternative minimise, one after the other.
fn objectives(case: &Case<'_>) -> &'static [Objective] {
    match case.claim.name {
        _ if case.may_lose_hard() => &[Objective::HardLoss, Objective::Total],
        AlternativeName::Strict => &[Objective::Loss, Objective::Cost],
        AlternativeName::Balanced | AlternativeName::Now => &[Objective::Total],
    }
}

/// The bound that the stages prove together; see `model::plan`.
fn join(case: &Case<'_>, stages: &[Stage], objections: &mut Objections) -> Money {
    let lost = if case.may_lose_hard() { case.hard_loss() } else { case.loss() };
    let bounds: Vec<Money> =
        stages.iter().map(|stage| check_stage(case, stage, lost, objections)).collect();
    match bounds.as_slice() {
        [only] => *only,
        [_, second] if case.may_lose_hard() => *second,
        [first, second] => *first + *second,
        _ => Money::ZERO,
    }
}

/// Checks one stage and returns the bound that it proves.
fn check_stage(case: &Case<'_>, stage: &Stage, lost: Money, objections: &mut Objections) -> Money {
    let name = format!("the stage {:?} of the certificate", stage.objective);
    check_form(stage, &name, objections);
    let mut complaints = Complaints { name: &name, count: 0, objections };
    let rows = rows::read(case, stage, lost, &mut complaints);
    let Some(low) = Sums::of(case, stage, &rows, Outsiders::All) else {
        complaints.finish();
        let what = format!("{name} holds numbers too large to add");
        objections.object("oversized", what);
        return Money::ZERO;
    };
    let told = case.claim.name != AlternativeName::Now || case.knows_authority();
    if let Some(form) = &case.ground.form {
        settled::check_order(stage, &mut complaints);
        if told {
            settled::check_rows(case, form, stage, &rows, &low, &mut complaints);
        }
    }
    complaints.finish();
    let bound = low.bound();
    if told {
        compare(&name, stage.bound, bound, bound, objections);
        return bound;
    }
    let high = Sums::of(case, stage, &rows, Outsiders::None);
    let high = high.map_or(bound, |high| high.bound());
    compare(&name, stage.bound, bound, high, objections);
    stage.bound.clamp(bound, high)
}

fn compare(name: &str, said: Money, low: Money, high: Money, objections: &mut Objections) {
    if said > high {
        objections
            .object("raised-bound", format!("{name} proves a bound of {high}, not of {said}"));
    } else if said < low {
        objections.object("wrong-bound", format!("{name} proves a bound of {low}, not of {said}"));
    }
}

/// Checks that a stage has a scale, and no row twice.
fn check_form(stage: &Stage, name: &str, objections: &mut Objections) {
    let scale_fits = stage.scale == 1 || stage.scale > 1 && !stage.rows.is_empty();
    objections.unless(scale_fits, "wrong-scale", || {
        format!("{name} has the scale {}; it is at least 1, and 1 without rows", stage.scale)
    });
    let distinct: BTreeSet<_> = stage.rows.iter().map(rows::key).collect();
    objections.unless(distinct.len() == stage.rows.len(), "duplicate-row", || {
        format!("{} rows of {name} are there twice", stage.rows.len() - distinct.len())
    });
}

/// Objections to the rows of one stage, the first few in words and the rest as a number.
struct Complaints<'o> {
    name: &'o str,
    count: usize,
    objections: &'o mut Objections,
}

impl Complaints<'_> {
    fn about(&mut self, at: usize, code: &str, what: &str) {
        self.count += 1;
        if self.count <= MOST_ROW_OBJECTIONS {
            self.objections.object(code, format!("row {} of {} {what}", at + 1, self.name));
        }
    }

    fn about_all(&mut self, code: &str, what: &str) {
        self.objections.object(code, format!("{} {what}", self.name));
    }

    fn finish(self) {
        if self.count > MOST_ROW_OBJECTIONS {
            let more = self.count - MOST_ROW_OBJECTIONS;
            self.objections
                .object("bad-row", format!("{more} more rows of {} are wrong", self.name));
        }
    }
}

/// A row's multiplier.
fn multiplier(row: &Row) -> u64 {
    match row {
        Row::Path { multiplier, .. }
        | Row::Need { multiplier, .. }
        | Row::Stop { multiplier, .. }
        | Row::Cap { multiplier, .. }
        | Row::Enforcer { multiplier, .. }
        | Row::Exclusive { multiplier, .. }
        | Row::Lost { multiplier } => *multiplier,
    }
}
