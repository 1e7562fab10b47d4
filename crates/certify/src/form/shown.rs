//! The path that a settled plan shows for a withdrawal: what opens without it.
//!
//! The search begins at what the withdrawal alone keeps shut and goes on where
//! an asset is nearest in the uncut estate, so that it looks at little more
//! than the path that it finds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cordon_model::estate::Asset;
use cordon_model::{NodeIx, WithdrawalIx};
use rustc_hash::FxHashMap;

use super::is_worth;
use crate::case::{Case, Start};

/// The first asset that an intruder at a node harms and that the plan does not lose.
pub(crate) fn asset_behind<'a>(case: &Case<'a>, node: NodeIx) -> Option<&'a Asset> {
    case.ground.assets_at(node).find(|asset| is_worth(asset) && !case.loses(asset))
}

/// How the search came to a node.
#[derive(Clone, Copy)]
enum Came {
    Start,
    FromReach(NodeIx),
    From(NodeIx),
}

/// The path that opens without a withdrawal and its other half; `None` if none does.
pub(super) fn opened(case: &Case<'_>, withdrawal: WithdrawalIx) -> Option<Vec<NodeIx>> {
    let label = |node: NodeIx| {
        let found = case.ground.form.as_ref().map_or(0, |form| form.label.get(node));
        if found == 0 { u32::MAX } else { found }
    };
    let is_shut =
        |node: NodeIx| case.reached.contains(node) || case.removed_without(node, withdrawal);
    let mut came: FxHashMap<NodeIx, Came> = FxHashMap::default();
    let mut queue = BinaryHeap::new();
    for &target in case.estate.withdrawal(withdrawal).removes.iter().filter(|&&node| !is_shut(node))
    {
        if let Some(from) = entered(case, target) {
            came.insert(target, from);
            queue.push(Reverse((label(target), target)));
        }
    }
    while let Some(Reverse((_, node))) = queue.pop() {
        if asset_behind(case, node).is_some() || case.enforces_others(node, withdrawal) {
            return Some(path(case, node, &came));
        }
        for &(next, _) in case.ground.links.next(node) {
            if !came.contains_key(&next) && !is_shut(next) {
                came.insert(next, Came::From(node));
                queue.push(Reverse((label(next), next)));
            }
        }
    }
    None
}

/// How the intruder enters a node that the plan keeps shut.
fn entered(case: &Case<'_>, node: NodeIx) -> Option<Came> {
    if case.starts.get(node) != Start::No {
        return Some(Came::Start);
    }
    let before = case.ground.form.as_ref().map_or(&[][..], |form| form.back.of(node));
    let reached = before.iter().copied().filter(|&from| case.reached.contains(from));
    reached.min_by_key(|&from| (case.reached.far(from), from)).map(Came::FromReach)
}

fn path(case: &Case<'_>, end: NodeIx, came: &FxHashMap<NodeIx, Came>) -> Vec<NodeIx> {
    let mut beyond = vec![end];
    let mut at = end;
    let mut path = loop {
        match came.get(&at) {
            Some(&Came::From(before)) => {
                beyond.push(before);
                at = before;
            }
            Some(&Came::FromReach(from)) => break case.reached.path(from),
            Some(Came::Start) | None => break Vec::new(),
        }
    };
    path.extend(beyond.iter().rev());
    path
}
