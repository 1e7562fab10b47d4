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

/// A list of values for every node, all in one block, each in ascending order.
#[derive(Debug)]
pub(crate) struct Lists<T> {
    starts: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy + Ord> Lists<T> {
    /// Gathers pairs of a node and a value; `pairs` gives the same ones both times.
    pub(crate) fn gather<I: Iterator<Item = (NodeIx, T)>>(
        estate: &Estate,
        pairs: impl Fn() -> I,
    ) -> Self {
        let mut starts = vec![0_u32; estate.nodes().len() + 1];
        for (node, _) in pairs() {
            if let Some(count) = starts.get_mut(node.at() + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let filler = pairs().next().map(|(_, value)| value);
        let mut values = filler.map_or_else(Vec::new, |value| vec![value; sum as usize]);
        let mut free = starts.clone();
        for (node, value) in pairs() {
            let Some(place) = free.get_mut(node.at()) else { continue };
            if let Some(slot) = values.get_mut(*place as usize) {
                *slot = value;
            }
            *place += 1;
        }
        let bounds = starts.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
        for (from, to) in bounds {
            let list = values.get_mut(from as usize..to as usize).unwrap_or_default();
            if !list.is_sorted() {
                list.sort_unstable();
            }
        }
        Self { starts, values }
    }

    /// The values of a node.
    pub(crate) fn of(&self, node: NodeIx) -> &[T] {
        let start = |at: usize| self.starts.get(at).map_or(0, |&start| start as usize);
        self.values.get(start(node.at())..start(node.at() + 1)).unwrap_or_default()
    }
}

/// All control links by their first node.
#[derive(Debug)]
pub(crate) struct Links(Lists<(NodeIx, u32)>);

impl Links {
    pub(crate) fn new(estate: &Estate) -> Self {
        Self(Lists::gather(estate, || controls(estate)))
    }

    /// The nodes that whoever controls `node` can come to control next, ascending, and the
    /// seconds it takes; one for every kind of link.
    pub(crate) fn next(&self, node: NodeIx) -> &[(NodeIx, u32)] {
        self.0.of(node)
    }

    /// Tells whether control can pass from one node straight to another.
    pub(crate) fn joins(&self, from: NodeIx, to: NodeIx) -> bool {
        self.next(from).binary_search_by_key(&to, |&(next, _)| next).is_ok()
    }
}

/// Who can come to control whom, with the seconds it takes.
fn controls(estate: &Estate) -> impl Iterator<Item = (NodeIx, (NodeIx, u32))> + '_ {
    let links = estate.links().iter();
    links.filter_map(|link| estate.direction(link).map(|(from, to)| (from, (to, link.seconds))))
}

/// The nodes from which control can pass straight to a node.
pub(crate) fn back(estate: &Estate) -> Lists<NodeIx> {
    Lists::gather(estate, || controls(estate).map(|(from, (to, _))| (to, from)))
}

/// What can be reached from some starts.
#[derive(Debug)]
pub(crate) struct Reached {
    /// One more than the fewest links from a start; 0 where there is no way.
    far: PerNode<u32>,
    /// The least node before on a shortest path.
    before: PerNode<Option<NodeIx>>,
}

impl Reached {
    /// Searches breadth first from `starts`, entering no node that is `closed`.
    pub(crate) fn search(
        estate: &Estate,
        links: &Links,
        starts: impl IntoIterator<Item = NodeIx>,
        closed: impl Fn(NodeIx) -> bool,
    ) -> Self {
        let mut found = Self { far: PerNode::new(estate), before: PerNode::new(estate) };
        let mut queue: Vec<NodeIx> = Vec::new();
        for start in starts {
            if !found.contains(start) {
                found.far.set(start, 1);
                queue.push(start);
            }
        }
        let mut at = 0;
        while let Some(&node) = queue.get(at) {
            at += 1;
            let further = found.far.get(node) + 1;
            for &(next, _) in links.next(node) {
                if !found.contains(next) && !closed(next) {
                    found.far.set(next, further);
                    queue.push(next);
                }
                if found.far.get(next) == further {
                    let least = found.before.get(next).map_or(node, |known| known.min(node));
                    found.before.set(next, Some(least));
                }
            }
        }
        found
    }

    pub(crate) fn contains(&self, node: NodeIx) -> bool {
        self.far.get(node) > 0
    }

    /// How far a node is, for comparing; only of nodes that were reached.
    pub(crate) fn far(&self, node: NodeIx) -> u32 {
        self.far.get(node)
    }

    /// The path to a node that was reached: a shortest one, read from its end over the least nodes.
    pub(crate) fn path(&self, node: NodeIx) -> Vec<NodeIx> {
        let mut path = vec![node];
        let mut at = node;
        while let Some(before) = self.before.get(at) {
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
