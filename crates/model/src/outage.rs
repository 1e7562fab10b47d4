//! What stops if these nodes are gone.
//!
//! A node is down when it is removed or when its own needs fail, through any
//! number of steps; a service is stopped when its needs fail. This is the one
//! place that says so for the planner's results, the console and the drill;
//! the checker of plans has its own.

use crate::estate::{Estate, Service};
use crate::ids::{NodeIx, ServiceIx};
use crate::needs::Needs;

/// The nodes that are down and the services that are stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outage {
    down: NodeSet,
    /// Stopped services, in the estate's order.
    pub stopped: Vec<ServiceIx>,
}

impl Outage {
    /// Works out what stops when `removed` are gone.
    pub fn of(estate: &Estate, removed: impl IntoIterator<Item = NodeIx>) -> Self {
        let mut down = NodeSet::new(estate.nodes().len());
        for node in removed {
            down.insert(node);
        }
        for &node in estate.needs_order() {
            if estate.needs(node).is_some_and(|needs| !holds(needs, &down)) {
                down.insert(node);
            }
        }
        let services = estate.services().iter().zip((0..).map(ServiceIx));
        let stopped = services
            .filter(|(service, _)| !holds(&service.needs, &down))
            .map(|(_, index)| index)
            .collect();
        Self { down, stopped }
    }

    /// Tells whether a node is down.
    #[must_use]
    pub fn is_down(&self, node: NodeIx) -> bool {
        self.down.contains(node)
    }
}

/// The nodes that services need in any way, through any number of steps, alternatives included.
#[must_use]
pub fn needed<'a>(estate: &Estate, services: impl IntoIterator<Item = &'a Service>) -> NodeSet {
    let mut nodes = Vec::new();
    for service in services {
        service.needs.each_node(&mut |node| nodes.push(node));
    }
    needed_by_nodes(estate, nodes)
}

/// Some nodes and what they need in any way, through any number of steps, alternatives included.
#[must_use]
pub fn needed_by_nodes(estate: &Estate, nodes: impl IntoIterator<Item = NodeIx>) -> NodeSet {
    let mut needed = NodeSet::new(estate.nodes().len());
    let mut waiting: Vec<NodeIx> = nodes.into_iter().collect();
    while let Some(node) = waiting.pop() {
        if needed.insert(node)
            && let Some(needs) = estate.needs(node)
        {
            needs.each_node(&mut |node: NodeIx| waiting.push(node));
        }
    }
    needed
}

fn holds(needs: &Needs, down: &NodeSet) -> bool {
    needs.holds(&mut |node| !down.contains(node))
}

/// A set of nodes of one estate, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSet {
    words: Vec<u64>,
}

impl NodeSet {
    /// An empty set for an estate of `nodes` nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { words: vec![0; nodes.div_ceil(64)] }
    }

    /// Makes a set of some nodes.
    #[must_use]
    pub fn from_nodes(nodes: usize, members: impl IntoIterator<Item = NodeIx>) -> Self {
        let mut set = Self::new(nodes);
        for node in members {
            set.insert(node);
        }
        set
    }

    /// Adds a node; tells whether it was new.
    pub fn insert(&mut self, node: NodeIx) -> bool {
        let bit = 1 << (node.0 % 64);
        self.words.get_mut(node.at() / 64).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    /// Takes a node out.
    pub fn remove(&mut self, node: NodeIx) {
        if let Some(word) = self.words.get_mut(node.at() / 64) {
            *word &= !(1 << (node.0 % 64));
        }
    }

    /// Tells whether a node is in.
    #[must_use]
    pub fn contains(&self, node: NodeIx) -> bool {
        self.words.get(node.at() / 64).is_some_and(|word| word & (1 << (node.0 % 64)) != 0)
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = NodeIx> + '_ {
        self.words.iter().zip(0u32..).flat_map(|(&word, at)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| NodeIx(at * 64 + bit))
        })
    }
}
