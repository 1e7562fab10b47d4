//! Which footholds belong to one incident.
//!
//! Footholds that one event names, between which suspicion passed, or that used
//! each other, are of one incident. Numbers follow the beginnings, so the same
//! events give the same ids.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{IncidentId, NodeId, Timestamp};

use crate::assess::{Incident, Judgement};
use crate::names::{EntityIx, Names};
use crate::scene::{Parts, Scene};

/// Groups the footholds.
pub(crate) fn group(
    scene: &Scene<'_>,
    names: &Names,
    judgement: &Judgement<'_>,
    foothold_at: f64,
) -> Vec<Incident> {
    let probabilities = judgement.probabilities.iter();
    let footholds: BTreeSet<EntityIx> =
        probabilities.filter(|(_, p)| **p >= foothold_at).map(|(&node, _)| node).collect();
    let mut leader: BTreeMap<EntityIx, EntityIx> =
        footholds.iter().map(|&node| (node, node)).collect();
    let parts =
        scene.hits.iter().map(|hit| &hit.parts).chain(scene.acts.iter().map(|act| &act.parts));
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
    number(groups.into_values().filter_map(|nodes| span(&nodes, names, judgement)).collect())
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

fn number(mut spans: Vec<Span>) -> Vec<Incident> {
    spans.sort_by(|a, b| (a.0, &a.2).cmp(&(b.0, &b.2)));
    (1..)
        .zip(spans)
        .map(|(number, (from, to, footholds))| Incident {
            id: IncidentId::from(format!("inc-{number}")),
            from,
            to,
            footholds,
        })
        .collect()
}
