//! What a plan changes of the cordon in force: what to add, keep and lift.
//!
//! Two different lists may be lifted. `lift_now` opens nothing that is shut as
//! things stand. `lift` is what the balanced plan no longer needs: it waits
//! until what the plan adds is verified.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use cordon_model::outage::NodeSet;
use cordon_model::plan::{Alternative, AlternativeName, PlanDocument, Status};
use cordon_model::reach::ControlGraph;
use cordon_model::{NodeId, NodeIx, WithdrawalId, WithdrawalIx};
use cordon_plan::{Planner, Request};
use serde::{Deserialize, Serialize};

use super::present::Present;
use crate::text::{count, list, short_list};

/// The balanced plan against what is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// To raise, in the plan's order.
    pub(super) add: Vec<WithdrawalId>,
    /// In force and part of the plan, in the plan's order.
    pub(super) keep: Vec<WithdrawalId>,
    /// In force and not part of the plan: may be lifted once the additions are verified.
    pub(super) lift: Vec<WithdrawalId>,
    /// Of these, what may go already: it opens nothing that is shut now.
    pub(super) lift_now: Vec<WithdrawalId>,
}

impl Change {
    /// Asks the planner what may be lifted already, and compares.
    pub(super) fn new(
        present: &Present,
        planner: &Planner<'_>,
        request: &Request<'_>,
        document: &PlanDocument,
    ) -> Self {
        let estate = &present.estate;
        // Half a pair that is in force holds, whatever became of the other half.
        let holds = |at: WithdrawalIx| present.in_force.contains(&at);
        let mut request = request.clone();
        request
            .unavailable
            .retain(|&at| !holds(at) && !estate.withdrawal(at).partner.is_some_and(holds));
        // The planner keeps a pair only where both halves are in force.
        let partners = present.in_force.iter().filter_map(|&at| estate.withdrawal(at).partner);
        request.in_force.extend(partners);
        request.in_force.sort_unstable();
        request.in_force.dedup();
        let now = planner.lift(&request).into_iter().filter(|&at| holds(at));
        let now = now.map(|at| estate.withdrawal(at).id.clone()).collect();
        Self::of(present, document, now)
    }

    /// Compares a plan with what is in force.
    pub(super) fn of(
        present: &Present,
        document: &PlanDocument,
        mut lift_now: Vec<WithdrawalId>,
    ) -> Self {
        let estate = &present.estate;
        let Some(plan) = balanced(document) else { return Self::default() };
        let in_force: BTreeSet<&WithdrawalId> =
            present.in_force.iter().map(|&at| &estate.withdrawal(at).id).collect();
        let planned = plan.withdrawals.iter().map(|withdrawal| withdrawal.id.clone());
        let (keep, add): (Vec<_>, Vec<_>) = planned.partition(|id| in_force.contains(id));
        // What the plan keeps stays, even where something else could be kept in its place.
        lift_now.retain(|id| !keep.contains(id));
        let lift = match plan.status {
            // A plan that is not sound is no reason to open anything.
            Status::Infeasible => lift_now.clone(),
            Status::Optimal | Status::Gap => {
                let mut rest: Vec<WithdrawalIx> = present.in_force.clone();
                // No plan can count on half a pair whose other half failed; the half still holds.
                let orphan = |at: WithdrawalIx| {
                    let partner = estate.withdrawal(at).partner;
                    partner.is_some_and(|other| present.unavailable.contains(&other))
                };
                rest.retain(|&at| {
                    let id = &estate.withdrawal(at).id;
                    !keep.contains(id) && (lift_now.contains(id) || !orphan(at))
                });
                rest.sort_unstable();
                rest.sort_by_key(|&at| Reverse(estate.withdrawal(at).cost_per_hour));
                rest.into_iter().map(|at| estate.withdrawal(at).id.clone()).collect()
            }
        };
        Self { add, keep, lift, lift_now }
    }

