//! What stops when nodes go: the trees of needs as one net of gates.
//!
//! Everything that can be down (a node, a service, an inner gate of a tree) is
//! an *item*; every gate says "down when more than `slack` of my children are".
//! The root gate of a tree has its owner as its item, as the certificate's
//! contract wants it. Agrees with `cordon_model::outage`, but works by counting
//! so that one more withdrawal costs only what it brings down.

use cordon_model::estate::Estate;
use cordon_model::ids::{NodeIx, ServiceIx};
use cordon_model::needs::Needs;

use crate::dense::{Dense, Lists, index};

/// No such item.
pub(crate) const NONE: u32 = u32::MAX;

/// Whose tree a gate stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Node(NodeIx),
    Service(ServiceIx),
}

/// One "at least k of these" of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) owner: Owner,
    /// Position in the owner's tree, in preorder.
    pub(crate) position: u32,
    /// The item that is down when this gate fails.
    pub(crate) item: u32,
    /// Children that may be down: n - k.
    pub(crate) slack: u32,
    /// Items, in written order; one may occur twice.
    pub(crate) children: Vec<u32>,
}

/// All gates of an estate.
#[derive(Debug)]
pub(crate) struct Gates {
    pub(crate) gates: Dense<Gate>,
    /// Per item, the gates that have it as a child and its position there.
    pub(crate) feeds: Lists<(u32, u32)>,
    /// Per node, its item, or [`NONE`] where nothing depends on it.
    pub(crate) item_of: Dense<u32>,
    /// Per item, the service that it is, or [`NONE`].
    pub(crate) service_of: Dense<u32>,
    /// Per item, whether a service with a price or a guard depends on it.
    pub(crate) matters: Dense<bool>,
}

impl Gates {
    pub(crate) fn new(estate: &Estate) -> Self {
        let mut builder = Builder {
            gates: Dense::default(),
            item_of: Dense::filled(NONE, estate.nodes().len()),
            service_of: Dense::default(),
        };
        for &node in estate.needs_order() {
            let item = builder.item(node);
            if let Some(needs) = estate.needs(node) {
                builder.tree(Owner::Node(node), item, needs);
            }
        }
        for (service, at) in estate.services().iter().zip(0..) {
            let item = builder.service_of.push(at);
            builder.tree(Owner::Service(ServiceIx(at)), item, &service.needs);
        }
        let Builder { gates, item_of, service_of } = builder;
        let pairs = || {
            gates.iter().zip(0..).flat_map(|(gate, at): (&Gate, u32)| {
                gate.children.iter().zip(0..).map(move |(&child, position)| (child, (at, position)))
            })
        };
        let feeds = Lists::gather(service_of.len(), pairs);
        let mut made = Self { gates, feeds, item_of, service_of, matters: Dense::default() };
        let weights = estate.services().iter().map(|service| estate.stop_price(service).0);
        made.mark_what_matters(estate, &weights.collect::<Vec<_>>().into());
        made
    }

    /// Marks what a service with a price or a guard depends on; `weight` is per service.
    pub(crate) fn mark_what_matters(&mut self, estate: &Estate, weight: &Dense<i64>) {
        let mut gates_of = Dense::filled(Vec::new(), self.service_of.len());
        for (gate, at) in self.gates.iter().zip(0..) {
            gates_of[gate.item].push(at);
        }
        let mut matters = Dense::filled(false, self.service_of.len());
        let mut stack: Vec<u32> = Vec::new();
        for item in self.service_of.indexes().filter(|&item| self.service_of[item] != NONE) {
            let service = self.service_of[item];
            if estate.service(ServiceIx(service)).protected || weight[service] > 0 {
                matters[item] = true;
                stack.push(item);
            }
        }
        while let Some(item) = stack.pop() {
            for &gate in &gates_of[item] {
                for &child in &self.gates[gate].children {
                    if !matters[child] {
                        matters[child] = true;
                        stack.push(child);
                    }
                }
            }
        }
        self.matters = matters;
    }

