//! The planner that tries all subsets, on the model's plain search and outage.

use std::collections::BTreeMap;

use crate::Foothold;
use cordon_model::Money;
use cordon_model::estate::Estate;
use cordon_model::ids::{NodeId, NodeIx, ServiceIx, WithdrawalIx};
use cordon_model::outage::{NodeSet, Outage};
use cordon_model::plan::{Alternative, AlternativeName};
use cordon_model::reach::{ControlGraph, Reach};

use super::random::Question;

/// What a set of withdrawals comes to, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Worth {
    pub(crate) withdrawals: i64,
    pub(crate) services: i64,
    pub(crate) loss: i64,
    pub(crate) hard_loss: i64,
    pub(crate) complete: bool,
}

impl Worth {
    pub(crate) fn total(&self) -> i64 {
        self.withdrawals + self.services + self.loss
    }
}

/// The best of all subsets.
pub(crate) struct Best {
    /// By the alternative's own objective, among the sound ones.
    pub(crate) sound: Option<Worth>,
    /// Least hard loss, then least total, among those that keep the guards.
    pub(crate) residual: Worth,
}

pub(crate) struct Slow<'q> {
    pub(crate) question: &'q Question,
    pub(crate) estate: &'q Estate,
    pub(crate) name: AlternativeName,
    graph: ControlGraph,
    pub(crate) starts: Vec<Foothold>,
    /// Columns: a withdrawal, or a default pair.
    pub(crate) columns: Vec<Vec<WithdrawalIx>>,
}

impl<'q> Slow<'q> {
    pub(crate) fn new(question: &'q Question, name: AlternativeName) -> Self {
        let estate = &question.estate;
        let mut merged: BTreeMap<NodeIx, Foothold> = BTreeMap::new();
        for foothold in &question.footholds {
            let known = merged.entry(foothold.node).or_insert(*foothold);
            known.probability = known.probability.max(foothold.probability);
            known.entrenched |= foothold.entrenched;
        }
        let starts = merged.into_values().filter(|f| f.probability >= name.threshold()).collect();
        let mut columns = Vec::new();
        for at in (0..).map(WithdrawalIx).take(estate.withdrawals().len()) {
            match estate.withdrawal(at).partner {
                Some(partner) if estate.withdrawal(at).mode == cordon_model::Mode::Refuse => {
                    columns.push(vec![at, partner]);
                }
                Some(_) => {}
                None => columns.push(vec![at]),
            }
        }
        Self { question, estate, name, graph: ControlGraph::new(estate), starts, columns }
    }

    fn permitted(&self, column: &[WithdrawalIx]) -> bool {
        let Question { authority, in_force, unavailable, .. } = self.question;
        column.iter().all(|at| {
            let raised = in_force.contains(at);
            let allowed = authority.as_ref().is_some_and(|set| set.contains(at));
            !unavailable.contains(at) && (raised || allowed || self.name != AlternativeName::Now)
        })
    }

    pub(crate) fn price(&self, at: WithdrawalIx) -> i64 {
        let paid = self.question.in_force.contains(&at);
        if paid { 0 } else { self.estate.price(self.estate.withdrawal(at)).0 }
    }

    /// Whether the contract fixes a column at 0.
    pub(crate) fn is_fixed(&self, column: &[WithdrawalIx]) -> bool {
        !self.permitted(column)
            || column.iter().any(|&at| {
                let withdrawal = self.estate.withdrawal(at);
                let held = |by: NodeIx| {
                    self.starts.iter().any(|start| start.node == by)
                        || column
                            .iter()
                            .map(|&half| self.estate.withdrawal(half))
                            .any(|half| half.stops && half.removes.contains(&by))
                };
                self.estate.forbidden_by(withdrawal).is_some()
                    || withdrawal.enforcer.is_some_and(held)
            })
    }

    pub(crate) fn is_protected(&self, service: ServiceIx) -> bool {
        self.estate.service(service).protected && !self.question.down_services.contains(&service)
    }

    fn reach(&self, chosen: &[WithdrawalIx], starts: &[Foothold]) -> Reach {
        let removed = chosen.iter().flat_map(|&at| self.estate.withdrawal(at).removes.clone());
        let blocked = NodeSet::from_nodes(self.estate.nodes().len(), removed);
        let nodes =
            |entrenched| starts.iter().filter(move |f| f.entrenched == entrenched).map(|f| f.node);
        self.graph.reach(nodes(false), nodes(true), &blocked)
    }

