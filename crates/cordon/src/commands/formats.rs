//! `cordon formats`: which logs are understood, and what of a file is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use cordon_model::signal::Problem;
use cordon_signal::{Formats, Heard, Input, Rules, Scanner, Sink};
use serde::Serialize;

use crate::cli::{Format, FormatsArgs, FormatsCommand};
use crate::commands::{print, print_json};
use crate::exit;
use crate::failure::problem_line;
use crate::text::{Align, Table, thousands};

#[derive(Serialize)]
struct Known<'a> {
    id: &'a str,
    title: &'a str,
}

#[derive(Default, Serialize)]
struct Tested {
    events: u64,
    formats: BTreeMap<String, u64>,
    sources: BTreeMap<String, u64>,
    problems: Vec<Problem>,
}

/// Runs the command.
pub(crate) fn run(args: &FormatsArgs) -> anyhow::Result<u8> {
    if let Some(FormatsCommand::Test { file, format }) = &args.command {
        return test(file, *format);
    }
    let formats = Formats::builtin();
    let known: Vec<Known<'_>> =
        formats.iter().map(|format| Known { id: &format.id, title: &format.title }).collect();
    match args.format {
        Format::Json => print_json(&known)?,
        Format::Text => {
            let mut table = Table::new(&[("format", Align::Left), ("what", Align::Left)]);
            known.iter().for_each(|f| table.row([f.id.to_owned(), f.title.to_owned()]));
            print(&table.render(0))?;
        }
    }
    Ok(exit::DONE)
}

fn test(file: &Path, format: Format) -> anyhow::Result<u8> {
    let mut tested = Tested::default();
    Scanner::new(Formats::builtin(), Rules::empty()).scan(&Input::of_argument(file), &mut tested);
    match format {
        Format::Json => print_json(&tested)?,
        Format::Text => print(&words(&tested))?,
    }
    Ok(if tested.events > 0 && tested.problems.is_empty() { exit::DONE } else { exit::FAILED })
}

fn words(tested: &Tested) -> String {
    let mut out = format!("{} events recognised\n", thousands(tested.events));
    for (title, counts) in [("format", &tested.formats), ("source", &tested.sources)] {
        let mut table = Table::new(&[(title, Align::Left), ("events", Align::Right)]);
        counts.iter().for_each(|(name, n)| table.row([name.clone(), thousands(*n)]));
        let _ = write!(out, "\n{}", table.render(2));
    }
    for problem in &tested.problems {
        let _ = writeln!(out, "problem: {}", problem_line(problem));
    }
    out
}

impl Sink for Tested {
    fn event(&mut self, event: &Heard<'_>) {
        self.events += 1;
        *self.formats.entry(event.format.to_owned()).or_default() += 1;
        *self.sources.entry(event.source.to_string()).or_default() += 1;
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}
