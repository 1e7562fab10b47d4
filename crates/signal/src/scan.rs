//! The scanner: records in; events, facts, detections and problems out.
//!
//! A [`Scanner`] holds the formats, the rules and what it has learned of the
//! kinds of records seen. It does not know where records come from: files and
//! archives are opened by [`crate::Input`], the live loop and the drill hand
//! over bytes. What it finds goes to a [`Sink`] at once and is not kept.

use std::borrow::Cow;
use std::sync::Arc;

use cordon_model::signal::{Detection, Fact, Mention, Place, Problem};
use jiff::Timestamp;
use rsigma_eval::EvaluationResult;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::class::Class;
use crate::format::{Format, Formats};
use crate::json::Json;
use crate::mention;
use crate::problem::{Limiter, problem};
use crate::rules::{Rules, TICKS};
use crate::view::{Found, View};

/// At most this many kinds of records are kept settled; more are settled anew each time.
const CLASSES: usize = 16_384;
/// At most this many different sources are told apart.
const SOURCES: usize = 65_536;

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
    formats: Formats,
    rules: Rules,
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

/// One stream of records: its name, how far it is read, what was odd about it.
pub struct Stream {
    pub(crate) name: Arc<str>,
    pub(crate) record: u64,
    last: Timestamp,
    limiter: Limiter,
    pub(crate) recognised: u64,
}

impl Stream {
    /// Starts a stream. Records are counted from 1.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            record: 0,
            last: Timestamp::UNIX_EPOCH,
            limiter: Limiter::default(),
            recognised: 0,
        }
    }

    fn place(&self) -> Place {
        Place { file: Arc::clone(&self.name), record: self.record }
    }

    /// Tells a problem, or counts it if there were many of its sort.
    pub(crate) fn problem(
        &mut self,
        sort: &'static str,
        place: String,
        what: String,
        remedy: &str,
        sink: &mut dyn Sink,
    ) {
        let problem = problem(&self.name, place, what, remedy);
        if let Some(problem) = self.limiter.pass(sort, problem) {
            sink.problem(problem);
        }
    }

    /// Ends the stream: tells the problems that were only counted.
    pub fn finish(self, sink: &mut dyn Sink) {
        self.limiter.rest().into_iter().for_each(|p| sink.problem(p));
    }
}

impl Scanner {
    /// Makes a scanner of formats and rules.
    pub fn new(formats: Formats, rules: Rules) -> Self {
        Self {
            formats,
            rules,
            classes: FxHashMap::default(),
            sources: FxHashSet::default(),
            key: String::new(),
        }
    }

    /// Returns the rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the formats.
    pub fn formats(&self) -> &Formats {
        &self.formats
    }