    fn stopped(&self, chosen: &[WithdrawalIx]) -> Vec<ServiceIx> {
        let stopping = chosen.iter().map(|&at| self.estate.withdrawal(at)).filter(|w| w.stops);
        Outage::of(self.estate, stopping.flat_map(|w| w.removes.iter().copied())).stopped
    }

    /// `None` where a guard is broken.
    fn worth(&self, chosen: &[WithdrawalIx]) -> Option<Worth> {
        let reach = self.reach(chosen, &self.starts);
        let all = || chosen.iter().map(|&at| self.estate.withdrawal(at));
        let removes_enforcer = |by: NodeIx| all().any(|w| w.stops && w.removes.contains(&by));
        let void = all().filter_map(|w| w.enforcer).any(|by| {
            reach.contains(by)
                || removes_enforcer(by)
                || self.starts.iter().any(|start| start.node == by)
        });
        let over = |cap: &cordon_model::estate::Cap| {
            all().filter(|w| *w.kind == *cap.kind).count() > cap.most as usize
        };
        let stopped = self.stopped(chosen);
        if void
            || self.estate.caps().iter().any(over)
            || stopped.iter().any(|&service| self.is_protected(service))
            || all().any(|w| self.estate.forbidden_by(w).is_some())
        {
            return None;
        }
        let services = stopped.iter().map(|&s| self.estate.stop_price(self.estate.service(s)).0);
        let mut worth = Worth {
            withdrawals: chosen.iter().map(|&at| self.price(at)).sum(),
            services: services.sum(),
            loss: 0,
            hard_loss: 0,
            complete: true,
        };
        for asset in self.estate.assets() {
            if asset.places().any(|place| reach.contains(place)) {
                worth.loss += asset.loss.0;
                worth.hard_loss += if asset.must_hold { asset.loss.0 } else { 0 };
                worth.complete &= !asset.must_hold;
            }
        }
        Some(worth)
    }

    pub(crate) fn best(&self, name: AlternativeName) -> Best {
        let columns: Vec<&Vec<WithdrawalIx>> =
            self.columns.iter().filter(|column| self.permitted(column)).collect();
        let (mut sound, mut residual): (Option<Worth>, Option<Worth>) = (None, None);
        for set in 0..1_u32 << columns.len() {
            let members = columns.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
            let chosen: Vec<WithdrawalIx> =
                members.flat_map(|(_, column)| column.iter().copied()).collect();
            let Some(worth) = self.worth(&chosen) else { continue };
            let own = |w: &Worth| match name {
                AlternativeName::Strict => (w.loss, w.total()),
                AlternativeName::Balanced | AlternativeName::Now => (0, w.total()),
            };
            if worth.complete && sound.as_ref().is_none_or(|known| own(&worth) < own(known)) {
                sound = Some(worth.clone());
            }
            let key = |w: &Worth| (w.hard_loss, w.total());
            if residual.as_ref().is_none_or(|known| key(&worth) < key(known)) {
                residual = Some(worth);
            }
        }
        Best { sound, residual: residual.expect("the empty plan keeps all guards") }
    }

    fn chosen(&self, plan: &Alternative) -> Vec<WithdrawalIx> {
        let named = plan.withdrawals.iter();
        named.map(|w| self.estate.find_withdrawal(w.id.as_str()).unwrap()).collect()
    }

    /// What a plan really comes to, once its own lists have been checked.
    pub(crate) fn worth_of_plan(&self, plan: &Alternative) -> Result<Worth, String> {
        let chosen = self.chosen(plan);
        for column in &self.columns {
            let named = column.iter().filter(|at| chosen.contains(at)).count();
            if named != 0 && (named != column.len() || self.is_fixed(column)) {
                return Err(format!("{column:?} is half chosen or may not be chosen"));
            }
        }
        let stopped: Vec<_> =
            self.stopped(&chosen).iter().map(|&s| self.estate.service(s).id.clone()).collect();
        if stopped != plan.stopped_services {
            return Err("stopped services differ".to_owned());
        }
        for (planned, &at) in plan.withdrawals.iter().zip(&chosen) {
            let alone: Vec<_> =
                self.stopped(&[at]).iter().map(|&s| self.estate.service(s).id.clone()).collect();
            if planned.stops != alone || planned.cost != Money(self.price(at)) {
                return Err(format!("{} stops or costs something else", planned.id));
            }
        }
        self.worth(&chosen).ok_or_else(|| "a guard is broken".to_owned())
    }

