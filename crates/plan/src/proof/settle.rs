//! Brings a certificate into its one form, so that any change of it shows.
//!
//! The form stands in `cordon_model::plan`. Every step proves more, or as much
//! with fewer rows, shorter paths or lesser names, so there is an end.

use super::better;
use super::sheet::Sheet;
use crate::master::Key;

/// Settles multipliers and rows; false where the rows prove any number, which no
/// multipliers do that rest on a plan.
pub(super) fn settle(sheet: &mut Sheet<'_>) -> bool {
    loop {
        if !settle_multipliers(sheet) {
            return false;
        }
        sheet.lines.retain(|line| line.multiplier > 0);
        if drop_idle(sheet) {
            continue;
        }
        if !better::run(sheet) {
            return true;
        }
        merge(sheet);
    }
}

/// Brings every multiplier to the least that proves most, the others kept.
fn settle_multipliers(sheet: &mut Sheet<'_>) -> bool {
    loop {
        let mut changed = false;
        for at in 0..sheet.lines.len() {
            let Some(step) = step_to_peak(sheet, at) else { return false };
            if step != 0 {
                sheet.add(at, step);
                changed = true;
            }
        }
        if !changed {
            return true;
        }
    }
}

/// Multipliers stay whole numbers for readers that know only floats.
const LARGEST: i128 = 1 << 53;

/// The step to the least multiplier from which one more gains nothing.
fn step_to_peak(sheet: &Sheet<'_>, at: usize) -> Option<i128> {
    let multiplier = sheet.lines.get(at)?.multiplier;
    // The sum is concave: once a step gains nothing, none after it does.
    let rises = |step: i128| sheet.gain(at, step + 1) > sheet.gain(at, step);
    let floor = -multiplier - 1;
    let (mut low, mut high, mut reach) = (0, 0, 1);
    if rises(0) {
        while rises(low + reach) {
            low += reach;
            reach *= 2;
            if multiplier + low > LARGEST {
                return None;
            }
        }
        high = low + reach;
    } else {
        low = -1;
        while low > floor && !rises(low) {
            high = low;
            reach *= 2;
            low = (low - reach).max(floor);
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if rises(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

/// Drops the rows without which the bound is the same, small ones first; tells whether there were any.
fn drop_idle(sheet: &mut Sheet<'_>) -> bool {
    let bound = sheet.bound_of(sheet.sum);
    let mut order: Vec<(i128, usize)> =
        sheet.lines.iter().zip(0..).map(|(line, at)| (line.multiplier, at)).collect();
    order.sort_unstable();
    let mut dropped = false;
    for (multiplier, at) in order {
        if sheet.bound_of(sheet.sum + sheet.gain(at, -multiplier)) == bound {
            sheet.add(at, -multiplier);
            dropped = true;
        }
    }
    sheet.lines.retain(|line| line.multiplier > 0);
    dropped
}

/// Makes one line of equal rows.
pub(super) fn merge(sheet: &mut Sheet<'_>) {
    sheet.lines.sort_by(|a, b| rank(&a.key).cmp(&rank(&b.key)));
    sheet.lines.dedup_by(|after, before| {
        let same = after.key == before.key;
        if same {
            before.multiplier += after.multiplier;
        }
        same
    });
}

fn rank(key: &Key) -> impl Ord + '_ {
    const NONE: &[u32] = &[];
    match key {
        Key::Path { path, asset } => (0, *asset, 0, path.as_slice()),
        Key::Need { gate, children } => (1, *gate, 0, children.as_slice()),
        Key::Stop { column, node } => (2, *column, *node, NONE),
        Key::Cap { cap } => (3, *cap, 0, NONE),
        Key::Enforcer { withdrawal, path } => (4, withdrawal.0, 0, path.as_slice()),
        Key::Exclusive { withdrawal, by } => (5, withdrawal.0, *by, NONE),
        Key::Lost => (6, 0, 0, NONE),
    }
}
