//! The master: rows of the certificate's contract, solved in HiGHS as an LP or a MILP.
//!
//! Columns enter when a row names them, and bring the rows of what they stop
//! along. Every row is valid for every sound plan, so the LP's value bounds all
//! plans and its duals are a certificate (see [`crate::proof`]). Floats stay in
//! here: callers re-check whatever comes out in integers.

mod solve;

pub(crate) use solve::Effort;

use cordon_model::ids::WithdrawalIx;
use highs::{Col, Model};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::case::{Case, State};
use crate::dense::{Dense, index};
use crate::flow::Budgets;
use crate::gates::NONE;
use crate::goal::Goal;

/// What a row says; the same words as in `cordon_model::plan::Row`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Path { path: Vec<u32>, asset: u32 },
    Need { gate: u32, children: Vec<u32> },
    Stop { column: u32, node: u32 },
    Cap { cap: u32 },
    Enforcer { withdrawal: WithdrawalIx, path: Vec<u32> },
    Exclusive { withdrawal: WithdrawalIx, by: u32 },
    Lost,
}

/// What a variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Var {
    Column(u32),
    Item(u32),
    Asset(u32),
}

/// `sum of coefficient * variable >= least`.
#[derive(Clone, Debug)]
pub(crate) struct Inequality {
    pub(crate) key: Key,
    pub(crate) terms: Vec<(u32, i64)>,
    pub(crate) least: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) var: Var,
    /// Minor units.
    pub(crate) cost: i64,
    /// Guides the search where the objective is silent; minor units.
    guide: i64,
    /// Fixed at 0 by the contract.
    pub(crate) fixed: bool,
    /// Not to be chosen.
    barred: bool,
    /// Rows that were there before it and name it.
    born_in: Vec<(u32, i64)>,
}

/// A point, with reduced costs, in units of [`Master::unit`].
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) value: f64,
    pub(crate) at: Vec<f64>,
    pub(crate) reduced: Vec<f64>,
    pub(crate) duals: Vec<f64>,
}

/// What a solve says.
#[derive(Debug)]
pub(crate) enum Solved {
    Point(Point),
    /// The MILP stopped early; the bound holds all the same.
    Stopped {
        bound: f64,
        at: Option<Vec<f64>>,
    },
    Infeasible,
    Failed,
}

pub(crate) struct Master<'a> {
    case: &'a Case<'a>,
    goal: Goal,
    pub(crate) variables: Dense<Variable>,
    pub(crate) rows: Dense<Inequality>,
    /// All money is a multiple of this many minor units.
    pub(crate) unit: i64,
    guide_share: f64,
    of_column: FxHashMap<u32, u32>,
    of_item: FxHashMap<u32, u32>,
    of_asset: FxHashMap<u32, u32>,
    /// Which row says what.
    known: FxHashMap<(Vec<(u32, i64)>, i64), u32>,
    /// Items whose gates have been looked at.
    expanded: FxHashSet<u32>,
    /// Per gate, the children that something in the master may take down.
    active: FxHashMap<u32, Vec<u32>>,
    slack_gates: Vec<u32>,
    cap_rows: Vec<u32>,
    lost_row: Option<u32>,
    /// A row that nothing can satisfy stands, which a model without columns would not tell.
    impossible: bool,
    model: Option<Model>,
    handles: Vec<Col>,
    row_handles: Vec<highs::Row>,
}

impl<'a> Master<'a> {
    pub(crate) fn new(case: &'a Case<'a>, goal: Goal) -> Self {
        let unit = case.net.unit;
        let mut master = Self {
            case,
            goal,
            variables: Dense::default(),
            rows: Dense::default(),
            unit,
            guide_share: 0.0,
            of_column: FxHashMap::default(),
            of_item: FxHashMap::default(),
            of_asset: FxHashMap::default(),
            known: FxHashMap::default(),
            expanded: FxHashSet::default(),
            active: FxHashMap::default(),
            slack_gates: Vec::new(),
            cap_rows: Vec::new(),
            lost_row: None,
            impossible: false,
            model: None,
            handles: Vec::new(),
            row_handles: Vec::new(),
        };
        if !goal.counts_cost() {
            master.guide_share = GUIDE / (float(all_costs(case) / unit) + 1.0);
        }
        for cap in 0..index(case.net.estate.caps().len()) {
            let row = master.push(Key::Cap { cap }, Vec::new(), -i64::from(case.most(cap)));
            master.cap_rows.push(row);
        }
        if let Some(limit) = goal.limit {
            master.lost_row = Some(master.push(Key::Lost, Vec::new(), -limit));
        }
        master
    }