    /// Checks every path that a plan shows, and that no withdrawal is useless.
    pub(crate) fn check_paths(&self, plan: &Alternative) -> Result<(), String> {
        let chosen = self.chosen(plan);
        let reach = self.reach(&chosen, &self.starts);
        let lost: Vec<&NodeId> = plan.reachable_assets.iter().map(|asset| &asset.node).collect();
        let reached = self.estate.assets().iter().filter(|a| a.places().any(|p| reach.contains(p)));
        if lost != reached.map(|a| self.estate.id(a.node)).collect::<Vec<_>>() {
            return Err("reachable assets differ".to_owned());
        }
        for asset in &plan.reachable_assets {
            let path = self.open_path(&asset.path, &chosen)?;
            let of = self.estate.assets().iter().find(|a| *self.estate.id(a.node) == asset.node);
            if !of.unwrap().places().any(|place| Some(&place) == path.last()) {
                return Err(format!("the path to {} ends elsewhere", asset.node));
            }
        }
        for (planned, &at) in plan.withdrawals.iter().zip(&chosen) {
            let column = self.columns.iter().find(|column| column.contains(&at)).unwrap();
            let others: Vec<_> =
                chosen.iter().copied().filter(|other| !column.contains(other)).collect();
            let path = self.open_path(&planned.path, &others)?;
            if self.open_path(&planned.path, &chosen).is_ok() {
                return Err(format!("{} does not cut its own path", planned.id));
            }
            let end = *path.last().unwrap();
            let is_asset = self.estate.assets().iter().any(|a| {
                (a.must_hold || a.loss.0 > 0)
                    && !a.places().any(|p| reach.contains(p))
                    && a.places().any(|p| p == end)
            });
            let is_enforcer =
                others.iter().any(|&other| self.estate.withdrawal(other).enforcer == Some(end));
            if !is_asset && !is_enforcer {
                return Err(format!("{} keeps nothing shut", planned.id));
            }
        }
        Ok(())
    }

    /// Checks that a path runs along links from a start and past what is chosen.
    fn open_path(&self, ids: &[NodeId], chosen: &[WithdrawalIx]) -> Result<Vec<NodeIx>, String> {
        let path = self.real_path(ids)?;
        let entrenched = self.starts.iter().any(|s| s.node == path[0] && s.entrenched);
        let cut = path
            .iter()
            .skip(usize::from(entrenched))
            .any(|node| chosen.iter().any(|&at| self.estate.withdrawal(at).removes.contains(node)));
        if cut { Err(format!("the path {ids:?} is cut")) } else { Ok(path) }
    }

    /// Checks that a path runs along links from a start.
    pub(crate) fn real_path(&self, ids: &[NodeId]) -> Result<Vec<NodeIx>, String> {
        let path: Vec<NodeIx> =
            ids.iter().map(|id| self.estate.find(id.as_str()).unwrap()).collect();
        let from_start = path.first().is_some_and(|n| self.starts.iter().any(|s| s.node == *n));
        let linked = path
            .windows(2)
            .all(|pair| self.graph.next(pair[0]).iter().any(|&(next, _)| next == pair[1]));
        if from_start && linked { Ok(path) } else { Err(format!("{ids:?} is no path")) }
    }

    /// The expected loss over all footholds of any probability.
    pub(crate) fn expected(&self, plan: &Alternative) -> Money {
        let chosen = self.chosen(plan);
        let all = Slow { starts: Vec::new(), ..Slow::new(self.question, plan.name) };
        let mut merged: BTreeMap<NodeIx, Foothold> = BTreeMap::new();
        for foothold in &all.question.footholds {
            let known = merged.entry(foothold.node).or_insert(*foothold);
            known.probability = known.probability.max(foothold.probability);
            known.entrenched |= foothold.entrenched;
        }
        let mut sum = 0.0;
        for asset in self.estate.assets() {
            let mut spared = 1.0;
            for foothold in merged.values() {
                let reach = self.reach(&chosen, &[*foothold]);
                if asset.places().any(|place| reach.contains(place)) {
                    spared *= 1.0 - foothold.probability;
                }
            }
            sum += asset.loss.0 as f64 * (1.0 - spared);
        }
        Money(crate::search::whole(sum.round()))
    }
}
