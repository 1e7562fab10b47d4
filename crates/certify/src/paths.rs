//! The paths that a plan shows: real, and telling what they are said to tell.
//!
//! A withdrawal shows a path that opens when it (with its other half) is left
//! out, a reachable asset one that is open. Which of several such paths is
//! shown is the plan's choice, unless it is settled (see [`crate::form`]).

use std::collections::BTreeMap;

use cordon_model::{Mode, NodeId, NodeIx, WithdrawalIx};

use crate::case::{Case, Start};
use crate::links::Reached;
use crate::objections::{Objections, path_text};

/// Checks all paths of one alternative but those of its certificate and conflict.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) {
    for claim in &case.claim.withdrawals {
        let found = case.estate.find_withdrawal(claim.id.as_str());
        if let (Some(index), Some(path)) = (found, &claim.path)
            && let Err(why) = opens(case, index, path)
        {
            objections.object("wrong-path", format!("the path of `{}` {why}", claim.id));
        }
    }
    check_ends(case, objections);
    for claim in &case.claim.reachable_assets {
        let found = case.estate.find(claim.node.as_str());
        if let (Some(node), Some(path)) = (found, &claim.path)
            && let Err(why) = leads(case, path, node)
        {
            objections.object("wrong-path", format!("the path to `{}` {why}", claim.node));
        }
    }
}

/// Reads a path: a walk along control links that begins at a foothold of this alternative.
pub(crate) fn walk(case: &Case<'_>, path: &[NodeId]) -> Result<Vec<NodeIx>, String> {
    let find = |id: &NodeId| {
        case.estate.find(id.as_str()).ok_or_else(|| format!("names `{id}`, which is no node"))
    };
    let walk = path.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let Some(&first) = walk.first() else { return Err("is empty".to_owned()) };
    if case.starts.get(first) == Start::No {
        return Err(format!("begins at `{}`, which is no foothold here", case.estate.id(first)));
    }
    for pair in walk.windows(2) {
        let [from, to] = pair else { continue };
        if !case.ground.links.joins(*from, *to) {
            let (from, to) = (case.estate.id(*from), case.estate.id(*to));
            return Err(format!("goes from `{from}` to `{to}`, where no control passes"));
        }
    }
    Ok(walk)
}

/// The nodes of a path where a withdrawal can cut it: all, but for an entrenched first one.
pub(crate) fn gates<'p>(case: &Case<'_>, walk: &'p [NodeIx]) -> &'p [NodeIx] {
    match walk {
        [first, rest @ ..] if case.starts.get(*first) == Start::Entrenched => rest,
        all => all,
    }
}

/// Checks that a path is open under the plan and leads to an asset or a copy of it.
pub(crate) fn leads(case: &Case<'_>, path: &[NodeId], asset: NodeIx) -> Result<(), String> {
    let walk = walk(case, path)?;
    if let Some(&cut) = gates(case, &walk).iter().find(|&&node| case.removed(node)) {
        return Err(format!("passes through `{}`, which the plan removes", case.estate.id(cut)));
    }
    let ends = walk
        .last()
        .is_some_and(|&last| case.ground.assets_at(last).any(|known| known.node == asset));
    if ends { Ok(()) } else { Err("does not end at it or at a copy of it".to_owned()) }
}

/// Checks that a path is closed by one withdrawal of the plan and by no other.
fn opens(case: &Case<'_>, index: WithdrawalIx, path: &[NodeId]) -> Result<(), String> {
    if path.is_empty() {
        return match opened(case, index) {
            None => Ok(()),
            Some(path) => Err(format!("is missing: {}", path_text(case.estate, &path))),
        };
    }
    let walk = walk(case, path)?;
    let gates = gates(case, &walk);
    if let Some(&cut) = gates.iter().find(|&&node| case.removed_without(node, index)) {
        let cut = case.estate.id(cut);
        return Err(format!("does not open without it: another withdrawal removes `{cut}`"));
    }
    let removes = &case.estate.withdrawal(index).removes;
    if !gates.iter().any(|node| removes.binary_search(node).is_ok()) {
        return Err("passes through none of its targets".to_owned());
    }
    match walk.last() {
        Some(&last) if is_goal(case, index, last) => Ok(()),
        _ => Err("ends neither at an asset nor at an enforcer of the plan".to_owned()),
    }
}

/// Tells whether an intruder at this node does harm: an asset, a copy, or another withdrawal's enforcer.
fn is_goal(case: &Case<'_>, index: WithdrawalIx, node: NodeIx) -> bool {
    case.ground.assets_at(node).next().is_some() || case.enforces_others(node, index)
}

/// A path to an asset that opens without a withdrawal, if there is one.
fn opened(case: &Case<'_>, index: WithdrawalIx) -> Option<Vec<NodeIx>> {
    let closed = |node: NodeIx| case.removed_without(node, index);
    let open = case.open_starts(closed);
    let reached = Reached::search(case.estate, &case.ground.links, open, closed);
    let assets = case.estate.assets().iter();
    let mut places = assets.flat_map(|asset| asset.places());
    let newly = |&place: &NodeIx| reached.contains(place) && !case.reached.contains(place);
    places.find(newly).map(|place| reached.path(place))
}

/// An end shows the path of its refuse.
fn check_ends(case: &Case<'_>, objections: &mut Objections) {
    let paths: BTreeMap<&str, &Option<Vec<NodeId>>> =
        case.claim.withdrawals.iter().map(|claim| (claim.id.as_str(), &claim.path)).collect();
    for &index in &case.chosen {
        let refuse = case.estate.withdrawal(index);
        let Some(partner) = refuse.partner.filter(|_| refuse.mode == Mode::Refuse) else {
            continue;
        };
        let end = case.estate.withdrawal(partner);
        let (Some(a), Some(b)) = (paths.get(refuse.id.as_str()), paths.get(end.id.as_str())) else {
            continue;
        };
        objections.unless(a == b, "wrong-path", || {
            format!("`{}` and `{}` do not show the same path", refuse.id, end.id)
        });
    }
}
