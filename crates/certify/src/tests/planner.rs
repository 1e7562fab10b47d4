//! Another tool: a planner that tries every subset of withdrawals.
//!
//! Only for estates of a dozen columns. It leans on `model::reach` and
//! `model::outage`, which the checker does not use.

use std::collections::BTreeSet;

use cordon_model::estate::Asset;
use cordon_model::outage::{NodeSet, Outage};
use cordon_model::plan::{
    Alternative, AlternativeName, Certificate, Obstacle, PlanCost, PlanDocument, PlannedFoothold,
    PlannedWithdrawal, Proof, ReachableAsset, Status,
};
use cordon_model::reach::{ControlGraph, Reach};
use cordon_model::{Estate, Mode, Money, NodeId, NodeIx, WithdrawalId, WithdrawalIx};

use super::dual;
use super::fixture::Random;
use crate::Context;

/// A choice of withdrawals and what it does.
pub(super) struct Choice {
    pub(super) chosen: BTreeSet<WithdrawalIx>,
    pub(super) blocked: NodeSet,
    pub(super) reach: Reach,
    pub(super) outage: Outage,
    pub(super) lost: Vec<NodeIx>,
    pub(super) cost: PlanCost,
    pub(super) hard_loss: Money,
    pub(super) hard_lost: bool,
}

/// What one alternative plans against.
pub(super) struct Problem<'a> {
    pub(super) estate: &'a Estate,
    pub(super) graph: ControlGraph,
    pub(super) name: AlternativeName,
    pub(super) footholds: &'a [PlannedFoothold],
    pub(super) context: &'a Context,
}

impl<'a> Problem<'a> {
    pub(super) fn new(
        estate: &'a Estate,
        name: AlternativeName,
        footholds: &'a [PlannedFoothold],
        context: &'a Context,
    ) -> Self {
        Self { estate, graph: ControlGraph::new(estate), name, footholds, context }
    }