    /// Names an asset that lifting `lift_now` would open, and what is not in force at all.
    pub(super) fn objections(&self, present: &Present) -> Vec<String> {
        let estate = &present.estate;
        let mut found = Vec::new();
        let mut left = present.in_force.clone();
        for id in &self.lift_now {
            let known = left.iter().position(|&at| estate.withdrawal(at).id == *id);
            match known {
                Some(at) => drop(left.remove(at)),
                None => found.push(format!("`{id}` cannot be lifted: it is not in force")),
            }
        }
        let before = lost(present, &present.in_force);
        let opened = lost(present, &left).into_iter().find(|node| !before.contains(node));
        if let Some(node) = opened {
            found.push(format!("lifting `lift_now` opens a path to `{}`", estate.id(node)));
        }
        found
    }

    /// Tells it to people.
    pub(super) fn words(&self, present: &Present) -> String {
        let in_force = present.in_force.len() + present.forgotten.len();
        let mut out = format!(
            "\nAGAINST WHAT IS IN FORCE ({})\n",
            count(in_force, "withdrawal", "withdrawals")
        );
        for (word, ids) in [("add ", &self.add), ("keep", &self.keep)] {
            let _ = writeln!(out, "  {word}  {}", list(&names(ids)));
        }
        let now = if self.lift_now.is_empty() { "" } else { " — already now, opens nothing" };
        let _ = writeln!(out, "  lift  {}{now}", list(&names(&self.lift_now)));
        let later: Vec<&str> = self
            .lift
            .iter()
            .filter(|id| !self.lift_now.contains(id))
            .map(WithdrawalId::as_str)
            .collect();
        if !later.is_empty() {
            let _ = writeln!(
                out,
                "  lift  {} — only after what is added has been verified",
                list(&later)
            );
        }
        out.push_str(&caveats(present));
        out
    }
}

fn names(ids: &[WithdrawalId]) -> Vec<&str> {
    ids.iter().map(WithdrawalId::as_str).collect()
}

/// What of the ledger could not be planned with.
fn caveats(present: &Present) -> String {
    let estate = &present.estate;
    let mut out = String::new();
    let ids: Vec<&str> =
        present.unavailable.iter().map(|&at| estate.withdrawal(at).id.as_str()).collect();
    if !ids.is_empty() {
        let _ =
            writeln!(out, "  Failed, stuck or expired, so not planned: {}", short_list(&ids, 6));
    }
    let down: Vec<&str> = present.down.iter().map(|&at| estate.service(at).label()).collect();
    if !down.is_empty() {
        let _ = writeln!(out, "  Down already, so no reason against a cut: {}", list(&down));
    }
    if !present.forgotten.is_empty() {
        let ids = short_list(&names(&present.forgotten), 6);
        let _ = writeln!(out, "  In force, but the estate no longer offers it: {ids}");
    }
    if !present.strangers.is_empty() {
        let ids: Vec<&str> = present.strangers.iter().map(NodeId::as_str).collect();
        let ids = short_list(&ids, 6);
        let _ = writeln!(out, "  Not in the estate, so nothing is planned against: {ids}");
    }
    out
}

/// The assets that are reachable with some withdrawals in force, from footholds of p >= 0.2.
fn lost(present: &Present, in_force: &[WithdrawalIx]) -> Vec<NodeIx> {
    let estate = &present.estate;
    let least = AlternativeName::Strict.threshold();
    let counted: Vec<_> = present.footholds.iter().filter(|f| f.probability >= least).collect();
    let removed = in_force.iter().flat_map(|&at| &estate.withdrawal(at).removes).copied();
    let blocked = NodeSet::from_nodes(estate.nodes().len(), removed);
    let reach = ControlGraph::new(estate).reach(
        counted.iter().map(|f| f.node),
        counted.iter().filter(|f| f.entrenched).map(|f| f.node),
        &blocked,
    );
    let lost = estate.assets().iter().filter(|a| a.places().any(|at| reach.contains(at)));
    lost.map(|asset| asset.node).collect()
}

/// The balanced plan of a document.
pub(super) fn balanced(document: &PlanDocument) -> Option<&Alternative> {
    document.alternatives.iter().find(|plan| plan.name == AlternativeName::Balanced)
}
