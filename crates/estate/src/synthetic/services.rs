//! What the business does with a synthetic estate: services over its nodes.
//!
//! Each needs some nodes and one of several others, twice: the shape that makes
//! stopping a service more than a matter of one node.

use cordon_model::estate::Service;
use cordon_model::needs::Needs;
use cordon_model::{Money, NodeIx};

use super::draft::Draft;

/// From what services are put together.
pub(super) struct Parts<'a> {
    /// Kinds of nodes that a service needs, each as likely as another.
    pub(super) needed: &'a [&'a [NodeIx]],
    /// Nodes of which one of two or three is enough.
    pub(super) redundant: &'a [NodeIx],
    /// Nodes all of which a protected service needs: the tills of one shop.
    pub(super) every: &'a [Vec<NodeIx>],
}

/// Adds `count` services, one in six of them protected.
pub(super) fn add(draft: &mut Draft, count: u32, parts: &Parts<'_>) {
    for number in 0..count {
        let protected = number % 6 == 0;
        let mut of: Vec<Needs> = Vec::new();
        for _ in 0..2 + draft.below(4) {
            let kind = draft.below(u32::try_from(parts.needed.len()).unwrap_or(1));
            let nodes = parts.needed.get(kind as usize).copied().unwrap_or_default();
            of.extend(draft.pick(nodes).map(Needs::Node));
        }
        if protected {
            let set = draft.below(u32::try_from(parts.every.len()).unwrap_or(1));
            let set = parts.every.get(set as usize).into_iter().flatten();
            of.extend(set.take(14).copied().map(Needs::Node));
        }
        for _ in 0..1 + draft.below(2) {
            let count = 2 + draft.below(2);
            let choices = draft.picks(parts.redundant, count);
            of.push(Needs::any(choices.into_iter().map(Needs::Node).collect()));
        }
        let hundreds = 100 + draft.below(1400);
        draft.builder.services.push(Service {
            id: format!("service-{number}").as_str().into(),
            name: None,
            needs: Needs::all(of),
            protected,
            cost_per_hour: Money::units(i64::from(hundreds * 100)),
            probe: None,
        });
    }
}
