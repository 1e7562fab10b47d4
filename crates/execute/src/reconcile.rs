//! The one loop: ask [`next`](fn@next), make records durable, make calls, fold, ask again.
//!
//! The program runs it over the real ledger and connectors, the tests over
//! simulated ones that stop it anywhere. A record is durable before the call
//! that it announces; calls are handed over and answered later, many at once,
//! but never two for one withdrawal, so that a slow system delays nobody else.
//! If the ledger cannot be written nothing is raised, but lifts go on: their
//! records are offered by themselves, for the ledger keeps a journal for them.

use std::collections::BTreeSet;

use cordon_model::NodeId;
use cordon_model::action::{Act, Call, Reply, ServiceState, Trouble, TroubleKind};
use cordon_model::record::{Entry, Paged, Record};
use cordon_model::{ServiceId, Timestamp, WithdrawalId};

use crate::guard::guard;
use crate::next::{Setting, Step, answered, next};
use crate::observation::Observations;
use crate::state::State;

/// Everything outside: the ledger that is written and the systems that are called.
pub trait World {
    /// Why the loop must stop.
    type Error;

    /// Makes records durable, all or none, and returns them as entries.
    ///
    /// # Errors
    /// When none of them is durable. Records of a lift alone should not fail.
    fn append(&mut self, now: Timestamp, records: &[Record]) -> Result<Vec<Entry>, Self::Error>;

    /// Hands a call over to the order's connector; the guard has let it pass.
    ///
    /// # Errors
    /// Only when the loop must stop; an outside system's trouble is a reply.
    fn call(&mut self, call: Call) -> Result<(), Self::Error>;

    /// Asks whether a service trades.
    ///
    /// # Errors
    /// Only when the loop must stop.
    fn probe_service(&mut self, service: &ServiceId) -> Result<(), Self::Error>;

    /// Takes what has been heard since; never waits.
    ///
    /// # Errors
    /// Only when the loop must stop.
    fn heard(&mut self) -> Result<Vec<Heard>, Self::Error>;
}

/// What comes back from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The answer to a call; each call has exactly one.
    Reply(Box<Call>, Reply),
    /// The answer to the probe of a service; each has exactly one.
    Service(ServiceId, ServiceState),
    /// A system says that somebody has changed a node.
    Changed(NodeId),
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// Something was done; ask again at once.
    Worked,
    /// Nothing is to be done before this time, or before something is heard; none means
    /// not before something is heard or changes.
    Waiting(Option<Timestamp>),
}

/// The ledger's meaning, the newest looks and the setting, with the loop over them.
#[derive(Clone, Debug, Default)]
pub struct Reconciler {
    /// The fold of the ledger; entries that others append are to be applied here too.
    pub state: State,
    /// The newest looks, and what is on its way.
    pub observations: Observations,
    /// Limits, protected services, guard.
    pub setting: Setting,
}

