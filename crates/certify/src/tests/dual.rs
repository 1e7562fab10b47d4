//! Certificates by another tool: rows by their definition, multipliers by coordinate ascent.
//!
//! Variables are plain text here (`x o1`, `d db:m`, `d service:s0#2`, `z db:m`),
//! so that nothing is shared with the checker.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::estate::{Asset, Withdrawal};
use cordon_model::needs::Needs;
use cordon_model::plan::{AlternativeName, Certificate, Objective, Row, Stage};
use cordon_model::{Estate, Mode, Money, NodeIx};

use super::fixture::Random;
use super::planner::{Choice, Problem, ids};

/// The right side, and the coefficient of every variable.
pub(super) type Form = (i128, BTreeMap<String, i128>);

/// One stage to prove: what it minimises, whether hard assets may be lost, and the limit before it.
pub(super) struct Task<'p, 'a> {
    pub(super) problem: &'p Problem<'a>,
    pub(super) objective: Objective,
    pub(super) hard_free: bool,
    pub(super) limit: Option<Money>,
}

/// Proves as much as it can about an alternative.
pub(super) fn certificate(
    problem: &Problem<'_>,
    infeasible: bool,
    choice: &Choice,
    random: &mut Random,
) -> Certificate {
    let tasks = tasks(problem, infeasible, choice);
    let stages: Vec<Stage> = tasks.iter().map(|task| task.prove(random)).collect();
    Certificate { bound: join(&tasks, &stages), stages, alone: false, settled: false }
}

pub(super) fn tasks<'p, 'a>(
    problem: &'p Problem<'a>,
    infeasible: bool,
    choice: &Choice,
) -> Vec<Task<'p, 'a>> {
    let hard_free = infeasible || problem.name == AlternativeName::Now;
    let task = |objective, limit| Task { problem, objective, hard_free, limit };
    match problem.name {
        _ if hard_free => {
            vec![task(Objective::HardLoss, None), task(Objective::Total, Some(choice.hard_loss))]
        }
        AlternativeName::Strict => {
            vec![task(Objective::Loss, None), task(Objective::Cost, Some(choice.cost.loss))]
        }
        AlternativeName::Balanced | AlternativeName::Now => vec![task(Objective::Total, None)],
    }
}

fn join(tasks: &[Task<'_, '_>], stages: &[Stage]) -> Money {
    match stages {
        [_, second] if tasks[0].hard_free => second.bound,
        [first, second] => first.bound + second.bound,
        stages => stages[0].bound,
    }
}

impl Task<'_, '_> {
    fn estate(&self) -> &Estate {
        self.problem.estate
    }

    fn prove(&self, random: &mut Random) -> Stage {
        let mut candidates = self.candidates();
        candidates.sort_by_key(key);
        candidates.dedup_by_key(|row| key(row));
        let forms: Vec<Form> = candidates.iter().map(|row| self.form(row)).collect();
        let mut best: Option<(i128, u64, Vec<i128>)> = None;
        for attempt in 0..4 {
            let scale = *random.pick(&[1, 1, 2, 7]);
            let mut y = vec![0_i128; forms.len()];
            if attempt > 0 {
                for slot in &mut y {
                    *slot = (random.next() % 3000).into();
                }
            }
            settle(self, i128::from(scale), &forms, &mut y);
            let sum = self.sum(i128::from(scale), &forms, &y);
            let bound =
                sum.max(0).div_euclid(scale.into()) + i128::from(sum % i128::from(scale) > 0);
            if best.as_ref().is_none_or(|(known, ..)| bound > *known) {
                best = Some((bound, scale, y));
            }
        }
        let (bound, scale, y) = best.unwrap();
        let mut rows = candidates;
        for (row, &y) in rows.iter_mut().zip(&y) {
            *multiplier_of(row) = u64::try_from(y).unwrap();
        }
        rows.retain(|row| *multiplier_of(&mut row.clone()) > 0);
        let scale = if rows.is_empty() { 1 } else { scale };
        let bound = Money(i64::try_from(bound).unwrap());
        Stage { objective: self.objective, bound, scale, rows }
    }

    /// The sum that a stage's rows prove, times its scale.
    pub(super) fn sum(&self, scale: i128, forms: &[Form], y: &[i128]) -> i128 {
        let left = self.left(scale, forms, y);
        let right: i128 = forms.iter().zip(y).map(|((right, _), y)| right * y).sum();
        right + left.values().map(|left| (*left).min(0)).sum::<i128>()
    }

