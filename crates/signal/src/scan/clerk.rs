//! Takes what was read of records, in their order, to the sink.
//!
//! What depends on earlier records happens here and only here: their numbers,
//! the time of a record that has none, what earlier records said and later
//! ones leave out, and correlations.

use std::sync::Arc;

use cordon_model::signal::{Detection, Fact, FactKind, Mention, Outcome};
use jiff::Timestamp;
use rustc_hash::FxHashSet;

use crate::format::Format;
use crate::mention;
use crate::reading::Reading;
use crate::recall::Memory;
use crate::rules::Rules;
use crate::scan::correlate::{Counter, Held};
use crate::scan::found::{Found, Known, Trouble, Whole};
use crate::scan::{Heard, Sink};
use crate::stream::Stream;
use crate::view::View;

/// As many lists of names are kept, to be told again without a copy.
const MOST_TOLD: usize = 16_384;

/// The one who knows what came before.
pub(crate) struct Clerk {
    memory: Memory,
    /// Names as they were told together, to be told again without a copy.
    told: FxHashSet<Arc<[Mention]>>,
    pub(crate) counter: Counter,
}

impl Clerk {
    pub(crate) fn new(counter: Counter) -> Self {
        Self { memory: Memory::default(), told: FxHashSet::default(), counter }
    }

    /// Forgets what came before.
    pub(crate) fn forget(&mut self) {
        self.memory = Memory::default();
        self.counter.forget();
    }

    /// Tells the sink what was found next in a stream.
    pub(crate) fn tell(
        &mut self,
        rules: &Rules,
        stream: &mut Stream,
        found: Found,
        sink: &mut dyn Sink,
    ) {
        match found {
            Found::Known(known) => {
                stream.record += 1;
                self.known(rules, stream, *known, sink);
            }
            Found::Odd { sort, what, remedy, text } => {
                stream.record += 1;
                if let Some(text) = text {
                    sink.unknown(&stream.place(), &text);
                }
                let place = format!("record {}", stream.record);
                stream.problem(sort, place, what.into_owned(), remedy, sink);
            }
            Found::Trouble(Trouble { sort, place, what, remedy, counts }) => {
                stream.record += u64::from(counts);
                stream.problem(sort, place, what, remedy, sink);
            }
        }
    }

    fn known(&mut self, rules: &Rules, stream: &mut Stream, known: Known, sink: &mut dyn Sink) {
        let time = time_of(stream, &known, sink);
        let place = stream.place();
        let source = &known.source;
        sink.event(&Heard { time, format: &known.format.id, source, place: &place });
        known.pairs.into_iter().for_each(|pair| self.memory.keep(pair));
        if let (true, Some(whole)) = (sink.wants_readings(), &known.whole) {
            sink.reading(self.reading(&known.format, whole, time));
        }
        for lease in known.leases {
            if self.memory.is_new_lease(&lease.spellings, time.as_second().div_euclid(3600)) {
                let (kind, outcome) = (FactKind::Lease, Outcome::Success);
                sink.fact(Fact {
                    time,
                    place: place.clone(),
                    kind,
                    outcome,
                    mentions: [lease].into(),
                });
            }
        }
        let Some(mentions) = known.mentions else {
            return;
        };
        let mentions =
            known.whole.map_or(mentions, |whole| self.again(&known.format.flatten, &whole));
        let mentions = self.once(mentions);
        let facts = known.facts.into_iter();
        for (kind, outcome) in facts.filter(|(kind, _)| mention::name_somebody(kind, &mentions)) {
            let mentions = Arc::clone(&mentions);
            sink.fact(Fact { time, place: place.clone(), kind, outcome, mentions });
        }
        for rule in known.rules {
            let mentions = Arc::clone(&mentions);
            sink.detection(Detection { time, place: place.clone(), rule, mentions });
        }
        if let Some(part) = known.part {
            let held = Held { part, source: known.source, mentions };
            self.counter.hold(rules, time, place, held, sink);
        }
    }

    /// Returns the copy of the names that was told before, if there is one.
    fn once(&mut self, mentions: Arc<[Mention]>) -> Arc<[Mention]> {
        if let Some(told) = self.told.get(&mentions) {
            return Arc::clone(told);
        }
        if self.told.len() >= MOST_TOLD {
            self.told.clear();
        }
        self.told.insert(Arc::clone(&mentions));
        mentions
    }

    fn reading(&self, format: &Format, whole: &Whole, time: Timestamp) -> Reading {
        let view = View::new(&whole.record, &format.flatten, &whole.extra);
        Reading::new(format, &whole.routed.class, &view, &self.memory, time)
    }

    /// Reads the names of a record once more, with what earlier records said.
    fn again(&self, flatten: &[String], whole: &Whole) -> Arc<[Mention]> {
        let view = View::new(&whole.record, flatten, &whole.extra);
        mention::mentions(&whole.routed.class, &view, &self.memory)
    }
}

/// The record's time, else that of the record before it.
fn time_of(stream: &mut Stream, known: &Known, sink: &mut dyn Sink) -> Timestamp {
    if let Some(time) = known.time {
        stream.last = time;
        return time;
    }
    let place = format!("record {}", stream.record);
    stream.problem(
        "time",
        place,
        format!("no time that can be read in a record of format `{}`", known.format.id),
        "it counts with the time of the record before it; add the field or its layout to the format",
        sink,
    );
    stream.last
}
