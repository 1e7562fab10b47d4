//! What the logs add to the estate, and what they leave unknown.
//!
//! Sign-ins show links that nobody wrote down. A foothold that the estate does
//! not know, or that signed in where no link leads, means that the estate's
//! paths are not all the paths, so nobody may say "no path". Accesses of
//! footholds to data are handed on for the account of exposure.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::outage::NodeSet;
use cordon_model::reach::ControlGraph;
use cordon_model::signal::{Amount, MentionKind, Outcome, Place, Role, Verb};
use cordon_model::{Estate, NodeId, NodeIx, Timestamp};
use serde::Serialize;

use crate::assess::{FootholdKind, Judgement};
use crate::evidence::{Deed, sum};
use crate::names::{EntityIx, Names};
use crate::scene::{Logon, Scene, kind, of_role};
use crate::settings::Settings;

/// A link that sign-ins have shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ObservedLink {
    /// Whoever controls this ..
    pub from: NodeId,
    /// .. can come to control this.
    pub to: NodeId,
    /// A kind of the model's table: `Authenticates`, `HasSession` or `Reaches`.
    pub kind: &'static str,
    /// When it was first seen.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
}

/// Why a verdict "no path" cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnknownReach {
    /// The foothold or suspect.
    pub node: NodeId,
    /// Where it got to without a link, if that is the reason.
    pub to: Option<NodeId>,
    /// Why, in words.
    pub what: String,
}

/// What a foothold or suspect did with data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Access {
    /// Who did it.
    pub who: NodeId,
    /// The probability that this was the intruder's doing.
    pub probability: f64,
    /// What was used: databases, tables, buckets, shares.
    pub what: Vec<NodeId>,
    /// What was done.
    pub verb: Verb,
    /// Whether it came off.
    pub outcome: Outcome,
    /// How much, as far as the log says.
    pub amount: Amount,
    /// How many events said so.
    pub count: u64,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// Where the first stands.
    pub place: Place,
    /// Whether it lies before the first evidence against who did it.
    pub before_foothold: bool,
}

