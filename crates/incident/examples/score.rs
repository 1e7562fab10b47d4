//! Scores the footholds of real logs against what is known about them.
//!
//! `score --truth groundtruth.json --rules DIR ... CORPUS [--only TEXT] [--why] [--suspects P] [--file FILE]`
//!
//! Every file of the truth is scanned by itself; so is each file under
//! `CORPUS/benign`. Prints per file and in all: precision, recall and F1 over
//! accounts, hosts, keys and addresses, and the weighted error (missed
//! credential of the intruder 3, innocent account 2, innocent host 1). Hosts
//! that the operator only named or aimed at count neither way.

#![expect(clippy::print_stdout, reason = "a measuring program; it prints its figures")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cordon_incident::{Assessment, FootholdKind, Reasoner, Settings};
use cordon_model::signal::{Detection, Fact, Problem};
use cordon_model::{EstateBuilder, Timestamp};
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};
use serde_json::Value;

struct Judge<'a> {
    reasoner: Reasoner<'a>,
    events: u64,
    detections: u64,
    facts: u64,
    last: Timestamp,
}

impl Sink for Judge<'_> {
    fn event(&mut self, _: &Heard<'_>) {
        self.events += 1;
    }
    fn detection(&mut self, found: Detection) {
        self.detections += 1;
        self.last = self.last.max(found.time);
        self.reasoner.detection(&found);
    }
    fn fact(&mut self, fact: Fact) {
        self.facts += 1;
        self.last = self.last.max(fact.time);
        self.reasoner.fact(&fact);
    }
    fn problem(&mut self, _: Problem) {}
    fn progress(&mut self, _: u64) {}
}

/// What is known of one file: names in lower case.
#[derive(Default)]
struct Truth {
    users: BTreeSet<String>,
    hosts: BTreeSet<String>,
    keys: BTreeSet<String>,
    addresses: BTreeSet<String>,
    neutral: BTreeSet<String>,
    innocent: BTreeSet<String>,
}

#[derive(Default, Clone, Copy)]
struct Score {
    hit: usize,
    missed: usize,
    wrong: usize,
    weighted: usize,
}

impl Score {
    fn add(&mut self, other: Self) {
        self.hit += other.hit;
        self.missed += other.missed;
        self.wrong += other.wrong;
        self.weighted += other.weighted;
    }
    fn show(self) -> String {
        let ratio =
            |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        let (p, r) =
            (ratio(self.hit, self.hit + self.wrong), ratio(self.hit, self.hit + self.missed));
        let f1 = if p + r == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) };
        format!(
            "P {p:.2} R {r:.2} F1 {f1:.2} hit {} missed {} wrong {} error {}",
            self.hit, self.missed, self.wrong, self.weighted
        )
    }
}

