//! What the hand knows of its own doing: the fold of its own ledger.
//!
//! It does not believe the program about the past. Which orders were warranted,
//! which states it has seen before it took something away, what it has given
//! back and how often it has tried are counted here, from entries that were
//! durable before the wire.

use std::collections::{BTreeMap, BTreeSet};

use cordon_authority::Attempts;
use cordon_model::action::{Access, CORDON, Call, Observed, Order};
use cordon_model::ids::CordonId;
use cordon_model::record::{Entry, Moved, Raise, Record, Transition};
use cordon_model::{NodeId, Timestamp, WithdrawalId};
use jiff::SignedDuration;

/// An hour, over which attempts are counted.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How long after its end a warrant still lets drift be put back: the program's clock may differ.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// What one switch of an outside system is: the connector, the kind of withdrawal and the node.
type Switch = (String, String, NodeId);

/// The fold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    raises: BTreeMap<CordonId, Raise>,
    warranted: BTreeMap<WithdrawalId, Warranted>,
    held: BTreeMap<Switch, Held>,
    /// When, which kind, which connector, how many targets.
    attempts: Vec<(Timestamp, String, String, usize)>,
}

/// An order that may be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Warranted {
    /// The order, to the letter.
    pub order: Order,
    /// Until when it may be raised, and put back after drift.
    pub until: Timestamp,
    /// Whether it is not being lifted, and not released by hand.
    pub wanted: bool,
}

/// What was found before something was taken away.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    /// Every open state that was found, in order.
    found: Vec<Observed>,
    /// Which of them this life of the withdrawal gives back.
    first: usize,
    /// Whether it was read back as open after it was lifted. What was found stays
    /// known, for an act whose answer was lost may still come after all.
    over: bool,
}

