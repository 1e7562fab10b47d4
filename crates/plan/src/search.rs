//! The search for one stage: lazy paths, LP, whole numbers, and always an incumbent.
//!
//! An implicit hitting set: the master knows some paths; its answer is checked
//! against the network; paths that it leaves open become rows. When its whole
//! answer leaves none, that answer is optimal. Greedy completions of what the
//! master proposes give sound plans on the way, so that a limit at any moment
//! leaves a plan with its gap.

mod separate;
mod tolls;

use rustc_hash::FxHashMap;

use crate::budget::Budget;
use crate::case::Case;
use crate::flow::{self, Budgets, Flow};
use crate::flowed::Flowed;
use crate::gates::Fallout;
use crate::goal::Goal;
use crate::greedy::Completion;
use crate::master::{Effort, Inequality, Key, Master, Point, Solved, Var, Variable, float};
use crate::scout::Scout;
use crate::standing::{Standing, exceeded, without_useless};

/// Paths taken up per look at the network.
const PATHS_PER_PASS: usize = 256;
/// Links looked at per look at the network, once a path was found.
const WORK_PER_PASS: u64 = 2_000_000;
/// Links looked at to complete a plan, at least.
const COMPLETION: u64 = 20_000_000;
/// Dives before the first whole answer.
const DIVES: usize = 6;
/// Flows by the master's duals before paths are looked for one by one.
const FLOWS: usize = 12;
/// Pushes of a flow.
const FIRST_PATHS: usize = 20_000;

/// What a stage's search found.
pub(crate) struct Outcome {
    /// The best that was found; `None` with `proven` means that there is none.
    pub(crate) best: Option<Standing>,
    /// No allowed choice is worth less, in minor units.
    pub(crate) lower: i64,
    /// Whether the best is proven, or that there is none.
    pub(crate) proven: bool,
    /// All rows that were used.
    pub(crate) keys: Vec<Key>,
    /// What a flow proved by itself.
    pub(crate) flowed: Option<Flowed>,
}

/// Searches for the best standing under a goal, beginning with rows known from before.
pub(crate) fn search(
    case: &Case<'_>,
    goal: Goal,
    known: &[Key],
    hint: Option<&Standing>,
    budget: &Budget<'_>,
) -> Outcome {
    let mut search = Search::new(case, goal, budget);
    for key in known {
        search.master.add_key(key);
    }
    if let Some(hint) = hint {
        search.offer(hint.clone());
    }
    if !known.iter().any(|key| matches!(key, Key::Path { .. })) {
        search.seed();
    }
    if search.best.is_none() {
        search.offer_columns(&[]);
    }
    let infeasible = search.run();
    search.outcome(infeasible)
}

struct Search<'a, 'b> {
    case: &'a Case<'a>,
    goal: Goal,
    budget: &'b Budget<'b>,
    master: Master<'a>,
    scout: Scout<'a>,
    /// Assets that make a difference, each with its places.
    targets: Vec<(u32, Vec<u32>)>,
    best: Option<(i64, Standing)>,
    lower: i64,
    proven: bool,
    /// Flows by duals that are still worth trying.
    flows: usize,
    /// Rows left out of the whole problem.
    idle: Vec<bool>,
    /// Seconds that linear relaxations have taken.
    lp_seconds: f64,
    /// The flow that proves most by itself.
    flowed: Option<Flowed>,
}

enum Next {
    Again,
    Done,
    Infeasible,
}

impl<'a, 'b> Search<'a, 'b> {
    fn new(case: &'a Case<'a>, goal: Goal, budget: &'b Budget<'b>) -> Self {
        let assets = case.net.estate.assets().iter().zip(0..);
        let targets = assets
            .filter(|(asset, _)| goal.matters(asset))
            .map(|(asset, at)| (at, asset.places().map(|place| place.0).collect()))
            .collect();
        let (master, scout) = (Master::new(case, goal), Scout::new(case));
        Self {
            case,
            goal,
            budget,
            master,
            scout,
            targets,
            best: None,
            lower: 0,
            proven: false,
            flows: FLOWS,
            idle: Vec::new(),
            lp_seconds: 0.0,
            flowed: None,
        }
    }

