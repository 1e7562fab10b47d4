//! Reads `cordon.toml`: what is not the estate, but about running Cordon on it.
//!
//! The whole schema stands in `docs/estate.md`; `people.toml` is read in [`crate::people`]. Names of nodes and kinds of
//! withdrawals are checked against the estate; addresses and files are only
//! kept, for the program that opens them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cordon_model::Person;
use cordon_model::action::Json;
use cordon_model::ids::NodeId;

use crate::document::{Document, Entry};
use crate::reader::Reader;
use crate::report::Report;

/// Everything of a folder that is not the estate itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What carries withdrawals out.
    pub connectors: Vec<Connector>,
    /// Where log records come from.
    pub sources: Vec<Source>,
    /// `[console] listen`: address and port of the console.
    pub listen: Option<String>,
    /// `data`: folder of the ledger and of everything that Cordon keeps.
    pub data: Option<PathBuf>,
    /// `[hand] socket`: where the process with the connectors' secrets listens, relative to the
    /// configuration folder.
    pub hand: Option<PathBuf>,
    /// `[hand] settle_seconds`: how long an act whose answer was lost may still take effect.
    pub settle_seconds: Option<u32>,
    /// `[retention] events_days`: how long events are kept.
    pub events_days: Option<u32>,
    /// `[authority]`: how far Cordon may go, whoever approves.
    pub arming: Arming,
    /// Those of `people.toml`, sorted by name.
    pub people: Vec<Person>,
    /// `authority.cedar`, where it exists.
    pub authority: Option<PathBuf>,
    /// Sigma rules, `rules/**/*.yml` and `.yaml`, sorted.
    pub rules: Vec<PathBuf>,
    /// Letters and statements, `notices/*.md`, sorted.
    pub notices: Vec<PathBuf>,
}

/// `[authority]`: what bounds every raise, beside the written policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arming {
    /// Whether anything may be raised at all.
    pub armed: bool,
    /// Targets that attempts may be made on within an hour, by kind of withdrawal.
    pub attempts_per_hour: BTreeMap<String, usize>,
    /// The same for every other kind.
    pub attempts_per_hour_of_others: usize,
}

/// Attempts per hour of a kind for which nobody has written a bound.
pub const ATTEMPTS_PER_HOUR: usize = 100;

impl Default for Arming {
    fn default() -> Self {
        Self {
            armed: false,
            attempts_per_hour: BTreeMap::new(),
            attempts_per_hour_of_others: ATTEMPTS_PER_HOUR,
        }
    }
}

/// One `[[connector]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// Its name, which withdrawals give as their connector.
    pub name: String,
    /// Which module speaks with it: `range`.
    pub kind: String,
    /// Kinds of withdrawals that it carries out unless they name another, sorted.
    pub handles: Vec<String>,
    /// The node that does the work.
    pub enforcer: Option<NodeId>,
    /// Nodes that its calls go over on their way to the enforcer, sorted; nothing on it is cut.
    pub way: Vec<NodeId>,
    /// Targets that attempts may be made on within an hour, all kinds together.
    pub attempts_per_hour: Option<usize>,
    /// `[connector.settings]`, for its module: a table.
    pub settings: Json,
}

/// One `[[source]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, which `[[coverage]]` gives as its source: `pgaudit:members`.
    pub name: String,
    /// File or folder, relative to the configuration folder.
    pub path: Option<PathBuf>,
    /// Name of its format, where it is not to be recognised.
    pub format: Option<String>,
}

/// All tables and keys that the file may hold.
pub(crate) const TABLES: [&str; 7] =
    ["authority", "connector", "source", "console", "hand", "retention", "data"];

/// The most attempts per hour that can be written.
const MOST_ATTEMPTS: u64 = 1_000_000;

/// Reads the file. Nodes must have been declared.
pub(crate) fn read_config(document: &Document<'_>, reader: &mut Reader) -> Config {
    let elsewhere = (&crate::tables::TABLES[..], "a file in `estate/`");
    document.check_tables(&TABLES, elsewhere, &mut reader.report);
    let mut config = Config::default();
    for top in document.top() {
        if let Some(data) = top.text("data", &mut reader.report) {
            config.data = Some(data.value.into());
        }
    }
    for entry in document.tables("console", &["listen"], &mut reader.report) {
        config.listen =
            entry.required("listen", &mut reader.report).map(|text| text.value.to_owned());
    }
    for entry in document.tables("hand", &["socket", "settle_seconds"], &mut reader.report) {
        let socket = entry.text("socket", &mut reader.report);
        config.hand = socket.map(|text| text.value.into());
        let settle = entry.count("settle_seconds", 1, 3600, &mut reader.report);
        config.settle_seconds = settle.and_then(|seconds| u32::try_from(seconds).ok());
    }
    for entry in document.tables("retention", &["events_days"], &mut reader.report) {
        let days = entry.count("events_days", 1, 36_500, &mut reader.report);
        config.events_days = days.and_then(|days| u32::try_from(days).ok());
    }
    read_authority(document, &mut config, reader);
    read_connectors(document, &mut config, reader);
    read_sources(document, &mut config, &mut reader.report);
    config
}

