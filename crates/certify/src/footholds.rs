//! The footholds: known, sane, sorted, and the same as the asker's.

use std::collections::BTreeMap;

use cordon_model::plan::PlannedFoothold;
use cordon_model::{Estate, NodeId};

use crate::Context;
use crate::case::Foothold;
use crate::objections::Objections;

/// Closer probabilities than this are the same: reading a decimal may be off in its last bit.
const SAME: f64 = 1e-12;

/// Checks the document's footholds and returns those to reason with: the asker's where given.
pub(crate) fn check(
    estate: &Estate,
    claimed: &[PlannedFoothold],
    context: &Context,
    objections: &mut Objections,
) -> Vec<Foothold> {
    for pair in claimed.windows(2) {
        let [a, b] = pair else { continue };
        objections.unless(a.node != b.node, "duplicate-foothold", || {
            format!("the foothold `{}` is there twice", a.node)
        });
        objections.unless(a.node <= b.node, "unsorted", || {
            format!("the foothold `{}` stands before `{}`; they are sorted by node", a.node, b.node)
        });
    }
    if let Some(given) = &context.footholds {
        compare(claimed, given, objections);
    }
    let mut found: BTreeMap<_, Foothold> = BTreeMap::new();
    for foothold in context.footholds.as_deref().unwrap_or(claimed) {
        let (id, probability) = (&foothold.node, foothold.probability);
        objections.unless((0.0..=1.0).contains(&probability), "wrong-foothold", || {
            format!("the probability of `{id}` is {probability}, not from 0 to 1")
        });
        match estate.find(id.as_str()) {
            Some(node) => {
                let entrenched = foothold.entrenched;
                found.entry(node).or_insert(Foothold { node, probability, entrenched });
            }
            None => objections.object(
                "unknown-foothold",
                format!("the foothold `{id}` is not a node of the estate"),
            ),
        }
    }
    found.into_values().collect()
}

fn compare(claimed: &[PlannedFoothold], given: &[PlannedFoothold], objections: &mut Objections) {
    let by_node = |footholds: &[PlannedFoothold]| -> BTreeMap<NodeId, PlannedFoothold> {
        footholds.iter().map(|foothold| (foothold.node.clone(), foothold.clone())).collect()
    };
    let (claimed, given) = (by_node(claimed), by_node(given));
    for (node, asked) in &given {
        match claimed.get(node) {
            None => objections
                .object("wrong-foothold", format!("it was not made against the foothold `{node}`")),
            Some(planned) if !same(planned, asked) => objections.object(
                "wrong-foothold",
                format!(
                    "it was made against {}, not against {}",
                    describe(planned),
                    describe(asked)
                ),
            ),
            Some(_) => {}
        }
    }
    for node in claimed.keys().filter(|node| !given.contains_key(*node)) {
        let what = format!("it was made against `{node}`, which is no foothold");
        objections.object("wrong-foothold", what);
    }
}

fn same(a: &PlannedFoothold, b: &PlannedFoothold) -> bool {
    a.entrenched == b.entrenched && (a.probability - b.probability).abs() < SAME
}

fn describe(foothold: &PlannedFoothold) -> String {
    let entrenched = if foothold.entrenched { " entrenched" } else { "" };
    format!("`{}` with probability {}{entrenched}", foothold.node, foothold.probability)
}
