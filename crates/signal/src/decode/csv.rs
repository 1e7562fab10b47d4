//! CSV: each row becomes a record of text fields, by the names of its header or
//! by those that a format gives to files without one. Commas, semicolons or tabs.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

use super::{Meter, RECORD_BYTES};
use crate::format::Formats;
use crate::json::Json;
use crate::scan::feed::Feed;

/// How the rows of a file are written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    delimiter: u8,
    /// The names of the columns, if the file does not begin with them.
    columns: Option<Vec<String>>,
}

/// Tells from the first line whether a file is CSV, and how it is written.
pub(crate) fn shape(first: &str, formats: &Formats) -> Option<Shape> {
    if let Some(columns) = formats.columns(first) {
        return Some(Shape { delimiter: b',', columns: Some(columns.to_vec()) });
    }
    let delimiters = [(',', b','), (';', b';'), ('\t', b'\t')];
    delimiters
        .into_iter()
        .find(|(c, _)| is_header(first, *c))
        .map(|(_, delimiter)| Shape { delimiter, columns: None })
}

/// Tells whether a line looks like the names of columns.
fn is_header(line: &str, delimiter: char) -> bool {
    let names: Vec<&str> = line.split(delimiter).map(str::trim).collect();
    names.len() >= 3
        && names.iter().all(|name| {
            let name = name.trim_matches('"');
            name.len() < 64
                && name.chars().all(|c| c.is_alphanumeric() || " _-.[]$()@/#:".contains(c))
        })
        && names.iter().filter(|name| name.contains(char::is_alphabetic)).count() * 10
            >= names.len() * 9
        && !names.iter().any(|name| name.contains("://") || name.contains(": "))
}

pub(crate) fn decode(feed: &mut Feed<'_>, shape: Shape, reader: &mut dyn Read, meter: &Meter) {
    let row = Rc::new(Cell::new(0));
    let limited = Limited { inner: reader, row: Rc::clone(&row) };
    let mut rows = ::csv::ReaderBuilder::new()
        .flexible(true)
        .delimiter(shape.delimiter)
        .has_headers(shape.columns.is_none())
        .from_reader(limited);
    let names = match shape.columns {
        Some(names) => names,
        None => match rows.headers() {
            Ok(names) => names.iter().map(column).collect(),
            Err(error) => return unreadable(feed, &error),
        },
    };
    let mut values = ::csv::ByteRecord::new();
    loop {
        row.set(0);
        match rows.read_byte_record(&mut values) {
            Ok(false) => return,
            Ok(true) => {
                let record = record(&names, &values);
                feed.value(&record);
            }
            Err(error) => return unreadable(feed, &error),
        }
        feed.progress(meter);
    }
}

fn column(name: &str) -> String {
    name.trim_start_matches('\u{feff}').trim().to_owned()
}

fn record<'a>(names: &'a [String], values: &'a ::csv::ByteRecord) -> Json<'a> {
    Json::Object(
        names
            .iter()
            .zip(values)
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .map(|(name, value)| {
                (Cow::Borrowed(name.as_str()), Json::Str(String::from_utf8_lossy(value)))
            })
            .collect(),
    )
}

fn unreadable(feed: &mut Feed<'_>, error: &::csv::Error) {
    let place =
        error.position().map_or(String::new(), |position| format!("line {}", position.line()));
    feed.trouble(
        "csv",
        place,
        format!("cannot be read further as CSV: {error}"),
        "check quotes and line ends there; the rows before are read",
    );
}

/// Ends the stream when one row takes up more than the limit.
struct Limited<'r> {
    inner: &'r mut dyn Read,
    row: Rc<Cell<usize>>,
}

impl Read for Limited<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.row.get() > RECORD_BYTES {
            return Err(std::io::Error::other("a row above the limit of 16 MiB"));
        }
        let count = self.inner.read(buf)?;
        self.row.set(self.row.get() + count);
        Ok(count)
    }
}
