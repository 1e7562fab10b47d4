//! Real logs, when they are at hand: what share of their records becomes
//! events, and which Sigma rules fire on the events written for them.
//!
//! The logs are not part of the project. `CORDON_CORPUS` names their folder
//! (default: `shared/corpus` beside the checkout), `CORDON_SIGMA` that of the
//! rules; without them these tests say so and pass.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests on real logs say what they skip and count"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cordon_model::signal::{Detection, Problem};
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};

fn folder(variable: &str, default: &str, test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let path =
        std::env::var_os(variable).map_or_else(|| root.join("shared").join(default), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {test} (no corpus)");
    None
}

#[derive(Default)]
struct Found {
    events: u64,
    files: BTreeSet<String>,
    problems: Vec<Problem>,
    fired: BTreeMap<String, BTreeSet<String>>,
}

impl Sink for Found {
    fn event(&mut self, event: &Heard<'_>) {
        self.events += 1;
        self.files.insert(event.place.file.to_string());
    }

    fn detection(&mut self, found: Detection) {
        self.fired.entry(found.place.file.to_string()).or_default().insert(found.rule.id.clone());
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
        let wanted = name.starts_with("windows/")
            || name.starts_with("benign/")
            || name.starts_with("cloud/");
        if !wanted
            || !corpus.join(&name).exists()
            || name.contains("gcp-")
            || name.contains("sentinel-")
        {
            continue;
        }
        let mut scanner = Scanner::new(Formats::builtin(), Rules::empty());
        let mut found = Found::default();
        scanner.scan(&Input::Path(corpus.join(&name)), &mut found);
        files += 1;
        if found.events * 100 < expected * 99 {
            short.push(format!(
                "{name}: {} of {expected}; {:?}",
                found.events,
                found.problems.first()
            ));
        }
    }
    println!("{files} files");
    assert!(files > 40, "the corpus holds more files than {files}");
    assert!(short.is_empty(), "too few events:\n{}", short.join("\n"));
}

#[test]
fn rules_fire_on_the_events_written_for_them() {
    let test = "rules_fire_on_the_events_written_for_them";
    let (Some(corpus), Some(sigma)) =
        (folder("CORDON_CORPUS", "corpus", test), folder("CORDON_SIGMA", "sigma", test))
    else {
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
    let mut files = found.files;
    files.extend(found.problems.iter().map(|problem| problem.file.clone()));
    let (mut pairs, mut misses) = (0, Vec::new());
    for file in &files {
        let stem = file.rsplit('/').next().and_then(|name| name.split('.').next());
        let Some(id) = stem.filter(|stem| stem.len() == 36) else {
            continue;
        };
        if scanner.rules().rule(id).is_none() {
            println!("no such rule among those loaded: {id} of {file}");
            continue;
        }
        pairs += 1;
        if !found.fired.get(file).is_some_and(|ids| ids.contains(id)) {
            misses.push(format!("{id} in {file}"));
        }
    }
    println!("{pairs} pairs, {} misses", misses.len());
    assert!(pairs > 150, "only {pairs} pairs");
    assert!(misses.len() * 50 <= pairs, "more than 2 % missed: {misses:#?}");
}

/// An event log with records in several chunks, from the corpus.
fn event_log(corpus: &Path) -> Vec<u8> {
    let file = std::fs::File::open(corpus.join("benign/evtx-misc-benign.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let mut bytes = Vec::new();
    std::io::copy(&mut archive.by_index(0).unwrap(), &mut bytes).unwrap();
    bytes
}

#[test]
fn damaged_event_logs_give_their_good_records() {
    let Some(corpus) =
        folder("CORDON_CORPUS", "corpus", "damaged_event_logs_give_their_good_records")
    else {
        return;
    };
    let whole = event_log(&corpus);
    let scan = |bytes: &[u8]| {
        let mut found = Found::default();
        let input = Input::Bytes { name: "log".to_owned(), bytes: bytes.to_vec() };
        Scanner::new(Formats::builtin(), Rules::empty()).scan(&input, &mut found);
        found
    };
    let all = scan(&whole);
    assert_eq!(all.problems, []);
    assert!(all.events > 1000);

    // Cut within a chunk: everything before the cut, and one problem.
    let cut = scan(&whole[..4096 + 5 * 65_536 + 30_000]);
    assert!(cut.events > all.events / 10 && cut.events < all.events, "{}", cut.events);
    assert_eq!(cut.problems.len(), 1, "{:?}", cut.problems);
    assert!(cut.problems[0].what.contains("ends within this chunk"));
    assert_eq!(cut.problems[0].place, "byte 331776");

    // One chunk overwritten: only its records are lost.
    let mut holed = whole.clone();
    holed[4096 + 65_536..4096 + 2 * 65_536].fill(0xAA);
    let holed = scan(&holed);
    assert!(holed.events + 300 > all.events && holed.events < all.events, "{}", holed.events);
    assert_eq!(holed.problems.len(), 1, "{:?}", holed.problems);

    // Bytes spoiled here and there: no panic, most records.
    let mut spoiled = whole.clone();
    for at in (5000..spoiled.len()).step_by(40_009) {
        spoiled[at] ^= 0xFF;
    }
    let spoiled = scan(&spoiled);
    assert!(spoiled.events > all.events / 2, "{} of {}", spoiled.events, all.events);

    let header_only = scan(&whole[..100]);
    assert_eq!((header_only.events, header_only.problems.len()), (0, 1));
}
