//! Why a withdrawal is in the balanced plan, and what it would cost to do without.
//!
//! The value behind a withdrawal is the loss of every asset that opens without
//! it, not only of the one at the end of the path that the plan shows. Where
//! another withdrawal loses its enforcer by that, it counts as gone too.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cordon_model::outage::NodeSet;
use cordon_model::plan::{Alternative, AlternativeName, Status};
use cordon_model::reach::{ControlGraph, Reach};
use cordon_model::{Estate, Money, NodeId, ServiceId, WithdrawalId, WithdrawalIx};
use cordon_plan::{Planner, Request};
use serde::Serialize;

use super::is_cut_short;
use super::render::{label, services};
use crate::failure::bad_input;
use crate::text::{count, short_list};

/// At most so many names in one line.
const NAMED: usize = 6;

/// Everything about one withdrawal of the balanced plan.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    withdrawal: WithdrawalId,
    /// Whether the balanced plan holds it; if not, everything below is empty.
    planned: bool,
    /// A path that opens without it.
    path: Vec<NodeId>,
    /// Assets that open without it.
    opens: Vec<NodeId>,
    /// What they are worth together.
    value: Money,
    /// Services that it stops by itself.
    stops: Vec<ServiceId>,
    /// The cheapest plan if it were forbidden.
    forbidden: Option<Forbidden>,
}

/// The cheapest plan without a withdrawal, against the plan with it.
#[derive(Debug, Serialize)]
struct Forbidden {
    status: Status,
    /// False where the limits ended the search before it knew whether there is a sound plan.
    decided: bool,
    total: Money,
    /// What forbidding costs: the other total less this one.
    difference: Money,
    adds: Vec<WithdrawalId>,
    drops: Vec<WithdrawalId>,
    stopped_services: Vec<ServiceId>,
    reachable_assets: Vec<NodeId>,
}

/// Explains the withdrawals that are named.
pub(super) fn explain(
    estate: &Estate,
    planner: &Planner<'_>,
    request: &Request<'_>,
    plan: &Alternative,
    names: &[String],
) -> anyhow::Result<Vec<Explained>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let graph = ControlGraph::new(estate);
    let each = names.iter().map(|name| {
        let at = find(estate, plan, name)?;
        Ok(one(estate, planner, request, plan, &graph, at))
    });
    each.collect()
}

/// Finds a withdrawal by its id, or by its place in the plan.
fn find(estate: &Estate, plan: &Alternative, name: &str) -> anyhow::Result<WithdrawalIx> {
    let placed = name.parse().ok().and_then(|place: u32| {
        plan.withdrawals.iter().find(|w| w.order == place).map(|w| w.id.as_str())
    });
    estate.find_withdrawal(placed.unwrap_or(name)).ok_or_else(|| {
        bad_input(format!(
            "the estate offers no withdrawal `{name}`\n    give an id as the plan names it, \
             `KIND/NODE`, or its number in the balanced plan"
        ))
    })
}

fn one(
    estate: &Estate,
    planner: &Planner<'_>,
    request: &Request<'_>,
    plan: &Alternative,
    graph: &ControlGraph,
    at: WithdrawalIx,
) -> Explained {
    let id = estate.withdrawal(at).id.clone();
    let Some(planned) = plan.withdrawals.iter().find(|planned| planned.id == id) else {
        return Explained {
            withdrawal: id,
            planned: false,
            path: Vec::new(),
            opens: Vec::new(),
            value: Money::ZERO,
            stops: Vec::new(),
            forbidden: None,
        };
    };
    let (opens, value) = opened(estate, request, plan, graph, at);
    let other = planner.without(request, AlternativeName::Balanced, at);
    Explained {
        withdrawal: id,
        planned: true,
        path: planned.path.clone(),
        opens,
        value,
        stops: planned.stops.clone(),
        forbidden: Some(Forbidden::new(plan, &other)),
    }
}

impl Forbidden {
    fn new(plan: &Alternative, other: &Alternative) -> Self {
        let ids = |of: &Alternative| -> BTreeSet<WithdrawalId> {
            of.withdrawals.iter().map(|withdrawal| withdrawal.id.clone()).collect()
        };
        let (before, after) = (ids(plan), ids(other));
        Self {
            status: other.status,
            decided: !is_cut_short(other),
            total: other.cost.total,
            difference: other.cost.total - plan.cost.total,
            adds: after.difference(&before).cloned().collect(),
            drops: before.difference(&after).cloned().collect(),
            stopped_services: other.stopped_services.clone(),
            reachable_assets: other.reachable_assets.iter().map(|a| a.node.clone()).collect(),
        }
    }
}

