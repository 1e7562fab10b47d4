//! Completes a choice to a sound plan: cut whatever path is still open where it is cheapest.
//!
//! Keeps the guards at every step, and gives a soft asset up where that is
//! cheaper than the cut. It may fail where the guards leave no step; it never
//! returns something that it knows to be unsound. Every path that it meets is
//! a row for the master.

use cordon_model::estate::Asset;

use rustc_hash::FxHashMap;

use crate::case::{Case, State};
use crate::dense::Dense;
use crate::gates::Fallout;
use crate::goal::Goal;
use crate::master::Master;
use crate::scout::{SHUT, Scout, Target};

/// How to complete.
pub(crate) struct Completion<'a, 'b> {
    pub(crate) case: &'a Case<'a>,
    pub(crate) goal: Goal,
    /// Per column, how much of it the master has already taken: 0 to 1.
    pub(crate) discount: &'b FxHashMap<u32, f64>,
    /// Links that may be looked at before it gives up.
    pub(crate) most: u64,
}

struct Progress<'a> {
    chosen: Vec<u32>,
    fallout: Fallout<'a>,
    caps: Dense<u32>,
    given_up: Vec<u32>,
}

impl<'a> Completion<'a, '_> {
    /// Returns a choice that leaves open only what it gives up, or `None` where it is stuck.
    pub(crate) fn run(
        &self,
        scout: &mut Scout<'a>,
        master: &mut Master<'_>,
        targets: &[(u32, Vec<u32>)],
        proposed: Vec<u32>,
    ) -> Option<Vec<u32>> {
        let mark = scout.mark();
        let mut progress = Progress {
            chosen: Vec::new(),
            fallout: Fallout::new(&self.case.net.gates),
            caps: Dense::filled(0, self.case.net.estate.caps().len()),
            given_up: Vec::new(),
        };
        for column in proposed {
            if self.price_of(column, &mut progress).is_some() {
                Self::take(self.case, column, &mut progress, scout);
            }
        }
        let done = self.cut_all(scout, master, targets, &mut progress);
        scout.reopen(mark);
        done.then_some(progress.chosen)
    }

    fn cut_all(
        &self,
        scout: &mut Scout<'a>,
        master: &mut Master<'_>,
        targets: &[(u32, Vec<u32>)],
        progress: &mut Progress<'a>,
    ) -> bool {
        let began = scout.work;
        while scout.work - began <= self.most {
            let aims: Vec<Target> = targets
                .iter()
                .filter(|(asset, _)| !progress.given_up.contains(asset))
                .flat_map(|(_, places)| places.iter().map(|&place| (place, 0)))
                .collect();
            if let Some(path) = scout.find(&aims, true) {
                let end = path.last().copied();
                let asset = targets.iter().find(|(asset, places)| {
                    end.is_some_and(|end| places.contains(&end))
                        && !progress.given_up.contains(asset)
                });
                let Some(&(asset, _)) = asset else { return false };
                master.add_path(path.clone(), asset);
                if !self.cut_or_give_up(&path, asset, progress, scout) {
                    return false;
                }
                continue;
            }
            let Some((path, withdrawal)) = self.open_enforcer(scout, progress) else {
                return true;
            };
            master.add_enforcer(path.clone(), withdrawal);
            let Some((_, column)) = self.cheapest(&path, progress) else { return false };
            Self::take(self.case, column, progress, scout);
        }
        false
    }

    fn open_enforcer(
        &self,
        scout: &mut Scout<'a>,
        progress: &Progress<'a>,
    ) -> Option<(Vec<u32>, cordon_model::WithdrawalIx)> {
        let columns = &self.case.net.columns;
        progress.chosen.iter().flat_map(|&column| columns[column].enforcers.iter()).find_map(
            |&(withdrawal, by)| scout.find(&[(by, 0)], false).map(|path| (path, withdrawal)),
        )
    }

    fn cut_or_give_up(
        &self,
        path: &[u32],
        asset: u32,
        progress: &mut Progress<'a>,
        scout: &mut Scout<'a>,
    ) -> bool {
        let of = self.case.net.estate.assets().get(asset as usize);
        let Some(of) = of else { return false };
        let loss = (!self.goal.is_closed(of)).then(|| self.goal.loss(of));
        let cheapest = self.cheapest(path, progress);
        match (cheapest, loss) {
            (None, None) => false,
            (Some((price, column)), loss) if self.must_cut(of, price, loss) => {
                Self::take(self.case, column, progress, scout);
                true
            }
            (_, _) => {
                progress.given_up.push(asset);
                true
            }
        }
    }

    /// Whether a path is to be cut at this price rather than its asset given up.
    fn must_cut(&self, asset: &Asset, price: f64, loss: Option<i64>) -> bool {
        let bearable = |loss| price > crate::master::float(loss);
        !self.goal.counts_cost() || self.goal.limits(asset) || !loss.is_some_and(bearable)
    }

    fn cheapest(&self, path: &[u32], progress: &mut Progress<'a>) -> Option<(f64, u32)> {
        let mut best: Option<(f64, u32)> = None;
        for column in self.case.cutters(path) {
            if let Some(price) = self.price_of(column, progress)
                && best.is_none_or(|(known, _)| price < known)
            {
                best = Some((price, column));
            }
        }
        best
    }

    /// What one more column costs now, or `None` where a guard forbids it.
    fn price_of(&self, column: u32, progress: &mut Progress<'a>) -> Option<f64> {
        let (case, of) = (self.case, &self.case.net.columns[column]);
        let fits = |&(cap, times): &(u32, u32)| progress.caps[cap] + times <= case.most(cap);
        let void = |&other: &u32| {
            let other = &case.net.columns[other];
            of.enforcers.iter().any(|(_, by)| other.stops.contains(by))
                || other.enforcers.iter().any(|(_, by)| of.stops.contains(by))
        };
        if case.state(column) != State::Open
            || !of.caps.iter().all(fits)
            || progress.chosen.iter().any(void)
        {
            return None;
        }
        let (mark, before) = (progress.fallout.mark(), progress.fallout.stopped.len());
        for &node in &of.stops {
            progress.fallout.take_down(node);
        }
        let stopped = progress.fallout.stopped.get(before..).unwrap_or(&[]);
        let protected = stopped.iter().any(|&service| case.protected[service]);
        let services: i64 = stopped.iter().map(|&service| case.net.weight[service]).sum();
        progress.fallout.undo(mark);
        let price = crate::master::float(case.price(column) + services);
        (!protected).then(|| price * (1.0 - self.discount.get(&column).copied().unwrap_or(0.0)))
    }

    fn take(case: &Case<'a>, column: u32, progress: &mut Progress<'a>, scout: &mut Scout<'a>) {
        let of = &case.net.columns[column];
        for &node in &of.stops {
            progress.fallout.take_down(node);
        }
        for &(cap, times) in &of.caps {
            progress.caps[cap] += times;
        }
        progress.chosen.push(column);
        scout.close(column, SHUT);
    }
}
