//! What a set of chosen columns is worth, exactly: losses, stops, guards, money.
//!
//! The solver proposes in floats; this module disposes in integers. No plan
//! leaves the crate without having stood here.

use rustc_hash::FxHashMap;

use crate::case::{Case, State};
use crate::dense::Dense;
use crate::field::Field;
use crate::gates::Fallout;

/// A set of columns and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Chosen columns, ascending.
    pub(crate) chosen: Vec<u32>,
    /// Assets that remain reachable, ascending.
    pub(crate) lost: Vec<u32>,
    /// Stopped services, ascending.
    pub(crate) stopped: Vec<u32>,
    /// Price of the withdrawals, in minor units.
    pub(crate) withdrawals: i64,
    /// Price of the stopped services.
    pub(crate) services: i64,
    /// Losses of the lost assets.
    pub(crate) loss: i64,
    /// Losses of the lost hard assets.
    pub(crate) hard_loss: i64,
    /// Whether no hard asset is lost.
    pub(crate) complete: bool,
    /// Whether nothing is void or forbidden, no cap exceeded, no protected service stopped.
    pub(crate) guarded: bool,
}

impl Standing {
    pub(crate) fn of(case: &Case<'_>, chosen: &[u32]) -> Self {
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        chosen.dedup();
        let field = Field::new(case, &chosen);
        Self::in_field(case, chosen, &field)
    }

    /// As [`Standing::of`], for a field of the same columns; `chosen` is ascending.
    pub(crate) fn in_field(case: &Case<'_>, chosen: Vec<u32>, field: &Field<'_>) -> Self {
        let estate = case.net.estate;
        let stopped = stopped_by(case, &chosen);
        let guarded = keeps_guards(case, &chosen, &stopped)
            && !chosen.iter().any(|&column| {
                case.net.columns[column].enforcers.iter().any(|&(_, by)| field.reaches(by))
            });
        let mut standing = Self {
            withdrawals: chosen.iter().map(|&column| case.price(column)).sum(),
            services: stopped.iter().map(|&service| case.net.weight[service]).sum(),
            chosen,
            lost: Vec::new(),
            stopped,
            loss: 0,
            hard_loss: 0,
            complete: true,
            guarded,
        };
        for (asset, at) in estate.assets().iter().zip(0..) {
            if asset.places().any(|place| field.reaches(place.0)) {
                standing.lost.push(at);
                standing.loss += asset.loss.0;
                if asset.must_hold {
                    standing.hard_loss += asset.loss.0;
                    standing.complete = false;
                }
            }
        }
        standing
    }

    pub(crate) fn total(&self) -> i64 {
        self.cost() + self.loss
    }

    pub(crate) fn cost(&self) -> i64 {
        self.withdrawals + self.services
    }
}

/// Services that stop when columns are chosen, ascending.
pub(crate) fn stopped_by(case: &Case<'_>, chosen: &[u32]) -> Vec<u32> {
    let mut fallout = Fallout::new(&case.net.gates);
    for &column in chosen {
        for &node in &case.net.columns[column].stops {
            fallout.take_down(node);
        }
    }
    let mut stopped = fallout.stopped;
    stopped.sort_unstable();
    stopped
}

/// Tells whether all guards hold but for enforcers that the intruder reaches.
fn keeps_guards(case: &Case<'_>, chosen: &[u32], stopped: &[u32]) -> bool {
    let columns = &case.net.columns;
    let protected = stopped.iter().any(|&service| case.protected[service]);
    let closed = chosen.iter().any(|&column| case.state(column) == State::Fixed);
    let void = chosen.iter().any(|&column| {
        columns[column]
            .enforcers
            .iter()
            .any(|(_, by)| chosen.iter().any(|&other| columns[other].stops.contains(by)))
    });
    !protected && !closed && !void && exceeded(case, chosen).is_empty()
}

/// The caps that a choice exceeds.
pub(crate) fn exceeded(case: &Case<'_>, chosen: &[u32]) -> Vec<u32> {
    let mut counts: Dense<u32> = Dense::filled(0, case.net.estate.caps().len());
    for &column in chosen {
        for &(cap, times) in &case.net.columns[column].caps {
            counts[cap] += times;
        }
    }
    counts.indexes().filter(|&cap| counts[cap] > case.most(cap)).collect()
}

/// Drops every column without which nothing more is lost and no other becomes void,
/// dearest first, and returns what remains with its field.
pub(crate) fn without_useless<'a>(case: &'a Case<'a>, chosen: &[u32]) -> (Vec<u32>, Field<'a>) {
    let net = case.net;
    let assets = net.estate.assets();
    let mut field = Field::new(case, chosen);
    let mut lost = Dense::filled(false, assets.len());
    for &node in field.reached() {
        for &asset in &net.assets_at[node] {
            lost[asset] = true;
        }
    }
    let mut enforces: FxHashMap<u32, u32> = FxHashMap::default();
    for &column in chosen {
        for &(_, by) in &net.columns[column].enforcers {
            *enforces.entry(by).or_default() += 1;
        }
    }
    let mut order = chosen.to_vec();
    order.sort_by_key(|&column| (std::cmp::Reverse(case.price(column)), column));
    let mut kept = Vec::new();
    for column in order {
        for &(_, by) in &net.columns[column].enforcers {
            *enforces.entry(by).or_default() -= 1;
        }
        let mark = field.mark();
        let worth = |asset: &u32| {
            let worth = |a: &cordon_model::estate::Asset| a.must_hold || a.loss.0 > 0;
            !lost[*asset] && assets.get(*asset as usize).is_some_and(worth)
        };
        let stop = |node: u32| {
            enforces.get(&node).is_some_and(|&times| times > 0)
                || net.assets_at[node].iter().any(worth)
        };
        if field.open(column, stop).is_some() {
            field.shut(column, mark);
            kept.push(column);
            for &(_, by) in &net.columns[column].enforcers {
                *enforces.entry(by).or_default() += 1;
            }
        }
    }
    kept.sort_unstable();
    (kept, field)
}
