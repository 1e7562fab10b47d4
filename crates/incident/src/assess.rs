//! The whole judgement at one time: footholds, suspects, incidents and what follows from them.
//!
//! Reads like the feature: settle names, weigh the hits, pass suspicion on, let
//! old evidence fade, group what belongs together, and say what the logs add to
//! the estate. Everything is computed anew from the memory, so the result does
//! not depend on when or in what order events came.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::signal::MentionKind;
use cordon_model::{Estate, IncidentId, NodeId, Timestamp};
use serde::Serialize;

use crate::directory::Directory;
use crate::evidence::Evidence;
use crate::incidents::group;
use crate::names::{Conflict, EntityIx, Names};
use crate::observed::{
    Access, ObservedLink, UnknownReach, accesses, observed_links, unknown_reach,
};
use crate::reasons::{Reason, reasons};
use crate::scene::{Scene, kind};
use crate::settings::{Decision, Settings};
use crate::spread::{Belief, Fixed, logistic, spread};
use crate::weigh::{Direct, PRIOR, hours, weigh};

/// Days without anything new for which evidence keeps its weight: stolen passwords keep.
const STEADY_DAYS: f64 = 30.0;
/// Days after which it then weighs half.
const FADING_DAYS: f64 = 90.0;

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
    assessment.incidents = group(&scene, &names, &judgement, settings.foothold_at);
    assessment.links = observed_links(&scene, &names);
    assessment.unknown_reach = unknown_reach(&scene, &names, &judgement, estate, settings);
    assessment.accesses = accesses(&scene, &names, &judgement, settings.suspect_at);
    assessment.conflicts = names.conflicts().to_vec();
    assessment.names = names;
    assessment
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
