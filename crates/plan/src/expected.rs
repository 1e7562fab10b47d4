//! The expected loss that remains when every foothold counts, however unlikely.
//!
//! Footholds are independent: an asset is lost unless every foothold that
//! reaches it is a false alarm. Which foothold reaches which asset is found for
//! 64 footholds at a time, one bit each.

use cordon_model::Money;

use crate::network::Network;
use crate::request::Foothold;
use crate::scratch::{Lent, Scratch};

/// Sums `loss * (1 - product of (1 - p))` over the assets, rounded to the minor unit.
pub(crate) fn residual_loss(net: &Network<'_>, chosen: &[u32], footholds: &[Foothold]) -> Money {
    let assets = net.estate.assets();
    let mut blocked = net.memory.small.lend();
    for &column in chosen {
        for &node in &net.columns[column].nodes {
            blocked.set(node, 1);
        }
    }
    let open: Vec<&Foothold> =
        footholds.iter().filter(|f| f.entrenched || blocked[f.node.0] == 0).collect();
    let mut spared = vec![1.0_f64; assets.len()];
    for group in open.chunks(64) {
        let reach = spread(net, &blocked, group);
        for (asset, spared) in assets.iter().zip(&mut spared) {
            let by = asset.places().fold(0, |by, place| by | reach[place.0]);
            for (foothold, bit) in group.iter().zip(0..) {
                if by >> bit & 1 == 1 {
                    *spared *= 1.0 - foothold.probability;
                }
            }
        }
    }
    let sum: f64 = assets
        .iter()
        .zip(&spared)
        .map(|(asset, spared)| crate::master::float(asset.loss.0) * (1.0 - spared))
        .sum();
    Money(crate::search::whole(sum.round()))
}

/// Which footholds of a group reach which node.
fn spread<'n>(
    net: &'n Network<'_>,
    blocked: &Scratch<u32>,
    group: &[&Foothold],
) -> Lent<'n, u64> {
    let mut reach = net.memory.wide.lend();
    let mut waiting = net.memory.small.lend();
    let mut queue = std::collections::VecDeque::new();
    for (foothold, bit) in group.iter().zip(0..) {
        let node = foothold.node.0;
        let grown = reach[node] | 1 << bit;
        reach.set(node, grown);
        if waiting[node] == 0 {
            waiting.set(node, 1);
            queue.push_back(node);
        }
    }
    while let Some(node) = queue.pop_front() {
        waiting.set(node, 0);
        for &(next, _) in &net.next[node] {
            let grown = reach[next] | reach[node];
            if blocked[next] == 0 && grown != reach[next] {
                reach.set(next, grown);
                if waiting[next] == 0 {
                    waiting.set(next, 1);
                    queue.push_back(next);
                }
            }
        }
    }
    reach
}
