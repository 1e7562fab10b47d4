//! Reads `nodes.csv`, `links.csv` and `withdrawals.csv`: the estate's bulk.
//!
//! Columns are found by the names in the first line, in any order. Files are
//! read a line at a time and no field becomes a string of its own, so a
//! million nodes cost little more than what the estate keeps of them.

use std::io::BufRead;

use cordon_model::ids::NodeIx;
use cordon_model::money::Money;
use smallvec::SmallVec;

use crate::csv::{CsvError, Reader as CsvReader, Record};
use crate::document::check_money;
use crate::nearest::did_you_mean;
use crate::reader::{Draft, Reader};
use crate::report::{Report, Spot};
use crate::tables::{check_connector, read_mode};

/// The three files, by name.
pub(crate) const FILES: [&str; 3] = ["nodes.csv", "links.csv", "withdrawals.csv"];

const NODES: [&str; 5] = ["id", "kind", "name", "aliases", "tags"];
const LINKS: [&str; 4] = ["from", "to", "kind", "seconds"];
const WITHDRAWALS: [&str; 9] =
    ["id", "kind", "removes", "cost", "cost_per_hour", "stops", "enforcer", "mode", "connector"];

/// Where each known column stands in this file; `None` where it is missing.
struct Columns<const N: usize> {
    at: [Option<usize>; N],
    count: usize,
}

impl<const N: usize> Columns<N> {
    fn read(
        header: &Record,
        known: [&str; N],
        required: usize,
        spot: Spot,
        report: &mut Report,
    ) -> Self {
        let mut at = [None; N];
        for column in 0..header.len() {
            let name = header.field(column);
            let slot = known.iter().position(|known| *known == name);
            match slot.and_then(|slot| at.get_mut(slot)) {
                Some(slot) if slot.is_none() => *slot = Some(column),
                Some(_) => {
                    report.broken(spot, format!("two columns are named `{name}`"), "remove one")
                }
                None => {
                    let remedy =
                        did_you_mean(name, known, || format!("known are {}", known.join(",")));
                    report.broken(spot, format!("unknown column `{name}`"), remedy);
                }
            }
        }
        for (name, _) in known.iter().zip(&at).take(required).filter(|(_, at)| at.is_none()) {
            let remedy = format!("name the columns in the first line: {}", known.join(","));
            report.broken(spot, format!("there is no column `{name}`"), remedy);
        }
        Self { at, count: header.len() }
    }

    fn has(&self, required: usize) -> bool {
        self.at.iter().take(required).all(Option::is_some)
    }

    fn field<'r>(&self, record: &'r Record, column: usize) -> &'r str {
        self.at.get(column).copied().flatten().map_or("", |at| record.field(at))
    }
}

/// Calls `each` for every good line of a file whose first `required` columns must be there.
fn for_each<const N: usize>(
    file: u32,
    input: &mut dyn BufRead,
    known: [&str; N],
    required: usize,
    reader: &mut Reader,
    mut each: impl FnMut(&Columns<N>, &Record, Spot, &mut Reader),
) {
    let mut lines = CsvReader::new(input);
    let mut record = Record::default();
    let mut columns: Option<Columns<N>> = None;
    loop {
        match lines.next(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let spot = Spot::line(file, record.line);
                let Some(columns) = &columns else {
                    let read = Columns::read(&record, known, required, spot, &mut reader.report);
                    if !read.has(required) {
                        return;
                    }
                    columns = Some(read);
                    continue;
                };
                if record.len() == columns.count {
                    each(columns, &record, spot, reader);
                } else {
                    let (found, wanted) = (record.len(), columns.count);
                    let what = format!("{found} fields, but the first line names {wanted}");
                    let remedy = "quote fields that hold commas";
                    reader.report.broken(spot, what, remedy);
                }
            }
            Err(error) => {
                let spot = Spot::line(file, lines.line());
                reader.report.broken(spot, error.to_string(), error.remedy());
                if matches!(error, CsvError::Read(_)) {
                    break;
                }
            }
        }
    }
    if columns.is_none() && lines.line() == 0 {
        let remedy = format!("write the first line {} or remove the file", known.join(","));
        reader.report.problem(Spot::file(file), "the file is empty", remedy);
    }
}

