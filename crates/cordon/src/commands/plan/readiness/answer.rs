//! What `cordon plan --every` answers: a finding for each foothold, worst first, and the sums.
//!
//! These are the wire values; nothing in them depends on the clock or on how
//! many threads have planned.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use cordon_model::plan::{Alternative, Obstacle, Status};
use cordon_model::{Estate, Money, NodeId, NodeIx, ServiceId, WithdrawalId};
use serde::Serialize;

use super::addition::Search;
use crate::commands::plan::is_cut_short;

/// How well a foothold can be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// No plan keeps the protected services and every must-hold asset.
    NoPlan,
    /// The limits ended the search before anybody knew.
    Undecided,
    /// There is a plan; it stops services or gives up assets.
    HoldsAtAPrice,
    /// There is a plan that stops nothing and gives nothing up.
    Holds,
    /// Nothing that matters can be reached: nothing need be done.
    Harmless,
}

impl Outcome {
    /// All outcomes, worst first.
    pub(super) const ALL: [Self; 5] =
        [Self::NoPlan, Self::Undecided, Self::HoldsAtAPrice, Self::Holds, Self::Harmless];

    fn of(plan: &Alternative) -> Self {
        let given_up = !plan.stopped_services.is_empty() || !plan.reachable_assets.is_empty();
        match plan.status {
            Status::Infeasible if is_cut_short(plan) => Self::Undecided,
            Status::Infeasible => Self::NoPlan,
            Status::Optimal | Status::Gap if given_up => Self::HoldsAtAPrice,
            Status::Optimal | Status::Gap if plan.withdrawals.is_empty() => Self::Harmless,
            Status::Optimal | Status::Gap => Self::Holds,
        }
    }

    /// The name as written in JSON and in class names.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoPlan => "no-plan",
            Self::Undecided => "undecided",
            Self::HoldsAtAPrice => "holds-at-a-price",
            Self::Holds => "holds",
            Self::Harmless => "harmless",
        }
    }

    /// The name for people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NoPlan => "no sound plan",
            Self::Undecided => "not decided in time",
            Self::HoldsAtAPrice => "can be cut off, at a price",
            Self::Holds => "can be cut off, nothing stops",
            Self::Harmless => "reaches nothing that matters",
        }
    }
}

/// What happens if one node is taken.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) node: NodeId,
    pub(super) outcome: Outcome,
    pub(super) status: Status,
    /// Withdrawals + stopped services + lost assets.
    pub(super) total: Money,
    pub(super) lower_bound: Money,
    /// Losses of the assets that stay reachable.
    pub(super) loss: Money,
    pub(super) withdrawals: Vec<WithdrawalId>,
    pub(super) stopped_services: Vec<ServiceId>,
    pub(super) reachable_assets: Vec<NodeId>,
    /// Why there is no sound plan: a path that stays open, step by step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) conflict: Vec<Obstacle>,
    /// The cheapest addition to the estate that would make a plan possible.
    #[serde(flatten)]
    pub(super) search: Option<Search>,
}

impl Finding {
    pub(super) fn new(estate: &Estate, node: NodeIx, plan: &Alternative) -> Self {
        Self {
            node: estate.id(node).clone(),
            outcome: Outcome::of(plan),
            status: plan.status,
            total: plan.cost.total,
            lower_bound: plan.lower_bound,
            loss: plan.cost.loss,
            withdrawals: plan.withdrawals.iter().map(|w| w.id.clone()).collect(),
            stopped_services: plan.stopped_services.clone(),
            reachable_assets: plan.reachable_assets.iter().map(|a| a.node.clone()).collect(),
            conflict: plan.conflict.clone(),
            search: None,
        }
    }

    /// Worst first: by outcome, then dearest, then by name.
    pub(super) fn rank(&self) -> impl Ord + '_ {
        (self.outcome, Reverse(self.total), &self.node)
    }
}

/// How many footholds ended in one way.
#[derive(Debug, Serialize)]
pub(super) struct Tally {
    pub(super) outcome: Outcome,
    pub(super) footholds: usize,
}

/// How often a service stops.
#[derive(Debug, Serialize)]
pub(super) struct Stopped {
    pub(super) service: ServiceId,
    pub(super) footholds: usize,
}

/// How often a withdrawal is in a plan.
#[derive(Debug, Serialize)]
pub(super) struct Used {
    pub(super) withdrawal: WithdrawalId,
    pub(super) footholds: usize,
}

/// Everything that is answered.
#[derive(Debug, Serialize)]
pub(super) struct Readiness {
    pub(super) estate: String,
    /// The kind or tag that was asked for.
    pub(super) every: String,
    /// How many footholds ended in which way, worst first.
    pub(super) outcomes: Vec<Tally>,
    /// One finding for each foothold, worst first.
    pub(super) footholds: Vec<Finding>,
    /// Services that sound plans stop, most often first.
    pub(super) stopped: Vec<Stopped>,
    /// Withdrawals of sound plans, most often first.
    pub(super) used: Vec<Used>,
    /// The foothold whose sound plan costs most.
    pub(super) dearest: Option<NodeId>,
}

impl Readiness {
    pub(super) fn new(estate: &Estate, every: &str, footholds: Vec<Finding>) -> Self {
        let outcomes = Outcome::ALL.map(|outcome| Tally {
            outcome,
            footholds: footholds.iter().filter(|one| one.outcome == outcome).count(),
        });
        let sound = || {
            let of = |one: &&Finding| one.status != Status::Infeasible;
            footholds.iter().filter(of)
        };
        let stopped = often(sound().flat_map(|one| &one.stopped_services));
        let used = often(sound().flat_map(|one| &one.withdrawals));
        let dearest = sound().min_by_key(|one| (Reverse(one.total), &one.node));
        Self {
            estate: estate.name().to_owned(),
            every: every.to_owned(),
            outcomes: outcomes.into(),
            stopped: stopped
                .into_iter()
                .map(|(service, footholds)| Stopped { service, footholds })
                .collect(),
            used: used
                .into_iter()
                .map(|(withdrawal, footholds)| Used { withdrawal, footholds })
                .collect(),
            dearest: dearest.filter(|one| one.total > Money::ZERO).map(|one| one.node.clone()),
            footholds,
        }
    }

    /// How many footholds ended in one way.
    pub(super) fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.iter().filter(|tally| tally.outcome == outcome).map(|t| t.footholds).sum()
    }
}

/// Counts, most often first, then by name.
fn often<'a, T: Ord + Clone + 'a>(all: impl Iterator<Item = &'a T>) -> Vec<(T, usize)> {
    let mut counts: BTreeMap<&T, usize> = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    let mut sorted: Vec<(T, usize)> =
        counts.into_iter().map(|(one, count)| (one.clone(), count)).collect();
    sorted.sort_by_key(|(_, count)| Reverse(*count));
    sorted
}
