//! What rows with multipliers prove, kept up to date as they change.
//!
//! The sums are those of `cordon_model::plan`, in integers. A variable that the
//! contract fixes at 0 is in no line, so it pays for nothing and asks for nothing.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::case::{Case, State};
use crate::gates::NONE;
use crate::goal::Goal;
use crate::master::Key;

/// A variable of the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    Column(u32),
    Item(u32),
    Asset(u32),
    /// A node on which nothing depends is down.
    Idle(u32),
}

/// A row in use.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) key: Key,
    pub(super) multiplier: i128,
    pub(super) right: i128,
    /// Every free variable once, ascending.
    pub(super) terms: Vec<(Part, i128)>,
}

/// The rows of a stage and what they leave of each variable's cost.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) goal: Goal,
    pub(super) scale: i128,
    pub(super) lines: Vec<Line>,
    /// What is proven, times the scale.
    pub(super) sum: i128,
    left: FxHashMap<Part, i128>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(case: &'a Case<'a>, goal: Goal, scale: u64) -> Self {
        let (lines, left) = (Vec::new(), FxHashMap::default());
        Self { case, goal, scale: scale.into(), lines, sum: 0, left }
    }

    pub(super) fn push(&mut self, key: Key, multiplier: u64) {
        let (right, terms) = self.form(&key);
        self.lines.push(Line { key, multiplier: 0, right, terms });
        self.add(self.lines.len() - 1, multiplier.into());
    }

    /// What is left of a variable's cost, times the scale.
    pub(super) fn left(&self, part: Part) -> i128 {
        self.left.get(&part).copied().unwrap_or_else(|| i128::from(self.cost(part)) * self.scale)
    }

    /// By how much the sum changes when a variable pays `more`.
    pub(super) fn strain(&self, part: Part, more: i128) -> i128 {
        let left = self.left(part);
        (left - more).min(0) - left.min(0)
    }

    /// By how much the sum changes when a line's multiplier does.
    pub(super) fn gain(&self, at: usize, step: i128) -> i128 {
        let Some(line) = self.lines.get(at) else { return 0 };
        let strain = |&(part, by): &(Part, i128)| self.strain(part, step * by);
        step * line.right + line.terms.iter().map(strain).sum::<i128>()
    }

    /// Changes a line's multiplier.
    pub(super) fn add(&mut self, at: usize, step: i128) {
        let gain = self.gain(at, step);
        let Some(line) = self.lines.get_mut(at) else { return };
        line.multiplier += step;
        for (part, by) in line.terms.clone() {
            let left = self.left(part) - step * by;
            self.left.insert(part, left);
        }
        self.sum += gain;
    }

    /// By how much the sum changes with another row in the place of a line's.
    pub(super) fn exchange(&self, at: usize, key: &Key) -> i128 {
        let Some(line) = self.lines.get(at) else { return 0 };
        let (right, terms) = self.form(key);
        let mut pays: BTreeMap<Part, i128> = terms.into_iter().collect();
        for &(part, by) in &line.terms {
            *pays.entry(part).or_default() -= by;
        }
        let strain = |(&part, &by): (&Part, &i128)| self.strain(part, line.multiplier * by);
        line.multiplier * (right - line.right) + pays.iter().map(strain).sum::<i128>()
    }

    /// Puts another row in the place of a line's, with the same multiplier.
    pub(super) fn replace(&mut self, at: usize, key: Key) {
        let Some(multiplier) = self.lines.get(at).map(|line| line.multiplier) else { return };
        self.add(at, -multiplier);
        let (right, terms) = self.form(&key);
        if let Some(line) = self.lines.get_mut(at) {
            *line = Line { key, multiplier: 0, right, terms };
        }
        self.add(at, multiplier);
    }

    /// What a sum proves: rounded up to the next minor unit, at least 0.
    pub(super) fn bound_of(&self, sum: i128) -> i128 {
        let sum = sum.max(0);
        sum / self.scale + i128::from(sum % self.scale > 0)
    }

    fn cost(&self, part: Part) -> i64 {
        let (case, goal) = (self.case, self.goal);
        match part {
            Part::Column(column) if goal.counts_cost() => case.price(column),
            Part::Item(item) if goal.counts_cost() => {
                let service = case.net.gates.service_of[item];
                if service == NONE { 0 } else { case.net.weight[service] }
            }
            Part::Asset(asset) => {
                case.net.estate.assets().get(asset as usize).map_or(0, |asset| goal.loss(asset))
            }
            Part::Column(_) | Part::Item(_) | Part::Idle(_) => 0,
        }
    }

    pub(super) fn is_free(&self, part: Part) -> bool {
        let case = self.case;
        match part {
            Part::Column(column) => case.state(column) != State::Fixed,
            Part::Item(item) => {
                let service = case.net.gates.service_of[item];
                service == NONE || !case.protected[service]
            }
            Part::Asset(asset) => {
                let asset = case.net.estate.assets().get(asset as usize);
                asset.is_some_and(|asset| !self.goal.is_closed(asset))
            }
            Part::Idle(_) => true,
        }
    }

    /// The variable that says that a node is down.
    pub(super) fn down(&self, node: u32) -> Part {
        match self.case.net.gates.item_of[node] {
            NONE => Part::Idle(node),
            item => Part::Item(item),
        }
    }

    /// The right side and the free terms of a row.
    fn form(&self, key: &Key) -> (i128, Vec<(Part, i128)>) {
        let (right, mut terms) = self.raw_form(key);
        terms.retain(|&(part, _)| self.is_free(part));
        terms.sort_unstable();
        terms.dedup_by(|b, a| {
            let same = a.0 == b.0;
            if same {
                a.1 += b.1;
            }
            same
        });
        (right, terms)
    }

    fn raw_form(&self, key: &Key) -> (i128, Vec<(Part, i128)>) {
        let net = self.case.net;
        let assets = || net.estate.assets().iter().zip(0_u32..);
        let cuts = |path: &[u32]| -> Vec<(Part, i128)> {
            let cutters = self.case.cutters(path);
            cutters.into_iter().map(|column| (Part::Column(column), 1)).collect()
        };
        match key {
            Key::Path { path, asset } => {
                let mut terms = cuts(path);
                terms.push((Part::Asset(*asset), 1));
                (1, terms)
            }
            Key::Need { gate, children } => {
                let of = &net.gates.gates[*gate];
                let spare = i128::from(of.slack);
                let named = children.iter().filter_map(|&at| of.children.get(at as usize));
                let mut terms: Vec<_> = named.map(|&item| (Part::Item(item), -1)).collect();
                terms.push((Part::Item(of.item), children.len() as i128 - spare));
                (-spare, terms)
            }
            Key::Stop { column, node } => {
                (0, vec![(self.down(*node), 1), (Part::Column(*column), -1)])
            }
            Key::Cap { cap } => {
                let most = net.estate.caps().get(*cap as usize).map_or(0, |cap| cap.most);
                let counted = net.columns.iter().zip(0..).flat_map(|(column, at)| {
                    let caps = column.caps.iter().filter(|&&(of, _)| of == *cap);
                    caps.map(move |&(_, times)| (Part::Column(at), -i128::from(times)))
                });
                (-i128::from(most), counted.collect())
            }
            Key::Enforcer { withdrawal, path } => {
                let mut terms = cuts(path);
                terms.push((Part::Column(net.column_of[withdrawal.0]), -1));
                (0, terms)
            }
            Key::Exclusive { withdrawal, by } => {
                let void = net.column_of[withdrawal.0];
                (-1, vec![(Part::Column(void), -1), (Part::Column(*by), -1)])
            }
            Key::Lost => {
                let counted = assets().filter(|(asset, _)| self.goal.limits(asset));
                let terms = counted.map(|(asset, at)| (Part::Asset(at), -i128::from(asset.loss.0)));
                (-i128::from(self.goal.limit.unwrap_or(0)), terms.collect())
            }
        }
    }
}