fn main() {
    let mut sources = Vec::new();
    let (mut truth_file, mut corpus, mut only, mut why) = (None, None, String::new(), false);
    let (mut settings, mut alone) = (Settings::default(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rules" => sources.extend(arguments.next().map(PathBuf::from).map(RuleSource::Path)),
            "--truth" => truth_file = arguments.next().map(PathBuf::from),
            "--only" => only = arguments.next().unwrap_or_default(),
            "--why" => why = true,
            "--suspects" => {
                settings.suspect_at = arguments.next().and_then(|p| p.parse().ok()).unwrap_or(0.2)
            }
            "--file" => alone.extend(arguments.next().map(PathBuf::from)),
            other => corpus = Some(PathBuf::from(other)),
        }
    }
    let corpus = corpus.unwrap_or_else(|| PathBuf::from("../shared/corpus"));
    let truth_file = truth_file.unwrap_or_else(|| corpus.join("groundtruth.json"));
    let Ok(text) = std::fs::read_to_string(&truth_file) else {
        println!("skipped: {} (no corpus)", truth_file.display());
        return;
    };
    let truths: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    let (rules, _) = Rules::load(&sources);
    println!("{} rules", rules.len());
    let mut scanner = Scanner::new(Formats::builtin(), rules);
    for file in &alone {
        if let Some(assessment) = scan(&mut scanner, &settings, file, &file.display().to_string()) {
            println!("incidents {}", assessment.incidents.len());
            tell(&assessment, &Truth::default(), why);
        }
    }
    if !alone.is_empty() {
        return;
    }
    let mut totals: BTreeMap<&str, Score> = BTreeMap::new();
    for (file, value) in truths.iter().filter(|(file, _)| file.contains(&only)) {
        let truth = truth_of(value);
        if truth.users.is_empty() && truth.hosts.is_empty() {
            continue;
        }
        let Some(assessment) = scan(&mut scanner, &settings, &corpus.join(file), file) else {
            continue;
        };
        let mut whole = Score::default();
        for (kind, score) in compare(&assessment, &truth) {
            totals.entry(kind).or_default().add(score);
            whole.add(score);
        }
        totals.entry("all").or_default().add(whole);
        println!("{} {}", whole.show(), file);
        tell(&assessment, &truth, why);
    }
    for (kind, score) in &totals {
        println!("TOTAL {kind}: {}", score.show());
    }
    for file in files(&corpus.join("benign"))
        .into_iter()
        .filter(|file| file.display().to_string().contains(&only))
    {
        let name = file.display().to_string();
        if let Some(assessment) = scan(&mut scanner, &settings, &file, &name) {
            println!("BENIGN incidents {} {name}", assessment.incidents.len());
            tell(&assessment, &Truth::default(), why);
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn truth_of(value: &Value) -> Truth {
    let mut truth = Truth::default();
    let strings = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|v| Some(v.as_str()?.to_lowercase()))
            .collect()
    };
    for session in value["attacker_sessions"].as_array().into_iter().flatten() {
        truth.hosts.extend(session["host"].as_str().map(short));
        let user = session["user"].as_str().map(str::to_lowercase).unwrap_or_default();
        if !user.ends_with("\\system") {
            truth.users.insert(user);
        }
        truth.neutral.extend(session["ip"].as_str().map(str::to_lowercase));
    }
    let foothold = &value["foothold"];
    truth.users.extend(strings(&foothold["users"]));
    truth.hosts.extend(strings(&foothold["hosts"]).iter().map(|host| short(host)));
    truth.addresses.extend(strings(&foothold["ips"]));
    truth.neutral.extend(strings(&foothold["c2"]));
    truth.neutral.extend(strings(&foothold["payload_downloaded_by"]));
    for words in strings(&foothold["access_keys"]) {
        truth.keys.extend(words.rsplit(' ').next().map(str::to_owned));
    }
    for words in strings(&foothold["accounts"]) {
        let word = if words.starts_with("root of ") {
            words.rsplit(' ').nth(4).map(|n| format!(":{n}:root"))
        } else {
            words.split(' ').next().map(str::to_owned)
        };
        truth.users.extend(word);
    }
    for words in strings(&value["not_attacker"]) {
        truth
            .innocent
            .extend(words.split([' ', '/']).filter(|w| w.contains(['_', '.'])).map(str::to_owned));
    }
    let named = strings(&value["hosts_named_by_operator"])
        .into_iter()
        .chain(strings(&value["remote_targets"]));
    truth.neutral.extend(named.map(|host| short(&host)).filter(|host| !truth.hosts.contains(host)));
    truth
}

fn short(host: &str) -> String {
    host.to_lowercase().split('.').next().unwrap_or_default().to_owned()
}

fn scan(scanner: &mut Scanner, settings: &Settings, path: &Path, name: &str) -> Option<Assessment> {
    let estate = EstateBuilder::new("none", "GBP").finish().ok()?;
    let reasoner = Reasoner::new(&estate, settings.clone());
    let mut judge = Judge { reasoner, events: 0, detections: 0, facts: 0, last: Timestamp::MIN };
    scanner.scan(&Input::Path(path.to_owned()), &mut judge);
    let assessment = judge.reasoner.assess(judge.last);
    println!(
        "  {} events {} detections {} facts {name}",
        judge.events, judge.detections, judge.facts
    );
    Some(assessment)
}

/// Whether a foothold is one of the names, by any of its aliases.
fn is_one_of(aliases: &[String], kind: FootholdKind, names: &BTreeSet<String>) -> Option<String> {
    let spellings: Vec<String> = aliases.iter().map(|alias| alias.to_lowercase()).collect();
    names.iter().find(|name| spellings.iter().any(|alias| same(alias, name, kind))).cloned()
}

fn same(alias: &str, name: &str, kind: FootholdKind) -> bool {
    match kind {
        FootholdKind::Host => short(alias) == *name,
        FootholdKind::Key => alias.ends_with(name),
        FootholdKind::User | FootholdKind::App => {
            alias == name
                || name.starts_with(':') && alias.ends_with(name)
                || alias.rsplit('/').next() == Some(name)
        }
        FootholdKind::Address => alias == name,
    }
}

fn compare(assessment: &Assessment, truth: &Truth) -> Vec<(&'static str, Score)> {
    let kinds = [
        ("accounts", &[FootholdKind::User, FootholdKind::App][..], &truth.users, 3, 2),
        ("hosts", &[FootholdKind::Host][..], &truth.hosts, 0, 1),
        ("keys", &[FootholdKind::Key][..], &truth.keys, 3, 2),
        ("addresses", &[FootholdKind::Address][..], &truth.addresses, 0, 0),
    ];
    let score = |kinds: &[FootholdKind], names: &BTreeSet<String>, missed_weight, wrong_weight| {
        let mut found = BTreeSet::new();
        let mut score = Score::default();
        for foothold in
            assessment.footholds.iter().filter(|foothold| kinds.contains(&foothold.kind))
        {
            match is_one_of(&foothold.aliases, foothold.kind, names) {
                Some(name) => drop(found.insert(name)),
                None if is_one_of(&foothold.aliases, foothold.kind, &truth.neutral).is_some() => {}
                None => score.wrong += 1,
            }
        }
        score.hit = found.len();
        score.missed = names.len() - found.len();
        score.weighted = score.missed * missed_weight + score.wrong * wrong_weight;
        score
    };
    kinds
        .iter()
        .map(|&(name, kinds, names, missed, wrong)| (name, score(kinds, names, missed, wrong)))
        .collect()
}

fn tell(assessment: &Assessment, truth: &Truth, why: bool) {
    for (word, list) in [("foothold", &assessment.footholds), ("suspect", &assessment.suspects)] {
        for foothold in list {
            let all = [&truth.users, &truth.hosts, &truth.keys, &truth.addresses];
            let known = all
                .iter()
                .any(|names| is_one_of(&foothold.aliases, foothold.kind, names).is_some());
            let neutral = is_one_of(&foothold.aliases, foothold.kind, &truth.neutral).is_some();
            let innocent = is_one_of(&foothold.aliases, foothold.kind, &truth.innocent).is_some();
            let mark = if known {
                "ok"
            } else if innocent {
                "INNOCENT"
            } else if neutral {
                "neutral"
            } else {
                "??"
            };
            println!(
                "    {mark:8} {word} {:.2} {} {:?}",
                foothold.probability, foothold.node, foothold.aliases
            );
            if why {
                for reason in &foothold.reasons {
                    println!("        {:+.2} {}", reason.log_odds, reason.text);
                }
            }
        }
    }
    let found = |name: &String| {
        assessment
            .footholds
            .iter()
            .any(|f| is_one_of(&f.aliases, f.kind, &BTreeSet::from([name.clone()])).is_some())
    };
    let wanted = truth.users.iter().chain(&truth.hosts).chain(&truth.keys).chain(&truth.addresses);
    for name in wanted.filter(|name| !found(name)) {
        println!("    MISSED   {name}");
    }
}
