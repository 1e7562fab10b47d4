//! The verdict per holding and category, and what it rests on.
//!
//! Ruled out needs either "no path within the window", from footholds whose
//! reach is known, or logs without a hole that show no access for all the time
//! in which a path stood open. Anything else is what the accesses show, or
//! reachable, or unknown. `docs/exposure.md` has the rules in plain words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cordon_model::estate::{Holding, LinkKindEntry};
use cordon_model::link::Direction;
use cordon_model::signal::Place;
use cordon_model::{Estate, NodeId, NodeIx};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access::{Finding, Seen};
use crate::coverage::Coverage;
use crate::evidence::{COUNTED, Evidence, Reference, SUSPECT};
use crate::spans::{Span, intersection, share, union};
use crate::timeline::{Timeline, with_observed};
use crate::words::join;

/// What became of data of one category.
///
/// Ruled out < reachable < accessed < taken; unknown stands apart, and the
/// derived order (which puts it first) is only for sorting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The evidence does not say.
    #[serde(rename = "unknown")]
    Unknown,
    /// The intruder did not have it.
    #[serde(rename = "ruled out")]
    RuledOut,
    /// The intruder could have had it.
    #[serde(rename = "reachable")]
    Reachable,
    /// The intruder read or changed it.
    #[serde(rename = "accessed")]
    Accessed,
    /// It left with the intruder.
    #[serde(rename = "taken")]
    Taken,
}

impl Verdict {
    /// The word for it: `ruled out`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::RuledOut => "ruled out",
            Self::Reachable => "reachable",
            Self::Accessed => "accessed",
            Self::Taken => "taken",
        }
    }

    /// Reads the word, with a space, hyphen or underscore in it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Unknown, Self::RuledOut, Self::Reachable, Self::Accessed, Self::Taken];
        let plain = text.trim().to_lowercase().replace(['-', '_', '+'], " ");
        all.into_iter().find(|verdict| verdict.as_str() == plain)
    }

    /// The worse of two; unknown is worse than reachable, and better than evidence of an access.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let rank = |verdict: Self| match verdict {
            Self::RuledOut => 0,
            Self::Reachable => 1,
            Self::Unknown => 2,
            Self::Accessed => 3,
            Self::Taken => 4,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the intruder may have had, at one position of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// The last ledger entry that it rests on.
    pub position: u64,
    /// From the first foothold to now, or to the end of the incident.
    pub window: Span,
    /// One for each node that holds data, in the estate's order.
    pub holdings: Vec<HoldingExposure>,
}

impl Exposure {
    /// The worst verdict of all.
    #[must_use]
    pub fn worst(&self) -> Verdict {
        let all = self.holdings.iter().flat_map(|holding| holding.categories.values());
        all.map(|category| category.verdict).fold(Verdict::RuledOut, Verdict::worse)
    }
}

/// What the intruder may have had of one node's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldingExposure {
    /// The node.
    pub node: NodeId,
    /// What people call it, where that differs from the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many people its data is about, where known.
    pub people: Option<u64>,
    /// Nodes that hold the same data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<NodeId>,
    /// When a path to it or a copy stood open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Span>,
    /// The logs that would show an access, to it and to its copies.
    pub sources: Vec<SourceCoverage>,
    /// The verdict for each category.
    pub categories: BTreeMap<String, CategoryExposure>,
}

/// How far one log is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceCoverage {
    /// The source.
    pub source: String,
    /// The node whose accesses it shows.
    pub place: NodeId,
    /// Share of the window in which it was heard, 0 to 1.
    pub share: f64,
    /// When it was not.
    pub gaps: Vec<Span>,
}

/// What became of one category of one holding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryExposure {
    /// The verdict.
    pub verdict: Verdict,
    /// How many people are concerned.
    pub people: People,
    /// Share of the window in which every place that matters was covered by a log, 0 to 1.
    pub coverage: f64,
    /// What it rests on.
    pub because: Vec<Because>,
    /// Where an access could have gone unseen: what keeps a claim from being supported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Because>,
}

/// Bounds on a number of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Shown by the accesses.
    pub at_least: u64,
    /// Everybody whom the data is about; none if the estate does not say how many.
    pub at_most: Option<u64>,
}

/// One reason: words, and what they point at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// The reason in a sentence without a full stop.
    pub words: String,
    /// The ledger entry behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The log line behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The log that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The path that stood open, from a foothold to the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<NodeId>,
    /// When it began, or when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Because {
    pub(crate) fn words(words: impl Into<String>) -> Self {
        Self { words: words.into(), ..Self::default() }
    }

    /// Words about a piece of evidence, with its place named in them too.
    pub(crate) fn at(reference: &Reference, words: String) -> Self {
        let entry = (reference.entry > 0).then_some(reference.entry);
        let place = reference.place.clone();
        let named = match (&place, entry) {
            (Some(place), Some(entry)) => {
                format!(" ({} record {}, ledger entry {entry})", place.file, place.record)
            }
            (Some(place), None) => format!(" ({} record {})", place.file, place.record),
            (None, Some(entry)) => format!(" (ledger entry {entry})"),
            (None, None) => String::new(),
        };
        Self { words: words + &named, entry, place, ..Self::default() }
    }
}

