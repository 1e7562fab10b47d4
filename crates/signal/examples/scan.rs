//! Measures a scan: `scan [--rules DIR]... [--threads N] [--sheets BYTES] [--hits] [--mentions] FILE...`
//!
//! Prints counts, the rate and the peak memory; with `--hits` how
//! often each rule matched, with `--problems` what could not be read, with
//! `--mentions` each detection and fact.

#![expect(clippy::print_stdout, reason = "a measuring program; it prints its figures")]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cordon_model::signal::{Detection, Fact, Problem};
use cordon_signal::{Formats, Heard, Input, RuleSource, Rules, Scanner, Sink};

#[derive(Default)]
struct Count {
    verbose: bool,
    events: u64,
    bytes: u64,
    sources: BTreeMap<(String, String), u64>,
    hits: BTreeMap<String, u64>,
    facts: BTreeMap<String, u64>,
    problems: Vec<Problem>,
}

impl Sink for Count {
    fn event(&mut self, event: &Heard<'_>) {
        self.events += 1;
        let key = (event.format.to_owned(), event.source.to_string());
        if let Some(count) = self.sources.get_mut(&key) {
            *count += 1;
        } else {
            self.sources.insert(key, 1);
        }
    }

    fn detection(&mut self, found: Detection) {
        if self.verbose {
            println!(
                "D {} {} {} {:?} {} {}",
                found.place.file,
                found.rule.id,
                found.time,
                found.rule.level,
                found.rule.title,
                show(&found.mentions)
            );
        }
        let title = format!("{:?} {}", found.rule.level, found.rule.title);
        *self.hits.entry(title).or_default() += 1;
    }

    fn fact(&mut self, fact: Fact) {
        if self.verbose {
            println!("F {} {:?} {:?} {}", fact.time, fact.kind, fact.outcome, show(&fact.mentions));
        }
        *self.facts.entry(format!("{:?} {:?}", fact.kind, fact.outcome)).or_default() += 1;
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn progress(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

fn show(mentions: &[cordon_model::signal::Mention]) -> String {
    mentions
        .iter()
        .map(|m| format!("[{:?} {:?} {}]", m.role, m.kind, m.spellings.join(" = ")))
        .collect()
}

fn main() {
    let mut rules = Vec::new();
    let mut inputs = Vec::new();
    let (mut hits, mut problems, mut mentions) = (false, false, false);
    let mut threads = NonZeroUsize::MIN;
    let mut sheets = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rules" => rules.extend(arguments.next().map(PathBuf::from).map(RuleSource::Path)),
            "--threads" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                threads = number.unwrap_or(threads);
            }
            "--sheets" => {
                let bytes = arguments.next().and_then(|bytes| bytes.parse().ok());
                sheets = bytes.or(sheets);
            }
            "--hits" => hits = true,
            "--problems" => problems = true,
            "--mentions" => mentions = true,
            _ => inputs.push(Input::of_argument(Path::new(&argument))),
        }
    }
    let begun = Instant::now();
    let (rules, unusable) = Rules::load(&rules);
    println!(
        "{} rules, {} rule problems, {:.2} s, {}",
        rules.len(),
        unusable.len(),
        begun.elapsed().as_secs_f64(),
        memory()
    );
    let mut scanner = Scanner::new(Formats::builtin(), rules).with_threads(threads);
    if let Some(bytes) = sheets {
        scanner = scanner.with_sheets(bytes);
    }
    let mut count = Count { verbose: mentions, ..Count::default() };
    if problems {
        count.problems = unusable;
    }
    let begun = Instant::now();
    scanner.scan_all(&inputs, &mut count);
    let seconds = begun.elapsed().as_secs_f64();
    let hit: u64 = count.hits.values().sum();
    println!(
        "{} events in {seconds:.2} s: {:.0} events/s; {} detections of {} rules, {} problems, {} bytes read, {}",
        count.events,
        count.events as f64 / seconds,
        hit,
        count.hits.len(),
        count.problems.len(),
        count.bytes,
        memory(),
    );
    for (fact, number) in &count.facts {
        println!("{number:8} {fact}");
    }
    if hits {
        count.hits.iter().for_each(|(title, number)| println!("{number:8} {title}"));
        count
            .sources
            .iter()
            .for_each(|((format, source), number)| println!("{number:8} {format} {source}"));
    }
    if problems {
        for p in &count.problems {
            println!("{} {}: {} ({})", p.file, p.place, p.what, p.remedy);
        }
    }
}

/// Peak memory as the kernel counts it.
fn memory() -> String {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            status
                .lines()
                .find(|line| line.starts_with("VmHWM"))
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .unwrap_or_default()
}
