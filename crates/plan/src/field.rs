//! What the intruder reaches when some columns are chosen, kept so that one can be dropped cheaply.
//!
//! A field holds the reached side of the cut. Opening one column explores only
//! what that column kept shut; shutting it again forgets it. Everything here is
//! exact: no weights, no tolerances.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::case::Case;
use crate::dense::Dense;
use crate::gates::NONE;

/// The reached side under a set of chosen columns.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    case: &'a Case<'a>,
    /// Per node, how many chosen columns remove it.
    blocked: Dense<u32>,
    reached: Dense<bool>,
    parent: Dense<u32>,
    order: Vec<u32>,
}

impl<'a> Field<'a> {
    pub(crate) fn new(case: &'a Case<'a>, chosen: &[u32]) -> Self {
        let nodes = case.net.nodes();
        let mut field = Self {
            case,
            blocked: Dense::filled(0, nodes),
            reached: Dense::filled(false, nodes),
            parent: Dense::filled(NONE, nodes),
            order: Vec::new(),
        };
        for &column in chosen {
            for &node in &case.net.columns[column].nodes {
                field.blocked[node] += 1;
            }
        }
        field.flood();
        field
    }

    fn flood(&mut self) {
        for start in &self.case.starts {
            if (start.entrenched || self.blocked[start.node] == 0) && !self.reached[start.node] {
                self.enter(start.node, NONE);
            }
        }
        // First reached, first explored: paths have the fewest links.
        let mut at = 0;
        while let Some(&node) = self.order.get(at) {
            at += 1;
            for &(next, _) in &self.case.net.next[node] {
                if !self.reached[next] && self.blocked[next] == 0 {
                    self.enter(next, node);
                }
            }
        }
    }

    fn enter(&mut self, node: u32, from: u32) {
        self.reached[node] = true;
        self.parent[node] = from;
        self.order.push(node);
    }

    pub(crate) fn reaches(&self, node: u32) -> bool {
        self.reached[node]
    }

    /// Reached nodes, in the order of reaching.
    pub(crate) fn reached(&self) -> &[u32] {
        &self.order
    }

    /// The path by which a node was reached, from a start.
    pub(crate) fn path(&self, node: u32) -> Vec<u32> {
        let mut path = Vec::new();
        let mut at = node;
        while at != NONE && self.reached[at] {
            path.push(at);
            at = self.parent[at];
        }
        path.reverse();
        path
    }

    /// A point to which [`Field::shut`] can return.
    pub(crate) fn mark(&self) -> usize {
        self.order.len()
    }

    /// Drops a column and explores what opens, nearest to an asset first, until `stop` says so.
    pub(crate) fn open(&mut self, column: u32, mut stop: impl FnMut(u32) -> bool) -> Option<u32> {
        let net = self.case.net;
        for &node in &net.columns[column].nodes {
            self.blocked[node] -= 1;
        }
        let mut queue = BinaryHeap::new();
        for &node in &net.columns[column].nodes {
            if self.reached[node] || self.blocked[node] > 0 {
                continue;
            }
            let from = net.back[node].iter().copied().find(|&before| self.reached[before]);
            if from.is_some() || self.case.starts.iter().any(|start| start.node == node) {
                self.enter(node, from.unwrap_or(NONE));
                queue.push(Reverse((net.label[node], node)));
            }
        }
        while let Some(Reverse((_, node))) = queue.pop() {
            if stop(node) {
                return Some(node);
            }
            for &(next, _) in &net.next[node] {
                if !self.reached[next] && self.blocked[next] == 0 {
                    self.enter(next, node);
                    queue.push(Reverse((net.label[next], next)));
                }
            }
        }
        None
    }

    /// Chooses a column again and forgets all that was reached since `mark`.
    pub(crate) fn shut(&mut self, column: u32, mark: usize) {
        for &node in &self.case.net.columns[column].nodes {
            self.blocked[node] += 1;
        }
        for node in self.order.drain(mark..) {
            self.reached[node] = false;
        }
    }
}
