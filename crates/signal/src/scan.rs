//! The scanner: records in; events, facts, detections and problems out.
//!
//! A [`Scanner`] holds the formats, the rules and what it has learned of the
//! kinds of records seen. It does not know where records come from: files and
//! archives are opened by [`crate::Input`], the live loop and the drill hand
//! over bytes. What it finds goes to a [`Sink`] at once and is not kept.

use std::borrow::Cow;
use std::sync::Arc;

use cordon_model::signal::{Detection, Fact, FactKind, Mention, Outcome, Place, Problem, Rule};
use jiff::Timestamp;
use rsigma_eval::EvaluationResult;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::class::Class;
use crate::format::{Format, Formats};
use crate::json::Json;
use crate::mention;
use crate::reading::Reading;
use crate::recall::Memory;
use crate::rules::{Rules, TICKS};
use crate::stream::Stream;
use crate::view::{Found, View};

/// At most this many kinds of records are kept settled; more are settled anew each time.
const CLASSES: usize = 16_384;
/// At most this many different sources are told apart.
const SOURCES: usize = 65_536;
/// Longer keys and source names are not kept.
const LONGEST_KEY: usize = 512;

/// What a scan finds, in the order of the records.
pub trait Sink {
    /// A record was recognised.
    fn event(&mut self, _event: &Heard<'_>) {}
    /// A rule matched.
    fn detection(&mut self, _detection: Detection) {}
    /// A record states a fact.
    fn fact(&mut self, _fact: Fact) {}
    /// Something could not be read or understood.
    fn problem(&mut self, _problem: Problem) {}
    /// Tells whether this sink wants all that is read from each record, and each unknown one.
    fn wants_readings(&self) -> bool {
        false
    }
    /// All that a recognised record says, if that is wanted.
    fn reading(&mut self, _reading: Reading) {}
    /// A record that no format knows, if readings are wanted.
    fn unknown(&mut self, _place: &Place, _text: &str) {}
    /// So many bytes of the input were read (compressed bytes for compressed files).
    fn progress(&mut self, _bytes: u64) {}
}

/// One recognised record, for counts and for "when was each source last heard".
#[derive(Clone, Debug)]
pub struct Heard<'a> {
    /// When it happened.
    pub time: Timestamp,
    /// The id of its format.
    pub format: &'a str,
    /// The log that it belongs to: `security:dc1.north.example`, `pgaudit:members`.
    pub source: &'a Arc<str>,
    /// Where it stood.
    pub place: &'a Place,
}

/// Reads records by their formats and matches them with rules.
pub struct Scanner {
    pub(crate) formats: Formats,
    rules: Rules,
    memory: Memory,
    classes: FxHashMap<Box<str>, Arc<Routed>>,
    sources: FxHashSet<Arc<str>>,
    key: String,
}

/// A class with the engines that its records go to.
struct Routed {
    class: Class,
    engines: Vec<usize>,
    /// Engines that depend on further fields, in the order of `class.maybe`.
    maybe: Vec<Vec<usize>>,
}

impl Scanner {
    /// Makes a scanner of formats and rules.
    pub fn new(formats: Formats, rules: Rules) -> Self {
        Self {
            formats,
            rules,
            memory: Memory::default(),
            classes: FxHashMap::default(),
            sources: FxHashSet::default(),
            key: String::new(),
        }
    }

    /// Returns the rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the rules that one record sets off, and what was wrong with it.
    ///
    /// Correlations count what this scanner has seen before.
    pub fn fired(&mut self, record: &str) -> (Vec<Arc<Rule>>, Vec<Problem>) {
        #[derive(Default)]
        struct Fired(Vec<Arc<Rule>>, Vec<Problem>);
        impl Sink for Fired {
            fn detection(&mut self, detection: Detection) {
                self.0.push(detection.rule);
            }
            fn problem(&mut self, problem: Problem) {
                self.1.push(problem);
            }
        }
        let mut fired = Fired::default();
        let mut stream = Stream::new("record");
        self.line(&mut stream, record.as_bytes(), &mut fired);
        stream.finish(&mut fired);
        (fired.0, fired.1)
    }

    /// Returns the formats.
    pub fn formats(&self) -> &Formats {
        &self.formats
    }

    /// A record of a known format: event, facts, detections.
    pub(crate) fn known(
        &mut self,
        stream: &mut Stream,
        number: usize,
        format: &Format,
        record: &Json<'_>,
        envelope: &Json<'_>,
        sink: &mut dyn Sink,
    ) {
        let extra = format.extracted(record);
        let view = View::new(record, &format.flatten, &extra);
        let routed = self.class_of(number, format, &view);
        let time = time_of(stream, format, &routed.class, &view, envelope, sink);
        let place = stream.place();
        sink.event(&Heard {
            time,
            format: &format.id,
            source: &self.source_of(format, &routed.class, &view),
            place: &place,
        });
        self.memory.learn(&routed.class, &view);
        if sink.wants_readings() {
            let read = Reading::new(format, &routed.class, &view, &self.memory, time);
            sink.reading(read);
        }
        for mentions in mention::leases(&routed.class, &view, &mut self.memory, time) {
            sink.fact(Fact {
                time,
                place: place.clone(),
                kind: FactKind::Lease,
                outcome: Outcome::Success,
                mentions,
            });
        }
        let results = self.evaluate(&routed, &view, time);
        let facts = mention::facts(&routed.class, &view);
        if results.is_empty() && facts.is_empty() {
            return;
        }
        let mentions = mention::mentions(&routed.class, &view, &self.memory);
        let facts = facts.into_iter().filter(|(kind, _)| mention::name_somebody(kind, &mentions));
        for (kind, outcome) in facts {
            sink.fact(Fact {
                time,
                place: place.clone(),
                kind,
                outcome,
                mentions: Arc::clone(&mentions),
            });
        }
        self.tell(results, time, &place, &mentions, sink);
    }

