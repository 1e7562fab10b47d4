//! The outside systems: two ranges, what others do to them, and what half done looks like.
//!
//! Whatever changes here is handed to the checks with the states before and
//! after, so that no attribute can change unnoticed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cordon_connectors::Connector as _;
use cordon_connectors::range::{Fault, Manners, Range, RangeState, Session, Switch};
use cordon_model::action::{
    Access, Act, Answer, CORDON, Call, Finding, Outcome, Reply, ServiceState, Trouble, TroubleKind,
};
use cordon_model::{NodeId, ServiceId, Timestamp};

use crate::site::{DIRECTORY, NETWORK, SYSTEMS, estate, node};

/// How long connectors may take, in simulated seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// What may go wrong with one call at the far end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mishap {
    /// A fault of the range, and how many seconds an act takes to show.
    Fault(Option<Fault>, u32),
    /// Only some ways of use are changed, and nobody answers.
    Half,
}

pub(crate) struct Outside {
    systems: BTreeMap<&'static str, Range>,
    /// What is closed or opened in part only.
    half: BTreeSet<(String, NodeId, String)>,
    /// Faults that last, by node.
    pub(crate) lasting: BTreeMap<NodeId, Fault>,
}

/// A change of one system that somebody made.
pub(crate) struct Change {
    pub(crate) system: &'static str,
    pub(crate) before: RangeState,
    pub(crate) after: RangeState,
}

impl Outside {
    pub(crate) fn new(now: Timestamp) -> Self {
        let systems = SYSTEMS.map(|name| (name, Range::new(estate())));
        let outside =
            Self { systems: systems.into(), half: BTreeSet::new(), lasting: BTreeMap::new() };
        outside.systems.values().for_each(|range| range.advance(now));
        let accounts = &outside.systems[DIRECTORY];
        let settings: BTreeMap<_, _> = [("expires".to_owned(), "2027".to_owned())].into();
        for who in ["user:ann", "user:cas"] {
            let switch = Switch { settings: settings.clone(), ..Switch::default() };
            accounts.set_switch(&node(who), "disable-account", switch);
        }
        let bob = Switch { closed: true, by: Some("admin".to_owned()), stops: true, settings };
        accounts.set_switch(&node("user:bob"), "disable-account", bob);
        outside.sign_in("user:ann", now);
        outside.sign_in("host:h1", now);
        outside.sign_in("user:dan", now);
        outside
    }

    pub(crate) fn state(&self, system: &str) -> RangeState {
        self.systems[system].state()
    }

    pub(crate) fn service(&self, service: &ServiceId) -> ServiceState {
        self.systems[NETWORK].service(service)
    }

    /// Lets time pass; what was under way shows.
    pub(crate) fn advance(&self, to: Timestamp) -> Vec<Change> {
        let pass = |(name, range): (&&'static str, &Range)| {
            let before = range.state();
            range.advance(to);
            Change { system: name, before, after: range.state() }
        };
        self.systems.iter().map(pass).collect()
    }

    /// Does what a call says.
    pub(crate) fn perform(&mut self, call: &Call, mishap: &Mishap) -> (Reply, Change) {
        let system = call.order.connector.as_deref().unwrap();
        let (&name, range) = self.systems.get_key_value(system).unwrap();
        let mut range = range.clone();
        let before = range.state();
        let reply = match mishap {
            Mishap::Half if call.act != Act::End => self.half_done(name, call),
            Mishap::Half => Reply::Trouble(Trouble::new(TroubleKind::NoReply, "no reply")),
            Mishap::Fault(fault, seconds) => {
                let next_calls = fault.iter().cloned().map(Some).collect();
                let nodes = self.lasting.clone();
                range.behave(Manners {
                    next_calls,
                    nodes,
                    seconds: *seconds,
                    ..Manners::default()
                });
                let reply = range.perform(call, DEADLINE);
                match fault {
                    Some(Fault::Lies | Fault::LiesAlways) if call.act != Act::Look => reply,
                    _ => self.with_halves(name, call, reply),
                }
            }
        };
        (reply, Change { system: name, before, after: range.state() })
    }

