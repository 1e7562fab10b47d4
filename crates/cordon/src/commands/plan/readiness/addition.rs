//! The cheapest single addition to an estate that makes a sound plan possible.
//!
//! Whatever helps must cut the path that the best unsound plan leaves open. So
//! the candidates are read off that path: a stand-in for what a protected
//! service needs, a withdrawal where none exists, a flow between two nodes that
//! can be blocked by itself. Each is tried exactly, by planning on the changed
//! estate. How they are chosen, and what that leaves out: `docs/readiness.md`.

mod changed;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use cordon_model::outage::{NodeSet, Outage};
use cordon_model::plan::{Alternative, Status};
use cordon_model::{Estate, Money, NodeIx, ServiceIx};
use cordon_plan::Planner;
use serde::Serialize;

use super::balanced;
use super::side_by_side::in_order;

/// For at most so many footholds, worst first, additions are looked for.
const FOOTHOLDS: usize = 100;
/// At most so many additions are tried, those first that may help most footholds.
const TRIED: usize = 60;
/// Links that carry traffic, which a firewall can tell from other traffic.
const TRAFFIC: [&str; 5] = ["Reaches", "CanRDP", "CanPSRemote", "ExecuteDCOM", "SQLAdmin"];

/// One addition to an estate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Addition {
    /// A second node beside this one, for every service that names it.
    StandIn(NodeIx),
    /// A way to withdraw this node, which has none.
    Withdrawal(NodeIx),
    /// A flow between two nodes that can be blocked by itself.
    Flow(NodeIx, NodeIx),
}

/// The best addition that was found for one foothold.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Best {
    /// `stand-in`, `withdrawal` or `flow`.
    pub(super) what: &'static str,
    /// The node, or the two ends of the flow.
    pub(super) nodes: Vec<cordon_model::NodeId>,
    /// What the best plan costs with it.
    pub(super) total: Money,
    /// Whether that plan is sound and proven, or sound with a gap.
    pub(super) status: Status,
}

/// What the search for an addition came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Search {
    /// The cheapest addition by the cost of the plan that it allows; none if no single one is enough.
    pub(super) addition: Option<Best>,
    /// How many were tried for this foothold.
    pub(super) additions_tried: usize,
}

/// Looks for an addition for each foothold without a sound plan; answers in their order.
pub(super) fn search(
    estate: &Estate,
    hopeless: &[(NodeIx, &Alternative)],
    threads: usize,
    seconds: f64,
) -> Vec<Search> {
    let mut searches = vec![Search::default(); hopeless.len()];
    let shared = Shared::new(estate);
    let mut wanted: BTreeMap<Addition, Vec<usize>> = BTreeMap::new();
    for (at, (_, plan)) in hopeless.iter().enumerate().take(FOOTHOLDS) {
        for addition in shared.candidates(plan) {
            wanted.entry(addition).or_default().push(at);
        }
    }
    let mut jobs: Vec<(Addition, Vec<usize>)> = wanted.into_iter().collect();
    jobs.sort_by_key(|(_, footholds)| Reverse(footholds.len()));
    jobs.truncate(TRIED);
    let tried = in_order(threads, &jobs, |(addition, footholds)| {
        let nodes: Vec<NodeIx> =
            footholds.iter().filter_map(|&at| hopeless.get(at).map(|(node, _)| *node)).collect();
        attempt(estate, *addition, &nodes, seconds)
    });
    for ((addition, footholds), answers) in jobs.iter().zip(tried) {
        for (&at, answer) in footholds.iter().zip(answers) {
            let Some(search) = searches.get_mut(at) else { continue };
            search.additions_tried += 1;
            if let Some((total, status)) = answer
                && search.addition.as_ref().is_none_or(|best| total < best.total)
            {
                search.addition = Some(addition.best(estate, total, status));
            }
        }
    }
    searches
}

/// Plans for some footholds on the changed estate; none where there still is no sound plan.
fn attempt(
    estate: &Estate,
    addition: Addition,
    footholds: &[NodeIx],
    seconds: f64,
) -> Vec<Option<(Money, Status)>> {
    let Some(changed) = changed::changed(estate, addition) else {
        return vec![None; footholds.len()];
    };
    let planner = Planner::new(&changed);
    let each = footholds.iter().map(|&node| {
        let node = changed.find(estate.id(node).as_str())?;
        let plan = balanced(&planner, node, seconds);
        (plan.status != Status::Infeasible).then_some((plan.cost.total, plan.status))
    });
    each.collect()
}

