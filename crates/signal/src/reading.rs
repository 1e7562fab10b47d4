//! All that a format reads from one record, for people and tests.
//!
//! A scan tells only what matters to it: facts and detections. A [`Reading`]
//! tells everything, and which fields of the record the format does not know.

use std::collections::BTreeSet;

use cordon_model::Timestamp;
use cordon_model::signal::{FactKind, Mention, Outcome};

use crate::class::{Class, LogSource};
use crate::format::Format;
use crate::json::Json;
use crate::mention;
use crate::recall::Memory;
use crate::view::View;

/// Fields nested deeper than this are not told.
const DEPTH: usize = 8;
/// At most so many fields of a record are told.
const MOST_FIELDS: usize = 1000;
/// An unknown record is shown this far.
const SHOWN: usize = 2000;

/// What one record says.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The id of its format.
    pub format: String,
    /// When it happened.
    pub time: Timestamp,
    /// The Sigma logsources that it belongs to: `product/category/service`, `-` for what is not given.
    pub logsources: Vec<String>,
    /// What it states, and whether it came off.
    pub facts: Vec<(FactKind, Outcome)>,
    /// Everything that it names.
    pub mentions: Vec<Mention>,
    /// Hosts with the address that each held.
    pub leases: Vec<Mention>,
    /// Names of fields that the format neither maps nor uses.
    pub unknown_fields: Vec<String>,
}

impl Reading {
    pub(crate) fn new(
        format: &Format,
        class: &Class,
        view: &View<'_>,
        memory: &Memory,
        time: Timestamp,
    ) -> Self {
        let mentions = mention::mentions(class, view, memory);
        let facts = mention::facts(class, view)
            .into_iter()
            .filter(|(kind, _)| mention::name_somebody(kind, &mentions))
            .collect();
        Self {
            format: format.id.clone(),
            time,
            logsources: logsources(class, view),
            facts,
            mentions: mentions.to_vec(),
            leases: mention::leases(class, view).into_vec(),
            unknown_fields: unknown_fields(format, view),
        }
    }
}

fn logsources(class: &Class, view: &View<'_>) -> Vec<String> {
    let field = |path: &str| view.text(class, path);
    let further = class
        .maybe
        .iter()
        .filter(|(condition, _)| condition.holds(&field))
        .flat_map(|(_, logsources)| logsources);
    let all: BTreeSet<String> = class.logsources.iter().chain(further).map(name).collect();
    all.into_iter().collect()
}

fn name(logsource: &LogSource) -> String {
    [&logsource.product, &logsource.category, &logsource.service]
        .map(|part| part.as_deref().unwrap_or("-"))
        .join("/")
}

/// The record's fields that the format does not mention, as paths.
fn unknown_fields(format: &Format, view: &View<'_>) -> Vec<String> {
    let mut paths = BTreeSet::new();
    view.each_field(&mut |name, value| leaves(name, value, DEPTH, &mut paths));
    let is_known = |path: &str| {
        let path = path.to_lowercase();
        let mut parents = path.match_indices('.').filter_map(|(dot, _)| path.get(..dot));
        let mut tails = path.match_indices('.').filter_map(|(dot, _)| path.get(dot + 1..));
        path == "message"
            || format.uses.contains(&path)
            || parents.any(|parent| format.uses.contains(&format!("{parent}.*")))
            || tails.any(|tail| format.uses.contains(tail))
    };
    // What is flattened stands there by its own name as well.
    let is_flat = |path: &str| {
        let mut flat = format.flatten.iter().map(|flat| flat.trim_end_matches(".*"));
        flat.any(|flat| path.strip_prefix(flat).is_some_and(|rest| rest.starts_with('.')))
    };
    paths.into_iter().filter(|path| !is_known(path) && !is_flat(path)).collect()
}

fn leaves(path: &str, value: &Json<'_>, depth: usize, out: &mut BTreeSet<String>) {
    if out.len() >= MOST_FIELDS {
        return;
    }
    match value {
        Json::Object(members) if depth > 0 => members
            .iter()
            .for_each(|(name, value)| leaves(&format!("{path}.{name}"), value, depth - 1, out)),
        Json::Array(items) if depth > 0 && items.iter().any(|i| matches!(i, Json::Object(_))) => {
            items.iter().for_each(|item| leaves(path, item, depth - 1, out));
        }
        Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Large(_)
        | Json::Float(_)
        | Json::Str(_)
        | Json::Array(_)
        | Json::Object(_) => {
            out.insert(path.to_owned());
        }
    }
}

/// Shows a record as JSON, cut where it gets long.
pub(crate) fn shown(json: &Json<'_>) -> String {
    let mut out = String::new();
    write(json, &mut out);
    out
}

fn write(json: &Json<'_>, out: &mut String) {
    if out.len() > SHOWN {
        return;
    }
    match json {
        Json::Object(members) => {
            out.push('{');
            for (number, (name, value)) in members.iter().enumerate() {
                out.push_str(if number > 0 { ",\"" } else { "\"" });
                out.push_str(name);
                out.push_str("\":");
                write(value, out);
            }
            out.push('}');
        }
        Json::Array(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Json::Str(text) => {
            out.push('"');
            out.push_str(text);
            out.push('"');
        }
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Large(_) | Json::Float(_) => {
            out.push_str(json.text().as_deref().unwrap_or("null"));
        }
    }
}
