//! First paths and a first cover: a maximum flow from the footholds to the assets.
//!
//! Every node may carry as much as its cheapest column costs, every asset as
//! much as its loss. Where each column removes one node and no two share a
//! service, the flow is the optimum's proof and its cut the optimum; elsewhere
//! its paths are the rows with which the master begins and its cut an
//! incumbent. The algorithm is ISAP (Ahuja and Orlin, 1989) on split nodes,
//! with the network's labels as first distances, so that a cut near the
//! footholds touches nothing else, and with the gap rule.

mod relabel;

use rustc_hash::FxHashMap;

use crate::case::{Case, State};
use crate::dense::{Dense, index};
use crate::labels::NEVER;
use crate::scratch::Lent;

/// What a maximum flow leaves for the search.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Paths that carry flow, from a start to an asset, each with the asset and how much.
    pub(crate) paths: Vec<(Vec<u32>, u32, i64)>,
    /// The cheapest columns of the cut.
    pub(crate) cover: Vec<u32>,
    /// How much flows, in minor units; no cover by the same budgets costs less.
    pub(crate) value: i64,
    /// Links looked at.
    pub(crate) work: u64,
}

/// What each column may carry, in minor units.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budgets {
    /// Columns with a budget of their own.
    pub(crate) own: FxHashMap<u32, i64>,
    /// Per cap, what every column that it counts may carry on top of its price alone.
    pub(crate) caps: Vec<i64>,
}

impl Budgets {
    fn of(&self, case: &Case<'_>, column: u32) -> i64 {
        self.own.get(&column).copied().unwrap_or_else(|| {
            let caps = case.net.columns[column].caps.iter();
            let more = |&(cap, times): &(u32, u32)| {
                self.caps.get(cap as usize).copied().unwrap_or(0) * i64::from(times)
            };
            case.price_alone(column) + caps.map(more).sum::<i64>()
        })
    }
}

/// More than any money: what nothing can cut.
const ENDLESS: i64 = i64::MAX / 4;

/// Pushes as much as possible, in at most `most` pushes.
///
/// `loss` says per asset what it costs to lose it: `None` is never.
pub(crate) fn push(case: &Case<'_>, budgets: &Budgets, loss: &[Option<i64>], most: usize) -> Flow {
    let mut pipes = Pipes::new(case, budgets, loss);
    for start in &case.starts {
        let from = if start.entrenched { out_of(start.node) } else { into(start.node) };
        while pipes.pushes < most && !pipes.endless && pipes.augment(from, start.node) {}
    }
    let cover = if pipes.endless { Vec::new() } else { pipes.cover() };
    let value = pipes.sent.values().sum();
    Flow { work: pipes.work, cover, value, paths: pipes.paths() }
}

// Places of the split network: 2v is where control of v arrives, 2v + 1 where
// it goes on from, and after them one per asset.
fn into(node: u32) -> u32 {
    2 * node
}

fn out_of(node: u32) -> u32 {
    2 * node + 1
}

struct Pipes<'a, 'b> {
    case: &'a Case<'a>,
    nodes: u32,
    budgets: &'b Budgets,
    /// Per place, its label where it was ever lifted; 0 where it still has its first.
    lifted_to: Lent<'a, u32>,
    /// How many places have a label.
    count: Dense<u32>,
    /// Which places were ever given a label.
    lifted: Dense<Vec<u32>>,
    /// The longest distance at first.
    highest: u32,
    arc: Lent<'a, u32>,
    /// Per node, one more than what its cheapest column costs; 0 is not yet known.
    width: Lent<'a, i64>,
    carried: Lent<'a, i64>,
    /// Per asset, what it may still take.
    room: Dense<i64>,
    /// Flow between two nodes, or a node and an asset (numbered after the nodes).
    between: FxHashMap<(u32, u32), i64>,
    /// From where flow comes, per node or asset that ever had some.
    before: FxHashMap<u32, Vec<u32>>,
    touched: Vec<u32>,
    sent: FxHashMap<u32, i64>,
    endless: bool,
    witness: Option<(Vec<u32>, u32)>,
    pushes: usize,
    work: u64,
    /// When to find all labels anew.
    relabel_at: u64,
}

