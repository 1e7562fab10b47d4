//! The simulated intruder: takes any path that is still open, and when one
//! closes tries elsewhere.
//!
//! It knows the estate as it was before anybody acted, and learns of a
//! withdrawal only by running into it. It goes for what is worth most for the
//! time that it takes. It says nothing to Cordon: what it does becomes log
//! lines in [`super::traces`], or nothing at all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use cordon_model::reach::ControlGraph;
use cordon_model::{Estate, Money, NodeIx, Timestamp};
use jiff::SignedDuration;

/// After how long the intruder tries a link again that was shut.
const RETRY: SignedDuration = SignedDuration::from_mins(20);
/// How long it takes to use an asset that it has come to control, in steps.
const TAKING: SignedDuration = SignedDuration::from_mins(2);
/// Steps in which the data of a holding is taken.
pub(crate) const PARTS: u32 = 8;
/// An asset that can be had within so many seconds is looked at along the way, whatever it is worth.
const ALONG_THE_WAY_SECONDS: u64 = 150;
/// Of an asset that is worth less than this only a look is taken.
const WORTH_TAKING: Money = Money::units(100_000);
/// Seconds added to every arrival when goals are compared, so that near trifles do not distract.
const PATIENCE_SECONDS: u64 = 900;

/// The ground on which the intruder moves: the outside world as it is now.
pub(crate) trait Terrain {
    /// Whether whoever controls `from` can come to control `to` now.
    fn permits(&self, from: NodeIx, to: NodeIx) -> bool;
    /// Whether control of a node, once won, still holds now.
    fn holds(&self, node: NodeIx) -> bool;
}

/// One thing that the intruder did or suffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Got into the estate from outside.
    Enters(NodeIx),
    /// Came to control a node by way of another.
    Gains { from: NodeIx, to: NodeIx },
    /// Tried to and was refused.
    Refused { from: NodeIx, to: NodeIx },
    /// Took a part (of [`PARTS`]) of what an asset holds; the first part is a look around.
    Takes { asset: NodeIx, part: u32 },
    /// No longer controls a node.
    Loses(NodeIx),
}

/// What the intruder is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Hop { from: NodeIx, to: NodeIx },
    Take { asset: NodeIx, part: u32 },
    Rest,
}

/// The intruder.
#[derive(Debug)]
pub(crate) struct Intruder<'a> {
    estate: &'a Estate,
    graph: &'a ControlGraph,
    entries: Vec<NodeIx>,
    entered: BTreeSet<NodeIx>,
    controls: BTreeSet<NodeIx>,
    shut: BTreeMap<(NodeIx, NodeIx), Timestamp>,
    taken: BTreeMap<NodeIx, u32>,
    task: Task,
    due: Timestamp,
    pace: fastrand::Rng,
    hurried: bool,
}

impl<'a> Intruder<'a> {
    /// Puts an intruder before the door, with ways in that it will try in turn.
    pub(crate) fn new(
        estate: &'a Estate,
        graph: &'a ControlGraph,
        entries: &[NodeIx],
        start: Timestamp,
        seed: u64,
    ) -> Self {
        Self {
            estate,
            graph,
            entries: entries.iter().rev().copied().collect(),
            entered: BTreeSet::new(),
            controls: BTreeSet::new(),
            shut: BTreeMap::new(),
            taken: BTreeMap::new(),
            task: Task::Rest,
            due: start,
            pace: fastrand::Rng::with_seed(seed),
            hurried: false,
        }
    }

    /// Makes it move without pauses and never try a shut link twice, for searches.
    #[cfg(test)]
    pub(crate) fn hurried(mut self) -> Self {
        self.hurried = true;
        self
    }

    /// When it acts next.
    pub(crate) fn due(&self) -> Timestamp {
        self.due
    }

    /// Whether there is nothing left that it could try.
    #[cfg(test)]
    pub(crate) fn is_done(&self) -> bool {
        self.entries.is_empty() && self.task == Task::Rest
    }

    /// Parts taken of each asset that it has reached.
    pub(crate) fn taken(&self) -> &BTreeMap<NodeIx, u32> {
        &self.taken
    }

    /// Finishes what was due at this moment and sets out for the next thing.
    pub(crate) fn act(&mut self, terrain: &impl Terrain) -> Vec<Move> {
        let now = self.due;
        let mut moves = self.lose_what_is_cut(terrain);
        moves.extend(self.finish(terrain, now));
        if self.controls.is_empty()
            && let Some(entry) = self.entries.pop()
            && terrain.holds(entry)
        {
            self.controls.insert(entry);
            self.entered.insert(entry);
            moves.push(Move::Enters(entry));
        }
        self.choose(now);
        moves
    }

    /// Drops what is cut, and what hung on it: a group, flow or application is held only
    /// through an account, machine or credential that leads there.
    fn lose_what_is_cut(&mut self, terrain: &impl Terrain) -> Vec<Move> {
        let holds = |node: &NodeIx| terrain.holds(*node);
        let held: BTreeSet<NodeIx> = self.controls.iter().copied().filter(holds).collect();
        let mut kept: BTreeSet<NodeIx> =
            held.iter().copied().filter(|&node| self.stands_alone(node)).collect();
        let mut waiting: Vec<NodeIx> = kept.iter().copied().collect();
        while let Some(node) = waiting.pop() {
            for &(next, _) in self.graph.next(node) {
                if held.contains(&next) && kept.insert(next) {
                    waiting.push(next);
                }
            }
        }
        let lost = self.controls.difference(&kept).copied().map(Move::Loses).collect();
        self.controls = kept;
        lost
    }

