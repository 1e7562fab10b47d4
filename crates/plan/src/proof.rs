//! From rows and duals to a certificate in whole numbers.
//!
//! Any non-negative multipliers on valid rows prove some bound, so rounding can
//! only weaken it, never make it false. The bound is summed here in integers
//! exactly as `cordon_model::plan` defines it; the duals of the LP are merely a
//! good choice. Of several denominators the smallest with the best bound wins.

use cordon_model::Money;
use cordon_model::ids::NodeIx;
use cordon_model::plan::{Row, Stage};

use crate::case::Case;
use crate::gates::Owner;
use crate::goal::Goal;
use crate::master::{Key, Master, Solved};

/// Denominators to try; the last leaves errors far below a minor unit.
const SCALES: [u64; 5] = [1, 2, 12, 5040, 1 << 24];
/// Multipliers stay whole numbers for readers that know only floats.
const LARGEST: f64 = 9.0e15;

/// Proves as high a bound for a stage as the rows give.
pub(crate) fn prove(case: &Case<'_>, goal: Goal, keys: &[Key]) -> Stage {
    let mut master = Master::new(case, goal);
    for key in keys {
        master.add_key(key);
    }
    let nothing =
        Stage { objective: goal.objective, bound: Money::ZERO, scale: 1, rows: Vec::new() };
    let Solved::Point(point) = master.solve_lp() else { return nothing };
    let mut best: Option<(i64, u64, Vec<u64>)> = None;
    for scale in SCALES {
        let Some(multipliers) = rounded(&master, &point.duals, scale) else { continue };
        let Some(bound) = bound(&master, &multipliers, scale) else { continue };
        if best.as_ref().is_none_or(|(known, _, _)| bound > *known) {
            best = Some((bound, scale, multipliers));
        }
    }
    let Some((bound, scale, multipliers)) = best.filter(|(bound, _, _)| *bound > 0) else {
        return nothing;
    };
    let used = master.rows.iter().zip(multipliers).filter(|&(_, multiplier)| multiplier > 0);
    let rows = used.map(|(row, multiplier)| wire(case, &row.key, multiplier)).collect();
    Stage { objective: goal.objective, bound: Money(bound), scale, rows }
}

/// Duals in minor units over `scale`; `None` where one would be too large.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "checked against LARGEST, and negative ones are taken as 0"
)]
fn rounded(master: &Master<'_>, duals: &[f64], scale: u64) -> Option<Vec<u64>> {
    let unit = crate::master::float(master.unit);
    let times = scale as f64;
    let one = |(row, &dual): (&crate::master::Inequality, &f64)| {
        // The row of losses is solved per unit of money, so its dual is one per minor unit.
        let value = if row.key == Key::Lost {
            (dual * times - 1e-9).ceil()
        } else {
            (dual * unit * times).round()
        };
        (value < LARGEST).then_some(value.max(0.0) as u64)
    };
    master.rows.iter().zip(duals).map(one).collect()
}

/// The bound that multipliers prove, rounded up to the next minor unit.
fn bound(master: &Master<'_>, multipliers: &[u64], scale: u64) -> Option<i64> {
    let mut right: i128 = 0;
    let mut left = vec![0_i128; master.variables.len()];
    for (row, &multiplier) in master.rows.iter().zip(multipliers) {
        let multiplier = i128::from(multiplier);
        right += multiplier * i128::from(row.least);
        for &(variable, coefficient) in &row.terms {
            *left.get_mut(variable as usize)? += multiplier * i128::from(coefficient);
        }
    }
    for (variable, used) in master.variables.iter().zip(left) {
        if !variable.fixed {
            right += (i128::from(variable.cost) * i128::from(scale) - used).min(0);
        }
    }
    let scale = i128::from(scale);
    i64::try_from(right.div_euclid(scale) + i128::from(right.rem_euclid(scale) > 0)).ok()
}

fn wire(case: &Case<'_>, key: &Key, multiplier: u64) -> Row {
    let net = case.net;
    let estate = net.estate;
    let ids = |path: &[u32]| path.iter().map(|&node| estate.id(NodeIx(node)).clone()).collect();
    let name = |column: u32| estate.withdrawal(net.columns[column].first).id.clone();
    match key {
        Key::Path { path, asset } => {
            let node = estate.assets().get(*asset as usize).map_or(NodeIx(0), |asset| asset.node);
            Row::Path { multiplier, path: ids(path), asset: estate.id(node).clone() }
        }
        Key::Need { gate, children } => {
            let gate = &net.gates.gates[*gate];
            let owner = match gate.owner {
                Owner::Node(node) => estate.id(node).to_string(),
                Owner::Service(service) => format!("service:{}", estate.service(service).id),
            };
            Row::Need { multiplier, owner, gate: gate.position, children: children.clone() }
        }
        Key::Stop { column, node } => {
            let node = estate.id(NodeIx(*node)).clone();
            Row::Stop { multiplier, withdrawal: name(*column), node }
        }
        Key::Cap { cap } => {
            let kind = estate.caps().get(*cap as usize).map_or("", |cap| &cap.kind);
            Row::Cap { multiplier, kind: kind.to_owned() }
        }
        Key::Enforcer { withdrawal, path } => Row::Enforcer {
            multiplier,
            withdrawal: estate.withdrawal(*withdrawal).id.clone(),
            path: ids(path),
        },
        Key::Exclusive { withdrawal, by } => Row::Exclusive {
            multiplier,
            withdrawal: estate.withdrawal(*withdrawal).id.clone(),
            by: name(*by),
        },
        Key::Lost => Row::Lost { multiplier },
    }
}
