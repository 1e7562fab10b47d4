//! `cordon bench footholds`: how well the intruder is named, file by file.
//!
//! Each log file of a truth file is read by itself, with nothing known of the
//! estate unless one is given, judged, and scored. `docs/footholds.md` says what
//! the figures mean.

mod replay;
mod score;
mod truth;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use cordon_incident::{Assessment, FootholdKind, Names};
use cordon_model::Estate;
use cordon_signal::{Input, Scanner};
use indicatif::ProgressBar;
use serde::Serialize;

use self::replay::{Race, Reading};
use self::score::{Score, Sort, score};
use self::truth::{Truth, named};
use crate::cli::Format;
use crate::commands::scan::empty_estate;
use crate::commands::{load_estate, print, print_json};
use crate::failure::bad_input;
use crate::text::{Align, Table, count, thousands};
use crate::{exit, pack};

/// Parts of a file's events, in a hundred, at which it is scored.
const PARTS: [usize; 4] = [25, 50, 75, 100];

#[derive(Debug, Args)]
pub(crate) struct FootholdsArgs {
    /// JSON file: path of a log file -> what is known of its intruder
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// Folder that the paths start from; the truth file's own by default
    #[arg(long, value_name = "FOLDER")]
    corpus: Option<PathBuf>,
    /// Only files whose path contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Log files or folders with nobody inside: every incident in them is false
    #[arg(long, value_name = "PATH")]
    benign: Vec<PathBuf>,
    /// Folder or file of Sigma rules to add to the built-in ones
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Leave the built-in rules out
    #[arg(long)]
    no_pack: bool,
    /// The organisation's estate; without it one is made of each log's own sign-ins
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How one file went.
#[derive(Debug, Serialize)]
struct Row {
    file: String,
    events: usize,
    scores: BTreeMap<Sort, Score>,
    all: Score,
    f1: f64,
    /// F1 after each part of the events, in the order of `PARTS`.
    f1_at: Vec<f64>,
    race: Option<Race>,
    missed: Vec<String>,
    wrong: Vec<String>,
}

/// What was found where nobody is inside.
#[derive(Debug, Serialize)]
struct Quiet {
    file: String,
    events: usize,
    incidents: usize,
    footholds: Vec<String>,
}

/// Everything that the command tells.
#[derive(Debug, Serialize)]
struct Report {
    files: Vec<Row>,
    totals: BTreeMap<Sort, Score>,
    all: Score,
    precision: f64,
    recall: f64,
    f1: f64,
    mean_f1: f64,
    mean_f1_by_sort: BTreeMap<Sort, f64>,
    mean_f1_at: Vec<f64>,
    benign: Vec<Quiet>,
    not_read: Vec<String>,
}

/// Runs the command; exits with 1 when an incident opens where nobody is inside.
pub(super) fn run(args: &FootholdsArgs) -> anyhow::Result<u8> {
    let truths = truth::read(&args.truth)?;
    let beside = args.truth.parent().map(Path::to_owned).unwrap_or_default();
    let corpus = args.corpus.as_ref().unwrap_or(&beside);
    let estate = match &args.config {
        Some(folder) => load_estate(folder)?.estate,
        None => empty_estate()?,
    };
    let (rules, problems) = pack::rules(&args.rules, args.no_pack);
    if let Some(problem) = problems.first() {
        return Err(bad_input(crate::failure::problem_line(problem)));
    }
    let mut scanner = pack::scanner(rules);
    let bar = ProgressBar::new_spinner();
    let (mut rows, mut not_read) = (Vec::new(), Vec::new());
    let known = truths.iter().filter(|(file, truth)| file.contains(&args.only) && truth.is_known());
    for (file, truth) in known {
        bar.set_message(file.clone());
        bar.tick();
        let path = corpus.join(file);
        if path.exists() {
            rows.push(row(&mut scanner, &estate, file, &path, truth));
        } else {
            not_read.push(file.clone());
        }
    }
    let benign = args.benign.iter().flat_map(|path| below(path));
    let benign = benign.map(|path| quiet(&mut scanner, &estate, &path)).collect();
    bar.finish_and_clear();
    let report = Report::new(rows, benign, not_read);
    match args.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&report.text())?,
    }
    let false_alarm = report.benign.iter().any(|quiet| quiet.incidents > 0);
    Ok(if false_alarm { exit::FAILED } else { exit::DONE })
}