/// Works out what the intruder may have had.
#[must_use]
pub fn exposure(estate: &Estate, evidence: &Evidence) -> Exposure {
    let observed = with_observed(estate, evidence);
    let fits = observed.is_some();
    let estate = observed.as_deref().unwrap_or(estate);
    let copy_links = copy_links(estate);
    let places: Vec<BTreeSet<NodeIx>> =
        estate.holdings().iter().map(|holding| places_of(holding, &copy_links)).collect();
    let mut timeline = Timeline::new(estate, evidence, &places.iter().flatten().copied().collect());
    if !fits {
        timeline.doubts.push(Because::words(
            "the links that the logs have shown do not fit into the estate, so nobody can say that there was no path",
        ));
    }
    let asked = Asked { estate, evidence, timeline, coverage: Coverage::new(estate, evidence) };
    let mut holdings: Vec<HoldingExposure> = Vec::new();
    for (holding, places) in estate.holdings().iter().zip(&places) {
        let found = asked.holding(holding, places);
        match holdings.last_mut().filter(|last| last.node == found.node) {
            Some(last) => merge(last, found),
            None => holdings.push(found),
        }
    }
    Exposure { position: evidence.position, window: evidence.window, holdings }
}

/// Every `CopyOf` link: the copy, and what it is a copy of.
fn copy_links(estate: &Estate) -> Vec<(NodeIx, NodeIx)> {
    let data_only = |kind: &LinkKindEntry| kind.direction == Direction::DataOnly;
    let links = estate.links().iter().filter(|link| data_only(estate.kind_of(link)));
    links.map(|link| (link.from, link.to)).collect()
}

/// The node, its copies, and nodes that are `CopyOf` one of them.
fn places_of(holding: &Holding, copy_links: &[(NodeIx, NodeIx)]) -> BTreeSet<NodeIx> {
    let mut places: BTreeSet<NodeIx> =
        std::iter::once(holding.node).chain(holding.copies.iter().copied()).collect();
    let mut before = 0;
    while places.len() > before {
        before = places.len();
        for &(copy, of) in copy_links {
            if places.contains(&of) {
                places.insert(copy);
            }
        }
    }
    places
}

struct Asked<'a> {
    estate: &'a Estate,
    evidence: &'a Evidence,
    timeline: Timeline,
    coverage: Coverage<'a>,
}

/// What is the same for all categories of a holding.
struct Common {
    open: Vec<Span>,
    paths: Vec<Because>,
    coverage: f64,
    /// Where an access could have gone unseen while one was possible.
    holes: Vec<Because>,
}

