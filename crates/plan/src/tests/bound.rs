//! Re-derives every stage's bound from the contract in `cordon_model::plan` alone.

use std::collections::BTreeMap;

use cordon_model::Money;
use cordon_model::ids::{NodeIx, WithdrawalIx};
use cordon_model::needs::Needs;
use cordon_model::plan::{Alternative, AlternativeName, Objective, Row, Stage, Status};

use super::slow::Slow;

/// Variables by name: `x` and a withdrawal, `d` and an owner with a gate, `z` and an asset.
type Form = BTreeMap<String, i128>;

struct Gate {
    slack: usize,
    children: Vec<String>,
}

/// Returns the bounds of the stages once rows, multipliers and sums are checked.
pub(crate) fn derive(slow: &Slow<'_>, plan: &Alternative) -> Result<Vec<i64>, String> {
    let mut bounds = Vec::new();
    for (at, stage) in plan.certificate.stages.iter().enumerate() {
        let first = at == 0;
        let bound = Deriver { slow, plan, stage, first }.bound()?;
        if Money(bound) != stage.bound {
            return Err(format!("{:?}: {} claimed, {bound} derived", stage.objective, stage.bound));
        }
        bounds.push(bound);
    }
    let strict = plan.name == AlternativeName::Strict && plan.status != Status::Infeasible;
    let total = if strict { bounds.iter().sum() } else { *bounds.last().unwrap() };
    if Money(total) == plan.certificate.bound { Ok(bounds) } else { Err("sum of bounds".into()) }
}

struct Deriver<'a> {
    slow: &'a Slow<'a>,
    plan: &'a Alternative,
    stage: &'a Stage,
    first: bool,
}

