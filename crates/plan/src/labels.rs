//! Labels: how few links each node is from an asset, kept true when links come and go.
//!
//! They guide the searches and are the first distances of the flow. A changed
//! link costs what it changes: nearer labels spread from an added link; after a
//! removed one the nodes that it alone supported are found level by level and
//! labelled anew (Ramalingam and Reps, 1996, for links of length 1).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cordon_model::estate::Estate;
use cordon_model::ids::NodeIx;

use crate::dense::{Dense, Lists};

/// Label of a node from which no asset can be reached.
pub(crate) const NEVER: u32 = u32::MAX;

/// Per node, the fewest links to an asset that is worth something, or [`NEVER`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    at: Dense<u32>,
    /// How many nodes have each label; the last is not 0.
    counts: Vec<u32>,
}

impl Labels {
    /// Labels all nodes, breadth-first from the assets against the links.
    pub(crate) fn new(estate: &Estate, back: &Lists<u32>) -> Self {
        let mut labels =
            Self { at: Dense::filled(NEVER, estate.nodes().len()), counts: Vec::new() };
        let mut queue: Vec<u32> = Vec::new();
        for asset in estate.assets().iter().filter(|a| a.must_hold || a.loss.0 > 0) {
            for NodeIx(node) in asset.places() {
                if labels.at[node] == NEVER {
                    labels.set(node, 0);
                    queue.push(node);
                }
            }
        }
        let mut at = 0;
        while let Some(&node) = queue.get(at) {
            at += 1;
            for &before in &back[node] {
                if labels.at[before] == NEVER {
                    labels.set(before, labels.at[node] + 1);
                    queue.push(before);
                }
            }
        }
        labels
    }

    /// The label of a node.
    #[inline]
    pub(crate) fn of(&self, node: u32) -> u32 {
        self.at[node]
    }

    /// How many nodes have each label.
    pub(crate) fn counts(&self) -> &[u32] {
        &self.counts
    }

    fn set(&mut self, node: u32, label: u32) {
        let old = std::mem::replace(&mut self.at[node], label);
        if let Some(count) = self.counts.get_mut(old as usize) {
            *count -= 1;
        }
        if label != NEVER {
            if self.counts.len() <= label as usize {
                self.counts.resize(label as usize + 1, 0);
            }
            if let Some(count) = self.counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        while self.counts.last() == Some(&0) {
            self.counts.pop();
        }
    }

    /// Lowers labels where a new link is a shorter way.
    pub(crate) fn link_added(&mut self, back: &Lists<u32>, from: u32, to: u32) {
        if self.at[to] == NEVER || self.at[to] + 1 >= self.at[from] {
            return;
        }
        self.set(from, self.at[to] + 1);
        let mut queue = vec![from];
        let mut at = 0;
        while let Some(&node) = queue.get(at) {
            at += 1;
            for &before in &back[node] {
                if self.at[node] + 1 < self.at[before] {
                    self.set(before, self.at[node] + 1);
                    queue.push(before);
                }
            }
        }
    }

    /// Raises labels that rested on a link of `from` that is gone.
    pub(crate) fn link_removed(&mut self, next: &Lists<(u32, u32)>, back: &Lists<u32>, from: u32) {
        let orphans = self.orphans(next, back, from);
        let mut queue = BinaryHeap::new();
        for &node in &orphans {
            if let Some(label) = self.supported(next, node) {
                queue.push(Reverse((label, node)));
            }
        }
        while let Some(Reverse((label, node))) = queue.pop() {
            if label >= self.at[node] {
                continue;
            }
            self.set(node, label);
            for &before in &back[node] {
                if label + 1 < self.at[before] {
                    queue.push(Reverse((label + 1, before)));
                }
            }
        }
    }

    /// Unlabels every node that no way of its label's length leads from any more.
    fn orphans(&mut self, next: &Lists<(u32, u32)>, back: &Lists<u32>, from: u32) -> Vec<u32> {
        let mut queue = vec![from];
        let mut orphans = Vec::new();
        let mut at = 0;
        // First in, first out: every node is looked at after all nodes of lower labels.
        while let Some(&node) = queue.get(at) {
            at += 1;
            let label = self.at[node];
            if label == NEVER || label == 0 || self.supported(next, node) == Some(label) {
                continue;
            }
            self.set(node, NEVER);
            orphans.push(node);
            queue.extend(back[node].iter().filter(|&&before| self.at[before] == label + 1));
        }
        orphans
    }

    /// One more than the least label that a node's links lead to.
    fn supported(&self, next: &Lists<(u32, u32)>, node: u32) -> Option<u32> {
        let labels = next[node].iter().map(|&(to, _)| self.at[to]);
        labels.filter(|&label| label != NEVER).min().map(|label| label + 1)
    }
}
