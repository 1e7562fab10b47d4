//! How much each rule's hits say against each node, before anybody looks at its neighbours.
//!
//! Everything is in log-odds (natural logarithm). A rule's level gives a weight;
//! the node's part in the event, how commonplace the rule is, and how much it
//! repeats what others said take from it. A node's score at a time is what has
//! gathered against it with a half-life of a day; its peak is what counts. Each
//! figure here has its reason in `docs/footholds.md`.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::Timestamp;
use cordon_model::signal::{Level, MentionKind, Place, Role, Rule};

use crate::names::{EntityIx, Names};
use crate::scene::{Hit, Scene, is_account, kind};

/// Log-odds that any node is the intruder's before anything was seen: 1 in 150.
pub(crate) const PRIOR: f64 = -5.0;
/// Hours after which a hit weighs half when others join it.
const HALF_LIFE_HOURS: f64 = 24.0;
/// Share of its weight for a rule of a technique that another rule has told already.
const SAME_TECHNIQUE: f64 = 0.35;
/// Share of its weight for a rule whose tactics have all been told already.
const SAME_TACTIC: f64 = 0.6;
/// Share of its weight for a rule that matched a record which another rule matched.
const SAME_RECORD: f64 = 0.5;
/// Most that rules below the high level say together: an incident needs one of them, or a neighbour.
const MILD_MOST: f64 = 4.6;
/// For each tactic beyond the second that came in the order of an intrusion.
const IN_ORDER: f64 = 0.4;

/// Weight of a level.
pub(crate) fn level_weight(level: Level) -> f64 {
    match level {
        Level::Informational => 0.0,
        Level::Low => 0.3,
        Level::Medium => 1.2,
        Level::High => 2.8,
        Level::Critical => 4.5,
    }
}

/// What one rule says against a node at the node's worst time.
#[derive(Clone, Debug)]
pub(crate) struct Said<'e> {
    pub(crate) rule: &'e Rule,
    pub(crate) role: Role,
    pub(crate) log_odds: f64,
    pub(crate) first: Timestamp,
    pub(crate) count: u64,
    pub(crate) place: &'e Place,
}

/// What has been said against a node in all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Direct<'e> {
    /// Sum above the prior.
    pub(crate) log_odds: f64,
    pub(crate) said: Vec<Said<'e>>,
    /// Bonus for tactics in order.
    pub(crate) in_order: f64,
    pub(crate) tactics: usize,
    /// What was taken off because no rule of a high level spoke; at most 0.
    pub(crate) capped: f64,
    pub(crate) since: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
}

/// One hit, as it concerns one node.
#[derive(Clone, Debug)]
struct Point<'h, 'e> {
    hit: &'h Hit<'e>,
    role: Role,
    weight: f64,
}

/// Weighs all hits.
pub(crate) fn weigh<'e>(scene: &Scene<'e>, names: &Names) -> BTreeMap<EntityIx, Direct<'e>> {
    let mut points: BTreeMap<EntityIx, Vec<Point<'_, 'e>>> = BTreeMap::new();
    for hit in &scene.hits {
        let weight = level_weight(hit.rule.level);
        for (node, role, share) in shares(scene, names, hit) {
            if weight > 0.0 {
                points.entry(node).or_default().push(Point { hit, role, weight: weight * share });
            }
        }
    }
    let commonplace = Commonplace::learn(&points, names);
    for (&node, points) in &mut points {
        commonplace.damp(node, points, names);
    }
    for points in points.values_mut() {
        points.retain(|point| !point.hit.quiet);
    }
    let told = points.iter().filter(|(_, points)| !points.is_empty());
    told.map(|(&node, points)| (node, peak(points))).collect()
}

