//! What has been seen lately, kept in memory only.
//!
//! Looks and probes change nothing, so they are not in the ledger; what they
//! change the executor's mind about is. Neither are calls that are on their
//! way: after a restart everything is simply looked at again.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::action::{Call, Observed, Probed, ServiceState, Trouble};
use cordon_model::{ServiceId, Timestamp, WithdrawalId};

/// Answers in a row that are passed over because something has changed since.
const PASSED_OVER_AT_MOST: u32 = 3;

/// The newest looks and probes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    looks: BTreeMap<WithdrawalId, Look>,
    probes: BTreeMap<WithdrawalId, Probe>,
    services: BTreeMap<ServiceId, ServiceLook>,
    /// Withdrawals with a call on its way, and the connector that was asked.
    on_the_way: BTreeMap<WithdrawalId, Option<String>>,
    /// Withdrawals that have changed while a call was on its way: what it saw is old.
    overtaken: BTreeSet<WithdrawalId>,
    /// How often in a row that was so: who floods us with changes must not keep us from looking.
    passed_over: BTreeMap<WithdrawalId, u32>,
    /// Services with a probe on its way.
    probed_now: BTreeSet<ServiceId>,
}

/// The newest look at a withdrawal's targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// What it saw, or why it saw nothing.
    pub seen: Result<Vec<Observed>, Trouble>,
    /// Looks in a row that saw nothing.
    pub misses: u32,
}

/// The newest probe of a withdrawal's targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When.
    pub at: Timestamp,
    /// What it found, or why it found nothing.
    pub found: Result<Vec<Probed>, Trouble>,
}

/// The newest look at a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLook {
    /// When.
    pub at: Timestamp,
    /// What it saw.
    pub state: ServiceState,
    /// How often in a row it saw the same.
    pub times: u32,
}

impl Observations {
    /// The newest look at a withdrawal.
    #[must_use]
    pub fn look(&self, withdrawal: &WithdrawalId) -> Option<&Look> {
        self.looks.get(withdrawal)
    }

    /// The newest probe of a withdrawal.
    #[must_use]
    pub fn probe(&self, withdrawal: &WithdrawalId) -> Option<&Probe> {
        self.probes.get(withdrawal)
    }

    /// The newest look at a service.
    #[must_use]
    pub fn service(&self, service: &ServiceId) -> Option<&ServiceLook> {
        self.services.get(service)
    }

    /// Keeps a look.
    pub fn looked(
        &mut self,
        withdrawal: &WithdrawalId,
        at: Timestamp,
        seen: Result<Vec<Observed>, Trouble>,
    ) {
        let before = self.looks.get(withdrawal).map_or(0, |look| look.misses);
        let misses = if seen.is_ok() { 0 } else { before + 1 };
        self.looks.insert(withdrawal.clone(), Look { at, seen, misses });
    }

    /// Keeps a probe.
    pub fn probed(
        &mut self,
        withdrawal: &WithdrawalId,
        at: Timestamp,
        found: Result<Vec<Probed>, Trouble>,
    ) {
        self.probes.insert(withdrawal.clone(), Probe { at, found });
    }

    /// Keeps a look at a service.
    pub fn service_seen(&mut self, service: &ServiceId, at: Timestamp, state: ServiceState) {
        let same = self.services.get(service).filter(|look| look.state == state);
        let times = same.map_or(0, |look| look.times) + 1;
        self.probed_now.remove(service);
        self.services.insert(service.clone(), ServiceLook { at, state, times });
    }

    /// Keeps that a call was handed over; until its answer comes no other is made for the withdrawal.
    pub fn asked(&mut self, call: &Call) {
        self.overtaken.remove(&call.order.withdrawal);
        self.on_the_way.insert(call.order.withdrawal.clone(), call.order.connector.clone());
    }

    /// The answer to a withdrawal's call has come; false if it tells what has changed since.
    pub fn answered(&mut self, withdrawal: &WithdrawalId) -> bool {
        self.on_the_way.remove(withdrawal);
        let times = self.passed_over.remove(withdrawal).unwrap_or_default();
        if !self.overtaken.remove(withdrawal) || times >= PASSED_OVER_AT_MOST {
            return true;
        }
        self.passed_over.insert(withdrawal.clone(), times + 1);
        false
    }

    /// Whether a withdrawal's call is on its way.
    #[must_use]
    pub fn is_on_the_way(&self, withdrawal: &WithdrawalId) -> bool {
        self.on_the_way.contains_key(withdrawal)
    }

    /// Calls on their way, by connector.
    #[must_use]
    pub fn on_the_way(&self) -> BTreeMap<&str, usize> {
        let mut calls = BTreeMap::new();
        for connector in self.on_the_way.values() {
            *calls.entry(connector.as_deref().unwrap_or_default()).or_insert(0) += 1;
        }
        calls
    }

    /// Keeps that a service is being probed.
    pub fn service_asked(&mut self, service: &ServiceId) {
        self.probed_now.insert(service.clone());
    }

    /// Whether a service is being probed.
    #[must_use]
    pub fn is_being_probed(&self, service: &ServiceId) -> bool {
        self.probed_now.contains(service)
    }

    /// Forgets what was seen of a withdrawal: something has been done to it,
    /// or a notification says that it has changed.
    pub fn forget(&mut self, withdrawal: &WithdrawalId) {
        self.looks.remove(withdrawal);
        self.probes.remove(withdrawal);
        if self.is_on_the_way(withdrawal) {
            self.overtaken.insert(withdrawal.clone());
        }
    }
}