/// The assets that open without a withdrawal (and its other half), and their losses together.
fn opened(
    estate: &Estate,
    request: &Request<'_>,
    plan: &Alternative,
    graph: &ControlGraph,
    at: WithdrawalIx,
) -> (Vec<NodeId>, Money) {
    let all = plan.withdrawals.iter().filter_map(|w| estate.find_withdrawal(w.id.as_str()));
    let partner = estate.withdrawal(at).partner;
    let mut raised: Vec<WithdrawalIx> =
        all.filter(|&other| other != at && Some(other) != partner).collect();
    let mut reach = reached(estate, request, graph, &raised);
    loop {
        let whole = raised.len();
        raised.retain(|&other| {
            estate.withdrawal(other).enforcer.is_none_or(|node| !reach.contains(node))
        });
        if raised.len() == whole {
            break;
        }
        reach = reached(estate, request, graph, &raised);
    }
    let lost: BTreeSet<&NodeId> = plan.reachable_assets.iter().map(|asset| &asset.node).collect();
    let opened = estate.assets().iter().filter(|asset| {
        !lost.contains(estate.id(asset.node)) && asset.places().any(|place| reach.contains(place))
    });
    let mut value = Money::ZERO;
    let nodes = opened.map(|asset| {
        value += asset.loss;
        estate.id(asset.node).clone()
    });
    let nodes = nodes.collect();
    (nodes, value)
}

fn reached(
    estate: &Estate,
    request: &Request<'_>,
    graph: &ControlGraph,
    raised: &[WithdrawalIx],
) -> Reach {
    let least = AlternativeName::Balanced.threshold();
    let counted = || request.footholds.iter().filter(|f| f.probability >= least);
    let removed = raised.iter().flat_map(|&at| &estate.withdrawal(at).removes).copied();
    let blocked: NodeSet = NodeSet::from_nodes(estate.nodes().len(), removed);
    let entrenched = counted().filter(|f| f.entrenched).map(|f| f.node);
    graph.reach(counted().map(|f| f.node), entrenched, &blocked)
}

/// Tells an explanation to people.
pub(super) fn words(estate: &Estate, plan: &Alternative, explained: &Explained) -> String {
    let mut out = format!("\nWHY {}\n", explained.withdrawal);
    if !explained.planned {
        out.push_str("  The balanced plan does not need it.\n");
        return out;
    }
    let path: Vec<&str> = explained.path.iter().map(NodeId::as_str).collect();
    let _ = writeln!(out, "  Without it this path opens: {}", path.join(" → "));
    let opens: Vec<&str> = explained.opens.iter().map(|node| label(estate, node)).collect();
    let _ = writeln!(
        out,
        "  Behind it: {}, worth {} {} together: {}",
        count(opens.len(), "asset", "assets"),
        explained.value,
        estate.currency(),
        short_list(&opens, NAMED)
    );
    let _ = writeln!(out, "  Stops: {}", services(estate, &explained.stops));
    if let Some(forbidden) = &explained.forbidden {
        out.push_str(&forbidden.words(estate, plan));
    }
    out
}

impl Forbidden {
    fn words(&self, estate: &Estate, plan: &Alternative) -> String {
        let nodes = |nodes: &[NodeId]| {
            let names: Vec<&str> = nodes.iter().map(|node| label(estate, node)).collect();
            short_list(&names, NAMED)
        };
        let ids = |ids: &[WithdrawalId]| {
            let names: Vec<&str> = ids.iter().map(WithdrawalId::as_str).collect();
            short_list(&names, NAMED)
        };
        let currency = estate.currency();
        if !self.decided {
            return "  If it were forbidden: not known; the limits ended the search\n".to_owned();
        }
        if self.status == Status::Infeasible && plan.status != Status::Infeasible {
            return format!(
                "  If it were forbidden: NO SOUND PLAN EXISTS; at best {} stays reachable\n",
                nodes(&self.reachable_assets)
            );
        }
        let sort = if self.status == Status::Gap { "at most " } else { "" };
        let mut out = format!(
            "  If it were forbidden: {sort}{} {currency} more ({} instead of {})\n",
            self.difference, self.total, plan.cost.total
        );
        let _ = writeln!(out, "    instead: {}", ids(&self.adds));
        let _ = writeln!(out, "    no longer: {}", ids(&self.drops));
        let stops = services(estate, &self.stopped_services);
        let _ = writeln!(out, "    stops then: {stops}");
        let still = nodes(&self.reachable_assets);
        let _ = writeln!(out, "    reachable then: {still}");
        out
    }
}