impl Reconciler {
    /// Starts from a ledger: the only recovery code there is.
    #[must_use]
    pub fn new<'a>(setting: Setting, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        Self { state: State::fold(entries), observations: Observations::default(), setting }
    }

    /// Does everything that can be done at one moment.
    ///
    /// # Errors
    /// What the world could not do; everything recorded so far stands, and the next call goes on.
    pub fn settle<W: World>(
        &mut self,
        now: Timestamp,
        world: &mut W,
    ) -> Result<Option<Timestamp>, W::Error> {
        loop {
            if let Progress::Waiting(until) = self.round(now, world)? {
                return Ok(until);
            }
        }
    }

    /// Takes in what was heard, then does one agenda: its records if there are any, else its calls.
    ///
    /// # Errors
    /// As [`Reconciler::settle`].
    pub fn round<W: World>(&mut self, now: Timestamp, world: &mut W) -> Result<Progress, W::Error> {
        let heard = world.heard()?;
        let answers = self.hear(now, heard);
        if !answers.is_empty() {
            self.record(now, world, &answers)?;
            return Ok(Progress::Worked);
        }
        let agenda = next(&self.state, &self.observations, &self.setting, now);
        let mut records = Vec::new();
        let mut calls = Vec::new();
        let mut services = Vec::new();
        for step in agenda.steps {
            match step {
                Step::Record(record) => records.push(*record),
                Step::Call(call) => calls.push(*call),
                Step::ProbeService(service) => services.push(service),
            }
        }
        if !records.is_empty() {
            let recorded = self.record(now, world, &records);
            if recorded.is_err() {
                // Calls of lifts need no record of this round.
                calls.retain(|call| !self.is_wanted(&call.order.withdrawal));
                self.make(now, world, calls)?;
            }
            return recorded.map(|()| Progress::Worked);
        }
        if calls.is_empty() && services.is_empty() {
            return Ok(Progress::Waiting(agenda.wake));
        }
        for service in services {
            self.observations.service_asked(&service);
            world.probe_service(&service)?;
        }
        self.make(now, world, calls)?;
        Ok(Progress::Worked)
    }

    fn is_wanted(&self, withdrawal: &WithdrawalId) -> bool {
        self.state.standings.get(withdrawal).is_some_and(|standing| standing.wanted)
    }

    /// Makes records durable. A ledger that refuses them is offered those of lifts alone.
    fn record<W: World>(
        &mut self,
        now: Timestamp,
        world: &mut W,
        records: &[Record],
    ) -> Result<(), W::Error> {
        let error = match world.append(now, records) {
            Ok(entries) => {
                self.apply(&entries);
                return Ok(());
            }
            Err(error) => error,
        };
        let lifts = of_lifts(records);
        if !lifts.is_empty() {
            let entries = world.append(now, &lifts)?;
            self.apply(&entries);
        }
        Err(error)
    }

    /// Takes in entries, and forgets looks that the recorded moves have made old.
    pub fn apply(&mut self, entries: &[Entry]) {
        let mut changed = BTreeSet::new();
        for entry in entries {
            self.state.apply(entry);
            if let Record::Withdrawal(moved) = &entry.body
                && moved.transition.makes_looks_old()
            {
                changed.insert(moved.withdrawal.clone());
            }
        }
        for withdrawal in changed {
            self.observations.forget(&withdrawal);
        }
    }

    /// Hands calls over that the guard lets pass.
    fn make<W: World>(
        &mut self,
        now: Timestamp,
        world: &mut W,
        calls: Vec<Call>,
    ) -> Result<(), W::Error> {
        let mut held_back = Vec::new();
        for call in calls {
            match guard(&self.state, &self.setting.guard, &call, now) {
                Ok(()) => {
                    self.observations.asked(&call);
                    world.call(call)?;
                }
                Err(trouble) => {
                    held_back.push(Heard::Reply(Box::new(call), Reply::Trouble(trouble)));
                }
            }
        }
        let records = self.hear(now, held_back);
        if records.is_empty() { Ok(()) } else { self.record(now, world, &records) }
    }

    /// Takes in what came from outside; returns what is to be recorded of it.
    fn hear(&mut self, now: Timestamp, heard: Vec<Heard>) -> Vec<Record> {
        let mut records = Vec::new();
        for heard in heard {
            match heard {
                Heard::Reply(call, reply) => records.extend(self.answer(now, &call, reply)),
                Heard::Service(service, state) => {
                    self.observations.service_seen(&service, now, state);
                }
                Heard::Changed(node) => self.look_again(&node),
            }
        }
        records
    }

    /// Forgets what was seen of a node, so that it is looked at next.
    fn look_again(&mut self, node: &NodeId) {
        let touched = self.state.standings.values().filter(|s| s.targets.contains_key(node));
        for standing in touched {
            self.observations.forget(&standing.order.withdrawal);
        }
    }

    fn answer(&mut self, now: Timestamp, call: &Call, reply: Reply) -> Vec<Record> {
        let withdrawal = &call.order.withdrawal;
        let is_new = self.observations.answered(withdrawal);
        match (call.act, reply) {
            // Somebody has changed it while the answer was on its way; it is asked again.
            (Act::Look | Act::Probe, _) if !is_new => {}
            (Act::Look, Reply::Seen { targets }) => {
                self.observations.looked(withdrawal, now, Ok(targets));
            }
            (Act::Look, reply) => {
                self.observations.looked(withdrawal, now, Err(trouble_of(reply)));
            }
            (Act::Probe, Reply::Tried { findings }) => {
                self.observations.probed(withdrawal, now, Ok(findings));
            }
            (Act::Probe, reply) => {
                self.observations.probed(withdrawal, now, Err(trouble_of(reply)));
            }
            (Act::Refuse | Act::End | Act::Restore, reply) => {
                let outcomes = match reply {
                    Reply::Acted { outcomes } => Ok(outcomes),
                    other @ (Reply::Seen { .. } | Reply::Tried { .. } | Reply::Trouble(_)) => {
                        Err(trouble_of(other))
                    }
                };
                // What somebody has decided meanwhile closed the attempt; its answer is lost.
                let standing = self.state.standings.get(withdrawal);
                let open = standing.filter(|s| s.is_in_flight && s.attempt == call.attempt);
                return open.map_or_else(Vec::new, |standing| {
                    answered(&self.setting.limits, standing, call, outcomes)
                });
            }
        }
        Vec::new()
    }
}

/// The records of lifts, each with the page that calls a person about it.
fn of_lifts(records: &[Record]) -> Vec<Record> {
    let mut lifts: Vec<Record> = Vec::new();
    for record in records.iter().filter(|record| record.is_of_a_lift()) {
        let belongs = if let Record::Paged(page) = record {
            lifts.last().is_some_and(|lift| is_about(page, lift))
        } else {
            true
        };
        if belongs {
            lifts.push(record.clone());
        }
    }
    lifts
}

fn is_about(page: &Paged, lift: &Record) -> bool {
    if let Record::Withdrawal(moved) = lift {
        page.about == moved.withdrawal.as_str()
    } else if let Record::Lift(lift) = lift {
        lift.for_service.as_ref().is_some_and(|service| page.about == service.as_str())
    } else {
        false
    }
}

/// The trouble of a reply that does not fit its call.
fn trouble_of(reply: Reply) -> Trouble {
    match reply {
        Reply::Trouble(trouble) => trouble,
        Reply::Seen { .. } | Reply::Acted { .. } | Reply::Tried { .. } => {
            Trouble::new(TroubleKind::Unsupported, "the connector's reply does not fit the call")
        }
    }
}