/// How much of a hit concerns each node: the one that acted, not the one that was named.
fn shares(scene: &Scene<'_>, names: &Names, hit: &Hit<'_>) -> Vec<(EntityIx, Role, f64)> {
    let parts = &hit.parts;
    let is_host = |node| kind(names, node) == Some(MentionKind::Host);
    let at_place = |node| parts.contains(&(Role::Place, node));
    let from_elsewhere = parts.iter().any(|&(role, node)| role == Role::Source && !at_place(node));
    let actors: Vec<EntityIx> = parts
        .iter()
        .filter(|part| part.0 == Role::Actor && !is_host(part.1))
        .map(|part| part.1)
        .collect();
    let mut shares: BTreeMap<EntityIx, (f64, Role)> = BTreeMap::new();
    for &(role, node) in parts {
        let share = match role {
            Role::Actor if is_host(node) && at_place(node) => {
                place_share(true, from_elsewhere, false)
            }
            Role::Actor if is_host(node) => 0.5,
            Role::Actor => 1.0,
            Role::Place if is_host(node) => {
                let visited = actors.iter().any(|&actor| {
                    scene.uses.get(&(actor, node)).is_some_and(|used| used.remote && !used.local)
                });
                let share = place_share(hit.no_person, from_elsewhere, visited);
                if far_side(hit.rule) { share.min(0.4) } else { share }
            }
            Role::Source if at_place(node) => place_share(hit.no_person, false, false),
            Role::Source if is_host(node) => 0.6,
            // An address that others use too is a gateway or a translated one.
            Role::Source => 0.85 / (1.0 + 0.35 * count(others_at(scene, node, &actors))),
            Role::Created => 0.4,
            Role::Target => 0.05,
            Role::Place => 0.0,
        };
        let may_be_held = is_host(node)
            || is_account(names, node)
            || kind(names, node) == Some(MentionKind::Address);
        let known = shares.entry(node).or_insert((0.0, role));
        if may_be_held && share > known.0 {
            *known = (share, role);
        }
    }
    let shares = shares.into_iter().filter(|(_, (share, _))| *share > 0.0);
    shares.map(|(node, (share, role))| (node, role, share)).collect()
}

/// A host that wrote down what came over the network is not the one that did it.
fn place_share(no_person: bool, from_elsewhere: bool, visited: bool) -> f64 {
    match (no_person, from_elsewhere) {
        (true, true) => 0.3,
        (false, true) => 0.15,
        (true, false) => 1.0,
        (false, false) if visited => 0.8,
        (false, false) => 0.9,
    }
}

/// Whether a rule's technique is done from afar, and written down by the host that was asked.
pub(crate) fn far_side(rule: &Rule) -> bool {
    // With a sub-technique only where the others are done on the host itself.
    const FAR: [&str; 19] = [
        "T1003.006",
        "T1018",
        "T1069",
        "T1069.002",
        "T1078",
        "T1078.002",
        "T1087",
        "T1087.002",
        "T1098",
        "T1110",
        "T1135",
        "T1136.002",
        "T1187",
        "T1201",
        "T1207",
        "T1222",
        "T1482",
        "T1484",
        "T1558",
    ];
    let with_all_below = ["T1098", "T1110", "T1222", "T1484", "T1558"];
    let far = |technique: &String| {
        FAR.contains(&technique.as_str()) || with_all_below.contains(&base(technique))
    };
    !rule.techniques.is_empty() && rule.techniques.iter().all(far)
}

fn others_at(scene: &Scene<'_>, source: EntityIx, actors: &[EntityIx]) -> usize {
    let users = scene.users_of.get(&source).into_iter().flatten();
    users.filter(|user| !actors.contains(user)).count()
}

/// What is usual here.
///
/// A hit is compared with the days that lie before it, so an incident never
/// teaches that it is usual. Only a node of which nothing is told but rules that
/// come back again and again is compared with all days.
#[derive(Default)]
struct Commonplace {
    /// Days on which a rule spoke of a node.
    days: BTreeMap<(Box<str>, EntityIx), BTreeSet<i64>>,
    /// Nodes of which only regular rules speak.
    regular: BTreeSet<EntityIx>,
    /// Nodes of which a rule spoke and of which nothing else is worth telling.
    quiet_peers: BTreeMap<(Box<str>, MentionKind), BTreeSet<EntityIx>>,
}

/// Weight of all other rules together below which a node counts as quiet.
const QUIET: f64 = 1.5;
/// Days on which a rule must have spoken of a node to count as regular there.
const REGULAR_DAYS: usize = 4;

