//! The last step before the wire: may this very call be made?
//!
//! Whoever calls a connector asks here first, with the state folded from the
//! ledger, however the call came about. So no bug further up, and nobody who
//! has taken over the process that reads logs, can touch what may not be
//! touched, act without a recorded intent, or act too often. Giving access
//! back is never capped.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::action::{Act, Call, Observed, Trouble, TroubleKind};
use cordon_model::{Estate, NodeId, NodeIx, Timestamp};

use crate::stage::Stage;
use crate::state::{Standing, State};

/// What the guard knows beside the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Nodes from which nothing may ever be taken.
    pub never_touch: BTreeSet<NodeId>,
    /// Targets that attempts may be made on within an hour, by kind of withdrawal.
    pub attempts_per_hour: BTreeMap<String, usize>,
    /// The same for every other kind; none means without bound.
    pub attempts_per_hour_of_others: Option<usize>,
}

impl Guard {
    /// Takes the nodes that an estate's tags forbid, with the caps given.
    #[must_use]
    pub fn new(estate: &Estate, attempts_per_hour: BTreeMap<String, usize>) -> Self {
        let nodes = estate.nodes().iter().zip((0..).map(NodeIx));
        let forbidden = nodes.filter(|&(_, index)| estate.is_forbidden(index));
        Self {
            never_touch: forbidden.map(|(node, _)| node.id.clone()).collect(),
            attempts_per_hour,
            attempts_per_hour_of_others: None,
        }
    }

    /// The most targets of a kind within an hour; none means without bound.
    #[must_use]
    pub fn cap(&self, kind: &str) -> Option<usize> {
        self.attempts_per_hour.get(kind).copied().or(self.attempts_per_hour_of_others)
    }
}

/// Lets a call pass, or says why it is held back.
///
/// # Errors
/// Trouble of kind *withheld* that names the rule.
pub fn guard(state: &State, guard: &Guard, call: &Call, now: Timestamp) -> Result<(), Trouble> {
    let held = |why: String| Err(Trouble::new(TroubleKind::Withheld, why));
    let id = &call.order.withdrawal;
    let Some(standing) = state.standings.get(id) else {
        return held(format!("the ledger holds no order for `{id}`"));
    };
    if standing.order != call.order {
        return held(format!("the call for `{id}` differs from what the ledger says was ordered"));
    }
    match call.act {
        Act::Look | Act::Probe => own_targets(standing, call),
        Act::Restore => {
            if standing.stage != Stage::Lifting || !is_in_flight(standing, call) {
                return held(format!("the ledger holds no open intent to lift `{id}` like this"));
            }
            Ok(())
        }
        Act::Refuse | Act::End => {
            if call.act != Act::raising(standing.order.mode) {
                return held(format!("`{id}` was not ordered as this kind of act"));
            }
            let is_due = standing.wanted && standing.stage == Stage::Requested;
            if !is_due || !is_in_flight(standing, call) {
                return held(format!("the ledger holds no open intent to raise `{id}` like this"));
            }
            may_touch(guard, call)?;
            within_cap(state, guard, call, now)
        }
    }
}

fn own_targets(standing: &Standing, call: &Call) -> Result<(), Trouble> {
    match call.targets.iter().find(|node| !standing.targets.contains_key(*node)) {
        Some(node) => {
            let why = format!("`{node}` is no target of `{}`", call.order.withdrawal);
            Err(Trouble::new(TroubleKind::Withheld, why))
        }
        None => Ok(()),
    }
}

/// Whether the call is exactly the open attempt of the ledger.
fn is_in_flight(standing: &Standing, call: &Call) -> bool {
    let targets = |prior: &[Observed]| -> Vec<NodeId> {
        prior.iter().map(|prior| prior.target.clone()).collect()
    };
    standing.is_in_flight
        && call.attempt == standing.attempt
        && call.prior == standing.in_flight
        && call.targets == targets(&standing.in_flight)
}

fn may_touch(guard: &Guard, call: &Call) -> Result<(), Trouble> {
    match call.targets.iter().find(|node| guard.never_touch.contains(*node)) {
        Some(node) => {
            let why = format!("`{node}` may never be touched");
            Err(Trouble::new(TroubleKind::Withheld, why))
        }
        None => Ok(()),
    }
}

/// The attempt itself is in the ledger already, so it counts against its own cap.
fn within_cap(state: &State, guard: &Guard, call: &Call, now: Timestamp) -> Result<(), Trouble> {
    let kind = &call.order.kind;
    let attempts = state.attempts_within_the_hour(kind, now);
    match guard.cap(kind) {
        Some(cap) if attempts > cap => {
            let why = format!(
                "{attempts} attempts to `{kind}` within an hour pass the cap of {cap}; a person must look"
            );
            Err(Trouble::new(TroubleKind::Withheld, why))
        }
        Some(_) | None => Ok(()),
    }
}
