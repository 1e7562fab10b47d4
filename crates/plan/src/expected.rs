//! The expected loss that remains when every foothold counts, however unlikely.
//!
//! Footholds are independent: an asset is lost unless every foothold that
//! reaches it is a false alarm. Which foothold reaches which asset is found for
//! 64 footholds at a time, one bit each, on the nodes that lie between
//! footholds and assets; after a good cut there are none, and whichever side of
//! it is smaller says so.

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
    let between = match between(net, &blocked, &open) {
        Between::Nothing => return Money::ZERO,
        Between::Ahead => None,
        Between::Behind(nodes) => Some(nodes),
    };
    let mut spared = vec![1.0_f64; assets.len()];
    let (certain, doubtful): (Vec<&Foothold>, Vec<&Foothold>) =
        open.iter().partition(|foothold| foothold.probability >= 1.0);
    if !certain.is_empty() {
        let reach = spread(net, &blocked, between.as_deref(), certain.iter().map(|f| (f, 0)));
        for (asset, spared) in assets.iter().zip(&mut spared) {
            if asset.places().any(|place| reach[place.0] != 0) {
                *spared = 0.0;
            }
        }
    }
    for group in doubtful.chunks(64) {
        let reach = spread(net, &blocked, between.as_deref(), group.iter().zip(0..));
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

/// What lies between footholds and assets.
enum Between<'n> {
    /// Nothing: the two sides do not meet.
    Nothing,
    /// Some of what the footholds reach, which is the smaller side.
    Ahead,
    /// At most these nodes, from which assets can be reached.
    Behind(Lent<'n, u32>),
}

/// Floods from both sides in turns until one is exhausted.
fn between<'n>(net: &'n Network<'_>, blocked: &Scratch<u32>, open: &[&Foothold]) -> Between<'n> {
    let starts = open.iter().map(|foothold| foothold.node.0);
    let places = net.estate.assets().iter().flat_map(|asset| asset.places()).map(|at| at.0);
    let mut ahead = Flood::new(net, starts);
    let open_place = |&node: &u32| blocked[node] == 0 || ahead.seen[node] != 0;
    let mut behind = Flood::new(net, places.filter(open_place));
    // An entrenched foothold may stand on an asset that is blocked.
    let mut met = open.iter().any(|foothold| {
        behind.seen[foothold.node.0] != 0 || !net.assets_at[foothold.node.0].is_empty()
    });
    loop {
        if ahead.work <= behind.work {
            let Some(node) = ahead.step() else {
                return if met { Between::Ahead } else { Between::Nothing };
            };
            met |= behind.seen[node] != 0;
            ahead.enter(net.next[node].iter().map(|&(next, _)| next), blocked);
        } else {
            let Some(node) = behind.step() else {
                return if met { Between::Behind(behind.seen) } else { Between::Nothing };
            };
            met |= ahead.seen[node] != 0;
            // An entrenched foothold is open though it is blocked.
            behind.enter(net.back[node].iter().copied(), blocked);
            met |= net.back[node].iter().any(|&before| ahead.seen[before] != 0);
        }
    }
}

/// One side of a search.
struct Flood<'n> {
    seen: Lent<'n, u32>,
    queue: Vec<u32>,
    at: usize,
    work: usize,
}

impl<'n> Flood<'n> {
    fn new(net: &'n Network<'_>, starts: impl Iterator<Item = u32>) -> Self {
        let mut flood = Self { seen: net.memory.small.lend(), queue: Vec::new(), at: 0, work: 0 };
        for node in starts {
            if flood.seen[node] == 0 {
                flood.seen.set(node, 1);
                flood.queue.push(node);
            }
        }
        flood
    }

    fn step(&mut self) -> Option<u32> {
        let node = self.queue.get(self.at).copied()?;
        self.at += 1;
        Some(node)
    }

    fn enter(&mut self, nodes: impl Iterator<Item = u32>, blocked: &Scratch<u32>) {
        self.work += 1;
        for node in nodes {
            self.work += 1;
            if self.seen[node] == 0 && blocked[node] == 0 {
                self.seen.set(node, 1);
                self.queue.push(node);
            }
        }
    }
}

/// Which footholds, each with its bit, reach which node.
fn spread<'n, 'f>(
    net: &'n Network<'_>,
    blocked: &Scratch<u32>,
    between: Option<&Scratch<u32>>,
    footholds: impl Iterator<Item = (&'f &'f Foothold, u32)>,
) -> Lent<'n, u64> {
    let mut reach = net.memory.wide.lend();
    let mut waiting = net.memory.small.lend();
    let mut queue = std::collections::VecDeque::new();
    for (foothold, bit) in footholds {
        let node = foothold.node.0;
        let grown = reach[node] | 1 << bit;
        reach.set(node, grown);
        if waiting[node] == 0 {
            waiting.set(node, 1);
            queue.push_back(node);
        }
    }
    let open = |node: u32| blocked[node] == 0 && between.is_none_or(|nodes| nodes[node] != 0);
    while let Some(node) = queue.pop_front() {
        waiting.set(node, 0);
        for &(next, _) in &net.next[node] {
            let grown = reach[next] | reach[node];
            if grown != reach[next] && open(next) {
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
