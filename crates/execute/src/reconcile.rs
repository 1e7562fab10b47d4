//! The one loop: ask [`next`](fn@next), make records durable, make calls, fold, ask again.
//!
//! The program runs it over the real ledger and connectors, the tests over
//! simulated ones that stop it anywhere. A record is durable before the call
//! that it announces; a call's outcome is recorded as soon as it is known.
//! If the ledger cannot be written nothing is raised, but lifts go on: their
//! records are offered by themselves, for the ledger keeps a journal for them.

use std::collections::BTreeSet;

use cordon_model::action::{Act, Call, Outcome, Reply, ServiceState, Trouble, TroubleKind};
use cordon_model::record::{Entry, Record};
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

    /// Makes a call of the order's connector; the guard has let it pass.
    ///
    /// # Errors
    /// Only when the loop must stop; an outside system's trouble is a reply.
    fn call(&mut self, call: &Call) -> Result<Reply, Self::Error>;

    /// Looks whether a service trades.
    ///
    /// # Errors
    /// Only when the loop must stop.
    fn probe_service(&mut self, service: &ServiceId) -> Result<ServiceState, Self::Error>;
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// Something was done; ask again at once.
    Worked,
    /// Nothing is to be done before this time; none means not before something changes.
    Waiting(Option<Timestamp>),
}

/// The ledger's meaning, the newest looks and the setting, with the loop over them.
#[derive(Clone, Debug, Default)]
pub struct Reconciler {
    /// The fold of the ledger; entries that others append are to be applied here too.
    pub state: State,
    /// The newest looks; notifications of foreign changes may forget some.
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

    /// Does one agenda: its records if there are any, else its calls.
    ///
    /// # Errors
    /// As [`Reconciler::settle`].
    pub fn round<W: World>(&mut self, now: Timestamp, world: &mut W) -> Result<Progress, W::Error> {
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
            let Err(error) = self.record(now, world, &records) else {
                return Ok(Progress::Worked);
            };
            self.lift_anyway(now, world, &records, &calls)?;
            return Err(error);
        }
        if calls.is_empty() && services.is_empty() {
            return Ok(Progress::Waiting(agenda.wake));
        }
        for service in services {
            let state = world.probe_service(&service)?;
            self.observations.service_seen(&service, now, state);
        }
        for call in calls {
            self.make(now, world, &call)?;
        }
        Ok(Progress::Worked)
    }

    /// The ledger refuses the round's records: those of lifts, and their calls, go on alone.
    fn lift_anyway<W: World>(
        &mut self,
        now: Timestamp,
        world: &mut W,
        records: &[Record],
        calls: &[Call],
    ) -> Result<(), W::Error> {
        let lifts: Vec<Record> = records.iter().filter(|r| r.is_of_a_lift()).cloned().collect();
        if !lifts.is_empty() {
            self.record(now, world, &lifts)?;
        }
        for call in calls {
            if !self.is_wanted(&call.order.withdrawal) {
                self.make(now, world, call)?;
            }
        }
        Ok(())
    }

    fn is_wanted(&self, withdrawal: &WithdrawalId) -> bool {
        self.state.standings.get(withdrawal).is_some_and(|standing| standing.wanted)
    }

    fn record<W: World>(
        &mut self,
        now: Timestamp,
        world: &mut W,
        records: &[Record],
    ) -> Result<(), W::Error> {
        let entries = world.append(now, records)?;
        self.apply(&entries);
        Ok(())
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

    fn make<W: World>(
        &mut self,
        now: Timestamp,
        world: &mut W,
        call: &Call,
    ) -> Result<(), W::Error> {
        let reply = match guard(&self.state, &self.setting.guard, call, now) {
            Ok(()) => world.call(call)?,
            Err(trouble) => Reply::Trouble(trouble),
        };
        let withdrawal = &call.order.withdrawal;
        match (call.act, reply) {
            (Act::Look, Reply::Seen { targets }) => {
                self.observations.looked(withdrawal, now, Ok(targets));
                Ok(())
            }
            (Act::Look, reply) => {
                self.observations.looked(withdrawal, now, Err(trouble_of(reply)));
                Ok(())
            }
            (Act::Probe, Reply::Tried { findings }) => {
                self.observations.probed(withdrawal, now, Ok(findings));
                Ok(())
            }
            (Act::Probe, reply) => {
                self.observations.probed(withdrawal, now, Err(trouble_of(reply)));
                Ok(())
            }
            (Act::Refuse | Act::End | Act::Restore, Reply::Acted { outcomes }) => {
                self.answer(now, world, call, Ok(outcomes))
            }
            (Act::Refuse | Act::End | Act::Restore, reply) => {
                self.answer(now, world, call, Err(trouble_of(reply)))
            }
        }
    }

    fn answer<W: World>(
        &mut self,
        now: Timestamp,
        world: &mut W,
        call: &Call,
        outcomes: Result<Vec<Outcome>, Trouble>,
    ) -> Result<(), W::Error> {
        let Some(standing) = self.state.standings.get(&call.order.withdrawal) else {
            return Ok(());
        };
        let records = answered(&self.setting.limits, standing, call, outcomes);
        self.record(now, world, &records)
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