fn read_authority(document: &Document<'_>, config: &mut Config, reader: &mut Reader) {
    for entry in document.tables("authority", &["armed", "attempts_per_hour"], &mut reader.report) {
        if let Some(armed) = entry.flag("armed", &mut reader.report) {
            config.arming.armed = armed;
        }
        for (kind, found) in entry.counts("attempts_per_hour", MOST_ATTEMPTS, &mut reader.report) {
            let most = usize::try_from(found.value).unwrap_or(usize::MAX);
            if kind == "others" {
                config.arming.attempts_per_hour_of_others = most;
            } else {
                reader.capped_kinds.push((kind.clone(), found.spot));
                config.arming.attempts_per_hour.insert(kind, most);
            }
        }
    }
}

fn read_connectors(document: &Document<'_>, config: &mut Config, reader: &mut Reader) {
    let keys = ["name", "kind", "handles", "enforcer", "way", "attempts_per_hour", "settings"];
    for entry in document.entries("connector", &keys, &mut reader.report) {
        let name = entry.required("name", &mut reader.report);
        let kind = entry.required("kind", &mut reader.report);
        let handles = entry.texts("handles", &mut reader.report).unwrap_or_default();
        let enforcer = entry.text("enforcer", &mut reader.report);
        let node = enforcer.and_then(|e| reader.resolve(e.value, e.spot, "`enforcer`"));
        let way = read_way(&entry, reader);
        let most = entry.count("attempts_per_hour", 0, MOST_ATTEMPTS, &mut reader.report);
        let (Some(name), Some(kind)) = (name, kind) else { continue };
        if reader.connectors.insert(name.value.into(), node).is_some() {
            let what = format!("two connectors have the name `{}`", name.value);
            reader.report.problem(name.spot, what, "give one of them another name");
        }
        for handled in &handles {
            let shared = reader.kind(name.value);
            let old = reader.builder.connectors.insert(handled.value.into(), (shared, node));
            if let Some((other, _)) = old {
                let what = format!("`{}` is handled by `{other}` already", handled.value);
                let remedy = "let one connector handle it, and name the other in its withdrawals";
                reader.report.problem(handled.spot, what, remedy);
            }
        }
        let mut handles: Vec<String> = handles.iter().map(|kind| kind.value.to_owned()).collect();
        handles.sort();
        config.connectors.push(Connector {
            name: name.value.to_owned(),
            kind: kind.value.to_owned(),
            handles,
            enforcer: enforcer.and_then(|e| NodeId::parse(e.value).ok()),
            way,
            attempts_per_hour: most.and_then(|most| usize::try_from(most).ok()),
            settings: entry.table("settings", &mut reader.report),
        });
    }
    config.connectors.sort_by(|a, b| a.name.cmp(&b.name));
}

fn read_way(entry: &Entry<'_, '_>, reader: &mut Reader) -> Vec<NodeId> {
    let named = entry.texts("way", &mut reader.report).unwrap_or_default();
    let mut way: Vec<NodeId> = named
        .iter()
        .filter(|node| reader.resolve(node.value, node.spot, "`way`").is_some())
        .filter_map(|node| NodeId::parse(node.value).ok())
        .collect();
    way.sort();
    way.dedup();
    way
}

fn read_sources(document: &Document<'_>, config: &mut Config, report: &mut Report) {
    for entry in document.entries("source", &["name", "path", "format"], report) {
        let text = |entry: &Entry<'_, '_>, key: &str, report: &mut Report| {
            entry.text(key, report).map(|text| text.value.to_owned())
        };
        let name = entry.required("name", report);
        let path = text(&entry, "path", report).map(PathBuf::from);
        let format = text(&entry, "format", report);
        let Some(name) = name else { continue };
        if config.sources.iter().any(|source| source.name == name.value) {
            let what = format!("two sources have the name `{}`", name.value);
            report.problem(name.spot, what, "give one of them another name");
        }
        config.sources.push(Source { name: name.value.to_owned(), path, format });
    }
    config.sources.sort_by(|a, b| a.name.cmp(&b.name));
}