impl Commonplace {
    fn learn(points: &BTreeMap<EntityIx, Vec<Point<'_, '_>>>, names: &Names) -> Self {
        let mut common = Self::default();
        for (&node, points) in points {
            let mut heaviest: BTreeMap<&str, f64> = BTreeMap::new();
            for point in points {
                let weight = heaviest.entry(&point.hit.rule.id).or_default();
                *weight = weight.max(if point.hit.quiet { 0.0 } else { point.weight });
                let key = (point.hit.rule.id.as_str().into(), node);
                common.days.entry(key).or_default().insert(day(point.hit.tally.first));
            }
            let total: f64 = heaviest.values().sum();
            let seldom = |rule: &str| {
                common.days.get(&(rule.into(), node)).is_none_or(|days| days.len() < REGULAR_DAYS)
            };
            let irregular: f64 =
                heaviest.iter().filter(|(rule, _)| seldom(rule)).map(|(_, weight)| weight).sum();
            if irregular < QUIET {
                common.regular.insert(node);
            }
            let Some(kind) = kind(names, node) else { continue };
            for (rule, weight) in heaviest {
                if total - weight < QUIET {
                    common.quiet_peers.entry((rule.into(), kind)).or_default().insert(node);
                }
            }
        }
        common
    }

    fn damp(&self, node: EntityIx, points: &mut [Point<'_, '_>], names: &Names) {
        let Some(kind) = kind(names, node) else { return };
        for point in points {
            let rule: Box<str> = point.hit.rule.id.as_str().into();
            let today = day(point.hit.tally.first);
            let peers = self
                .quiet_peers
                .get(&(rule.clone(), kind))
                .map_or(0, |peers| peers.len() - usize::from(peers.contains(&node)));
            let days = self.days.get(&(rule, node)).map_or(0, |days| {
                let all = days.len();
                let returns = all >= REGULAR_DAYS && self.regular.contains(&node);
                if returns { all } else { days.range(..today - 1).count() }
            });
            point.weight /= 1.0 + 0.7 * count(days) + 0.35 * count(peers);
        }
    }
}

fn day(time: Timestamp) -> i64 {
    time.as_second().div_euclid(86_400)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// One rule's standing against a node while time goes on.
#[derive(Clone, Debug)]
struct Standing<'e> {
    rule: &'e Rule,
    role: Role,
    weight: f64,
    first: Timestamp,
    count: u64,
    place: &'e Place,
}

/// Walks through the hits in time order and keeps the worst moment.
fn peak<'e>(points: &[Point<'_, 'e>]) -> Direct<'e> {
    let mut standing: BTreeMap<&str, Standing<'e>> = BTreeMap::new();
    let mut worst = Direct::default();
    let mut now: Option<Timestamp> = None;
    for (index, point) in points.iter().enumerate() {
        let tally = point.hit.tally;
        let passed = now.map_or(0.0, |now| hours(now, tally.first));
        now = Some(tally.first.max(now.unwrap_or(tally.first)));
        let fade = 0.5_f64.powf(passed / HALF_LIFE_HOURS);
        standing.retain(|_, rule| {
            rule.weight *= fade;
            rule.weight > 0.02
        });
        stand(&mut standing, point);
        let next = points.get(index + 1);
        if next.is_none_or(|next| next.hit.tally.first > tally.first) {
            let direct = sum_up(standing.values());
            if direct.log_odds > worst.log_odds {
                worst = direct;
            }
        }
    }
    worst.last = points.iter().map(|point| point.hit.tally.last).max();
    worst
}

fn stand<'e>(standing: &mut BTreeMap<&'e str, Standing<'e>>, point: &Point<'_, 'e>) {
    let hit = point.hit;
    let rule = standing.entry(&hit.rule.id).or_insert_with(|| Standing {
        rule: hit.rule,
        role: point.role,
        weight: 0.0,
        first: hit.tally.first,
        count: 0,
        place: &hit.tally.place,
    });
    rule.count += hit.tally.count;
    // The same rule again adds little: what fires often may as well be a machine at its daily work.
    let doublings = if hit.rule.level < Level::High { 0 } else { rule.count.ilog2() };
    let repeats = 1.0 + (0.05 * f64::from(doublings)).min(0.25);
    let weight = point.weight * repeats;
    if weight > rule.weight {
        (rule.weight, rule.role) = (weight, point.role);
    }
}