    fn stands_alone(&self, node: NodeIx) -> bool {
        let own = ["user", "service-account", "host", "key", "database-role", "hypervisor"];
        self.entered.contains(&node) || own.contains(&self.estate.id(node).kind())
    }

    fn finish(&mut self, terrain: &impl Terrain, now: Timestamp) -> Option<Move> {
        match std::mem::replace(&mut self.task, Task::Rest) {
            Task::Hop { from, to } if self.controls.contains(&from) => {
                if terrain.permits(from, to) {
                    self.controls.insert(to);
                    Some(Move::Gains { from, to })
                } else {
                    self.shut.insert((from, to), now);
                    Some(Move::Refused { from, to })
                }
            }
            Task::Take { asset, part } if self.controls.contains(&asset) => {
                self.taken.insert(asset, part);
                Some(Move::Takes { asset, part })
            }
            Task::Hop { .. } | Task::Take { .. } | Task::Rest => None,
        }
    }

    fn choose(&mut self, now: Timestamp) {
        if let Some((asset, part)) = self.next_to_take() {
            self.task = Task::Take { asset, part };
            self.due = now + self.jitter(TAKING);
        } else if let Some((from, to, seconds)) = self.next_hop(now) {
            self.task = Task::Hop { from, to };
            let pause = SignedDuration::from_secs(i64::from(seconds) + 20);
            self.due = now + self.jitter(pause);
        } else {
            let pause = if self.controls.is_empty() { RETRY } else { SignedDuration::from_mins(5) };
            self.due = now + self.jitter(pause);
        }
    }

    /// An asset under control of which not everything is taken.
    fn next_to_take(&self) -> Option<(NodeIx, u32)> {
        let assets = self.estate.assets().iter();
        let places = assets.flat_map(|asset| asset.places().map(move |node| (asset.loss, node)));
        let mut open = places.filter(|(_, node)| self.controls.contains(node));
        open.find_map(|(loss, node)| {
            let part = self.taken.get(&node).map_or(1, |part| part + 1);
            let most = if loss < WORTH_TAKING { 1 } else { PARTS };
            (part <= most).then_some((node, part))
        })
    }

    /// The first link of the way to the goal that is worth most for its time.
    fn next_hop(&self, now: Timestamp) -> Option<(NodeIx, NodeIx, u32)> {
        let (seconds, parent) = self.search(now);
        let reached = |node: NodeIx| seconds.get(node.at()).copied().flatten();
        let goals =
            self.estate.assets().iter().flat_map(|asset| {
                asset.places().map(move |node| (asset.loss.as_f64().max(1.0), node))
            });
        let worth = |loss: f64, arrival: u64| {
            if arrival <= ALONG_THE_WAY_SECONDS {
                return f64::INFINITY;
            }
            loss / f64::from(u32::try_from(arrival + PATIENCE_SECONDS).unwrap_or(u32::MAX))
        };
        let (_, goal) = goals
            .filter(|(_, node)| !self.controls.contains(node))
            .filter_map(|(loss, node)| reached(node).map(|arrival| (worth(loss, arrival), node)))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let mut to = goal;
        while let Some(from) = parent.get(to.at()).copied().flatten() {
            if self.controls.contains(&from) {
                let edges = self.graph.next(from).iter().filter(|edge| edge.0 == to);
                return edges.map(|edge| (from, to, edge.1)).min_by_key(|hop| hop.2);
            }
            to = from;
        }
        None
    }

    /// Earliest arrivals from what is controlled, avoiding links that were shut of late.
    fn search(&self, now: Timestamp) -> (Vec<Option<u64>>, Vec<Option<NodeIx>>) {
        let nodes = self.estate.nodes().len();
        let mut seconds = vec![None; nodes];
        let mut parent = vec![None; nodes];
        let mut queue = BinaryHeap::new();
        for &node in &self.controls {
            if let Some(slot) = seconds.get_mut(node.at()) {
                *slot = Some(0);
            }
            queue.push(Reverse((0_u64, node)));
        }
        while let Some(Reverse((at, node))) = queue.pop() {
            if seconds.get(node.at()).copied().flatten() != Some(at) {
                continue;
            }
            for &(next, cost) in self.graph.next(node) {
                let arrival = at + u64::from(cost) + 20;
                let Some(slot) = seconds.get_mut(next.at()) else { continue };
                let better = slot.is_none_or(|known| arrival < known);
                if better && !self.is_shut(node, next, now) {
                    *slot = Some(arrival);
                    if let Some(slot) = parent.get_mut(next.at()) {
                        *slot = Some(node);
                    }
                    queue.push(Reverse((arrival, next)));
                }
            }
        }
        (seconds, parent)
    }

    fn is_shut(&self, from: NodeIx, to: NodeIx, now: Timestamp) -> bool {
        let shut = self.shut.get(&(from, to));
        shut.is_some_and(|&at| self.hurried || now.duration_since(at) < RETRY)
    }

    fn jitter(&mut self, span: SignedDuration) -> SignedDuration {
        if self.hurried {
            return SignedDuration::from_secs(1);
        }
        let percent = self.pace.i64(70..=160);
        SignedDuration::from_millis(span.as_secs().max(5) * 10 * percent)
    }
}