    pub(super) fn starts(&self) -> impl Iterator<Item = &'a PlannedFoothold> {
        let threshold = self.name.threshold();
        self.footholds.iter().filter(move |foothold| foothold.probability >= threshold)
    }

    pub(super) fn node(&self, id: &NodeId) -> NodeIx {
        self.estate.find(id.as_str()).unwrap()
    }

    pub(super) fn is_start(&self, node: NodeIx) -> bool {
        self.starts().any(|start| self.node(&start.node) == node)
    }

    pub(super) fn is_entrenched(&self, node: NodeIx) -> bool {
        self.starts().any(|start| start.entrenched && self.node(&start.node) == node)
    }

    /// Every column with both halves.
    pub(super) fn columns(&self) -> Vec<Vec<WithdrawalIx>> {
        let all = self.estate.withdrawals().iter().zip((0..).map(WithdrawalIx));
        all.filter(|(w, _)| !(w.mode == Mode::End && w.partner.is_some()))
            .map(|(w, index)| std::iter::once(index).chain(w.partner).collect())
            .collect()
    }

    pub(super) fn price(&self, w: WithdrawalIx) -> Money {
        let withdrawal = self.estate.withdrawal(w);
        let paid = self.context.in_force.contains(&withdrawal.id);
        if paid { Money::ZERO } else { self.estate.price(withdrawal) }
    }

    pub(super) fn reach_past(&self, blocked: &NodeSet) -> Reach {
        let of = |entrenched: bool| {
            let some = self.starts().filter(move |start| start.entrenched == entrenched);
            some.map(|start| self.node(&start.node)).collect::<Vec<_>>()
        };
        self.graph.reach(of(false), of(true), blocked)
    }

    fn removed_by(&self, chosen: &BTreeSet<WithdrawalIx>, all: bool) -> NodeSet {
        let some = chosen.iter().map(|&w| self.estate.withdrawal(w)).filter(|w| all || w.stops);
        let nodes = some.flat_map(|w| w.removes.iter().copied());
        NodeSet::from_nodes(self.estate.nodes().len(), nodes)
    }

    pub(super) fn choice(&self, chosen: BTreeSet<WithdrawalIx>) -> Choice {
        let blocked = self.removed_by(&chosen, true);
        let reach = self.reach_past(&blocked);
        let outage = Outage::of(self.estate, self.removed_by(&chosen, false).iter());
        let is_lost = |asset: &&Asset| asset.places().any(|place| reach.contains(place));
        let lost: Vec<&Asset> = self.estate.assets().iter().filter(is_lost).collect();
        let withdrawals: Money = chosen.iter().map(|&w| self.price(w)).sum();
        let stopped = outage.stopped.iter().map(|&s| self.estate.service(s));
        let services: Money = stopped.map(|service| self.estate.stop_price(service)).sum();
        let loss: Money = lost.iter().map(|asset| asset.loss).sum();
        let hard = lost.iter().filter(|asset| asset.must_hold);
        let total = withdrawals + services + loss;
        Choice {
            hard_loss: hard.clone().map(|asset| asset.loss).sum(),
            hard_lost: hard.count() > 0,
            lost: lost.iter().map(|asset| asset.node).collect(),
            cost: PlanCost { withdrawals, services, loss, total },
            chosen,
            blocked,
            reach,
            outage,
        }
    }

    /// Tells whether a choice keeps the guards, whatever it leaves reachable.
    fn is_guarded(&self, choice: &Choice) -> bool {
        let raised: Vec<_> = choice.chosen.iter().map(|&w| self.estate.withdrawal(w)).collect();
        let stopping = self.removed_by(&choice.chosen, false);
        let permitted = raised.iter().all(|w| {
            let authority = self.context.authority.as_ref();
            let alone = self.name != AlternativeName::Now
                || self.context.in_force.contains(&w.id)
                || authority.is_none_or(|authority| authority.contains(&w.id));
            let void = w.enforcer.is_some_and(|enforcer| {
                self.is_start(enforcer)
                    || choice.reach.contains(enforcer)
                    || stopping.contains(enforcer)
            });
            let unavailable = self.context.unavailable.contains(&w.id);
            alone && !void && !unavailable && self.estate.forbidden_by(w).is_none()
        });
        let capped =
            self.estate.caps().iter().all(|cap| {
                raised.iter().filter(|w| *w.kind == *cap.kind).count() <= cap.most as usize
            });
        let stopped = choice.outage.stopped.iter().map(|&s| self.estate.service(s));
        let protected = stopped.clone().any(|s| s.protected && !self.context.down.contains(&s.id));
        permitted && capped && !protected
    }

    /// Every choice that keeps the guards.
    pub(super) fn guarded(&self) -> Vec<Choice> {
        let columns = self.columns();
        assert!(columns.len() < 14, "too many columns to try all subsets");
        let subsets = (0..1_u32 << columns.len()).map(|mask| {
            let picked = columns.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
            self.choice(picked.flat_map(|(_, halves)| halves.iter().copied()).collect())
        });
        subsets.filter(|choice| self.is_guarded(choice)).collect()
    }
}

/// The objective of an alternative, as an order of choices.
pub(super) fn rank(name: AlternativeName, infeasible: bool, choice: &Choice) -> (Money, Money) {
    match name {
        _ if infeasible => (choice.hard_loss, choice.cost.total),
        AlternativeName::Now => (choice.hard_loss, choice.cost.total),
        AlternativeName::Balanced => (Money::ZERO, choice.cost.total),
        AlternativeName::Strict => (choice.cost.loss, choice.cost.total),
    }
}

