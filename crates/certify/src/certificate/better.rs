//! Looks for a change of a row at one place that proves more, or as much under a lesser name.
//!
//! What can stand at a place is looked for near the row: between two neighbours
//! of a path, among gates with the same first child. The gain of a change is
//! summed over the variables that it touches.

use std::collections::BTreeMap;

use cordon_model::plan::{MANY, Row};
use cordon_model::{NodeId, NodeIx, WithdrawalIx};
use rustc_hash::FxHashMap;

use super::bound::Sums;
use super::rows::{self, Form, Variable};
use crate::case::{Case, Start};
use crate::form::FormGround;
use crate::stopping::{Gate, Item, Owner};

/// Paths up to this length are looked through pair by pair.
const SHORT: usize = 32;

/// The search for better rows of one stage.
pub(super) struct Bettering<'s, 'a> {
    case: &'s Case<'a>,
    form: &'s FormGround,
    sums: &'s Sums<'s, 'a>,
    starts: Vec<NodeIx>,
}

impl<'s, 'a> Bettering<'s, 'a> {
    pub(super) fn new(case: &'s Case<'a>, form: &'s FormGround, sums: &'s Sums<'s, 'a>) -> Self {
        let starts = case.open_starts(|_| false).collect();
        Self { case, form, sums, starts }
    }

    /// Says what could be better in a row that holds, if anything could.
    pub(super) fn of(&self, wire: &Row, row: &Form) -> Option<String> {
        let pays = i128::from(row.multiplier);
        match wire {
            Row::Path { path, asset, .. } => {
                let (at, found) = self.case.ground.asset(self.case.estate.find(asset.as_str())?)?;
                let ends: Vec<NodeIx> = found.places().collect();
                self.path(&row.walk, &ends, pays).or_else(|| self.asset(path, at, pays))
            }
            Row::Enforcer { withdrawal, .. } => {
                let index = self.case.estate.find_withdrawal(withdrawal.as_str())?;
                let enforcer = self.case.estate.withdrawal(index).enforcer?;
                self.path(&row.walk, &[enforcer], pays)
            }
            Row::Stop { withdrawal, node, .. } => self.stop(withdrawal.as_str(), node, pays),
            Row::Need { owner, gate, children, .. } => self.need(owner, *gate, children, row),
            Row::Cap { .. } | Row::Exclusive { .. } | Row::Lost { .. } => None,
        }
    }

    fn path(&self, walk: &[NodeIx], ends: &[NodeIx], pays: i128) -> Option<String> {
        let mut times: FxHashMap<WithdrawalIx, u32> = FxHashMap::default();
        let cuts = walk.iter().enumerate().flat_map(|(at, &node)| self.cutting(node, at == 0));
        cuts.for_each(|&column| *times.entry(column).or_default() += 1);
        let other = |step| self.other_node((walk, &times), step, ends, pays);
        self.detour(walk, ends).or_else(|| (0..walk.len()).find_map(other))
    }

    /// A start after the first node, an end before the last, a link past the next node.
    fn detour(&self, walk: &[NodeIx], ends: &[NodeIx]) -> Option<String> {
        let name = |node: &NodeIx| self.case.estate.id(*node).to_string();
        let (_, inner) = walk.split_last()?;
        if let Some(start) =
            walk.iter().skip(1).find(|node| self.starts.binary_search(node).is_ok())
        {
            return Some(format!("has a path that could begin at `{}`", name(start)));
        }
        if let Some(end) = inner.iter().find(|node| ends.contains(node)) {
            return Some(format!("has a path that could end at `{}`", name(end)));
        }
        let (from, to) = self.shortcut(walk)?;
        let (from, to) = (name(&from), name(&to));
        Some(format!("has a path that could go from `{from}` straight to `{to}`"))
    }

