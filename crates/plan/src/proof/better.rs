//! Rows that prove as much under a lesser name, or more: changes of a row at one place.
//!
//! A certificate that no such change betters is in the form of
//! `cordon_model::plan`. Changes are looked for near the row: nodes between two
//! neighbours of a path, gates with the same first child.

use cordon_model::ids::NodeIx;
use cordon_model::plan::MANY;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::minimal::{joins, minimal};
use super::sheet::{Part, Sheet};
use crate::case::{Case, State};
use crate::gates::Owner;
use crate::master::Key;
use crate::scratch::Lent;

/// Betters every row where it can; tells whether any changed.
pub(super) fn run(sheet: &mut Sheet<'_>) -> bool {
    let stamps = sheet.case.net.memory.small.lend();
    let mut common = Common { marked: None, stamp: 0, stamps };
    let mut changed = false;
    for at in 0..sheet.lines.len() {
        while let Some(key) = bettered(sheet, at, &mut common) {
            sheet.replace(at, key);
            changed = true;
        }
    }
    changed
}

/// The best change of a row at its first place that has a good one.
fn bettered(sheet: &Sheet<'_>, at: usize, common: &mut Common<'_>) -> Option<Key> {
    let line = sheet.lines.get(at)?;
    let net = sheet.case.net;
    match &line.key {
        Key::Path { path, asset } => {
            let ends = ends(sheet.case, *asset);
            let key =
                |path: &[u32]| Key::Path { path: minimal(sheet.case, path, &ends), asset: *asset };
            let path = Trail::new(sheet, path, &ends, line.multiplier);
            path.bettered(common).map(|path| key(&path)).or_else(|| other_asset(sheet, at))
        }
        Key::Enforcer { withdrawal, path } => {
            let ends: Vec<u32> =
                net.estate.withdrawal(*withdrawal).enforcer.map(|n| n.0).into_iter().collect();
            let trail = Trail::new(sheet, path, &ends, line.multiplier);
            let path = minimal(sheet.case, &trail.bettered(common)?, &ends);
            Some(Key::Enforcer { withdrawal: *withdrawal, path })
        }
        Key::Stop { column, node } => other_stop(sheet, at, *column, *node),
        Key::Need { gate, children } => child_less(sheet, at, *gate, children)
            .or_else(|| equal_child(sheet.case, *gate, children))
            .or_else(|| other_gate(sheet, at, *gate, children)),
        Key::Cap { .. } | Key::Exclusive { .. } | Key::Lost => None,
    }
}

/// The places that count as an asset.
pub(super) fn ends(case: &Case<'_>, asset: u32) -> Vec<u32> {
    let asset = case.net.estate.assets().get(asset as usize);
    asset.map_or_else(Vec::new, |asset| asset.places().map(|place| place.0).collect())
}

/// Chooses, of candidates with what each gains, the best that betters `present`.
fn best<T: Ord + Copy>(present: T, candidates: impl Iterator<Item = (T, i128)>) -> Option<T> {
    let better = candidates.filter(|&(name, gain)| gain > 0 || gain == 0 && name < present);
    better.max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0))).map(|(name, _)| name)
}

/// Finds the nodes between two others.
struct Common<'n> {
    marked: Option<u32>,
    stamp: u32,
    stamps: Lent<'n, u32>,
}

impl Common<'_> {
    fn between(&mut self, case: &Case<'_>, before: u32, after: u32) -> Vec<u32> {
        let net = case.net;
        if self.marked != Some(before) {
            self.marked = Some(before);
            self.stamp += 1;
            for &(next, _) in &net.next[before] {
                self.stamps.set(next, self.stamp);
            }
        }
        let back = net.back[after].iter().copied();
        back.filter(|&node| self.stamps[node] == self.stamp).collect()
    }
}

/// A path of a row and where it may end.
struct Trail<'s, 'a> {
    sheet: &'s Sheet<'a>,
    path: &'s [u32],
    ends: &'s [u32],
    multiplier: i128,
    /// How many nodes of the path a column removes.
    times: FxHashMap<u32, u32>,
}

type Columns = SmallVec<[u32; 4]>;