fn sum_up<'s, 'e: 's>(standing: impl Iterator<Item = &'s Standing<'e>>) -> Direct<'e> {
    let mut rules: Vec<&Standing<'e>> = standing.collect();
    rules.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.rule.id.cmp(&b.rule.id)));
    let mut direct = Direct::default();
    let mut techniques: BTreeSet<&str> = BTreeSet::new();
    let mut tactics: BTreeSet<&str> = BTreeSet::new();
    let mut records: BTreeSet<&Place> = BTreeSet::new();
    for rule in rules {
        let mut share = 1.0;
        let known_technique = rule.rule.techniques.iter().any(|t| techniques.contains(base(t)));
        let known_tactics = rule.rule.tactics.iter().all(|t| tactics.contains(t.as_str()));
        if known_technique {
            share *= SAME_TECHNIQUE;
        } else if known_tactics && !direct.said.is_empty() {
            share *= SAME_TACTIC;
        }
        if !records.insert(rule.place) {
            share *= SAME_RECORD;
        }
        techniques.extend(rule.rule.techniques.iter().map(|t| base(t)));
        tactics.extend(rule.rule.tactics.iter().map(String::as_str));
        let log_odds = rule.weight * share;
        direct.log_odds += log_odds;
        direct.said.push(Said {
            rule: rule.rule,
            role: rule.role,
            log_odds,
            first: rule.first,
            count: rule.count,
            place: rule.place,
        });
    }
    (direct.tactics, direct.in_order) = order_bonus(&direct.said);
    direct.log_odds += direct.in_order;
    let worst = direct.said.iter().map(|said| said.rule.level).max();
    if worst.is_some_and(|worst| worst < Level::High) {
        direct.capped = (MILD_MOST - direct.log_odds).min(0.0);
        direct.log_odds += direct.capped;
    }
    let weighty = direct.said.iter().filter(|said| said.log_odds >= 0.15);
    direct.since = weighty.map(|said| said.first).min();
    direct
}

/// `T1003.001` is a way of doing `T1003`.
fn base(technique: &str) -> &str {
    technique.split('.').next().unwrap_or(technique)
}

/// How many tactics followed each other in the order of an intrusion, and what that adds.
fn order_bonus(said: &[Said<'_>]) -> (usize, f64) {
    let mut first: BTreeMap<usize, Timestamp> = BTreeMap::new();
    for said in said.iter().filter(|said| said.log_odds >= 0.3) {
        for stage in said.rule.tactics.iter().filter_map(|tactic| stage(tactic)) {
            let at = first.entry(stage).or_insert(said.first);
            *at = (*at).min(said.first);
        }
    }
    let times: Vec<Timestamp> = first.into_values().collect();
    let mut longest: Vec<usize> = Vec::new();
    for (index, time) in times.iter().enumerate() {
        let before = times.iter().zip(&longest).take(index);
        let best = before.filter(|(other, _)| *other <= time).map(|(_, length)| *length).max();
        longest.push(best.unwrap_or(0) + 1);
    }
    let length = longest.into_iter().max().unwrap_or(0);
    (length, (IN_ORDER * count(length.saturating_sub(2))).min(2.0))
}

/// Where a tactic stands in the order of ATT&CK.
fn stage(tactic: &str) -> Option<usize> {
    const STAGES: [&str; 13] = [
        "reconnaissance",
        "initial-access",
        "execution",
        "persistence",
        "privilege-escalation",
        "stealth",
        "defense-evasion",
        "credential-access",
        "discovery",
        "lateral-movement",
        "collection",
        "exfiltration",
        "impact",
    ];
    STAGES.iter().position(|&stage| stage == tactic)
}

pub(crate) fn hours(from: Timestamp, to: Timestamp) -> f64 {
    (to.duration_since(from).as_secs_f64() / 3600.0).max(0.0)
}
