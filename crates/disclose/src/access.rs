//! What the accesses seen say about one holding: by whom, how much, how bad.
//!
//! An access counts when the intruder held one of its actors at that moment.
//! Others are not evidence of exposure, but some of them spoil an all-clear:
//! those of suspects, of nobody named, and of nodes that the intruder could
//! have come to control then.

use std::collections::BTreeSet;

use cordon_model::signal::{Outcome, Verb};
use cordon_model::{Estate, NodeId, NodeIx};

use crate::evidence::{Access, COUNTED, Evidence, SUSPECT};
use crate::exposure::{Because, Verdict};
use crate::spans::moment;
use crate::timeline::Timeline;
use crate::words::{count, join};

/// This many rows or objects read by the intruder, all reads together, count as taken:
/// nobody reads a thousand rows on a screen.
const BULK_ROWS: u64 = 1_000;
/// This many bytes read by the intruder, all reads together, count as taken.
const BULK_BYTES: u64 = 10_000_000;
/// At most so many accesses are named one by one; the rest is counted.
const NAMED: usize = 5;

/// The accesses to one holding's places that matter.
pub(crate) struct Seen<'a> {
    /// The holding's places.
    here: BTreeSet<&'a NodeId>,
    /// By the intruder, and they came off.
    counted: Vec<&'a Access>,
    /// By the intruder, and refused.
    failed: Vec<&'a Access>,
    /// By suspects: no all-clear while they are not settled.
    pub(crate) suspects: Vec<Because>,
    /// By others through whom the intruder could have acted: an all-clear cannot rest on this log.
    pub(crate) doubtful: Vec<Because>,
}

/// What the accesses say about one category.
pub(crate) struct Finding {
    /// The worst, or none if nothing was seen.
    pub(crate) verdict: Option<Verdict>,
    /// Most rows that one access read: the same rows may have been read twice.
    pub(crate) rows: u64,
    /// The accesses in words.
    pub(crate) because: Vec<Because>,
}

impl<'a> Seen<'a> {
    /// Sorts out the accesses to `places`.
    pub(crate) fn new(
        estate: &'a Estate,
        evidence: &'a Evidence,
        timeline: &Timeline,
        places: &BTreeSet<NodeIx>,
    ) -> Self {
        let here: BTreeSet<&NodeId> = places.iter().map(|&place| estate.id(place)).collect();
        let is_here = |access: &&Access| access.targets.iter().any(|node| here.contains(node));
        let accesses: Vec<&Access> = evidence.accesses.iter().filter(is_here).collect();
        let mut seen = Self {
            here,
            counted: Vec::new(),
            failed: Vec::new(),
            suspects: Vec::new(),
            doubtful: Vec::new(),
        };
        for access in accesses {
            let held = best_actor(evidence, access);
            match (held, access.outcome) {
                (Some((_, p)), Outcome::Success) if p >= COUNTED => seen.counted.push(access),
                (Some((_, p)), Outcome::Failure) if p >= COUNTED => seen.failed.push(access),
                (_, Outcome::Failure) => {}
                (_, Outcome::Success) if severity(access) < Verdict::Accessed => {}
                (Some((suspect, p)), Outcome::Success) if p >= SUSPECT => {
                    let why = format!(", and `{suspect}` is a suspect (p = {p:.2})");
                    seen.suspects.push(seen.words(access, &why));
                }
                (_, Outcome::Success) => {
                    let why = doubt(estate, timeline, access);
                    seen.doubtful.extend(why.map(|why| seen.words(access, &why)));
                }
            }
        }
        seen.counted.sort_by_key(|access| access.time);
        seen.failed.sort_by_key(|access| access.time);
        seen.suspects = first_few(seen.suspects, "accesses by suspects");
        seen.doubtful = first_few(seen.doubtful, "accesses that may have been the intruder's");
        seen
    }

    /// `` `user:ann` read 4,210 rows of `db:members` at 2026-03-01 02:13:00 UTC ``.
    fn words(&self, access: &Access, after: &str) -> Because {
        let targets = access.targets.iter().filter(|node| self.here.contains(node));
        let what = join(targets.map(|node| format!("`{node}`")), "and");
        let left = if access.left { ", to an address outside the estate" } else { "" };
        let (who, did, how_much) = (who(access), did(access), how_much(access));
        let at = moment(access.time);
        let text = format!("{who} {did} {how_much}{what} at {at}{left}{after}");
        Because { from: Some(access.time), ..Because::at(&access.reference, text) }
    }