    fn left<'f>(&self, scale: i128, forms: &'f [Form], y: &[i128]) -> BTreeMap<&'f str, i128> {
        let mut left = BTreeMap::new();
        for ((_, terms), y) in forms.iter().zip(y) {
            for (variable, coefficient) in terms {
                if let Some(cost) = self.cost(variable) {
                    *left.entry(variable.as_str()).or_insert(cost * scale) -= y * coefficient;
                }
            }
        }
        left
    }

    fn withdrawal(&self, id: &str) -> &Withdrawal {
        self.estate().withdrawals().iter().find(|w| w.id.as_str() == id).unwrap()
    }

    fn asset(&self, id: &str) -> &Asset {
        let estate = self.estate();
        estate.assets().iter().find(|asset| estate.id(asset.node).as_str() == id).unwrap()
    }

    fn column(&self, withdrawal: &Withdrawal) -> String {
        match (withdrawal.mode, withdrawal.partner) {
            (Mode::End, Some(refuse)) => format!("x {}", self.estate().withdrawal(refuse).id),
            _ => format!("x {}", withdrawal.id),
        }
    }

    /// What a variable costs in minor units; `None` if it is fixed at 0.
    fn cost(&self, variable: &str) -> Option<i128> {
        let (estate, objective) = (self.estate(), self.objective);
        let money = matches!(objective, Objective::Total | Objective::Cost);
        let (what, name) = variable.split_once(' ').unwrap();
        match what {
            "x" => {
                let first = self.withdrawal(name);
                let second = first.partner.map(|partner| estate.withdrawal(partner));
                let halves = || std::iter::once(first).chain(second);
                if halves().any(|half| self.is_fixed(half)) {
                    return None;
                }
                let paid = |w: &Withdrawal| self.problem.context.in_force.contains(&w.id);
                let price = halves().filter(|w| !paid(w)).map(|w| estate.price(w).0).sum::<i64>();
                Some(if money { price.into() } else { 0 })
            }
            "d" => {
                let service = name.strip_prefix("service:").filter(|_| !name.contains('#'));
                let found =
                    service.and_then(|id| estate.services().iter().find(|s| s.id.as_str() == id));
                let Some(service) = found else { return Some(0) };
                if service.protected && !self.problem.context.down.contains(&service.id) {
                    return None;
                }
                Some(if money { estate.stop_price(service).0.into() } else { 0 })
            }
            _ => {
                let asset = self.asset(name);
                let counts = match objective {
                    Objective::Total | Objective::Loss => true,
                    Objective::HardLoss => asset.must_hold,
                    Objective::Cost => false,
                };
                let fixed = asset.must_hold && !self.hard_free;
                (!fixed).then_some(if counts { asset.loss.0.into() } else { 0 })
            }
        }
    }

    fn is_fixed(&self, half: &Withdrawal) -> bool {
        let (context, now) = (self.problem.context, self.problem.name == AlternativeName::Now);
        let authority = context.authority.as_ref();
        let allowed = authority.is_none_or(|ids| ids.contains(&half.id));
        let stops_enforcer = half.enforcer.is_some_and(|enforcer| {
            let halves =
                std::iter::once(half).chain(half.partner.map(|at| self.estate().withdrawal(at)));
            halves.into_iter().any(|w| w.stops && w.removes.contains(&enforcer))
        });
        stops_enforcer
            || self.estate().forbidden_by(half).is_some()
            || context.unavailable.contains(&half.id)
            || half.enforcer.is_some_and(|node| self.problem.is_start(node))
            || now && !allowed && !context.in_force.contains(&half.id)
    }

    /// The linear form of a row that is known to be well made.
    pub(super) fn form(&self, row: &Row) -> Form {
        let estate = self.estate();
        let mut terms: BTreeMap<String, i128> = BTreeMap::new();
        let mut add = |variable: String, by: i128| *terms.entry(variable).or_default() += by;
        let cuts = |path: &[cordon_model::NodeId]| -> BTreeSet<String> {
            let skip = usize::from(self.problem.is_entrenched(self.problem.node(&path[0])));
            let gates = path[skip..].iter().map(|node| self.problem.node(node));
            let gates: BTreeSet<NodeIx> = gates.collect();
            let cutting = estate.withdrawals().iter();
            let cutting = cutting.filter(|w| w.removes.iter().any(|node| gates.contains(node)));
            cutting.map(|w| self.column(w)).collect()
        };
        let right = match row {
            Row::Path { path, asset, .. } => {
                cuts(path).into_iter().for_each(|column| add(column, 1));
                add(format!("z {asset}"), 1);
                1
            }
            Row::Need { owner, gate, children, .. } => {
                let (k, names) = gates(estate, owner).remove(gate).unwrap();
                let spare = i128::from(u32::try_from(names.len()).unwrap() - k);
                children.iter().for_each(|&child| add(names[child as usize].clone(), -1));
                add(gate_name(owner, *gate), children.len() as i128 - spare);
                -spare
            }
            Row::Stop { withdrawal, node, .. } => {
                add(format!("d {node}"), 1);
                add(self.column(self.withdrawal(withdrawal.as_str())), -1);
                0
            }
            Row::Cap { kind, .. } => {
                let of_kind = estate.withdrawals().iter().filter(|w| *w.kind == **kind);
                of_kind.for_each(|w| add(self.column(w), -1));
                let caps = estate.caps().iter().filter(|cap| *cap.kind == **kind);
                -i128::from(caps.map(|cap| cap.most).min().unwrap())
            }
            Row::Enforcer { withdrawal, path, .. } => {
                cuts(path).into_iter().for_each(|column| add(column, 1));
                add(self.column(self.withdrawal(withdrawal.as_str())), -1);
                0
            }
            Row::Exclusive { withdrawal, by, .. } => {
                add(self.column(self.withdrawal(withdrawal.as_str())), -1);
                add(self.column(self.withdrawal(by.as_str())), -1);
                -1
            }
            Row::Lost { .. } => {
                let counted = estate.assets().iter();
                let counted = counted.filter(|asset| asset.must_hold || !self.hard_free);
                for asset in counted {
                    add(format!("z {}", estate.id(asset.node)), -i128::from(asset.loss.0));
                }
                -i128::from(self.limit.unwrap().0)
            }
        };
        (right, terms)
    }

    fn candidates(&self) -> Vec<Row> {
        let (estate, multiplier) = (self.estate(), 0);
        let mut rows = Vec::new();
        for path in self.paths() {
            let (last, nodes) = (path[path.len() - 1], ids(estate, &path));
            for asset in estate.assets().iter().filter(|a| a.places().any(|place| place == last)) {
                let asset = estate.id(asset.node).clone();
                rows.push(Row::Path { multiplier, path: nodes.clone(), asset });
            }
            for withdrawal in estate.withdrawals().iter().filter(|w| w.enforcer == Some(last)) {
                if withdrawal.mode == Mode::End && withdrawal.partner.is_some() {
                    continue;
                }
                let withdrawal = withdrawal.id.clone();
                rows.push(Row::Enforcer { multiplier, withdrawal, path: nodes.clone() });
            }
        }
        for w in estate.withdrawals().iter().filter(|w| w.stops) {
            for node in w.removes.iter().map(|&node| estate.id(node).clone()) {
                rows.push(Row::Stop { multiplier, withdrawal: w.id.clone(), node });
            }
            let partnered = |v: &Withdrawal| v.mode == Mode::End && v.partner.is_some();
            for void in estate.withdrawals().iter().filter(|v| !partnered(v)) {
                if void.enforcer.is_some_and(|enforcer| w.removes.contains(&enforcer)) {
                    let (withdrawal, by) = (void.id.clone(), w.id.clone());
                    rows.push(Row::Exclusive { multiplier, withdrawal, by });
                }
            }
        }
        let kinds: BTreeSet<_> = estate.caps().iter().map(|cap| cap.kind.to_string()).collect();
        rows.extend(kinds.into_iter().map(|kind| Row::Cap { multiplier, kind }));
        rows.extend(self.limit.map(|_| Row::Lost { multiplier }));
        let services = estate.services().iter().map(|s| format!("service:{}", s.id));
        let nodes = estate.needs_order().iter().map(|&node| estate.id(node).to_string());
        for owner in services.chain(nodes) {
            for (gate, (k, names)) in gates(estate, &owner) {
                for mask in 1_u32..1 << names.len() {
                    let children: Vec<u32> = (0..32).filter(|at| mask >> at & 1 == 1).collect();
                    if children.len() + k as usize > names.len() {
                        rows.push(Row::Need { multiplier, owner: owner.clone(), gate, children });
                    }
                }
            }
        }
        rows
    }

    /// Simple paths from every start, shorter ones first, up to a few hundred.
    fn paths(&self) -> Vec<Vec<NodeIx>> {
        let mut paths: Vec<Vec<NodeIx>> =
            self.problem.starts().map(|start| vec![self.problem.node(&start.node)]).collect();
        let mut at = 0;
        while at < paths.len() && paths.len() < 300 {
            let path = paths[at].clone();
            at += 1;
            for &(next, _) in self.problem.graph.next(path[path.len() - 1]) {
                if !path.contains(&next) {
                    paths.push(path.iter().copied().chain([next]).collect());
                }
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }
}

/// Raises what proves more and lowers what proves nothing, row by row, until all are settled.
fn settle(task: &Task<'_, '_>, scale: i128, forms: &[Form], y: &mut [i128]) {
    let mut left: BTreeMap<String, i128> = task
        .left(scale, forms, y)
        .into_iter()
        .map(|(name, left)| (name.to_owned(), left))
        .collect();
    loop {
        let before = y.to_vec();
        for ((right, terms), y) in forms.iter().zip(y.iter_mut()) {
            for step in (0..40).rev().map(|power| 1_i128 << power).flat_map(|step| [step, -step]) {
                loop {
                    let gain: i128 = terms
                        .iter()
                        .filter_map(|(name, by)| Some((left.get(name)?, by)))
                        .map(|(&left, by)| (left - step * by).min(0) - left.min(0))
                        .sum::<i128>()
                        + step * right;
                    let better = if step > 0 { gain > 0 } else { gain >= 0 && *y + step >= 0 };
                    if !better || *y > 1 << 45 {
                        break;
                    }
                    *y += step;
                    for (name, by) in terms {
                        if let Some(left) = left.get_mut(name) {
                            *left -= step * by;
                        }
                    }
                }
            }
        }
        if *y == before[..] {
            return;
        }
    }
}

/// The gates of an owner's tree: their k and the variables of their children.
pub(super) fn gates(estate: &Estate, owner: &str) -> BTreeMap<u32, (u32, Vec<String>)> {
    fn walk(
        estate: &Estate,
        owner: &str,
        needs: &Needs,
        next: &mut u32,
        gates: &mut BTreeMap<u32, (u32, Vec<String>)>,
    ) -> String {
        let at = *next;
        *next += 1;
        match needs {
            Needs::Node(node) => format!("d {}", estate.id(*node)),
            Needs::AtLeast { k, of } => {
                let children = of.iter().map(|child| walk(estate, owner, child, next, gates));
                let children = children.collect();
                gates.insert(at, (*k, children));
                gate_name(owner, at)
            }
        }
    }
    let service = estate.services().iter().find(|s| format!("service:{}", s.id) == owner);
    let node = || estate.needs(estate.find(owner).unwrap()).unwrap();
    let needs = service.map_or_else(node, |service| &service.needs);
    let mut gates = BTreeMap::new();
    let root = walk(estate, owner, needs, &mut 0, &mut gates);
    gates.entry(0).or_insert((1, vec![root]));
    gates
}

fn gate_name(owner: &str, gate: u32) -> String {
    if gate == 0 { format!("d {owner}") } else { format!("d {owner}#{gate}") }
}

pub(super) fn multiplier_of(row: &mut Row) -> &mut u64 {
    match row {
        Row::Path { multiplier, .. }
        | Row::Need { multiplier, .. }
        | Row::Stop { multiplier, .. }
        | Row::Cap { multiplier, .. }
        | Row::Enforcer { multiplier, .. }
        | Row::Exclusive { multiplier, .. }
        | Row::Lost { multiplier } => multiplier,
    }
}

/// Rows ascend by kind, then by their fields as listed but for the multiplier.
fn key(row: &Row) -> (u8, Vec<Vec<String>>) {
    let texts = |ids: &[cordon_model::NodeId]| ids.iter().map(ToString::to_string).collect();
    match row {
        Row::Path { path, asset, .. } => (0, vec![texts(path), vec![asset.to_string()]]),
        Row::Need { owner, gate, children, .. } => {
            let children = children.iter().map(|child| format!("{child:05}")).collect();
            (1, vec![vec![owner.clone()], vec![format!("{gate:05}")], children])
        }
        Row::Stop { withdrawal, node, .. } => {
            (2, vec![vec![withdrawal.to_string()], vec![node.to_string()]])
        }
        Row::Cap { kind, .. } => (3, vec![vec![kind.clone()]]),
        Row::Enforcer { withdrawal, path, .. } => {
            (4, vec![vec![withdrawal.to_string()], texts(path)])
        }
        Row::Exclusive { withdrawal, by, .. } => {
            (5, vec![vec![withdrawal.to_string()], vec![by.to_string()]])
        }
        Row::Lost { .. } => (6, Vec::new()),
    }
}
