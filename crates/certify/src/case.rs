//! One alternative under examination: what its withdrawals really do to the estate.
//!
//! Everything here is derived from the estate, the footholds and the ids of
//! the withdrawals alone; what the plan says about them is compared elsewhere.

use std::collections::BTreeSet;

use cordon_model::estate::{Asset, Withdrawal};
use cordon_model::plan::{AlternativeName, Status};
use cordon_model::{Estate, Money, NodeIx, ServiceIx, WithdrawalIx};

use crate::Context;
use crate::certificate::Columns;
use crate::claim::AlternativeClaim;
use crate::links::{Links, PerNode, Reached};
use crate::stopping::Dependence;

/// What is the same for all alternatives of one estate.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) estate: &'a Estate,
    pub(crate) links: Links,
    pub(crate) dependence: Dependence<'a>,
    pub(crate) columns: Columns,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(estate: &'a Estate) -> Self {
        Self {
            estate,
            links: Links::new(estate),
            dependence: Dependence::new(estate),
            columns: Columns::new(estate),
        }
    }
}

/// A foothold, found in the estate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Foothold {
    pub(crate) node: NodeIx,
    pub(crate) probability: f64,
    pub(crate) entrenched: bool,
}

/// Whether and how a node is a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Start {
    #[default]
    No,
    Yes,
    Entrenched,
}

/// One alternative and what it does.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) estate: &'a Estate,
    pub(crate) ground: &'a Ground<'a>,
    pub(crate) context: &'a Context,
    pub(crate) claim: &'a AlternativeClaim,
    /// Every foothold of any probability.
    pub(crate) footholds: &'a [Foothold],
    /// Which nodes are footholds that this alternative counts.
    pub(crate) starts: PerNode<Start>,
    /// The withdrawals that it names and the estate has.
    pub(crate) chosen: BTreeSet<WithdrawalIx>,
    /// How many of them remove a node.
    removals: PerNode<u32>,
    /// What the intruder can still reach.
    pub(crate) reached: Reached,
    /// What no longer trades.
    pub(crate) stopped: BTreeSet<ServiceIx>,
    /// The assets that the intruder can still reach, in the estate's order.
    pub(crate) lost: Vec<&'a Asset>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        ground: &'a Ground<'a>,
        context: &'a Context,
        footholds: &'a [Foothold],
        claim: &'a AlternativeClaim,
    ) -> Self {
        let estate = ground.estate;
        let mut starts = PerNode::new(estate);
        let threshold = claim.name.threshold();
        for foothold in footholds.iter().filter(|foothold| foothold.probability >= threshold) {
            let how = if foothold.entrenched { Start::Entrenched } else { Start::Yes };
            starts.set(foothold.node, how);
        }
        let chosen: BTreeSet<WithdrawalIx> = claim
            .withdrawals
            .iter()
            .filter_map(|w| estate.find_withdrawal(w.id.as_str()))
            .collect();
        let mut removals = PerNode::new(estate);
        for &node in chosen.iter().flat_map(|&w| &estate.withdrawal(w).removes) {
            removals.set(node, removals.get(node) + 1);
        }
        let removed = |node: NodeIx| removals.get(node) > 0;
        let open = footholds.iter().map(|foothold| foothold.node).filter(|&node| {
            starts.get(node) == Start::Entrenched
                || starts.get(node) == Start::Yes && !removed(node)
        });
        let reached = Reached::search(estate, &ground.links, open, removed);
        let stopping = chosen.iter().map(|&w| estate.withdrawal(w)).filter(|w| w.stops);
        let gone = stopping.flat_map(|w| w.removes.iter().copied());
        let stopped = ground.dependence.stopped(gone);
        let is_lost = |asset: &&Asset| asset.places().any(|place| reached.contains(place));
        let lost = estate.assets().iter().filter(is_lost).collect();
        Self {
            estate,
            ground,
            context,
            claim,
            footholds,
            starts,
            chosen,
            removals,
            reached,
            stopped,
            lost,
        }
    }

    /// Tells whether the plan removes a node.
    pub(crate) fn removed(&self, node: NodeIx) -> bool {
        self.removals.get(node) > 0
    }

    /// Tells whether the plan would remove a node without a withdrawal and its other half.
    pub(crate) fn removed_without(&self, node: NodeIx, withdrawal: WithdrawalIx) -> bool {
        let halves = self.halves(withdrawal);
        let by_these = halves
            .filter(|half| self.chosen.contains(half))
            .filter(|&half| self.estate.withdrawal(half).removes.contains(&node))
            .count();
        self.removals.get(node) as usize > by_these
    }

    /// A withdrawal and, of a default refuse and end, the other half.
    pub(crate) fn halves(
        &self,
        withdrawal: WithdrawalIx,
    ) -> impl Iterator<Item = WithdrawalIx> + use<> {
        let partner = self.estate.withdrawal(withdrawal).partner;
        std::iter::once(withdrawal).chain(partner)
    }

    /// The withdrawals of the plan.
    pub(crate) fn raised(&self) -> impl Iterator<Item = &'a Withdrawal> + '_ {
        self.chosen.iter().map(|&w| self.estate.withdrawal(w))
    }

    /// What a withdrawal costs over the horizon; nothing if it is in force.
    pub(crate) fn price(&self, withdrawal: &Withdrawal) -> Money {
        if self.context.in_force.contains(&withdrawal.id) {
            return Money::ZERO;
        }
        self.over_horizon(withdrawal.cost_per_hour) + withdrawal.cost
    }

    /// An hourly cost over the horizon.
    pub(crate) fn over_horizon(&self, per_hour: Money) -> Money {
        let hours = i64::from(self.estate.horizon_hours());
        Money(per_hour.0.saturating_mul(hours))
    }

    /// The sum of the losses of the assets that the plan leaves reachable.
    pub(crate) fn loss(&self) -> Money {
        self.lost.iter().map(|asset| asset.loss).sum()
    }

    /// As [`Case::loss`], of hard assets alone.
    pub(crate) fn hard_loss(&self) -> Money {
        self.lost.iter().filter(|asset| asset.must_hold).map(|asset| asset.loss).sum()
    }

    /// Tells whether this alternative may leave a hard asset reachable.
    pub(crate) fn may_lose_hard(&self) -> bool {
        self.claim.name == AlternativeName::Now || self.claim.status == Status::Infeasible
    }

    /// Tells whether Cordon may raise a withdrawal alone; `None` when the asker cannot tell.
    pub(crate) fn within_authority(&self, withdrawal: &Withdrawal) -> Option<bool> {
        let authority = self.context.authority.as_ref()?;
        let id = &withdrawal.id;
        Some(authority.contains(id) || self.context.in_force.contains(id))
    }

    /// The node whose tag forbids a withdrawal.
    pub(crate) fn forbidden(&self, withdrawal: &Withdrawal) -> Option<NodeIx> {
        withdrawal.removes.iter().copied().find(|&node| self.estate.is_forbidden(node))
    }
}
