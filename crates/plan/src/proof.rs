//! From rows and duals to a certificate in whole numbers, in its one form.
//!
//! Any non-negative multipliers on valid rows prove some bound, so rounding can
//! only weaken it, never make it false. The bound is summed in integers
//! exactly as `cordon_model::plan` defines it; the duals of the LP are merely a
//! good choice. Of several denominators the smallest with the best bound wins,
//! and [`settle`] brings what it gives into the form in which every change shows.

mod better;
mod minimal;
mod settle;
mod sheet;
mod wire;

use cordon_model::Money;
use cordon_model::plan::{Objective, Stage};

use crate::case::Case;
use crate::flowed::Flowed;
use crate::goal::Goal;
use crate::master::{Key, Master, Solved};
use sheet::Sheet;

/// Denominators to try; the last leaves errors far below a minor unit.
const SCALES: [u64; 5] = [1, 2, 12, 5040, 1 << 24];
/// Multipliers stay whole numbers for readers that know only floats.
const LARGEST: f64 = 9.0e15;

/// Seconds for a proof when the limits have passed and there is no other.
const LEAST_SECONDS: f64 = 1.0;
/// More rows than this may take longer than that.
const MANY: usize = 3_000;

/// Proves as high a bound for a stage as the rows give, or as a flow has shown already.
pub(crate) fn prove(
    case: &Case<'_>,
    goal: Goal,
    keys: &[Key],
    flowed: Option<&Flowed>,
    seconds: f64,
) -> Stage {
    let many = keys.len() > MANY && flowed.is_some();
    let seconds = if many { seconds } else { seconds.max(LEAST_SECONDS) };
    let by_rows = multiplied(case, goal, keys, seconds);
    let by_flow = flowed.map(|flowed| {
        let rows = flowed.rows.iter();
        sheet_of(case, goal, 1, rows.map(|(key, times)| (without_detours(case, key), *times)))
    });
    let best = by_rows.into_iter().chain(by_flow).max_by_key(|sheet| sheet.bound_of(sheet.sum));
    let settled = best.and_then(|mut sheet| {
        let settled = settle::settle(&mut sheet);
        (settled && sheet.sum > 0).then_some(sheet)
    });
    settled.and_then(|sheet| written(&sheet)).unwrap_or_else(|| nothing(goal.objective))
}

/// A stage that proves nothing, and needs nothing for it.
fn nothing(objective: Objective) -> Stage {
    Stage { objective, bound: Money::ZERO, scale: 1, rows: Vec::new() }
}

/// The rows with multipliers near the duals of the LP.
fn multiplied<'a>(case: &'a Case<'a>, goal: Goal, keys: &[Key], seconds: f64) -> Option<Sheet<'a>> {
    let mut master = Master::new(case, goal);
    for key in keys {
        master.add_key(&without_detours(case, key));
    }
    let Solved::Point(point) = master.solve_lp(seconds) else { return None };
    let mut best: Option<(i128, Sheet<'_>)> = None;
    for scale in SCALES {
        let Some(multipliers) = rounded(&master, &point.duals, scale) else { continue };
        let rows = master.rows.iter().zip(multipliers);
        let sheet = sheet_of(case, goal, scale, rows.map(|(row, times)| (row.key.clone(), times)));
        let bound = sheet.bound_of(sheet.sum);
        if best.as_ref().is_none_or(|(known, _)| bound > *known) {
            best = Some((bound, sheet));
        }
    }
    best.map(|(_, sheet)| sheet)
}

fn sheet_of<'a>(
    case: &'a Case<'a>,
    goal: Goal,
    scale: u64,
    rows: impl Iterator<Item = (Key, u64)>,
) -> Sheet<'a> {
    let mut sheet = Sheet::new(case, goal, scale);
    for (key, multiplier) in rows.filter(|&(_, multiplier)| multiplier > 0) {
        sheet.push(key, multiplier);
    }
    settle::merge(&mut sheet);
    sheet
}

/// The bound that multipliers of a master's rows prove, in minor units.
pub(crate) fn bound(master: &Master<'_>, multipliers: &[u64], scale: u64) -> Option<i64> {
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

/// The row with its path, if it has one, made minimal.
fn without_detours(case: &Case<'_>, key: &Key) -> Key {
    match key {
        Key::Path { path, asset } => {
            let path = minimal::minimal(case, path, &better::ends(case, *asset));
            Key::Path { path, asset: *asset }
        }
        Key::Enforcer { withdrawal, path } => {
            let enforcer = case.net.estate.withdrawal(*withdrawal).enforcer;
            let ends: Vec<u32> = enforcer.iter().map(|node| node.0).collect();
            Key::Enforcer { withdrawal: *withdrawal, path: minimal::minimal(case, path, &ends) }
        }
        Key::Need { .. }
        | Key::Stop { .. }
        | Key::Cap { .. }
        | Key::Exclusive { .. }
        | Key::Lost => key.clone(),
    }
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

/// The stage as it is written; `None` if a number is too large for it.
fn written(sheet: &Sheet<'_>) -> Option<Stage> {
    let divisor =
        sheet.lines.iter().fold(sheet.scale, |divisor, line| gcd(divisor, line.multiplier));
    let rows = sheet.lines.iter().map(|line| {
        let multiplier = u64::try_from(line.multiplier / divisor).ok()?;
        Some(wire::row(sheet.case, &line.key, multiplier))
    });
    let mut rows = rows.collect::<Option<Vec<_>>>()?;
    rows.sort_by(|a, b| wire::rank(a).cmp(&wire::rank(b)));
    Some(Stage {
        objective: sheet.goal.objective,
        bound: Money(i64::try_from(sheet.bound_of(sheet.sum)).ok()?),
        scale: u64::try_from(sheet.scale / divisor).ok()?,
        rows,
    })
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