impl<'s, 'a> Trail<'s, 'a> {
    fn new(sheet: &'s Sheet<'a>, path: &'s [u32], ends: &'s [u32], multiplier: i128) -> Self {
        let mut times: FxHashMap<u32, u32> = FxHashMap::default();
        for (&node, at) in path.iter().zip(0..) {
            for column in cutting(sheet.case, node, at == 0) {
                *times.entry(column).or_default() += 1;
            }
        }
        Self { sheet, path, ends, multiplier, times }
    }

    fn bettered(&self, common: &mut Common<'_>) -> Option<Vec<u32>> {
        (0..self.path.len()).find_map(|step| {
            let present = *self.path.get(step)?;
            let candidates = self.candidates(step, common);
            let swap = self.swap(step, present);
            let valued = candidates.into_iter().map(|node| (node, swap.gain(node)));
            let node = best(present, valued.filter(|&(node, _)| node != present))?;
            let mut path = self.path.to_vec();
            *path.get_mut(step)? = node;
            Some(path)
        })
    }

    /// The nodes that could stand at a step, all else kept.
    fn candidates(&self, step: usize, common: &mut Common<'_>) -> Vec<u32> {
        let case = self.sheet.case;
        let before = step.checked_sub(1).and_then(|at| self.path.get(at)).copied();
        let after = self.path.get(step + 1).copied();
        let is_start = |node: &u32| start(case, *node).is_some();
        let ends = || self.ends.iter().copied();
        match (before, after) {
            (None, None) => ends().filter(is_start).collect(),
            (None, Some(after)) => case.net.back[after].iter().copied().filter(is_start).collect(),
            (Some(before), None) => ends().filter(|&end| joins(case, before, end)).collect(),
            (Some(before), Some(after)) => common.between(case, before, after),
        }
    }

    /// What an exchange of the node at a step rests on.
    fn swap(&self, step: usize, present: u32) -> Swap<'_, 's, 'a> {
        let mut freed = cutting(self.sheet.case, present, step == 0);
        freed.retain(|column| self.times.get(column) == Some(&1));
        let relief = |&column: &u32| self.sheet.strain(Part::Column(column), -self.multiplier);
        let base = freed.iter().map(relief).sum();
        Swap { trail: self, first: step == 0, freed, base }
    }
}

/// The exchange of one node of a path.
struct Swap<'t, 's, 'a> {
    trail: &'t Trail<'s, 'a>,
    first: bool,
    /// Columns that cut the path here alone.
    freed: Columns,
    /// What is gained by taking the node out.
    base: i128,
}

impl Swap<'_, '_, '_> {
    fn gain(&self, node: u32) -> i128 {
        let Trail { sheet, multiplier, times, .. } = self.trail;
        let mut gain = self.base;
        for column in cutting(sheet.case, node, self.first) {
            let part = Part::Column(column);
            if self.freed.contains(&column) {
                gain -= sheet.strain(part, -multiplier);
            } else if !times.contains_key(&column) {
                gain += sheet.strain(part, *multiplier);
            }
        }
        gain
    }
}

fn start(case: &Case<'_>, node: u32) -> Option<crate::case::Start> {
    let at = case.starts.binary_search_by_key(&node, |start| start.node).ok()?;
    case.starts.get(at).copied()
}

