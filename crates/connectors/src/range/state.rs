//! What the simulated estate is like at one moment, as a plain value.
//!
//! Only what differs from an untouched estate is kept, so that two states are
//! equal exactly when nobody could tell them apart, and so that a large estate
//! costs nothing until something happens in it. Time moves only by
//! [`RangeState::advance`].

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::action::{Access, CORDON, Json, Observed};
use cordon_model::{NodeId, Timestamp};
use serde::{Deserialize, Serialize};

/// The simulated estate at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeState {
    /// The simulated time.
    pub now: Timestamp,
    /// Nodes that differ from an untouched one.
    pub things: BTreeMap<NodeId, Thing>,
    /// Changes that are under way.
    pub pending: Vec<Pending>,
}

/// One node, as far as it differs from an untouched one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// It came into being after the estate was written: a key that the intruder made.
    #[serde(default)]
    pub made_by: Option<String>,
    /// It does not work, whatever is open: destroyed, encrypted, out of power.
    #[serde(default)]
    pub broken: bool,
    /// By kind of withdrawal.
    #[serde(default)]
    pub switches: BTreeMap<String, Switch>,
    /// Open sessions, tickets and connections, by id.
    #[serde(default)]
    pub sessions: BTreeMap<u64, Session>,
}

/// What one kind of withdrawal changes in a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Whether nothing new may start.
    pub closed: bool,
    /// Who closed it.
    pub by: Option<String>,
    /// Whether services lose the node by it too.
    pub stops: bool,
    /// Settings of the outside system that stand beside it and must come back as they were.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// Something that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who uses it: `intruder`, `staff`, a name.
    pub who: String,
    /// When it ends by itself; none means only when it is ended.
    pub until: Option<Timestamp>,
    /// Whether ending it has no effect before `until`: a token that nobody asks about.
    pub cannot_be_ended: bool,
}

/// A change that takes effect later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// When.
    pub due: Timestamp,
    /// The node.
    pub node: NodeId,
    /// What happens to it.
    pub effect: Effect,
}

/// What a connector's call does to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing new may start.
    Close {
        /// Kind of withdrawal.
        kind: String,
        /// Whether services lose the node too.
        stops: bool,
    },
    /// The prior switch comes back.
    Restore {
        /// Kind of withdrawal.
        kind: String,
        /// As it was.
        prior: Switch,
    },
    /// What is open is closed.
    End {
        /// Kind of withdrawal.
        kind: String,
    },
}

/// One attribute that differs between two states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The node.
    pub node: NodeId,
    /// The attribute: `disable-account.closed`, `sessions`.
    pub attribute: String,
    /// Its first value.
    pub before: String,
    /// Its second value.
    pub after: String,
}

impl RangeState {
    /// Moves the time on and lets happen what was due, in order; time never moves back.
    pub fn advance(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
        self.pending.sort_by_key(|pending| pending.due);
        let due = self.pending.partition_point(|pending| pending.due <= self.now);
        let happening: Vec<Pending> = self.pending.drain(..due).collect();
        for pending in happening {
            self.apply(&pending.node, &pending.effect);
        }
        self.expire_sessions();
    }

    fn expire_sessions(&mut self) {
        let now = self.now;
        for thing in self.things.values_mut() {
            thing.sessions.retain(|_, session| session.until.is_none_or(|until| until > now));
        }
        self.things.retain(|_, thing| *thing != Thing::default());
    }

    /// Lets an effect happen at once. Whatever it finds already so, or no
    /// longer Cordon's, it leaves.
    pub fn apply(&mut self, node: &NodeId, effect: &Effect) {
        let thing = self.things.entry(node.clone()).or_default();
        match effect {
            Effect::Close { kind, stops } => {
                let switch = thing.switches.entry(kind.clone()).or_default();
                if !switch.closed {
                    (switch.closed, switch.stops) = (true, *stops);
                    switch.by = Some(CORDON.to_owned());
                }
            }
            Effect::Restore { kind, prior } => {
                let switch = thing.switches.entry(kind.clone()).or_default();
                if switch.is_cordons() {
                    switch.clone_from(prior);
                }
            }
            Effect::End { kind } if is_session(node) => {
                let switch = thing.switches.entry(kind.clone()).or_default();
                (switch.closed, switch.by) = (true, Some(CORDON.to_owned()));
            }
            Effect::End { .. } => thing.sessions.retain(|_, session| session.cannot_be_ended),
        }
        self.tidy(node);
    }