    fn outcome(self, infeasible: bool) -> Outcome {
        let proven = infeasible || self.is_closed();
        let lower = match &self.best {
            Some((value, _)) if proven => *value,
            Some((value, _)) => self.lower.min(*value),
            None => self.lower,
        };
        let keys = self.master.rows.iter().map(|row| row.key.clone()).collect();
        let best = self.best.map(|(_, standing)| standing);
        Outcome { best, lower, proven, keys, flowed: self.flowed }
    }

    fn is_closed(&self) -> bool {
        self.proven || self.best.as_ref().is_some_and(|(value, _)| *value <= self.lower)
    }

    /// Starts from a maximum flow's paths and cut, with tolls for caps that the cut exceeds.
    fn seed(&mut self) {
        let free = Budgets::default();
        let flow = self.push(&free);
        let over = exceeded(self.case, &flow.cover);
        if over.is_empty() {
            self.take_up(flow.paths);
            return;
        }
        let (flow, tolls) = self.tolls(flow, &over);
        for (path, asset, _) in &flow.paths {
            self.master.add_path(path.clone(), *asset);
        }
        self.flowed = Flowed::new(&self.master, &flow.paths, &tolls.caps);
        if let Some(flowed) = &self.flowed {
            self.lower = self.lower.max(flowed.bound);
        }
    }

    /// Pushes a maximum flow and offers its cut.
    fn push(&mut self, budgets: &Budgets) -> Flow {
        let flow = flow::push(self.case, budgets, &self.goal.losses(self.case), FIRST_PATHS);
        self.budget.spend(flow.work);
        if exceeded(self.case, &flow.cover).is_empty() {
            self.offer_columns(&flow.cover);
        }
        flow
    }

    /// Makes rows of paths; tells whether any was new.
    fn take_up(&mut self, paths: Vec<(Vec<u32>, u32, i64)>) -> bool {
        let rows = self.master.rows.len();
        for (path, asset, _) in paths {
            self.master.add_path(path, asset);
        }
        self.master.rows.len() > rows
    }

    /// A flow in which columns share what services and caps allow them as the master's duals do.
    fn flow_by_duals(&mut self, duals: &[f64]) -> bool {
        let flow = self.push(&self.master.shared_budgets(duals));
        self.take_up(flow.paths)
    }

    fn offer(&mut self, standing: Standing) {
        let Some(value) = self.goal.value(self.case, &standing) else { return };
        let rank = |value: i64, of: &Standing| (value, of.cost(), of.chosen.len());
        let better = |(known, best): &(i64, Standing)| {
            let (new, old) = (rank(value, &standing), rank(*known, best));
            (new, &standing.chosen) < (old, &best.chosen)
        };
        if self.best.as_ref().is_none_or(better) {
            self.best = Some((value, standing));
        }
    }

    fn offer_columns(&mut self, chosen: &[u32]) {
        let (kept, field) = without_useless(self.case, chosen);
        let standing = Standing::in_field(self.case, kept, &field);
        self.offer(standing);
    }

    /// Runs to the proof or the limits; true when no choice is allowed at all.
    fn run(&mut self) -> bool {
        let mut dives = DIVES;
        loop {
            match self.relax() {
                Next::Infeasible => return true,
                Next::Done => return false,
                Next::Again => {}
            }
            for avoided in 0..std::mem::take(&mut dives) {
                self.dive(avoided);
            }
            match self.decide() {
                Next::Infeasible => return true,
                Next::Done => return false,
                Next::Again => {}
            }
        }
    }

    fn solve_lp(&mut self) -> Solved {
        let left = self.budget.seconds_left();
        let solved = self.master.solve_lp(self.lp_seconds + left);
        let took = left - self.budget.seconds_left();
        self.lp_seconds += if took.is_finite() { took } else { 0.0 };
        solved
    }