    fn push(&mut self, key: Key, terms: Vec<(u32, i64)>, least: i64) -> u32 {
        self.rows.push(Inequality { key, terms, least })
    }

    /// Adds a row unless an equal one stands already; tells whether it was new.
    fn add(&mut self, key: Key, mut terms: Vec<(u32, i64)>, least: i64) -> bool {
        terms.sort_unstable_by_key(|&(variable, _)| variable);
        terms.dedup_by(|b, a| {
            let same = a.0 == b.0;
            if same {
                a.1 += b.1;
            }
            same
        });
        terms.retain(|&(_, coefficient)| coefficient != 0);
        let rows = index(self.rows.len());
        let at = *self.known.entry((terms.clone(), least)).or_insert(rows);
        if at == rows {
            self.impossible |= terms.is_empty() && least > 0;
            self.push(key, terms, least);
        }
        at == rows
    }

    /// Adds the row of a path to an asset.
    pub(crate) fn add_path(&mut self, path: Vec<u32>, asset: u32) -> bool {
        let cutters = self.case.cutters(&path);
        let mut terms: Vec<(u32, i64)> =
            cutters.iter().map(|&column| (self.column(column), 1)).collect();
        if let Some(lost) = self.asset(asset) {
            terms.push((lost, 1));
        }
        self.add(Key::Path { path, asset }, terms, 1)
    }

    /// The row that a path has or would have.
    pub(crate) fn row_of_path(&self, path: &[u32], asset: u32) -> Option<u32> {
        let column = |column: u32| self.of_column.get(&column).map(|&at| (at, 1));
        let mut terms =
            self.case.cutters(path).into_iter().map(column).collect::<Option<Vec<_>>>()?;
        terms.extend(self.of_asset.get(&asset).map(|&lost| (lost, 1)));
        terms.sort_unstable();
        self.known.get(&(terms, 1)).copied()
    }

    /// The row of a cap.
    pub(crate) fn row_of_cap(&self, cap: u32) -> Option<u32> {
        self.cap_rows.get(cap as usize).copied()
    }

    /// Adds the row of a path to the enforcer of a withdrawal.
    pub(crate) fn add_enforcer(&mut self, path: Vec<u32>, withdrawal: WithdrawalIx) -> bool {
        let cutters = self.case.cutters(&path);
        let mut terms: Vec<(u32, i64)> =
            cutters.iter().map(|&column| (self.column(column), 1)).collect();
        terms.push((self.column(self.case.net.column_of[withdrawal.0]), -1));
        self.add(Key::Enforcer { withdrawal, path }, terms, 0)
    }

    /// Adds the row of a withdrawal whose enforcer the column `by` stops.
    pub(crate) fn add_exclusive(&mut self, withdrawal: WithdrawalIx, by: u32) -> bool {
        let void = self.column(self.case.net.column_of[withdrawal.0]);
        let terms = vec![(void, -1), (self.column(by), -1)];
        self.add(Key::Exclusive { withdrawal, by }, terms, -1)
    }

    /// Adds any row again, as in another master over the same case.
    pub(crate) fn add_key(&mut self, key: &Key) {
        match key {
            Key::Path { path, asset } => {
                let assets = self.case.net.estate.assets();
                if assets.get(*asset as usize).is_some_and(|asset| self.goal.matters(asset)) {
                    self.add_path(path.clone(), *asset);
                }
            }
            Key::Need { gate, children } => self.add_need_again(*gate, children),
            Key::Enforcer { withdrawal, path } => {
                self.add_enforcer(path.clone(), *withdrawal);
            }
            Key::Exclusive { withdrawal, by } => {
                self.add_exclusive(*withdrawal, *by);
            }
            Key::Stop { .. } | Key::Cap { .. } | Key::Lost => {}
        }
    }

