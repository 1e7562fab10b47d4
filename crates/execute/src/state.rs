//! The fold of the ledger: what every withdrawal and service is now.
//!
//! [`State::apply`] takes the entries in order and is all that a start-up
//! needs. An entry that cannot follow what came before changes nothing and is
//! kept as an [`Oddity`]: a ledger is evidence, so nothing is dropped silently.

mod standing;

use std::collections::BTreeMap;

use cordon_model::action::{Observed, ServiceState, TroubleKind};
use cordon_model::record::{Decision, Entry, Lift, Moved, Raise, Record, Renew, Transition};
use cordon_model::{NodeId, ServiceId, Timestamp, WithdrawalId};

use crate::leak::Leak;
use crate::limits::seconds;
pub use standing::{Standing, Target};

/// An hour, over which attempts are counted.
const CAP_SECONDS: u32 = 3600;

/// What the ledger means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Every withdrawal that was ever ordered, with its newest life.
    pub standings: BTreeMap<WithdrawalId, Standing>,
    /// Services, as their probes saw them.
    pub services: BTreeMap<ServiceId, Service>,
    /// Attempts of the last hour before the newest entry.
    pub attempts: Vec<Attempt>,
    /// What was last found open before Cordon closed it, by kind of withdrawal: the state to
    /// give back when a later withdrawal finds Cordon's own cut there.
    pub found_open: BTreeMap<String, BTreeMap<NodeId, Observed>>,
    /// Decisions about plans, in order.
    pub decisions: Vec<(Timestamp, Decision)>,
    /// Nodes that act although they are withdrawn.
    pub leaks: Vec<Leak>,
    /// Entries that could not follow what came before.
    pub oddities: Vec<Oddity>,
    /// The newest entry's position; 0 for an empty ledger.
    pub seq: u64,
}

/// A service and since when it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its state.
    pub state: ServiceState,
    /// Since when.
    pub since: Timestamp,
    /// Its state before; *unknown* if this is the first.
    pub before: ServiceState,
}

/// One attempt to take something away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When its intent was recorded.
    pub at: Timestamp,
    /// The withdrawal.
    pub withdrawal: WithdrawalId,
    /// Its kind.
    pub kind: String,
    /// What it was about to act on.
    pub targets: Vec<NodeId>,
}

/// An entry that makes no sense where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// The entry.
    pub seq: u64,
    /// Why it makes no sense.
    pub what: String,
}

