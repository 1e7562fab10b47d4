//! What stops when nodes go: the checker's own evaluation of needs.
//!
//! Works from what went to what depended on it, so that asking it of every
//! single withdrawal of a large plan stays cheap. Written apart from
//! `model::outage` on purpose.

use std::collections::BTreeSet;

use cordon_model::needs::Needs;
use cordon_model::{Estate, NodeIx, ServiceIx};
use rustc_hash::{FxHashMap, FxHashSet};

/// Whose needs a node occurs in.
#[derive(Clone, Copy, Debug)]
enum Dependant {
    Node(NodeIx),
    Service(ServiceIx),
}

/// Who depends on which node.
#[derive(Debug)]
pub(crate) struct Dependence<'a> {
    estate: &'a Estate,
    dependants: FxHashMap<NodeIx, Vec<Dependant>>,
}

impl<'a> Dependence<'a> {
    pub(crate) fn new(estate: &'a Estate) -> Self {
        let mut dependants: FxHashMap<NodeIx, Vec<Dependant>> = FxHashMap::default();
        let mut note = |needs: &Needs, who: Dependant| {
            each_leaf(needs, &mut |leaf| dependants.entry(leaf).or_default().push(who));
        };
        for &node in estate.needs_order() {
            if let Some(needs) = estate.needs(node) {
                note(needs, Dependant::Node(node));
            }
        }
        for (service, index) in estate.services().iter().zip((0..).map(ServiceIx)) {
            note(&service.needs, Dependant::Service(index));
        }
        Self { estate, dependants }
    }

    /// The services that stop when `removed` are gone, through any number of steps.
    pub(crate) fn stopped(&self, removed: impl IntoIterator<Item = NodeIx>) -> BTreeSet<ServiceIx> {
        let mut stopped = BTreeSet::new();
        let mut down: FxHashSet<NodeIx> = FxHashSet::default();
        let mut fallen: Vec<NodeIx> =
            removed.into_iter().filter(|&node| down.insert(node)).collect();
        while let Some(node) = fallen.pop() {
            for &dependant in self.dependants.get(&node).map_or(&[][..], Vec::as_slice) {
                match dependant {
                    Dependant::Node(owner) => {
                        let fails = !down.contains(&owner)
                            && self.estate.needs(owner).is_some_and(|tree| fails(tree, &down));
                        if fails {
                            down.insert(owner);
                            fallen.push(owner);
                        }
                    }
                    Dependant::Service(service) => {
                        let needs = &self.estate.service(service).needs;
                        if !stopped.contains(&service) && fails(needs, &down) {
                            stopped.insert(service);
                        }
                    }
                }
            }
        }
        stopped
    }
}

fn each_leaf(needs: &Needs, visit: &mut impl FnMut(NodeIx)) {
    match needs {
        Needs::Node(node) => visit(*node),
        Needs::AtLeast { of, .. } => of.iter().for_each(|child| each_leaf(child, visit)),
    }
}

fn fails(needs: &Needs, down: &FxHashSet<NodeIx>) -> bool {
    match needs {
        Needs::Node(node) => down.contains(node),
        Needs::AtLeast { k, of } => {
            let holding = of.iter().filter(|child| !fails(child, down)).count();
            holding < *k as usize
        }
    }
}