/// Declares the nodes of `nodes.csv`.
pub(crate) fn read_nodes(file: u32, input: &mut dyn BufRead, reader: &mut Reader) {
    for_each(file, input, NODES, 1, reader, |columns, record, spot, reader| {
        let id = columns.field(record, 0);
        let Some(node) = reader.declare(id, spot) else { return };
        let kind = columns.field(record, 1);
        let of_id = id.split_once(':').map_or("", |(kind, _)| kind);
        if !kind.is_empty() && kind != of_id {
            let what = format!("the column `kind` says `{kind}`, the id `{id}` says `{of_id}`");
            reader.report.problem(
                spot,
                what,
                format!("write `{of_id}`, leave it empty, or mend the id"),
            );
        }
        let name = Some(columns.field(record, 2)).filter(|name| !name.is_empty());
        let (aliases, tags) = (list(columns.field(record, 3)), list(columns.field(record, 4)));
        reader.describe(node, name, aliases, tags);
    });
}

fn list(field: &str) -> Vec<Box<str>> {
    // Counted first: a million nodes keep what they are given, no more.
    let mut list = Vec::with_capacity(members(field).count());
    list.extend(members(field).map(Into::<Box<str>>::into));
    list
}

fn members(field: &str) -> impl Iterator<Item = &str> {
    field.split(';').map(str::trim).filter(|member| !member.is_empty())
}

/// Adds the links of `links.csv`.
pub(crate) fn read_links(file: u32, input: &mut dyn BufRead, reader: &mut Reader) {
    // Exports write all links of one node together, so the last look-up often serves again.
    let mut last: Option<(String, NodeIx)> = None;
    for_each(file, input, LINKS, 3, reader, |columns, record, spot, reader| {
        let (from, to) = (columns.field(record, 0), columns.field(record, 1));
        let from = match &last {
            Some((text, node)) if text == from => Some(*node),
            _ => {
                let node = reader.resolve(from, spot, "a link");
                last = node.map(|node| (from.to_owned(), node));
                node
            }
        };
        let to = reader.resolve(to, spot, "a link");
        let kind = columns.field(record, 2);
        if kind.is_empty() {
            reader.report.problem(spot, "the link has no `kind`", "write `Controls` if none fits");
        }
        let seconds = columns.field(record, 3);
        let seconds = if seconds.is_empty() { Some(None) } else { seconds.parse().ok().map(Some) };
        if seconds.is_none() {
            let what = format!("`seconds` is `{}`", columns.field(record, 3));
            reader.report.problem(spot, what, "write a whole number of seconds, or nothing");
        }
        if let (Some(from), Some(to), false, Some(seconds)) = (from, to, kind.is_empty(), seconds) {
            reader.add_link(from, to, kind, seconds, spot);
        }
    });
}

/// Adds the withdrawals of `withdrawals.csv`.
pub(crate) fn read_withdrawals(file: u32, input: &mut dyn BufRead, reader: &mut Reader) {
    for_each(file, input, WITHDRAWALS, 3, reader, |columns, record, spot, reader| {
        let text = |column| Some(columns.field(record, column)).filter(|text| !text.is_empty());
        let mut removes: Option<SmallVec<[NodeIx; 2]>> = Some(SmallVec::new());
        for member in members(columns.field(record, 2)) {
            let node = reader.resolve(member, spot, "`removes`");
            removes = removes.zip(node).map(|(mut removes, node)| {
                removes.push(node);
                removes
            });
        }
        let cost = money(text(3), "cost", spot, &mut reader.report);
        let cost_per_hour = money(text(4), "cost_per_hour", spot, &mut reader.report);
        let stops = text(5).and_then(|text| flag(text, spot, &mut reader.report));
        let enforcer = text(6).and_then(|text| reader.resolve(text, spot, "`enforcer`"));
        let mode = text(7).and_then(|text| read_mode(text, spot, reader));
        let connector = text(8);
        if let Some(name) = connector {
            check_connector(name, spot, reader);
        }
        let Some(kind) = text(1) else {
            reader.report.problem(spot, "the withdrawal has no `kind`", "name its kind");
            return;
        };
        let id = text(0);
        reader.add_withdrawal(
            Draft { id, kind, mode, removes, stops, cost, cost_per_hour, enforcer, connector },
            spot,
        );
    });
}

fn money(text: Option<&str>, column: &str, spot: Spot, report: &mut Report) -> Money {
    text.and_then(|text| check_money(Money::parse(text), column, spot, report)).unwrap_or_default()
}

fn flag(text: &str, spot: Spot, report: &mut Report) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        other => {
            report.problem(spot, format!("`stops` is `{other}`"), "write `true` or `false`");
            None
        }
    }
}
