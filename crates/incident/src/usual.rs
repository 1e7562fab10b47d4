//! What was usual while nobody was inside, to be kept for later judgements.
//!
//! Everything that lies a day or more before the first sign of any foothold and
//! was not a foothold's own doing is quiet time; what a suspect did is so once a
//! week has passed without an incident. What it holds is later compared with (a rule that
//! speaks every week, a sign-in that is routine) and is never evidence. An
//! incident therefore cannot teach that it is usual, and one that is found late
//! is kept out by its beginning, not by its discovery.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::Timestamp;
use cordon_model::record::{Usual, UsualDay, UsualRow, UsualWhat};
use cordon_model::signal::{Amount, FactKind, Mention, Outcome, Role, Rule};
use jiff::SignedDuration;

use crate::evidence::{About, Deed, Evidence, Row};
use crate::names::{EntityIx, Names};
use crate::table::{CastIx, NameTable};

/// Hours before the first sign of an intruder that are not trusted to be quiet.
const MARGIN_HOURS: i64 = 24;
/// Hours after which what a mere suspect did counts as usual, if no incident came of it.
const SETTLED_HOURS: i64 = 7 * 24;
/// Days kept of one row, half of them the earliest and half the latest.
const MOST_DAYS: usize = 16;
/// Rows kept of one quiet time: those seen on most days.
const MOST_ROWS: usize = 20_000;

/// What is quiet.
pub(crate) struct Quiet {
    /// Before this.
    pub(crate) until: Timestamp,
    /// Nothing that one of these did.
    pub(crate) footholds: BTreeSet<EntityIx>,
    /// What one of these did only before `settled`.
    pub(crate) suspects: BTreeSet<EntityIx>,
    pub(crate) settled: Timestamp,
}

impl Quiet {
    /// Draws the line before the first sign of a foothold, or at `now` where there is none.
    pub(crate) fn before(
        first_sign: Option<Timestamp>,
        footholds: BTreeSet<EntityIx>,
        suspects: BTreeSet<EntityIx>,
        now: Timestamp,
    ) -> Self {
        let earlier = |time: Timestamp, hours| {
            time.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN)
        };
        let until = first_sign.map_or(now, |sign| earlier(sign, MARGIN_HOURS).min(now));
        Self { until, footholds, suspects, settled: earlier(now, SETTLED_HOURS) }
    }

    fn holds(&self, row: &Row<'_>, evidence: &Evidence, names: &Names) -> bool {
        if row.quiet || row.tally.last > self.until {
            return false;
        }
        evidence.names.cast(row.cast).is_some_and(|cast| {
            let parts = names.cast(&evidence.names, &cast.parts, row.tally.first);
            let young = row.tally.last > self.settled;
            let theirs = |node: &EntityIx| {
                self.footholds.contains(node) || young && self.suspects.contains(node)
            };
            let did = |role| matches!(role, Role::Actor | Role::Source);
            !parts.iter().any(|(role, node)| did(*role) && theirs(node))
        })
    }
}

/// Gathers what was usual; rows that came from an earlier quiet time are not told again.
pub(crate) fn learn(evidence: &Evidence, names: &Names, quiet: &Quiet) -> Usual {
    let mut rules: BTreeMap<&str, (u32, &Rule)> = BTreeMap::new();
    let mut days: BTreeMap<(What<'_>, CastIx), BTreeMap<i64, UsualDay>> = BTreeMap::new();
    for row in evidence.rows() {
        if !quiet.holds(&row, evidence, names) {
            continue;
        }
        let what = match row.about {
            About::Rule(rule) => {
                let next = u32::try_from(rules.len()).unwrap_or(u32::MAX);
                rules.entry(&rule.id).or_insert((next, rule.as_ref()));
                What::Rule(&rule.id)
            }
            About::Deed(deed, outcome) => What::Fact(deed, outcome),
        };
        let day = row.tally.first.as_second().div_euclid(86_400);
        let (first, last) = (row.tally.first, row.tally.last);
        let known = days.entry((what, row.cast)).or_default();
        let seen = known.entry(day).or_insert(UsualDay { first, last, count: 0 });
        seen.first = seen.first.min(first);
        seen.last = seen.last.max(last);
        seen.count = seen.count.saturating_add(row.tally.count);
    }
    let mut rows: Vec<UsualRow> = days
        .into_iter()
        .filter_map(|((what, cast), days)| {
            let what = match what {
                What::Rule(id) => UsualWhat::Rule { rule: rules.get(id)?.0 },
                What::Fact(deed, outcome) => UsualWhat::Fact { kind: fact_of(deed), outcome },
            };
            let mentions = mentions_of(&evidence.names, cast);
            (!mentions.is_empty()).then(|| UsualRow { what, mentions, days: ends(days) })
        })
        .collect();
    rows.sort_by(|a, b| {
        let key =
            |row: &UsualRow| (std::cmp::Reverse(row.days.len()), row.days.first().map(|d| d.first));
        key(a).cmp(&key(b))
    });
    rows.truncate(MOST_ROWS);
    let mut by_number: Vec<(u32, &Rule)> = rules.into_values().collect();
    by_number.sort_by_key(|(number, _)| *number);
    Usual { rules: by_number.into_iter().map(|(_, rule)| rule.clone()).collect(), rows }
}

/// What a row is about, in an order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What<'e> {
    Rule(&'e str),
    Fact(Deed, Outcome),
}

/// How much data was moved is no habit that anything is compared with.
fn fact_of(deed: Deed) -> FactKind {
    match deed {
        Deed::Logon { remote } => FactKind::Logon { remote },
        Deed::Access(verb) => FactKind::Access { verb, amount: Amount::default() },
        Deed::Change(change) => FactKind::Change { change },
    }
}

fn mentions_of(table: &NameTable, cast: CastIx) -> Vec<Mention> {
    let parts = table.cast(cast).into_iter().flat_map(|cast| &cast.parts);
    parts
        .filter_map(|&(role, group)| {
            let group = table.group(group)?;
            let spellings = group.keys.iter().filter_map(|&key| table.raw_spellings(key).next());
            Some(Mention { kind: group.kind, role, spellings: spellings.map(Box::from).collect() })
        })
        .filter(|mention| !mention.spellings.is_empty())
        .collect()
}

fn ends(days: BTreeMap<i64, UsualDay>) -> Vec<UsualDay> {
    let days: Vec<UsualDay> = days.into_values().collect();
    let Some(middle) = days.len().checked_sub(MOST_DAYS) else { return days };
    let kept = days.iter().take(MOST_DAYS / 2).chain(days.iter().skip(MOST_DAYS / 2 + middle));
    kept.copied().collect()
}
