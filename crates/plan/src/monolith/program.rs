//! Variables and rows: one per withdrawal, node, link, gate, asset and cap.
//!
//! Reach is pushed along links: what `u` reaches, `v` reaches, unless something
//! that removes `v` is chosen. Minimising does the rest, because nothing in the
//! program gains from reaching further.

use cordon_model::estate::{Estate, Mode};
use cordon_model::ids::{NodeIx, WithdrawalIx};
use highs::{Col, RowProblem};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::Form;
use crate::dense::Dense;
use crate::request::Foothold;

/// The program while it is stated.
pub(super) struct Program<'e> {
    pub(super) estate: &'e Estate,
    pub(super) problem: RowProblem,
    /// What all money is a multiple of, in minor units: one unit of the objective.
    pub(super) unit: i64,
    /// Per node, the variables of what removes it.
    cover: Dense<SmallVec<[Col; 2]>>,
    /// Per node, the variables of what stops it.
    pub(super) stoppers: Dense<SmallVec<[Col; 2]>>,
    /// Per node, whether the intruder comes to control it; `None` where that is of no matter.
    reach: Dense<Option<Col>>,
    /// What says that a node is down; `None` where nothing brings it down.
    pub(super) down: FxHashMap<NodeIx, Option<Col>>,
}

impl<'e> Program<'e> {
    pub(super) fn new(estate: &'e Estate, footholds: &[Foothold], form: Form) -> Self {
        let nodes = estate.nodes().len();
        let mut program = Self {
            estate,
            problem: RowProblem::new(),
            unit: unit(estate),
            cover: Dense::filled(SmallVec::new(), nodes),
            stoppers: Dense::filled(SmallVec::new(), nodes),
            reach: Dense::filled(None, nodes),
            down: FxHashMap::default(),
        };
        let kept = match form {
            Form::Compact => Dense::filled(true, nodes),
            Form::Pruned => between(estate, footholds),
        };
        let choices = program.choices(&kept);
        program.reaches(&kept, form);
        program.starts(footholds);
        program.links();
        program.assets();
        program.services();
        program.caps(&choices);
        program.enforcers(&choices, footholds);
        program
    }

    /// A variable per column that removes a kept node; the two halves of a default pair are one.
    fn choices(&mut self, kept: &Dense<bool>) -> Vec<(WithdrawalIx, Col)> {
        let estate = self.estate;
        let mut choices = Vec::new();
        for (withdrawal, at) in estate.withdrawals().iter().zip((0..).map(WithdrawalIx)) {
            let is_second = withdrawal.mode == Mode::End && withdrawal.partner.is_some();
            if is_second || !withdrawal.removes.iter().any(|node| kept[node.0]) {
                continue;
            }
            let end = withdrawal.partner.map(|end| (end, estate.withdrawal(end)));
            let price = estate.price(withdrawal).0 + end.map_or(0, |(_, end)| estate.price(end).0);
            let most = if estate.forbidden_by(withdrawal).is_some() { 0.0 } else { 1.0 };
            let cost = self.cost(price);
            let choice = self.problem.add_integer_column(cost, 0.0..=most);
            let stops = withdrawal.stops || end.is_some_and(|(_, end)| end.stops);
            for node in &withdrawal.removes {
                self.cover[node.0].push(choice);
                if stops {
                    self.stoppers[node.0].push(choice);
                }
            }
            choices.push((at, choice));
            choices.extend(end.map(|(end, _)| (end, choice)));
        }
        choices
    }

    #[expect(clippy::cast_precision_loss, reason = "all money together stays below 2^52")]
    fn cost(&self, money: i64) -> f64 {
        (money / self.unit) as f64
    }

    fn reaches(&mut self, kept: &Dense<bool>, form: Form) {
        for node in kept.indexes().filter(|&node| kept[node]) {
            let whole = form == Form::Compact;
            self.reach[node] =
                Some(self.problem.add_column_with_integrality(0.0, 0.0..=1.0, whole));
        }
    }

    /// Reach begins at every start that is not removed, and at every entrenched one.
    fn starts(&mut self, footholds: &[Foothold]) {
        for foothold in footholds {
            let Some(reach) = self.reach[foothold.node.0] else { continue };
            let mut terms = vec![(reach, 1.0)];
            if !foothold.entrenched {
                terms.extend(self.cover[foothold.node.0].iter().map(|&choice| (choice, 1.0)));
            }
            self.problem.add_row(1.0.., terms);
        }
    }