    /// Solves the linear relaxation until the network shows no path that it leaves too open.
    fn relax(&mut self) -> Next {
        let mut last: Vec<f64> = Vec::new();
        loop {
            if self.is_closed() || self.budget.is_spent() {
                if self.best.is_none() {
                    // A late plan is better than none.
                    self.complete(&last, 0.999);
                }
                return Next::Done;
            }
            let point = match self.solve_lp() {
                Solved::Point(point) => point,
                Solved::Infeasible => return self.no_better(),
                Solved::Stopped { .. } | Solved::Failed => return Next::Again,
            };
            self.budget.spend(self.master.rows.len() as u64 * 4);
            self.raise_lower(point.value);
            if self.flows > 0 {
                self.flows = if self.flow_by_duals(&point.duals) { self.flows - 1 } else { 0 };
            }
            if !self.separate(&point.at) && self.flows == 0 {
                self.round(&point);
                if self.idle.is_empty() {
                    self.rest(&point.at);
                }
                return if self.is_closed() { Next::Done } else { Next::Again };
            }
            last = point.at;
        }
    }

    /// Pins the most wanted column again and again, to learn the paths that whole answers leave
    /// open before the first of them is asked for. The first `avoided` choices are ruled out.
    fn dive(&mut self, avoided: usize) {
        let mut pinned: Vec<u32> = Vec::new();
        while !self.budget.is_spent() {
            let Solved::Point(point) = self.solve_lp() else { break };
            self.budget.spend(self.master.rows.len() as u64 * 4);
            if self.is_hopeless(point.value) {
                break;
            }
            if self.separate(&point.at) {
                continue;
            }
            let Some(wanted) = self.most_wanted(&point.at) else {
                self.complete(&point.at, 0.5);
                break;
            };
            let value = if pinned.len() < avoided { 0.0 } else { 1.0 };
            self.master.pin(wanted, value..=value);
            pinned.push(wanted);
        }
        for variable in pinned {
            self.master.pin(variable, 0.0..=1.0);
        }
    }

    fn is_hopeless(&self, value: f64) -> bool {
        let most = self.best.as_ref().map(|(best, _)| float(best / self.master.unit));
        most.is_some_and(|most| value >= most + self.master.guide_most())
    }

    /// The fractional column that is nearest to being chosen.
    fn most_wanted(&self, at: &[f64]) -> Option<u32> {
        let mut wanted: Option<(f64, u32)> = None;
        for ((variable, &value), index) in self.master.variables.iter().zip(at).zip(0..) {
            let is_column = matches!(variable.var, Var::Column(_));
            let fractional = (1e-6..1.0 - 1e-6).contains(&value);
            if is_column && fractional && wanted.is_none_or(|(known, _)| value > known) {
                wanted = Some((value, index));
            }
        }
        wanted.map(|(_, index)| index)
    }

    /// A standing as a point of the master.
    fn as_point(&self, standing: &Standing) -> Vec<f64> {
        let net = self.case.net;
        let mut fallout = Fallout::new(&net.gates);
        for &column in &standing.chosen {
            for &node in &net.columns[column].stops {
                fallout.take_down(node);
            }
        }
        let holds = |variable: &Variable| match variable.var {
            Var::Column(column) => standing.chosen.binary_search(&column).is_ok(),
            Var::Item(item) => fallout.is_down(item),
            Var::Asset(asset) => standing.lost.binary_search(&asset).is_ok(),
        };
        let value = |variable| f64::from(u8::from(holds(variable)));
        self.master.variables.iter().map(value).collect()
    }

    /// The master allows nothing (any more): the best is proven, or there is none.
    fn no_better(&mut self) -> Next {
        self.proven = true;
        if self.best.is_some() { Next::Done } else { Next::Infeasible }
    }

    fn raise_lower(&mut self, value: f64) {
        let units = value - self.master.guide_most();
        let tolerance = 1e-6 + units.abs() * 1e-11;
        let lower = whole((units - tolerance).ceil()).saturating_mul(self.master.unit);
        self.lower = self.lower.max(lower);
    }

