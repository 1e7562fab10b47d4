//! Who can come to control whom: the checker's own layout of the links, and its own searches.
//!
//! Written apart from `model::reach` on purpose: the planner's tests lean on
//! that one, so the checker must not.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cordon_model::{Estate, NodeIx};

/// One value for every node of an estate.
#[derive(Clone, Debug)]
pub(crate) struct PerNode<T>(Vec<T>);

impl<T: Copy + Default> PerNode<T> {
    pub(crate) fn new(estate: &Estate) -> Self {
        Self(vec![T::default(); estate.nodes().len()])
    }

    pub(crate) fn get(&self, node: NodeIx) -> T {
        self.0.get(node.at()).copied().unwrap_or_default()
    }

    pub(crate) fn set(&mut self, node: NodeIx, value: T) {
        if let Some(slot) = self.0.get_mut(node.at()) {
            *slot = value;
        }
    }
}

/// All control links by their first node, sorted, one per pair of nodes: the fastest.
#[derive(Debug)]
pub(crate) struct Links {
    starts: Vec<u32>,
    edges: Vec<(NodeIx, u32)>,
}

impl Links {
    pub(crate) fn new(estate: &Estate) -> Self {
        let mut all: Vec<(NodeIx, NodeIx, u32)> = estate
            .links()
            .iter()
            .filter_map(|link| estate.direction(link).map(|(from, to)| (from, to, link.seconds)))
            .collect();
        all.sort_unstable();
        all.dedup_by_key(|(from, to, _)| (*from, *to));
        let mut starts = vec![0_u32; estate.nodes().len() + 1];
        for (from, ..) in &all {
            if let Some(count) = starts.get_mut(from.at() + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let edges = all.into_iter().map(|(_, to, seconds)| (to, seconds)).collect();
        Self { starts, edges }
    }

    /// The nodes that whoever controls `node` can come to control next, and the seconds it takes.
    pub(crate) fn next(&self, node: NodeIx) -> &[(NodeIx, u32)] {
        let start = |at: usize| self.starts.get(at).map_or(0, |&start| start as usize);
        self.edges.get(start(node.at())..start(node.at() + 1)).unwrap_or_default()
    }

    /// Tells whether control can pass from one node straight to another.
    pub(crate) fn joins(&self, from: NodeIx, to: NodeIx) -> bool {
        self.next(from).binary_search_by_key(&to, |&(next, _)| next).is_ok()
    }
}

/// How a search came to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Came {
    #[default]
    Never,
    ToStart,
    From(NodeIx),
}

/// What can be reached from some starts.
#[derive(Debug)]
pub(crate) struct Reached(PerNode<Came>);

impl Reached {
    /// Searches breadth first from `starts`, entering no node that is `closed`.
    pub(crate) fn search(
        estate: &Estate,
        links: &Links,
        starts: impl IntoIterator<Item = NodeIx>,
        closed: impl Fn(NodeIx) -> bool,
    ) -> Self {
        let mut came = PerNode::new(estate);
        let mut queue: Vec<NodeIx> = Vec::new();
        for start in starts {
            if came.get(start) == Came::Never {
                came.set(start, Came::ToStart);
                queue.push(start);
            }
        }
        let mut at = 0;
        while let Some(&node) = queue.get(at) {
            at += 1;
            for &(next, _) in links.next(node) {
                if came.get(next) == Came::Never && !closed(next) {
                    came.set(next, Came::From(node));
                    queue.push(next);
                }
            }
        }
        Self(came)
    }

    pub(crate) fn contains(&self, node: NodeIx) -> bool {
        self.0.get(node) != Came::Never
    }

    /// A shortest path from a start to a node that was reached.
    pub(crate) fn path(&self, node: NodeIx) -> Vec<NodeIx> {
        let mut path = vec![node];
        let mut at = node;
        while let Came::From(before) = self.0.get(at) {
            path.push(before);
            at = before;
        }
        path.reverse();
        path
    }
}

/// The earliest arrival at each of `wanted` from `starts` with nothing cut, in seconds (Dijkstra).
///
/// Stops as soon as all that are wanted are known; the others stay `None`.
pub(crate) fn arrivals(
    estate: &Estate,
    links: &Links,
    starts: impl IntoIterator<Item = NodeIx>,
    wanted: &[NodeIx],
) -> PerNode<Option<u64>> {
    let mut best: PerNode<Option<u64>> = PerNode::new(estate);
    let mut open: PerNode<bool> = PerNode::new(estate);
    let mut left = 0_usize;
    for &node in wanted {
        left += usize::from(!open.get(node));
        open.set(node, true);
    }
    let mut queue: BinaryHeap<Reverse<(u64, NodeIx)>> = BinaryHeap::new();
    for start in starts {
        best.set(start, Some(0));
        queue.push(Reverse((0, start)));
    }
    while let Some(Reverse((at, node))) = queue.pop() {
        if best.get(node) != Some(at) {
            continue;
        }
        if open.get(node) {
            open.set(node, false);
            left -= 1;
        }
        if left == 0 {
            break;
        }
        for &(next, seconds) in links.next(node) {
            let arrival = at.saturating_add(u64::from(seconds));
            if best.get(next).is_none_or(|known| arrival < known) {
                best.set(next, Some(arrival));
                queue.push(Reverse((arrival, next)));
            }
        }
    }
    best
}