    /// What they say about one category of a holding.
    pub(crate) fn finding(&self, category: &str, holding: &[Box<str>]) -> Finding {
        let touches = |access: &&&Access| touches(access, category, holding);
        let mut relevant: Vec<&Access> = self.counted.iter().filter(touches).copied().collect();
        let reads = || relevant.iter().filter(|access| access.verb == Verb::Read);
        let sum = |of: fn(&Access) -> Option<u64>| -> u64 {
            reads().filter_map(|access| of(access)).fold(0, u64::saturating_add)
        };
        let bulk = sum(|access| access.amount.rows) >= BULK_ROWS
            || sum(|access| access.amount.objects) >= BULK_ROWS
            || sum(|access| access.amount.bytes) >= BULK_BYTES;
        let worst = relevant.iter().map(|access| severity(access)).max();
        let verdict = if bulk { Some(Verdict::Taken) } else { worst };
        let touched = relevant.iter().filter(|access| severity(access) >= Verdict::Accessed);
        let rows = touched.map(|access| access.amount.rows.unwrap_or(1)).max().unwrap_or(0);
        relevant.sort_by_key(|access| {
            (std::cmp::Reverse((severity(access), access.amount.rows)), access.time)
        });
        let named = relevant.iter().map(|access| self.words(access, "")).collect();
        let mut because = first_few(named, "accesses by the intruder");
        if bulk && worst != Some(Verdict::Taken) {
            because.push(Because::words(format!(
                "these reads are together so large (from {} rows or objects, or {} bytes) that they count as taken",
                count(BULK_ROWS),
                count(BULK_BYTES)
            )));
        }
        let failed: Vec<Because> = self
            .failed
            .iter()
            .filter(touches)
            .map(|access| self.words(access, ", and was refused"))
            .collect();
        because.extend(first_few(failed, "attempts that were refused"));
        Finding { verdict, rows, because }
    }
}

/// The actor that the intruder most probably held at that moment.
fn best_actor<'a>(evidence: &Evidence, access: &'a Access) -> Option<(&'a NodeId, f64)> {
    let held = access.actors.iter().flat_map(|actor| {
        let of = evidence.footholds.iter().filter(move |f| f.node == *actor);
        of.filter(|f| f.holds_at(access.time)).map(move |f| (actor, f.probability))
    });
    held.max_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// Why an access of somebody else leaves no all-clear, in words to add to it.
fn doubt(estate: &Estate, timeline: &Timeline, access: &Access) -> Option<String> {
    if access.actors.is_empty() {
        return Some(", and the log does not say who it was".to_owned());
    }
    let within_reach = access.actors.iter().find(|actor| {
        let node = estate.find(actor.as_str());
        node.is_some_and(|node| timeline.reached_at(node, access.time))
    })?;
    Some(format!(", and the intruder could have come to control `{within_reach}` by then"))
}

fn touches(access: &Access, category: &str, holding: &[Box<str>]) -> bool {
    // Tables that the holding does not declare tell nothing, so all of it counts.
    let declared = holding.iter().any(|name| access.categories.contains(name));
    !declared || access.categories.iter().any(|name| **name == *category)
}

/// What one access alone makes of the data.
fn severity(access: &Access) -> Verdict {
    let amount = access.amount;
    let empty = amount.rows == Some(0) && amount.bytes.unwrap_or(0) == 0;
    match access.verb {
        Verb::List => Verdict::Reachable,
        Verb::Read | Verb::Export if empty => Verdict::Reachable,
        Verb::Export => Verdict::Taken,
        Verb::Read if access.left => Verdict::Taken,
        Verb::Read | Verb::Write | Verb::Delete => Verdict::Accessed,
    }
}

/// `read`, `tried to read`.
fn did(access: &Access) -> &'static str {
    match (access.verb, access.outcome) {
        (Verb::List, Outcome::Success) => "listed",
        (Verb::Read, Outcome::Success) => "read",
        (Verb::Write, Outcome::Success) => "changed",
        (Verb::Delete, Outcome::Success) => "deleted",
        (Verb::Export, Outcome::Success) => "exported",
        (Verb::List, Outcome::Failure) => "tried to list",
        (Verb::Read, Outcome::Failure) => "tried to read",
        (Verb::Write, Outcome::Failure) => "tried to change",
        (Verb::Delete, Outcome::Failure) => "tried to delete",
        (Verb::Export, Outcome::Failure) => "tried to export",
    }
}

/// `4,210 rows, 1 object of `, or nothing where the log does not say.
fn how_much(access: &Access) -> String {
    let amount = access.amount;
    let units = [(amount.rows, "row"), (amount.objects, "object"), (amount.bytes, "byte")];
    let known = units.iter().filter_map(|(amount, unit)| amount.map(|n| (n, unit)));
    let words: Vec<String> = known
        .map(|(n, unit)| format!("{} {unit}{}", count(n), if n == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() { String::new() } else { format!("{} of ", words.join(", ")) }
}

/// `` `user:ann` from `host:web` ``.
fn who(access: &Access) -> String {
    let names = |nodes: &[&NodeId]| join(nodes.iter().map(|node| format!("`{node}`")), "and");
    let is_place = |node: &&NodeId| matches!(node.kind(), "host" | "desktops");
    let (from, who): (Vec<&NodeId>, Vec<&NodeId>) = access.actors.iter().partition(is_place);
    match (who.is_empty(), from.is_empty()) {
        (true, true) => "somebody".to_owned(),
        (true, false) => format!("somebody on {}", names(&from)),
        (false, true) => names(&who),
        (false, false) => format!("{} from {}", names(&who), names(&from)),
    }
}

fn first_few(mut all: Vec<Because>, of: &str) -> Vec<Because> {
    let more = all.len().saturating_sub(NAMED);
    if more > 0 {
        all.truncate(NAMED);
        all.push(Because::words(format!("and {} more {of}", count(more as u64))));
    }
    all
}
