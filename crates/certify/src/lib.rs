//! The independent checker of plans.
//!
//! It takes an estate and a plan document, whoever wrote it, and re-derives
//! every field but `seconds` and `reason`: which paths stand open, what stops,
//! what it costs, in which order it is raised, and how much of its lower bound
//! the certificate proves. It knows the estate's model and nothing else: it
//! shares no line with the planner, calls no solver and holds no digest, so a
//! fault of the planner cannot hide here. `docs/checker.md` lists the codes.
//!
//! [`check_json`] is the whole story; each step has a file of its own.

mod case;
mod certificate;
mod claim;
mod conflict;
mod fields;
mod footholds;
mod form;
mod guards;
mod links;
mod objections;
mod outcome;
mod paths;
mod raise_order;
mod residual;
mod stopping;
#[cfg(test)]
mod tests;
mod totals;

use std::collections::BTreeSet;

use cordon_model::plan::{PlanDocument, PlannedFoothold, Verdict};
use cordon_model::{Estate, ServiceId, WithdrawalId};

use crate::case::{Case, Ground};
use crate::claim::{AlternativeClaim, DocumentClaim};
use crate::objections::Objections;

/// What the asker knows beside the estate; the default knows nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// The footholds as the asker has them; the document's must be the same.
    pub footholds: Option<Vec<PlannedFoothold>>,
    /// The withdrawals that Cordon may raise alone; empty without an authority,
    /// `None` when the asker cannot tell.
    pub authority: Option<BTreeSet<WithdrawalId>>,
    /// Withdrawals in force: they are paid already, and a plan that does not name them lifts them.
    pub in_force: BTreeSet<WithdrawalId>,
    /// Withdrawals that no plan can use now: failed, stuck or expired.
    pub unavailable: BTreeSet<WithdrawalId>,
    /// Services that are stopped already; where they are protected, a plan may leave them so.
    pub down: BTreeSet<ServiceId>,
}

/// Checks a plan and tells everything that is wrong with it.
#[must_use]
pub fn check(estate: &Estate, document: &PlanDocument, context: &Context) -> Verdict {
    // The contract is the wire form, so that is what is checked.
    match serde_json::to_string(document) {
        Ok(text) => check_json(estate, &text, context),
        Err(error) => unreadable(&error),
    }
}

/// Checks a plan as written by any tool.
///
/// Unknown fields are ignored. Without `certificate` the proven bound is 0;
/// without `residual_expected_loss`, `conflict`, a withdrawal's `order` or any
/// `path` that field is not checked. A plan that says it is settled has them all.
/// Text that is not a plan document is one objection, `unreadable`, that names
/// the line and column.
#[must_use]
pub fn check_json(estate: &Estate, text: &str, context: &Context) -> Verdict {
    let document: DocumentClaim = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => return unreadable(&error),
    };
    let mut objections = Objections::default();
    if document.estate != estate.name() {
        objections.object(
            "wrong-estate",
            format!("it was made for `{}`, not for `{}`", document.estate, estate.name()),
        );
    }
    let footholds = footholds::check(estate, &document.footholds, context, &mut objections);
    check_names(&document.alternatives, &mut objections);
    let settled = form::is_claimed(&document);
    if settled {
        form::check_document(text, &document, &mut objections);
    }
    let ground = Ground::new(estate, settled);
    for claim in &document.alternatives {
        let case = Case::new(&ground, context, &footholds, claim);
        check_alternative(&case, objections.of(claim.name));
    }
    objections.verdict()
}

/// Asks of the alternatives that each is there once, in the order now, balanced, strict.
fn check_names(alternatives: &[AlternativeClaim], objections: &mut Objections) {
    if alternatives.is_empty() {
        objections.object("no-alternative", "it holds no plan at all".to_owned());
    }
    for pair in alternatives.windows(2) {
        let [before, after] = pair else { continue };
        let (a, b) = (before.name.as_str(), after.name.as_str());
        if before.name == after.name {
            objections.object("duplicate-alternative", format!("`{a}` is there twice"));
        } else if before.name > after.name {
            objections.object("alternative-order", format!("`{b}` stands after `{a}`"));
        }
    }
}

fn check_alternative(case: &Case<'_>, objections: &mut Objections) {
    fields::check(case, objections);
    guards::check(case, objections);
    outcome::check(case, objections);
    paths::check(case, objections);
    raise_order::check(case, objections);
    form::check(case, objections);
    residual::check(case, objections);
    conflict::check(case, objections);
    let proven = certificate::check(case, objections);
    totals::check(case, &proven, objections);
}

fn unreadable(error: &serde_json::Error) -> Verdict {
    let mut objections = Objections::default();
    objections.object("unreadable", format!("it is not a plan document: {error}"));
    objections.verdict()
}
