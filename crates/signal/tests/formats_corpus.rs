//! How much of logs from many products is recognised, when such logs are at hand.
//!
//! `CORDON_CORPUS` names their folder (default: `shared/corpus` beside the
//! checkout); without it the test says so and passes. `FORMATS_SHOW=1` shows
//! the first records of each file that no format knows.

#![expect(clippy::print_stdout, reason = "tests on real logs say what they skip and count")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cordon_model::signal::Place;
use cordon_signal::{Formats, Heard, Input, Rules, Scanner, Sink};

/// Archives, and what share of their records must be recognised, in percent. Some hold
/// pages of text beside the logs.
const SHARES: &[(&str, u64)] = &[
    ("network/apt29_day1_zeek.zip", 95),
    ("network/msticpy-samples.zip", 25),
    ("cloud/sentinel-training-telemetry.zip", 99),
    ("cloud/gcp-security-analytics-fixtures.zip", 94),
    ("data-access/postgres-audit.zip", 12),
    ("windows/splunk-attack-data-prelfs.zip", 97),
];

/// Events of the labelled tests whose log types no format claims to know may be left.
const LABELLED: u64 = 70;

#[derive(Default)]
struct Count {
    recognised: u64,
    unknown: u64,
    examples: BTreeMap<String, Vec<String>>,
}

impl Sink for Count {
    fn event(&mut self, _: &Heard<'_>) {
        self.recognised += 1;
    }

    fn wants_readings(&self) -> bool {
        true
    }

    fn unknown(&mut self, place: &Place, text: &str) {
        self.unknown += 1;
        let examples = self.examples.entry(place.file.to_string()).or_default();
        if examples.len() < 3 {
            examples.push(text.chars().take(200).collect());
        }
    }
}

impl Count {
    /// Prints what was counted. False if it is less than `share` percent.
    fn is_enough(&self, name: &str, share: u64) -> bool {
        let all = self.recognised + self.unknown;
        println!("{name}: {} of {all} records recognised", self.recognised);
        if std::env::var_os("FORMATS_SHOW").is_some() {
            for (file, examples) in &self.examples {
                println!("  {file}");
                examples.iter().for_each(|text| println!("    {text}"));
            }
        }
        self.recognised * 100 >= all * share
    }
}

fn corpus(test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("CORDON_CORPUS").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: {test} (no corpus)");
        return None;
    }
    Some(folder)
}

fn scan(input: &Input) -> Count {
    let mut count = Count::default();
    Scanner::new(Formats::builtin(), Rules::empty()).scan(input, &mut count);
    count
}

#[test]
fn records_of_many_products_are_recognised() {
    let Some(corpus) = corpus("records_of_many_products_are_recognised") else { return };
    let mut short = Vec::new();
    for (name, share) in SHARES {
        let path = corpus.join(name);
        if !path.exists() {
            println!("skipped: {name} (not in the corpus)");
        } else if !scan(&Input::Path(path)).is_enough(name, *share) {
            short.push(*name);
        }
    }
    assert!(short.is_empty(), "{short:?}");
}

#[test]
fn events_of_labelled_tests_are_recognised() {
    let test = "events_of_labelled_tests_are_recognised";
    let Some(corpus) = corpus(test) else { return };
    let path = corpus.join("detection-oracles/panther-rule-tests.ndjson.zst");
    let Ok(packed) = std::fs::File::open(path) else {
        println!("skipped: {test} (not in the corpus)");
        return;
    };
    let lines = std::io::read_to_string(zstd::Decoder::new(packed).unwrap()).unwrap();
    let mut events = String::new();
    for line in lines.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let of_one_log = row["log_types"].as_array().is_some_and(|types| types.len() == 1);
        if of_one_log && row["event"].is_object() {
            events.push_str(&row["event"].to_string());
            events.push('\n');
        }
    }
    let input = Input::Bytes { name: "labelled".to_owned(), bytes: events.into_bytes() };
    assert!(scan(&input).is_enough("labelled events", LABELLED));
}
