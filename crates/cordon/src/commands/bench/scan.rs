//! `cordon bench scan`: how fast logs are read, matched and judged.
//!
//! The whole of a scan is measured but for loading the rules: reading, unpacking,
//! rules, facts, correlations, the reasoner and its verdict. Thread counts take
//! turns, so that what slows the machine slows them all, and the best run of
//! each counts.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use cordon_incident::Settings;
use cordon_model::Timestamp;
use cordon_signal::{Input, Scanner};
use indicatif::ProgressBar;
use serde::Serialize;

use super::memory;
use crate::cli::Format;
use crate::commands::scan::{Seen, empty_estate};
use crate::commands::{print, print_json};
use crate::failure::bad_input;
use crate::text::{Align, Table, thousands};
use crate::{exit, pack};

/// Linux counts a process's time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, Args)]
pub(crate) struct BenchScanArgs {
    /// Log files, archives or folders; `-` reads standard input, in one run only
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder or file of Sigma rules to add to the built-in ones
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Leave the built-in rules out
    #[arg(long)]
    no_pack: bool,
    /// How many threads work, separated by commas
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1")]
    threads: Vec<NonZeroUsize>,
    /// How often each is measured; the quickest run counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
struct Run {
    threads: usize,
    events: u64,
    bytes: u64,
    detections: usize,
    footholds: usize,
    problems: usize,
    seconds: f64,
    /// Of all threads, in the program and in the kernel; null where the system does not tell.
    cpu_seconds: Option<f64>,
    events_per_second: f64,
    megabytes_per_second: f64,
    peak_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Report {
    rules: usize,
    load_seconds: f64,
    runs: Vec<Run>,
}

/// Runs the command; exits with 1 when nothing was readable or threads disagree.
pub(super) fn run(args: &BenchScanArgs) -> anyhow::Result<u8> {
    let several = args.runs > 1 || args.threads.len() > 1;
    if several && args.files.iter().any(|file| file.as_os_str() == "-") {
        return Err(bad_input(
            "standard input can be read only once\n    name a file, or one number of threads and one run",
        ));
    }
    let begun = Instant::now();
    let (rules, _) = pack::rules(&args.rules, args.no_pack);
    let mut report = Report {
        rules: rules.len(),
        load_seconds: begun.elapsed().as_secs_f64(),
        runs: Vec::new(),
    };
    let mut scanner = pack::scanner(rules);
    for _ in 0..args.runs {
        for threads in &args.threads {
            scanner = scanner.with_threads(*threads);
            let run = measure(args, &mut scanner, *threads)?;
            keep_best(&mut report.runs, run);
        }
    }
    match args.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&text(args, &report))?,
    }
    let alike = |run: &Run| (run.events, run.detections, run.footholds, run.problems);
    let first = report.runs.first().map(alike);
    let good = first.is_some_and(|first| first.0 > 0)
        && report.runs.iter().all(|run| Some(alike(run)) == first);
    Ok(if good { exit::DONE } else { exit::FAILED })
}

fn measure(
    args: &BenchScanArgs,
    scanner: &mut Scanner,
    threads: NonZeroUsize,
) -> anyhow::Result<Run> {
    let estate = empty_estate()?;
    let inputs: Vec<Input> = args.files.iter().map(|file| Input::of_argument(file)).collect();
    scanner.forget();
    memory::reset_peak();
    let (begun, cpu_begun) = (Instant::now(), cpu_seconds());
    let mut seen = Seen::new(&estate, Settings::default(), ProgressBar::hidden());
    scanner.scan_all(&inputs, &mut seen);
    let assessment = seen.reasoner.assess(seen.last.unwrap_or(Timestamp::UNIX_EPOCH));
    let seconds = begun.elapsed().as_secs_f64();
    let per_second = |number: u64| number as f64 / seconds.max(f64::EPSILON);
    Ok(Run {
        threads: threads.get(),
        events: seen.events,
        bytes: seen.bytes,
        detections: seen.detections.len(),
        footholds: assessment.footholds.len(),
        problems: seen.problems.len(),
        seconds,
        cpu_seconds: cpu_begun.zip(cpu_seconds()).map(|(begun, ended)| ended - begun),
        events_per_second: per_second(seen.events),
        megabytes_per_second: per_second(seen.bytes) / 1e6,
        peak_bytes: memory::peak(),
    })
}

fn keep_best(runs: &mut Vec<Run>, run: Run) {
    match runs.iter_mut().find(|known| known.threads == run.threads) {
        Some(known) => {
            let peak = known.peak_bytes.max(run.peak_bytes);
            if run.seconds < known.seconds {
                *known = run;
            }
            known.peak_bytes = peak;
        }
        None => runs.push(run),
    }
}

fn text(args: &BenchScanArgs, report: &Report) -> String {
    let runs = match args.runs {
        1 => "one run".to_owned(),
        runs => format!("the quickest of {runs} runs"),
    };
    let mut out = format!(
        "{} rules, loaded in {:.2} s; {runs}. Facts, correlations and incidents included.\n\n",
        thousands(report.rules as u64),
        report.load_seconds
    );
    let columns = [
        "threads",
        "events",
        "detections",
        "MB",
        "seconds",
        "CPU s",
        "events/s",
        "MB/s",
        "peak MB",
        "speed-up",
    ];
    let mut table = Table::new(&columns.map(|name| (name, Align::Right)));
    let unknown = || "?".to_owned();
    let first = report.runs.first().map_or(1.0, |run| run.events_per_second);
    for run in &report.runs {
        table.row([
            run.threads.to_string(),
            thousands(run.events),
            thousands(run.detections as u64),
            thousands(run.bytes / 1_000_000),
            format!("{:.2}", run.seconds),
            run.cpu_seconds.map_or_else(unknown, |seconds| format!("{seconds:.2}")),
            format!("{:.0}", run.events_per_second),
            format!("{:.0}", run.megabytes_per_second),
            run.peak_bytes.map_or_else(unknown, |bytes| thousands(bytes / 1_000_000)),
            format!("{:.2}", run.events_per_second / first),
        ]);
    }
    out.push_str(&table.render(0));
    out
}

/// The time that this process has worked, on all its threads.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Some(ticks as f64 / TICKS_PER_SECOND)
}