    /// A link from a node of a path to one after the next.
    fn shortcut(&self, walk: &[NodeIx]) -> Option<(NodeIx, NodeIx)> {
        let links = &self.case.ground.links;
        if walk.len() <= SHORT {
            let from = |(at, &from): (usize, &NodeIx)| {
                let mut later = walk.iter().skip(at + 2);
                later.find(|&&to| links.joins(from, to)).map(|&to| (from, to))
            };
            return walk.iter().enumerate().find_map(from);
        }
        let last: FxHashMap<NodeIx, usize> = walk.iter().copied().zip(0..).collect();
        walk.iter().enumerate().find_map(|(at, &from)| {
            let after = |to: &NodeIx| last.get(to).is_some_and(|&place| place > at + 1);
            let mut next = links.next(from).iter().map(|&(to, _)| to);
            next.find(after).map(|to| (from, to))
        })
    }

    /// Another node at a step of a path, which columns cut so many times in all.
    fn other_node(
        &self,
        (walk, times): (&[NodeIx], &FxHashMap<WithdrawalIx, u32>),
        step: usize,
        ends: &[NodeIx],
        pays: i128,
    ) -> Option<String> {
        let present = *walk.get(step)?;
        let here = self.cutting(present, step == 0);
        let elsewhere = |column: &WithdrawalIx| {
            let all = times.get(column).copied().unwrap_or(0);
            all > u32::from(here.contains(column))
        };
        let strain = |&column: &WithdrawalIx| {
            let variable = Variable::Raised(column);
            if here.contains(&column) {
                -self.sums.strain(variable, -pays)
            } else {
                self.sums.strain(variable, pays)
            }
        };
        let relief: i128 = here.iter().filter(|column| !elsewhere(column)).map(strain).sum();
        let gain = |node: NodeIx| -> i128 {
            let there = self.cutting(node, step == 0).iter().filter(|column| !elsewhere(column));
            there.map(strain).sum::<i128>() - relief
        };
        let better = |&node: &NodeIx| {
            let gain = if node == present { -1 } else { gain(node) };
            gain > 0 || gain == 0 && node < present
        };
        let found = self.candidates(walk, step, ends).into_iter().find(better)?;
        let name = |node| self.case.estate.id(node);
        Some(format!("would be better with `{}` in place of `{}`", name(found), name(present)))
    }

    /// The columns that cut a path at a node.
    fn cutting(&self, node: NodeIx, first: bool) -> &[WithdrawalIx] {
        match self.case.starts.get(node) {
            Start::Entrenched if first => &[],
            Start::No | Start::Yes | Start::Entrenched => self.case.ground.columns.of(node),
        }
    }

    /// The nodes that make a path when they stand at a step.
    fn candidates(&self, walk: &[NodeIx], step: usize, ends: &[NodeIx]) -> Vec<NodeIx> {
        let before = step.checked_sub(1).and_then(|at| walk.get(at)).copied();
        let after = walk.get(step + 1).copied();
        let joins = |from: NodeIx, to: NodeIx| self.case.ground.links.joins(from, to);
        let is_start = |node: &NodeIx| self.starts.binary_search(node).is_ok();
        let ends = || ends.iter().copied();
        match (before, after) {
            (None, None) => ends().filter(is_start).collect(),
            (None, Some(after)) => {
                let starts = self.starts.iter().copied();
                starts.filter(|&start| joins(start, after)).collect()
            }
            (Some(before), None) => ends().filter(|&end| joins(before, end)).collect(),
            (Some(before), Some(after)) => {
                let (next, back) = (self.case.ground.links.next(before), self.form.back.of(after));
                if next.len() < back.len() {
                    let next = next.iter().map(|&(node, _)| node);
                    next.filter(|node| back.binary_search(node).is_ok()).collect()
                } else {
                    back.iter().copied().filter(|&node| joins(before, node)).collect()
                }
            }
        }
    }

    /// The gain of paying for one variable in place of another.
    fn moved(&self, from: Variable, to: Variable, pays: i128) -> i128 {
        if from == to { 0 } else { self.sums.strain(from, -pays) + self.sums.strain(to, pays) }
    }

