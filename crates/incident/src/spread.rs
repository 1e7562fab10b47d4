//! From nodes with evidence of their own to the nodes that the intruder went on to.
//!
//! A foothold passes suspicion along the passages that were used after it
//! became one: to a host that its account signed in to, to an account whose
//! credentials it used, to a key that it made. What was usual before, or is
//! shared with people of whom nothing is known, passes little. A node takes the
//! strongest such message whole and the others in part, and never one back
//! from the node that it was itself inferred from.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::Timestamp;
use cordon_model::signal::{ChangeKind, Level, MentionKind, Place};

use crate::names::{EntityIx, Names};
use crate::passage::{Passages, Times, Way, passages};
use crate::scene::{Scene, kind};
use crate::weigh::{Direct, PRIOR, hours};

/// Most rounds of passing on; each round is one step of the intruder.
const ROUNDS: usize = 8;
/// Share of every message but the strongest.
const FURTHER: f64 = 0.25;
/// Most that all but the strongest message add.
const FURTHER_MOST: f64 = 1.5;
/// Below this probability by its own evidence a node counts as somebody innocent nearby.
const INNOCENT_BELOW: f64 = 0.2;
/// Hours that lie between what was usual and the first evidence.
const QUIET_GAP_HOURS: f64 = 1.0;
/// Hours before the first evidence within which whoever entered may have brought it.
const ENTRY_HOURS: f64 = 0.5;
/// Hours of quiet time that must have been seen before something counts as new.
const QUIET_HOURS: f64 = 12.0;

/// Suspicion that one node passes to another.
#[derive(Clone, Debug)]
pub(crate) struct Message<'e> {
    pub(crate) from: EntityIx,
    pub(crate) way: Way,
    pub(crate) log_odds: f64,
    pub(crate) at: Timestamp,
    pub(crate) place: &'e Place,
    pub(crate) is_new: bool,
}

/// What is believed of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Belief<'e> {
    pub(crate) log_odds: f64,
    pub(crate) since: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
    pub(crate) messages: Vec<Message<'e>>,
}

impl Belief<'_> {
    pub(crate) fn probability(&self) -> f64 {
        logistic(self.log_odds)
    }
}

pub(crate) fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// What people have said of nodes: it stands whatever the evidence says.
pub(crate) type Fixed = BTreeMap<EntityIx, (bool, Timestamp)>;

/// Passes suspicion on until nothing changes.
pub(crate) fn spread<'e>(
    scene: &Scene<'e>,
    names: &Names,
    direct: &BTreeMap<EntityIx, Direct<'e>>,
    fixed: &Fixed,
    foothold_at: f64,
) -> BTreeMap<EntityIx, Belief<'e>> {
    let own = start(direct, fixed);
    let mut beliefs = own.clone();
    let (passages, first) = (passages(scene, names), first_seen(scene));
    let spreading = Spreading { scene, names, passages, own, first };
    for _ in 0..ROUNDS {
        let messages = spreading.messages(&beliefs, foothold_at);
        let mut next = spreading.own.clone();
        for (node, messages) in messages {
            if !fixed.contains_key(&node) {
                next.entry(node).or_insert_with(unsuspected).take(messages);
            }
        }
        let settled = next.len() == beliefs.len()
            && next.iter().zip(&beliefs).all(|(a, b)| (a.1.log_odds - b.1.log_odds).abs() < 1e-9);
        beliefs = next;
        if settled {
            break;
        }
    }
    beliefs
}

fn unsuspected<'e>() -> Belief<'e> {
    Belief { log_odds: PRIOR, ..Belief::default() }
}

fn start<'e>(
    direct: &BTreeMap<EntityIx, Direct<'e>>,
    fixed: &Fixed,
) -> BTreeMap<EntityIx, Belief<'e>> {
    let mut beliefs: BTreeMap<EntityIx, Belief<'e>> = direct
        .iter()
        .map(|(&node, direct)| {
            let log_odds = PRIOR + direct.log_odds;
            (
                node,
                Belief { log_odds, since: direct.since, last: direct.last, messages: Vec::new() },
            )
        })
        .collect();
    for (&node, &(foothold, at)) in fixed {
        let belief = beliefs.entry(node).or_insert_with(unsuspected);
        belief.log_odds = if foothold { 12.0 } else { -12.0 };
        belief.since = belief.since.or(Some(at));
        belief.last = belief.last.or(Some(at));
    }
    beliefs
}

