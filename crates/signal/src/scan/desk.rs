//! Reads records one by one, each as if there were no other.
//!
//! A desk recognises a record, lays a view over it, asks the rules of its log
//! sources and states its facts. Several desks work at once on different
//! records: all that a desk remembers are shortcuts, which change nothing.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use cordon_model::signal::Rule;
use jiff::Timestamp;
use rsigma_eval::{EvaluationResult, Event};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use smallvec::SmallVec;

use crate::class::Class;
use crate::format::{Format, Formats};
use crate::json::Json;
use crate::mention;
use crate::recall::{self, Memory};
use crate::rules::Rules;
use crate::scan::found::{Found, Known, Part, Whole};
use crate::scan::gate::fold;
use crate::scan::memo::Memos;
use crate::scan::sieve::{Room, Sieve};
use crate::scan::sieves::Sieves;
use crate::view::{Found as Value, View, name_hash};

/// At most this many kinds of records are kept settled; more are settled anew each time.
const CLASSES: usize = 16_384;
/// At most this many different sources are told apart.
const SOURCES: usize = 65_536;
/// A desk keeps about so many bytes of values, to know what they opened.
const MOST_KEPT: usize = 16 << 20;
/// Longer keys and source names are not kept.
const LONGEST_KEY: usize = 512;

/// A field of what is kept for correlations that no log has.
const PRINT: &str = "\u{1f}print";

/// What all desks read by.
pub(crate) struct Books {
    pub(crate) formats: Formats,
    pub(crate) rules: Rules,
    pub(crate) sieves: Sieves,
}

/// A reader of records.
#[derive(Default)]
pub(crate) struct Desk {
    classes: FxHashMap<Box<str>, Arc<Routed>>,
    sources: FxHashSet<Arc<str>>,
    /// By a hash of the names of a record's members: how it may be recognised.
    ways: FxHashMap<u64, Arc<[usize]>>,
    key: String,
    nothing: Memory,
    memos: Vec<Memos>,
    room: Room,
    /// Whether somebody wants to see all of each record.
    pub(crate) tells_all: bool,
}

/// Numbers of rule engines, in the order in which their rules are asked.
type Engines = SmallVec<[usize; 8]>;

/// A class with the engines that its records go to.
pub(crate) struct Routed {
    pub(crate) class: Class,
    pub(crate) engines: Vec<usize>,
    /// Engines that depend on further fields, in the order of `class.maybe`.
    pub(crate) maybe: Vec<Vec<usize>>,
    /// The values that the format's keys have in all records of the class.
    settled: Vec<(String, String)>,
    sieves: RwLock<Vec<(Engines, Arc<Sieve>)>>,
}

impl Desk {
    /// A record of a known format.
    pub(crate) fn known(
        &mut self,
        books: &Books,
        number: usize,
        format: &Arc<Format>,
        record: &Json<'_>,
        envelope: &Json<'_>,
    ) -> Found {
        let extra = format.extracted(record);
        let view = View::new(record, &format.flatten, &extra);
        let routed = self.class_of(books, number, format, &view);
        let class = &routed.class;
        let facts = mention::facts(class, &view);
        let results = self.evaluate(books, &routed, &view);
        let rules = speaking(&books.rules, &results);
        let part = self.part(books, class, &view, results);
        let tells = !facts.is_empty() || !rules.is_empty() || part.is_some();
        let mentions = tells.then(|| mention::mentions(class, &view, &self.nothing));
        let again = self.tells_all || tells && recall::may_add(class, &view);
        let source = self.source_of(format, class, &view);
        let time = time_of(format, class, &view, envelope);
        let pairs = recall::pairs(class, &view);
        Found::Known(Box::new(Known {
            format: Arc::clone(format),
            source,
            time,
            pairs,
            facts,
            leases: mention::leases(class, &view),
            rules,
            mentions,
            part,
            whole: again.then(|| {
                let record = record.to_owned_value();
                Box::new(Whole { routed, record, extra: extra.clone() })
            }),
        }))
    }

    /// Returns the ways to recognise a format that a record may be known by.
    pub(crate) fn ways(&mut self, books: &Books, record: &Json<'_>) -> Arc<[usize]> {
        let Json::Object(members) = record else {
            return Arc::default();
        };
        // Some collectors give the members in another order each time.
        let hash = members.iter().fold(0_u64, |all, (name, _)| all.wrapping_add(name_hash(name)));
        if let Some(ways) = self.ways.get(&hash) {
            return Arc::clone(ways);
        }
        let named = |name: &str| members.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let ways: Arc<[usize]> = books.formats.ways(&named).into();
        if self.ways.len() < CLASSES {
            self.ways.insert(hash, Arc::clone(&ways));
        }
        ways
    }

    /// Returns what the rules of the record's log sources find.
    pub(crate) fn evaluate(
        &mut self,
        books: &Books,
        routed: &Routed,
        view: &View<'_>,
    ) -> Vec<EvaluationResult> {
        let engines = routed.engines_of(view);
        if engines.is_empty() {
            return Vec::new();
        }
        let sieve = routed.sieve(books, engines);
        if self.memos.len() <= sieve.number {
            self.memos.resize_with(sieve.number + 1, Memos::default);
        }
        let Some(memos) = self.memos.get_mut(sieve.number) else {
            return Vec::new();
        };
        let event = view.as_event(&routed.class);
        let found = sieve.evaluate(&books.rules, &event, memos, &mut self.room);
        if self.room.kept > MOST_KEPT {
            self.memos.iter_mut().for_each(Memos::clear);
            self.room.kept = 0;
        }
        found
    }

