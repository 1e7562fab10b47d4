//! The compact memory of a stream: what happened, to whom, in which hours.
//!
//! One row holds everything that one rule or one sort of fact said about one
//! cast. Per row at most [`MOST_HOURS`] hours are kept, the earliest and the
//! latest; what lies between is counted in sum. So memory is bounded by the
//! number of different things said, not by events, and the same events in any
//! order leave the same memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use cordon_model::Timestamp;
use cordon_model::signal::{
    Amount, ChangeKind, Detection, Fact, FactKind, Outcome, Place, Rule, Verb,
};
use rustc_hash::FxHashMap;

use crate::table::{CastIx, NameTable};

/// Hours kept per row.
const MOST_HOURS: usize = 64;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Deed {
    /// Somebody signed in.
    Logon { remote: bool },
    /// Somebody used data.
    Access(Verb),
    /// Rights changed.
    Change(ChangeKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Rule(u32),
    Deed(Deed, Outcome),
}

/// What one hour of a row held.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) amount: Amount,
    /// Where the first of them stood.
    pub(crate) place: Place,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        if (other.first, &other.place) < (self.first, &self.place) {
            self.place = other.place.clone();
        }
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.amount = sum(self.amount, other.amount);
    }
}

pub(crate) fn sum(one: Amount, two: Amount) -> Amount {
    let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (known, None) | (None, known) => known,
    };
    Amount {
        rows: add(one.rows, two.rows),
        bytes: add(one.bytes, two.bytes),
        objects: add(one.objects, two.objects),
    }
}

/// The hours of a row.
#[derive(Clone, Debug, Default)]
struct Hours {
    kept: BTreeMap<i64, Tally>,
    /// Everything between the earliest and the latest hours kept.
    rest: Option<Tally>,
}

impl Hours {
    fn add(&mut self, tally: Tally) {
        let hour = tally.first.as_second().div_euclid(3600);
        if let Some(known) = self.kept.get_mut(&hour) {
            known.add(&tally);
            return;
        }
        self.kept.insert(hour, tally);
        if self.kept.len() <= MOST_HOURS {
            return;
        }
        // The middle hour is neither among the earliest nor the latest half, nor can it come to be.
        let middle = self.kept.keys().nth(MOST_HOURS / 2).copied();
        if let Some(evicted) = middle.and_then(|hour| self.kept.remove(&hour)) {
            match &mut self.rest {
                Some(rest) => rest.add(&evicted),
                None => self.rest = Some(evicted),
            }
        }
    }
}

/// One row's hour, as the reasoning reads it.
#[derive(Clone, Debug)]
pub(crate) struct Row<'e> {
    pub(crate) about: About<'e>,
    pub(crate) cast: CastIx,
    pub(crate) tally: &'e Tally,
}

/// What a row is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About<'e> {
    Rule(&'e Arc<Rule>),
    Deed(Deed, Outcome),
}

/// Everything that a stream has said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) names: NameTable,
    rules: Vec<Arc<Rule>>,
    rule_index: FxHashMap<Box<str>, u32>,
    rows: FxHashMap<(Subject, CastIx), Hours>,
}

impl Evidence {
    pub(crate) fn detection(&mut self, detection: &Detection) {
        let cast = self.names.observe(&detection.mentions, detection.time);
        let rule = match self.rule_index.get(&*detection.rule.id) {
            Some(&rule) => rule,
            None => {
                let rule = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
                self.rules.push(Arc::clone(&detection.rule));
                self.rule_index.insert(detection.rule.id.as_str().into(), rule);
                rule
            }
        };
        let tally = once(detection.time, &detection.place, Amount::default());
        self.rows.entry((Subject::Rule(rule), cast)).or_default().add(tally);
    }

    pub(crate) fn fact(&mut self, fact: &Fact) {
        let cast = self.names.observe(&fact.mentions, fact.time);
        let (deed, amount) = match fact.kind {
            FactKind::Logon { remote } => (Deed::Logon { remote }, Amount::default()),
            FactKind::Access { verb, amount } => (Deed::Access(verb), amount),
            FactKind::Change { change } => (Deed::Change(change), Amount::default()),
            // The names remember it.
            FactKind::Lease => return,
        };
        let tally = once(fact.time, &fact.place, amount);
        self.rows.entry((Subject::Deed(deed, fact.outcome), cast)).or_default().add(tally);
    }

    /// All rows, hour by hour, in the order of their times; rows of one time in no order that counts.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::with_capacity(self.rows.len());
        #[expect(
            clippy::iter_over_hash_type,
            reason = "sorted below, and again by what reads them"
        )]
        for (&(subject, cast), hours) in &self.rows {
            let about = match subject {
                Subject::Rule(rule) => self.rules.get(rule as usize).map(About::Rule),
                Subject::Deed(deed, outcome) => Some(About::Deed(deed, outcome)),
            };
            let Some(about) = about else { continue };
            let tallies = hours.kept.values().chain(&hours.rest);
            rows.extend(tallies.map(|tally| Row { about, cast, tally }));
        }
        rows.sort_by(|a, b| (a.tally.first, &a.tally.place).cmp(&(b.tally.first, &b.tally.place)));
        rows
    }
}

fn once(time: Timestamp, place: &Place, amount: Amount) -> Tally {
    Tally { count: 1, first: time, last: time, amount, place: place.clone() }
}
