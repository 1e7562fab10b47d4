//! What one group of a correlation keeps, and whether a window of it is complete.
//!
//! Events lie in lanes, sorted by time: one lane per rule where the rules are
//! told apart, else one lane. A new event can only complete windows that end at
//! it or, if it came late, at an event within the span after it. In the usual
//! order only the newest window is looked at, and its figure is carried along.

use std::collections::VecDeque;

use rsigma_parser::{ConditionOperator, CorrelationType};
use rustc_hash::FxHashMap;

use super::prepare::{Correlation, Wanted, least, meets};

/// Of so many firings a group remembers when they were.
const FIRINGS: usize = 64;
/// Events kept where every window is sorted by value.
const SORTED_ENTRIES: usize = 1_000;

/// An event of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// In ticks.
    pub(crate) time: i64,
    /// Two entries of one time and one identity are one event.
    pub(crate) identity: u64,
    /// The hash of what is told apart, or the bits of what is added up.
    pub(crate) value: u64,
}

/// The events of one group.
#[derive(Default)]
pub(crate) struct Group {
    /// When it was last used, on the correlator's own clock.
    pub(crate) touched: u64,
    lanes: Vec<VecDeque<Entry>>,
    /// Ends of the windows that fired, the oldest first.
    fired: Vec<i64>,
    newest: Option<Window>,
}

/// A run of entries of one lane with its figure.
#[derive(Default)]
struct Window {
    start: usize,
    /// One beyond the last.
    end: usize,
    different: FxHashMap<u64, u32>,
    sum: f64,
}

impl Group {
    /// Returns how many events are kept.
    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    /// Adds an event. If it completes a window, returns the time of that
    /// window's last event.
    pub(crate) fn add(
        &mut self,
        correlation: &Correlation,
        part: usize,
        entry: Entry,
        cap: usize,
    ) -> Option<i64> {
        let number = if correlation.is_temporal() { part } else { 0 };
        if self.lanes.len() <= number {
            self.lanes.resize_with(number + 1, VecDeque::new);
        }
        let cap = if needs_sorting(correlation.kind) { cap.min(SORTED_ENTRIES) } else { cap };
        let lane = self.lanes.get_mut(number)?;
        let at = insert(lane, entry)?;
        let at = if lane.len() > cap {
            let oldest = lane.pop_front()?;
            if let Some(newest) = &mut self.newest {
                newest.lose_first(&oldest);
            }
            at.checked_sub(1)?
        } else {
            at
        };
        let end = if correlation.is_temporal() {
            self.temporal_end(correlation, number, entry.time)
        } else {
            self.figure_end(correlation, at)
        }?;
        if self.fired.len() >= FIRINGS {
            self.fired.remove(0);
        }
        self.fired.push(end);
        Some(end)
    }

    fn rests(&self, correlation: &Correlation, end: i64) -> bool {
        self.fired.iter().any(|fired| fired.abs_diff(end) < correlation.span.unsigned_abs())
    }

    /// Finds the first complete window that ends at or after the entry `at`.
    fn figure_end(&mut self, correlation: &Correlation, at: usize) -> Option<i64> {
        let Wanted::Figure(predicates, rank) = &correlation.wanted else {
            return None;
        };
        let lane = self.lanes.first()?;
        let latest = lane.get(at)?.time.saturating_add(correlation.span);
        let late = at + 1 < lane.len();
        let mut window = self.newest.take().filter(|newest| !late && newest.end <= at);
        let mut complete = None;
        for last in at..lane.len() {
            let Some(end) = lane.get(last).map(|entry| entry.time).filter(|end| *end <= latest)
            else {
                break;
            };
            let start = lane.partition_point(|entry| entry.time < end - correlation.span);
            if self.rests(correlation, end)
                || too_few(correlation.kind, predicates, last + 1 - start)
            {
                continue;
            }
            let window =
                window.get_or_insert_with(|| Window { start, end: start, ..Window::default() });
            window.slide(lane, start, last + 1);
            let figure = window.figure(correlation.kind, *rank, lane);
            if figure.is_some_and(|figure| meets(predicates, figure)) {
                complete = Some(end);
                break;
            }
        }
        self.newest = window.filter(|_| !late);
        complete
    }

    /// Finds the first complete window that ends within the span after `time`.
    fn temporal_end(&self, correlation: &Correlation, lane: usize, time: i64) -> Option<i64> {
        let ordered = correlation.kind == CorrelationType::TemporalOrdered;
        let last = correlation.parts.len() - 1;
        if matches!(correlation.wanted, Wanted::All) && self.lanes.len() <= last {
            return None;
        }
        let latest = time.saturating_add(correlation.span);
        let ends_in = |lane: &VecDeque<Entry>| {
            let from = lane.partition_point(|entry| entry.time < time);
            lane.range(from..).take_while(|entry| entry.time <= latest).copied().collect::<Vec<_>>()
        };
        let mut ends: Vec<Entry> = if ordered {
            self.lanes.get(last).map(ends_in).unwrap_or_default()
        } else {
            self.lanes.iter().flat_map(ends_in).collect()
        };
        ends.sort_by_key(|entry| (entry.time, entry.identity));
        debug_assert!(ordered || !ends.is_empty(), "the new entry of lane {lane} is among them");
        let complete = ends.into_iter().find(|end| {
            !self.rests(correlation, end.time) && self.is_complete(correlation, ordered, *end)
        });
        complete.map(|end| end.time)
    }

