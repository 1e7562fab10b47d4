//! One alternative under examination: what its withdrawals really do to the estate.
//!
//! Everything here is derived from the estate, the footholds and the ids of
//! the withdrawals alone; what the plan says about them is compared elsewhere.

use std::collections::BTreeSet;

use cordon_model::estate::{Asset, Withdrawal};
use cordon_model::plan::{AlternativeName, Status};
use cordon_model::{Estate, Money, NodeIx, ServiceIx, WithdrawalIx};
use rustc_hash::FxHashMap;

use crate::Context;
use crate::certificate::Columns;
use crate::claim::AlternativeClaim;
use crate::form::FormGround;
use crate::links::{Links, PerNode, Reached};
use crate::stopping::Dependence;

/// What is the same for all alternatives of one estate.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) estate: &'a Estate,
    pub(crate) links: Links,
    pub(crate) dependence: Dependence,
    pub(crate) columns: Columns,
    /// Where assets and their copies are, with the asset's position.
    places: Vec<(NodeIx, u32)>,
    /// What only the one form of a settled plan asks for; `None` for other plans.
    pub(crate) form: Option<FormGround>,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(estate: &'a Estate, settled: bool) -> Self {
        let assets = estate.assets().iter().zip(0..);
        let mut places: Vec<(NodeIx, u32)> =
            assets.flat_map(|(asset, at)| asset.places().map(move |place| (place, at))).collect();
        places.sort_unstable();
        Self {
            estate,
            links: Links::new(estate),
            dependence: Dependence::new(estate),
            columns: Columns::new(estate),
            places,
            form: settled.then(|| FormGround::new(estate)),
        }
    }

    /// The asset of a node, with its position.
    pub(crate) fn asset(&self, node: NodeIx) -> Option<(u32, &'a Asset)> {
        let at = self.estate.assets().binary_search_by_key(&node, |asset| asset.node).ok()?;
        Some((u32::try_from(at).ok()?, self.estate.assets().get(at)?))
    }

    /// The assets that are lost when a node is reached, in order.
    pub(crate) fn assets_at(&self, place: NodeIx) -> impl Iterator<Item = &'a Asset> + '_ {
        let from = self.places.partition_point(|&(other, _)| other < place);
        let rest = self.places.get(from..).unwrap_or_default();
        let here = rest.iter().take_while(move |&&(other, _)| other == place);
        here.filter_map(|&(_, at)| self.estate.assets().get(at as usize))
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
    /// How many of them a node carries out.
    enforced: FxHashMap<NodeIx, u32>,
    /// The first of them that stops a node.
    stoppers: FxHashMap<NodeIx, WithdrawalIx>,
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
        let mut enforced: FxHashMap<NodeIx, u32> = FxHashMap::default();
        for enforcer in chosen.iter().filter_map(|&w| estate.withdrawal(w).enforcer) {
            *enforced.entry(enforcer).or_default() += 1;
        }
        let removed = |node: NodeIx| removals.get(node) > 0;
        let open = footholds.iter().map(|foothold| foothold.node).filter(|&node| {
            starts.get(node) == Start::Entrenched
                || starts.get(node) == Start::Yes && !removed(node)
        });
        let reached = Reached::search(estate, &ground.links, open, removed);
        let mut stoppers: FxHashMap<NodeIx, WithdrawalIx> = FxHashMap::default();
        for &w in chosen.iter().filter(|&&w| estate.withdrawal(w).stops) {
            for &node in &estate.withdrawal(w).removes {
                stoppers.entry(node).or_insert(w);
            }
        }
        let stopped = ground.dependence.stopped(stoppers.keys().copied());
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
            enforced,
            stoppers,
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
            .filter(|&half| self.estate.withdrawal(half).removes.binary_search(&node).is_ok())
            .count();
        self.removals.get(node) as usize > by_these
    }

    /// Tells whether a node carries out a withdrawal of the plan other than this one and its other half.
    pub(crate) fn enforces_others(&self, node: NodeIx, withdrawal: WithdrawalIx) -> bool {
        let halves = self.halves(withdrawal).filter(|half| self.chosen.contains(half));
        let own = halves.filter(|&half| self.estate.withdrawal(half).enforcer == Some(node));
        self.enforced.get(&node).is_some_and(|&all| all as usize > own.count())
    }

    /// The withdrawal of the plan that stops a node.
    pub(crate) fn stopped_by(&self, node: NodeIx) -> Option<&'a Withdrawal> {
        self.stoppers.get(&node).map(|&w| self.estate.withdrawal(w))
    }

    /// Tells whether the plan leaves an asset reachable.
    pub(crate) fn loses(&self, asset: &Asset) -> bool {
        self.lost.binary_search_by_key(&asset.node, |lost| lost.node).is_ok()
    }

    /// The nodes from which the intruder starts when some are `closed`, ascending.
    pub(crate) fn open_starts(
        &self,
        closed: impl Fn(NodeIx) -> bool,
    ) -> impl Iterator<Item = NodeIx> {
        self.footholds.iter().map(|foothold| foothold.node).filter(move |&node| {
            match self.starts.get(node) {
                Start::No => false,
                Start::Yes => !closed(node),
                Start::Entrenched => true,
            }
        })
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

    /// Tells whether Cordon may raise a withdrawal alone; `None` when nobody can tell.
    ///
    /// A settled plan says whether it may raise anything; where that is nothing, all is told.
    pub(crate) fn within_authority(&self, withdrawal: &Withdrawal) -> Option<bool> {
        let id = &withdrawal.id;
        let allowed = match &self.context.authority {
            Some(authority) => authority.contains(id),
            None if self.may_raise_nothing() => false,
            None => return None,
        };
        Some(allowed || self.context.in_force.contains(id))
    }

    /// Tells whether it is known what Cordon may raise alone.
    pub(crate) fn knows_authority(&self) -> bool {
        self.context.authority.is_some() || self.may_raise_nothing()
    }

    fn may_raise_nothing(&self) -> bool {
        self.ground.form.is_some() && !self.says_alone()
    }

    /// What the certificate says: whether Cordon may raise anything alone.
    pub(crate) fn says_alone(&self) -> bool {
        self.claim.certificate.as_ref().is_some_and(|certificate| certificate.alone)
    }

    /// The node whose tag forbids a withdrawal.
    pub(crate) fn forbidden(&self, withdrawal: &Withdrawal) -> Option<NodeIx> {
        withdrawal.removes.iter().copied().find(|&node| self.estate.is_forbidden(node))
    }
}