    /// Reads one record: a JSON document, or a line of text that a format knows.
    pub fn line(&mut self, stream: &mut Stream, bytes: &[u8], sink: &mut dyn Sink) {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return;
        }
        match Json::parse(bytes) {
            Ok(json) => self.value(stream, &json, sink),
            Err(error) => self.not_json(stream, bytes, &error, sink),
        }
    }

    /// A text line, or JSON with bytes that are no UTF-8, or broken JSON.
    fn not_json(
        &mut self,
        stream: &mut Stream,
        bytes: &[u8],
        error: &serde_json::Error,
        sink: &mut dyn Sink,
    ) {
        let text = String::from_utf8_lossy(bytes);
        if !matches!(bytes.first(), Some(b'{' | b'[')) {
            self.text(stream, &text, sink);
            return;
        }
        if let Cow::Owned(text) = &text
            && let Ok(json) = Json::parse(text.as_bytes())
        {
            self.value(stream, &json, sink);
            return;
        }
        stream.record += 1;
        let place = format!("record {}", stream.record);
        let (what, remedy) = if error.to_string().contains("recursion limit") {
            (
                "JSON nested more than 128 levels deep is not read".to_owned(),
                "look at the record: no log format nests like this",
            )
        } else {
            (format!("broken JSON: {error}"), "the record is skipped; the others are read")
        };
        stream.problem("json", place, what, remedy, sink);
    }

    /// Reads a JSON value: a record, a list of records, or `{"Records": [...]}`.
    pub(crate) fn value(&mut self, stream: &mut Stream, json: &Json<'_>, sink: &mut dyn Sink) {
        match json {
            Json::Array(items) => items.iter().for_each(|item| self.value(stream, item, sink)),
            Json::Object(_) => match wrapped(json) {
                Some(items) => items.iter().for_each(|item| self.value(stream, item, sink)),
                None => self.record(stream, json, sink),
            },
            Json::Str(text) => self.text(stream, text, sink),
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Large(_) | Json::Float(_) => {
                self.unknown(stream, "a bare value is no log record", sink);
            }
        }
    }

    fn record(&mut self, stream: &mut Stream, json: &Json<'_>, sink: &mut dyn Sink) {
        let Some((number, format)) = self.formats.recognise(json) else {
            self.unknown(stream, "no format knows this record", sink);
            return;
        };
        let format = Arc::clone(format);
        stream.record += 1;
        self.known(stream, number, &format, format.inner(json), sink);
    }

    fn text(&mut self, stream: &mut Stream, text: &str, sink: &mut dyn Sink) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        let mut fields = Vec::new();
        let found = self.formats.of_lines().find_map(|(number, format)| {
            let pattern = format.line.as_ref()?;
            crate::extract::groups(pattern, text, &mut fields);
            (!fields.is_empty()).then(|| (number, Arc::clone(format)))
        });
        let Some((number, format)) = found else {
            self.unknown(stream, "no format knows this line", sink);
            return;
        };
        stream.record += 1;
        let members = fields
            .into_iter()
            .map(|(name, value)| (Cow::Owned(name), value))
            .chain([(Cow::Borrowed("message"), Json::Str(Cow::Borrowed(text)))])
            .collect();
        self.known(stream, number, &format, &Json::Object(members), sink);
    }

    fn unknown(&mut self, stream: &mut Stream, what: &str, sink: &mut dyn Sink) {
        stream.record += 1;
        let place = format!("record {}", stream.record);
        stream.problem(
            "unknown",
            place,
            what.to_owned(),
            "`cordon formats` lists what is known; describe the new one in a format file",
            sink,
        );
    }

    /// A record of a known format: event, facts, detections.
    fn known(
        &mut self,
        stream: &mut Stream,
        number: usize,
        format: &Format,
        record: &Json<'_>,
        sink: &mut dyn Sink,
    ) {
        let mut extra = Vec::new();
        for extract in &format.extracts {
            if let Some(text) = record.at(&extract.from).and_then(Json::text) {
                extract.run(&text, &mut extra);
            }
        }
        let view = View::new(record, &format.flatten, &extra);
        let routed = self.class_of(number, format, &view);
        let time = self.time_of(stream, format, &routed.class, &view, sink);
        let place = stream.place();
        stream.recognised += 1;
        sink.event(&Heard {
            time,
            format: &format.id,
            source: &self.source_of(format, &routed.class, &view),
            place: &place,
        });
        let results = self.evaluate(&routed, &view, time);
        let facts = mention::facts(&routed.class, &view);
        if results.is_empty() && facts.is_empty() {
            return;
        }
        let mentions = mention::mentions(&routed.class, &view);
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
            if result.is_detection() && self.rules.silent.contains(id) {
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
        let event = view.as_event(&routed.class);
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
            if let Some((_, engine)) = self.rules.engines.get(number) {
                results.extend(engine.evaluate(&event));
            }
        }
        let part = |result: &EvaluationResult| {
            result.header.rule_id.as_ref().is_some_and(|id| self.rules.parts.contains(id))
        };
        if !results.iter().any(part) {
            return results;
        }
        let ticks = time.as_second() * TICKS + i64::from(time.subsec_microsecond());
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
        if self.classes.len() < CLASSES {
            self.classes.insert(self.key.as_str().into(), Arc::clone(&routed));
        }
        routed
    }

    fn time_of(
        &self,
        stream: &mut Stream,
        format: &Format,
        class: &Class,
        view: &View<'_>,
        sink: &mut dyn Sink,
    ) -> Timestamp {
        if let Some(time) = format.time.read(&|path| view.text(class, path)) {
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

    /// Returns the name of the log that the record belongs to.
    fn source_of(&mut self, format: &Format, class: &Class, view: &View<'_>) -> Arc<str> {
        let field = |path: &str| class.unless_blank(view.text(class, path));
        let name = class
            .source
            .as_ref()
            .and_then(|source| source.render(&field))
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

/// `{"Records": [...]}` and `{"records": [...]}`, with little beside.
fn wrapped<'b, 'a>(json: &'b Json<'a>) -> Option<&'b [Json<'a>]> {
    let Json::Object(members) = json else {
        return None;
    };
    if members.len() > 4 {
        return None;
    }
    members.iter().find_map(|(key, value)| match value {
        Json::Array(items)
            if crate::decode::WRAPPERS.contains(&key.as_ref())
                && items.iter().all(|item| matches!(item, Json::Object(_))) =>
        {
            Some(items.as_slice())
        }
        Json::Array(_)
        | Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Large(_)
        | Json::Float(_)
        | Json::Str(_)
        | Json::Object(_) => None,
    })
}