    /// Forgets a node that is as if untouched.
    pub fn tidy(&mut self, node: &NodeId) {
        if let Some(thing) = self.things.get_mut(node) {
            thing.switches.retain(|_, switch| *switch != Switch::default());
            if *thing == Thing::default() {
                self.things.remove(node);
            }
        }
    }

    /// Tells whether new use of a node is possible, as far as withdrawals go.
    #[must_use]
    pub fn is_open(&self, node: &NodeId) -> bool {
        self.things.get(node).is_none_or(|thing| thing.switches.values().all(|s| !s.closed))
    }

    /// The switch of one kind of a node.
    #[must_use]
    pub fn switch(&self, node: &NodeId, kind: &str) -> Switch {
        let thing = self.things.get(node);
        thing.and_then(|thing| thing.switches.get(kind)).cloned().unwrap_or_default()
    }

    /// Nodes that services do not have: broken, or closed by something that stops.
    pub fn lost_to_services(&self) -> impl Iterator<Item = &NodeId> {
        let lost = |thing: &Thing| {
            thing.broken || thing.switches.values().any(|switch| switch.closed && switch.stops)
        };
        self.things.iter().filter(move |(_, thing)| lost(thing)).map(|(node, _)| node)
    }

    /// What a look at one kind of a node sees.
    #[must_use]
    pub fn observe(&self, node: &NodeId, kind: &str, ends: bool) -> Observed {
        let switch = self.switch(node, kind);
        let sessions = self.things.get(node).map(|thing| &thing.sessions);
        let itself = usize::from(ends && is_session(node) && !switch.closed);
        let open = sessions.map_or(0, BTreeMap::len) + itself;
        let closed = if ends { open == 0 } else { switch.closed };
        Observed {
            target: node.clone(),
            access: if closed { Access::Refused } else { Access::Open },
            state: if ends { Json::Null } else { switch.to_json() },
            owner: switch.by,
            open: u32::try_from(open).unwrap_or(u32::MAX),
            residual_seconds: sessions.and_then(|sessions| self.residual_seconds(sessions)),
        }
    }

    fn residual_seconds(&self, sessions: &BTreeMap<u64, Session>) -> Option<u64> {
        let ends: Option<Vec<Timestamp>> = sessions.values().map(|session| session.until).collect();
        let last = ends?.into_iter().max()?;
        u64::try_from(last.duration_since(self.now).as_secs()).ok()
    }

    /// Compares two states attribute by attribute; the time does not count.
    #[must_use]
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let nodes: BTreeSet<&NodeId> = self.things.keys().chain(after.things.keys()).collect();
        let mut all = Vec::new();
        for node in nodes {
            let attributes =
                |state: &Self| state.things.get(node).map(Thing::attributes).unwrap_or_default();
            let (old, new) = (attributes(self), attributes(after));
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let value = |of: &BTreeMap<String, String>| of.get(name).cloned();
                if value(&old) != value(&new) {
                    all.push(Difference {
                        node: node.clone(),
                        attribute: name.clone(),
                        before: value(&old).unwrap_or_default(),
                        after: value(&new).unwrap_or_default(),
                    });
                }
            }
        }
        all
    }
}

/// A session that the estate names as a node of its own: ending it removes the node.
fn is_session(node: &NodeId) -> bool {
    node.kind() == "session"
}

impl Switch {
    /// Whether it is closed, and Cordon closed it.
    #[must_use]
    pub fn is_cordons(&self) -> bool {
        self.closed && self.by.as_deref() == Some(CORDON)
    }

    /// The switch as a prior state.
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads a prior state back.
    ///
    /// # Errors
    /// When the value is not a switch.
    pub fn from_json(value: &Json) -> Result<Self, serde_json::Error> {
        serde_json::from_value(value.clone())
    }
}

impl Thing {
    fn attributes(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        all.insert("made-by".to_owned(), format!("{:?}", self.made_by));
        all.insert("broken".to_owned(), self.broken.to_string());
        for (kind, switch) in &self.switches {
            all.insert(format!("{kind}.closed"), switch.closed.to_string());
            all.insert(format!("{kind}.by"), format!("{:?}", switch.by));
            all.insert(format!("{kind}.stops"), switch.stops.to_string());
            for (name, value) in &switch.settings {
                all.insert(format!("{kind}.{name}"), value.clone());
            }
        }
        for (id, session) in &self.sessions {
            all.insert(format!("session.{id}"), format!("{session:?}"));
        }
        all
    }
}
