//! Correlations: what several events say together.
//!
//! A [`Correlator`] is fed with the detections of each record and answers with
//! the correlations that they complete. Events may come late, doubled and in
//! any order of files: a group keeps its events sorted by time, an event that
//! comes late completes the windows that end after it, and one that was here
//! before is passed over. A window ends at an event and reaches back over the
//! time span, both ends included. After it fired, a correlation rests for one
//! span to either side, so that one burst makes one detection.
//!
//! Memory is bounded by [`GROUPS`], [`ENTRIES`] and [`ENTRIES_PER_GROUP`].
//! What one group keeps and how a window is judged is in `group.rs`,
//! how a rule is prepared in `prepare.rs`.

mod group;
mod prepare;

use std::hash::{Hash, Hasher};

use rsigma_eval::{CorrelationBody, EvaluationResult, Event, EventValue, ResultBody, RuleHeader};
use rustc_hash::{FxHashMap, FxHasher};

use self::group::{Entry, Group};
pub(crate) use self::prepare::Correlation;

/// Groups kept over all correlations; beyond, the longest untouched tenth goes.
const GROUPS: usize = 100_000;
/// Events kept over all groups; beyond, the longest untouched groups go.
const ENTRIES: usize = 1_000_000;
/// Events kept in one group; beyond, its oldest go. It can only count too few.
const ENTRIES_PER_GROUP: usize = 10_000;
/// A record with lists in its grouping fields belongs to this many groups at most.
const KEYS: usize = 16;

/// Counts and orders events per group.
pub(crate) struct Correlator {
    correlations: Vec<Correlation>,
    /// From a rule's id to the correlations that it is a part of, and its number there.
    parts: FxHashMap<String, Vec<(usize, usize)>>,
    groups: FxHashMap<(usize, Box<str>), Group>,
    entries: usize,
    clock: u64,
}

/// Something that counts for a correlation.
struct Hit {
    /// The rule that matched, or the correlation that fired.
    id: String,
    time: i64,
    identity: u64,
    /// The grouping values of the correlation that fired, by field.
    group: Vec<(String, String)>,
}

impl Correlator {
    pub(crate) fn new() -> Self {
        Self {
            correlations: Vec::new(),
            parts: FxHashMap::default(),
            groups: FxHashMap::default(),
            entries: 0,
            clock: 0,
        }
    }

    /// Adds a correlation whose parts are known, and before those built on it.
    /// Forgets everything that was counted.
    pub(crate) fn forget(&mut self) {
        self.groups.clear();
        (self.entries, self.clock) = (0, 0);
    }

    pub(crate) fn add(&mut self, correlation: Correlation) {
        let number = self.correlations.len();
        for (part, id) in correlation.parts.iter().enumerate() {
            self.parts.entry(id.clone()).or_default().push((number, part));
        }
        self.correlations.push(correlation);
    }

    /// Returns the results of a record with those of the correlations that they
    /// complete. `ticks` is the record's time on the correlation clock.
    pub(crate) fn process_with_detections(
        &mut self,
        event: &impl Event,
        mut results: Vec<EvaluationResult>,
        ticks: i64,
    ) -> Vec<EvaluationResult> {
        let ids = results.iter().filter_map(|result| result.header.rule_id.as_ref());
        let relevant: Vec<&String> = ids.filter(|id| self.parts.contains_key(*id)).collect();
        if relevant.is_empty() {
            return results;
        }
        let identity = identity_of(event);
        let mut waiting: Vec<Hit> = relevant
            .into_iter()
            .map(|id| Hit { id: id.clone(), time: ticks, identity, group: Vec::new() })
            .collect();
        let mut fired = Vec::new();
        while let Some(hit) = waiting.pop() {
            for (number, part) in self.parts.get(&hit.id).cloned().unwrap_or_default() {
                let Some((time, group)) = self.count(number, part, &hit, event) else {
                    continue;
                };
                if let Some(correlation) = self.correlations.get(number) {
                    let id = correlation.id.clone();
                    let identity = hash_of(&(&id, time));
                    waiting.push(Hit { id, time, identity, group });
                    fired.push(number);
                }
            }
        }
        fired.sort_unstable();
        fired.dedup();
        let correlations = fired.iter().filter_map(|number| self.correlations.get(*number));
        results.extend(correlations.map(result_of));
        results
    }

