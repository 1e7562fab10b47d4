//! Which footholds belong to one incident.
//!
//! Footholds that one event names, between which suspicion passed, or that used
//! each other, are of one incident. Numbers follow the beginnings, so the same
//! events give the same ids; an incident that was told already keeps its id,
//! whatever comes late.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{IncidentId, NodeId, Timestamp};

use crate::assess::{Incident, Judgement};
use crate::names::{EntityIx, Names};
use crate::scene::{Parts, Scene};
use crate::settings::{OpenIncident, Settings};

/// Groups the footholds.
pub(crate) fn group(
    scene: &Scene<'_>,
    names: &Names,
    judgement: &Judgement<'_>,
    settings: &Settings,
) -> Vec<Incident> {
    let probabilities = judgement.probabilities.iter();
    let footholds: BTreeSet<EntityIx> =
        probabilities.filter(|(_, p)| **p >= settings.foothold_at).map(|(&node, _)| node).collect();
    let mut leader: BTreeMap<EntityIx, EntityIx> =
        footholds.iter().map(|&node| (node, node)).collect();
    let hits = scene.hits.iter().filter(|hit| !hit.quiet).map(|hit| &hit.parts);
    let acts = scene.acts.iter().filter(|act| !act.quiet).map(|act| &act.parts);
    let parts = hits.chain(acts);
    for parts in parts {
        join_parts(parts, &mut leader);
    }
    for &node in &footholds {
        let messages = judgement.beliefs.get(&node).into_iter().flat_map(|belief| &belief.messages);
        messages.for_each(|message| join(&mut leader, node, message.from));
    }
    let mut groups: BTreeMap<EntityIx, Vec<EntityIx>> = BTreeMap::new();
    for &node in &footholds {
        groups.entry(lead(&leader, node)).or_default().push(node);
    }
    let spans = groups.into_values().filter_map(|nodes| span(&nodes, names, judgement)).collect();
    number(spans, &settings.open)
}

fn join_parts(parts: &Parts, leader: &mut BTreeMap<EntityIx, EntityIx>) {
    let mut first = None;
    for &(_, node) in parts.iter().filter(|(_, node)| leader.contains_key(node)).collect::<Vec<_>>()
    {
        join(leader, *first.get_or_insert(node), node);
    }
}

fn join(leader: &mut BTreeMap<EntityIx, EntityIx>, one: EntityIx, two: EntityIx) {
    if !leader.contains_key(&one) || !leader.contains_key(&two) {
        return;
    }
    let (one, two) = (lead(leader, one), lead(leader, two));
    leader.insert(one.max(two), one.min(two));
}

fn lead(leader: &BTreeMap<EntityIx, EntityIx>, node: EntityIx) -> EntityIx {
    let mut at = node;
    while let Some(&up) = leader.get(&at).filter(|&&up| up != at) {
        at = up;
    }
    at
}

type Span = (Timestamp, Timestamp, Vec<NodeId>);

fn span(nodes: &[EntityIx], names: &Names, judgement: &Judgement<'_>) -> Option<Span> {
    let beliefs = || nodes.iter().filter_map(|node| judgement.beliefs.get(node));
    let from = beliefs().filter_map(|belief| belief.since).min()?;
    let to = beliefs().filter_map(|belief| belief.last).max().unwrap_or(from);
    let ids = nodes.iter().filter_map(|&node| names.entity(node).map(|entity| entity.id.clone()));
    Some((from, to, ids.collect()))
}

/// Gives every group its id: that of the open incident with which it shares most
/// footholds, or the next number. Of several that were one, the earliest keeps it.
fn number(mut spans: Vec<Span>, open: &[OpenIncident]) -> Vec<Incident> {
    spans.sort_by(|a, b| (a.0, &a.2).cmp(&(b.0, &b.2)));
    let mut taken: BTreeSet<&IncidentId> = BTreeSet::new();
    let kept: Vec<Option<&IncidentId>> = spans
        .iter()
        .map(|(_, _, footholds)| {
            let shared = |known: &OpenIncident| {
                known.footholds.iter().filter(|node| footholds.contains(node)).count()
            };
            let free = open.iter().filter(|known| !taken.contains(&known.id));
            let known = free
                .rev()
                .map(|known| (shared(known), &known.id))
                .filter(|(shared, _)| *shared > 0)
                .max_by_key(|(shared, _)| *shared)
                .map(|(_, id)| id);
            taken.extend(known);
            known
        })
        .collect();
    let number_of =
        |known: &OpenIncident| known.id.as_str().strip_prefix("inc-")?.parse::<u64>().ok();
    let mut next = open.iter().filter_map(number_of).max().unwrap_or(0);
    kept.into_iter()
        .zip(spans)
        .map(|(known, (from, to, footholds))| {
            let id = known.cloned().unwrap_or_else(|| {
                next = next.saturating_add(1);
                IncidentId::from(format!("inc-{next}"))
            });
            Incident { id, from, to, footholds }
        })
        .collect()
}