impl Memory {
    /// Folds a whole ledger.
    #[must_use]
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut memory = Self::default();
        for entry in entries {
            memory.apply(entry.time, &entry.body);
        }
        memory
    }

    /// Takes the next record in.
    pub fn apply(&mut self, at: Timestamp, record: &Record) {
        if let Record::Raise(raise) = record {
            self.raise(at, raise);
        } else if let Record::Renew(renew) = record {
            for withdrawal in &renew.withdrawals {
                if let Some(warranted) = self.warranted.get_mut(withdrawal) {
                    warranted.until = renew.until;
                }
            }
        } else if let Record::Lift(lift) = record {
            lift.withdrawals.iter().for_each(|withdrawal| self.unwant(withdrawal));
        } else if let Record::Withdrawal(moved) = record {
            self.moved(at, moved);
        }
    }

    fn raise(&mut self, at: Timestamp, raise: &Raise) {
        self.raises.insert(raise.cordon.clone(), raise.clone());
        for order in &raise.orders {
            let was_wanted = self.warranted.get(&order.withdrawal).is_some_and(|w| w.wanted);
            for target in &order.targets {
                let Some(held) = self.held.get_mut(&switch(order, target)) else { continue };
                if held.over {
                    held.found.clear();
                }
                // A new life gives back what it finds; what it does not find open, the old one did.
                if !was_wanted {
                    held.first = held.found.len();
                }
            }
            let until = at + SignedDuration::from_secs(i64::from(order.ttl_seconds));
            let warranted = Warranted { order: order.clone(), until, wanted: true };
            self.warranted.insert(order.withdrawal.clone(), warranted);
        }
    }

    fn unwant(&mut self, withdrawal: &WithdrawalId) {
        if let Some(warranted) = self.warranted.get_mut(withdrawal) {
            warranted.wanted = false;
        }
    }

    fn moved(&mut self, at: Timestamp, moved: &Moved) {
        let id = &moved.withdrawal;
        let Some(order) = self.warranted.get(id).map(|warranted| warranted.order.clone()) else {
            return;
        };
        if let Transition::Requested { prior, .. } = &moved.transition {
            self.attempts.retain(|(time, ..)| at <= *time + HOUR);
            let connector = order.connector.clone().unwrap_or_default();
            self.attempts.push((at, order.kind.clone(), connector, prior.len()));
            for found in prior {
                let held = self.held.entry(switch(&order, &found.target)).or_default();
                held.over = false;
                if !held.found.contains(found) {
                    held.found.push(found.clone());
                }
            }
        } else if let Transition::Lifting { .. } = &moved.transition {
            self.unwant(id);
        } else if let Transition::Lifted { .. } = &moved.transition {
            for target in &order.targets {
                if let Some(held) = self.held.get_mut(&switch(&order, target)) {
                    held.over = true;
                }
            }
        }
    }

    /// The cordon that was accepted under an id.
    #[must_use]
    pub fn raise_of(&self, cordon: &CordonId) -> Option<&Raise> {
        self.raises.get(cordon)
    }

    /// What was warranted under an id.
    #[must_use]
    pub fn warranted(&self, withdrawal: &WithdrawalId) -> Option<&Warranted> {
        self.warranted.get(withdrawal)
    }

    /// The nodes of everything that is warranted and wanted, by connector.
    #[must_use]
    pub fn watched(&self) -> BTreeMap<String, BTreeSet<NodeId>> {
        let mut watched: BTreeMap<String, BTreeSet<NodeId>> = BTreeMap::new();
        for warranted in self.warranted.values().filter(|warranted| warranted.wanted) {
            if let Some(connector) = &warranted.order.connector {
                let nodes = watched.entry(connector.clone()).or_default();
                nodes.extend(warranted.order.targets.iter().cloned());
            }
        }
        watched
    }

    /// Withdrawals that are warranted now and not being lifted.
    pub fn in_force(&self) -> impl Iterator<Item = &WithdrawalId> {
        self.warranted.iter().filter(|(_, warranted)| warranted.wanted).map(|(id, _)| id)
    }

    /// Whether a warrant still lets something be taken away.
    #[must_use]
    pub fn is_alive(&self, warranted: &Warranted, now: Timestamp) -> bool {
        warranted.wanted && now <= warranted.until + GRACE
    }

    /// Whether this hand found a target in a state before it took it away.
    #[must_use]
    pub fn found_so(&self, order: &Order, state: &Observed) -> bool {
        let held = self.held.get(&switch(order, &state.target));
        held.is_some_and(|held| held.found.contains(state))
    }

    /// Says who closed a target, where the system does not: this hand, if it did.
    pub fn name_owner(&self, order: &Order, seen: &mut Observed) {
        let is_shut = matches!(seen.access, Access::Refused | Access::Partly);
        let held = self.held.get(&switch(order, &seen.target));
        if is_shut && seen.owner.is_none() && held.is_some_and(|held| !held.found.is_empty()) {
            seen.owner = Some(CORDON.to_owned());
        }
    }

    /// Whether a look finds everything open that an order took and that is not wanted any more.
    #[must_use]
    pub fn is_given_back(&self, call: &Call, seen: &[Observed]) -> bool {
        let order = &call.order;
        let is_lifting = self.warranted.get(&order.withdrawal).is_some_and(|w| !w.wanted);
        let held = |target: &NodeId| self.held.get(&switch(order, target)).is_some_and(|h| !h.over);
        let open = |target: &NodeId| {
            let mut of = seen.iter().filter(|seen| seen.target == *target);
            of.any(|seen| matches!(seen.access, Access::Open | Access::Absent))
        };
        is_lifting && order.targets.iter().any(held) && order.targets.iter().all(open)
    }

    /// Targets that attempts were made on within the hour before `now`.
    #[must_use]
    pub fn attempts(&self, now: Timestamp) -> Attempts {
        let mut attempts = Attempts::default();
        for (time, kind, connector, targets) in &self.attempts {
            if now <= *time + HOUR {
                *attempts.kinds.entry(kind.clone()).or_default() += targets;
                *attempts.connectors.entry(connector.clone()).or_default() += targets;
            }
        }
        attempts
    }

    /// What a release gives back, in the order of lifting: orders with the states to restore.
    #[must_use]
    pub fn to_give_back(&self) -> Vec<(Order, Vec<Observed>)> {
        let mut done = BTreeSet::new();
        let mut all: Vec<(Order, Vec<Observed>)> = Vec::new();
        for warranted in self.warranted.values() {
            let order = &warranted.order;
            let mut states = Vec::new();
            for target in &order.targets {
                let switch = switch(order, target);
                let held = self.held.get(&switch).filter(|held| !held.over);
                let state = held.and_then(Held::to_restore);
                if let Some(state) = state
                    && done.insert(switch)
                {
                    states.push(state.clone());
                }
            }
            if !states.is_empty() {
                all.push((order.clone(), states));
            }
        }
        all.sort_by(|(a, _), (b, _)| {
            (a.lift_order, &a.withdrawal).cmp(&(b.lift_order, &b.withdrawal))
        });
        all
    }
}

impl Held {
    fn to_restore(&self) -> Option<&Observed> {
        self.found.get(self.first).or_else(|| self.found.last())
    }
}

fn switch(order: &Order, target: &NodeId) -> Switch {
    (order.connector.clone().unwrap_or_default(), order.kind.clone(), target.clone())
}
