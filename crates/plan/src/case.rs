//! One alternative's question: which footholds count, what may be chosen, what it costs.
//!
//! A case is the network seen through a request. It says of each column whether
//! it may be chosen, and what the certificate's contract says of it. It does
//! not search; see [`crate::search`].

use cordon_model::ids::{ServiceIx, WithdrawalIx};

use crate::dense::Dense;
use crate::gates::Fallout;
use crate::network::Network;
use crate::request::{Foothold, Request};

/// What a column may be in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// May be chosen.
    Open,
    /// May not be chosen, but only through rows: the certificate must show why.
    Barred,
    /// Fixed at 0 by the contract: forbidden, unavailable, not permitted, or its enforcer is a foothold.
    Fixed,
}

/// Where the intruder starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) node: u32,
    pub(crate) entrenched: bool,
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
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) net: &'a Network<'a>,
    pub(crate) starts: Vec<Start>,
    /// Per column.
    pub(crate) state: Dense<State>,
    /// Per column, in minor units; what is in force is paid.
    pub(crate) price: Dense<i64>,
    /// Per service, whether no plan may stop it.
    pub(crate) protected: Dense<bool>,
    /// Per service, what stopping it costs, in minor units.
    pub(crate) weight: Dense<i64>,
    /// Per withdrawal, whether it is in force.
    pub(crate) in_force: Dense<bool>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        net: &'a Network<'a>,
        request: &Request<'_>,
        footholds: &[Foothold],
        permission: Permission,
    ) -> Self {
        let estate = net.estate;
        let mut in_force = Dense::filled(false, estate.withdrawals().len());
        for &withdrawal in &request.in_force {
            in_force[withdrawal.0] = true;
        }
        let mut protected: Dense<bool> =
            estate.services().iter().map(|s| s.protected).collect::<Vec<_>>().into();
        for &ServiceIx(service) in &request.down_services {
            protected[service] = false;
        }
        let weights: Vec<i64> = estate.services().iter().map(|s| estate.stop_price(s).0).collect();
        let starts = footholds
            .iter()
            .map(|foothold| Start { node: foothold.node.0, entrenched: foothold.entrenched })
            .collect();
        let mut case = Self {
            net,
            starts,
            state: Dense::default(),
            price: Dense::default(),
            protected,
            weight: weights.into(),
            in_force,
        };
        case.price = case.prices(permission);
        case.state = case.states(request, permission);
        case
    }

    fn prices(&self, permission: Permission) -> Dense<i64> {
        let estate = self.net.estate;
        let price = |column: &crate::network::Column| {
            let paid =
                |half: &WithdrawalIx| permission != Permission::InForce && self.in_force[half.0];
            let unpaid = column.withdrawals().filter(|half| !paid(half));
            unpaid.map(|half| estate.price(estate.withdrawal(half)).0).sum()
        };
        self.net.columns.iter().map(price).collect::<Vec<_>>().into()
    }

    fn states(&self, request: &Request<'_>, permission: Permission) -> Dense<State> {
        let columns = &self.net.columns;
        let mut states = Dense::filled(State::Open, columns.len());
        if let Some(permitted) = self.permitted(request, permission) {
            for at in columns.indexes() {
                if !columns[at].withdrawals().all(|half| permitted[half.0]) {
                    states[at] = State::Fixed;
                }
            }
        }
        for &withdrawal in &request.unavailable {
            states[self.net.column_of[withdrawal.0]] = State::Fixed;
        }
        let mut foothold = Dense::filled(false, self.net.nodes());
        for start in &self.starts {
            foothold[start.node] = true;
        }
        let mut fallout = Fallout::new(&self.net.gates);
        for at in columns.indexes() {
            let column = &columns[at];
            if column.forbidden || column.enforcers.iter().any(|&(_, by)| foothold[by]) {
                states[at] = State::Fixed;
            }
            if states[at] == State::Open && self.never_alone(at, &mut fallout) {
                states[at] = State::Barred;
            }
        }
        states
    }

    /// Per withdrawal, whether it may be chosen; `None` where all may.
    fn permitted(&self, request: &Request<'_>, permission: Permission) -> Option<Dense<bool>> {
        let mut permitted = self.in_force.clone();
        match permission {
            Permission::All => return None,
            Permission::Authority => {
                for &withdrawal in request.authority.iter().flatten() {
                    permitted[withdrawal.0] = true;
                }
            }
            Permission::InForce => {}
        }
        Some(permitted)
    }

    /// Tells whether a column by itself breaks a guard, so that no plan can hold it.
    fn never_alone(&self, at: u32, fallout: &mut Fallout<'_>) -> bool {
        let column = &self.net.columns[at];
        let caps = self.net.estate.caps();
        let over_cap =
            |&(cap, times): &(u32, u32)| caps.get(cap as usize).is_some_and(|cap| cap.most < times);
        let stops_its_enforcer = column.enforcers.iter().any(|(_, by)| column.stops.contains(by));
        if stops_its_enforcer || column.caps.iter().any(over_cap) {
            return true;
        }
        let matters = |&&node: &&u32| self.net.gates.item_that_matters(node).is_some();
        let mark = fallout.mark();
        for &node in column.stops.iter().filter(matters) {
            fallout.take_down(node);
        }
        let stops_protected = fallout.stopped.iter().any(|&service| self.protected[service]);
        fallout.undo(mark);
        stops_protected
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
            .filter(|&column| self.state[column] != State::Fixed)
            .collect();
        cutters.sort_unstable();
        cutters.dedup();
        cutters
    }
}
