//! What a service or node needs: AND, OR and k-of-n over nodes.
//!
//! A tree here is already checked and points at node indexes. Reading the text
//! form (`app:pos and 2 of (a:x, b:y, c:z)`) belongs to the crate `estate`.
//! Every gate is "at least `k` of these": AND is k = n, OR is k = 1.

use crate::ids::NodeIx;

/// One expression over nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// This node must be up.
    Node(NodeIx),
    /// At least `k` of the children must hold; 1 <= k <= number of children.
    AtLeast {
        /// How many must hold.
        k: u32,
        /// The alternatives, in the order in which they were written.
        of: Vec<Self>,
    },
}

impl Needs {
    /// Every child must hold.
    #[must_use]
    pub fn all(of: Vec<Self>) -> Self {
        let k = u32::try_from(of.len()).unwrap_or(u32::MAX);
        Self::AtLeast { k, of }
    }

    /// One child must hold.
    #[must_use]
    pub fn any(of: Vec<Self>) -> Self {
        Self::AtLeast { k: 1, of }
    }

    /// Tells whether the expression holds when `up` says which nodes are up.
    pub fn holds(&self, up: &mut impl FnMut(NodeIx) -> bool) -> bool {
        match self {
            Self::Node(node) => up(*node),
            Self::AtLeast { k, of } => {
                let mut missing = *k;
                for child in of {
                    if missing == 0 {
                        return true;
                    }
                    missing -= u32::from(child.holds(up));
                }
                missing == 0
            }
        }
    }

    /// Calls `visit` for every node that the expression names, in written order.
    pub fn each_node(&self, visit: &mut impl FnMut(NodeIx)) {
        match self {
            Self::Node(node) => visit(*node),
            Self::AtLeast { of, .. } => of.iter().for_each(|child| child.each_node(visit)),
        }
    }
}