impl<'e> Belief<'e> {
    fn take(&mut self, mut messages: Vec<Message<'e>>) {
        messages.sort_by(|a, b| {
            b.log_odds
                .total_cmp(&a.log_odds)
                .then_with(|| (a.at, a.from, a.way).cmp(&(b.at, b.from, b.way)))
        });
        let mut further = 0.0;
        for (rank, message) in messages.iter_mut().enumerate() {
            if rank > 0 {
                message.log_odds = (message.log_odds * FURTHER).min(FURTHER_MOST - further);
                further += message.log_odds;
            }
            self.log_odds += message.log_odds;
            if rank == 0 {
                self.since = Some(self.since.map_or(message.at, |since| since.min(message.at)));
            }
            self.last = Some(self.last.map_or(message.at, |last| last.max(message.at)));
        }
        messages.retain(|message| message.log_odds > 0.0);
        self.messages = messages;
    }
}

struct Spreading<'s, 'e> {
    scene: &'s Scene<'e>,
    names: &'s Names,
    passages: Passages<'e>,
    /// What is believed of each node by its own evidence.
    own: BTreeMap<EntityIx, Belief<'e>>,
    first: BTreeMap<EntityIx, Timestamp>,
}

impl<'e> Spreading<'_, 'e> {
    fn messages(
        &self,
        beliefs: &BTreeMap<EntityIx, Belief<'e>>,
        foothold_at: f64,
    ) -> BTreeMap<EntityIx, Vec<Message<'e>>> {
        let mut messages: BTreeMap<EntityIx, Vec<Message<'e>>> = BTreeMap::new();
        for (&(way, from, to), uses) in &self.passages {
            let Some(sender) = beliefs.get(&from) else { continue };
            let p = sender.probability();
            // The strongest message is the one that the sender was inferred from.
            let back = sender.messages.first().is_some_and(|message| message.from == to);
            if p < foothold_at || back {
                continue;
            }
            if let Some(message) = self.message(way, from, to, uses, beliefs, p) {
                messages.entry(to).or_default().push(message);
            }
        }
        for messages in messages.values_mut() {
            strongest_per_sender(messages);
        }
        messages
    }

    fn message(
        &self,
        way: Way,
        from: EntityIx,
        to: EntityIx,
        uses: &[Times<'e>],
        beliefs: &BTreeMap<EntityIx, Belief<'e>>,
        p: f64,
    ) -> Option<Message<'e>> {
        let since = beliefs.get(&from)?.since?;
        // Clocks of different hosts differ by minutes.
        let used = if way == Way::EnteredBy {
            uses.iter().find(|used| is_entry(used, since))?
        } else {
            uses.iter().find(|used| hours(used.last, since) < 0.2)?
        };
        let routine = uses.iter().any(|used| hours(used.first, since) > QUIET_GAP_HOURS);
        let watched = |&node: &EntityIx| self.was_watched(node, since);
        let is_new = !routine && [from, to].iter().chain(&used.sources).any(watched);
        // Judged by their own evidence alone: two colleagues must not make each other suspect.
        let innocent = |node: &EntityIx| {
            self.own.get(node).is_none_or(|own| own.probability() < INNOCENT_BELOW)
        };
        let others = |of: &BTreeMap<EntityIx, BTreeSet<EntityIx>>, by: EntityIx, but: EntityIx| {
            let all = of.get(&by).into_iter().flatten();
            let others = all.filter(|&&node| node != but && node != by && innocent(&node)).count();
            f64::from(u32::try_from(others).unwrap_or(u32::MAX))
        };
        let shared = match way {
            Way::MovedTo | Way::TookOn => others(&self.scene.visitors_of, to, from),
            Way::UsedFrom => others(&self.scene.users_of, from, to),
            Way::CameFrom => others(&self.scene.users_of, to, from),
            Way::SatAt => others(&self.scene.users_of, to, from),
            Way::EnteredBy => f64::from(self.entrants(from, since)) - 1.0,
            Way::Borrowed | Way::Changed(_) | Way::Made | Way::ActedAt(_) | Way::ActedFrom(_) => {
                0.0
            }
        };
        let sources = used.sources.iter().filter_map(|source| beliefs.get(source));
        let from_foothold = sources.map(Belief::probability).any(|p| p >= 0.5);
        let usual = match way {
            Way::Changed(_) if self.changes_often(way, from, since) => 0.4,
            Way::Borrowed | Way::TookOn if routine => 0.4,
            Way::MovedTo | Way::SatAt | Way::CameFrom | Way::UsedFrom | Way::EnteredBy
                if routine =>
            {
                0.1
            }
            Way::MovedTo
            | Way::SatAt
            | Way::CameFrom
            | Way::UsedFrom
            | Way::EnteredBy
            | Way::Borrowed
            | Way::TookOn
            | Way::Changed(_)
            | Way::Made
            | Way::ActedAt(_)
            | Way::ActedFrom(_) => 1.0,
        };
        let passed = passing(way, self.names, from, is_new, from_foothold)?;
        let log_odds = logit(p * passed * usual / (1.0 + 0.5 * shared)) - PRIOR;
        if log_odds <= 0.0 {
            return None;
        }
        let at = used.first.max(since);
        Some(Message { from, way, log_odds, at, place: used.place, is_new })
    }

    /// Whether the stream shows enough of a node's quiet time to know what is new for it.
    fn was_watched(&self, node: EntityIx, since: Timestamp) -> bool {
        let first = self.first.get(&node);
        self.scene.start.is_some_and(|start| hours(start, since) > QUIET_HOURS)
            && first.is_some_and(|&first| hours(first, since) > QUIET_GAP_HOURS)
    }

    /// How many accounts entered a host shortly before it became a foothold.
    fn entrants(&self, host: EntityIx, since: Timestamp) -> u32 {
        let all =
            self.passages.range((Way::EnteredBy, host, 0)..=(Way::EnteredBy, host, EntityIx::MAX));
        let entered = all.filter(|(_, uses)| uses.iter().any(|used| is_entry(used, since)));
        u32::try_from(entered.count()).unwrap_or(u32::MAX)
    }

    /// Whether making such changes was this account's trade before it became a foothold.
    fn changes_often(&self, way: Way, from: EntityIx, since: Timestamp) -> bool {
        let all = self.passages.range((way, from, 0)..=(way, from, EntityIx::MAX));
        let before = all
            .filter(|(_, uses)| uses.iter().any(|used| hours(used.first, since) > QUIET_GAP_HOURS));
        before.count() >= 3
    }
}

