//! `cordon formats`: which logs are understood, and what of a file is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cordon_model::signal::{Place, Problem};
use cordon_signal::{Formats, Heard, Input, Reading, Rules, Scanner, Sink};
use serde::Serialize;

use crate::cli::{Format, FormatsArgs, FormatsCommand};
use crate::commands::{print, print_json};
use crate::exit;
use crate::failure::problem_line;
use crate::text::{Align, Table, thousands};

/// Examples of unknown records that are shown, of one file and in all.
const EXAMPLES_OF_FILE: u64 = 2;
const EXAMPLES: usize = 10;
/// An example is shown this far, in characters.
const EXTRACT: usize = 160;
/// At most so many different fields are counted.
const FIELDS: usize = 10_000;
/// As many unknown fields of a format are printed as text.
const FIELDS_SHOWN: usize = 15;

#[derive(Serialize)]
struct Known<'a> {
    id: &'a str,
    title: &'a str,
}

#[derive(Default, Serialize)]
struct Tested {
    records: u64,
    recognised: u64,
    not_recognised: u64,
    formats: BTreeMap<String, u64>,
    sources: BTreeMap<String, u64>,
    examples: Vec<Example>,
    /// By format and name, in how many records a field stood that the format does not use.
    unknown_fields: BTreeMap<String, BTreeMap<String, u64>>,
    problems: Vec<Problem>,
    #[serde(skip)]
    examples_of_file: BTreeMap<String, u64>,
}

/// A record that no format knows.
#[derive(Serialize)]
struct Example {
    file: String,
    record: u64,
    text: String,
}

/// Runs the command.
pub(crate) fn run(args: &FormatsArgs) -> anyhow::Result<u8> {
    let (formats, problems) = formats(&args.formats);
    if let Some(FormatsCommand::Test { file, format }) = &args.command {
        return test(file, formats, problems, *format);
    }
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
    for problem in &problems {
        print(&format!("problem: {}\n", problem_line(problem)))?;
    }
    Ok(if problems.is_empty() { exit::DONE } else { exit::FAILED })
}

/// The built-in formats and those of the folders; now is the latest time that a log can hold.
fn formats(folders: &[PathBuf]) -> (Formats, Vec<Problem>) {
    let (formats, problems) = Formats::with_folders(folders);
    (formats.until(jiff::Timestamp::now()), problems)
}

fn test(
    file: &Path,
    formats: Formats,
    problems: Vec<Problem>,
    format: Format,
) -> anyhow::Result<u8> {
    let mut tested = Tested { problems, ..Tested::default() };
    Scanner::new(formats, Rules::empty()).scan(&Input::of_argument(file), &mut tested);
    tested.records = tested.recognised + tested.not_recognised;
    match format {
        Format::Json => print_json(&tested)?,
        Format::Text => print(&words(&tested))?,
    }
    let good = tested.recognised > 0 && tested.problems.is_empty();
    Ok(if good { exit::DONE } else { exit::FAILED })
}

fn words(tested: &Tested) -> String {
    let mut out = format!(
        "{} of {} records recognised\n",
        thousands(tested.recognised),
        thousands(tested.records)
    );
    for (title, counts) in [("format", &tested.formats), ("source", &tested.sources)] {
        if !counts.is_empty() {
            let mut table = Table::new(&[(title, Align::Left), ("records", Align::Right)]);
            counts.iter().for_each(|(name, n)| table.row([name.clone(), thousands(*n)]));
            let _ = write!(out, "\n{}", table.render(2));
        }
    }
    if tested.not_recognised > 0 {
        let _ = writeln!(
            out,
            "\nNo format knows {} {}. The first of each file:",
            thousands(tested.not_recognised),
            if tested.not_recognised == 1 { "record" } else { "records" }
        );
        for example in &tested.examples {
            let _ =
                writeln!(out, "  {} record {}\n    {}", example.file, example.record, example.text);
        }
    }
    out.push_str(&unknown_fields(tested));
    if !tested.problems.is_empty() {
        out.push('\n');
    }
    for problem in &tested.problems {
        let _ = writeln!(out, "problem: {}", problem_line(problem));
    }
    out
}

fn unknown_fields(tested: &Tested) -> String {
    if tested.unknown_fields.is_empty() {
        return String::new();
    }
    let mut out =
        "\nFields that the format neither maps nor uses (rules may still ask for them):\n"
            .to_owned();
    for (format, fields) in &tested.unknown_fields {
        let mut most: Vec<(&String, &u64)> = fields.iter().collect();
        most.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), name.as_str()));
        let shown: Vec<String> = most
            .iter()
            .take(FIELDS_SHOWN)
            .map(|(name, count)| format!("{name} ({})", thousands(**count)))
            .collect();
        let more = most.len().saturating_sub(FIELDS_SHOWN);
        let more = if more > 0 {
            format!(", and {more} more (all with --format json)")
        } else {
            String::new()
        };
        let _ = writeln!(out, "  {format}: {}{more}", shown.join(", "));
    }
    out
}

impl Sink for Tested {
    fn event(&mut self, event: &Heard<'_>) {
        self.recognised += 1;
        *self.formats.entry(event.format.to_owned()).or_default() += 1;
        *self.sources.entry(event.source.to_string()).or_default() += 1;
    }

    fn wants_readings(&self) -> bool {
        true
    }

    fn reading(&mut self, read: Reading) {
        if read.unknown_fields.is_empty() {
            return;
        }
        let known: usize = self.unknown_fields.values().map(BTreeMap::len).sum();
        let fields = self.unknown_fields.entry(read.format).or_default();
        for name in read.unknown_fields {
            match fields.get_mut(&name) {
                Some(count) => *count += 1,
                None if known < FIELDS => {
                    fields.insert(name, 1);
                }
                None => {}
            }
        }
    }

    fn unknown(&mut self, place: &Place, text: &str) {
        self.not_recognised += 1;
        let of_file = self.examples_of_file.entry(place.file.to_string()).or_default();
        *of_file += 1;
        if *of_file <= EXAMPLES_OF_FILE && self.examples.len() < EXAMPLES {
            let cut: String = text.chars().take(EXTRACT).collect();
            let more = if cut.len() < text.len() { "…" } else { "" };
            let text = format!("{}{more}", cut.replace(char::is_control, " "));
            self.examples.push(Example {
                file: place.file.to_string(),
                record: place.record,
                text,
            });
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}