impl Asked<'_> {
    fn holding(&self, holding: &Holding, places: &BTreeSet<NodeIx>) -> HoldingExposure {
        let common = self.common(holding.node, places);
        let seen = Seen::new(self.estate, self.evidence, &self.timeline, places);
        let categories = holding.categories.iter().map(|category| {
            let finding = seen.finding(category, &holding.categories);
            let found = self.category(holding, &common, &seen, finding);
            (category.to_string(), found)
        });
        let categories = categories.collect();
        let node = self.estate.node(holding.node);
        let copies = places.iter().filter(|&&place| place != holding.node);
        HoldingExposure {
            node: node.id.clone(),
            name: node.name.as_deref().map(str::to_owned),
            people: holding.people,
            copies: copies.map(|&copy| self.estate.id(copy).clone()).collect(),
            open: common.open,
            sources: places.iter().flat_map(|&place| self.coverage.of_sources(place)).collect(),
            categories,
        }
    }

    fn common(&self, node: NodeIx, places: &BTreeSet<NodeIx>) -> Common {
        let window = self.evidence.window;
        let sure = self.timeline.doubts.is_empty();
        let open: Vec<(NodeIx, Vec<Span>)> =
            places.iter().map(|&place| (place, self.timeline.open(place))).collect();
        let any_open = open.iter().any(|(_, spans)| !spans.is_empty());
        let mut holes = Vec::new();
        let mut covered = vec![window];
        for (place, spans) in &open {
            // Where the reach of the intruder is not known, any place may have been open at any time.
            let needed = if sure { spans.as_slice() } else { &[window] };
            holes.extend(self.coverage.holes(*place, needed));
            if !needed.is_empty() || (!any_open && *place == node) {
                covered = intersection(&covered, &self.coverage.covered(*place));
            }
        }
        Common {
            paths: open.iter().filter_map(|(place, spans)| self.path(*place, spans)).collect(),
            open: union(open.into_iter().flat_map(|(_, spans)| spans)),
            coverage: share(window, &covered),
            holes,
        }
    }

    /// The path that stood open first, in words.
    fn path(&self, place: NodeIx, spans: &[Span]) -> Option<Because> {
        let (first, path) = self.timeline.first_path(place)?;
        let nodes: Vec<NodeId> = path.iter().map(|&node| self.estate.id(node).clone()).collect();
        let start = nodes.first()?;
        let entry = self.evidence.footholds.iter().find(|f| f.node == *start).map(|f| f.entry);
        let shown = join(spans.iter().take(3).map(|span| span.words()), "and");
        let words = match nodes.as_slice() {
            [only] => format!("the intruder held `{only}` itself, {shown}"),
            _ => format!(
                "a path from the foothold `{start}` to `{}` stood open, {shown}: {}",
                self.estate.id(place),
                nodes.iter().map(NodeId::as_str).collect::<Vec<_>>().join(" > ")
            ),
        };
        let entry = entry.filter(|&entry| entry > 0);
        Some(Because { entry, path: nodes, from: Some(first.from), ..Because::words(words) })
    }

    fn category(
        &self,
        holding: &Holding,
        common: &Common,
        seen: &Seen<'_>,
        finding: Finding,
    ) -> CategoryExposure {
        let Finding { verdict, rows, mut because } = finding;
        let (sure, open) = (self.timeline.doubts.is_empty(), !common.open.is_empty());
        let mut unseen = common.holes.clone();
        if open || !sure {
            unseen.extend(seen.doubtful.iter().cloned());
        }
        unseen.extend(seen.suspects.iter().cloned());
        let verdict = verdict.unwrap_or(match (unseen.is_empty(), open) {
            (true, _) => Verdict::RuledOut,
            (false, true) => Verdict::Reachable,
            (false, false) => Verdict::Unknown,
        });
        match verdict {
            Verdict::RuledOut => because.push(Because::words(self.all_clear(open))),
            Verdict::Unknown | Verdict::Reachable => {
                because.extend(self.timeline.doubts.iter().cloned());
            }
            Verdict::Accessed | Verdict::Taken => {}
        }
        because.extend(common.paths.iter().cloned());
        because.extend(unseen.iter().cloned());
        let at_most = if verdict == Verdict::RuledOut { Some(0) } else { holding.people };
        let at_least = people_of_rows(rows, holding);
        let people = People { at_least, at_most };
        CategoryExposure { verdict, people, coverage: common.coverage, because, unseen }
    }

    /// Why it is ruled out, in words.
    fn all_clear(&self, open: bool) -> String {
        if open {
            return "for all of the time in which a path stood open the logs that would show an access are there, and they show none".to_owned();
        }
        let window = self.evidence.window.words();
        if !self.timeline.doubts.is_empty() {
            return format!(
                "the logs that would show an access are there for the whole window, {window}, and they show none"
            );
        }
        let uncounted = |p: f64| (SUSPECT..COUNTED).contains(&p);
        let suspects = self.evidence.footholds.iter().filter(|f| uncounted(f.probability));
        let suspects: BTreeSet<&str> = suspects.map(|f| f.node.as_str()).collect();
        let told = if suspects.is_empty() {
            String::new()
        } else {
            let names = join(suspects.iter().map(|name| format!("`{name}`")), "and");
            format!("; suspects that do not count as footholds: {names}")
        };
        format!("no path led from any foothold to it or a copy, {window}{told}")
    }
}

/// The least number of people that so many rows are about.
///
/// Where there are more records than people, each person is taken to have an
/// even share of them: so many rows are then about at least their share of the people.
fn people_of_rows(rows: u64, holding: &Holding) -> u64 {
    let people = match (holding.records, holding.people) {
        (Some(records), Some(people)) if records > people => {
            let share = (u128::from(rows) * u128::from(people)).div_ceil(u128::from(records));
            u64::try_from(share).unwrap_or(u64::MAX)
        }
        _ => rows,
    };
    holding.people.map_or(people, |all| people.min(all))
}

/// Joins two holdings of one node.
fn merge(into: &mut HoldingExposure, other: HoldingExposure) {
    into.people = into.people.max(other.people);
    into.copies.extend(other.copies);
    into.copies.sort();
    into.copies.dedup();
    into.open = union(into.open.iter().copied().chain(other.open));
    for source in other.sources {
        if !into.sources.contains(&source) {
            into.sources.push(source);
        }
    }
    for (name, found) in other.categories {
        match into.categories.entry(name) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(found);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                let both = slot.get_mut();
                both.verdict = both.verdict.worse(found.verdict);
                both.people.at_least = both.people.at_least.max(found.people.at_least);
                let sum = both.people.at_most.zip(found.people.at_most);
                both.people.at_most = sum.map(|(a, b)| a.saturating_add(b));
                both.coverage = both.coverage.min(found.coverage);
                both.because.extend(found.because);
                both.unseen.extend(found.unseen);
            }
        }
    }
}

#[cfg(test)]
mod tests;