impl<'a, 'b> Pipes<'a, 'b> {
    fn new(case: &'a Case<'a>, budgets: &'b Budgets, loss: &[Option<i64>]) -> Self {
        let (net, memory) = (case.net, &case.net.memory);
        // Labels 0 (unused), 1 (assets), then going on from and arriving at the nodes of each label.
        let mut count = vec![0, index(loss.len())];
        for &nodes in net.labels.counts() {
            count.extend([nodes, nodes]);
        }
        let room: Vec<i64> = loss.iter().map(|loss| loss.unwrap_or(ENDLESS)).collect();
        Self {
            case,
            nodes: index(net.nodes()),
            budgets,
            lifted_to: memory.small.lend(),
            lifted: Dense::filled(Vec::new(), count.len()),
            highest: index(count.len()) - 1,
            count: count.into(),
            arc: memory.small.lend(),
            width: memory.money.lend(),
            carried: memory.money.lend(),
            room: room.into(),
            between: FxHashMap::default(),
            before: FxHashMap::default(),
            touched: Vec::new(),
            sent: FxHashMap::default(),
            endless: false,
            witness: None,
            pushes: 0,
            work: 0,
            relabel_at: net.back.total(),
        }
    }

    /// The label of a place: first twice its node's, then what it was lifted to.
    #[inline]
    fn label(&self, place: u32) -> u32 {
        match self.lifted_to[place] {
            0 if place >= 2 * self.nodes => 1,
            0 => match self.case.net.labels.of(place / 2) {
                NEVER => NEVER,
                label if place.is_multiple_of(2) => 3 + 2 * label,
                label => 2 + 2 * label,
            },
            label => label,
        }
    }

    fn alive(&self, place: u32) -> bool {
        self.label(place) != NEVER
    }

    /// What a node may carry: the least budget of its open columns.
    fn width(&mut self, node: u32) -> i64 {
        if self.width[node] == 0 {
            let least = self.cheapest(node).map_or(ENDLESS, |(budget, _)| budget);
            self.width.set(node, least + 1);
        }
        self.width[node] - 1
    }

    /// The open column of a node with the least budget.
    fn cheapest(&self, node: u32) -> Option<(i64, u32)> {
        let open = self.case.net.cover[node].iter().copied();
        let open = open.filter(|&column| self.case.state(column) == State::Open);
        open.map(|column| (self.budgets.of(self.case, column), column)).min()
    }

    /// The place at one arc of a place, if flow can go there; `None` past the last arc.
    fn arc_to(&mut self, place: u32, arc: u32) -> Option<Option<u32>> {
        let (net, node) = (self.case.net, place / 2);
        if place >= 2 * self.nodes || place.is_multiple_of(2) {
            // Into a node or an asset: through it, or back along what comes in.
            let is_asset = place >= 2 * self.nodes;
            let own = if is_asset { place - self.nodes } else { node };
            if arc == 0 {
                let through = !is_asset && self.carried[node] < self.width(node);
                return Some(through.then(|| out_of(node)));
            }
            let from = *self.before.get(&own)?.get(arc as usize - 1)?;
            let flow = self.between.get(&(from, own)).is_some_and(|&flow| flow > 0);
            return Some(flow.then(|| out_of(from)));
        }
        let (next, assets) = (&net.next[node], &net.assets_at[node]);
        let at = arc as usize;
        if let Some(&(to, _)) = next.get(at) {
            return Some(Some(into(to)));
        }
        if let Some(&asset) = assets.get(at - next.len()) {
            return Some(Some(2 * self.nodes + asset));
        }
        (at == next.len() + assets.len()).then(|| (self.carried[node] > 0).then(|| into(node)))
    }

    /// Pushes along one shortest path from a source; false when there is none any more.
    fn augment(&mut self, source: u32, start: u32) -> bool {
        let mut path = vec![source];
        while let Some(&place) = path.last().filter(|_| self.alive(source)) {
            if place >= 2 * self.nodes && self.room[place - 2 * self.nodes] > 0 {
                self.push_along(&path, start);
                return true;
            }
            if let Some(next) = self.downhill(place) {
                path.push(next);
            } else {
                self.lift(place);
                if self.work > self.relabel_at {
                    self.relabel();
                    path.truncate(1);
                } else if !self.alive(place) || path.len() > 1 {
                    path.pop();
                }
            }
        }
        false
    }

