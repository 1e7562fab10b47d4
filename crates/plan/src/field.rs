//! What the intruder reaches when some columns are chosen, kept so that one can be dropped cheaply.
//!
//! A field holds the reached side of the cut. Opening one column explores only
//! what that column kept shut; shutting it again forgets it. Everything here is
//! exact: no weights, no tolerances.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::case::Case;
use crate::scratch::Lent;

/// Reached without a link.
const START: u32 = u32::MAX;

/// The reached side under a set of chosen columns.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    case: &'a Case<'a>,
    /// Per node, how many chosen columns remove it.
    blocked: Lent<'a, u32>,
    /// Per node, 0 where it is not reached, [`START`], or one more than the node it was reached from.
    from: Lent<'a, u32>,
    order: Vec<u32>,
}

impl<'a> Field<'a> {
    pub(crate) fn new(case: &'a Case<'a>, chosen: &[u32]) -> Self {
        let memory = &case.net.memory;
        let (blocked, from) = (memory.small.lend(), memory.small.lend());
        let mut field = Self { case, blocked, from, order: Vec::new() };
        for &column in chosen {
            for &node in &case.net.columns[column].nodes {
                let by = field.blocked[node] + 1;
                field.blocked.set(node, by);
            }
        }
        field.flood();
        field
    }

    fn flood(&mut self) {
        for start in &self.case.starts {
            if (start.entrenched || self.blocked[start.node] == 0) && !self.reaches(start.node) {
                self.enter(start.node, START);
            }
        }
        // First reached, first explored: paths have the fewest links.
        let mut at = 0;
        while let Some(&node) = self.order.get(at) {
            at += 1;
            for &(next, _) in &self.case.net.next[node] {
                if !self.reaches(next) && self.blocked[next] == 0 {
                    self.enter(next, node + 1);
                }
            }
        }
    }

    fn enter(&mut self, node: u32, from: u32) {
        self.from.set(node, from);
        self.order.push(node);
    }

    pub(crate) fn reaches(&self, node: u32) -> bool {
        self.from[node] != 0
    }

    /// Reached nodes, in the order of reaching.
    pub(crate) fn reached(&self) -> &[u32] {
        &self.order
    }

    /// A point to which [`Field::shut`] can return.
    pub(crate) fn mark(&self) -> usize {
        self.order.len()
    }

    /// Drops a column and explores what opens, nearest to an asset first, until `stop` says so.
    pub(crate) fn open(&mut self, column: u32, mut stop: impl FnMut(u32) -> bool) -> Option<u32> {
        let net = self.case.net;
        for &node in &net.columns[column].nodes {
            let by = self.blocked[node] - 1;
            self.blocked.set(node, by);
        }
        let mut queue = BinaryHeap::new();
        for &node in &net.columns[column].nodes {
            if self.reaches(node) || self.blocked[node] > 0 {
                continue;
            }
            let from = net.back[node].iter().copied().find(|&before| self.reaches(before));
            if from.is_some() || self.case.is_foothold(node) {
                self.enter(node, from.map_or(START, |before| before + 1));
                queue.push(Reverse((net.labels.of(node), node)));
            }
        }
        while let Some(Reverse((_, node))) = queue.pop() {
            if stop(node) {
                return Some(node);
            }
            for &(next, _) in &net.next[node] {
                if !self.reaches(next) && self.blocked[next] == 0 {
                    self.enter(next, node + 1);
                    queue.push(Reverse((net.labels.of(next), next)));
                }
            }
        }
        None
    }

    /// Chooses a column again and forgets all that was reached since `mark`.
    pub(crate) fn shut(&mut self, column: u32, mark: usize) {
        for &node in &self.case.net.columns[column].nodes {
            let by = self.blocked[node] + 1;
            self.blocked.set(node, by);
        }
        for node in self.order.drain(mark..) {
            self.from.set(node, 0);
        }
    }
}
