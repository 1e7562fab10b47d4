//! Which host held an address at a time.
//!
//! A mention that gives a host's name and its address together is a sighting of
//! the lease. The latest sighting before a time decides, within a week; failing
//! that the first one within a day after. An address that two hosts held in the
//! same hour (a gateway, a translated address) means neither.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::Timestamp;
use cordon_model::signal::MentionKind;
use rustc_hash::FxHashMap;

use crate::names::EntityIx;
use crate::spelling::Key;
use crate::table::{KeyIx, NameTable};

/// Hours for which a sighting holds.
const HOURS_AFTER: i64 = 7 * 24;
/// Hours before the first sighting for which it is taken to hold already.
const HOURS_BEFORE: i64 = 24;

/// All sightings of leases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    sightings: FxHashMap<Key, BTreeMap<i64, BTreeSet<EntityIx>>>,
}

impl Leases {
    pub(crate) fn new(table: &NameTable, entity: impl Fn(KeyIx) -> Option<EntityIx>) -> Self {
        let mut leases = Self::default();
        for &(address, host, hour) in table.leases() {
            if let (Some(key), Some(host)) = (table.key(address), entity(host)) {
                let hours = leases.sightings.entry(key.clone()).or_default();
                hours.entry(hour).or_default().insert(host);
            }
        }
        leases
    }

    /// The host that held the address at the time, if exactly one is known.
    pub(crate) fn holder(&self, address: &Key, time: Timestamp) -> Option<EntityIx> {
        debug_assert!(address.kind == MentionKind::Address);
        let hours = self.sightings.get(address)?;
        let hour = time.as_second().div_euclid(3600);
        let before = hours.range(hour - HOURS_AFTER..=hour).next_back();
        let (_, hosts) = before.or_else(|| hours.range(hour..=hour + HOURS_BEFORE).next())?;
        (hosts.len() == 1).then(|| hosts.first().copied()).flatten()
    }
}