    /// Counts a hit in each group that it belongs to. If a window is complete,
    /// returns the time of its last event and its grouping values.
    fn count(
        &mut self,
        number: usize,
        part: usize,
        hit: &Hit,
        event: &impl Event,
    ) -> Option<(i64, Vec<(String, String)>)> {
        let correlation = self.correlations.get(number)?;
        let value = correlation.value_of(event)?;
        let mut complete = None;
        for values in keys(correlation, part, hit, event) {
            self.clock += 1;
            let key = key_of(&values);
            let group = self.groups.entry((number, key)).or_default();
            group.touched = self.clock;
            let before = group.len();
            let entry = Entry { time: hit.time, identity: hit.identity, value };
            let end = group.add(correlation, part, entry, ENTRIES_PER_GROUP);
            self.entries = self.entries + group.len() - before;
            if let (Some(end), None) = (end, &complete) {
                let names = correlation.group_by.iter().map(|field| field.name.clone());
                complete = Some((end, names.zip(values).collect()));
            }
        }
        self.make_room();
        complete
    }

    fn make_room(&mut self) {
        if self.groups.len() <= GROUPS && self.entries <= ENTRIES {
            return;
        }
        let mut touched: Vec<u64> = self.groups.values().map(|group| group.touched).collect();
        touched.sort_unstable();
        let oldest = touched.get(touched.len() / 10).copied().unwrap_or(u64::MAX);
        self.groups.retain(|_, group| group.touched > oldest);
        self.entries = self.groups.values().map(Group::len).sum();
    }
}

/// Returns the grouping values of each group that a hit belongs to; none if it
/// lacks a field to group by.
fn keys(correlation: &Correlation, part: usize, hit: &Hit, event: &impl Event) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for field in &correlation.group_by {
        let path = field.of_part(part);
        let of_child = hit.group.iter().find(|(name, _)| *name == field.name || *name == path);
        let values = match of_child {
            Some((_, value)) => vec![value.clone()],
            None => event.get_field(path).map(|value| texts(&value)).unwrap_or_default(),
        };
        all = all
            .into_iter()
            .flat_map(|key| {
                values.iter().map(move |value| {
                    let mut key = key.clone();
                    key.push(value.clone());
                    key
                })
            })
            .take(KEYS)
            .collect();
    }
    all
}

/// Returns a field's scalar values for grouping: without regard to the case of
/// ASCII letters and to blanks at the end, each once.
fn texts(value: &EventValue<'_>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut add = |value: &EventValue<'_>| {
        if let Some(text) = value.as_str() {
            let text = text.trim_end().to_ascii_lowercase();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    };
    match value {
        EventValue::Array(items) => items.iter().for_each(add),
        EventValue::Str(_)
        | EventValue::Int(_)
        | EventValue::Float(_)
        | EventValue::Bool(_)
        | EventValue::Null
        | EventValue::Map(_) => add(value),
    }
    texts
}

fn key_of(values: &[String]) -> Box<str> {
    const LONGEST: usize = 256;
    let key = values.join("\u{1f}");
    if key.len() > LONGEST { format!("#{:x}", hash_of(&key)).into() } else { key.into() }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Two records that are alike in everything are one that was delivered twice.
fn identity_of(event: &impl Event) -> u64 {
    fn walk(value: &serde_json::Value, hasher: &mut FxHasher) {
        match value {
            serde_json::Value::Null => 0u8.hash(hasher),
            serde_json::Value::Bool(value) => value.hash(hasher),
            serde_json::Value::Number(number) => number.hash(hasher),
            serde_json::Value::String(text) => text.hash(hasher),
            serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, hasher)),
            serde_json::Value::Object(members) => {
                for (name, value) in members {
                    name.hash(hasher);
                    walk(value, hasher);
                }
            }
        }
    }
    let mut hasher = FxHasher::default();
    walk(&event.to_json(), &mut hasher);
    hasher.finish()
}

fn result_of(correlation: &Correlation) -> EvaluationResult {
    EvaluationResult {
        header: RuleHeader {
            rule_title: correlation.title.clone(),
            rule_id: Some(correlation.id.clone()),
            level: correlation.level,
            tags: Vec::new(),
            custom_attributes: std::sync::Arc::default(),
            enrichments: None,
        },
        body: ResultBody::Correlation(CorrelationBody {
            correlation_type: correlation.kind,
            group_key: Vec::new(),
            aggregated_value: 0.0,
            timespan_secs: correlation.span.unsigned_abs(),
            events: None,
            event_refs: None,
        }),
    }
}
