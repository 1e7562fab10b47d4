//! Does routing lose or add a hit? Every record against every rule tells.
//!
//! Records are read twice. First as always: each meets the rules of its own log
//! sources. Then with the log sources taken out of the rules' text, so that every
//! record meets every rule; of those hits the ones count whose rule is written
//! for a log source of the record. Both must find the same, rule by rule.
//!
//! That the records have the right log sources is not taken on trust either: a
//! table of Windows channels and event numbers, written apart from the formats,
//! says which Sigma category each belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cordon_model::signal::{Detection, Place};
use cordon_signal::{Formats, Heard, Input, Reading, RuleSource, Rules, Scanner, Sink};

/// Sigma's categories of Windows: the channel (its beginning) and the event numbers.
const CATEGORIES: &[(&str, &str, &[u32])] = &[
    ("process_creation", SYSMON, &[1]),
    ("process_creation", "Security", &[4688]),
    ("file_change", SYSMON, &[2]),
    ("network_connection", SYSMON, &[3]),
    ("process_termination", SYSMON, &[5]),
    ("driver_load", SYSMON, &[6]),
    ("image_load", SYSMON, &[7]),
    ("create_remote_thread", SYSMON, &[8]),
    ("raw_access_thread", SYSMON, &[9]),
    ("process_access", SYSMON, &[10]),
    ("file_event", SYSMON, &[11]),
    ("registry_event", SYSMON, &[12, 13, 14]),
    ("registry_event", "Security", &[4657]),
    ("registry_set", SYSMON, &[13]),
    ("registry_set", "Security", &[4657]),
    ("registry_rename", SYSMON, &[14]),
    ("create_stream_hash", SYSMON, &[15]),
    ("pipe_created", SYSMON, &[17, 18]),
    ("wmi_event", SYSMON, &[19, 20, 21]),
    ("dns_query", SYSMON, &[22]),
    ("file_delete", SYSMON, &[23, 26]),
    ("ps_module", "Microsoft-Windows-PowerShell/Operational", &[4103]),
    ("ps_module", "PowerShellCore/Operational", &[4103]),
    ("ps_script", "Microsoft-Windows-PowerShell/Operational", &[4104]),
    ("ps_script", "PowerShellCore/Operational", &[4104]),
    ("ps_classic_start", "Windows PowerShell", &[400]),
    ("ps_classic_provider_start", "Windows PowerShell", &[600]),
    ("ps_classic_script", "Windows PowerShell", &[800]),
];
const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

/// Hits of one way of reading, by rule.
pub(crate) type Hits = BTreeMap<String, u64>;

/// What a comparison found.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) records: u64,
    pub(crate) rules: usize,
    pub(crate) routed: Hits,
    /// Of every rule on every record, those whose log source is the record's.
    pub(crate) full: Hits,
    /// Hits of rules that are for other products than the record.
    pub(crate) other_products: u64,
    /// Hits of rules for the record's product, but another category or service.
    pub(crate) other_sources: u64,
    /// Records that the table puts into a category and the format does not, or the reverse.
    pub(crate) misplaced: BTreeMap<String, u64>,
}

impl Outcome {
    /// Returns the rules whose hits differ, with both counts.
    pub(crate) fn differences(&self) -> Vec<(String, u64, u64)> {
        let rules: BTreeSet<&String> = self.routed.keys().chain(self.full.keys()).collect();
        let count = |hits: &Hits, rule: &String| hits.get(rule).copied().unwrap_or(0);
        rules
            .into_iter()
            .map(|rule| (rule.clone(), count(&self.routed, rule), count(&self.full, rule)))
            .filter(|(_, routed, full)| routed != full)
            .collect()
    }
}

/// Returns the Sigma files below the folders, correlations left out.
pub(crate) fn rule_texts(folders: &[PathBuf]) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut waiting: Vec<PathBuf> = folders.to_vec();
    while let Some(path) = waiting.pop() {
        if let Ok(entries) = std::fs::read_dir(&path) {
            waiting.extend(entries.flatten().map(|entry| entry.path()));
        } else if path.extension().is_some_and(|ending| ending == "yml")
            && let Ok(text) = std::fs::read_to_string(&path)
            && !text.contains("\ncorrelation:")
        {
            texts.push((path.display().to_string(), text));
        }
    }
    texts.sort();
    texts
}

/// Reads the inputs in both ways.
pub(crate) fn compare(rules: &[(String, String)], inputs: &[PathBuf]) -> Outcome {
    let mut outcome = Outcome::default();
    let logsources: BTreeMap<String, [Option<String>; 3]> =
        rules.iter().flat_map(|(_, text)| logsources_of(text)).collect();
    let mut routed = scanner(rules.iter().map(|(name, text)| (name.clone(), text.clone())));
    let without = rules.iter().map(|(name, text)| (name.clone(), without_logsource(text)));
    let mut full = scanner(without.chain([("table.yml".to_owned(), table())]));
    outcome.rules = routed.rules().len();
    for input in inputs {
        let mut one = Seen::default();
        routed.scan(&Input::Path(input.clone()), &mut one);
        let mut all = Seen { reads: true, ..Seen::default() };
        full.scan(&Input::Path(input.clone()), &mut all);
        outcome.add(&logsources, &one, &all);
    }
    outcome
}

