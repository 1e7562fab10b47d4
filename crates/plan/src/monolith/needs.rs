//! Trees of needs as rows: a gate is down when more of its children are than it can spare.

use cordon_model::ids::NodeIx;
use cordon_model::needs::Needs;
use highs::Col;

use super::program::Program;

impl Program<'_> {
    /// The variable that is 1 when a node is down: removed by what stops it, or its own needs fail.
    pub(super) fn node_down(&mut self, node: NodeIx) -> Option<Col> {
        if let Some(&known) = self.down.get(&node) {
            return known;
        }
        let own = self.estate.needs(node).and_then(|needs| self.tree_down(needs));
        let causes: Vec<Col> = self.stoppers[node.0].iter().copied().chain(own).collect();
        let down = self.any_of(&causes);
        self.down.insert(node, down);
        down
    }

    /// The variable that is 1 when a tree fails; `None` where nothing can make it fail.
    pub(super) fn tree_down(&mut self, needs: &Needs) -> Option<Col> {
        let (k, of) = match needs {
            Needs::Node(node) => return self.node_down(*node),
            Needs::AtLeast { k, of } => (*k as usize, of),
        };
        let children: Vec<Col> = of.iter().filter_map(|child| self.tree_down(child)).collect();
        let spare = of.len().saturating_sub(k);
        if spare == 0 {
            return self.any_of(&children);
        }
        if children.len() <= spare {
            return None;
        }
        let down = self.problem.add_integer_column(0.0, 0.0..=1.0);
        let mut terms = vec![(down, count(children.len() - spare))];
        for child in children {
            // A child that stands there twice is one variable with twice the weight.
            match terms.iter_mut().find(|(known, _)| known.index() == child.index()) {
                Some((_, weight)) => *weight -= 1.0,
                None => terms.push((child, -1.0)),
            }
        }
        self.problem.add_row(-count(spare).., terms);
        Some(down)
    }

    /// The variable that is 1 when any of some is.
    fn any_of(&mut self, causes: &[Col]) -> Option<Col> {
        if let [] | [_] = causes {
            return causes.first().copied();
        }
        let any = self.problem.add_integer_column(0.0, 0.0..=1.0);
        for &cause in causes {
            self.problem.add_row(0.0.., [(any, 1.0), (cause, -1.0)]);
        }
        Some(any)
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