/// The files of a folder, each a log of its own; a file is itself.
fn below(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = path.read_dir() else { return vec![path.to_owned()] };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn read(scanner: &mut Scanner, path: &Path) -> Reading {
    let mut reading = Reading::default();
    scanner.forget();
    scanner.scan(&Input::Path(path.to_owned()), &mut reading);
    reading.sort();
    reading
}

fn row(scanner: &mut Scanner, estate: &Estate, file: &str, path: &Path, truth: &Truth) -> Row {
    let reading = read(scanner, path);
    let whole = reading.judge_part(estate, 100);
    let names = names_of(&whole.names);
    let is_named = |kind: FootholdKind, name: &str| {
        let wanted = [name.to_owned()].into();
        let same = names.iter().filter(|(of, _)| Sort::of(*of) == Sort::of(kind));
        same.into_iter().any(|(kind, aliases)| named(aliases, *kind, &wanted).is_some())
    };
    let scores: BTreeMap<Sort, Score> = score(&whole, truth, &is_named).into();
    let f1_at = PARTS.map(|part| {
        let judged = reading.judge_part(estate, part);
        sum(score(&judged, truth, &is_named).iter().map(|(_, score)| *score)).f1()
    });
    let all = sum(scores.values().copied());
    Row {
        file: file.to_owned(),
        events: reading.events(),
        f1: all.f1(),
        all,
        scores,
        f1_at: f1_at.to_vec(),
        race: reading.race(estate, truth, &whole.names),
        missed: missed(&whole, truth),
        wrong: wrong(&whole, truth),
    }
}

fn names_of(names: &Names) -> Vec<(FootholdKind, Vec<String>)> {
    let nodes = names.nodes();
    nodes.map(|(_, kind, all)| (kind, all.into_iter().map(str::to_owned).collect())).collect()
}

fn sum(scores: impl Iterator<Item = Score>) -> Score {
    scores.fold(Score::default(), |mut all, score| {
        all.add(score);
        all
    })
}

fn missed(judged: &Assessment, truth: &Truth) -> Vec<String> {
    let sorts = [
        (FootholdKind::User, &truth.accounts),
        (FootholdKind::Host, &truth.hosts),
        (FootholdKind::Key, &truth.keys),
        (FootholdKind::Address, &truth.addresses),
    ];
    let found = |kind: FootholdKind, name: &String| {
        let wanted = [name.clone()].into();
        let same = judged.footholds.iter().filter(|f| Sort::of(f.kind) == Sort::of(kind));
        same.into_iter().any(|f| named(&f.aliases, f.kind, &wanted).is_some())
    };
    let names = sorts.iter().flat_map(|(kind, names)| names.iter().map(|name| (*kind, name)));
    names.filter(|(kind, name)| !found(*kind, name)).map(|(_, name)| name.clone()).collect()
}

fn wrong(judged: &Assessment, truth: &Truth) -> Vec<String> {
    let is_known = |kind: FootholdKind, aliases: &[String]| {
        named(aliases, kind, truth.of_kind(kind)).is_some()
            || named(aliases, kind, &truth.neutral).is_some()
    };
    let wrong = judged.footholds.iter().filter(|f| !is_known(f.kind, &f.aliases));
    wrong
        .map(|foothold| {
            let beyond_doubt = named(&foothold.aliases, foothold.kind, &truth.innocent).is_some();
            let mark = if beyond_doubt { " (innocent beyond doubt)" } else { "" };
            format!("{}{mark}", foothold.node)
        })
        .collect()
}

fn quiet(scanner: &mut Scanner, estate: &Estate, path: &Path) -> Quiet {
    let reading = read(scanner, path);
    let judged = reading.judge_part(estate, 100);
    Quiet {
        file: path.display().to_string(),
        events: reading.events(),
        incidents: judged.incidents.len(),
        footholds: judged.footholds.iter().map(|foothold| foothold.node.to_string()).collect(),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut number) = (0.0, 0.0);
    for value in values {
        sum += value;
        number += 1.0;
    }
    if number == 0.0 { 1.0 } else { sum / number }
}

impl Report {
    fn new(files: Vec<Row>, benign: Vec<Quiet>, not_read: Vec<String>) -> Self {
        let of_sort = |sort| files.iter().filter_map(move |row| row.scores.get(&sort).copied());
        let totals: BTreeMap<Sort, Score> =
            Sort::ALL.iter().map(|&sort| (sort, sum(of_sort(sort)))).collect();
        let all = sum(totals.values().copied());
        let mean_of = |sort| mean(of_sort(sort).filter(|s| s.says_something()).map(Score::f1));
        let at = |part: usize| mean(files.iter().filter_map(|row| row.f1_at.get(part).copied()));
        Self {
            precision: all.precision(),
            recall: all.recall(),
            f1: all.f1(),
            mean_f1: mean(files.iter().map(|row| row.f1)),
            mean_f1_by_sort: Sort::ALL.iter().map(|&sort| (sort, mean_of(sort))).collect(),
            mean_f1_at: (0..PARTS.len()).map(at).collect(),
            totals,
            all,
            files,
            benign,
            not_read,
        }
    }

    fn text(&self) -> String {
        let mut out = self.file_table();
        for row in self.files.iter().filter(|row| !row.missed.is_empty() || !row.wrong.is_empty()) {
            let _ = writeln!(out, "{}", row.file);
            for name in &row.missed {
                let _ = writeln!(out, "  missed {name}");
            }
            for name in &row.wrong {
                let _ = writeln!(out, "  not his, as far as known: {name}");
            }
        }
        out.push_str(&self.total_table());
        let at: Vec<String> = PARTS
            .iter()
            .zip(&self.mean_f1_at)
            .map(|(part, f1)| format!("{part} %: {f1:.2}"))
            .collect();
        let _ = writeln!(
            out,
            "Mean F1 of {}: {:.2}. After {}",
            count(self.files.len(), "file", "files"),
            self.mean_f1,
            at.join(", ")
        );
        let _ = writeln!(
            out,
            "Weighted error (missed account or credential 3, innocent account 2, innocent host 1): {}",
            self.all.error
        );
        out.push_str(&self.race_text());
        for quiet in &self.benign {
            let _ = writeln!(
                out,
                "Nobody inside: {} in {} events of {}",
                count(quiet.incidents, "incident", "incidents"),
                thousands(u64::try_from(quiet.events).unwrap_or(u64::MAX)),
                quiet.file
            );
        }
        for file in &self.not_read {
            let _ = writeln!(out, "not there: {file}");
        }
        out
    }

    fn file_table(&self) -> String {
        let right = Align::Right;
        let mut table = Table::new(&[
            ("file", Align::Left),
            ("events", right),
            ("P", right),
            ("R", right),
            ("F1", right),
            ("at 25/50/75 %", right),
            ("error", right),
            ("foothold after", right),
            ("permitted", right),
            ("denied", right),
        ]);
        for row in &self.files {
            let at: Vec<String> = row.f1_at.iter().take(3).map(|f1| format!("{f1:.2}")).collect();
            let race = |tell: &dyn Fn(&Race) -> String| {
                row.race.as_ref().map_or_else(|| "-".to_owned(), tell)
            };
            table.row([
                row.file.clone(),
                row.events.to_string(),
                format!("{:.2}", row.all.precision()),
                format!("{:.2}", row.all.recall()),
                format!("{:.2}", row.f1),
                at.join(" "),
                row.all.error.to_string(),
                race(&|race| format!("{:.0} s", race.seconds_to_foothold)),
                race(&|race| format!("{}/{}", race.still_permitted, race.intruder_actions)),
                race(&|race| format!("{}/{}", race.denied, race.innocent_actions)),
            ]);
        }
        table.render(0)
    }

    fn total_table(&self) -> String {
        let right = Align::Right;
        let mut table = Table::new(&[
            ("in all", Align::Left),
            ("P", right),
            ("R", right),
            ("F1", right),
            ("mean F1", right),
            ("hit", right),
            ("missed", right),
            ("of them named nowhere", right),
            ("wrong", right),
        ]);
        let sorts = self.totals.iter().map(|(sort, score)| {
            let mean = self.mean_f1_by_sort.get(sort).copied().unwrap_or(1.0);
            (sort.word(), *score, mean)
        });
        for (word, score, mean) in sorts.chain([("all", self.all, self.mean_f1)]) {
            table.row([
                word.to_owned(),
                format!("{:.2}", score.precision()),
                format!("{:.2}", score.recall()),
                format!("{:.2}", score.f1()),
                format!("{mean:.2}"),
                score.hit.to_string(),
                score.missed.to_string(),
                score.unnamed.to_string(),
                score.wrong.to_string(),
            ]);
        }
        format!("\n{}", table.render(0))
    }

    fn race_text(&self) -> String {
        let races: Vec<&Race> = self.files.iter().filter_map(|row| row.race.as_ref()).collect();
        let total =
            |part: &dyn Fn(&Race) -> usize| races.iter().map(|race| part(race)).sum::<usize>();
        let mut waits: Vec<f64> = races.iter().map(|race| race.seconds_to_foothold).collect();
        waits.sort_by(f64::total_cmp);
        let longest = races.iter().map(|race| race.seconds_to_plan).fold(0.0, f64::max);
        let median = waits.get(waits.len() / 2).copied().unwrap_or(0.0);
        format!(
            "The first of his nodes is named a median of {median:.0} s after the intruder's first event, in {} of {}; \
             the plan stands {longest:.2} s later at most, sound in {}.\n\
             After the plan the intruder could still do {} of {} things; others were denied {} of {}.\n",
            races.len(),
            count(self.files.len(), "file", "files"),
            races.iter().filter(|race| race.sound).count(),
            thousands(total(&|race| race.still_permitted) as u64),
            thousands(total(&|race| race.intruder_actions) as u64),
            thousands(total(&|race| race.denied) as u64),
            thousands(total(&|race| race.innocent_actions) as u64),
        )
    }
}