    fn links(&mut self) {
        let controls = self.estate.links().iter().filter_map(|link| self.estate.direction(link));
        for (from, to) in controls {
            let (Some(from), Some(reach)) = (self.reach[from.0], self.reach[to.0]) else {
                continue;
            };
            let removers = self.cover[to.0].iter().map(|&choice| (choice, 1.0));
            let terms: SmallVec<[(Col, f64); 8]> =
                [(reach, 1.0), (from, -1.0)].into_iter().chain(removers).collect();
            self.problem.add_row(0.0.., terms);
        }
    }

    /// A hard asset may not be reached; a soft one costs its loss once.
    fn assets(&mut self) {
        for asset in self.estate.assets() {
            let places = asset.places().filter_map(|place| self.reach[place.0]);
            let places: Vec<Col> = places.collect();
            if places.is_empty() {
                continue;
            }
            let cost = self.cost(asset.loss.0);
            let most = if asset.must_hold { 0.0 } else { 1.0 };
            let lost = self.problem.add_integer_column(cost, 0.0..=most);
            for place in places {
                self.problem.add_row(0.0.., [(lost, 1.0), (place, -1.0)]);
            }
        }
    }

    fn services(&mut self) {
        for &node in self.estate.needs_order() {
            self.node_down(node);
        }
        for service in self.estate.services() {
            let Some(stopped) = self.tree_down(&service.needs) else { continue };
            let cost = self.cost(self.estate.stop_price(service).0);
            let most = if service.protected { 0.0 } else { 1.0 };
            let down = self.problem.add_integer_column(cost, 0.0..=most);
            self.problem.add_row(0.0.., [(down, 1.0), (stopped, -1.0)]);
        }
    }

    fn caps(&mut self, choices: &[(WithdrawalIx, Col)]) {
        for cap in self.estate.caps() {
            let of_kind = |at| *self.estate.withdrawal(at).kind == *cap.kind;
            let counted = choices.iter().filter(|(at, _)| of_kind(*at));
            let terms: Vec<(Col, f64)> = counted.map(|&(_, choice)| (choice, 1.0)).collect();
            self.problem.add_row(..=f64::from(cap.most), terms);
        }
    }

    /// What carries a withdrawal out must be neither reached nor stopped.
    fn enforcers(&mut self, choices: &[(WithdrawalIx, Col)], footholds: &[Foothold]) {
        for &(at, choice) in choices {
            let Some(by) = self.estate.withdrawal(at).enforcer else { continue };
            if footholds.iter().any(|foothold| foothold.node == by) {
                self.problem.add_row(..=0.0, [(choice, 1.0)]);
            }
            let against = self.reach[by.0].into_iter().chain(self.stoppers[by.0].iter().copied());
            for other in against.collect::<Vec<Col>>() {
                let terms = if other.index() == choice.index() {
                    vec![(choice, 2.0)]
                } else {
                    vec![(choice, 1.0), (other, 1.0)]
                };
                self.problem.add_row(..=1.0, terms);
            }
        }
    }
}

/// The greatest common divisor of all money.
fn unit(estate: &Estate) -> i64 {
    let prices = estate.withdrawals().iter().map(|w| estate.price(w).0);
    let services = estate.services().iter().map(|s| estate.stop_price(s).0);
    let losses = estate.assets().iter().map(|asset| asset.loss.0);
    prices.chain(services).chain(losses).fold(0, divisor).max(1)
}

fn divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// Tells which nodes lie on a way from a foothold to an asset that matters or to an enforcer.
fn between(estate: &Estate, footholds: &[Foothold]) -> Dense<bool> {
    let controls = || estate.links().iter().filter_map(|link| estate.direction(link));
    let starts = footholds.iter().map(|foothold| foothold.node);
    let matters = estate.assets().iter().filter(|asset| asset.must_hold || asset.loss.0 > 0);
    let enforcers = estate.withdrawals().iter().filter_map(|withdrawal| withdrawal.enforcer);
    let targets = matters.flat_map(|asset| asset.places()).chain(enforcers);
    let nodes = estate.nodes().len();
    let mut kept = closure(nodes, starts, || controls().map(|(from, to)| (from.0, to.0)));
    let reaching = closure(nodes, targets, || controls().map(|(from, to)| (to.0, from.0)));
    for node in reaching.indexes() {
        kept[node] &= reaching[node];
    }
    kept
}

fn closure<I: Iterator<Item = (u32, u32)>>(
    nodes: usize,
    starts: impl Iterator<Item = NodeIx>,
    pairs: impl Fn() -> I,
) -> Dense<bool> {
    let next = crate::dense::Lists::gather(nodes, pairs);
    let mut seen = Dense::filled(false, nodes);
    let mut open: Vec<u32> = starts.map(|start| start.0).collect();
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut seen[node], true) {
            open.extend_from_slice(&next[node]);
        }
    }
    seen
}
