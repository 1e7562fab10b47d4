//! The whole judgement at one time: footholds, suspects, incidents and what follows from them.
//!
//! Reads like the feature: settle names, weigh the hits, pass suspicion on, let
//! old evidence fade, group what belongs together, and say what the logs add to
//! the estate. Everything is computed anew from the memory, so the result does
//! not depend on when or in what order events came.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::record::{LinkSeen, Usual};
use cordon_model::signal::MentionKind;
use cordon_model::{Estate, IncidentId, NodeId, Timestamp};
use serde::Serialize;

use crate::directory::Directory;
use crate::evidence::Evidence;
use crate::freshness;
use crate::incidents::group;
use crate::names::{Conflict, EntityIx, Names};
use crate::observed::{
    Access, ObservedLink, UnknownReach, accesses, observed_links, unknown_reach,
};
use crate::reasons::{Reason, decided, reasons};
use crate::scene::{Scene, kind};
use crate::settings::{Decision, Settings};
use crate::spread::{Belief, Fixed, logistic, spread};
use crate::usual::{Quiet, learn};
use crate::weigh::{Direct, PRIOR, hours, weigh};

/// Days without anything new for which evidence keeps its weight: stolen passwords keep.
const STEADY_DAYS: f64 = 30.0;
/// Days after which it then weighs half.
const FADING_DAYS: f64 = 90.0;
/// Probability of what a person has decided: nobody is certain, but nobody asks further.
const DECIDED: f64 = 0.999;

/// What sort of thing a foothold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FootholdKind {
    /// An account.
    User,
    /// A machine.
    Host,
    /// A credential that is not a password.
    Key,
    /// A network address.
    Address,
    /// An application or cloud role.
    App,
}

impl FootholdKind {
    pub(crate) fn of(kind: MentionKind) -> Option<Self> {
        match kind {
            MentionKind::User => Some(Self::User),
            MentionKind::Host => Some(Self::Host),
            MentionKind::Key => Some(Self::Key),
            MentionKind::Address => Some(Self::Address),
            MentionKind::App => Some(Self::App),
            MentionKind::Session
            | MentionKind::Database
            | MentionKind::Data
            | MentionKind::Group => None,
        }
    }

    /// The sort of a node that only a person has named, by the kind in its id.
    fn of_node(node: &NodeId) -> Self {
        match node.kind() {
            "host" | "server" | "workstation" | "computer" | "vm" | "hypervisor" | "dc" => {
                Self::Host
            }
            "key" | "token" | "certificate" | "secret" => Self::Key,
            "address" => Self::Address,
            "app" | "role" => Self::App,
            _ => Self::User,
        }
    }
}

/// A node that the intruder probably controls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Foothold {
    /// Its id, of the estate or provisional.
    pub node: NodeId,
    /// What sort of thing it is.
    pub kind: FootholdKind,
    /// Every spelling seen, sorted.
    pub aliases: Vec<String>,
    /// From 0 to 1.
    pub probability: f64,
    /// Since when, as far as the evidence goes.
    pub since: Timestamp,
    /// When the evidence last spoke of it.
    pub last: Timestamp,
    /// Whether the estate knows the node.
    pub in_estate: bool,
    /// A person's word, where it stands instead of the score.
    pub decision: Option<Decision>,
    /// Why, the prior first, then the heaviest; their sum is the log-odds.
    pub reasons: Vec<Reason>,
}

/// Related footholds over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// `inc-1`, numbered in the order of their beginnings.
    pub id: IncidentId,
    /// First evidence.
    pub from: Timestamp,
    /// Last evidence.
    pub to: Timestamp,
    /// Its footholds, sorted.
    pub footholds: Vec<NodeId>,
}

/// The whole judgement.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Assessment {
    /// Nodes at or above the foothold limit, by id.
    pub footholds: Vec<Foothold>,
    /// Nodes at or above the suspect limit, by id.
    pub suspects: Vec<Foothold>,
    /// Incidents, in the order of their beginnings.
    pub incidents: Vec<Incident>,
    /// Names that contradict each other.
    pub conflicts: Vec<Conflict>,
    /// Links that sign-ins have shown, to be added to the estate for planning.
    pub links: Vec<ObservedLink>,
    /// What makes every verdict "no path" unknown.
    pub unknown_reach: Vec<UnknownReach>,
    /// What footholds and suspects did with data.
    pub accesses: Vec<Access>,
    /// How many detections and facts found no room in the memory; they were not judged.
    pub dropped: u64,
    /// Which spelling means which node.
    pub names: Names,
}

/// Everything that is believed, before it is put into words.
pub(crate) struct Judgement<'e> {
    pub(crate) direct: BTreeMap<EntityIx, Direct<'e>>,
    pub(crate) beliefs: BTreeMap<EntityIx, Belief<'e>>,
    pub(crate) probabilities: BTreeMap<EntityIx, f64>,
}

pub(crate) fn assess(
    estate: &Estate,
    directory: &Directory,
    evidence: &Evidence,
    settings: &Settings,
    now: Timestamp,
) -> Assessment {
    let names = Names::build(&evidence.names, directory, estate);
    let scene = Scene::new(evidence, &names, &own_entities(&names, settings));
    let judgement = judge(&scene, &names, settings, now);
    let mut assessment = Assessment::default();
    for (&node, &probability) in &judgement.probabilities {
        let list = if probability >= settings.foothold_at {
            &mut assessment.footholds
        } else if probability >= settings.suspect_at {
            &mut assessment.suspects
        } else {
            continue;
        };
        list.extend(foothold(node, &judgement, &names, settings));
    }
    add_unseen(&mut assessment, &names, estate, settings);
    assessment.incidents = group(&scene, &names, &judgement, settings);
    assessment.links = observed_links(&scene, &names);
    assessment.unknown_reach = unknown_reach(&scene, &names, &judgement, estate, settings);
    assessment.accesses = accesses(&scene, &names, &judgement, settings.suspect_at);
    assessment.dropped = evidence.dropped();
    assessment.conflicts = names.conflicts().to_vec();
    assessment.names = names;
    assessment
}

