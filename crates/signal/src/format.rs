//! Formats: declarative descriptions of what log records say.
//!
//! One TOML file per format tells how to recognise a record, where its time
//! stands, which Sigma logsources it belongs to, what its fields are called in
//! Sigma, which fields name nodes in which role, and which records are facts.
//! This file holds the language as it is written; [`crate::class`] holds it
//! as it is applied. `docs/formats.md` is the reference for people.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cordon_model::signal::{ChangeKind, MentionKind, Problem, Role, Verb};
use serde::Deserialize;

use crate::builtin;
use crate::class::{Alias, EventDefinition, FactDefinition, LogSource, MentionDefinition};
use crate::condition::{Condition, FieldValues, Pattern};
use crate::extract::Extract;
use crate::json::Json;
use crate::problem;
use crate::template::Template;
use crate::time::TimeReader;

/// The formats that a scan knows.
#[derive(Clone)]
pub struct Formats {
    formats: Vec<Arc<Format>>,
}

/// One format, compiled.
pub struct Format {
    /// Its name in messages and coverage: `windows-evtx-json`.
    pub id: String,
    /// What it is, in a few words.
    pub title: String,
    pub(crate) unwrap: Vec<String>,
    present: Vec<String>,
    recognise: Condition,
    pub(crate) flatten: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) time: TimeReader,
    pub(crate) extracts: Vec<Extract>,
    pub(crate) line: Option<regex::Regex>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) source: Option<Template>,
    pub(crate) aliases: Vec<(String, Vec<Alias>)>,
    pub(crate) services: Vec<Services>,
    pub(crate) events: Vec<EventDefinition>,
}

/// What all classes of a format share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) hex: Vec<String>,
    pub(crate) blank: Vec<Pattern>,
    pub(crate) ignore: BTreeMap<MentionKind, Vec<Pattern>>,
}

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
struct FormatFile {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    extends: Vec<String>,
    recognise: Option<RecogniseFile>,
    #[serde(default)]
    unwrap: Vec<String>,
    #[serde(default)]
    flatten: Vec<String>,
    #[serde(default)]
    keys: Vec<String>,
    source: Option<String>,
    #[serde(default)]
    time: TimeFile,
    #[serde(default)]
    fields: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    hex: Vec<String>,
    #[serde(default)]
    blank: Vec<String>,
    #[serde(default)]
    ignore: BTreeMap<MentionKind, Vec<String>>,
    #[serde(default)]
    services: Vec<Services>,
    #[serde(default)]
    extract: Vec<ExtractFile>,
    #[serde(default)]
    event: Vec<EventFile>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecogniseFile {
    #[serde(default)]
    present: Vec<String>,
    #[serde(default)]
    when: FieldValues,
    #[serde(default)]
    unless: FieldValues,
    line: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeFile {
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    layouts: Vec<String>,
    zone: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtractFile {
    pub(crate) from: String,
    #[serde(default)]
    pub(crate) starts: String,
    pub(crate) regex: Option<String>,
    pub(crate) csv: Option<Vec<String>>,
    pub(crate) pairs: Option<String>,
    #[serde(default)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventFile {
    #[serde(default)]
    when: FieldValues,
    #[serde(default)]
    unless: FieldValues,
    #[serde(default)]
    logsource: Vec<LogSource>,
    #[serde(default)]
    fields: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    mention: Vec<MentionFile>,
    #[serde(default)]
    fact: Vec<FactFile>,
    source: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MentionFile {
    role: Role,
    kind: MentionKind,
    spellings: Vec<OneOrMany>,
    each: Option<String>,
    #[serde(default)]
    when: FieldValues,
    #[serde(default)]
    unless: FieldValues,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactFile {
    fact: FactName,
    #[serde(default)]
    remote: bool,
    verb: Option<Verb>,
    change: Option<ChangeKind>,
    rows: Option<String>,
    bytes: Option<String>,
    objects: Option<String>,
    #[serde(default)]
    when: FieldValues,
    #[serde(default)]
    unless: FieldValues,
    #[serde(default)]
    failure: FieldValues,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FactName {
    Logon,
    Access,
    Change,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts,
        }
    }
}

impl Formats {
    /// Returns the formats that the program brings along.
    pub fn builtin() -> Self {
        Self::compile_all(&parse_builtin(), &mut Vec::new())
    }

    /// Returns the built-in formats and those of `*.toml` files below `folder`.
    /// A file with the id of a built-in format replaces it. What cannot be read
    /// or compiled is left out and told.
    pub fn with_folder(folder: &Path) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut files = parse_builtin();
        for path in toml_files(folder, &mut problems) {
            let name = path.display().to_string();
            match std::fs::read_to_string(&path) {
                Ok(text) => match parse(&name, &text) {
                    Ok(file) => {
                        files.retain(|(_, known)| known.id != file.id);
                        files.push((name, file));
                    }
                    Err(problem) => problems.push(problem),
                },
                Err(error) => problems.push(problem::unreadable(&name, &error)),
            }
        }
        (Self::compile_all(&files, &mut problems), problems)
    }

    /// Iterates over the formats in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Format> {
        self.formats.iter().map(Arc::as_ref)
    }

    /// Returns the place and definition of the first format that knows the record.
    pub(crate) fn recognise(&self, record: &Json<'_>) -> Option<(usize, &Arc<Format>)> {
        self.formats.iter().enumerate().find(|(_, format)| format.recognises(record))
    }

    /// Iterates over the formats that read lines of plain text.
    pub(crate) fn of_lines(&self) -> impl Iterator<Item = (usize, &Arc<Format>)> {
        self.formats.iter().enumerate().filter(|(_, format)| format.line.is_some())
    }

    fn compile_all(files: &[(String, FormatFile)], problems: &mut Vec<Problem>) -> Self {
        let mut formats = Vec::new();
        for (name, file) in files {
            if file.recognise.is_none() {
                continue;
            }
            match inherit(file, files).and_then(|whole| compile(&whole)) {
                Ok(format) => formats.push(Arc::new(format)),
                Err(what) => problems.push(problem::in_format(name, what)),
            }
        }
        formats.sort_by(|a, b| {
            let narrow = |format: &Format| std::cmp::Reverse(format.narrowness());
            (narrow(a), &a.id).cmp(&(narrow(b), &b.id))
        });
        Self { formats }
    }
}

fn parse_builtin() -> Vec<(String, FormatFile)> {
    builtin::FORMATS
        .iter()
        .filter_map(|(name, text)| parse(name, text).ok().map(|file| ((*name).to_owned(), file)))
        .collect()
}

fn parse(name: &str, text: &str) -> Result<FormatFile, Problem> {
    toml::from_str(text).map_err(|error| problem::in_toml(name, text, &error))
}

fn toml_files(folder: &Path, problems: &mut Vec<Problem>) -> Vec<std::path::PathBuf> {
    let (files, unreadable) = crate::files::below(folder);
    problems.extend(unreadable);
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("toml")))
        .collect()
}

