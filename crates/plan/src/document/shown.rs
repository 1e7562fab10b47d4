//! The paths that a plan shows, each the only one of its form.
//!
//! The form stands in `cordon_model::plan`, so that a path which was exchanged
//! shows. What the intruder reaches is searched once, breadth first; what one
//! withdrawal keeps shut is searched from there, nearest to an asset first, and
//! only until something worth showing is found.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use crate::case::Case;
use crate::gates::NONE;
use crate::scratch::Lent;

/// What the intruder reaches under a plan, and how.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    case: &'a Case<'a>,
    /// Per node, how many chosen columns remove it.
    blocked: Lent<'a, u32>,
    /// Per node, one more than the fewest links from a start; 0 where it is not reached.
    far: Lent<'a, u32>,
    /// Per node, one more than the least node before it on a shortest path; 0 at a start.
    before: Lent<'a, u32>,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(case: &'a Case<'a>, chosen: &[u32]) -> Self {
        let memory = &case.net.memory;
        let mut blocked = memory.small.lend();
        for &column in chosen {
            for &node in &case.net.columns[column].nodes {
                let by = blocked[node] + 1;
                blocked.set(node, by);
            }
        }
        let (far, before) = (memory.small.lend(), memory.small.lend());
        let mut shown = Self { case, blocked, far, before };
        shown.search();
        shown
    }

    fn search(&mut self) {
        let mut order: Vec<u32> = Vec::new();
        for start in &self.case.starts {
            if start.entrenched || self.blocked[start.node] == 0 {
                self.far.set(start.node, 1);
                order.push(start.node);
            }
        }
        let mut at = 0;
        while let Some(&node) = order.get(at) {
            at += 1;
            let here = self.far[node] + 1;
            for &(next, _) in &self.case.net.next[node] {
                if self.far[next] == 0 && self.blocked[next] == 0 {
                    self.far.set(next, here);
                    order.push(next);
                }
                let known = self.before[next];
                if self.far[next] == here && (known == 0 || node + 1 < known) {
                    self.before.set(next, node + 1);
                }
            }
        }
    }

    pub(crate) fn reaches(&self, node: u32) -> bool {
        self.far[node] != 0
    }

    /// The path to a node that is reached.
    pub(crate) fn path(&self, node: u32) -> Vec<u32> {
        let mut path = vec![node];
        let mut at = node;
        while self.before[at] != 0 {
            at = self.before[at] - 1;
            path.push(at);
        }
        path.reverse();
        path
    }

    /// The path that opens when one of the chosen columns is left out, to the first node with `goal`.
    pub(crate) fn opened(&self, column: u32, goal: impl Fn(u32) -> bool) -> Option<Vec<u32>> {
        let net = self.case.net;
        let own = &net.columns[column].nodes;
        let mut queue = BinaryHeap::new();
        let mut came: FxHashMap<u32, u32> = FxHashMap::default();
        for &node in own.iter().filter(|&&node| self.blocked[node] == 1 && !self.reaches(node)) {
            if let Some(from) = self.entered_from(node) {
                came.insert(node, from);
                queue.push(Reverse((net.labels.of(node), node)));
            }
        }
        while let Some(Reverse((_, node))) = queue.pop() {
            if goal(node) {
                return Some(self.path_beyond(node, &came));
            }
            for &(next, _) in &net.next[node] {
                let open = match self.blocked[next] {
                    0 => true,
                    1 => own.contains(&next),
                    _ => false,
                };
                if open && !self.reaches(next) && !came.contains_key(&next) {
                    came.insert(next, node);
                    queue.push(Reverse((net.labels.of(next), next)));
                }
            }
        }
        None
    }

    /// Where the intruder comes from into a node that is not reached; [`NONE`] at a start.
    fn entered_from(&self, node: u32) -> Option<u32> {
        if self.case.is_foothold(node) {
            return Some(NONE);
        }
        let reached = self.case.net.back[node].iter().copied().filter(|&from| self.reaches(from));
        reached.min_by_key(|&from| (self.far[from], from))
    }

    fn path_beyond(&self, end: u32, came: &FxHashMap<u32, u32>) -> Vec<u32> {
        let mut beyond = vec![end];
        let mut at = end;
        while let Some(&from) = came.get(&at) {
            if from == NONE {
                break;
            }
            if self.reaches(from) {
                let mut path = self.path(from);
                path.extend(beyond.iter().rev());
                return path;
            }
            beyond.push(from);
            at = from;
        }
        beyond.reverse();
        beyond
    }
}