/// Plans all three alternatives; `effort` of the certificates, and now and then a worse plan.
pub(super) fn plan(
    estate: &Estate,
    footholds: &[PlannedFoothold],
    context: &Context,
    random: &mut Random,
) -> PlanDocument {
    use AlternativeName::{Balanced, Now, Strict};
    let alternative = |name| alternative(&Problem::new(estate, name, footholds, context), random);
    PlanDocument {
        estate: estate.name().to_owned(),
        footholds: footholds.to_vec(),
        alternatives: [Now, Balanced, Strict].map(alternative).into(),
    }
}

fn alternative(problem: &Problem<'_>, random: &mut Random) -> Alternative {
    let now = problem.name == AlternativeName::Now;
    let mut choices = problem.guarded();
    let infeasible = !now && choices.iter().all(|choice| choice.hard_lost);
    choices.retain(|choice| now || infeasible || !choice.hard_lost);
    choices.sort_by_key(|choice| (rank(problem.name, infeasible, choice), choice.chosen.len()));
    let best = rank(problem.name, infeasible, &choices[0]);
    let mut at = 0;
    if random.chance(20) {
        at = random.below(choices.len());
    }
    let choice = choices.swap_remove(at);
    let certificate = dual::certificate(problem, infeasible, &choice, random);
    let total = choice.cost.total;
    let is_best = rank(problem.name, infeasible, &choice) == best;
    let lower_bound = if is_best { total } else { certificate.bound };
    let status = match infeasible {
        true => Status::Infeasible,
        false if lower_bound == total => Status::Optimal,
        false => Status::Gap,
    };
    let proof = if certificate.bound == lower_bound { Proof::Flow } else { Proof::Search };
    let gap =
        if total == Money::ZERO { 0.0 } else { (total - lower_bound).as_f64() / total.as_f64() };
    describe(problem, &choice, (status, proof, lower_bound, gap), certificate)
}

fn describe(
    problem: &Problem<'_>,
    choice: &Choice,
    (status, proof, lower_bound, gap): (Status, Proof, Money, f64),
    certificate: Certificate,
) -> Alternative {
    let estate = problem.estate;
    let reachable_assets: Vec<ReachableAsset> = choice
        .lost
        .iter()
        .map(|&node| {
            let asset = estate.assets().iter().find(|asset| asset.node == node).unwrap();
            let place = asset.places().find(|&place| choice.reach.contains(place)).unwrap();
            let path = ids(estate, &choice.reach.path(place));
            ReachableAsset { node: estate.id(node).clone(), loss: asset.loss, path }
        })
        .collect();
    let is_hard = |node: &NodeId| {
        estate.assets().iter().any(|asset| asset.must_hold && estate.id(asset.node) == node)
    };
    let hard = reachable_assets.iter().find(|asset| is_hard(&asset.node));
    let conflict = match (status, hard) {
        (Status::Infeasible, Some(asset)) => asset
            .path
            .iter()
            .map(|node| Obstacle {
                node: Some(node.clone()),
                of: None,
                reason: "no withdrawal".to_owned(),
            })
            .collect(),
        _ => Vec::new(),
    };
    Alternative {
        name: problem.name,
        status,
        proof,
        complete: hard.is_none(),
        withdrawals: withdrawals(problem, choice),
        stopped_services: choice
            .outage
            .stopped
            .iter()
            .map(|&service| estate.service(service).id.clone())
            .collect(),
        reachable_assets,
        cost: choice.cost,
        lower_bound,
        gap,
        residual_expected_loss: residual(problem, choice),
        seconds: 0.25,
        certificate,
        conflict,
    }
}