    fn downhill(&mut self, place: u32) -> Option<u32> {
        let label = self.label(place);
        if label == NEVER {
            return None;
        }
        while let Some(to) = self.arc_to(place, self.arc[place]) {
            self.work += 1;
            if let Some(to) = to.filter(|&to| self.alive(to) && self.label(to) + 1 == label) {
                return Some(to);
            }
            let next = self.arc[place] + 1;
            self.arc.set(place, next);
        }
        None
    }

    /// Raises a label to one more than the least that flow can go to.
    fn lift(&mut self, place: u32) {
        let mut least = NEVER;
        let mut arc = 0;
        while let Some(to) = self.arc_to(place, arc) {
            arc += 1;
            if let Some(to) = to.filter(|&to| self.alive(to)) {
                least = least.min(self.label(to));
            }
        }
        self.work += u64::from(arc);
        self.arc.set(place, 0);
        let old = self.label(place);
        if old == NEVER {
            return;
        }
        let new = if least == NEVER { NEVER } else { least + 1 };
        self.lifted_to.set(place, new);
        if new != NEVER {
            while self.count.len() <= new as usize {
                self.count.push(0);
                self.lifted.push(Vec::new());
            }
            self.count[new] += 1;
            self.lifted[new].push(place);
        }
        self.count[old] -= 1;
        if self.count[old] == 0 {
            self.give_up_above(old);
        }
    }

    /// Labels fall by at most 1 per link, so nothing above an empty label ever reaches an asset.
    fn give_up_above(&mut self, gap: u32) {
        if gap < self.highest {
            for place in 0..2 * self.nodes + index(self.room.len()) {
                let label = self.label(place);
                if label != NEVER && label > gap {
                    self.count[label] -= 1;
                    self.lifted_to.set(place, NEVER);
                }
            }
            return;
        }
        for level in gap + 1..index(self.count.len()) {
            for place in std::mem::take(&mut self.lifted[level]) {
                if self.label(place) == level {
                    self.lifted_to.set(place, NEVER);
                }
            }
            self.count[level] = 0;
        }
    }

    fn push_along(&mut self, path: &[u32], start: u32) {
        self.pushes += 1;
        let Some(&end) = path.last() else { return };
        let mut most = self.room[end - 2 * self.nodes];
        for (&from, &to) in path.iter().zip(path.iter().skip(1)) {
            most = most.min(self.residual(from, to));
        }
        if most >= ENDLESS / 2 {
            // Nothing can cut this path: there is no use in pushing more.
            let nodes = path.iter().filter(|&&place| place < 2 * self.nodes).map(|p| p / 2);
            let mut nodes: Vec<u32> = nodes.collect();
            nodes.dedup();
            self.witness = Some((nodes, end - 2 * self.nodes));
            self.endless = true;
            return;
        }
        for (&from, &to) in path.iter().zip(path.iter().skip(1)) {
            self.change(from, to, most);
        }
        let room = &mut self.room[end - 2 * self.nodes];
        if *room < ENDLESS {
            *room -= most;
        }
        *self.sent.entry(start).or_default() += most;
    }

    fn residual(&mut self, from: u32, to: u32) -> i64 {
        match self.step(from, to) {
            Step::Through(node) => self.width(node) - self.carried[node],
            Step::BackThrough(node) => self.carried[node],
            Step::Along(_, _) => ENDLESS,
            Step::BackAlong(a, b) => self.between.get(&(a, b)).copied().unwrap_or(0),
        }
    }

    fn step(&self, from: u32, to: u32) -> Step {
        let forward = from < 2 * self.nodes && !from.is_multiple_of(2);
        let own = |place: u32| if place >= 2 * self.nodes { place - self.nodes } else { place / 2 };
        match (forward, own(from) == own(to)) {
            (true, true) => Step::BackThrough(own(from)),
            (true, false) => Step::Along(own(from), own(to)),
            (false, true) => Step::Through(own(from)),
            (false, false) => Step::BackAlong(own(to), own(from)),
        }
    }

