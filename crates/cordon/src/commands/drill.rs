//! `cordon drill`: one scenario, several responses, one table.

mod table;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::{DrillArgs, Format, Response, Scenario};
use crate::commands::{print, print_json};
use crate::drill::{self, Report, Run};
use crate::exit;

pub(crate) use table::comparison;

/// All responses, in the order in which they are compared.
pub(crate) const RESPONSES: [Response; 4] =
    [Response::None, Response::Everything, Response::Ask, Response::PreAuthorised];

/// Runs the command.
pub(crate) fn run(args: &DrillArgs) -> anyhow::Result<u8> {
    let Scenario::Retailer = args.name;
    let responses = if args.response.is_empty() { &RESPONSES[..] } else { &args.response };
    let prepared = drill::prepare()?;
    let scratch = Scratch::new()?;
    let folder = |response: Response| scratch.0.join(response.as_str());
    let runs =
        drill::retailer(&prepared, responses, args.seed, args.no_pack, &folder, &mut |_, _| {})?;
    if let (Some(folder), Some(run)) = (&args.logs, runs.first()) {
        write_logs(folder, run)?;
    }
    let report = Report {
        scenario: "retailer",
        currency: prepared.estate.currency().to_owned(),
        runs: runs.into_iter().map(|run| run.score).collect(),
    };
    match args.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&comparison(&prepared.estate, &report.runs))?,
    }
    Ok(exit::DONE)
}

/// Writes the lines of a run as a collector would have: one file per source.
fn write_logs(folder: &Path, run: &Run) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    let mut files: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for line in &run.lines {
        let file = files.entry(line.source.replace([':', '/'], "-")).or_default();
        file.push_str(&line.text);
        file.push('\n');
    }
    for (name, text) in files {
        let path = folder.join(format!("{name}.jsonl"));
        std::fs::write(&path, text)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// A folder for what a drill need not keep, removed when it is dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// Makes an empty folder in memory where the system offers that, else among its temporary files.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = base.join(format!("cordon-drill-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("cannot make a temporary folder")?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now, the system removes later.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