fn scanner(rules: impl Iterator<Item = (String, String)>) -> Scanner {
    let sources: Vec<RuleSource> =
        rules.map(|(name, yaml)| RuleSource::Text { name, yaml }).collect();
    Scanner::new(Formats::builtin(), Rules::load(&sources).0)
}

/// What one pass over a file tells.
#[derive(Default)]
struct Seen {
    reads: bool,
    last: Option<Place>,
    records: u64,
    /// The log sources of each record; equal ones are kept once.
    logsources: BTreeMap<Place, Arc<BTreeSet<String>>>,
    known: BTreeSet<Arc<BTreeSet<String>>>,
    hits: Vec<(Place, String)>,
}

impl Sink for Seen {
    fn event(&mut self, event: &Heard<'_>) {
        self.records += 1;
        self.last = Some(event.place.clone());
    }

    fn wants_readings(&self) -> bool {
        self.reads
    }

    fn reading(&mut self, reading: Reading) {
        if let Some(place) = self.last.clone() {
            let set = Arc::new(reading.logsources.into_iter().collect());
            let known = self.known.get(&set).cloned().unwrap_or_else(|| {
                self.known.insert(Arc::clone(&set));
                set
            });
            self.logsources.insert(place, known);
        }
    }

    fn detection(&mut self, found: Detection) {
        self.hits.push((found.place, found.rule.id.clone()));
    }
}

impl Outcome {
    fn add(&mut self, of_rules: &BTreeMap<String, [Option<String>; 3]>, one: &Seen, all: &Seen) {
        self.records += all.records;
        for (_, rule) in &one.hits {
            *self.routed.entry(rule.clone()).or_default() += 1;
        }
        let nothing = Arc::default();
        let mut placed: BTreeMap<&Place, BTreeSet<&str>> = BTreeMap::new();
        for (place, rule) in &all.hits {
            let of_record = all.logsources.get(place).unwrap_or(&nothing);
            if let Some(category) = rule.strip_prefix("table-") {
                placed.entry(place).or_default().insert(category);
                continue;
            }
            let Some(wanted) = of_rules.get(rule) else { continue };
            if of_record.iter().any(|record| applies(wanted, record)) {
                *self.full.entry(rule.clone()).or_default() += 1;
            } else if wanted.first().is_some_and(|product| {
                product.as_deref().is_none_or(|product| product == "windows")
            }) {
                self.other_sources += 1;
            } else {
                self.other_products += 1;
            }
        }
        self.count_misplaced(&placed, all);
    }

    fn count_misplaced(&mut self, placed: &BTreeMap<&Place, BTreeSet<&str>>, all: &Seen) {
        let known: BTreeSet<&str> = CATEGORIES.iter().map(|(category, ..)| *category).collect();
        let none = BTreeSet::new();
        for (place, logsources) in &all.logsources {
            let by_table = placed.get(place).unwrap_or(&none);
            let by_format: BTreeSet<&str> = logsources
                .iter()
                .filter(|name| name.starts_with("windows/"))
                .filter_map(|name| name.split('/').nth(1))
                .filter(|category| known.contains(category))
                .collect();
            for category in by_table.symmetric_difference(&by_format) {
                *self.misplaced.entry((*category).to_owned()).or_default() += 1;
            }
        }
    }
}

/// Every part that the rule names is the record's.
fn applies(rule: &[Option<String>; 3], record: &str) -> bool {
    let parts = record.split('/');
    rule.iter().zip(parts).all(|(wanted, part)| wanted.as_deref().is_none_or(|w| w == part))
}

/// Reads product, category and service of each rule of a file, by its id.
fn logsources_of(text: &str) -> Vec<(String, [Option<String>; 3])> {
    let Ok(rules) = rsigma_parser::parse_sigma_yaml(text) else {
        return Vec::new();
    };
    let lower = |part: Option<String>| part.map(|part| part.to_lowercase());
    rules
        .rules
        .into_iter()
        .filter_map(|rule| {
            let of = rule.logsource;
            Some((rule.id?, [lower(of.product), lower(of.category), lower(of.service)]))
        })
        .collect()
}

/// Takes the log source out of a rule's text.
fn without_logsource(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if line.starts_with("logsource:") {
            inside = true;
            out.push_str("logsource:\n    definition: any\n");
            continue;
        }
        inside &= line.starts_with([' ', '\t', '#']) || line.is_empty();
        if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// A rule per line of the table of categories.
fn table() -> String {
    let mut by_category: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (category, channel, events) in CATEGORIES {
        by_category
            .entry(category)
            .or_default()
            .push(format!("      - Channel: '{channel}'\n        EventID: {events:?}\n"));
    }
    by_category
        .into_iter()
        .map(|(category, lines)| {
            format!(
                "title: {category}\nid: table-{category}\nlogsource:\n    definition: any\ndetection:\n    s:\n{}    condition: s\n---\n",
                lines.concat()
            )
        })
        .collect()
}

/// Returns the Windows files of the corpus: JSON collections, event logs, quiet machines.
pub(crate) fn windows_files(corpus: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut waiting = vec![corpus.join("windows"), corpus.join("benign")];
    while let Some(path) = waiting.pop() {
        match std::fs::read_dir(&path) {
            Ok(entries) => waiting.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => files.push(path),
        }
    }
    files.sort();
    files
}
