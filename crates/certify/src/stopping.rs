//! What stops when nodes go: the checker's own evaluation of needs.
//!
//! All trees of needs are one table of gates; what falls is counted from child
//! to gate, so that asking it of every single withdrawal of a large plan costs
//! only what that withdrawal brings down. Written apart from `model::outage` on
//! purpose. The rows of a certificate name these gates too.

use std::collections::BTreeSet;

use cordon_model::needs::Needs;
use cordon_model::{Estate, NodeIx, ServiceIx};
use rustc_hash::{FxHashMap, FxHashSet};

/// Whose tree of needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    Node(NodeIx),
    Service(ServiceIx),
}

/// Something that can be down: an owner, or an inner gate by its place in preorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    Owner(Owner),
    Gate(Owner, u32),
}

/// A gate "k of these": it fails when more than `spare` of its children are down.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) owner: Owner,
    /// Place in the owner's tree, in preorder.
    pub(crate) place: u32,
    pub(crate) spare: u32,
    pub(crate) children: Vec<Item>,
}

impl Gate {
    /// What is down when the gate fails.
    pub(crate) fn item(&self) -> Item {
        if self.place == 0 { Item::Owner(self.owner) } else { Item::Gate(self.owner, self.place) }
    }
}

/// All gates of an estate, and who hangs on whom.
#[derive(Debug)]
pub(crate) struct Dependence {
    gates: Vec<Gate>,
    by_place: FxHashMap<(Owner, u32), u32>,
    /// Per item, the gates that have it as a child, and its place among their children.
    feeds: FxHashMap<Item, Vec<(u32, u32)>>,
}

impl Dependence {
    pub(crate) fn new(estate: &Estate) -> Self {
        let mut gates = Vec::new();
        for &node in estate.needs_order() {
            if let Some(needs) = estate.needs(node) {
                lay_out(Owner::Node(node), needs, &mut gates);
            }
        }
        for (service, index) in estate.services().iter().zip((0..).map(ServiceIx)) {
            lay_out(Owner::Service(index), &service.needs, &mut gates);
        }
        let mut feeds: FxHashMap<Item, Vec<(u32, u32)>> = FxHashMap::default();
        let mut by_place = FxHashMap::default();
        for (gate, at) in gates.iter().zip(0..) {
            by_place.insert((gate.owner, gate.place), at);
            for (&child, place) in gate.children.iter().zip(0..) {
                feeds.entry(child).or_default().push((at, place));
            }
        }
        Self { gates, by_place, feeds }
    }

    /// The gate at a place of a tree.
    pub(crate) fn gate(&self, owner: Owner, place: u32) -> Option<&Gate> {
        self.by_place.get(&(owner, place)).and_then(|&at| self.gates.get(at as usize))
    }

    /// The gates that have an item as a child, and its place among their children.
    pub(crate) fn fed_by(&self, item: Item) -> impl ExactSizeIterator<Item = (Option<&Gate>, u32)> {
        let feeds = self.feeds.get(&item).map_or(&[][..], Vec::as_slice);
        feeds.iter().map(|&(gate, place)| (self.gates.get(gate as usize), place))
    }

    /// The services that stop when `removed` are gone, through any number of steps.
    pub(crate) fn stopped(&self, removed: impl IntoIterator<Item = NodeIx>) -> BTreeSet<ServiceIx> {
        let mut stopped = BTreeSet::new();
        let mut failed: FxHashMap<u32, u32> = FxHashMap::default();
        let mut down: FxHashSet<Item> = FxHashSet::default();
        let mut fallen: Vec<Item> =
            removed.into_iter().map(|node| Item::Owner(Owner::Node(node))).collect();
        fallen.retain(|&item| down.insert(item));
        while let Some(item) = fallen.pop() {
            if let Item::Owner(Owner::Service(service)) = item {
                stopped.insert(service);
            }
            for &(at, _) in self.feeds.get(&item).map_or(&[][..], Vec::as_slice) {
                let count = failed.entry(at).or_default();
                *count += 1;
                let fails = self.gates.get(at as usize).filter(|gate| *count > gate.spare);
                if let Some(gate) = fails
                    && down.insert(gate.item())
                {
                    fallen.push(gate.item());
                }
            }
        }
        stopped
    }
}

/// Lays the gates of a tree out; a tree that is one node alone is a gate "1 of 1".
fn lay_out(owner: Owner, needs: &Needs, gates: &mut Vec<Gate>) {
    match needs {
        Needs::Node(node) => {
            let children = vec![Item::Owner(Owner::Node(*node))];
            gates.push(Gate { owner, place: 0, spare: 0, children });
        }
        Needs::AtLeast { k, of } => lay_out_gate(owner, *k, of, &mut 0, gates),
    }
}

/// Lays out a gate and those below it; `next` is the place of the next part in preorder.
fn lay_out_gate(owner: Owner, k: u32, of: &[Needs], next: &mut u32, gates: &mut Vec<Gate>) {
    let place = *next;
    *next += 1;
    let mut children = Vec::with_capacity(of.len());
    for child in of {
        match child {
            Needs::Node(node) => {
                *next += 1;
                children.push(Item::Owner(Owner::Node(*node)));
            }
            Needs::AtLeast { k, of } => {
                children.push(Item::Gate(owner, *next));
                lay_out_gate(owner, *k, of, next, gates);
            }
        }
    }
    let spare = u32::try_from(of.len()).unwrap_or(u32::MAX).saturating_sub(k);
    gates.push(Gate { owner, place, spare, children });
}
