//! The range as the ground on which intruder and staff move.
//!
//! A node is held while new use of it is possible, and beyond that as long as
//! the holder has something open there: disabling an account does not end its
//! sessions, so the intruder works on until they are ended, too.

use std::sync::Arc;

use cordon_connectors::range::{Range, Session};
use cordon_model::estate::Mode;
use cordon_model::outage::NodeSet;
use cordon_model::{Estate, NodeIx};

use super::intruder::Terrain;

/// Under this name the intruder's sessions stand in the range.
const INTRUDER: &str = "intruder";

/// The ground as staff find it: a door is open or shut.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) estate: Arc<Estate>,
    pub(crate) range: Range,
}

/// The ground as the intruder finds it: what is open stays open until it is ended.
#[derive(Clone, Debug)]
pub(crate) struct Occupied {
    ground: Ground,
    outlasting: NodeSet,
}

impl Ground {
    /// An untouched range of an estate.
    pub(crate) fn new(estate: Arc<Estate>) -> Self {
        let range = Range::new(Arc::clone(&estate));
        Self { estate, range }
    }

    fn is_open(&self, node: NodeIx) -> bool {
        self.range.is_open(self.estate.id(node))
    }
}

impl Terrain for Ground {
    fn permits(&self, from: NodeIx, to: NodeIx) -> bool {
        self.range.permits(self.estate.id(from), self.estate.id(to))
    }

    fn holds(&self, node: NodeIx) -> bool {
        self.is_open(node)
    }
}

impl Occupied {
    /// Works out on which nodes something open outlasts a refusal: those that offer an end.
    pub(crate) fn new(ground: Ground) -> Self {
        let estate = &ground.estate;
        let ends = estate.withdrawals().iter().filter(|w| w.mode == Mode::End);
        let nodes = ends.flat_map(|w| w.removes.iter().copied());
        let outlasting = NodeSet::from_nodes(estate.nodes().len(), nodes);
        Self { ground, outlasting }
    }

    /// Opens a session for the intruder on a node that was just won.
    pub(crate) fn occupy(&self, node: NodeIx) {
        if self.outlasting.contains(node) {
            let session = Session { who: INTRUDER.to_owned(), until: None, cannot_be_ended: false };
            self.ground.range.open_session(self.ground.estate.id(node), session);
        }
    }
}

impl Terrain for Occupied {
    fn permits(&self, from: NodeIx, to: NodeIx) -> bool {
        self.ground.permits(from, to)
    }

    fn holds(&self, node: NodeIx) -> bool {
        let has_session = || self.ground.range.has_session(self.ground.estate.id(node), INTRUDER);
        self.ground.is_open(node) || self.outlasting.contains(node) && has_session()
    }
}
