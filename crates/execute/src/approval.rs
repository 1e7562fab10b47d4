//! Counts the approvals of one alternative of one plan.
//!
//! Who may approve, and whether a signature is good, is the authority's part;
//! here only the ledger's order of words counts. Of every person the latest
//! word speaks, somebody's no is a no for all, and a lapsed approval is none.

use std::collections::BTreeMap;

use cordon_model::Timestamp;
use cordon_model::record::{By, Decision as Decided, PlanChoice, Verdict};

use crate::state::State;

/// How the approvals of one alternative stand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Approval {
    /// Enough people have approved it; who.
    Given(Vec<By>),
    /// So many more people must approve it.
    Missing(usize),
    /// Somebody has declined it, or the time for it ran out.
    No(By),
}

/// Counts the approvals that a choice has now. Only different people count, a
/// later word of a person replaces the earlier one, and a lapsed approval is none.
pub fn approval(state: &State, choice: &PlanChoice, people: usize, now: Timestamp) -> Approval {
    let mut latest: BTreeMap<&By, &Decided> = BTreeMap::new();
    for (_, decision) in state.decisions.iter().filter(|(_, d)| d.choice == *choice) {
        latest.insert(&decision.by, decision);
    }
    let no = latest.values().find(|decision| decision.verdict != Verdict::Approved);
    if let Some(decision) = no {
        return Approval::No(decision.by.clone());
    }
    let counts = |decision: &&&Decided| {
        decision.until.is_none_or(|until| now < until) && decision.by != By::Cordon
    };
    let given: Vec<By> = latest.values().filter(counts).map(|d| d.by.clone()).collect();
    if given.len() >= people {
        Approval::Given(given)
    } else {
        Approval::Missing(people - given.len())
    }
}
