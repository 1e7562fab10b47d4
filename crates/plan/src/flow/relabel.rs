//! Exact labels for all places of a flow at once.

use rustc_hash::FxHashMap;

use super::{Pipes, into, out_of};
use crate::dense::{Dense, index};
use crate::labels::NEVER;
use crate::scratch::Scratch;

impl Pipes<'_, '_> {
    /// Gives every place its distance in the residual network, breadth-first from the assets.
    ///
    /// Where the cut is far from the footholds, lifting a million places step by step costs
    /// many times this (Cherkassky and Goldberg, 1997, call it global relabelling).
    pub(super) fn relabel(&mut self) {
        let mut after: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for &to in &self.touched {
            for &from in self.before.get(&to).into_iter().flatten() {
                if self.between.get(&(from, to)).is_some_and(|&flow| flow > 0) {
                    after.entry(from).or_default().push(to);
                }
            }
        }
        self.lifted_to.clear();
        let mut found = self.case.net.memory.small.lend();
        let mut queue: Vec<u32> = Vec::new();
        for asset in self.room.indexes().filter(|&asset| self.room[asset] > 0) {
            found.set(2 * self.nodes + asset, 1);
            queue.push(2 * self.nodes + asset);
        }
        let mut at = 0;
        let mut into_it: Vec<u32> = Vec::new();
        while let Some(&place) = queue.get(at) {
            at += 1;
            self.sources(place, &after, &mut into_it);
            self.work += into_it.len() as u64;
            for before in into_it.drain(..) {
                if found[before] == 0 {
                    let label = found[place] + 1;
                    found.set(before, label);
                    queue.push(before);
                }
            }
        }
        self.adopt(&found);
        self.relabel_at = self.work + self.case.net.back.total();
    }

    /// The places from which flow could go to a place.
    fn sources(&mut self, place: u32, after: &FxHashMap<u32, Vec<u32>>, into_it: &mut Vec<u32>) {
        let (net, node) = (self.case.net, place / 2);
        if place >= 2 * self.nodes {
            let asset = net.estate.assets().get((place - 2 * self.nodes) as usize);
            into_it.extend(asset.iter().flat_map(|asset| asset.places()).map(|at| out_of(at.0)));
        } else if place.is_multiple_of(2) {
            into_it.extend(net.back[node].iter().map(|&before| out_of(before)));
            if self.carried[node] > 0 {
                into_it.push(out_of(node));
            }
        } else {
            if self.carried[node] < self.width(node) {
                into_it.push(into(node));
            }
            // An asset is numbered after the nodes, and twice the nodes here.
            let place_of = |&to: &u32| if to < self.nodes { into(to) } else { self.nodes + to };
            into_it.extend(after.get(&node).into_iter().flatten().map(place_of));
        }
    }

    /// Takes labels over, with all that rests on them.
    fn adopt(&mut self, found: &Scratch<u32>) {
        self.arc.clear();
        self.lifted = Dense::default();
        self.count = Dense::default();
        for place in 0..2 * self.nodes + index(self.room.len()) {
            let label = if found[place] == 0 { NEVER } else { found[place] };
            self.lifted_to.set(place, label);
            if label != NEVER {
                while self.count.len() <= label as usize {
                    self.count.push(0);
                    self.lifted.push(Vec::new());
                }
                self.count[label] += 1;
            }
        }
        self.highest = index(self.count.len());
    }
}