    /// Asks for a whole answer, and looks for what it leaves open.
    fn decide(&mut self) -> Next {
        if self.is_closed() || self.budget.is_spent() {
            return Next::Done;
        }
        let shut = self.too_dear();
        let effort =
            Effort { nodes: self.budget.nodes_left(), seconds: self.budget.seconds_left() };
        let known = self.best.as_ref().map(|(_, best)| self.as_point(best));
        let at = match self.master.solve_whole(&shut, &self.idle, known.as_deref(), effort) {
            Solved::Point(point) => {
                self.raise_lower(point.value);
                point.at
            }
            Solved::Infeasible => return self.no_better(),
            Solved::Stopped { bound, at } => {
                self.raise_lower(bound);
                if let Some(at) = at {
                    self.complete(&at, 0.5);
                }
                return Next::Done;
            }
            Solved::Failed => return Next::Done,
        };
        self.budget.spend(self.master.rows.len() as u64 * 16);
        let rounded: Vec<f64> = at.iter().map(|value| value.round()).collect();
        let rows = self.master.rows.len();
        self.separate(&rounded);
        self.complete(&rounded, 0.5);
        if self.wake(&rounded) || self.master.rows.len() > rows {
            return Next::Again;
        }
        // Nothing is left open: the answer itself stands, and is the best.
        self.settle(&rounded);
        Next::Done
    }

    /// Leaves rows that the linear relaxation does not lean on out of the whole problem for now.
    fn rest(&mut self, at: &[f64]) {
        let leans = |row: &Inequality| {
            !matches!(row.key, Key::Path { .. }) || activity(row, at) < float(row.least) + 1e-6
        };
        self.idle = self.master.rows.iter().map(|row| !leans(row)).collect();
    }

    /// Takes rows up again that a whole answer violates; tells whether there were any.
    fn wake(&mut self, at: &[f64]) -> bool {
        let mut woken = false;
        for (idle, row) in self.idle.iter_mut().zip(self.master.rows.iter()) {
            if *idle && activity(row, at) < float(row.least) - 0.5 {
                *idle = false;
                woken = true;
            }
        }
        woken
    }

    fn settle(&mut self, at: &[f64]) {
        let chosen = self.chosen(at, 0.5);
        let standing = Standing::of(self.case, &chosen);
        if self.goal.value(self.case, &standing).is_some() {
            self.offer(standing);
            self.proven = self.best.as_ref().is_some_and(|(value, _)| {
                // The answer's own value is within a unit of the bound unless floats misled.
                *value < self.lower.saturating_add(self.master.unit)
            });
        }
        self.offer_columns(&chosen);
    }

    /// Variables whose reduced cost alone passes the incumbent.
    fn too_dear(&mut self) -> Vec<bool> {
        let Some((best, _)) = self.best else { return Vec::new() };
        let Solved::Point(point) = self.solve_lp() else { return Vec::new() };
        let most = float(best / self.master.unit) + self.master.guide_most();
        let dear = |reduced: &f64| point.value + reduced > most + 1e-3;
        point.reduced.iter().map(dear).collect()
    }

    fn chosen(&self, at: &[f64], least: f64) -> Vec<u32> {
        let pairs = self.master.variables.iter().zip(at);
        pairs
            .filter_map(|(variable, &value)| match variable.var {
                Var::Column(column) if value >= least => Some(column),
                Var::Column(_) | Var::Item(_) | Var::Asset(_) => None,
            })
            .collect()
    }

    /// Makes a sound plan of a point by adding what its paths still need.
    fn complete(&mut self, at: &[f64], least: f64) {
        let chosen = self.chosen(at, least);
        let mut discount: FxHashMap<u32, f64> = FxHashMap::default();
        for (variable, &value) in self.master.variables.iter().zip(at) {
            if let Var::Column(column) = variable.var {
                discount.insert(column, value.clamp(0.0, 1.0));
            }
        }
        let most = COMPLETION.max(8 * self.case.net.back.total());
        let completion = Completion { case: self.case, goal: self.goal, discount: &discount, most };
        let found = completion.run(&mut self.scout, &mut self.master, &self.targets, chosen);
        self.budget.spend(std::mem::take(&mut self.scout.work));
        if let Some(chosen) = found {
            self.offer_columns(&chosen);
        }
    }

    fn round(&mut self, point: &Point) {
        self.complete(&point.at, 0.999);
        if !self.is_closed() && self.best.is_none() {
            self.complete(&point.at, 0.5);
        }
    }
}

fn activity(row: &Inequality, at: &[f64]) -> f64 {
    let value = |&(variable, coefficient): &(u32, i64)| {
        at.get(variable as usize).map_or(0.0, |value| value * float(coefficient))
    };
    row.terms.iter().map(value).sum()
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; sums of money are below 2^52")]
pub(crate) fn whole(value: f64) -> i64 {
    value as i64
}
