//! What has been seen lately, kept in memory only.
//!
//! Looks and probes change nothing, so they are not in the ledger; what they
//! change the executor's mind about is. After a restart everything is simply
//! looked at again.

use std::collections::BTreeMap;

use cordon_model::action::{Observed, Probed, ServiceState, Trouble};
use cordon_model::{ServiceId, Timestamp, WithdrawalId};

/// The newest looks and probes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    looks: BTreeMap<WithdrawalId, Look>,
    probes: BTreeMap<WithdrawalId, Probe>,
    services: BTreeMap<ServiceId, ServiceLook>,
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
        self.services.insert(service.clone(), ServiceLook { at, state, times });
    }

    /// Forgets what was seen of a withdrawal: something has been done to it,
    /// or a notification says that it has changed.
    pub fn forget(&mut self, withdrawal: &WithdrawalId) {
        self.looks.remove(withdrawal);
        self.probes.remove(withdrawal);
    }
}
