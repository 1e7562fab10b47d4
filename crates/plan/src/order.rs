//! In which order to cut, what comes too late, and how long a plan takes.
//!
//! The intruder uses first what is nearest: cuts are raised by earliest arrival
//! at their targets, which per connector is earliest deadline first. An `end`
//! follows its refuse at once, so that nothing opens between the two.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use cordon_model::ids::WithdrawalIx;

use crate::arrival::Arrivals;
use crate::network::Network;

/// A chosen column with what its place in the order rests on.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) column: u32,
    /// Loss of the asset that opens without it, in minor units.
    pub(crate) behind: i64,
    /// A path that opens without it.
    pub(crate) path: Vec<u32>,
    /// The asset that the path ends at, or none where it ends at an enforcer.
    pub(crate) asset: Option<u32>,
}

/// Brings cuts into the order of raising.
pub(crate) fn sort(net: &Network<'_>, starts: &[u32], cuts: &mut [Cut]) {
    let targets: Vec<u32> =
        cuts.iter().flat_map(|cut| net.columns[cut.column].nodes.iter().copied()).collect();
    if targets.is_empty() {
        return;
    }
    let arrivals = Arrivals::from_starts(net, starts, &targets);
    cuts.sort_by_cached_key(|cut| {
        let column = &net.columns[cut.column];
        let arrival = arrivals.first(&column.nodes).unwrap_or(u64::MAX);
        (arrival, Reverse(cut.behind), net.estate.withdrawal(column.first).id.clone())
    });
}

/// A withdrawal that takes effect only after the intruder can have passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// The withdrawal.
    pub withdrawal: WithdrawalIx,
    /// When it takes effect, in seconds from now.
    pub effective: u64,
    /// When the intruder can have passed, in seconds from now.
    pub deadline: u64,
}

/// Finds the withdrawals that lose the race when each connector works through its list in order.
///
/// `seconds` says how long one withdrawal takes through a connector; `None` is by hand.
pub(crate) fn race(
    net: &Network<'_>,
    starts: &[u32],
    ordered: &[WithdrawalIx],
    seconds: &dyn Fn(Option<&str>) -> u64,
) -> Vec<Late> {
    let estate = net.estate;
    let targets = ordered.iter().flat_map(|&at| estate.withdrawal(at).removes.iter());
    let targets: Vec<u32> = targets.map(|node| node.0).collect();
    if targets.is_empty() {
        return Vec::new();
    }
    let arrivals = Arrivals::from_starts(net, starts, &targets);
    let mut busy_until: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    let mut late = Vec::new();
    for &at in ordered {
        let withdrawal = estate.withdrawal(at);
        let connector = withdrawal.connector.as_deref();
        let done = busy_until.entry(connector).or_default();
        *done += seconds(connector);
        let deadlines = withdrawal.removes.iter().filter_map(|node| {
            let arrival = arrivals.seconds(node.0)?;
            // At a foothold the intruder is already: what counts is the first step out of it.
            let out = net.next[node.0].iter().map(|&(_, seconds)| u64::from(seconds)).min();
            if arrival == 0 { out } else { Some(arrival) }
        });
        if let Some(deadline) = deadlines.min()
            && *done > deadline
        {
            late.push(Late { withdrawal: at, effective: *done, deadline });
        }
    }
    late
}
