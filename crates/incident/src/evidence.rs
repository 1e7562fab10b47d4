//! The compact memory of a stream: what happened, to whom, in which hours.
//!
//! One row holds everything that one rule or one sort of fact said about one
//! cast. Per row at most [`MOST_HOURS`] hours are kept, the earliest and the
//! latest; what lies between is counted in sum. So memory is bounded by the
//! number of different things said, not by events, and the same events in any
//! order leave the same memory. Beyond [`MOST_ROWS`] what is new is counted and
//! left out; only then does the order of arrival show.

use std::sync::Arc;

use cordon_model::Timestamp;
use cordon_model::record::{Usual, UsualWhat};
use cordon_model::signal::{
    Amount, ChangeKind, Detection, Fact, FactKind, Mention, Outcome, Place, Rule, Verb,
};
use rustc_hash::FxHashMap;

use crate::table::{CastIx, NameTable};

/// Rows kept, and names and casts: somebody who tries a million invented names fills no more.
const MOST_ROWS: usize = 400_000;
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

/// The hours of a row, in their order.
#[derive(Clone, Debug, Default)]
struct Hours {
    kept: Vec<Tally>,
    /// Everything between the earliest and the latest hours kept.
    rest: Option<Box<Tally>>,
}

impl Hours {
    fn add(&mut self, tally: Tally) {
        let hour = hour_of(&tally);
        match self.kept.binary_search_by_key(&hour, hour_of) {
            Ok(at) => {
                if let Some(known) = self.kept.get_mut(at) {
                    known.add(&tally);
                }
            }
            Err(at) => self.kept.insert(at, tally),
        }
        if self.kept.len() <= MOST_HOURS {
            return;
        }
        // The middle hour is neither among the earliest nor the latest half, nor can it come to be.
        let evicted = self.kept.remove(MOST_HOURS / 2);
        match &mut self.rest {
            Some(rest) => rest.add(&evicted),
            None => self.rest = Some(Box::new(evicted)),
        }
    }

    fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.kept.iter().chain(self.rest.as_deref())
    }
}

/// Hours since 1970; adding to a tally never moves it out of its hour.
fn hour_of(tally: &Tally) -> i64 {
    tally.first.as_second().div_euclid(3600)
}

/// One row's hour, as the reasoning reads it.
#[derive(Clone, Debug)]
pub(crate) struct Row<'e> {
    pub(crate) about: About<'e>,
    pub(crate) cast: CastIx,
    pub(crate) tally: &'e Tally,
    /// Known from a quiet time: something to compare with, no evidence.
    pub(crate) quiet: bool,
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
    /// What earlier quiet times have taught.
    quiet: FxHashMap<(Subject, CastIx), Hours>,
    dropped: u64,
}

impl Evidence {
    pub(crate) fn detection(&mut self, detection: &Detection) {
        // What rules say has room left when facts have none.
        let most = MOST_ROWS + MOST_ROWS / 4;
        let Some(cast) = self.names.observe(&detection.mentions, detection.time, most) else {
            self.dropped += 1;
            return;
        };
        let rule = self.rule(&detection.rule);
        let tally = once(detection.time, &detection.place, Amount::default());
        self.add((Subject::Rule(rule), cast), tally, most);
    }

    fn add(&mut self, row: (Subject, CastIx), tally: Tally, most: usize) {
        if self.rows.len() < most {
            self.rows.entry(row).or_default().add(tally);
        } else if let Some(hours) = self.rows.get_mut(&row) {
            hours.add(tally);
        } else {
            self.dropped += 1;
        }
    }

    /// How many detections and facts found no room, because too many different things were said.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn rule(&mut self, rule: &Arc<Rule>) -> u32 {
        if let Some(&known) = self.rule_index.get(&*rule.id) {
            return known;
        }
        let index = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.rules.push(Arc::clone(rule));
        self.rule_index.insert(rule.id.as_str().into(), index);
        index
    }

    pub(crate) fn fact(&mut self, fact: &Fact) {
        let Some(cast) = self.names.observe(&fact.mentions, fact.time, MOST_ROWS) else {
            self.dropped += 1;
            return;
        };
        // A lease stays with the names.
        let Some((deed, amount)) = deed_of(fact.kind) else { return };
        let tally = once(fact.time, &fact.place, amount);
        self.add((Subject::Deed(deed, fact.outcome), cast), tally, MOST_ROWS);
    }

    /// Takes in what was usual in a quiet time.
    pub(crate) fn remember(&mut self, usual: &Usual) {
        let rules: Vec<u32> =
            usual.rules.iter().map(|rule| self.rule(&Arc::new(rule.clone()))).collect();
        let place = Place { file: "quiet time".into(), record: 0 };
        for row in &usual.rows {
            let subject = match row.what {
                UsualWhat::Rule { rule } => rules.get(rule as usize).copied().map(Subject::Rule),
                UsualWhat::Fact { kind, outcome } => {
                    deed_of(kind).map(|(deed, _)| Subject::Deed(deed, outcome))
                }
            };
            let (Some(subject), Some(first)) = (subject, row.days.first()) else { continue };
            let mentions: Arc<[Mention]> = row.mentions.as_slice().into();
            let Some(cast) = self.names.observe(&mentions, first.first, MOST_ROWS) else {
                continue;
            };
            let hours = self.quiet.entry((subject, cast)).or_default();
            for day in &row.days {
                hours.add(Tally {
                    count: day.count,
                    first: day.first,
                    last: day.last,
                    amount: Amount::default(),
                    place: place.clone(),
                });
            }
        }
    }

    /// All rows, hour by hour, in the order of their times; rows of one time in no order that counts.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::with_capacity(self.rows.len() + self.quiet.len());
        let told = self.rows.iter().map(|row| (row, false));
        for ((&(subject, cast), hours), quiet) in told.chain(self.quiet.iter().map(|r| (r, true))) {
            let about = match subject {
                Subject::Rule(rule) => self.rules.get(rule as usize).map(About::Rule),
                Subject::Deed(deed, outcome) => Some(About::Deed(deed, outcome)),
            };
            let Some(about) = about else { continue };
            rows.extend(hours.tallies().map(|tally| Row { about, cast, tally, quiet }));
        }
        rows.sort_by(|a, b| (a.tally.first, &a.tally.place).cmp(&(b.tally.first, &b.tally.place)));
        rows
    }
}

/// What a fact is kept as, and how much data it moved; nothing for one that only names carry.
fn deed_of(kind: FactKind) -> Option<(Deed, Amount)> {
    match kind {
        FactKind::Logon { remote } => Some((Deed::Logon { remote }, Amount::default())),
        FactKind::Access { verb, amount } => Some((Deed::Access(verb), amount)),
        FactKind::Change { change } => Some((Deed::Change(change), Amount::default())),
        FactKind::Lease => None,
    }
}

fn once(time: Timestamp, place: &Place, amount: Amount) -> Tally {
    Tally { count: 1, first: time, last: time, amount, place: place.clone() }
}