    /// The item of a node on which a priced or protected service depends.
    pub(crate) fn item_that_matters(&self, node: u32) -> Option<u32> {
        let item = self.item_of[node];
        (item != NONE && self.matters[item]).then_some(item)
    }
}

struct Builder {
    gates: Dense<Gate>,
    item_of: Dense<u32>,
    service_of: Dense<u32>,
}

impl Builder {
    fn item(&mut self, node: NodeIx) -> u32 {
        if self.item_of[node.0] == NONE {
            self.item_of[node.0] = self.service_of.push(NONE);
        }
        self.item_of[node.0]
    }

    fn tree(&mut self, owner: Owner, item: u32, needs: &Needs) {
        if let Needs::Node(node) = needs {
            // A tree that is one leaf is a gate "1 of 1" at position 0.
            let children = vec![self.item(*node)];
            self.gates.push(Gate { owner, position: 0, item, slack: 0, children });
            return;
        }
        self.gate(owner, item, needs, &mut 0);
    }

    fn gate(&mut self, owner: Owner, item: u32, needs: &Needs, position: &mut u32) {
        let Needs::AtLeast { k, of } = needs else { return };
        let slack = index(of.len()).saturating_sub(*k);
        let gate = Gate { owner, position: *position, item, slack, children: Vec::new() };
        let at = self.gates.push(gate);
        let mut children = Vec::with_capacity(of.len());
        for child in of {
            *position += 1;
            children.push(match child {
                Needs::Node(node) => self.item(*node),
                Needs::AtLeast { .. } => {
                    let inner = self.service_of.push(NONE);
                    self.gate(owner, inner, child, position);
                    inner
                }
            });
        }
        self.gates[at].children = children;
    }
}

/// What is down at the moment; grows with [`Fallout::take_down`], shrinks with [`Fallout::undo`].
#[derive(Debug)]
pub(crate) struct Fallout<'a> {
    gates: &'a Gates,
    down: Dense<bool>,
    failed: Dense<u32>,
    trail: Vec<u32>,
    /// Stopped services, in the order in which they stopped.
    pub(crate) stopped: Vec<u32>,
}

impl<'a> Fallout<'a> {
    pub(crate) fn new(gates: &'a Gates) -> Self {
        Self {
            gates,
            down: Dense::filled(false, gates.service_of.len()),
            failed: Dense::filled(0, gates.gates.len()),
            trail: Vec::new(),
            stopped: Vec::new(),
        }
    }

    /// Tells whether an item is down.
    pub(crate) fn is_down(&self, item: u32) -> bool {
        self.down[item]
    }

    /// A point to which [`Fallout::undo`] can return.
    pub(crate) fn mark(&self) -> usize {
        self.trail.len()
    }

    /// Takes a node down with all that falls with it.
    pub(crate) fn take_down(&mut self, node: u32) {
        let first = self.gates.item_of[node];
        if first == NONE || self.down[first] {
            return;
        }
        let mut at = self.trail.len();
        self.mark_down(first);
        while let Some(&item) = self.trail.get(at) {
            at += 1;
            for &(gate, _) in &self.gates.feeds[item] {
                self.failed[gate] += 1;
                let gate_ref = &self.gates.gates[gate];
                if self.failed[gate] > gate_ref.slack && !self.down[gate_ref.item] {
                    self.mark_down(gate_ref.item);
                }
            }
        }
    }

    fn mark_down(&mut self, item: u32) {
        self.down[item] = true;
        self.trail.push(item);
        if self.gates.service_of[item] != NONE {
            self.stopped.push(self.gates.service_of[item]);
        }
    }

    /// Brings up again all that went down since `mark`.
    pub(crate) fn undo(&mut self, mark: usize) {
        while self.trail.len() > mark {
            let Some(item) = self.trail.pop() else { return };
            self.down[item] = false;
            if self.gates.service_of[item] != NONE {
                self.stopped.pop();
            }
            for &(gate, _) in &self.gates.feeds[item] {
                self.failed[gate] -= 1;
            }
        }
    }
}