    fn asset(&self, path: &[NodeId], asset: u32, pays: i128) -> Option<String> {
        let last = self.case.estate.find(path.last()?.as_str())?;
        let others = self.case.ground.assets_at(last);
        let others = others.filter_map(|other| self.case.ground.asset(other.node));
        let better = others.into_iter().find(|&(other, _)| {
            let gain = self.moved(Variable::Lost(asset), Variable::Lost(other), pays);
            other != asset && (gain > 0 || gain == 0 && other < asset)
        });
        let (_, found) = better?;
        Some(format!("would be better for the asset `{}`", self.case.estate.id(found.node)))
    }

    fn stop(&self, withdrawal: &str, node: &NodeId, pays: i128) -> Option<String> {
        let estate = self.case.estate;
        let removes = &estate.withdrawal(estate.find_withdrawal(withdrawal)?).removes;
        let node = estate.find(node.as_str()).filter(|_| removes.len() <= MANY)?;
        let down = |node: NodeIx| Variable::Down(Item::Owner(Owner::Node(node)));
        let found = removes.iter().copied().find(|&other| {
            let gain = self.moved(down(node), down(other), pays);
            other != node && (gain > 0 || gain == 0 && other < node)
        })?;
        Some(format!("would be better for the node `{}`", estate.id(found)))
    }

    fn need(&self, owner: &str, gate: u32, children: &[u32], row: &Form) -> Option<String> {
        let owner = rows::find_owner(self.case, owner)?;
        let of = self.case.ground.dependence.gate(owner, gate)?;
        let less = (0..children.len()).find(|&without| {
            let kept = children.iter().enumerate().filter(|&(at, _)| at != without);
            let kept: Vec<u32> = kept.map(|(_, &child)| child).collect();
            rows::need_form(of, &kept).is_ok_and(|form| self.exchange(row, form) >= 0)
        });
        if less.is_some() {
            return Some("has a child that it does not need".to_owned());
        }
        let twice = children.iter().any(|&child| {
            let before = of.children.iter().zip(0..child).filter(|(_, at)| !children.contains(at));
            before.into_iter().any(|(other, _)| of.children.get(child as usize) == Some(other))
        });
        if twice {
            return Some("names a child that is there before under another number".to_owned());
        }
        let first = *children.first()?;
        let fed = self.case.ground.dependence.fed_by(*of.children.get(first as usize)?);
        if fed.len() > MANY {
            return None;
        }
        let present = self.name(of);
        let better = |to: &&Gate| {
            let one_change = (to.owner == owner) != (to.place == gate);
            let Ok(form) = rows::need_form(to, children) else { return false };
            let gain = if one_change { self.exchange(row, form) } else { -1 };
            gain > 0 || gain == 0 && self.name(to) < present
        };
        let same_place = fed.filter(|&(_, place)| place == first).filter_map(|(gate, _)| gate);
        let (owner, gate) = self.name(same_place.into_iter().find(better)?);
        Some(format!("would be better for gate {gate} of `{owner}`"))
    }

    /// The gain of another form in place of a row's.
    fn exchange(&self, row: &Form, (right, terms): (i128, Vec<(Variable, i128)>)) -> i128 {
        let pays = i128::from(row.multiplier);
        let mut changes: BTreeMap<Variable, i128> = terms.into_iter().collect();
        for &(variable, by) in &row.terms {
            *changes.entry(variable).or_default() -= by;
        }
        let strain =
            |(variable, by): (Variable, i128)| self.sums.strain(variable, pays.saturating_mul(by));
        let strain = changes.into_iter().map(strain).fold(0, i128::saturating_add);
        pays.saturating_mul(right - row.right).saturating_add(strain)
    }

    /// A gate's owner, as a row names it, and its place.
    fn name(&self, gate: &Gate) -> (String, u32) {
        let owner = match gate.owner {
            Owner::Node(node) => self.case.estate.id(node).to_string(),
            Owner::Service(service) => format!("service:{}", self.case.estate.service(service).id),
        };
        (owner, gate.place)
    }
}