/// The free columns that cut a path at a node, each once.
fn cutting(case: &Case<'_>, node: u32, first: bool) -> Columns {
    if first && start(case, node).is_some_and(|start| start.entrenched) {
        return Columns::new();
    }
    let cover = case.net.cover[node].iter().copied();
    let mut columns: Columns = cover.filter(|&column| case.state(column) != State::Fixed).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// The gain of paying for one variable in place of another.
fn moved(sheet: &Sheet<'_>, from: Option<Part>, to: Option<Part>, pays: i128) -> i128 {
    if from == to {
        return 0;
    }
    let relief = from.map_or(0, |part| sheet.strain(part, -pays));
    relief + to.map_or(0, |part| sheet.strain(part, pays))
}

fn other_asset(sheet: &Sheet<'_>, at: usize) -> Option<Key> {
    let line = sheet.lines.get(at)?;
    let Key::Path { path, asset } = &line.key else { return None };
    let free = |asset: u32| Some(Part::Asset(asset)).filter(|&part| sheet.is_free(part));
    let there = sheet.case.net.assets_at[*path.last()?].iter().copied();
    let valued = there
        .filter(|other| other != asset)
        .map(|other| (other, moved(sheet, free(*asset), free(other), line.multiplier)));
    let other = best(*asset, valued)?;
    Some(Key::Path { path: minimal(sheet.case, path, &ends(sheet.case, other)), asset: other })
}

fn other_stop(sheet: &Sheet<'_>, at: usize, column: u32, node: u32) -> Option<Key> {
    let pays = sheet.lines.get(at)?.multiplier;
    let stops = &sheet.case.net.columns[column].stops;
    if stops.len() > MANY {
        return None;
    }
    let down = |node: u32| Some(sheet.down(node));
    let others = stops.iter().copied().filter(|&other| other != node);
    let valued = others.map(|other| (other, moved(sheet, down(node), down(other), pays)));
    Some(Key::Stop { column, node: best(node, valued)? })
}

/// The same need with one child less, where that proves as much.
fn child_less(sheet: &Sheet<'_>, at: usize, gate: u32, children: &[u32]) -> Option<Key> {
    let slack = sheet.case.net.gates.gates[gate].slack as usize;
    if children.len() <= slack + 1 {
        return None;
    }
    let less = |without: usize| -> Key {
        let kept = children.iter().enumerate().filter(|&(place, _)| place != without);
        Key::Need { gate, children: kept.map(|(_, &child)| child).collect() }
    };
    (0..children.len()).map(less).find(|key| sheet.exchange(at, key) >= 0)
}

/// The same need with the first of equal children named.
fn equal_child(case: &Case<'_>, gate: u32, children: &[u32]) -> Option<Key> {
    let of = &case.net.gates.gates[gate].children;
    let equal = |&child: &u32| {
        let item = of.get(child as usize)?;
        let before =
            of.iter().zip(0..child).filter(|&(other, at)| other == item && !children.contains(&at));
        before.map(|(_, at)| (child, at)).next()
    };
    let (child, first) = children.iter().find_map(equal)?;
    let mut children: Vec<u32> =
        children.iter().map(|&at| if at == child { first } else { at }).collect();
    children.sort_unstable();
    Some(Key::Need { gate, children })
}

/// The same children of another gate or owner.
fn other_gate(sheet: &Sheet<'_>, at: usize, gate: u32, children: &[u32]) -> Option<Key> {
    let gates = &sheet.case.net.gates;
    let of = &gates.gates[gate];
    let first = *children.first()?;
    let feeds = &gates.feeds[*of.children.get(first as usize)?];
    if feeds.len() > MANY {
        return None;
    }
    let name = |gate: u32| (owner(sheet.case, gates.gates[gate].owner), gates.gates[gate].position);
    let present = name(gate);
    let mut best: Option<(i128, (String, u32), Key)> = None;
    for &(other, place) in feeds {
        let to = &gates.gates[other];
        let one_change = (to.owner == of.owner) != (to.position == of.position);
        let fits = children.iter().all(|&child| (child as usize) < to.children.len())
            && children.len() > to.slack as usize;
        if place != first || !one_change || !fits {
            continue;
        }
        let key = Key::Need { gate: other, children: children.to_vec() };
        let (gain, name) = (sheet.exchange(at, &key), name(other));
        let better = gain > 0 || gain == 0 && name < present;
        let yet = best
            .as_ref()
            .is_none_or(|(most, least, _)| gain > *most || gain == *most && name < *least);
        if better && yet {
            best = Some((gain, name, key));
        }
    }
    best.map(|(_, _, key)| key)
}

/// The owner of a tree as a row names it.
pub(super) fn owner(case: &Case<'_>, owner: Owner) -> String {
    match owner {
        Owner::Node(node) => case.net.estate.id(NodeIx(node.0)).to_string(),
        Owner::Service(service) => format!("service:{}", case.net.estate.service(service).id),
    }
}
