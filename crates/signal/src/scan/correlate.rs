//! Correlation rules, fed in the order of time.
//!
//! Files are read one after another, so what two logs say together is read far
//! apart. Records that count for a correlation are few: they are held back
//! until the end of the scan (or until the caller says how far time has come)
//! and then counted in the order of their times, whatever order they were read
//! in. A record that comes twice counts once. When too many are held, the
//! older half is counted early, and that is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cordon_model::signal::{Detection, Mention, Place};
use jiff::Timestamp;
use rsigma_eval::JsonEvent;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::problem::problem;
use crate::rules::{Correlator, Rules, TICKS};
use crate::scan::Sink;
use crate::scan::found::Part;

/// As many records are held back.
const MOST_HELD: usize = 100_000;
/// As many counted records are remembered, to know them when they come again.
const MOST_KNOWN: usize = 200_000;

/// Brings what counts for correlations into the order of time.
pub(crate) struct Counter {
    correlator: Correlator,
    held: BTreeMap<Key, Held>,
    prints: FxHashMap<u64, Key>,
    counted: Counted,
    most: usize,
    told: bool,
}

/// The order in which records count: by time, then by where they stand.
type Key = (Timestamp, Arc<str>, u64);

/// A record that counts for a correlation.
pub(crate) struct Held {
    pub(crate) part: Box<Part>,
    pub(crate) source: Arc<str>,
    pub(crate) mentions: Arc<[Mention]>,
}

/// Prints of records that were counted, the last so many.
#[derive(Default)]
struct Counted {
    prints: FxHashSet<u64>,
    order: VecDeque<u64>,
}

impl Counter {
    pub(crate) fn new(correlator: Correlator) -> Self {
        Self {
            correlator,
            held: BTreeMap::new(),
            prints: FxHashMap::default(),
            counted: Counted::default(),
            most: MOST_HELD,
            told: false,
        }
    }

    /// Forgets every record, counted or held back.
    pub(crate) fn forget(&mut self) {
        self.correlator.forget();
        self.held.clear();
        self.prints.clear();
        self.counted = Counted::default();
        self.told = false;
    }

    /// Holds a record back until its time has come.
    pub(crate) fn hold(
        &mut self,
        rules: &Rules,
        time: Timestamp,
        place: Place,
        held: Held,
        sink: &mut dyn Sink,
    ) {
        let print = print_of(time, &held);
        let key = (time, place.file, place.record);
        if self.counted.prints.contains(&print) {
            return;
        }
        if let Some(known) = self.prints.get(&print) {
            if *known <= key {
                return;
            }
            self.held.remove(known);
        }
        self.prints.insert(print, key.clone());
        self.held.insert(key, held);
        if self.held.len() > self.most {
            self.make_room(rules, sink);
        }
    }

    fn make_room(&mut self, rules: &Rules, sink: &mut dyn Sink) {
        let Some(until) = self.held.keys().nth(self.most / 2).map(|(time, ..)| *time) else {
            return;
        };
        if !self.told {
            self.told = true;
            sink.problem(problem(
                "correlation rules",
                "",
                format!("more than {} records count for correlations at once", self.most),
                "those of the earliest times were counted before all logs were read; scan fewer logs at a time, or narrow the rules that correlations refer to",
            ));
        }
        self.settle(rules, until, sink);
    }

    /// Counts the records up to a time and tells what they say together.
    pub(crate) fn settle(&mut self, rules: &Rules, until: Timestamp, sink: &mut dyn Sink) {
        while let Some(entry) = self.held.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let (key, held) = entry.remove_entry();
            let print = print_of(key.0, &held);
            self.prints.remove(&print);
            self.counted.keep(print);
            self.count(rules, key, held, sink);
        }
    }

    fn count(&mut self, rules: &Rules, key: Key, held: Held, sink: &mut dyn Sink) {
        let (time, file, record) = key;
        let ticks = time.as_second() * TICKS + i64::from(time.subsec_microsecond());
        let event = JsonEvent::borrow(&held.part.fields);
        let found = self.correlator.process_with_detections(&event, held.part.results, ticks);
        let correlations = found.iter().filter(|result| result.is_correlation());
        for id in correlations.filter_map(|result| result.header.rule_id.as_deref()) {
            if let Some(rule) = rules.rule(id).filter(|_| !rules.silent.contains(id)) {
                let place = Place { file: Arc::clone(&file), record };
                let (rule, mentions) = (Arc::clone(rule), Arc::clone(&held.mentions));
                sink.detection(Detection { time, place, rule, mentions });
            }
        }
    }
}

/// Same content, same log, same time: the same record.
fn print_of(time: Timestamp, held: &Held) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = rustc_hash::FxHasher::default();
    (held.part.print, time.as_nanosecond(), &held.source).hash(&mut hasher);
    hasher.finish()
}

impl Counted {
    fn keep(&mut self, print: u64) {
        if !self.prints.insert(print) {
            return;
        }
        self.order.push_back(print);
        if self.order.len() > MOST_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.prints.remove(&oldest);
        }
    }
}