/// Puts the tables of the extended formats before the format's own.
fn inherit(file: &FormatFile, all: &[(String, FormatFile)]) -> Result<FormatFile, String> {
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

fn compile(file: &FormatFile) -> Result<Format, String> {
    let recognise = file.recognise.clone().unwrap_or_default();
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
    Ok(Format {
        id: file.id.clone(),
        title: file.title.clone(),
        unwrap: file.unwrap.clone(),
        present: recognise.present.clone(),
        recognise: Condition::new(&recognise.when, &recognise.unless),
        flatten: file.flatten.clone(),
        keys: file.keys.clone(),
        time: TimeReader::new(&file.time.fields, &file.time.layouts, file.time.zone.as_deref())?,
        extracts: file.extract.iter().map(Extract::new).collect::<Result<_, _>>()?,
        line: recognise.line.as_deref().map(crate::extract::compile_regex).transpose()?,
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
    })
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
    use crate::class::FactShape;
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

impl Format {
    /// How many fields must be right before the format takes a record.
    fn narrowness(&self) -> usize {
        self.present.len() + self.recognise.len()
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        if self.line.is_some() {
            return false;
        }
        let record = self.inner(record);
        self.present.iter().all(|path| record.has(path))
            && (self.recognise.is_empty()
                || self.recognise.holds(&|path| record.at(path).and_then(Json::text)))
    }

    /// Returns the record inside the envelopes that the format unwraps.
    pub(crate) fn inner<'b, 'a>(&self, record: &'b Json<'a>) -> &'b Json<'a> {
        self.unwrap
            .iter()
            .find_map(|path| record.at(path).filter(|inner| matches!(inner, Json::Object(_))))
            .unwrap_or(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_format_compiles() {
        let mut problems = Vec::new();
        for (name, text) in builtin::FORMATS {
            if let Err(problem) = parse(name, text) {
                problems.push(problem);
            }
        }
        let formats = Formats::compile_all(&parse_builtin(), &mut problems);
        assert_eq!(problems, []);
        assert_eq!(
            formats.iter().count(),
            builtin::FORMATS.len() - 1,
            "all but the base of the windows formats"
        );
    }
}