impl Deriver<'_> {
    fn bound(&self) -> Result<i64, String> {
        let scale = i128::from(self.stage.scale);
        if scale < 1 {
            return Err("scale".into());
        }
        let (mut used, mut bound) = (Form::new(), 0_i128);
        for row in &self.stage.rows {
            let (multiplier, form, right) = self.row(row)?;
            if multiplier == 0 {
                return Err("a row without a multiplier".into());
            }
            for (variable, coefficient) in form {
                *used.entry(variable).or_default() += coefficient * i128::from(multiplier);
            }
            bound += right * i128::from(multiplier);
        }
        for (variable, used) in used {
            if let Some(cost) = self.cost(&variable) {
                bound += (i128::from(cost) * scale - used).min(0);
            }
        }
        // Rounded up to the next minor unit; nothing proves less than 0.
        Ok(i64::try_from(bound.div_euclid(scale) + i128::from(bound.rem_euclid(scale) > 0))
            .unwrap()
            .max(0))
    }

    fn counts_cost(&self) -> bool {
        matches!(self.stage.objective, Objective::Total | Objective::Cost)
    }

    /// A variable's cost, or `None` where it is fixed at 0.
    fn cost(&self, variable: &str) -> Option<i64> {
        let estate = self.slow.estate;
        let (sort, name) = variable.split_once(' ').unwrap();
        match sort {
            "x" => {
                let at = estate.find_withdrawal(name).unwrap();
                let column = self.slow.columns.iter().find(|column| column[0] == at).unwrap();
                let price = column.iter().map(|&half| self.slow.price(half)).sum();
                (!self.slow.is_fixed(column)).then_some(if self.counts_cost() { price } else { 0 })
            }
            "d" => {
                let Some(service) = name.strip_prefix("service:") else { return Some(0) };
                let Some(service) = estate.find_service(service) else { return Some(0) };
                let price = estate.stop_price(estate.service(service)).0;
                let counted = if self.counts_cost() { price } else { 0 };
                (!self.slow.is_protected(service)).then_some(counted)
            }
            _ => {
                let asset =
                    estate.assets().iter().find(|a| estate.id(a.node).as_str() == name).unwrap();
                if asset.must_hold && !self.hard_is_free() {
                    return None;
                }
                Some(match self.stage.objective {
                    Objective::Total | Objective::Loss => asset.loss.0,
                    Objective::HardLoss if asset.must_hold => asset.loss.0,
                    Objective::HardLoss | Objective::Cost => 0,
                })
            }
        }
    }

    /// Whether hard assets may be lost: in `now` and in infeasible plans.
    fn hard_is_free(&self) -> bool {
        self.plan.name == AlternativeName::Now || self.plan.status == Status::Infeasible
    }

    fn column(&self, at: WithdrawalIx) -> String {
        let column = self.slow.columns.iter().find(|column| column.contains(&at)).unwrap();
        format!("x {}", self.slow.estate.withdrawal(column[0]).id)
    }

    fn find(&self, id: &cordon_model::WithdrawalId) -> WithdrawalIx {
        self.slow.estate.find_withdrawal(id.as_str()).unwrap()
    }

    fn cutters(&self, path: &[NodeIx]) -> Form {
        let entrenched = self.slow.starts.iter().any(|s| s.node == path[0] && s.entrenched);
        let cut = &path[usize::from(entrenched)..];
        let mut form = Form::new();
        for column in &self.slow.columns {
            let removes = |at: &WithdrawalIx| self.slow.estate.withdrawal(*at).removes.iter();
            if column.iter().flat_map(removes).any(|node| cut.contains(node)) {
                form.insert(self.column(column[0]), 1);
            }
        }
        form
    }

    fn row(&self, row: &Row) -> Result<(u64, Form, i128), String> {
        let estate = self.slow.estate;
        Ok(match row {
            Row::Path { multiplier, path, asset } => {
                let path = self.slow.real_path(path)?;
                let of = estate.assets().iter().find(|a| estate.id(a.node) == asset);
                let of = of.ok_or("no such asset")?;
                if !of.places().any(|place| Some(&place) == path.last()) {
                    return Err("a path that ends elsewhere".into());
                }
                let mut form = self.cutters(&path);
                form.insert(format!("z {asset}"), 1);
                (*multiplier, form, 1)
            }
            Row::Enforcer { multiplier, withdrawal, path } => {
                let path = self.slow.real_path(path)?;
                let at = self.find(withdrawal);
                if estate.withdrawal(at).enforcer != path.last().copied() {
                    return Err("a path to something else than the enforcer".into());
                }
                let mut form = self.cutters(&path);
                *form.entry(self.column(at)).or_default() -= 1;
                (*multiplier, form, 0)
            }
            Row::Stop { multiplier, withdrawal, node } => {
                let at = self.find(withdrawal);
                let column = self.slow.columns.iter().find(|column| column.contains(&at)).unwrap();
                let node_ix = estate.find(node.as_str()).unwrap();
                let halves = column.iter().map(|&half| estate.withdrawal(half));
                if !halves.into_iter().any(|w| w.stops && w.removes.contains(&node_ix)) {
                    return Err("a withdrawal that does not stop the node".into());
                }
                let form = Form::from([(format!("d {node}"), 1), (self.column(at), -1)]);
                (*multiplier, form, 0)
            }
            Row::Cap { multiplier, kind } => {
                let cap = estate.caps().iter().find(|cap| *cap.kind == **kind).ok_or("no cap")?;
                let mut form = Form::new();
                for (withdrawal, at) in estate.withdrawals().iter().zip((0..).map(WithdrawalIx)) {
                    if *withdrawal.kind == **kind {
                        *form.entry(self.column(at)).or_default() -= 1;
                    }
                }
                (*multiplier, form, -i128::from(cap.most))
            }
            Row::Exclusive { multiplier, withdrawal, by } => {
                let (void, by) = (self.find(withdrawal), self.find(by));
                let enforcer = estate.withdrawal(void).enforcer.ok_or("no enforcer")?;
                let other = estate.withdrawal(by);
                if !other.stops || !other.removes.contains(&enforcer) {
                    return Err("it does not remove the enforcer".into());
                }
                let mut form = Form::from([(self.column(void), -1)]);
                *form.entry(self.column(by)).or_default() -= 1;
                (*multiplier, form, -1)
            }
            Row::Need { multiplier, owner, gate, children } => {
                let (form, right) = self.need(owner, *gate, children)?;
                (*multiplier, form, right)
            }
            Row::Lost { multiplier } => self.lost(*multiplier)?,
        })
    }

    fn lost(&self, multiplier: u64) -> Result<(u64, Form, i128), String> {
        if self.first {
            return Err("there is no stage before".into());
        }
        let estate = self.slow.estate;
        let counts = |hard: bool| self.stage.objective == Objective::Cost || hard;
        let assets = estate.assets().iter().filter(|asset| counts(asset.must_hold));
        let form = assets.map(|a| (format!("z {}", estate.id(a.node)), -i128::from(a.loss.0)));
        let hard = |node| estate.assets().iter().any(|a| estate.id(a.node) == node && a.must_hold);
        let lost = self.plan.reachable_assets.iter().filter(|a| counts(hard(&a.node)));
        let limit: i64 = lost.map(|asset| asset.loss.0).sum();
        Ok((multiplier, form.collect(), -i128::from(limit)))
    }

    fn need(&self, owner: &str, gate: u32, children: &[u32]) -> Result<(Form, i128), String> {
        let estate = self.slow.estate;
        let tree = match owner.strip_prefix("service:") {
            Some(id) => &estate.service(estate.find_service(id).unwrap()).needs,
            None => estate.needs(estate.find(owner).unwrap()).unwrap(),
        };
        let mut gates = BTreeMap::new();
        if let Needs::Node(node) = tree {
            let children = vec![format!("d {}", estate.id(*node))];
            gates.insert(0, Gate { slack: 0, children });
        } else {
            self.gates(owner, tree, &mut 0, &mut gates);
        }
        let of = gates.get(&gate).ok_or("no such gate")?;
        let times = i128::try_from(children.len()).unwrap() - i128::try_from(of.slack).unwrap();
        if times < 1 || !children.is_sorted_by(|a, b| a < b) {
            return Err("children".into());
        }
        let mut form = Form::from([(variable(owner, gate), times)]);
        for &child in children {
            *form.entry(of.children[child as usize].clone()).or_default() -= 1;
        }
        Ok((form, -i128::try_from(of.slack).unwrap()))
    }

    fn gates(&self, owner: &str, tree: &Needs, at: &mut u32, gates: &mut BTreeMap<u32, Gate>) {
        let Needs::AtLeast { k, of } = tree else { return };
        let here = *at;
        let mut children = Vec::new();
        for child in of {
            *at += 1;
            match child {
                Needs::Node(node) => children.push(format!("d {}", self.slow.estate.id(*node))),
                Needs::AtLeast { .. } => {
                    children.push(variable(owner, *at));
                    self.gates(owner, child, at, gates);
                }
            }
        }
        gates.insert(here, Gate { slack: of.len() - *k as usize, children });
    }
}

/// The variable of a gate; the root gate's is its owner's.
fn variable(owner: &str, gate: u32) -> String {
    if gate == 0 { format!("d {owner}") } else { format!("d {owner}#{gate}") }
}