/// Lists the links that successful sign-ins have shown.
pub(crate) fn observed_links(scene: &Scene<'_>, names: &Names) -> Vec<ObservedLink> {
    let mut links: BTreeMap<(EntityIx, EntityIx, &'static str), (Timestamp, Timestamp)> =
        BTreeMap::new();
    for act in scene.acts.iter().filter(|act| act.outcome == Outcome::Success) {
        let Deed::Logon { remote } = act.deed else { continue };
        let logon = Logon::of(names, act);
        let mut add = |from, to, kind| {
            let span = links.entry((from, to, kind)).or_insert((act.tally.first, act.tally.last));
            *span = (span.0.min(act.tally.first), span.1.max(act.tally.last));
        };
        for &account in &logon.accounts {
            for to in
                logon.host.into_iter().chain(logon.apps.iter().copied()).filter(|&to| to != account)
            {
                add(account, to, "Authenticates");
            }
            // Only a session at the host itself leaves credentials there for the taking.
            if let Some(host) = logon.host.filter(|_| !remote) {
                add(host, account, "HasSession");
            }
        }
        for (&source, host) in logon.sources.iter().zip(logon.host.iter().cycle()) {
            add(source, *host, "Reaches");
        }
    }
    let id = |node| names.entity(node).map(|entity| entity.id.clone());
    let named = links.into_iter().filter_map(|((from, to, kind), (first, last))| {
        Some(ObservedLink { from: id(from)?, to: id(to)?, kind, first, last })
    });
    let mut named: Vec<ObservedLink> = named.collect();
    named.sort();
    named
}

/// Tells what makes verdicts "no path" unknown.
pub(crate) fn unknown_reach(
    scene: &Scene<'_>,
    names: &Names,
    judgement: &Judgement<'_>,
    estate: &Estate,
    settings: &Settings,
) -> Vec<UnknownReach> {
    let suspected = judgement.probabilities.iter().filter(|(_, p)| **p >= settings.suspect_at);
    let suspected: BTreeSet<EntityIx> = suspected.map(|(&node, _)| node).collect();
    let mut unknown = Vec::new();
    for entity in suspected.iter().filter_map(|&node| names.entity(node)) {
        if entity.in_estate.is_none() {
            let what =
                "the estate does not know this node, so nobody knows what it reaches".to_owned();
            unknown.push(UnknownReach { node: entity.id.clone(), to: None, what });
        }
    }
    unknown.extend(unexplained(scene, names, &suspected, estate));
    unknown.sort();
    unknown.dedup();
    unknown
}

/// Sign-ins of suspected accounts to hosts to which no path of the estate leads.
fn unexplained(
    scene: &Scene<'_>,
    names: &Names,
    suspected: &BTreeSet<EntityIx>,
    estate: &Estate,
) -> Vec<UnknownReach> {
    let mut pairs: BTreeMap<NodeIx, BTreeSet<NodeIx>> = BTreeMap::new();
    let known = |node: EntityIx| names.entity(node).and_then(|entity| entity.in_estate);
    for (&(account, host), _) in
        scene.uses.iter().filter(|((account, _), _)| suspected.contains(account))
    {
        if let (Some(account), Some(host)) = (known(account), known(host)) {
            pairs.entry(account).or_default().insert(host);
        }
    }
    if pairs.is_empty() {
        return Vec::new();
    }
    let graph = ControlGraph::new(estate);
    let nothing = NodeSet::new(estate.nodes().len());
    let mut found = Vec::new();
    for (account, hosts) in pairs {
        let reach = graph.reach([account], [], &nothing);
        for host in hosts.into_iter().filter(|&host| !reach.contains(host)) {
            let what =
                "it signed in to this host, and no link of the estate explains how".to_owned();
            let (node, to) = (estate.id(account).clone(), Some(estate.id(host).clone()));
            found.push(UnknownReach { node, to, what });
        }
    }
    found
}

/// Lists what footholds and suspects did with data.
pub(crate) fn accesses(
    scene: &Scene<'_>,
    names: &Names,
    judgement: &Judgement<'_>,
    suspect_at: f64,
) -> Vec<Access> {
    let mut found: BTreeMap<(EntityIx, Vec<EntityIx>, Verb, Outcome, bool), Access> =
        BTreeMap::new();
    for act in scene.acts.iter().filter(|act| !act.quiet) {
        let Deed::Access(verb) = act.deed else { continue };
        let Some((who, probability)) =
            likeliest(act.parts.iter().map(|part| part.1), judgement, suspect_at, names)
        else {
            continue;
        };
        let is_data = |node: &EntityIx| {
            matches!(kind(names, *node), Some(MentionKind::Database | MentionKind::Data))
        };
        let targets = of_role(&act.parts, Role::Target).chain(of_role(&act.parts, Role::Place));
        let mut data: Vec<EntityIx> = targets.filter(is_data).collect();
        data.sort_unstable();
        data.dedup();
        let since = judgement.beliefs.get(&who).and_then(|belief| belief.since);
        let before = since.is_some_and(|since| act.tally.last < since);
        let id = |node: EntityIx| names.entity(node).map(|entity| entity.id.clone());
        let Some(who_id) = id(who) else { continue };
        let what = data.iter().filter_map(|&node| id(node)).collect();
        let tally = act.tally;
        let entry = found.entry((who, data, verb, act.outcome, before)).or_insert_with(|| Access {
            who: who_id,
            probability,
            what,
            verb,
            outcome: act.outcome,
            amount: Amount::default(),
            count: 0,
            first: tally.first,
            last: tally.last,
            place: tally.place.clone(),
            before_foothold: before,
        });
        entry.amount = sum(entry.amount, tally.amount);
        entry.count = entry.count.saturating_add(tally.count);
        entry.first = entry.first.min(tally.first);
        entry.last = entry.last.max(tally.last);
    }
    let mut accesses: Vec<Access> = found.into_values().collect();
    accesses.sort_by(|a, b| {
        (a.first, &a.who, &a.what, a.verb).cmp(&(b.first, &b.who, &b.what, b.verb))
    });
    accesses
}

/// The most suspected of the nodes in an event.
fn likeliest(
    nodes: impl Iterator<Item = EntityIx>,
    judgement: &Judgement<'_>,
    suspect_at: f64,
    names: &Names,
) -> Option<(EntityIx, f64)> {
    nodes
        .filter(|&node| kind(names, node).and_then(FootholdKind::of).is_some())
        .filter_map(|node| Some((node, *judgement.probabilities.get(&node)?)))
        .filter(|&(_, p)| p >= suspect_at)
        .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
}
