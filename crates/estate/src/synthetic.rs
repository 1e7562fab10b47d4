//! Estates of any size for measuring: the same seed gives the same estate everywhere.
//!
//! Three shapes. [`Shape::Dense`] is a retailer in which almost every node lies on
//! some way from an ordinary account to something that matters, which is harder
//! for a planner than real estates are; [`Shape::Tied`] is the same with services
//! in the way of the cheapest cuts. [`Shape::Tree`] is a directory: units
//! within units, groups within groups and few links across. Every number is
//! drawn from one row of integers. The sample estate that people read is not
//! here but in [`crate::generate`].

mod dense;
mod draft;
mod services;
mod tree;

#[cfg(test)]
mod tests;

use cordon_model::estate::Defect;
use cordon_model::{Estate, NodeId, NodeIx};

use crate::generate::Random;
use draft::Draft;

/// What a synthetic estate looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A retailer with about seven links per node.
    Dense,
    /// The same, and its services need the roles that lead to the data that matters.
    Tied,
    /// A directory with about two links per node.
    Tree,
}

/// An estate and where its intruder stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synthetic {
    /// The estate.
    pub estate: Estate,
    /// Ordinary users and machines, as many as were asked for and there are;
    /// a longer list begins with the shorter one.
    pub footholds: Vec<NodeId>,
}

/// Makes an estate of about `nodes` nodes with `footholds` footholds.
///
/// # Errors
/// Never for sizes that fit a machine: the losses of more than some billion
/// nodes would pass the bound on an estate's money.
pub fn generate(
    shape: Shape,
    seed: u64,
    nodes: u32,
    footholds: u32,
) -> Result<Synthetic, Vec<Defect>> {
    let (name, build): (&str, fn(&mut Draft) -> Ordinary) = match shape {
        Shape::Dense => ("dense", |draft| dense::build(draft, false)),
        Shape::Tied => ("tied", |draft| dense::build(draft, true)),
        Shape::Tree => ("tree", tree::build),
    };
    let mut draft = Draft::new(&format!("synthetic {name}"), seed, nodes);
    let ordinary = build(&mut draft);
    let chosen = ordinary.choose(seed, footholds);
    let ids = chosen.iter().filter_map(|&node| draft.id(node)).collect();
    Ok(Synthetic { estate: draft.finish()?, footholds: ids })
}

/// Nodes on which an intrusion may begin, in groups of one kind.
struct Ordinary(Vec<NodeIx>, Vec<NodeIx>, Vec<NodeIx>);

/// Of ten footholds, which are of the first, second and third group.
const MIX: [u8; 10] = [0, 0, 0, 1, 0, 0, 0, 1, 2, 2];

impl Ordinary {
    /// Draws footholds without drawing from the estate's own numbers.
    fn choose(mut self, seed: u64, count: u32) -> Vec<NodeIx> {
        let mut random = Random::new(!seed);
        let mut chosen = Vec::new();
        let mut turns = MIX.iter().cycle();
        while chosen.len() < count as usize && !self.is_empty() {
            let group = match turns.next() {
                Some(1) => &mut self.1,
                Some(2) => &mut self.2,
                _ => &mut self.0,
            };
            if !group.is_empty() {
                let at = random.below(u32::try_from(group.len()).unwrap_or(u32::MAX));
                chosen.push(group.swap_remove(at as usize));
            }
        }
        chosen
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty() && self.1.is_empty() && self.2.is_empty()
    }
}
