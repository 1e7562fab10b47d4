//! Paths without detours: no start but the first node, no end but the last, no shortcut.

use crate::case::Case;

/// Takes the detours out of a path; what is left is cut by fewer columns, never by more.
pub(super) fn minimal(case: &Case<'_>, path: &[u32], ends: &[u32]) -> Vec<u32> {
    let is_start = |node: &u32| case.starts.binary_search_by_key(node, |s| s.node).is_ok();
    let begin = path.iter().rposition(is_start).unwrap_or(0);
    let path = path.get(begin..).unwrap_or_default();
    let end = path.iter().position(|node| ends.contains(node)).map_or(path.len(), |at| at + 1);
    shortest(case, path.get(..end).unwrap_or(path))
}

/// The shortest way along a path's own nodes, forward.
fn shortest(case: &Case<'_>, path: &[u32]) -> Vec<u32> {
    let mut before: Vec<Option<usize>> = vec![None; path.len()];
    let mut order: Vec<usize> = vec![0];
    let mut at = 0;
    while let Some(&here) = order.get(at) {
        at += 1;
        for after in here + 1..path.len() {
            let (Some(&from), Some(&to)) = (path.get(here), path.get(after)) else { continue };
            let Some(slot) = before.get_mut(after).filter(|slot| slot.is_none()) else { continue };
            if after == here + 1 || joins(case, from, to) {
                *slot = Some(here);
                order.push(after);
            }
        }
    }
    let mut back: Vec<u32> = Vec::new();
    let mut step = path.len().checked_sub(1);
    while let Some(here) = step {
        back.extend(path.get(here));
        step = before.get(here).copied().flatten();
    }
    back.reverse();
    back
}

/// Tells whether control can pass from one node straight to another.
pub(super) fn joins(case: &Case<'_>, from: u32, to: u32) -> bool {
    case.net.back[to].binary_search(&from).is_ok()
}