/// The probability that a foothold which uses a passage makes its far end a foothold.
fn passing(
    way: Way,
    names: &Names,
    from: EntityIx,
    is_new: bool,
    from_foothold: bool,
) -> Option<f64> {
    use ChangeKind::{
        Consent, DisabledAccount, EnabledAccount, Granted, NewAccount, NewFactor, NewKey,
        PasswordReset, Policy, RemovedFactor, RemovedKey, Revoked,
    };
    let by_novelty = |new, unknown| if is_new { new } else { unknown };
    let passing = match way {
        Way::MovedTo if from_foothold => by_novelty(0.75, 0.12),
        Way::MovedTo => by_novelty(0.6, 0.08),
        Way::SatAt => by_novelty(0.5, 0.2),
        Way::CameFrom => by_novelty(0.75, 0.4),
        Way::EnteredBy => by_novelty(0.45, 0.3),
        Way::ActedFrom(Level::Critical) => 0.8,
        Way::ActedFrom(Level::High) => 0.6,
        Way::ActedFrom(Level::Medium) => 0.15,
        Way::ActedAt(Level::Critical) => 0.9,
        Way::ActedAt(Level::High) => 0.75,
        Way::ActedAt(Level::Medium) => 0.4,
        Way::ActedAt(Level::Low | Level::Informational)
        | Way::ActedFrom(Level::Low | Level::Informational) => return None,
        Way::UsedFrom if kind(names, from) == Some(MentionKind::Address) => by_novelty(0.8, 0.6),
        Way::UsedFrom => by_novelty(0.65, 0.15),
        Way::Borrowed | Way::TookOn | Way::Changed(PasswordReset) => 0.9,
        Way::Made | Way::Changed(NewAccount | NewKey) => 0.95,
        Way::Changed(EnabledAccount | NewFactor | RemovedFactor | Consent) => 0.85,
        Way::Changed(Granted) => 0.3,
        Way::Changed(DisabledAccount | RemovedKey | Revoked | Policy) => return None,
    };
    Some(passing)
}

fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// Whether a sign-in may be the one that brought the intruder in; rules may speak some minutes earlier.
fn is_entry(used: &Times<'_>, since: Timestamp) -> bool {
    hours(used.first, since) < ENTRY_HOURS && hours(since, used.first) < ENTRY_HOURS / 3.0
}

/// One sender speaks once: several ways between the same two are one story.
fn strongest_per_sender(messages: &mut Vec<Message<'_>>) {
    messages.sort_by(|a, b| {
        a.from
            .cmp(&b.from)
            .then_with(|| b.log_odds.total_cmp(&a.log_odds))
            .then_with(|| a.way.cmp(&b.way))
    });
    messages.dedup_by_key(|message| message.from);
}

fn first_seen(scene: &Scene<'_>) -> BTreeMap<EntityIx, Timestamp> {
    let mut first: BTreeMap<EntityIx, Timestamp> = BTreeMap::new();
    let acts = scene.acts.iter().map(|act| (&act.parts, act.tally.first));
    let hits = scene.hits.iter().map(|hit| (&hit.parts, hit.tally.first));
    for (parts, at) in acts.chain(hits) {
        for &(_, node) in parts {
            let known = first.entry(node).or_insert(at);
            *known = (*known).min(at);
        }
    }
    first
}
