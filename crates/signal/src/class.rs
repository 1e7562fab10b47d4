//! What a format says about records of one kind, with everything decided that
//! the record's key fields decide.
//!
//! A format's `[[event]]` tables are conditions on fields. Those on the `keys`
//! (Windows: `Channel` and `EventID`) are settled once per combination, not per
//! record: the result is a [`Class`], kept by the scanner. What stays open is
//! checked on each record.

use std::borrow::Cow;
use std::sync::Arc;

use cordon_model::signal::{ChangeKind, MentionKind, Role, Verb};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::condition::{Condition, Verdict};
use crate::format::{Format, Shared};
use crate::template::Template;
use crate::view::name_hash;

/// A Sigma logsource that records belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSource {
    pub(crate) product: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) service: Option<String>,
}

/// Where a Sigma field's value comes from.
#[derive(Clone, Debug)]
pub(crate) enum Alias {
    Path(String),
    Template(Template),
}

/// An `[[event]]` table, compiled.
#[derive(Clone, Debug)]
pub(crate) struct EventDefinition {
    pub(crate) condition: Condition,
    pub(crate) logsources: Vec<LogSource>,
    pub(crate) aliases: Vec<(String, Vec<Alias>)>,
    pub(crate) mentions: Vec<Arc<MentionDefinition>>,
    pub(crate) facts: Vec<Arc<FactDefinition>>,
    pub(crate) source: Option<Template>,
    pub(crate) leases: Vec<Arc<LeaseDefinition>>,
    pub(crate) remembers: Vec<Arc<RememberDefinition>>,
    pub(crate) recalls: Vec<(String, Template)>,
}

/// Which host held which address.
#[derive(Debug)]
pub(crate) struct LeaseDefinition {
    pub(crate) host: Vec<Template>,
    pub(crate) address: Vec<Template>,
    pub(crate) condition: Condition,
}

/// A pair that later records need.
#[derive(Debug)]
pub(crate) struct RememberDefinition {
    pub(crate) key: Template,
    pub(crate) value: Template,
}

/// How a named thing is read from a record.
#[derive(Debug)]
pub(crate) struct MentionDefinition {
    pub(crate) role: Role,
    pub(crate) kind: MentionKind,
    /// A list in the record; the rest is read within each of its elements.
    pub(crate) each: Option<String>,
    /// All spellings; of each one's alternatives the first that can be filled in.
    pub(crate) spellings: Vec<Vec<Template>>,
    pub(crate) condition: Condition,
}

/// How a fact is read from a record.
#[derive(Debug)]
pub(crate) struct FactDefinition {
    pub(crate) shape: FactShape,
    pub(crate) condition: Condition,
    /// When this holds, the thing failed.
    pub(crate) failure: Condition,
}

#[derive(Debug)]
pub(crate) enum FactShape {
    Logon { remote: bool },
    Access { verb: Verb, rows: Option<String>, bytes: Option<String>, objects: Option<String> },
    Change(ChangeKind),
}

/// Records of one kind.
pub(crate) struct Class {
    pub(crate) logsources: Vec<LogSource>,
    /// Logsources that depend on further fields.
    pub(crate) maybe: Vec<(Condition, Vec<LogSource>)>,
    aliases: FxHashMap<u64, (String, Vec<Alias>)>,
    pub(crate) mentions: Vec<(Condition, Arc<MentionDefinition>)>,
    pub(crate) facts: Vec<(Condition, Arc<FactDefinition>)>,
    pub(crate) leases: Vec<(Condition, Arc<LeaseDefinition>)>,
    pub(crate) remembers: Vec<(Condition, Arc<RememberDefinition>)>,
    /// Names that mentions may use for what is remembered under these keys.
    pub(crate) recalls: Vec<(String, Template)>,
    pub(crate) source: Option<Template>,
    pub(crate) shared: Arc<Shared>,
}

impl Class {
    /// Settles what the values of the format's keys settle.
    pub(crate) fn new(format: &Format, keys: &[(&str, Option<&str>)]) -> Self {
        let mut class = Self {
            logsources: services(format, keys),
            maybe: Vec::new(),
            aliases: FxHashMap::default(),
            mentions: Vec::new(),
            facts: Vec::new(),
            leases: Vec::new(),
            remembers: Vec::new(),
            recalls: Vec::new(),
            source: format.source.clone(),
            shared: Arc::clone(&format.shared),
        };
        for event in &format.events {
            match event.condition.given(keys) {
                Verdict::No => {}
                Verdict::Yes => class.add(event, &Condition::default()),
                Verdict::Open(rest) => class.add(event, &rest),
            }
        }
        class.add_aliases(&format.aliases);
        class.logsources.sort();
        class.logsources.dedup();
        class
    }

    fn add(&mut self, event: &EventDefinition, rest: &Condition) {
        if rest.is_empty() {
            self.logsources.extend(event.logsources.iter().cloned());
        } else if !event.logsources.is_empty() {
            self.maybe.push((rest.clone(), event.logsources.clone()));
        }
        self.add_aliases(&event.aliases);
        let open = |rest: &Condition| rest.clone();
        self.mentions.extend(event.mentions.iter().map(|m| (open(rest), Arc::clone(m))));
        self.facts.extend(event.facts.iter().map(|f| (open(rest), Arc::clone(f))));
        self.leases.extend(event.leases.iter().map(|l| (open(rest), Arc::clone(l))));
        self.remembers.extend(event.remembers.iter().map(|r| (open(rest), Arc::clone(r))));
        self.recalls.extend(event.recalls.iter().cloned());
        if let (Some(source), true) = (&event.source, rest.is_empty()) {
            self.source = Some(source.clone());
        }
    }

    fn add_aliases(&mut self, aliases: &[(String, Vec<Alias>)]) {
        for (name, from) in aliases {
            let entry =
                self.aliases.entry(name_hash(name)).or_insert_with(|| (name.clone(), Vec::new()));
            if entry.0.eq_ignore_ascii_case(name) {
                entry.1.extend(from.iter().cloned());
            }
        }
    }

    /// Returns where the field `name` comes from, if the format says so.
    pub(crate) fn aliases(&self, hash: u64, name: &str) -> Option<&[Alias]> {
        self.aliases
            .get(&hash)
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, aliases)| aliases.as_slice())
    }

    /// Tells whether a field holds numbers that logs write now in hexadecimal, now in decimal.
    pub(crate) fn is_hex(&self, name: &str) -> bool {
        self.shared.hex.iter().any(|hex| hex.eq_ignore_ascii_case(name))
    }

    /// Tells whether a value stands for "nothing" in this format.
    pub(crate) fn is_blank(&self, value: &str) -> bool {
        self.shared.blank.iter().any(|blank| blank.matches(value))
    }

    /// Returns the first name of `fields` that is not blank, for messages.
    pub(crate) fn unless_blank<'a>(&self, value: Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
        value.filter(|value| {
            let value = value.trim();
            !value.is_empty() && value != "-" && !self.is_blank(value)
        })
    }
}

fn services(format: &Format, keys: &[(&str, Option<&str>)]) -> Vec<LogSource> {
    let mut found = Vec::new();
    for table in &format.services {
        let value = keys
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(&table.field))
            .and_then(|(_, value)| *value);
        let service = value
            .and_then(|value| table.of.iter().find(|(name, _)| name.eq_ignore_ascii_case(value)));
        found.push(LogSource {
            product: Some(table.product.clone()),
            category: None,
            service: service.map(|(_, service)| service.clone()),
        });
    }
    found
}