    fn add_need_again(&mut self, gate: u32, children: &[u32]) {
        let of = &self.case.net.gates.gates[gate];
        let items = children.iter().filter_map(|&at| of.children.get(at as usize));
        if of.slack > 0 && items.clone().all(|item| self.of_item.contains_key(item)) {
            self.add_need(gate, children.to_vec());
        }
    }

    fn new_variable(&mut self, variable: Variable) -> u32 {
        let born_in = variable.born_in.clone();
        let at = self.variables.push(variable);
        for (row, coefficient) in born_in {
            self.rows[row].terms.push((at, coefficient));
        }
        at
    }

    /// The variable of a column, where it has one already.
    pub(crate) fn find_column(&self, column: u32) -> Option<u32> {
        self.of_column.get(&column).copied()
    }

    /// The variable of a column, with the rows that it brings along.
    pub(crate) fn column(&mut self, column: u32) -> u32 {
        if let Some(&at) = self.of_column.get(&column) {
            return at;
        }
        let net = self.case.net;
        let price = self.case.price(column);
        let counted = self.goal.counts_cost();
        let caps = net.columns[column].caps.iter();
        let born_in = caps
            .filter_map(|&(cap, times)| {
                self.cap_rows.get(cap as usize).map(|&row| (row, -i64::from(times)))
            })
            .collect();
        let at = self.new_variable(Variable {
            var: Var::Column(column),
            cost: if counted { price } else { 0 },
            guide: if counted { 0 } else { price },
            fixed: self.case.state(column) == State::Fixed,
            barred: self.case.state(column) != State::Open,
            born_in,
        });
        self.of_column.insert(column, at);
        for &node in &net.columns[column].stops {
            if let Some(item) = net.gates.item_that_matters(node) {
                let down = self.item(item);
                self.add(Key::Stop { column, node }, vec![(down, 1), (at, -1)], 0);
            }
        }
        at
    }

    /// The variable of an item, with all that may fall with it.
    fn item(&mut self, item: u32) -> u32 {
        let first = self.item_alone(item);
        let mut queue = vec![item];
        let gates = &self.case.net.gates;
        let mut expanded = 0;
        while let Some(&item) = queue.get(expanded) {
            expanded += 1;
            if !self.expanded.insert(item) {
                continue;
            }
            let here = self.item_alone(item);
            for &(gate, position) in &gates.feeds[item] {
                let of = &gates.gates[gate];
                if !gates.matters[of.item] {
                    continue;
                }
                let active = self.active.entry(gate).or_default();
                active.push(position);
                let count = active.len();
                if of.slack == 0 {
                    queue.push(of.item);
                    let out = self.item_alone(of.item);
                    let key = Key::Need { gate, children: vec![position] };
                    self.add(key, vec![(out, 1), (here, -1)], 0);
                } else if count == of.slack as usize + 1 {
                    self.slack_gates.push(gate);
                    queue.push(of.item);
                    self.item_alone(of.item);
                }
            }
        }
        first
    }

    fn item_alone(&mut self, item: u32) -> u32 {
        if let Some(&at) = self.of_item.get(&item) {
            return at;
        }
        let service = self.case.net.gates.service_of[item];
        let protected = service != NONE && self.case.protected[service];
        let weight = if service == NONE || protected { 0 } else { self.case.net.weight[service] };
        let counted = self.goal.counts_cost();
        let at = self.variables.push(Variable {
            var: Var::Item(item),
            cost: if counted { weight } else { 0 },
            guide: if counted { 0 } else { weight },
            fixed: protected,
            barred: protected,
            born_in: Vec::new(),
        });
        self.of_item.insert(item, at);
        at
    }

