//! Real logs, when they are at hand: what share of their records becomes
//! events, and which Sigma rules fire on the events written for them.
//!
//! The logs are not part of the project. `CORDON_CORPUS` names their folder
//! (default: `shared/corpus` beside the checkout), `CORDON_SIGMA` that of the
//! rules; without them these tests say so and pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cordon_model::signal::{Detection, Problem};
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};

fn folder(variable: &str, default: &str, test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let path = std::env::var_os(variable)
        .map_or_else(|| root.join("shared").join(default), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {test} (no corpus)");
    None
}

#[derive(Default)]
struct Found {
    events: u64,
    problems: Vec<Problem>,
    fired: BTreeMap<String, BTreeSet<String>>,
}

impl Sink for Found {
    fn event(&mut self, _: &Heard<'_>) {
        self.events += 1;
    }

    fn detection(&mut self, found: Detection) {
        self.fired
            .entry(found.place.file.to_string())
            .or_default()
            .insert(found.rule.id.clone());
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// The files of the table in SOURCES.md with the number of events it gives.
fn counted(corpus: &Path) -> Vec<(String, u64)> {
    let text = std::fs::read_to_string(corpus.join("SOURCES.md")).unwrap();
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            Some((cells.get(1)?.to_string(), cells.get(6)?.parse().ok()?))
        })
        .collect()
}

#[test]
fn nearly_every_record_becomes_an_event() {
    let Some(corpus) = folder("CORDON_CORPUS", "corpus", "nearly_every_record_becomes_an_event")
    else {
        return;
    };
    let mut short = Vec::new();
    let mut files = 0;
    for (name, expected) in counted(&corpus) {
        let wanted = name.starts_with("windows/") || name.starts_with("benign/") || name.starts_with("cloud/");
        if !wanted || !corpus.join(&name).exists() || name.contains("gcp-") || name.contains("sentinel-") {
            continue;
        }
        let mut scanner = Scanner::new(Formats::builtin(), Rules::empty());
        let mut found = Found::default();
        scanner.scan(&Input::Path(corpus.join(&name)), &mut found);
        files += 1;
        if found.events * 100 < expected * 99 {
            short.push(format!("{name}: {} of {expected}; {:?}", found.events, found.problems.first()));
        }
    }
    println!("{files} files");
    assert!(files > 40, "the corpus holds more files than {files}");
    assert!(short.is_empty(), "too few events:\n{}", short.join("\n"));
}

/// Misses that the logs themselves explain.
const EXPLAINED: &[(&str, &str)] = &[];

#[test]
fn rules_fire_on_the_events_written_for_them() {
    let test = "rules_fire_on_the_events_written_for_them";
    let (Some(corpus), Some(sigma)) = (
        folder("CORDON_CORPUS", "corpus", test),
        folder("CORDON_SIGMA", "sigma", test),
    ) else {
        return;
    };
    let (rules, _) = Rules::load(&[
        RuleSource::Path(sigma.join("rules")),
        RuleSource::Path(sigma.join("rules-emerging-threats")),
    ]);
    let mut scanner = Scanner::new(Formats::builtin(), rules);
    let mut found = Found::default();
    let pairs = corpus.join("detection-oracles/sigma-regression.zip");
    scanner.scan(&Input::Path(pairs), &mut found);
    let mut misses = BTreeSet::new();
    let mut members: BTreeSet<&str> = found.fired.keys().map(String::as_str).collect();
    members.extend(found.problems.iter().map(|problem| problem.file.as_str()));
    let named: Vec<(&str, &str)> = members
        .iter()
        .filter_map(|file| {
            let stem = file.rsplit('/').next()?.split('.').next()?;
            (stem.len() == 36).then_some((*file, stem))
        })
        .collect();
    for (file, id) in &named {
        let fired = found.fired.get(*file).is_some_and(|ids| ids.contains(*id));
        if !fired {
            misses.insert(format!("{id} in {file}"));
        }
    }
    println!("{} pairs, {} misses", named.len(), misses.len());
    misses.iter().for_each(|miss| println!("miss: {miss}"));
    assert!(named.len() > 150, "only {} pairs", named.len());
    assert!(misses.len() * 50 <= named.len(), "more than 2 % missed");
    let _ = EXPLAINED;
}
