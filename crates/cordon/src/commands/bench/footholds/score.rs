//! How well footholds fit the truth: precision, recall, F1 and a weighted error.

use std::collections::BTreeSet;

use cordon_incident::{Assessment, Foothold, FootholdKind};
use serde::Serialize;

use super::truth::{Truth, named};

/// What missing or wrongly naming one node of a sort weighs.
struct Weights {
    missed: usize,
    wrong: usize,
}

/// The sorts of nodes that are scored apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sort {
    Accounts,
    Hosts,
    Credentials,
    Addresses,
}

impl Sort {
    pub(super) const ALL: [Self; 4] =
        [Self::Accounts, Self::Hosts, Self::Credentials, Self::Addresses];

    pub(super) fn of(kind: FootholdKind) -> Self {
        match kind {
            FootholdKind::User | FootholdKind::App => Self::Accounts,
            FootholdKind::Host => Self::Hosts,
            FootholdKind::Key => Self::Credentials,
            FootholdKind::Address => Self::Addresses,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Hosts => "hosts",
            Self::Credentials => "credentials",
            Self::Addresses => "addresses",
        }
    }

    fn kind(self) -> FootholdKind {
        match self {
            Self::Accounts => FootholdKind::User,
            Self::Hosts => FootholdKind::Host,
            Self::Credentials => FootholdKind::Key,
            Self::Addresses => FootholdKind::Address,
        }
    }

    /// A missed credential of the intruder leaves him inside; an innocent account locked out
    /// costs a person the day, an innocent host is put back sooner.
    fn weights(self) -> Weights {
        match self {
            Self::Accounts | Self::Credentials => Weights { missed: 3, wrong: 2 },
            Self::Hosts => Weights { missed: 0, wrong: 1 },
            Self::Addresses => Weights { missed: 0, wrong: 0 },
        }
    }
}

/// Counts of one sort in one file, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Score {
    pub(super) hit: usize,
    pub(super) missed: usize,
    /// Of those missed, how many no record of the log names.
    pub(super) unnamed: usize,
    pub(super) wrong: usize,
    /// A missed credential 3, an innocent account or credential 2, an innocent host 1.
    pub(super) error: usize,
}

impl Score {
    pub(super) fn add(&mut self, other: Self) {
        self.hit += other.hit;
        self.missed += other.missed;
        self.unnamed += other.unnamed;
        self.wrong += other.wrong;
        self.error += other.error;
    }

    pub(super) fn precision(self) -> f64 {
        ratio(self.hit, self.hit + self.wrong)
    }

    pub(super) fn recall(self) -> f64 {
        ratio(self.hit, self.hit + self.missed)
    }

    pub(super) fn f1(self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        if p + r == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) }
    }

    /// Whether the truth or the answer has anything of this sort.
    pub(super) fn says_something(self) -> bool {
        self.hit + self.missed + self.wrong > 0
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let number = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if whole == 0 { 1.0 } else { number(part) / number(whole) }
}

/// Scores a judgement against the truth, sort by sort.
pub(super) fn score(
    assessment: &Assessment,
    truth: &Truth,
    is_named: &dyn Fn(FootholdKind, &str) -> bool,
) -> [(Sort, Score); 4] {
    Sort::ALL.map(|sort| (sort, one(sort, &assessment.footholds, truth, is_named)))
}

fn one(
    sort: Sort,
    footholds: &[Foothold],
    truth: &Truth,
    is_named: &dyn Fn(FootholdKind, &str) -> bool,
) -> Score {
    let names = truth.of_kind(sort.kind());
    let mut found: BTreeSet<&String> = BTreeSet::new();
    let mut score = Score::default();
    for foothold in footholds.iter().filter(|foothold| Sort::of(foothold.kind) == sort) {
        match named(&foothold.aliases, foothold.kind, names) {
            Some(name) => drop(found.insert(name)),
            None if named(&foothold.aliases, foothold.kind, &truth.neutral).is_some() => {}
            None => score.wrong += 1,
        }
    }
    let missed: Vec<&String> = names.iter().filter(|name| !found.contains(name)).collect();
    score.hit = found.len();
    score.missed = missed.len();
    score.unnamed = missed.iter().filter(|name| !is_named(sort.kind(), name)).count();
    let weights = sort.weights();
    score.error = score.missed * weights.missed + score.wrong * weights.wrong;
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_ratios_of_counts() {
        let mut score = Score { hit: 3, missed: 1, unnamed: 1, wrong: 2, error: 7 };
        assert_eq!((score.precision(), score.recall()), (0.6, 0.75));
        assert!((score.f1() - 2.0 / 3.0).abs() < 1e-12);
        score.add(score);
        assert_eq!((score.hit, score.error), (6, 14));
        let nothing = Score::default();
        assert_eq!((nothing.precision(), nothing.recall(), nothing.f1()), (1.0, 1.0, 1.0));
        let all_missed = Score { missed: 2, ..nothing };
        assert_eq!(all_missed.f1(), 0.0);
    }
}
