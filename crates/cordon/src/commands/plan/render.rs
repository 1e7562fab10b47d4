//! A plan for people: what is cut and why, what stops, what keeps trading, what
//! remains reachable, and what an hour of waiting costs.

use std::fmt::Write as _;

use cordon_model::estate::Mode;
use cordon_model::plan::{Alternative, PlanDocument, PlannedWithdrawal, Proof, Status};
use cordon_model::{Estate, NodeId, ServiceId};
use cordon_plan::{Foothold, Planner};

use crate::text::{count, list, short_list};

/// At most so many withdrawals of a plan are printed one by one.
const SHOWN: usize = 40;

/// Prints the whole answer of `cordon plan`.
pub(crate) fn document(
    estate: &Estate,
    planner: &Planner<'_>,
    footholds: &[Foothold],
    document: &PlanDocument,
) -> String {
    let mut out = String::new();
    let named: Vec<String> = document
        .footholds
        .iter()
        .map(|f| {
            let sort = if f.entrenched { ", entrenched" } else { "" };
            format!("{} ({}{sort})", f.node, percent(f.probability))
        })
        .collect();
    let _ = writeln!(
        out,
        "{}: {}: {}.",
        estate.name(),
        count(document.footholds.len(), "foothold", "footholds"),
        short_list(&named, 6)
    );
    let waiting = planner.waiting(footholds);
    let _ = writeln!(
        out,
        "The next hour of waiting costs {} {}, the hour after it {}.",
        waiting.hour(0),
        estate.currency(),
        waiting.hour(1)
    );
    for plan in &document.alternatives {
        out.push('\n');
        out.push_str(&alternative(estate, plan));
    }
    out
}

fn percent(probability: f64) -> String {
    if probability >= 1.0 { "certain".to_owned() } else { format!("{:.0} %", probability * 100.0) }
}

/// Prints one alternative.
pub(crate) fn alternative(estate: &Estate, plan: &Alternative) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} [{}]", plan.name.as_str().to_uppercase(), proven(plan));
    for withdrawal in plan.withdrawals.iter().take(SHOWN) {
        out.push_str(&withdrawal_lines(estate, withdrawal));
    }
    if let Some(more @ 1..) = plan.withdrawals.len().checked_sub(SHOWN) {
        let _ = writeln!(out, "  ... and {} more", count(more, "withdrawal", "withdrawals"));
    }
    out.push_str(&result_lines(estate, plan));
    out
}

fn proven(plan: &Alternative) -> String {
    let by = match plan.proof {
        Proof::Flow => "proven by its certificate",
        Proof::Search => "proven by search",
    };
    match plan.status {
        Status::Optimal => format!("least cost, {by}"),
        Status::Gap => format!("at most {:.2} % above the least cost", plan.gap * 100.0),
        Status::Infeasible => "NO SOUND PLAN EXISTS; this one leaves the least".to_owned(),
    }
}

fn withdrawal_lines(estate: &Estate, withdrawal: &PlannedWithdrawal) -> String {
    let (verb, undo) = match withdrawal.mode {
        Mode::Refuse => ("refuse", "can be lifted"),
        Mode::End => ("end   ", "cannot be undone; new use is possible after the lift"),
    };
    let targets: Vec<&str> = withdrawal.targets.iter().map(|id| label(estate, id)).collect();
    let mut out = format!(
        "  {:>3}. {verb}  {}  ({}, {} {}; {undo})\n",
        withdrawal.order,
        short_list(&targets, 3),
        withdrawal.kind,
        withdrawal.cost,
        estate.currency()
    );
    if !withdrawal.reason.is_empty() {
        let _ = writeln!(out, "       {}", withdrawal.reason);
    }
    if !withdrawal.stops.is_empty() {
        let _ = writeln!(out, "       stops {}", services(estate, &withdrawal.stops));
    }
    out
}

fn result_lines(estate: &Estate, plan: &Alternative) -> String {
    let mut out = String::new();
    if plan.withdrawals.is_empty() {
        out.push_str("  Nothing is withdrawn.\n");
    }
    let protected = estate.services().iter().filter(|service| service.protected).count();
    let stopped = &plan.stopped_services;
    let protected_stopped = estate
        .services()
        .iter()
        .filter(|service| service.protected && stopped.contains(&service.id))
        .count();
    let _ = writeln!(
        out,
        "  Result: the intruder keeps {} of {} · protected: {} trading, {} stopped · {}",
        plan.reachable_assets.len(),
        count(estate.assets().len(), "asset", "assets"),
        protected - protected_stopped,
        protected_stopped,
        if stopped.is_empty() {
            "no service stops".to_owned()
        } else {
            format!("stops {}", services(estate, stopped))
        },
    );
    for asset in plan.reachable_assets.iter().take(10) {
        let path: Vec<&str> = asset.path.iter().map(NodeId::as_str).collect();
        let _ = writeln!(
            out,
            "  Still reachable: {} (loss {} {}) by {}",
            label(estate, &asset.node),
            asset.loss,
            estate.currency(),
            path.join(" → ")
        );
    }
    for obstacle in &plan.conflict {
        let node = obstacle.node.as_ref().map_or("a bound", |node| node.as_str());
        let _ = writeln!(out, "  Cannot be cut: {node}: {}", obstacle.reason);
    }
    let cost = &plan.cost;
    let _ = writeln!(
        out,
        "  Cost: withdrawals {} + services {} + loss {} = {} {currency}; no sound plan costs less than {}",
        cost.withdrawals,
        cost.services,
        cost.loss,
        cost.total,
        plan.lower_bound,
        currency = estate.currency()
    );
    if plan.residual_expected_loss.0 > 0 {
        let left = plan.residual_expected_loss;
        let _ = writeln!(
            out,
            "  Expected loss that remains, all suspicions counted: {left} {}",
            estate.currency()
        );
    }
    out
}

pub(super) fn label<'e>(estate: &'e Estate, id: &'e NodeId) -> &'e str {
    estate.find(id.as_str()).map_or(id.as_str(), |node| estate.node(node).label())
}

pub(super) fn services(estate: &Estate, ids: &[ServiceId]) -> String {
    let names: Vec<&str> = ids
        .iter()
        .map(|id| {
            let service = estate.find_service(id.as_str());
            service.map_or(id.as_str(), |service| estate.service(service).label())
        })
        .collect();
    list(&names)
}