    fn half_done(&mut self, system: &str, call: &Call) -> Reply {
        for target in &call.targets {
            let switch = self.systems[system].state().switch(target, &call.order.kind);
            let begun = match call.act {
                Act::Refuse => !switch.closed,
                Act::Restore => switch.is_cordons(),
                Act::Look | Act::Probe | Act::End => false,
            };
            if begun && !self.lasting.contains_key(target) {
                self.half.insert((system.to_owned(), target.clone(), call.order.kind.clone()));
            }
        }
        Reply::Trouble(Trouble::new(TroubleKind::NoReply, "the connection broke half-way"))
    }

    /// What is half done looks like it, leaks, and is whole after an act that comes off.
    fn with_halves(&mut self, system: &str, call: &Call, mut reply: Reply) -> Reply {
        let key = |node: &NodeId| (system.to_owned(), node.clone(), call.order.kind.clone());
        match &mut reply {
            Reply::Seen { targets } if call.act == Act::Look => {
                for seen in targets {
                    if self.half.contains(&key(&seen.target)) && seen.access != Access::Unknown {
                        (seen.access, seen.owner) = (Access::Partly, Some(CORDON.to_owned()));
                    }
                }
            }
            Reply::Tried { findings } => {
                for tried in findings {
                    if self.half.contains(&key(&tried.target)) && tried.finding == Finding::Holds {
                        tried.finding = Finding::Leaks;
                    }
                }
            }
            Reply::Acted { outcomes } => {
                let lied = |node: &NodeId| self.lasting.contains_key(node);
                let done = |o: &&Outcome| {
                    matches!(o.answer, Answer::Done | Answer::AlreadySo { .. }) && !lied(&o.target)
                };
                let whole: Vec<_> = outcomes.iter().filter(done).map(|o| key(&o.target)).collect();
                for key in whole {
                    self.half.remove(&key);
                }
            }
            Reply::Seen { .. } | Reply::Trouble(_) => {}
        }
        reply
    }

    pub(crate) fn nothing_is_half_done(&self) -> bool {
        self.half.is_empty()
    }

    fn forget_half(&mut self, system: &str, node: &NodeId) {
        self.half.retain(|(s, n, _)| s != system || n != node);
    }

    /// An administrator closes the same thing, for reasons of their own.
    pub(crate) fn close_by_admin(&mut self, system: &str, node: &NodeId, kind: &str) {
        self.forget_half(system, node);
        let range = &self.systems[system];
        let now = range.state().switch(node, kind);
        let by = Some("admin".to_owned());
        range.set_switch(node, kind, Switch { closed: true, by, ..now });
    }

    /// An intruder, or the joiner automation, opens it again.
    pub(crate) fn reopen(&mut self, system: &str, node: &NodeId) {
        self.forget_half(system, node);
        self.systems[system].reopen(node);
    }

    /// Somebody opens what Cordon closed, and changes what stands beside it.
    pub(crate) fn reopen_changed(&mut self, system: &str, node: &NodeId, kind: &str) -> Switch {
        self.forget_half(system, node);
        let settings = [("expires".to_owned(), "never".to_owned())].into();
        let theirs = Switch { settings, ..Switch::default() };
        self.systems[system].set_switch(node, kind, theirs.clone());
        theirs
    }

    /// Opens a session that stays until it is ended, and one that ends by itself.
    pub(crate) fn sign_in(&self, who: &str, now: Timestamp) {
        let system = if who.starts_with("user:") { DIRECTORY } else { NETWORK };
        for seconds in [None, Some(120)] {
            let until = seconds.map(|s| now + jiff::SignedDuration::from_secs(s));
            let session = Session { who: "x".to_owned(), until, cannot_be_ended: until.is_some() };
            self.systems[system].open_session(&node(who), session);
        }
    }

    pub(crate) fn set_broken(&self, id: &str, broken: bool) {
        self.systems[NETWORK].set_broken(&node(id), broken);
    }
}
