//! Who can come to control what: a plain search over the estate's links.
//!
//! Deliberately simple, so that it can stand as the yardstick for the planner,
//! the drill and the exposure verdicts. The planner and the checker each have
//! their own, faster or stricter, and do not use this one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::estate::Estate;
use crate::ids::NodeIx;
use crate::outage::NodeSet;

/// Every link in the direction in which control flows, by its first node.
#[derive(Clone, Debug)]
pub struct ControlGraph {
    starts: Vec<u32>,
    edges: Vec<(NodeIx, u32)>,
}

/// What a search found: for every reached node when, and from where.
#[derive(Clone, Debug)]
pub struct Reach {
    seconds: Vec<Option<u64>>,
    parent: Vec<Option<NodeIx>>,
}

impl ControlGraph {
    /// Lays out the links of an estate.
    #[must_use]
    pub fn new(estate: &Estate) -> Self {
        let nodes = estate.nodes().len();
        let mut starts = vec![0_u32; nodes + 1];
        for (from, _) in estate.links().iter().filter_map(|link| estate.direction(link)) {
            if let Some(count) = starts.get_mut(from.at() + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut edges = vec![(NodeIx(0), 0); sum as usize];
        for link in estate.links() {
            let Some((from, to)) = estate.direction(link) else { continue };
            if let Some(slot) = next.get_mut(from.at()) {
                if let Some(edge) = edges.get_mut(*slot as usize) {
                    *edge = (to, link.seconds);
                }
                *slot += 1;
            }
        }
        Self { starts, edges }
    }

    /// Nodes that whoever controls `node` can come to control next, with the seconds it takes.
    #[must_use]
    pub fn next(&self, node: NodeIx) -> &[(NodeIx, u32)] {
        let at = |position: usize| self.starts.get(position).map_or(0, |&start| start as usize);
        self.edges.get(at(node.at())..at(node.at() + 1)).unwrap_or(&[])
    }

    /// Finds everything reachable from `starts` without entering a `blocked` node, earliest first.
    ///
    /// A start that is itself blocked does not count, so the caller adds
    /// entrenched footholds to `entrenched` instead: they always count.
    #[must_use]
    pub fn reach(
        &self,
        starts: impl IntoIterator<Item = NodeIx>,
        entrenched: impl IntoIterator<Item = NodeIx>,
        blocked: &NodeSet,
    ) -> Reach {
        let nodes = self.starts.len().saturating_sub(1);
        let mut reach = Reach { seconds: vec![None; nodes], parent: vec![None; nodes] };
        let mut queue = BinaryHeap::new();
        let open = starts.into_iter().filter(|&start| !blocked.contains(start));
        for start in open.chain(entrenched) {
            if reach.improve(start, 0, None) {
                queue.push(Reverse((0, start)));
            }
        }
        while let Some(Reverse((at, node))) = queue.pop() {
            if reach.seconds(node) != Some(at) {
                continue;
            }
            for &(next, seconds) in self.next(node) {
                let arrival = at + u64::from(seconds);
                if !blocked.contains(next) && reach.improve(next, arrival, Some(node)) {
                    queue.push(Reverse((arrival, next)));
                }
            }
        }
        reach
    }
}

impl Reach {
    fn improve(&mut self, node: NodeIx, at: u64, from: Option<NodeIx>) -> bool {
        let (Some(seconds), Some(parent)) =
            (self.seconds.get_mut(node.at()), self.parent.get_mut(node.at()))
        else {
            return false;
        };
        let better = seconds.is_none_or(|known| at < known);
        if better {
            (*seconds, *parent) = (Some(at), from);
        }
        better
    }

    /// Seconds from the start to the earliest control of a node; `None` if it is not reached.
    #[must_use]
    pub fn seconds(&self, node: NodeIx) -> Option<u64> {
        self.seconds.get(node.at()).copied().flatten()
    }

    /// Tells whether a node is reached.
    #[must_use]
    pub fn contains(&self, node: NodeIx) -> bool {
        self.seconds(node).is_some()
    }

    /// The earliest path to a node, from a start to the node; empty if it is not reached.
    #[must_use]
    pub fn path(&self, node: NodeIx) -> Vec<NodeIx> {
        let mut path = Vec::new();
        let mut at = self.contains(node).then_some(node);
        while let Some(node) = at {
            path.push(node);
            at = self.parent.get(node.at()).copied().flatten();
        }
        path.reverse();
        path
    }
}