/// Adds the nodes that people have called the intruder's and that no log has named.
fn add_unseen(assessment: &mut Assessment, names: &Names, estate: &Estate, settings: &Settings) {
    let mut decisions: BTreeMap<&NodeId, &Decision> = BTreeMap::new();
    for decision in settings.decisions.iter().filter(|d| names.find(&d.node).is_none()) {
        decisions.insert(&decision.node, decision);
    }
    for (node, decision) in decisions.into_iter().filter(|(_, decision)| decision.foothold) {
        let in_estate = estate.find(node.as_str());
        let aliases = in_estate.into_iter().flat_map(|at| estate.spellings(at));
        assessment.footholds.push(Foothold {
            node: node.clone(),
            kind: FootholdKind::of_node(node),
            aliases: aliases.map(str::to_owned).collect(),
            probability: DECIDED,
            since: decision.at,
            last: decision.at,
            in_estate: in_estate.is_some(),
            decision: Some(decision.clone()),
            reasons: vec![decided(decision)],
        });
    }
    assessment.footholds.sort_by(|a, b| a.node.cmp(&b.node));
}

/// Gathers what was usual while nobody was inside, judged as of `now`.
pub(crate) fn usual(
    estate: &Estate,
    directory: &Directory,
    evidence: &Evidence,
    settings: &Settings,
    now: Timestamp,
) -> Usual {
    let names = Names::build(&evidence.names, directory, estate);
    let scene = Scene::new(evidence, &names, &own_entities(&names, settings));
    let judgement = judge(&scene, &names, settings, now);
    let at_least = |limit: f64| -> BTreeSet<EntityIx> {
        let all = judgement.probabilities.iter().filter(|(_, p)| **p >= limit);
        all.map(|(&node, _)| node).collect()
    };
    let (footholds, suspects) = (at_least(settings.foothold_at), at_least(settings.suspect_at));
    let sign = |node| judgement.beliefs.get(node).and_then(|belief| belief.since);
    let first_sign = footholds.iter().filter_map(sign).min();
    learn(evidence, &names, &Quiet::before(first_sign, footholds, suspects, now))
}

/// Lists what the logs have shown of the estate's links.
pub(crate) fn links_seen(
    estate: &Estate,
    directory: &Directory,
    evidence: &Evidence,
    settings: &Settings,
) -> Vec<LinkSeen> {
    let names = Names::build(&evidence.names, directory, estate);
    let scene = Scene::new(evidence, &names, &own_entities(&names, settings));
    freshness::links_seen(&scene, &names, estate)
}

fn own_entities(names: &Names, settings: &Settings) -> BTreeSet<EntityIx> {
    let own: BTreeSet<String> =
        settings.own_accounts.iter().map(|name| name.to_lowercase()).collect();
    let is_own = |alias: &str| own.contains(&alias.to_lowercase());
    (0..)
        .zip(names.entities())
        .filter(|(_, entity)| {
            is_own(entity.id.as_str()) || entity.aliases.iter().any(|alias| is_own(alias))
        })
        .map(|(index, _)| index)
        .collect()
}

fn judge<'e>(
    scene: &Scene<'e>,
    names: &Names,
    settings: &Settings,
    now: Timestamp,
) -> Judgement<'e> {
    let direct = weigh(scene, names);
    let fixed: Fixed = settings
        .decisions
        .iter()
        .filter_map(|decision| {
            Some((names.find(&decision.node)?, (decision.foothold, decision.at)))
        })
        .collect();
    let beliefs = spread(scene, names, &direct, &fixed, settings.foothold_at);
    let probabilities = beliefs
        .iter()
        .filter(|&(&node, _)| kind(names, node).and_then(FootholdKind::of).is_some())
        .map(|(&node, belief)| {
            let idle =
                belief.last.map_or(0.0, |last| hours(last, now) / 24.0 - STEADY_DAYS).max(0.0);
            let fade =
                if fixed.contains_key(&node) { 1.0 } else { 0.5_f64.powf(idle / FADING_DAYS) };
            (node, logistic(PRIOR + (belief.log_odds - PRIOR) * fade))
        })
        .collect();
    Judgement { direct, beliefs, probabilities }
}

fn foothold(
    node: EntityIx,
    judgement: &Judgement<'_>,
    names: &Names,
    settings: &Settings,
) -> Option<Foothold> {
    let entity = names.entity(node)?;
    let belief = judgement.beliefs.get(&node)?;
    let since = belief.since?;
    let probability = judgement.probabilities.get(&node).copied()?;
    let decision = settings.decisions.iter().rev().find(|decision| decision.node == entity.id);
    Some(Foothold {
        node: entity.id.clone(),
        kind: FootholdKind::of(entity.kind)?,
        aliases: names.aliases(&entity.id).into_iter().map(str::to_owned).collect(),
        probability: rounded(probability.clamp(0.001, 0.999)),
        since,
        last: belief.last.unwrap_or(since),
        in_estate: entity.in_estate.is_some(),
        decision: decision.cloned(),
        reasons: reasons(node, judgement, names, probability, decision),
    })
}

/// Three decimals: what lies beyond is noise, and short numbers are read.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
