//! The books of what Cordon took: every switch that changes hands, attribute by attribute.
//!
//! Cordon may do two things to a switch: close it while an order with an intent
//! on it is alive, and put back exactly what it found when it first closed it.
//! Everything else that changes while nobody else acts is a fault.

use std::collections::{BTreeMap, BTreeSet};

use cordon_connectors::range::{Effect, RangeState, Switch};
use cordon_model::action::Order;
use cordon_model::{NodeId, WithdrawalId};

use crate::outside::Change;

type Key = (String, NodeId, String);

#[derive(Default)]
struct Hold {
    /// What was found when it was first closed.
    found: Option<Switch>,
    /// What somebody else made of it since, where that may rightly have been found by another order.
    also: Vec<Switch>,
    holders: BTreeSet<WithdrawalId>,
    shared: bool,
}

#[derive(Default)]
pub(crate) struct Switches(BTreeMap<Key, Hold>);

impl Switches {
    fn hold(&mut self, system: &str, node: &NodeId, kind: &str) -> &mut Hold {
        self.0.entry((system.to_owned(), node.clone(), kind.to_owned())).or_default()
    }

    /// An intent is durable.
    pub(crate) fn may_take(&mut self, order: &Order, node: &NodeId) {
        let system = order.connector.clone().unwrap();
        let hold = self.hold(&system, node, &order.kind);
        hold.holders.insert(order.withdrawal.clone());
        hold.shared |= hold.holders.len() > 1;
    }

    /// A withdrawal is over.
    pub(crate) fn given_back(&mut self, order: &Order) {
        for node in &order.targets {
            let Some(system) = &order.connector else { return };
            let key = (system.clone(), node.clone(), order.kind.clone());
            if let Some(hold) = self.0.get_mut(&key) {
                hold.holders.remove(&order.withdrawal);
                if hold.holders.is_empty() {
                    self.0.remove(&key);
                }
            }
        }
    }

    /// Somebody else has closed it, or changed what stands beside it.
    pub(crate) fn changed_by_others(
        &mut self,
        system: &str,
        node: &NodeId,
        kind: &str,
        open: Switch,
        certain: bool,
    ) {
        let hold = self.hold(system, node, kind);
        hold.shared |= !certain;
        hold.also.push(open);
    }

    /// Checks what a call, or time, has changed.
    pub(crate) fn check(&mut self, change: &Change, targets: Option<(&[NodeId], bool)>) {
        let nodes: BTreeSet<&NodeId> =
            change.before.things.keys().chain(change.after.things.keys()).collect();
        for node in nodes {
            self.check_node(change, node, targets);
        }
    }

    fn check_node(&mut self, change: &Change, node: &NodeId, targets: Option<(&[NodeId], bool)>) {
        let thing = |state: &RangeState| state.things.get(node).cloned().unwrap_or_default();
        let (before, after) = (thing(&change.before), thing(&change.after));
        if before == after {
            return;
        }
        if let Some((targets, _)) = targets {
            assert!(targets.contains(node), "`{node}` is no target of the call, and changes");
        }
        let coming =
            change.before.pending.iter().any(|pending| {
                pending.node == *node && matches!(pending.effect, Effect::End { .. })
            });
        let ends = coming || targets.is_some_and(|(_, ends)| ends);
        for (id, session) in &before.sessions {
            let over = session.until.is_some_and(|until| until <= change.after.now);
            let kept = after.sessions.contains_key(id);
            assert!(kept || over || ends, "a session of `{node}` is ended without an order");
        }
        assert_eq!((&before.made_by, before.broken), (&after.made_by, after.broken));
        let kinds: BTreeSet<&String> =
            before.switches.keys().chain(after.switches.keys()).collect();
        for kind in kinds {
            let (old, new) = (change.before.switch(node, kind), change.after.switch(node, kind));
            if old != new {
                self.check_switch(change.system, node, kind, &old, &new);
            }
        }
    }

    fn check_switch(
        &mut self,
        system: &str,
        node: &NodeId,
        kind: &str,
        old: &Switch,
        new: &Switch,
    ) {
        let name = format!("`{kind}` of `{node}`");
        let hold = self.hold(system, node, kind);
        if new.is_cordons() {
            assert!(!old.closed, "{name} was closed by {:?} and is taken over", old.by);
            assert_eq!(old.settings, new.settings, "{name}: more than the switch is changed");
            assert!(!hold.holders.is_empty(), "{name} is closed, and no order stands behind it");
            hold.found.get_or_insert_with(|| old.clone());
            return;
        }
        assert!(old.is_cordons(), "{name} was not Cordon's, and becomes {new:?}");
        let exact = hold.found.as_ref() == Some(new);
        let other = hold.shared && hold.also.contains(new);
        assert!(exact || other, "{name} was found as {:?} and becomes {new:?}", hold.found);
    }
}