    fn tell(
        &self,
        results: Vec<EvaluationResult>,
        time: Timestamp,
        place: &Place,
        mentions: &Arc<[Mention]>,
        sink: &mut dyn Sink,
    ) {
        for result in results {
            let id = result.header.rule_id.as_deref().unwrap_or_default();
            if self.rules.silent.contains(id) {
                continue;
            }
            if let Some(rule) = self.rules.rule(id) {
                sink.detection(Detection {
                    time,
                    place: place.clone(),
                    rule: Arc::clone(rule),
                    mentions: Arc::clone(mentions),
                });
            }
        }
    }

    fn evaluate(
        &mut self,
        routed: &Routed,
        view: &View<'_>,
        time: Timestamp,
    ) -> Vec<EvaluationResult> {
        let mut results = Vec::new();
        let field = |path: &str| view.text(&routed.class, path);
        let further = routed
            .class
            .maybe
            .iter()
            .zip(&routed.maybe)
            .filter(|((condition, _), _)| condition.holds(&field))
            .flat_map(|(_, engines)| engines);
        let mut seen = routed.engines.clone();
        for engine in further {
            if !seen.contains(engine) {
                seen.push(*engine);
            }
        }
        for number in seen {
            if let Some(of_rules) = self.rules.engines.get(number) {
                let event = view.as_event(&routed.class, Some(&of_rules.shape));
                results.extend(of_rules.engine.evaluate(&event));
            }
        }
        let part = |result: &EvaluationResult| {
            result.header.rule_id.as_ref().is_some_and(|id| self.rules.parts.contains(id))
        };
        if !results.iter().any(part) {
            return results;
        }
        let ticks = time.as_second() * TICKS + i64::from(time.subsec_microsecond());
        let event = view.as_event(&routed.class, None);
        self.rules.correlation.process_with_detections(&event, results, ticks)
    }

    fn class_of(&mut self, number: usize, format: &Format, view: &View<'_>) -> Arc<Routed> {
        self.key.clear();
        self.key.push_str(&number.to_string());
        let mut values: smallvec::SmallVec<[Option<Cow<'_, str>>; 3]> = smallvec::SmallVec::new();
        for name in &format.keys {
            let value = key_value(format, view, name);
            self.key.push('\u{1f}');
            self.key.push_str(value.as_deref().unwrap_or_default());
            values.push(value);
        }
        if let Some(routed) = self.classes.get(self.key.as_str()) {
            return Arc::clone(routed);
        }
        let keys: Vec<(&str, Option<&str>)> = format
            .keys
            .iter()
            .map(String::as_str)
            .zip(values.iter().map(Option::as_deref))
            .collect();
        let class = Class::new(format, &keys);
        let routed = Arc::new(Routed {
            engines: self.rules.engines_for(&class.logsources),
            maybe: class
                .maybe
                .iter()
                .map(|(_, logsources)| self.rules.engines_for(logsources))
                .collect(),
            class,
        });
        if self.classes.len() < CLASSES && self.key.len() < LONGEST_KEY {
            self.classes.insert(self.key.as_str().into(), Arc::clone(&routed));
        }
        routed
    }

    /// Returns the name of the log that the record belongs to.
    fn source_of(&mut self, format: &Format, class: &Class, view: &View<'_>) -> Arc<str> {
        let field = |path: &str| class.unless_blank(view.text(class, path));
        let name = class
            .source
            .as_ref()
            .and_then(|source| source.render(&field))
            .filter(|name| name.len() < LONGEST_KEY)
            .unwrap_or_else(|| format.id.clone());
        if let Some(known) = self.sources.get(name.as_str()) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        if self.sources.len() < SOURCES {
            self.sources.insert(Arc::clone(&name));
        }
        name
    }
}

/// Reads the record's time; an envelope's counts where the record has none.
fn time_of(
    stream: &mut Stream,
    format: &Format,
    class: &Class,
    view: &View<'_>,
    envelope: &Json<'_>,
    sink: &mut dyn Sink,
) -> Timestamp {
    let own = |path: &str| view.text(class, path);
    let outer = |path: &str| envelope.at(path).and_then(Json::text);
    if let Some(time) = format.time.read(&own).or_else(|| format.time.read(&outer)) {
        stream.last = time;
        return time;
    }
    let place = format!("record {}", stream.record);
    stream.problem(
        "time",
        place,
        format!("no time that can be read in a record of format `{}`", format.id),
        "it counts with the time of the record before it; add the field or its layout to the format",
        sink,
    );
    stream.last
}

/// A key field's value, by the names that the format gives it (the class is not known yet).
fn key_value<'a>(format: &Format, view: &View<'a>, name: &str) -> Option<Cow<'a, str>> {
    let aliases = format
        .aliases
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, aliases)| aliases.as_slice())
        .unwrap_or_default();
    aliases
        .iter()
        .find_map(|alias| view.alias(alias))
        .or_else(|| view.raw(name).map(Found::Here))
        .and_then(|found| match found {
            Found::Here(value) => value.text(),
            Found::Made(text) => Some(Cow::Owned(text)),
        })
}

#[cfg(test)]
mod tests;
