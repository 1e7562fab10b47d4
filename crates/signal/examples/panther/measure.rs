//! How Cordon's own rules do on labelled events of another project.
//!
//! Panther's rules come with sample events, each labelled whether its rule must
//! match. Every event of a log type that a format here reads is given to the
//! rules of `rules/` alone, one by one, so correlations are left out. A true
//! event is *found* if a rule of level low or above fires, and *raised* if one
//! of medium or above does. A false event counts as a *false alarm* if a rule
//! of medium or above fires, unless every such rule has an excuse: it fires on
//! true events of other Panther rules and on none of this one, so it tells of
//! something else that the event shows too.
//!
//! Some rules compare an event with history or with lists that it does not
//! carry: how often it happened before, where the person was, which addresses
//! are bad. A single event shows nothing of it. Rates are given over all events,
//! and over those that show it alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;

use cordon_model::signal::{Detection, Level};
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};
use serde_json::Value;

/// Parts of the names of rules that compare an event with history or lists.
const COMPARING: &[&str] = &[
    "ImpossibleTravel",
    "BruteForce",
    "PasswordSpray",
    "RogueState",
    "GreyNoise",
    "MultipleIPs",
    "IPWhitelist",
];

/// One labelled event and what came of it.
pub(crate) struct Case {
    pub(crate) log_type: String,
    /// Panther's rule, and its name for the event.
    pub(crate) rule: String,
    pub(crate) test: String,
    pub(crate) expected: bool,
    /// Our rules that fired: title and level.
    pub(crate) fired: BTreeMap<String, Level>,
    pub(crate) recognised: bool,
}

/// The counts of one log type.
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) trues: usize,
    pub(crate) found: usize,
    pub(crate) raised: usize,
    /// Of the true events, those that show it alone, and those found of them.
    pub(crate) alone: usize,
    pub(crate) found_alone: usize,
    pub(crate) falses: usize,
    pub(crate) raised_false: usize,
    pub(crate) false_alarms: usize,
}

impl Score {
    /// Share of true events that a rule of level low or above finds.
    pub(crate) fn true_rate(&self) -> f64 {
        ratio(self.found, self.trues)
    }

    /// The same over the events that show alone what is to be found.
    pub(crate) fn true_rate_alone(&self) -> f64 {
        ratio(self.found_alone, self.alone)
    }

    /// Share of false events that raise a false alarm.
    pub(crate) fn false_rate(&self) -> f64 {
        ratio(self.false_alarms, self.falses)
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Reads the labelled events below `corpus` and matches each.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn measure(corpus: &Path) -> std::io::Result<Vec<Case>> {
    let file = std::fs::File::open(corpus.join("detection-oracles/panther-rule-tests.ndjson.zst"))?;
    let mut scanner = Scanner::new(Formats::builtin(), own_rules()?);
    let mut cases = Vec::new();
    for line in BufReader::new(zstd::Decoder::new(file)?).lines() {
        let test: Value = serde_json::from_str(&line?)?;
        let text = |name: &str| test.get(name).and_then(Value::as_str).unwrap_or_default();
        let (Some(event), Some(expected), Some(log_type)) =
            (test.get("event"), test.get("expected").and_then(Value::as_bool), log_type(&test))
        else {
            continue;
        };
        let (fired, recognised) = fired(&mut scanner, event);
        cases.push(Case {
            log_type: log_type.to_owned(),
            rule: text("rule_id").to_owned(),
            test: text("test").to_owned(),
            expected,
            fired,
            recognised,
        });
    }
    Ok(cases)
}

/// The one log type of a rule; of several the one that the event names.
fn log_type(test: &Value) -> Option<&str> {
    let types = test.get("log_types")?.as_array()?;
    match types.as_slice() {
        [only] => only.as_str(),
        _ => test.get("event")?.get("p_log_type")?.as_str(),
    }
}

/// The pack without the files that hold correlations: a single event is none.
fn own_rules() -> std::io::Result<Rules> {
    let mut sources = Vec::new();
    for area in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules"))? {
        let area = area?.path();
        if !area.is_dir() || area.ends_with("tests") {
            continue;
        }
        for file in std::fs::read_dir(area)? {
            let path = file?.path();
            let yaml = std::fs::read_to_string(&path)?;
            if !yaml.contains("\ncorrelation:") {
                sources.push(RuleSource::Text { name: path.display().to_string(), yaml });
            }
        }
    }
    Ok(Rules::load(&sources).0)
}

#[derive(Default)]
struct Found {
    fired: BTreeMap<String, Level>,
    recognised: bool,
}

impl Sink for Found {
    fn event(&mut self, _event: &Heard<'_>) {
        self.recognised = true;
    }

    fn detection(&mut self, found: Detection) {
        self.fired.insert(found.rule.title.clone(), found.rule.level);
    }
}

fn fired(scanner: &mut Scanner, event: &Value) -> (BTreeMap<String, Level>, bool) {
    let mut found = Found::default();
    let bytes = event.to_string().into_bytes();
    scanner.scan(&Input::Bytes { name: "event.json".to_owned(), bytes }, &mut found);
    (found.fired, found.recognised)
}

/// Counts per log type; types of which no format reads most events are left out.
pub(crate) fn scores(cases: &[Case]) -> BTreeMap<String, Score> {
    let mut true_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.expected) {
        for title in case.fired.keys() {
            true_of.entry(title).or_default().insert(&case.rule);
        }
    }
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for case in cases {
        let score = scores.entry(case.log_type.clone()).or_default();
        let raised = case.fired.values().any(|level| *level >= Level::Medium);
        if case.expected {
            score.trues += 1;
            let found = case.fired.values().any(|level| *level >= Level::Low);
            let alone = !COMPARING.iter().any(|part| case.rule.contains(part));
            score.found += usize::from(found);
            score.alone += usize::from(alone);
            score.found_alone += usize::from(found && alone);
            score.raised += usize::from(raised);
        } else {
            score.falses += 1;
            score.raised_false += usize::from(raised);
            score.false_alarms += usize::from(is_false_alarm(case, &true_of));
        }
    }
    scores.retain(|log_type, _| {
        let of_type = || cases.iter().filter(|case| case.log_type == *log_type);
        of_type().filter(|case| case.recognised).count() * 2 > of_type().count()
    });
    scores
}

/// Tells whether a rule of medium or above fired on a false event without an excuse.
fn is_false_alarm(case: &Case, true_of: &BTreeMap<&str, BTreeSet<&str>>) -> bool {
    let excused = |title: &str| {
        true_of
            .get(title)
            .is_some_and(|rules| !rules.contains(case.rule.as_str()) && !rules.is_empty())
    };
    case.fired.iter().any(|(title, level)| *level >= Level::Medium && !excused(title))
}
