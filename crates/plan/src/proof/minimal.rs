//! Paths without detours: no start but the first node, no end but the last, no shortcut.

use rustc_hash::FxHashMap;

use crate::case::Case;

/// Takes the detours out of a path; what is left is cut by fewer columns, never by more.
pub(super) fn minimal(case: &Case<'_>, path: &[u32], ends: &[u32]) -> Vec<u32> {
    let is_start = |node: &u32| case.starts.binary_search_by_key(node, |s| s.node).is_ok();
    let begin = path.iter().rposition(is_start).unwrap_or(0);
    let path = path.get(begin..).unwrap_or_default();
    let end = path.iter().position(|node| ends.contains(node)).map_or(path.len(), |at| at + 1);
    shortest(case, path.get(..end).unwrap_or(path))
}

/// Paths up to this length are looked through pair by pair.
const SHORT: usize = 32;

/// The shortest way along a path's own nodes, forward.
fn shortest(case: &Case<'_>, path: &[u32]) -> Vec<u32> {
    let mut before: Vec<Option<usize>> = vec![None; path.len()];
    let mut order: Vec<usize> = vec![0];
    let steps = Steps::new(case, path);
    let mut at = 0;
    while let Some(&here) = order.get(at) {
        at += 1;
        for after in steps.after(here) {
            if let Some(slot) = before.get_mut(after).filter(|slot| slot.is_none()) {
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

/// Which later nodes of a path its nodes lead to.
struct Steps<'p, 'a> {
    case: &'p Case<'a>,
    path: &'p [u32],
    /// Where a node stands last; for long paths.
    last: FxHashMap<u32, usize>,
}

impl<'p, 'a> Steps<'p, 'a> {
    fn new(case: &'p Case<'a>, path: &'p [u32]) -> Self {
        let is_long = path.len() > SHORT;
        let last = path.iter().copied().zip(0..).filter(|_| is_long).collect();
        Self { case, path, last }
    }

    fn after(&self, here: usize) -> Vec<usize> {
        let Some(&from) = self.path.get(here) else { return Vec::new() };
        if self.last.is_empty() {
            let later = self.path.iter().zip(0..).skip(here + 1);
            return later
                .filter(|&(&to, _)| joins(self.case, from, to))
                .map(|(_, at)| at)
                .collect();
        }
        let next = self.case.net.next[from].iter();
        let mut after: Vec<usize> =
            next.filter_map(|(to, _)| self.last.get(to).copied()).filter(|&at| at > here).collect();
        after.sort_unstable();
        after
    }
}

/// Tells whether control can pass from one node straight to another.
pub(super) fn joins(case: &Case<'_>, from: u32, to: u32) -> bool {
    case.net.back[to].binary_search(&from).is_ok()
}
