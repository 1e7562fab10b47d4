//! Tolls: what a place under a full cap is worth, found by a few flows.
//!
//! With a toll on every column that a cap counts, and the toll for every place
//! under the cap taken off again, the least cut bounds all plans that keep the
//! cap (Lagrangean relaxation; Held and Karp, 1971). What a cut costs is a line
//! over the toll, whose slope is how many it takes of the cap, so the best toll
//! is where the lines of a cut above the cap and of one within it meet, until
//! no cut lies below that point (Newton steps on a concave function). Cuts
//! within the cap are plans on the way.

use super::Search;
use crate::flow::{Budgets, Flow};

/// Flows for one cap.
const FLOWS: usize = 10;
/// Tolls beyond this say only that no cut keeps the cap.
const DEAREST: i64 = 1 << 50;

/// What a cut costs without tolls, and how often it counts towards the cap.
#[derive(Clone, Copy)]
struct Line {
    base: i64,
    times: i64,
}

impl Search<'_, '_> {
    /// Finds tolls for the caps that a flow's cut exceeds, and the flow that bounds best.
    pub(super) fn tolls(&mut self, first: Flow, over: &[u32]) -> (Flow, Budgets) {
        let caps = vec![0; self.case.net.estate.caps().len()];
        let mut tolls = Budgets { caps, ..Budgets::default() };
        let mut best = first;
        for &cap in over {
            best = self.find_toll(cap, &mut tolls, best);
        }
        (best, tolls)
    }

    fn find_toll(&mut self, cap: u32, tolls: &mut Budgets, first: Flow) -> Flow {
        let most = i64::from(self.case.most(cap));
        let mut above = Line { base: first.value, times: self.times(&first, cap) };
        let mut within: Option<Line> = None;
        let mut best = (first.value, 0, first);
        let mut toll = 8 * self.dearest(cap);
        for _ in 0..FLOWS {
            if toll <= 0 || toll > DEAREST || self.budget.is_spent() {
                break;
            }
            set(tolls, cap, toll);
            let flow = self.push(tolls);
            let times = self.times(&flow, cap);
            let line = Line { base: flow.value - toll * times, times };
            if times > most {
                above = line;
            } else {
                within = Some(line);
            }
            let bound = flow.value - toll * most;
            if bound > best.0 {
                best = (bound, toll, flow);
            }
            let next = within.map_or(toll.saturating_mul(8), |within| {
                (within.base - above.base) / (above.times - within.times).max(1)
            });
            if next == toll {
                break;
            }
            toll = next;
        }
        let (_, toll, flow) = best;
        set(tolls, cap, toll);
        flow
    }

    /// How often a flow's cut counts towards a cap.
    fn times(&self, flow: &Flow, cap: u32) -> i64 {
        let counted = flow.cover.iter().flat_map(|&column| &self.case.net.columns[column].caps);
        counted.filter(|&&(at, _)| at == cap).map(|&(_, times)| i64::from(times)).sum()
    }

    /// The dearest column that a cap counts, in minor units.
    fn dearest(&self, cap: u32) -> i64 {
        let columns = self.case.net.columns.iter().zip(0..);
        let counted = columns.filter(|(column, _)| column.caps.iter().any(|&(at, _)| at == cap));
        let prices = counted.map(|(_, at)| self.case.price(at));
        prices.max().unwrap_or(0).max(self.master.unit)
    }
}

fn set(tolls: &mut Budgets, cap: u32, toll: i64) {
    if let Some(at) = tolls.caps.get_mut(cap as usize) {
        *at = toll;
    }
}
