//! What an infeasible plan says stands in the way.
//!
//! Its nodes, in order, are one path that the plan leaves open from a foothold
//! to a hard asset; an obstacle without a node is a cap or a limit of the
//! search. The words are the planner's own.

use std::collections::BTreeSet;

use cordon_model::NodeId;
use cordon_model::plan::Status;

use crate::case::Case;
use crate::claim::ObstacleClaim;
use crate::objections::Objections;
use crate::paths;

/// Checks `conflict` where it is given.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) {
    let obstacles = case.claim.conflict.as_deref().unwrap_or_default();
    if obstacles.is_empty() {
        return;
    }
    if case.claim.status != Status::Infeasible {
        let what = "it names a conflict, but is not called infeasible".to_owned();
        objections.object("wrong-conflict", what);
        return;
    }
    let path: Vec<NodeId> = obstacles.iter().filter_map(|obstacle| obstacle.node.clone()).collect();
    if !path.is_empty()
        && let Err(why) = leads_to_hard(case, &path)
    {
        objections.object("wrong-conflict", format!("the path of its conflict {why}"));
    }
    check_others(case, obstacles, objections);
}

fn leads_to_hard(case: &Case<'_>, path: &[NodeId]) -> Result<(), String> {
    let last = path.last().and_then(|last| case.estate.find(last.as_str()));
    let asset = case
        .lost
        .iter()
        .find(|asset| asset.must_hold && asset.places().any(|place| Some(place) == last))
        .ok_or("does not end at an asset that must hold and stays reachable")?;
    paths::leads(case, path, asset.node)
}

/// Each cap may be named, and one more thing that no node stands for.
fn check_others(case: &Case<'_>, obstacles: &[ObstacleClaim], objections: &mut Objections) {
    let others: Vec<_> = obstacles.iter().filter(|obstacle| obstacle.node.is_none()).collect();
    let words: BTreeSet<_> = others.iter().map(|obstacle| &obstacle.reason).collect();
    let fine = words.len() == others.len() && others.len() <= case.estate.caps().len() + 1;
    objections.unless(fine, "wrong-conflict", || {
        let count = others.len();
        format!("its conflict names {count} obstacles without a node, some twice or too many")
    });
}
