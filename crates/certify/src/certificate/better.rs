//! Looks for a change of a row at one place that proves more, or as much under a lesser name.
//!
//! What can stand at a place is looked for near the row: between two neighbours
//! of a path, among gates with the same first child. The gain of a change is
//! summed over the variables that it touches.

use std::collections::BTreeSet;

use cordon_model::plan::{MANY, Row};
use cordon_model::{NodeId, NodeIx, WithdrawalIx};

use super::bound::Sums;
use super::rows::{self, Form, Variable};
use crate::case::{Case, Start};
use crate::form::FormGround;
use crate::paths;
use crate::stopping::{Gate, Item, Owner};

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
                self.path(path, &ends, pays).or_else(|| self.asset(path, at, pays))
            }
            Row::Enforcer { path, withdrawal, .. } => {
                let index = self.case.estate.find_withdrawal(withdrawal.as_str())?;
                let enforcer = self.case.estate.withdrawal(index).enforcer?;
                self.path(path, &[enforcer], pays)
            }
            Row::Stop { withdrawal, node, .. } => self.stop(withdrawal.as_str(), node, pays),
            Row::Need { owner, gate, children, .. } => self.need(owner, *gate, children, row),
            Row::Cap { .. } | Row::Exclusive { .. } | Row::Lost { .. } => None,
        }
    }

    fn path(&self, path: &[NodeId], ends: &[NodeIx], pays: i128) -> Option<String> {
        let walk = paths::walk(self.case, path).ok()?;
        self.detour(&walk, ends)
            .or_else(|| (0..walk.len()).find_map(|step| self.other_node(&walk, step, ends, pays)))
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
        let links = &self.case.ground.links;
        walk.iter().enumerate().find_map(|(at, from)| {
            let to = walk.iter().skip(at + 2).find(|&&to| links.joins(*from, to))?;
            Some(format!(
                "has a path that could go from `{}` straight to `{}`",
                name(from),
                name(to)
            ))
        })
    }

    /// Another node at a step of a path.
    fn other_node(
        &self,
        walk: &[NodeIx],
        step: usize,
        ends: &[NodeIx],
        pays: i128,
    ) -> Option<String> {
        let present = *walk.get(step)?;
        let others = walk.iter().enumerate().filter(|&(at, _)| at != step);
        let cut: BTreeSet<WithdrawalIx> =
            others.flat_map(|(at, &node)| self.cutting(node, at == 0)).collect();
        let only: BTreeSet<WithdrawalIx> = self.cutting(present, step == 0).collect();
        let only: BTreeSet<WithdrawalIx> = only.difference(&cut).copied().collect();
        let relief: i128 = only.iter().map(|&c| self.sums.strain(Variable::Raised(c), -pays)).sum();
        let gain = |node: NodeIx| -> i128 {
            let more: BTreeSet<WithdrawalIx> =
                self.cutting(node, step == 0).filter(|column| !cut.contains(column)).collect();
            let strain = |column: WithdrawalIx| {
                let variable = Variable::Raised(column);
                if only.contains(&column) {
                    -self.sums.strain(variable, -pays)
                } else {
                    self.sums.strain(variable, pays)
                }
            };
            relief + more.into_iter().map(strain).sum::<i128>()
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
    fn cutting(&self, node: NodeIx, first: bool) -> impl Iterator<Item = WithdrawalIx> + '_ {
        let cuts = !first || self.case.starts.get(node) != Start::Entrenched;
        self.case.ground.columns.of(node).filter(move |_| cuts)
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
        let mut changes: std::collections::BTreeMap<Variable, i128> = terms.into_iter().collect();
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
