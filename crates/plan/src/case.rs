//! One alternative's question: which footholds count, what may be chosen, what it costs.
//!
//! A case is the network seen through a request. It says of each column whether
//! it may be chosen, and what the certificate's contract says of it. It does
//! not search; see [`crate::search`].

use cordon_model::ids::{ServiceIx, WithdrawalIx};
use rustc_hash::FxHashSet;

use crate::dense::Dense;
use crate::network::{Network, bar};
use crate::request::{Foothold, Request};

/// What a column may be in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// May be chosen.
    Open,
    /// May not be chosen, but only through rows: the certificate must show why.
    Barred,
    /// Fixed at 0 by the contract: forbidden, unavailable, not permitted, or void because its
    /// enforcer is a foothold or stopped by itself.
    Fixed,
}

/// Where the intruder starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) node: u32,
    pub(crate) entrenched: bool,
}

/// What a plan must not exceed or stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A cap on withdrawals of one kind.
    Cap(u32),
    /// A protected service.
    Service(u32),
}

/// Which withdrawals may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Every one that the estate offers.
    All,
    /// Those of the request's authority, and what is in force.
    Authority,
    /// Only what is in force, and keeping it costs its price.
    InForce,
}

/// One alternative's question.
#[derive(Clone, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) net: &'a Network<'a>,
    pub(crate) starts: Vec<Start>,
    /// The nodes of the starts.
    footholds: FxHashSet<u32>,
    /// The withdrawals that may be chosen, where not all may.
    permitted: Option<FxHashSet<WithdrawalIx>>,
    /// Columns that cannot be had.
    unavailable: FxHashSet<u32>,
    /// Withdrawals that are in force.
    in_force: FxHashSet<WithdrawalIx>,
    /// Whether only what Cordon may raise alone may be chosen, and that is something.
    pub(crate) may_raise_alone: bool,
    /// Whether keeping what is in force costs its price.
    in_force_costs: bool,
    /// Per service, whether no plan may stop it.
    pub(crate) protected: Dense<bool>,
    /// Caps that do not count, to find out which do.
    waived_caps: FxHashSet<u32>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        net: &'a Network<'a>,
        request: &Request<'_>,
        footholds: &[Foothold],
        permission: Permission,
    ) -> Self {
        let mut protected: Dense<bool> =
            net.estate.services().iter().map(|s| s.protected).collect::<Vec<_>>().into();
        for &ServiceIx(service) in &request.down_services {
            protected[service] = false;
        }
        let in_force: FxHashSet<WithdrawalIx> = request.in_force.iter().copied().collect();
        let permitted = match permission {
            Permission::All => None,
            Permission::Authority => {
                let authority = request.authority.iter().flatten();
                Some(authority.chain(&request.in_force).copied().collect())
            }
            Permission::InForce => Some(in_force.clone()),
        };
        let starts = footholds
            .iter()
            .map(|foothold| Start { node: foothold.node.0, entrenched: foothold.entrenched });
        Self {
            net,
            starts: starts.collect(),
            footholds: footholds.iter().map(|foothold| foothold.node.0).collect(),
            permitted,
            unavailable: request.unavailable.iter().map(|at| net.column_of[at.0]).collect(),
            in_force,
            may_raise_alone: permission == Permission::Authority
                && request.authority.as_ref().is_some_and(|all| !all.is_empty()),
            in_force_costs: permission == Permission::InForce,
            protected,
            waived_caps: FxHashSet::default(),
        }
    }

    /// The same question without some guards.
    pub(crate) fn without(&self, guards: &[Guard]) -> Self {
        let mut case = self.clone();
        for &guard in guards {
            match guard {
                Guard::Cap(cap) => {
                    case.waived_caps.insert(cap);
                }
                Guard::Service(service) => case.protected[service] = false,
            }
        }
        case
    }

    /// How many withdrawals a cap allows.
    pub(crate) fn most(&self, cap: u32) -> u32 {
        let caps = self.net.estate.caps();
        let most = caps.get(cap as usize).map_or(0, |cap| cap.most);
        if self.waived_caps.contains(&cap) { u32::MAX } else { most }
    }

    /// Tells whether no withdrawal at all may be chosen.
    pub(crate) fn may_choose_nothing(&self) -> bool {
        self.permitted.as_ref().is_some_and(FxHashSet::is_empty)
    }

    /// Tells whether a withdrawal is in force.
    pub(crate) fn is_in_force(&self, withdrawal: WithdrawalIx) -> bool {
        self.in_force.contains(&withdrawal)
    }

    /// What choosing a withdrawal costs, in minor units; what is in force is paid.
    pub(crate) fn price_of(&self, withdrawal: WithdrawalIx) -> i64 {
        let paid = !self.in_force_costs && self.is_in_force(withdrawal);
        if paid { 0 } else { self.net.price[withdrawal.0] }
    }

    /// What choosing a column costs, in minor units.
    pub(crate) fn price(&self, column: u32) -> i64 {
        self.net.columns[column].withdrawals().map(|half| self.price_of(half)).sum()
    }

    /// What choosing a column alone costs with the services that it stops, in minor units.
    pub(crate) fn price_alone(&self, column: u32) -> i64 {
        let services = self.net.stops_alone.get(&column).into_iter().flatten();
        self.price(column) + services.map(|&service| self.net.weight[service]).sum::<i64>()
    }

    /// Whether a column may be chosen.
    pub(crate) fn state(&self, column: u32) -> State {
        let (net, bars) = (self.net, self.net.bars[column]);
        let of = &net.columns[column];
        let permitted =
            |permitted: &FxHashSet<_>| of.withdrawals().all(|half| permitted.contains(&half));
        if bars & bar::FORBIDDEN != 0
            || self.permitted.as_ref().is_some_and(|all| !permitted(all))
            || self.unavailable.contains(&column)
            || (bars & bar::ENFORCED != 0
                && of.enforcers.iter().any(|(_, by)| self.footholds.contains(by)))
        {
            return State::Fixed;
        }
        let stops_protected = || {
            let services = net.stops_alone.get(&column).into_iter().flatten();
            services.copied().any(|service| self.protected[service])
        };
        let over_cap = || of.caps.iter().any(|&(cap, times)| self.most(cap) < times);
        if (bars & bar::NEVER_ALONE != 0 && over_cap())
            || (bars & bar::STOPS != 0 && stops_protected())
        {
            return State::Barred;
        }
        State::Open
    }

    /// Tells whether a node is a foothold.
    pub(crate) fn is_foothold(&self, node: u32) -> bool {
        self.footholds.contains(&node)
    }

    /// The columns that cut a path and are not fixed at 0, ascending.
    pub(crate) fn cutters(&self, path: &[u32]) -> Vec<u32> {
        let entrenched = path.first().is_some_and(|&first| {
            self.starts.iter().any(|start| start.node == first && start.entrenched)
        });
        let mut cutters: Vec<u32> = path
            .iter()
            .skip(usize::from(entrenched))
            .flat_map(|&node| self.net.cover[node].iter().copied())
            .filter(|&column| self.state(column) != State::Fixed)
            .collect();
        cutters.sort_unstable();
        cutters.dedup();
        cutters
    }
}