    fn change(&mut self, from: u32, to: u32, by: i64) {
        match self.step(from, to) {
            Step::Through(node) => self.carry(node, by),
            Step::BackThrough(node) => self.carry(node, -by),
            Step::Along(a, b) => {
                if !self.between.contains_key(&(a, b)) {
                    let before = self.before.entry(b).or_default();
                    if before.is_empty() {
                        self.touched.push(b);
                    }
                    before.push(a);
                }
                *self.between.entry((a, b)).or_default() += by;
            }
            Step::BackAlong(a, b) => *self.between.entry((a, b)).or_default() -= by,
        }
    }

    fn carry(&mut self, node: u32, more: i64) {
        let carried = self.carried[node] + more;
        self.carried.set(node, carried);
    }

    /// The cheapest columns of the nodes where the residual network ends.
    fn cover(&mut self) -> Vec<u32> {
        let mut seen = self.case.net.memory.small.lend();
        let mut queue: Vec<u32> = Vec::new();
        for start in &self.case.starts {
            let from = if start.entrenched { out_of(start.node) } else { into(start.node) };
            if seen[from] == 0 {
                seen.set(from, 1);
                queue.push(from);
            }
        }
        let mut at = 0;
        while let Some(&place) = queue.get(at) {
            at += 1;
            let mut arc = 0;
            while let Some(to) = self.arc_to(place, arc) {
                arc += 1;
                if let Some(to) = to.filter(|&to| seen[to] == 0) {
                    seen.set(to, 1);
                    queue.push(to);
                }
            }
            self.work += u64::from(arc);
        }
        let inner = queue.iter().filter(|&&p| p < 2 * self.nodes && p.is_multiple_of(2));
        let mut cover: Vec<u32> = inner
            .map(|place| place / 2)
            .filter(|&node| seen[out_of(node)] == 0)
            .filter_map(|node| self.cheapest(node).map(|(_, column)| column))
            .collect();
        cover.sort_unstable();
        cover.dedup();
        cover
    }

    /// Takes the flow apart into paths.
    fn paths(mut self) -> Vec<(Vec<u32>, u32, i64)> {
        let mut after: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for &to in &self.touched {
            for &from in self.before.get(&to).into_iter().flatten() {
                after.entry(from).or_default().push(to);
            }
        }
        let mut paths = Vec::new();
        for start in &self.case.starts {
            let mut left = self.sent.get(&start.node).copied().unwrap_or(0);
            while left > 0 {
                let Some(((path, asset), flow)) = self.walk(start.node, left, &mut after) else {
                    break;
                };
                left -= flow;
                paths.push((path, asset, flow));
            }
        }
        paths.extend(self.witness.map(|(path, asset)| (path, asset, 0)));
        for (path, _, _) in &mut paths {
            // From the last foothold on, fewer columns cut it: a stronger row.
            let last = path.iter().rposition(|&node| self.case.is_foothold(node)).unwrap_or(0);
            path.drain(..last);
        }
        paths
    }

    /// Follows flow from a node to an asset and takes what it can along.
    fn walk(
        &mut self,
        start: u32,
        most: i64,
        after: &mut FxHashMap<u32, Vec<u32>>,
    ) -> Option<((Vec<u32>, u32), i64)> {
        let mut path = vec![start];
        while let Some(&node) = path.last() {
            if node >= self.nodes {
                break;
            }
            let next = after.get_mut(&node)?;
            let to = *next.last()?;
            if self.between.get(&(node, to)).is_none_or(|&flow| flow <= 0) {
                next.pop();
                continue;
            }
            if let Some(loop_from) = path.iter().position(|&earlier| earlier == to) {
                // Flow in a circle serves nobody.
                let circle: Vec<u32> = path.drain(loop_from..).chain([to]).collect();
                self.take(&circle, ENDLESS);
                path.push(to);
                continue;
            }
            path.push(to);
        }
        let flow = self.take(&path, most);
        let asset = path.pop()? - self.nodes;
        Some(((path, asset), flow))
    }

    fn take(&mut self, path: &[u32], most: i64) -> i64 {
        let pairs = || path.iter().copied().zip(path.iter().copied().skip(1));
        let flows = pairs().filter_map(|pair| self.between.get(&pair).copied());
        let flow = flows.fold(most, i64::min);
        for pair in pairs() {
            if let Some(between) = self.between.get_mut(&pair) {
                *between -= flow;
            }
        }
        flow
    }
}

enum Step {
    Through(u32),
    BackThrough(u32),
    Along(u32, u32),
    BackAlong(u32, u32),
}
