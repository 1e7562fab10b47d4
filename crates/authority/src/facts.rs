//! What the policies are told of one withdrawal, and what a set of withdrawals stops.
//!
//! Many withdrawals of an estate are alike in everything that a policy can
//! see; [`Facts`] compare equal then, so each question is asked once.

use std::collections::BTreeSet;

use cordon_model::estate::Withdrawal;
use cordon_model::outage::{NodeSet, Outage, needed};
use cordon_model::{Estate, Mode, ServiceId, ServiceIx, WithdrawalId};

/// One withdrawal as policies see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    /// Its id, where a policy names single withdrawals; else empty.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// `refuse` or `end`.
    pub mode: &'static str,
    /// How many nodes it removes.
    pub targets: usize,
    /// Their kinds.
    pub target_kinds: BTreeSet<String>,
    /// Their tags.
    pub target_tags: BTreeSet<String>,
    /// The connector's name; empty means by hand.
    pub connector: String,
    /// The services that it stops by itself.
    pub stops: BTreeSet<ServiceId>,
    /// Whether one of them is protected.
    pub stops_protected: bool,
    /// Its cost per hour in whole units of currency, rounded up.
    pub cost_per_hour: i64,
}

/// An estate, with what every question about it needs worked out once.
pub(crate) struct Ground<'e> {
    pub(crate) estate: &'e Estate,
    needed: NodeSet,
}

impl<'e> Ground<'e> {
    pub(crate) fn new(estate: &'e Estate) -> Self {
        Self { estate, needed: needed(estate, estate.services()) }
    }

    /// What policies see of a withdrawal.
    pub(crate) fn facts(&self, withdrawal: &Withdrawal, with_id: bool) -> Facts {
        let nodes = withdrawal.removes.iter().map(|&node| self.estate.node(node));
        let stops = self.stopped_by(withdrawal);
        Facts {
            id: if with_id { withdrawal.id.to_string() } else { String::new() },
            kind: withdrawal.kind.to_string(),
            mode: match withdrawal.mode {
                Mode::Refuse => "refuse",
                Mode::End => "end",
            },
            targets: withdrawal.removes.len(),
            target_kinds: nodes.clone().map(|node| node.id.kind().to_owned()).collect(),
            target_tags: nodes.flat_map(|node| &node.tags).map(ToString::to_string).collect(),
            connector: withdrawal.connector.as_deref().unwrap_or("").to_owned(),
            stops_protected: stops.iter().any(|&service| self.estate.service(service).protected),
            stops: stops.iter().map(|&s| self.estate.service(s).id.clone()).collect(),
            cost_per_hour: whole_units(withdrawal.cost_per_hour.0),
        }
    }

    /// The services that one withdrawal stops by itself.
    fn stopped_by(&self, withdrawal: &Withdrawal) -> Vec<ServiceIx> {
        // Most withdrawals touch nothing that a service needs; the outage need not be worked out.
        if !self.may_stop(&[withdrawal]) {
            return Vec::new();
        }
        Outage::of(self.estate, withdrawal.removes.iter().copied()).stopped
    }

    /// Whether any of them touches something that a service needs.
    pub(crate) fn may_stop(&self, withdrawals: &[&Withdrawal]) -> bool {
        let touches =
            |withdrawal: &Withdrawal| withdrawal.removes.iter().any(|&n| self.needed.contains(n));
        withdrawals.iter().any(|withdrawal| withdrawal.stops && touches(withdrawal))
    }

    /// What goes down when withdrawals are in force together.
    pub(crate) fn outage<'a>(&self, all: impl IntoIterator<Item = &'a Withdrawal>) -> Outage {
        let stopping = all.into_iter().filter(|withdrawal| withdrawal.stops);
        Outage::of(self.estate, stopping.flat_map(|withdrawal| withdrawal.removes.iter().copied()))
    }

    /// The withdrawals of these ids that the estate offers.
    pub(crate) fn withdrawals<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a WithdrawalId>,
    ) -> Vec<&'e Withdrawal> {
        let found = ids.into_iter().filter_map(|id| self.estate.find_withdrawal(id.as_str()));
        found.map(|index| self.estate.withdrawal(index)).collect()
    }
}

fn whole_units(minor: i64) -> i64 {
    minor / 100 + i64::from(minor % 100 > 0)
}
