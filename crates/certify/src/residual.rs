//! The exact expected loss that a plan leaves when every foothold counts, each for itself.
//!
//! An asset is lost with probability 1 - product of (1 - p) over the footholds
//! that can still reach it. Certain footholds are searched together first;
//! the others after them, 64 at a time, one bit each.

use cordon_model::{Money, NodeIx};

use crate::case::{Case, Foothold};
use crate::links::{Links, PerNode, Reached};
use crate::objections::Objections;
use crate::totals::minor;

/// Checks `residual_expected_loss` where it is given.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) {
    let Some(claimed) = case.claim.residual_expected_loss else { return };
    let exact = expected_loss(case);
    let fine = match case.ground.form {
        Some(_) => is(exact.round(), claimed),
        None => rounds_to(exact, claimed),
    };
    objections.unless(fine, "wrong-residual", || {
        let units = exact / 100.0;
        format!("the loss to be expected from all footholds is {units:.2}, not {claimed}")
    });
}

/// Tells whether an amount of minor units rounds to `claimed`, allowing for the float's own error.
fn rounds_to(exact: f64, claimed: Money) -> bool {
    (exact - minor(claimed)).abs() <= 0.5 + exact * 1e-12
}

#[expect(clippy::float_cmp, reason = "whole numbers below 2^53")]
fn is(whole: f64, claimed: Money) -> bool {
    whole == minor(claimed)
}

/// In minor units.
fn expected_loss(case: &Case<'_>) -> f64 {
    let open = |foothold: &&Foothold| {
        foothold.probability > 0.0 && (foothold.entrenched || !case.removed(foothold.node))
    };
    let (certain, uncertain): (Vec<&Foothold>, Vec<&Foothold>) =
        case.footholds.iter().filter(open).partition(|foothold| foothold.probability >= 1.0);
    let starts = certain.iter().map(|foothold| foothold.node);
    let lost = Reached::search(case.estate, &case.ground.links, starts, |node| case.removed(node));
    let assets = case.estate.assets();
    let mut spared: Vec<f64> = assets
        .iter()
        .map(|asset| if asset.places().any(|place| lost.contains(place)) { 0.0 } else { 1.0 })
        .collect();
    for some in uncertain.chunks(64) {
        let masks = spread(case, some, &lost);
        for (asset, spared) in assets.iter().zip(&mut spared) {
            let mask = asset.places().fold(0, |mask, place| mask | masks.get(place));
            for (at, foothold) in some.iter().enumerate() {
                if mask >> at & 1 == 1 {
                    *spared *= 1.0 - foothold.probability;
                }
            }
        }
    }
    assets.iter().zip(&spared).map(|(asset, spared)| minor(asset.loss) * (1.0 - spared)).sum()
}

/// For every node, which of at most 64 footholds reach it; what is lost anyway is not entered.
fn spread(case: &Case<'_>, footholds: &[&Foothold], lost: &Reached) -> PerNode<u64> {
    let links: &Links = &case.ground.links;
    let mut masks: PerNode<u64> = PerNode::new(case.estate);
    let mut waiting: PerNode<bool> = PerNode::new(case.estate);
    let mut queue: Vec<NodeIx> = Vec::new();
    for (at, foothold) in footholds.iter().enumerate() {
        masks.set(foothold.node, masks.get(foothold.node) | 1 << at);
        waiting.set(foothold.node, true);
        queue.push(foothold.node);
    }
    while let Some(node) = queue.pop() {
        waiting.set(node, false);
        let mask = masks.get(node);
        for &(next, _) in links.next(node) {
            let known = masks.get(next);
            if known | mask == known || case.removed(next) || lost.contains(next) {
                continue;
            }
            masks.set(next, known | mask);
            if !waiting.get(next) {
                waiting.set(next, true);
                queue.push(next);
            }
        }
    }
    masks
}