    fn is_complete(&self, correlation: &Correlation, ordered: bool, end: Entry) -> bool {
        let start = end.time.saturating_sub(correlation.span);
        let occurs = |part: usize| {
            self.lanes.get(part).is_some_and(|lane| {
                let from = lane.partition_point(|entry| entry.time < start);
                lane.get(from).is_some_and(|entry| entry.time <= end.time)
            })
        };
        let parts = correlation.parts.len();
        let wanted = match &correlation.wanted {
            Wanted::All => (0..parts).all(occurs),
            Wanted::Parts(predicates) => {
                meets(predicates, (0..parts).filter(|part| occurs(*part)).count() as f64)
            }
            Wanted::Expression(expression) => expression.holds(&occurs),
            Wanted::Figure(..) => false,
        };
        wanted && (!ordered || self.in_order(parts, start, end))
    }

    /// Goes back from the last event, taking of each rule the latest event that
    /// is not later: if that begins too early, no other choice helps.
    fn in_order(&self, parts: usize, start: i64, end: Entry) -> bool {
        let mut next = end;
        (0..parts - 1).rev().all(|part| {
            let before = self.lanes.get(part).and_then(|lane| {
                let upto = lane.partition_point(|entry| entry.time <= next.time);
                lane.range(..upto).rev().find(|entry| entry.identity != next.identity)
            });
            before.is_some_and(|entry| {
                next = *entry;
                entry.time >= start
            })
        })
    }
}

fn needs_sorting(kind: CorrelationType) -> bool {
    matches!(kind, CorrelationType::ValuePercentile | CorrelationType::ValueMedian)
}

/// Tells without a look at the values that a window cannot count enough.
fn too_few(kind: CorrelationType, predicates: &[(ConditionOperator, f64)], entries: usize) -> bool {
    matches!(kind, CorrelationType::EventCount | CorrelationType::ValueCount)
        && (entries as f64) < least(predicates)
}

/// Puts an entry in its place by time. None if it is there already.
fn insert(lane: &mut VecDeque<Entry>, entry: Entry) -> Option<usize> {
    let at = lane.partition_point(|other| other.time <= entry.time);
    let alike = lane.range(..at).rev().take_while(|other| other.time == entry.time);
    if alike.into_iter().any(|other| other.identity == entry.identity) {
        return None;
    }
    lane.insert(at, entry);
    Some(at)
}

impl Window {
    /// Moves to the entries `start..end`; neither moves back.
    fn slide(&mut self, lane: &VecDeque<Entry>, start: usize, end: usize) {
        let (start, end) = (start.max(self.start), end.max(self.end));
        for entry in lane.range(self.end.min(end)..end) {
            *self.different.entry(entry.value).or_default() += 1;
            self.sum += f64::from_bits(entry.value);
        }
        lane.range(self.start..start).for_each(|entry| self.leave_out(entry));
        (self.start, self.end) = (start, end);
    }

    fn leave_out(&mut self, entry: &Entry) {
        if let Some(count) = self.different.get_mut(&entry.value) {
            *count -= 1;
            if *count == 0 {
                self.different.remove(&entry.value);
            }
        }
        self.sum -= f64::from_bits(entry.value);
    }

    /// The oldest entry of the lane is gone.
    fn lose_first(&mut self, entry: &Entry) {
        if self.start > 0 {
            self.start -= 1;
        } else if self.end > 0 {
            self.leave_out(entry);
        }
        self.end = self.end.saturating_sub(1);
    }

    fn figure(
        &self,
        kind: CorrelationType,
        rank: Option<f64>,
        lane: &VecDeque<Entry>,
    ) -> Option<f64> {
        let count = (self.end - self.start) as f64;
        Some(match kind {
            CorrelationType::EventCount => count,
            CorrelationType::ValueCount => self.different.len() as f64,
            CorrelationType::ValueSum => self.sum,
            CorrelationType::ValueAvg => self.sum / count,
            CorrelationType::ValueMedian => self.percentile(50.0, lane),
            CorrelationType::ValuePercentile => self.percentile(rank.unwrap_or(50.0), lane),
            CorrelationType::Temporal | CorrelationType::TemporalOrdered => return None,
        })
    }

    /// Interpolates between the two nearest values, as most statistics programs do.
    fn percentile(&self, rank: f64, lane: &VecDeque<Entry>) -> f64 {
        let entries = lane.range(self.start..self.end);
        let mut values: Vec<f64> = entries.map(|entry| f64::from_bits(entry.value)).collect();
        values.sort_by(f64::total_cmp);
        let position = rank.clamp(0.0, 100.0) / 100.0 * (values.len().max(1) - 1) as f64;
        let mut near = values.iter().enumerate().filter_map(|(number, value)| {
            let weight = 1.0 - (number as f64 - position).abs();
            (weight > 0.0).then_some(weight * value)
        });
        near.by_ref().sum()
    }
}
