//! The format language as it is written, and how a file becomes a format.
//!
//! The structs here are the tables of the TOML, key by key; `docs/formats.md`
//! explains them to people. Anything that does not hold together is an error
//! in words, for a problem that names the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use cordon_model::signal::{ChangeKind, MentionKind, Role, Verb};
use serde::Deserialize;

use crate::class::{
    Alias, EventDefinition, FactDefinition, FactShape, LeaseDefinition, LogSource,
    MentionDefinition, RememberDefinition,
};
use crate::condition::{Condition, FieldValues, Pattern};
use crate::extract::Extract;
use crate::format::{Format, Headless, Shared};
use crate::recognise::Recogniser;
use crate::template::Template;
use crate::time::TimeReader;
use crate::uses;

/// A table from a field's value to a Sigma service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Services {
    pub(crate) field: String,
    pub(crate) product: String,
    pub(crate) of: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormatFile {
    pub(crate) id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    pub(crate) extends: Vec<String>,
    #[serde(default)]
    pub(crate) recognise: Vec<RecogniseFile>,
    #[serde(default)]
    pub(crate) unwrap: Vec<String>,
    #[serde(default)]
    pub(crate) flatten: Vec<String>,
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    pub(crate) source: Option<String>,
    #[serde(default)]
    pub(crate) time: TimeFile,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    hex: Vec<String>,
    #[serde(default)]
    blank: Vec<String>,
    #[serde(default)]
    ignore: BTreeMap<MentionKind, Vec<String>>,
    #[serde(default)]
    services: Vec<Services>,
    #[serde(default)]
    pub(crate) extract: Vec<ExtractFile>,
    #[serde(default)]
    pub(crate) event: Vec<EventFile>,
    #[serde(default)]
    csv: Vec<HeadlessFile>,
    #[serde(default)]
    #[expect(dead_code, reason = "samples are for tests and for people")]
    sample: Vec<SampleFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadlessFile {
    first: String,
    columns: Vec<String>,
}

/// A record, and all that is read from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "samples are for tests and for people")]
struct SampleFile {
    text: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    expect: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecogniseFile {
    #[serde(default)]
    pub(crate) present: Vec<String>,
    #[serde(default)]
    pub(crate) when: FieldValues,
    #[serde(default)]
    pub(crate) unless: FieldValues,
    pub(crate) line: Option<String>,
    #[serde(default)]
    pub(crate) syslog: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeFile {
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    #[serde(default)]
    pub(crate) layouts: Vec<String>,
    pub(crate) zone: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtractFile {
    #[serde(default)]
    pub(crate) from: String,
    #[serde(default)]
    pub(crate) starts: String,
    #[serde(default)]
    pub(crate) when: FieldValues,
    #[serde(default)]
    pub(crate) unless: FieldValues,
    pub(crate) regex: Option<OneOrMany>,
    pub(crate) csv: Option<Vec<String>>,
    pub(crate) pairs: Option<String>,
    pub(crate) set: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) json: bool,
    #[serde(default)]
    pub(crate) cef: bool,
    #[serde(default)]
    pub(crate) leef: bool,
    #[serde(default)]
    pub(crate) audit: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventFile {
    #[serde(default)]
    pub(crate) when: FieldValues,
    #[serde(default)]
    pub(crate) unless: FieldValues,
    #[serde(default)]
    pub(crate) logsource: Vec<LogSource>,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub(crate) mention: Vec<MentionFile>,
    #[serde(default)]
    pub(crate) fact: Vec<FactFile>,
    pub(crate) source: Option<String>,
    #[serde(default)]
    pub(crate) lease: Vec<LeaseFile>,
    #[serde(default)]
    pub(crate) remember: Vec<RememberFile>,
    #[serde(default)]
    pub(crate) recall: BTreeMap<String, OneOrMany>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseFile {
    pub(crate) host: OneOrMany,
    pub(crate) address: OneOrMany,
    #[serde(default)]
    pub(crate) when: FieldValues,
    #[serde(default)]
    pub(crate) unless: FieldValues,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RememberFile {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MentionFile {
    pub(crate) role: Role,
    pub(crate) kind: MentionKind,
    pub(crate) spellings: Vec<OneOrMany>,
    pub(crate) each: Option<String>,
    #[serde(default)]
    pub(crate) when: FieldValues,
    #[serde(default)]
    pub(crate) unless: FieldValues,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactFile {
    pub(crate) fact: FactName,
    #[serde(default)]
    pub(crate) remote: bool,
    pub(crate) verb: Option<Verb>,
    pub(crate) change: Option<ChangeKind>,
    pub(crate) rows: Option<String>,
    pub(crate) bytes: Option<String>,
    pub(crate) objects: Option<String>,
    #[serde(default)]
    pub(crate) when: FieldValues,
    #[serde(default)]
    pub(crate) unless: FieldValues,
    #[serde(default)]
    pub(crate) failure: FieldValues,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FactName {
    Logon,
    Access,
    Change,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// Puts the tables of the extended formats before the format's own.
pub(crate) fn inherit(
    file: &FormatFile,
    all: &[(String, FormatFile)],
) -> Result<FormatFile, String> {
    let mut whole = file.clone();
    for id in file.extends.iter().rev() {
        let (_, base) = all
            .iter()
            .find(|(_, other)| other.id == *id)
            .ok_or_else(|| format!("`extends` names `{id}`, which is no known format"))?;
        if !base.extends.is_empty() {
            return Err(format!("`{id}` itself extends others; name those instead"));
        }
        let base = base.clone();
        prepend(&mut whole.flatten, base.flatten);
        prepend(&mut whole.services, base.services);
        prepend(&mut whole.extract, base.extract);
        prepend(&mut whole.event, base.event);
        prepend(&mut whole.time.layouts, base.time.layouts);
        if whole.time.fields.is_empty() {
            whole.time.fields = base.time.fields;
        }
        whole.hex.extend(base.hex);
        whole.blank.extend(base.blank);
        for (name, value) in base.fields {
            whole.fields.entry(name).or_insert(value);
        }
        for (kind, values) in base.ignore {
            whole.ignore.entry(kind).or_default().extend(values);
        }
        if whole.keys.is_empty() {
            whole.keys = base.keys;
        }
        whole.source = whole.source.or(base.source);
    }
    Ok(whole)
}

fn prepend<T>(list: &mut Vec<T>, mut before: Vec<T>) {
    before.append(list);
    *list = before;
}

pub(crate) fn compile(file: &FormatFile) -> Result<Format, String> {
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
    Ok(Format {
        id: file.id.clone(),
        title: file.title.clone(),
        unwrap: file.unwrap.clone(),
        recognisers: file
            .recognise
            .iter()
            .map(|recognise| Recogniser::new(recognise, &file.unwrap))
            .collect::<Result<_, _>>()?,
        flatten: file.flatten.clone(),
        keys: file.keys.clone(),
        time: TimeReader::new(&file.time.fields, &file.time.layouts, file.time.zone.as_deref())?,
        extracts: file.extract.iter().map(Extract::new).collect::<Result<_, _>>()?,
        shared: Arc::new(Shared {
            hex: file.hex.iter().map(|name| name.to_lowercase()).collect(),
            blank: patterns(&file.blank),
            ignore: file.ignore.iter().map(|(kind, texts)| (*kind, patterns(texts))).collect(),
        }),
        source: file.source.as_deref().map(Template::parse).transpose()?,
        aliases: compile_fields(&file.fields)?,
        services: file.services.clone(),
        events: file
            .event
            .iter()
            .map(|event| compile_event(event, &file.keys))
            .collect::<Result<_, _>>()?,
        csv: file
            .csv
            .iter()
            .map(|csv| Headless::new(&csv.first, &csv.columns))
            .collect::<Result<_, _>>()?,
        uses: uses::names(file),
    })
}

fn compile_fields(
    fields: &BTreeMap<String, OneOrMany>,
) -> Result<Vec<(String, Vec<Alias>)>, String> {
    fields
        .iter()
        .map(|(name, from)| {
            let aliases = from
                .all()
                .iter()
                .map(|text| {
                    if text.contains('{') {
                        Template::parse(text).map(Alias::Template)
                    } else {
                        Ok(Alias::Path(text.clone()))
                    }
                })
                .collect::<Result<_, _>>()?;
            Ok((name.clone(), aliases))
        })
        .collect()
}

fn compile_event(event: &EventFile, keys: &[String]) -> Result<EventDefinition, String> {
    let is_key = |name: &String| keys.iter().any(|key| key.eq_ignore_ascii_case(name));
    if !event.fields.is_empty() && !event.when.keys().chain(event.unless.keys()).all(is_key) {
        return Err(
            "an [[event]] with `fields` may have conditions on the format's `keys` only".to_owned()
        );
    }
    Ok(EventDefinition {
        condition: Condition::new(&event.when, &event.unless),
        logsources: event.logsource.clone(),
        aliases: compile_fields(&event.fields)?,
        mentions: event.mention.iter().map(compile_mention).collect::<Result<_, _>>()?,
        facts: event.fact.iter().map(compile_fact).collect::<Result<_, _>>()?,
        source: event.source.as_deref().map(Template::parse).transpose()?,
        leases: event.lease.iter().map(compile_lease).collect::<Result<_, _>>()?,
        remembers: event.remember.iter().map(compile_remember).collect::<Result<_, _>>()?,
        recalls: compile_recalls(&event.recall)?,
    })
}

fn compile_lease(lease: &LeaseFile) -> Result<Arc<LeaseDefinition>, String> {
    let templates = |texts: &OneOrMany| {
        texts.all().iter().map(|text| Template::parse(text)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Arc::new(LeaseDefinition {
        host: templates(&lease.host)?,
        address: templates(&lease.address)?,
        condition: Condition::new(&lease.when, &lease.unless),
    }))
}

fn compile_remember(remember: &RememberFile) -> Result<Arc<RememberDefinition>, String> {
    Ok(Arc::new(RememberDefinition {
        key: Template::parse(&remember.key)?,
        value: Template::parse(&remember.value)?,
    }))
}

fn compile_recalls(
    recalls: &BTreeMap<String, OneOrMany>,
) -> Result<Vec<(String, Template)>, String> {
    recalls
        .iter()
        .flat_map(|(name, keys)| keys.all().iter().map(move |key| (name, key)))
        .map(|(name, key)| Ok((name.clone(), Template::parse(key)?)))
        .collect()
}

fn compile_mention(mention: &MentionFile) -> Result<Arc<MentionDefinition>, String> {
    let alternatives = |texts: &OneOrMany| {
        texts.all().iter().map(|text| Template::parse(text)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Arc::new(MentionDefinition {
        role: mention.role,
        kind: mention.kind,
        each: mention.each.clone(),
        spellings: mention.spellings.iter().map(alternatives).collect::<Result<_, _>>()?,
        condition: Condition::new(&mention.when, &mention.unless),
    }))
}

fn compile_fact(fact: &FactFile) -> Result<Arc<FactDefinition>, String> {
    let shape = match (fact.fact, fact.verb, fact.change) {
        (FactName::Logon, None, None) => FactShape::Logon { remote: fact.remote },
        (FactName::Access, Some(verb), None) => FactShape::Access {
            verb,
            rows: fact.rows.clone(),
            bytes: fact.bytes.clone(),
            objects: fact.objects.clone(),
        },
        (FactName::Change, None, Some(change)) => FactShape::Change(change),
        (FactName::Logon | FactName::Access | FactName::Change, _, _) => {
            return Err(
                "a fact is a `logon`, an `access` with a `verb`, or a `change` with a `change`"
                    .to_owned(),
            );
        }
    };
    Ok(Arc::new(FactDefinition {
        shape,
        condition: Condition::new(&fact.when, &fact.unless),
        failure: Condition::new(&fact.failure, &FieldValues::new()),
    }))
}
