//! `cordon scan`: log files in; detections, facts, footholds and incidents out.
//!
//! One pass over the input, fed to the reasoner as it goes. Detections are kept
//! to the end because only the whole input settles which names mean one node.

mod answer;
mod keep;

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cordon_incident::{Reasoner, Settings};
use cordon_model::signal::{Detection, Fact, FactKind, Problem};
use cordon_model::{Estate, EstateBuilder, Timestamp};
use cordon_signal::{Formats, Heard, Input, Scanner, Sink};
use indicatif::{ProgressBar, ProgressStyle};

use super::{load_estate, print};
use crate::cli::{ScanArgs, ScanFormat};
use crate::failure::{problem_line, problems as failure_of};
use crate::notes::Notes;
use crate::{exit, pack};

use answer::Answer;

/// Counts of facts by kind.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct FactCounts {
    logon: u64,
    access: u64,
    change: u64,
}

/// What comes out of one pass.
pub(crate) struct Seen<'e> {
    pub(crate) reasoner: Reasoner<'e>,
    pub(crate) events: u64,
    pub(crate) facts: FactCounts,
    pub(crate) detections: Vec<Detection>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) last: Option<Timestamp>,
    /// Bytes of the input that were read, compressed ones for compressed files.
    pub(crate) bytes: u64,
    /// What belongs in the ledger, where there is one.
    notes: Option<Notes>,
    progress: ProgressBar,
}

/// Runs the command; exits with 1 when a rule or format could not be used or nothing was readable.
pub(crate) fn run(args: &ScanArgs) -> anyhow::Result<u8> {
    let start = Instant::now();
    let (estate, keeper) = match (&args.data, &args.config) {
        (Some(data), config) => {
            let (estate, keeper) = keep::open(config.as_deref(), data)?;
            (estate, Some(keeper))
        }
        (None, Some(folder)) => (load_estate(folder)?.estate, None),
        (None, None) => (empty_estate()?, None),
    };
    let (mut scanner, rule_problems) = scanner(args);
    let broken_rules = !rule_problems.is_empty();
    let settings = keeper.as_ref().map_or_else(Settings::default, keep::Keeper::settings);
    let mut seen = Seen::new(&estate, settings, progress_bar(&args.files));
    if let Some(keeper) = &keeper {
        keeper.remind(&mut seen.reasoner);
        seen.notes = Some(keeper.notes());
    }
    seen.problems = rule_problems;
    let inputs: Vec<Input> = args.files.iter().map(|file| Input::of_argument(file)).collect();
    scanner.scan_all(&inputs, &mut seen);
    seen.progress.finish_and_clear();
    // The events' own clock is "now": old logs are judged as on the day they end.
    let now = seen.last.unwrap_or(Timestamp::UNIX_EPOCH);
    let assessment = seen.reasoner.assess(now);
    seen.problems.extend(no_room(assessment.dropped));
    if let (Some(keeper), Some(mut notes)) = (keeper, seen.notes.take()) {
        let added = keeper.write(&estate, &mut notes, &seen.reasoner, &assessment, now)?;
        tracing::info!("{added} entries were added to the ledger");
    }
    let answer = Answer::new(&seen, &assessment, start.elapsed());
    match args.format {
        ScanFormat::Json => answer.print_json()?,
        ScanFormat::Csv => answer.print_csv()?,
        ScanFormat::Table if args.why => print(&answer.reasons())?,
        ScanFormat::Table => print(&answer.text())?,
    }
    if args.format != ScanFormat::Table {
        for problem in &seen.problems {
            tracing::warn!("{}", problem_line(problem));
        }
    }
    Ok(code(args, broken_rules || seen.events == 0, !assessment.footholds.is_empty()))
}

/// Tells that the memory was too small for what a log had to say.
fn no_room(dropped: u64) -> Option<Problem> {
    (dropped > 0).then(|| Problem {
        file: "judgement".to_owned(),
        place: String::new(),
        what: format!(
            "{} detections and facts found no room: too many different names were seen",
            crate::text::thousands(dropped)
        ),
        remedy: "scan fewer logs or a shorter time at once".to_owned(),
    })
}

fn code(args: &ScanArgs, failed: bool, found: bool) -> u8 {
    if args.exit_code && found {
        exit::FOUND
    } else if failed {
        exit::FAILED
    } else {
        exit::DONE
    }
}

/// An estate that knows nothing: every name becomes a provisional node.
pub(crate) fn empty_estate() -> anyhow::Result<Estate> {
    EstateBuilder::new("", "").finish().map_err(|defects| {
        let problems = defects.into_iter().map(|defect| Problem {
            file: String::new(),
            place: String::new(),
            what: defect.what,
            remedy: defect.remedy,
        });
        failure_of(&problems.collect::<Vec<_>>())
    })
}

fn scanner(args: &ScanArgs) -> (Scanner, Vec<Problem>) {
    let (rules, mut problems) = pack::rules(&args.rules, args.no_pack);
    let (formats, more) = Formats::with_folders(&args.formats);
    problems.extend(more);
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok());
    // Times without a year lie before now.
    let scanner = Scanner::new(formats.until(Timestamp::now()), rules);
    (scanner.with_threads(threads.unwrap_or(NonZeroUsize::MIN)), problems)
}

fn progress_bar(files: &[PathBuf]) -> ProgressBar {
    let sizes: Option<Vec<u64>> =
        files.iter().map(|file| Input::of_argument(file).size()).collect();
    let worth_showing = std::io::stderr().is_terminal();
    let bar = match sizes {
        Some(sizes) if worth_showing => ProgressBar::new(sizes.iter().sum()),
        None if worth_showing => ProgressBar::new_spinner(),
        _ => ProgressBar::hidden(),
    };
    let style = ProgressStyle::with_template(
        "{bar:30} {percent}% {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left {msg}",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

impl<'e> Seen<'e> {
    /// Starts with nothing seen.
    pub(crate) fn new(estate: &'e Estate, settings: Settings, progress: ProgressBar) -> Self {
        Self {
            reasoner: Reasoner::new(estate, settings),
            events: 0,
            facts: FactCounts::default(),
            detections: Vec::new(),
            problems: Vec::new(),
            last: None,
            bytes: 0,
            notes: None,
            progress,
        }
    }
}

impl Sink for Seen<'_> {
    fn event(&mut self, event: &Heard<'_>) {
        self.events += 1;
        self.last = self.last.max(Some(event.time));
        if let Some(notes) = &mut self.notes {
            notes.event(event);
        }
        if self.events.is_multiple_of(10_000) {
            self.progress.set_message(format!("{} events", crate::text::thousands(self.events)));
        }
    }

    fn detection(&mut self, detection: Detection) {
        self.reasoner.detection(&detection);
        if let Some(notes) = &mut self.notes {
            notes.detection(detection.clone());
        }
        self.detections.push(detection);
    }

    fn fact(&mut self, fact: Fact) {
        match fact.kind {
            FactKind::Logon { .. } => self.facts.logon += 1,
            FactKind::Access { .. } => self.facts.access += 1,
            FactKind::Change { .. } => self.facts.change += 1,
            FactKind::Lease => {}
        }
        self.reasoner.fact(&fact);
        if let Some(notes) = &mut self.notes {
            notes.fact(fact);
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn progress(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.progress.set_position(self.bytes);
    }
}