impl State {
    /// Folds a whole ledger.
    #[must_use]
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut state = Self::default();
        for entry in entries {
            state.apply(entry);
        }
        state
    }

    /// Takes the next entry in.
    pub fn apply(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        let done = match &entry.body {
            Record::Raise(raise) => {
                self.raise(entry.time, raise);
                Ok(())
            }
            Record::Lift(lift) => self.lift(entry.time, lift),
            Record::Renew(renew) => self.renew(renew),
            Record::Withdrawal(moved) => self.moved(entry.time, moved),
            Record::Service(seen) => {
                self.see_service(entry.time, &seen.service, seen.state);
                Ok(())
            }
            Record::Decision(decision) => {
                self.decisions.push((entry.time, decision.clone()));
                Ok(())
            }
            Record::Opened(_) => {
                self.standings.values_mut().for_each(|standing| standing.interrupt(entry.time));
                Ok(())
            }
            Record::Fact(fact) => {
                self.see_fact(entry.seq, fact);
                Ok(())
            }
            Record::Paged(page) => {
                self.see_page(page);
                Ok(())
            }
            Record::Heard(_)
            | Record::Silent(_)
            | Record::Unread(_)
            | Record::Event(_)
            | Record::Detection(_)
            | Record::Foothold(_)
            | Record::FootholdDecision(_)
            | Record::Usual(_)
            | Record::Links(_)
            | Record::IncidentOpened(_)
            | Record::IncidentClosed(_)
            | Record::Plan(_)
            | Record::Notice(_)
            | Record::Claims(_)
            | Record::Audit(_)
            | Record::KeyRotated(_) => Ok(()),
        };
        if let Err(what) = done {
            self.oddities.push(Oddity { seq: entry.seq, what });
        }
    }

    fn raise(&mut self, at: Timestamp, raise: &Raise) {
        for order in &raise.orders {
            match self.standings.get_mut(&order.withdrawal) {
                Some(standing) if !standing.is_over() => standing.join(at, raise, order),
                Some(_) | None => {
                    let standing = Standing::new(at, raise, order);
                    self.standings.insert(order.withdrawal.clone(), standing);
                }
            }
        }
    }

    fn lift(&mut self, at: Timestamp, lift: &Lift) -> Result<(), String> {
        self.each(&lift.withdrawals, |standing| standing.unwant(at, lift.for_service.clone()))
    }

    fn renew(&mut self, renew: &Renew) -> Result<(), String> {
        self.each(&renew.withdrawals, |standing| standing.renew(renew.until))
    }

    fn each(
        &mut self,
        withdrawals: &[WithdrawalId],
        mut what: impl FnMut(&mut Standing),
    ) -> Result<(), String> {
        let mut missing = Vec::new();
        for withdrawal in withdrawals {
            match self.standings.get_mut(withdrawal) {
                Some(standing) => what(standing),
                None => missing.push(withdrawal.as_str()),
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("`{}` was never raised", missing.join("`, `")))
        }
    }

    fn moved(&mut self, at: Timestamp, moved: &Moved) -> Result<(), String> {
        let id = &moved.withdrawal;
        let standing =
            self.standings.get_mut(id).ok_or_else(|| format!("`{id}` was never raised"))?;
        standing.apply(at, &moved.transition)?;
        self.count_attempt(at, id, &moved.transition);
        self.forget_leaks(id);
        Ok(())
    }

    /// Keeps the attempts that the caps count; one that the guard held back is none.
    fn count_attempt(&mut self, at: Timestamp, id: &WithdrawalId, step: &Transition) {
        self.attempts.retain(|attempt| at <= attempt.at + seconds(CAP_SECONDS));
        let Some(standing) = self.standings.get(id) else { return };
        if let Transition::Requested { .. } = step {
            let found = self.found_open.entry(standing.order.kind.clone()).or_default();
            for prior in standing.taken() {
                found.insert(prior.target.clone(), prior.clone());
            }
            self.attempts.push(Attempt {
                at,
                withdrawal: id.clone(),
                kind: standing.order.kind.clone(),
                targets: standing.in_flight.iter().map(|prior| prior.target.clone()).collect(),
            });
        }
        if let Transition::Tried { trouble, .. } | Transition::Failed { trouble, .. } = step
            && trouble.kind == TroubleKind::Withheld
            && let Some(last) = self.attempts.iter().rposition(|a| a.withdrawal == *id)
        {
            self.attempts.remove(last);
        }
    }

    fn see_service(&mut self, at: Timestamp, service: &ServiceId, state: ServiceState) {
        let before = self.services.get(service).map_or(ServiceState::Unknown, |old| old.state);
        self.services.insert(service.clone(), Service { state, since: at, before });
    }

    /// How many targets of a kind attempts were made on within the hour before `now`.
    #[must_use]
    pub fn attempts_within_the_hour(&self, kind: &str, now: Timestamp) -> usize {
        let recent =
            |attempt: &&Attempt| attempt.kind == kind && now <= attempt.at + seconds(CAP_SECONDS);
        self.attempts.iter().filter(recent).map(|attempt| attempt.targets.len()).sum()
    }

    /// The nodes that are withdrawn now, as far as looks confirm it: what the drill and exposure ask.
    pub fn withdrawn(&self) -> impl Iterator<Item = &NodeId> {
        let holds = |standing: &&Standing| {
            matches!(standing.stage, crate::Stage::Effective | crate::Stage::Verified)
        };
        self.standings.values().filter(holds).flat_map(|standing| &standing.order.targets)
    }
}
