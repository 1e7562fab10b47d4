//! The one form of a settled certificate, in which every change shows.
//!
//! Several certificates prove one bound. Of all that differ from it at one
//! place the settled one is the best: it proves most, with the fewest rows and
//! the least names. `model::plan` tells the form; since a change and its reverse
//! are both looked at, no change of a settled certificate is settled.

use cordon_model::plan::Stage;

use super::bound::Sums;
use super::rows::{self, Form};
use super::{Complaints, better, multiplier};
use crate::case::Case;
use crate::form::FormGround;

/// The scale of a settled stage divides one of these.
const SCALES: [u64; 2] = [5040, 1 << 24];

/// Complains of rows out of order and of a common divisor.
pub(super) fn check_order(stage: &Stage, complaints: &mut Complaints<'_>) {
    if !stage.rows.iter().map(rows::key).is_sorted() {
        complaints.about_all("unsorted", "has rows that are not sorted, though it is settled");
    }
    if stage.rows.iter().map(multiplier).fold(stage.scale, gcd) > 1 {
        complaints.about_all("wrong-scale", "has a scale and multipliers with a common divisor");
    }
    if !SCALES.iter().any(|&scale: &u64| stage.scale > 0 && scale.is_multiple_of(stage.scale)) {
        complaints.about_all("wrong-scale", "has a scale that divides neither 5040 nor 2^24");
    }
}

/// Complains of whatever a change at one place would better.
pub(super) fn check_rows(
    case: &Case<'_>,
    form: &FormGround,
    stage: &Stage,
    forms: &[Form],
    sums: &Sums<'_, '_>,
    complaints: &mut Complaints<'_>,
) {
    let bettering = better::Bettering::new(case, form, sums);
    for row in forms.iter().filter(|row| row.multiplier > 0) {
        check_multiplier(row, sums, complaints);
        let better = stage.rows.get(row.at).and_then(|wire| bettering.of(wire, row));
        if let Some(what) = better {
            complaints.about(row.at, "unsettled", &what);
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A multiplier is the least that proves most, and the bound needs its row.
fn check_multiplier(row: &Form, sums: &Sums<'_, '_>, complaints: &mut Complaints<'_>) {
    if sums.gain(row, 1) > 0 {
        complaints.about(row.at, "unsettled", "would prove more with a larger multiplier");
    } else if sums.gain(row, -1) >= 0 {
        complaints.about(row.at, "unsettled", "has a multiplier larger than it uses");
    } else if sums.bound_with(sums.gain(row, -i128::from(row.multiplier))) == sums.bound() {
        complaints.about(row.at, "unsettled", "is not needed: the bound is the same without it");
    }
}