    /// What the record counts for in correlations, if it counts at all.
    fn part(
        &self,
        books: &Books,
        class: &Class,
        view: &View<'_>,
        mut results: Vec<EvaluationResult>,
    ) -> Option<Box<Part>> {
        let rules = &books.rules;
        results.retain(|result| {
            result.header.rule_id.as_ref().is_some_and(|id| rules.parts.contains(id))
        });
        if results.is_empty() {
            return None;
        }
        let event = view.as_event(class);
        let mut fields: serde_json::Map<_, _> = rules
            .asked
            .iter()
            .filter_map(|name| {
                let plain = view.text(class, name).map(|text| text.trim_end().into());
                let value = plain.or_else(|| event.get_field(name).map(|value| value.to_json()));
                Some((name.clone(), value?))
            })
            .collect();
        let mut hasher = FxHasher::default();
        view.root().hash(&mut hasher);
        let print = hasher.finish();
        // Stands for all the rest of the record.
        fields.insert(PRINT.to_owned(), print.into());
        Some(Box::new(Part { results, fields: serde_json::Value::Object(fields), print }))
    }

    pub(crate) fn class_of(
        &mut self,
        books: &Books,
        number: usize,
        format: &Format,
        view: &View<'_>,
    ) -> Arc<Routed> {
        self.key.clear();
        self.key.push_str(&number.to_string());
        let mut values: SmallVec<[Option<Cow<'_, str>>; 3]> = SmallVec::new();
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
        let routed = Arc::new(Routed::new(&books.rules, format, class, &keys));
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

impl Routed {
    fn new(rules: &Rules, format: &Format, class: Class, keys: &[(&str, Option<&str>)]) -> Self {
        let known = keys.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        Self {
            engines: rules.engines_for(&class.logsources),
            maybe: class
                .maybe
                .iter()
                .map(|(_, logsources)| rules.engines_for(logsources))
                .collect(),
            settled: known
                .filter(|(name, value)| is_settled(format, &class, name, value))
                .map(|(name, value)| (name.to_owned(), fold(value)))
                .collect(),
            sieves: RwLock::default(),
            class,
        }
    }

    /// Returns the engines whose rules apply to a record.
    pub(crate) fn engines_of(&self, view: &View<'_>) -> Engines {
        let field = |path: &str| view.text(&self.class, path);
        let mut engines = Engines::from_slice(&self.engines);
        let further = self
            .class
            .maybe
            .iter()
            .zip(&self.maybe)
            .filter(|((condition, _), _)| condition.holds(&field))
            .flat_map(|(_, engines)| engines);
        for engine in further {
            if !engines.contains(engine) {
                engines.push(*engine);
            }
        }
        engines
    }

    /// Returns the sieve for the rules of some engines.
    fn sieve(&self, books: &Books, engines: Engines) -> Arc<Sieve> {
        let sieves = self.sieves.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sieve)) = sieves.iter().find(|(known, _)| *known == engines) {
            return Arc::clone(sieve);
        }
        drop(sieves);
        let sieve = books.sieves.of(&books.rules, &engines, &self.settled);
        let mut sieves = self.sieves.write().unwrap_or_else(PoisonError::into_inner);
        sieves.push((engines, Arc::clone(&sieve)));
        sieve
    }
}

/// Tells whether a key's value is what rules see under its name in all records of the class.
fn is_settled(format: &Format, class: &Class, name: &str, value: &str) -> bool {
    let of_format = format.aliases.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let of_class = class.aliases(name_hash(name), name);
    let as_the_format_says =
        of_format.map_or(0, |(_, aliases)| aliases.len()) == of_class.map_or(0, <[_]>::len);
    as_the_format_says && !value.is_empty() && value.trim() == value && !class.is_hex(name)
}

/// Returns the rules among the results that speak for themselves.
fn speaking(rules: &Rules, results: &[EvaluationResult]) -> SmallVec<[Arc<Rule>; 2]> {
    results
        .iter()
        .filter_map(|result| result.header.rule_id.as_deref())
        .filter(|id| !rules.silent.contains(*id))
        .filter_map(|id| rules.rule(id).cloned())
        .collect()
}

/// Reads the record's time; an envelope's counts where the record has none.
fn time_of(
    format: &Format,
    class: &Class,
    view: &View<'_>,
    envelope: &Json<'_>,
) -> Option<Timestamp> {
    let own = |path: &str| view.text(class, path);
    let outer = |path: &str| envelope.at(path).and_then(Json::text);
    format.time.read(&own).or_else(|| format.time.read(&outer))
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
        .or_else(|| view.raw(name).map(Value::Here))
        .and_then(|found| match found {
            Value::Here(value) => value.text(),
            Value::Made(text) => Some(Cow::Owned(text)),
        })
}
