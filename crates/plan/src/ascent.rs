//! First paths and a first cover: dual ascent along shortest open paths.
//!
//! Every column has its price as a budget. Along the shortest open path the
//! smallest budget left is spent; a column whose budget is gone shuts its nodes.
//! When nothing is open any more the spent columns cover every path, and the
//! paths are the rows with which the master begins. Distances to the assets
//! only grow, so they are kept as labels in the manner of ISAP (Ahuja and
//! Orlin), with its gap rule: a region that is cut off is given up at once.

use crate::case::{Case, State};
use crate::dense::Dense;
use crate::gates::Fallout;
use crate::network::NEVER;

/// What an ascent found.
#[derive(Debug)]
pub(crate) struct Ascent {
    /// Paths from a start to an asset, each with the asset.
    pub(crate) paths: Vec<(Vec<u32>, u32)>,
    /// Columns whose budget was spent.
    pub(crate) spent: Vec<u32>,
    /// Links looked at.
    pub(crate) work: u64,
}

/// Which assets a search runs to.
pub(crate) struct Aims {
    /// Per asset, what it costs to lose it; `None` is never, and assets that do not matter are 0.
    pub(crate) loss: Dense<Option<i64>>,
}

struct Climb<'a> {
    case: &'a Case<'a>,
    label: Dense<u32>,
    count: Dense<u32>,
    /// Labels above this cannot reach an asset any more.
    top: u32,
    arc: Dense<u32>,
    shut: Dense<bool>,
    budget: Dense<i64>,
    left: Dense<Option<i64>>,
    found: Ascent,
}

/// Runs the ascent from all starts, for at most `most` paths.
pub(crate) fn climb(case: &Case<'_>, aims: &Aims, most: usize) -> Ascent {
    let mut climb = Climb::new(case, aims);
    for start in &case.starts {
        while climb.found.paths.len() < most && climb.advance(start.node, start.entrenched) {}
    }
    climb.found
}

impl<'a> Climb<'a> {
    fn new(case: &'a Case<'a>, aims: &Aims) -> Self {
        let net = case.net;
        let highest = net.label.iter().copied().filter(|&label| label != NEVER).max().unwrap_or(0);
        // Distances may grow past today's longest before a gap shows.
        let top = highest.saturating_mul(2).saturating_add(64);
        let mut count = Dense::filled(0, top as usize + 1);
        for &label in net.label.iter().filter(|&&label| label != NEVER) {
            count[label] += 1;
        }
        let mut climb = Self {
            case,
            label: net.label.clone(),
            count,
            top,
            arc: Dense::filled(0, net.nodes()),
            shut: Dense::filled(false, net.nodes()),
            budget: budgets(case),
            left: aims.loss.clone(),
            found: Ascent { paths: Vec::new(), spent: Vec::new(), work: 0 },
        };
        for column in net.columns.indexes() {
            if case.state[column] == State::Open && climb.budget[column] == 0 {
                climb.spend(column);
            }
        }
        climb
    }

    fn spend(&mut self, column: u32) {
        self.found.spent.push(column);
        for &node in &self.case.net.columns[column].nodes {
            self.shut[node] = true;
        }
    }

    /// Finds one more open path from a start and spends along it.
    fn advance(&mut self, start: u32, entrenched: bool) -> bool {
        if self.shut[start] && !entrenched {
            return false;
        }
        let mut path = vec![start];
        while let Some(&node) = path.last() {
            if let Some(asset) = self.asset_at(node) {
                return self.take(path, asset, entrenched);
            }
            if let Some(next) = self.downhill(node) {
                path.push(next);
            } else {
                self.lift(node);
                if !self.alive(node) || path.len() > 1 {
                    path.pop();
                }
            }
        }
        false
    }

    fn alive(&self, node: u32) -> bool {
        self.label[node] != NEVER && self.label[node] <= self.top
    }

    fn asset_at(&self, node: u32) -> Option<u32> {
        let open = |&&asset: &&u32| self.left[asset].is_none_or(|left| left > 0);
        self.case.net.assets_at[node].iter().find(open).copied()
    }

    fn downhill(&mut self, node: u32) -> Option<u32> {
        let next = &self.case.net.next[node];
        if !self.alive(node) || self.label[node] == 0 {
            return None;
        }
        while let Some(&(to, _)) = next.get(self.arc[node] as usize) {
            self.found.work += 1;
            if self.label[to] != NEVER && self.label[to] + 1 == self.label[node] && !self.shut[to] {
                return Some(to);
            }
            self.arc[node] += 1;
        }
        None
    }

    /// Raises a label to one more than the least open neighbour's.
    fn lift(&mut self, node: u32) {
        let net = self.case.net;
        let old = self.label[node];
        let open = net.next[node].iter().filter(|&&(to, _)| !self.shut[to] && self.alive(to));
        let least = open.map(|&(to, _)| self.label[to]).min();
        self.found.work += net.next[node].len() as u64;
        self.arc[node] = 0;
        if old == NEVER {
            return;
        }
        self.count[old] -= 1;
        if self.count[old] == 0 && old <= self.top {
            self.top = old;
        }
        let new = least.map_or(NEVER, |least| least + 1);
        if new == NEVER || new > self.top {
            self.label[node] = NEVER;
            return;
        }
        self.label[node] = new;
        self.count[new] += 1;
    }

    /// Spends the smallest budget along a path; false when nothing could ever cut it.
    fn take(&mut self, path: Vec<u32>, asset: u32, entrenched: bool) -> bool {
        let case = self.case;
        let mut cutters: Vec<u32> = path
            .iter()
            .skip(usize::from(entrenched))
            .flat_map(|&node| case.net.cover[node].iter().copied())
            .filter(|&column| case.state[column] == State::Open)
            .collect();
        cutters.sort_unstable();
        cutters.dedup();
        self.found.paths.push((path, asset));
        let least = cutters.iter().map(|&column| self.budget[column]).chain(self.left[asset]).min();
        let Some(least) = least else {
            // No plan can cut it off: there is no use in looking for more.
            self.left = Dense::filled(Some(0), self.left.len());
            return false;
        };
        for column in cutters {
            self.budget[column] -= least;
            if self.budget[column] == 0 {
                self.spend(column);
            }
        }
        self.left[asset] = self.left[asset].map(|left| left - least);
        true
    }
}

/// Prices with the services that each column would stop by itself.
fn budgets(case: &Case<'_>) -> Dense<i64> {
    let mut fallout = Fallout::new(&case.net.gates);
    let budgets = case.net.columns.indexes().map(|at| {
        let mark = fallout.mark();
        for &node in &case.net.columns[at].stops {
            fallout.take_down(node);
        }
        let services: i64 = fallout.stopped.iter().map(|&service| case.weight[service]).sum();
        fallout.undo(mark);
        case.price[at] + services
    });
    budgets.collect::<Vec<_>>().into()
}
