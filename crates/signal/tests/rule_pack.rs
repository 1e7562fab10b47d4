//! The rule pack: every rule is whole, and does what its tests say.
//!
//! `rules/AREA/NAME.yml` holds one rule, or a correlation with its parts before
//! it; `rules/tests/AREA/NAME.json` holds raw log events: cases that must set it
//! off and near misses, each with the reason why it must not. A case is read
//! by a scanner of its own that knows only the rules of that file. The tables
//! of `docs/rules.md` are compared with the rules; `UPDATE_DOCS=1` renews them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of a test fail by panicking, as the test itself does"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cordon_signal::{Formats, RuleSource, Rules, Scanner};
use rsigma_parser::{Level, SigmaCollection, Status};
use serde::Deserialize;
use serde_json::Value;

/// What every document of a rule file must have, of detections and correlations alike.
struct Head {
    title: String,
    id: String,
    name: Option<String>,
    level: Option<Level>,
    status: Option<Status>,
    description: Option<String>,
    author: Option<String>,
    tags: Vec<String>,
    references: Vec<String>,
    falsepositives: Vec<String>,
}

/// The tests of one rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    r#match: Vec<Vec<Value>>,
    near_miss: Vec<NearMiss>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NearMiss {
    because: String,
    events: Vec<Value>,
}

/// A rule file: its name within the pack, its text, its documents in order.
struct RuleFile {
    name: String,
    text: String,
    heads: Vec<Head>,
}

impl RuleFile {
    /// The document that speaks for the file: a correlation's parts stand before it.
    fn rule(&self) -> &Head {
        self.heads.last().unwrap()
    }
}

fn pack() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules")
}

/// Returns the files below a folder, as paths without ending, in order.
fn below(folder: &Path, ending: &str) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for area in std::fs::read_dir(folder).unwrap() {
        let area = area.unwrap().path();
        if !area.is_dir() || area.ends_with("tests") {
            continue;
        }
        for file in std::fs::read_dir(&area).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let name =
                name.strip_suffix(ending).unwrap_or_else(|| panic!("{name} does not belong here"));
            found.insert(name.to_owned(), path);
        }
    }
    found
}

fn rule_files() -> Vec<RuleFile> {
    below(&pack(), ".yml")
        .into_iter()
        .map(|(name, path)| {
            let text = std::fs::read_to_string(path).unwrap();
            let collection = rsigma_parser::parse_sigma_yaml(&text).unwrap();
            assert!(collection.errors.is_empty(), "{name}: {:?}", collection.errors);
            RuleFile { heads: heads(collection), name, text }
        })
        .collect()
}

fn heads(collection: SigmaCollection) -> Vec<Head> {
    let detections = collection.rules.into_iter().map(|rule| Head {
        title: rule.title,
        id: rule.id.unwrap_or_default(),
        name: rule.name,
        level: rule.level,
        status: rule.status,
        description: rule.description,
        author: rule.author,
        tags: rule.tags,
        references: rule.references,
        falsepositives: rule.falsepositives,
    });
    let correlations = collection.correlations.into_iter().map(|rule| Head {
        title: rule.title,
        id: rule.id.unwrap_or_default(),
        name: rule.name,
        level: rule.level,
        status: rule.status,
        description: rule.description,
        author: rule.author,
        tags: rule.tags,
        references: rule.references,
        falsepositives: rule.falsepositives,
    });
    detections.chain(correlations).collect()
}

fn is_uuid_v4(id: &str) -> bool {
    let parts: Vec<&str> = id.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && id.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c))
        && parts[2].starts_with('4')
        && parts[3].starts_with(['8', '9', 'a', 'b'])
}

fn is_technique(tag: &str) -> bool {
    tag.strip_prefix("attack.t")
        .is_some_and(|rest| rest.len() >= 4 && rest.chars().all(|c| c == '.' || c.is_ascii_digit()))
}

/// What is missing or wrong in the head of a rule.
fn faults(head: &Head) -> Vec<&'static str> {
    let techniques: Vec<&String> = head.tags.iter().filter(|tag| is_technique(tag)).collect();
    let checks = [
        (is_uuid_v4(&head.id), "the id is no version 4 UUID"),
        (head.level.is_some(), "no level"),
        (head.status.is_some(), "no status"),
        (head.description.is_some(), "no description"),
        (head.author.as_deref() == Some("Cordon"), "the author is not Cordon"),
        (!head.falsepositives.is_empty(), "no note on false positives"),
        (!techniques.is_empty(), "no ATT&CK technique"),
        (techniques.len() < head.tags.len(), "no ATT&CK tactic"),
        (
            head.references
                .iter()
                .all(|link| link.starts_with("https://attack.mitre.org/techniques/T")),
            "a reference that is no page of ATT&CK",
        ),
    ];
    checks.iter().filter(|(good, _)| !good).map(|(_, fault)| *fault).collect()
}