impl Addition {
    fn best(self, estate: &Estate, total: Money, status: Status) -> Best {
        let (what, nodes) = match self {
            Self::StandIn(node) => ("stand-in", vec![node]),
            Self::Withdrawal(node) => ("withdrawal", vec![node]),
            Self::Flow(from, to) => ("flow", vec![from, to]),
        };
        let nodes = nodes.into_iter().map(|node| estate.id(node).clone()).collect();
        Best { what, nodes, total, status }
    }
}

/// What all footholds' candidates are read off.
struct Shared<'e> {
    estate: &'e Estate,
    /// For each protected service everything that it needs, through any number of steps.
    needed: Vec<NodeSet>,
}

impl<'e> Shared<'e> {
    fn new(estate: &'e Estate) -> Self {
        let protected = estate.services().iter().filter(|service| service.protected);
        let needed = protected.map(|service| {
            let mut needed = NodeSet::new(estate.nodes().len());
            let mut open = Vec::new();
            service.needs.each_node(&mut |node| open.push(node));
            while let Some(node) = open.pop() {
                if needed.insert(node)
                    && let Some(needs) = estate.needs(node)
                {
                    needs.each_node(&mut |next| open.push(next));
                }
            }
            needed
        });
        Self { estate, needed: needed.collect() }
    }

    /// Additions that might cut the path that a plan leaves open.
    fn candidates(&self, plan: &Alternative) -> BTreeSet<Addition> {
        let estate = self.estate;
        let nodes = plan.conflict.iter().filter_map(|obstacle| obstacle.node.as_ref());
        let path: Vec<NodeIx> = nodes.filter_map(|id| estate.find(id.as_str())).collect();
        let mut found = self.stand_ins(plan, &path);
        found.extend(self.withdrawals(&path));
        found.extend(path.windows(2).filter_map(|pair| match pair {
            [from, to] => self.flow(*from, *to),
            _ => None,
        }));
        found
    }

    /// What protected services need and would miss if a node of the path were withdrawn.
    fn stand_ins(&self, plan: &Alternative, path: &[NodeIx]) -> BTreeSet<Addition> {
        let estate = self.estate;
        let others = plan.withdrawals.iter().filter_map(|planned| {
            let withdrawal = estate.withdrawal(estate.find_withdrawal(planned.id.as_str())?);
            withdrawal.stops.then_some(&withdrawal.removes)
        });
        let others: Vec<NodeIx> = others.flatten().copied().collect();
        let mut found = BTreeSet::new();
        let cuts = estate.withdrawals().iter().filter(|withdrawal| {
            withdrawal.stops
                && estate.forbidden_by(withdrawal).is_none()
                && withdrawal.removes.iter().any(|node| path.contains(node))
        });
        for withdrawal in cuts {
            let gone = withdrawal.removes.iter().chain(&others).copied();
            let outage = Outage::of(estate, gone);
            let stopped = outage.stopped.iter().map(|&at: &ServiceIx| estate.service(at));
            for service in stopped.filter(|service| service.protected) {
                service.needs.each_node(&mut |node| {
                    if outage.is_down(node) {
                        found.insert(Addition::StandIn(node));
                    }
                });
            }
        }
        found
    }

    /// Nodes of the path that nobody can withdraw, though nobody forbids it.
    fn withdrawals(&self, path: &[NodeIx]) -> BTreeSet<Addition> {
        let all = self.estate.withdrawals().iter().flat_map(|withdrawal| &withdrawal.removes);
        let covered: BTreeSet<NodeIx> = all.filter(|node| path.contains(node)).copied().collect();
        let open =
            path.iter().filter(|node| !covered.contains(node) && !self.estate.is_forbidden(**node));
        open.map(|&node| Addition::Withdrawal(node)).collect()
    }

    /// A flow between two nodes, unless the business needs what passes there.
    fn flow(&self, from: NodeIx, to: NodeIx) -> Option<Addition> {
        let business = |needed: &NodeSet| needed.contains(from) && needed.contains(to);
        if self.needed.iter().any(business) {
            return None;
        }
        let links = self.estate.links();
        let at = links.partition_point(|link| (link.from, link.to) < (from, to));
        let mut between =
            links.iter().skip(at).take_while(|link| (link.from, link.to) == (from, to));
        between
            .any(|link| TRAFFIC.contains(&&*self.estate.kind_of(link).name))
            .then_some(Addition::Flow(from, to))
    }
}