    /// The variable of an asset, or `None` where it may not be lost.
    fn asset(&mut self, asset: u32) -> Option<u32> {
        if let Some(&at) = self.of_asset.get(&asset) {
            return Some(at);
        }
        let of = self.case.net.estate.assets().get(asset as usize)?;
        if self.goal.is_closed(of) {
            return None;
        }
        let mut born_in = Vec::new();
        if let Some(row) = self.lost_row.filter(|_| self.goal.limits(of)) {
            born_in.push((row, -of.loss.0));
        }
        let cost = self.goal.loss(of);
        let at = self.new_variable(Variable {
            var: Var::Asset(asset),
            cost,
            guide: 0,
            fixed: false,
            barred: false,
            born_in,
        });
        self.of_asset.insert(asset, at);
        Some(at)
    }

    /// What every column that stops something or is capped may carry by the duals, in minor units.
    pub(crate) fn shared_budgets(&self, duals: &[f64]) -> Budgets {
        let mut budgets = FxHashMap::default();
        for variable in self.variables.iter() {
            if let Var::Column(column) = variable.var {
                budgets.insert(column, self.case.price(column));
            }
        }
        for (row, &dual) in self.rows.iter().zip(duals) {
            for &(variable, coefficient) in row.terms.iter().filter(|term| term.1 < 0) {
                if let Var::Column(column) = self.variables[variable].var {
                    let share = dual * float(self.unit) * float(-coefficient);
                    *budgets.entry(column).or_default() += crate::search::whole(share);
                }
            }
        }
        let caps = self.cap_rows.iter().map(|&row| {
            let dual = duals.get(row as usize).copied().unwrap_or(0.0);
            crate::search::whole(dual * float(self.unit))
        });
        Budgets { own: budgets, caps: caps.collect() }
    }

    /// Adds rows of gates "k of n" that a point violates; tells whether there were any.
    pub(crate) fn separate_needs(&mut self, at: &[f64]) -> bool {
        let mut found = false;
        for gate in self.slack_gates.clone() {
            let of = &self.case.net.gates.gates[gate];
            let value = |item: u32| {
                self.of_item.get(&item).and_then(|&v| at.get(v as usize)).copied().unwrap_or(0.0)
            };
            let mut named: Vec<(f64, u32)> = Vec::new();
            for &position in self.active.get(&gate).into_iter().flatten() {
                if let Some(&child) = of.children.get(position as usize) {
                    named.push((value(child), position));
                }
            }
            named.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let out = value(of.item);
            let slack = f64::from(of.slack);
            for size in [of.slack as usize + 1, named.len()] {
                let some = named.get(..size).unwrap_or(&[]);
                let sum: f64 = some.iter().map(|&(value, _)| value).sum();
                let times = float(i64::from(index(some.len()))) - slack;
                if !some.is_empty() && times * out < sum - slack - 1e-6 {
                    let mut children: Vec<u32> = some.iter().map(|&(_, at)| at).collect();
                    children.sort_unstable();
                    found |= self.add_need(gate, children);
                }
            }
        }
        found
    }

    fn add_need(&mut self, gate: u32, children: Vec<u32>) -> bool {
        let of = &self.case.net.gates.gates[gate];
        let slack = i64::from(of.slack);
        let items: Vec<u32> =
            children.iter().filter_map(|&at| of.children.get(at as usize).copied()).collect();
        let times = i64::from(index(items.len())) - slack;
        let mut terms = vec![(self.item_alone(of.item), times)];
        for item in items {
            terms.push((self.item_alone(item), -1));
        }
        self.add(Key::Need { gate, children }, terms, -slack)
    }

    /// What the guide can add to the value at most, in units.
    pub(crate) fn guide_most(&self) -> f64 {
        if self.guide_share > 0.0 { GUIDE } else { 0.0 }
    }
}

/// How much of one unit the guide may take.
const GUIDE: f64 = 0.4;

fn all_costs(case: &Case<'_>) -> i64 {
    case.net.price.iter().sum::<i64>() + case.net.weight.iter().sum::<i64>()
}

#[expect(clippy::cast_precision_loss, reason = "estates hold at most 2^52 minor units")]
pub(crate) fn float(whole: i64) -> f64 {
    whole as f64
}