#[test]
fn every_rule_is_whole() {
    let mut wrong = Vec::new();
    let (mut ids, mut names, mut titles) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let files = rule_files();
    assert!(files.len() >= 40, "only {} rule files", files.len());
    for file in &files {
        for head in &file.heads {
            wrong.extend(faults(head).into_iter().map(|fault| format!("{}: {fault}", file.name)));
            if !ids.insert(head.id.clone()) {
                wrong.push(format!("{}: the id {} is used twice", file.name, head.id));
            }
            if head.name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
                wrong.push(format!("{}: the name of `{}` is used twice", file.name, head.title));
            }
        }
        let (_, parts) = file.heads.split_last().unwrap();
        if parts.iter().any(|part| part.level != Some(Level::Informational)) {
            wrong.push(format!("{}: a part of the correlation is not informational", file.name));
        }
        if !titles.insert(file.rule().title.clone()) {
            wrong.push(format!("{}: another rule has its title", file.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pack_loads_without_a_problem() {
    let documents: usize = rule_files().iter().map(|file| file.heads.len()).sum();
    let sources: Vec<RuleSource> = rule_files()
        .into_iter()
        .map(|file| RuleSource::Text { name: file.name, yaml: file.text })
        .collect();
    let (rules, problems) = Rules::load(&sources);
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(rules.len(), documents);
}

/// Returns the titles of the rules that a run of events sets off.
fn fired(file: &RuleFile, formats: &Formats, events: &[Value]) -> Result<BTreeSet<String>, String> {
    let source = RuleSource::Text { name: file.name.clone(), yaml: file.text.clone() };
    let (rules, problems) = Rules::load(&[source]);
    if let Some(problem) = problems.first() {
        return Err(problem.what.clone());
    }
    let mut scanner = Scanner::new(formats.clone(), rules);
    let mut titles = BTreeSet::new();
    for event in events {
        let record = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        let (rules, problems) = scanner.fired(&record);
        if let Some(problem) = problems.first() {
            return Err(problem.what.clone());
        }
        titles.extend(rules.iter().map(|rule| rule.title.clone()));
    }
    Ok(titles)
}

/// What is wrong with a rule's tests, or with the rule.
fn check(file: &RuleFile, cases: &Cases, formats: &Formats) -> Vec<String> {
    let title = &file.rule().title;
    let mut wrong = Vec::new();
    if cases.r#match.is_empty() || cases.near_miss.is_empty() {
        wrong.push("it needs a match and a near miss".to_owned());
    }
    for (number, events) in cases.r#match.iter().enumerate() {
        match fired(file, formats, events) {
            Ok(titles) if titles.contains(title) => {}
            Ok(titles) => {
                wrong.push(format!("match {number} does not set it off, only {titles:?}"))
            }
            Err(problem) => wrong.push(format!("match {number}: {problem}")),
        }
    }
    for near_miss in &cases.near_miss {
        match fired(file, formats, &near_miss.events) {
            Ok(titles) if titles.contains(title) => {
                wrong.push(format!("a near miss sets it off: {}", near_miss.because));
            }
            Ok(_) => {}
            Err(problem) => wrong.push(format!("near miss ({}): {problem}", near_miss.because)),
        }
    }
    wrong
}

#[test]
fn every_rule_does_what_its_tests_say() {
    let tests = below(&pack().join("tests"), ".json");
    let formats = Formats::builtin();
    let files = rule_files();
    let known: BTreeSet<&String> = files.iter().map(|file| &file.name).collect();
    let mut wrong: Vec<String> = tests
        .keys()
        .filter(|name| !known.contains(name))
        .map(|name| format!("{name}: tests without a rule"))
        .collect();
    for file in &files {
        let Some(path) = tests.get(&file.name) else {
            wrong.push(format!("{}: no tests", file.name));
            continue;
        };
        let text = std::fs::read_to_string(path).unwrap();
        match serde_json::from_str(&text) {
            Ok(cases) => wrong.extend(
                check(file, &cases, &formats)
                    .into_iter()
                    .map(|fault| format!("{}: {fault}", file.name)),
            ),
            Err(error) => wrong.push(format!("{}: {error}", file.name)),
        }
    }
    assert!(wrong.is_empty(), "{} faults\n{}", wrong.len(), wrong.join("\n"));
}

/// Where the generated part of the page begins.
const MARK: &str = "<!-- The rest is made from the rules by the test `rule_pack`. -->\n";

/// Returns the tables of all rules, a section per area.
fn tables(files: &[RuleFile]) -> String {
    let mut text = String::new();
    let mut area = "";
    for file in files {
        let (of_file, _) = file.name.split_once('/').unwrap();
        if of_file != area {
            area = of_file;
            let count =
                files.iter().filter(|file| file.name.starts_with(&format!("{area}/"))).count();
            writeln!(text, "\n## `{area}`: {count} rules\n").unwrap();
            text.push_str("| rule | what it sees | level | techniques | also fires for |\n|---|---|---|---|---|\n");
        }
        row(file, &mut text);
    }
    text
}

fn row(file: &RuleFile, text: &mut String) {
    let rule = file.rule();
    let techniques: Vec<String> = rule
        .tags
        .iter()
        .filter(|tag| is_technique(tag))
        .map(|tag| tag.trim_start_matches("attack.").to_uppercase())
        .collect();
    let level = rule.level.as_ref().map(|level| format!("{level:?}").to_lowercase());
    let cells = [
        format!("[{}](../rules/{}.yml)", rule.title, file.name),
        rule.description.clone().unwrap_or_default(),
        level.unwrap_or_default(),
        techniques.join(", "),
        rule.falsepositives.join("; "),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    writeln!(text, "| {} |", cells.join(" | ")).unwrap();
}

#[test]
fn the_page_lists_every_rule() {
    let path = pack().join("../docs/rules.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (written, listed) = page.split_once(MARK).expect("docs/rules.md has its mark");
    let current = tables(&rule_files());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{written}{MARK}{current}")).unwrap();
    } else {
        assert!(listed == current, "docs/rules.md is old: run this test with UPDATE_DOCS=1");
    }
}