fn withdrawals(problem: &Problem<'_>, choice: &Choice) -> Vec<PlannedWithdrawal> {
    let estate = problem.estate;
    let free = problem.reach_past(&NodeSet::new(estate.nodes().len()));
    let due = |w: WithdrawalIx| {
        let targets = estate.withdrawal(w).removes.iter();
        targets.filter_map(|&node| free.seconds(node)).min().unwrap_or(u64::MAX)
    };
    let mut listed: Vec<WithdrawalIx> = choice.chosen.iter().copied().collect();
    let lead = |w: WithdrawalIx| match (estate.withdrawal(w).mode, estate.withdrawal(w).partner) {
        (Mode::End, Some(refuse)) => (refuse, 1),
        _ => (w, 0),
    };
    listed.sort_by_key(|&w| (due(w), lead(w)));
    let one = |(&w, order): (&WithdrawalIx, u32)| {
        let withdrawal = estate.withdrawal(w);
        let alone: Vec<NodeIx> =
            withdrawal.removes.iter().copied().filter(|_| withdrawal.stops).collect();
        let stopped = Outage::of(estate, alone).stopped;
        PlannedWithdrawal {
            id: withdrawal.id.clone(),
            kind: withdrawal.kind.to_string(),
            mode: withdrawal.mode,
            targets: ids(estate, &withdrawal.removes),
            cost: problem.price(w),
            stops: stopped.iter().map(|&service| estate.service(service).id.clone()).collect(),
            enforcer: withdrawal.enforcer.map(|node| estate.id(node).clone()),
            order,
            reason: "it was cheapest".to_owned(),
            path: opening_path(problem, choice, w),
        }
    };
    listed.iter().zip(1..).map(one).collect()
}

/// A path that opens without a withdrawal; empty if none does.
fn opening_path(problem: &Problem<'_>, choice: &Choice, w: WithdrawalIx) -> Vec<NodeId> {
    let estate = problem.estate;
    let own: Vec<WithdrawalIx> = std::iter::once(w).chain(estate.withdrawal(w).partner).collect();
    let others: BTreeSet<WithdrawalIx> =
        choice.chosen.iter().copied().filter(|other| !own.contains(other)).collect();
    let reach = problem.reach_past(&problem.removed_by(&others, true));
    let assets = estate.assets().iter().flat_map(|asset| asset.places());
    let enforcers = others.iter().filter_map(|&other| estate.withdrawal(other).enforcer);
    let mut goals = assets.chain(enforcers);
    let opened = goals.find(|&goal| reach.contains(goal) && !choice.reach.contains(goal));
    opened.map(|goal| ids(estate, &reach.path(goal))).unwrap_or_default()
}

/// By trying every combination of footholds that are real.
fn residual(problem: &Problem<'_>, choice: &Choice) -> Money {
    let footholds = problem.footholds;
    let mut expected = 0.0;
    for mask in 0..1_u32 << footholds.len() {
        let real = |at: usize| mask >> at & 1 == 1;
        let mut weight = 1.0;
        for (at, foothold) in footholds.iter().enumerate() {
            weight *= if real(at) { foothold.probability } else { 1.0 - foothold.probability };
        }
        let of = |entrenched: bool| {
            let some = footholds.iter().enumerate().filter(|(at, _)| real(*at));
            some.filter(|(_, foothold)| foothold.entrenched == entrenched)
                .map(|(_, foothold)| problem.node(&foothold.node))
                .collect::<Vec<_>>()
        };
        let reach = problem.graph.reach(of(false), of(true), &choice.blocked);
        let assets = problem.estate.assets().iter();
        let lost = assets.filter(|asset| asset.places().any(|place| reach.contains(place)));
        let loss: Money = lost.map(|asset| asset.loss).sum();
        expected += weight * loss.as_f64() * 100.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "small amounts")]
    Money((expected + 0.5 + 1e-9).floor() as i64)
}

pub(super) fn ids(estate: &Estate, nodes: &[NodeIx]) -> Vec<NodeId> {
    nodes.iter().map(|&node| estate.id(node).clone()).collect()
}

/// An authority that covers some of the estate's withdrawals.
pub(super) fn draw_authority(estate: &Estate, random: &mut Random) -> BTreeSet<WithdrawalId> {
    let all = estate.withdrawals().iter();
    all.filter(|_| random.chance(50)).map(|w| w.id.clone()).collect()
}
