//! When the intruder can be where: earliest arrivals over the links' seconds.
//!
//! What an hour of waiting costs, in which order to cut, and which cuts come
//! too late all rest on these times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cordon_model::Money;
use cordon_model::ids::NodeIx;

use rustc_hash::FxHashSet;

use crate::network::Network;
use crate::scratch::Lent;

/// Earliest arrivals in the uncut estate: one more than the seconds from now, 0 is never.
#[derive(Debug)]
pub(crate) struct Arrivals<'n>(Lent<'n, u64>);

impl<'n> Arrivals<'n> {
    /// Searches from the starts until all `wanted` nodes are settled (all nodes where it is empty).
    pub(crate) fn from_starts(net: &'n Network<'_>, starts: &[u32], wanted: &[u32]) -> Self {
        let mut at = net.memory.wide.lend();
        let mut missing: FxHashSet<u32> = wanted.iter().copied().collect();
        let mut queue = BinaryHeap::new();
        for &start in starts {
            at.set(start, 1);
            queue.push(Reverse((0_u64, start)));
        }
        while let Some(Reverse((time, node))) = queue.pop() {
            if at[node] != time + 1 {
                continue;
            }
            if missing.remove(&node) && missing.is_empty() {
                break;
            }
            for &(next, seconds) in &net.next[node] {
                let then = time + u64::from(seconds);
                if at[next] == 0 || then + 1 < at[next] {
                    at.set(next, then + 1);
                    queue.push(Reverse((then, next)));
                }
            }
        }
        Self(at)
    }

    /// Seconds until a node can be reached, if it ever can.
    pub(crate) fn seconds(&self, node: u32) -> Option<u64> {
        self.0[node].checked_sub(1)
    }

    /// Seconds until the first of some nodes can be reached.
    pub(crate) fn first(&self, nodes: &[u32]) -> Option<u64> {
        nodes.iter().filter_map(|&node| self.seconds(node)).min()
    }
}

/// What waiting costs: when each asset falls if nobody acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Seconds from now, the asset's node and its loss; earliest first.
    pub falls: Vec<(u64, NodeIx, Money)>,
}

impl Waiting {
    /// Loss of the assets that fall within an hour, counted from 0.
    #[must_use]
    pub fn hour(&self, hour: u64) -> Money {
        self.between(hour * 3600, (hour + 1) * 3600)
    }

    /// Loss of the assets that fall within a minute, counted from 0.
    #[must_use]
    pub fn minute(&self, minute: u64) -> Money {
        self.between(minute * 60, (minute + 1) * 60)
    }

    /// Loss of the assets that fall from one second on and before another.
    #[must_use]
    pub fn between(&self, from: u64, before: u64) -> Money {
        let within = self.falls.iter().filter(|(at, _, _)| (from..before).contains(at));
        within.map(|&(_, _, loss)| loss).sum()
    }
}

/// When each asset falls if nobody acts.
pub(crate) fn waiting(net: &Network<'_>, starts: &[u32]) -> Waiting {
    let arrivals = Arrivals::from_starts(net, starts, &[]);
    let mut falls: Vec<(u64, NodeIx, Money)> = Vec::new();
    for asset in net.estate.assets() {
        if let Some(at) = asset.places().filter_map(|place| arrivals.seconds(place.0)).min() {
            falls.push((at, asset.node, asset.loss));
        }
    }
    falls.sort_unstable_by_key(|&(at, node, _)| (at, node));
    Waiting { falls }
}
