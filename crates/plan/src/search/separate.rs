//! Looks for rows that a point of the master violates: paths, enforcers, exclusions, needs.

use super::{PATHS_PER_PASS, Search, WORK_PER_PASS};
use crate::case::State;
use crate::master::Var;
use crate::scout::{SHUT, Target};

impl Search<'_, '_> {
    /// Adds every kind of row that a point violates; tells whether there were any.
    pub(super) fn separate(&mut self, at: &[f64]) -> bool {
        let mut lost: Vec<(u32, f64)> = Vec::new();
        let mut enforced: Vec<(u32, f64)> = Vec::new();
        for (variable, &value) in self.master.variables.iter().zip(at) {
            match variable.var {
                Var::Column(column) => {
                    self.scout.close(column, share(value));
                    if value > 1e-6 && !self.case.net.columns[column].enforcers.is_empty() {
                        enforced.push((column, value));
                    }
                }
                Var::Asset(asset) => lost.push((asset, value)),
                Var::Item(_) => {}
            }
        }
        let mut found = self.master.separate_needs(at);
        found |= self.separate_exclusives(&enforced, at);
        found |= self.separate_paths(&lost);
        found |= self.separate_enforcers(&enforced);
        self.scout.reopen(0);
        self.budget.spend(std::mem::take(&mut self.scout.work));
        found
    }

    fn separate_paths(&mut self, lost: &[(u32, f64)]) -> bool {
        let offset = |asset: u32| {
            lost.iter().find(|&&(at, _)| at == asset).map_or(0, |&(_, value)| share(value))
        };
        let mut targets: Vec<Target> = Vec::new();
        for (asset, places) in &self.targets {
            targets.extend(places.iter().map(|&place| (place, offset(*asset))));
        }
        let (mark, mut found) = (self.scout.mark(), false);
        let began = self.scout.work;
        for _ in 0..PATHS_PER_PASS {
            let spent = self.scout.work - began;
            if found && (spent > WORK_PER_PASS || self.budget.is_spent()) {
                break;
            }
            let Some(path) = self.scout.find(&targets, true) else { break };
            let Some(asset) = self.most_open(&path, lost) else { break };
            self.scout.shut_path(&path);
            let cut = !self.case.cutters(&path).is_empty();
            found |= self.master.add_path(path, asset);
            if !cut {
                break;
            }
        }
        self.scout.reopen(mark);
        found
    }

    /// The asset at the end of a path that counts as least lost.
    fn most_open(&self, path: &[u32], lost: &[(u32, f64)]) -> Option<u32> {
        let end = *path.last()?;
        let ending = self.targets.iter().filter(|(_, places)| places.contains(&end));
        let value = |asset: u32| lost.iter().find(|&&(at, _)| at == asset).map_or(0.0, |l| l.1);
        ending.map(|&(asset, _)| asset).min_by(|&a, &b| value(a).total_cmp(&value(b)))
    }

    fn separate_enforcers(&mut self, enforced: &[(u32, f64)]) -> bool {
        let mut found = false;
        for &(column, value) in enforced {
            for &(withdrawal, by) in &self.case.net.columns[column].enforcers {
                let offset = SHUT - share(value);
                if let Some(path) = self.scout.find(&[(by, offset)], false) {
                    found |= self.master.add_enforcer(path, withdrawal);
                }
            }
        }
        found
    }

    fn separate_exclusives(&mut self, enforced: &[(u32, f64)], at: &[f64]) -> bool {
        let mut found = false;
        for &(column, value) in enforced {
            for &(withdrawal, enforcer) in &self.case.net.columns[column].enforcers {
                for &other in &self.case.net.cover[enforcer] {
                    let stops = self.case.net.columns[other].stops.contains(&enforcer);
                    if !stops || self.case.state(other) == State::Fixed {
                        continue;
                    }
                    let known = self.master.find_column(other);
                    let its = known.and_then(|v| at.get(v as usize)).copied().unwrap_or(0.0);
                    if value + its > 1.0 + 1e-6 {
                        found |= self.master.add_exclusive(withdrawal, other);
                    }
                }
            }
        }
        found
    }
}

/// A share of 1 in the scout's fixed point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to 0 to 1 first"
)]
fn share(value: f64) -> u32 {
    (value.clamp(0.0, 1.0) * f64::from(SHUT)) as u32
}
