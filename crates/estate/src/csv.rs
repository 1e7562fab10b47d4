//! Reads CSV strictly, a line at a time, without a string per field.
//!
//! One record is one line: a quoted field must end on its line, so one missing
//! quote costs one line and not the rest of the file. Quotes stand around a
//! whole field and are doubled inside it. Lines may end in CRLF and the file may
//! begin with a byte order mark. This module knows nothing of estates.

use std::io::{BufRead, Read};
use std::ops::Range;

/// Longer lines are refused, so that a wrong file cannot fill the memory.
const LONGEST_LINE: u64 = 1 << 20;

/// One record: its line number and its fields.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Counted from 1.
    pub(crate) line: u32,
    text: String,
    fields: Vec<Range<usize>>,
}

impl Record {
    /// The field at a column, without white space around it; empty beyond the last.
    pub(crate) fn field(&self, column: usize) -> &str {
        let range = self.fields.get(column).cloned().unwrap_or(0..0);
        self.text.get(range).unwrap_or("").trim()
    }

    /// How many fields the line has.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }
}

/// Why a line is not a record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CsvError {
    /// The file cannot be read on.
    #[error("cannot read on: {0}")]
    Read(std::io::Error),
    /// Longer than any honest line.
    #[error("the line is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// Not text.
    #[error("byte {0} of the line is not UTF-8")]
    NotUtf8(usize),
    /// A quoted field does not end.
    #[error("the quote that opens field {0} is not closed on its line")]
    OpenQuote(usize),
    /// Text stands before or after a quoted part.
    #[error("field {0} has a quote in its middle")]
    StrayQuote(usize),
}

impl CsvError {
    /// How to mend it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Read(_) => "see that the file is a readable file",
            Self::TooLong => "write one record per line",
            Self::NotUtf8(_) => "save the file as UTF-8",
            Self::OpenQuote(_) => "close the quote before the line ends",
            Self::StrayQuote(_) => "quote the whole field and double the quotes inside it",
        }
    }
}

/// Reads records one after the other.
pub(crate) struct Reader<R> {
    input: R,
    raw: Vec<u8>,
    line: u32,
}

impl<R: BufRead> Reader<R> {
    /// Starts at the first line of `input`.
    pub(crate) fn new(input: R) -> Self {
        Self { input, raw: Vec::new(), line: 0 }
    }

    /// Number of the line read last.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Reads the next record that is not blank into `record`; false at the end.
    ///
    /// # Errors
    /// What is wrong with this line; the next call goes on with the next line,
    /// except after [`CsvError::Read`].
    pub(crate) fn next(&mut self, record: &mut Record) -> Result<bool, CsvError> {
        loop {
            if !self.read_line()? {
                return Ok(false);
            }
            let raw = trim_end(&self.raw);
            let raw =
                if self.line == 1 { raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw) } else { raw };
            if raw.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let text =
                std::str::from_utf8(raw).map_err(|e| CsvError::NotUtf8(e.valid_up_to() + 1))?;
            record.line = self.line;
            record.text.clear();
            record.fields.clear();
            if text.contains('"') {
                split_quoted(text, record)?;
            } else {
                split_plain(text, record);
            }
            return Ok(true);
        }
    }

    fn read_line(&mut self) -> Result<bool, CsvError> {
        self.raw.clear();
        let mut limited = self.input.by_ref().take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.raw).map_err(CsvError::Read)?;
        self.line = self.line.saturating_add(u32::from(read > 0));
        if read as u64 == LONGEST_LINE && self.raw.last() != Some(&b'\n') {
            self.skip_line()?;
            return Err(CsvError::TooLong);
        }
        Ok(read > 0)
    }

    fn skip_line(&mut self) -> Result<(), CsvError> {
        loop {
            let chunk = self.input.fill_buf().map_err(CsvError::Read)?;
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() || used == 0 {
                return Ok(());
            }
        }
    }
}

fn trim_end(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}

fn split_plain(text: &str, record: &mut Record) {
    record.text.push_str(text);
    let mut start = 0;
    for (comma, _) in text.bytes().enumerate().filter(|&(_, byte)| byte == b',') {
        record.fields.push(start..comma);
        start = comma + 1;
    }
    record.fields.push(start..text.len());
}

fn split_quoted(text: &str, record: &mut Record) -> Result<(), CsvError> {
    let mut rest = Some(text);
    while let Some(text) = rest {
        let number = record.fields.len() + 1;
        let start = record.text.len();
        if let Some(quoted) = text.trim_start().strip_prefix('"') {
            rest = quoted_field(quoted, number, &mut record.text)?;
        } else {
            let (field, after) = text.split_once(',').map_or((text, None), |(f, a)| (f, Some(a)));
            if field.contains('"') {
                return Err(CsvError::StrayQuote(number));
            }
            record.text.push_str(field);
            rest = after;
        }
        record.fields.push(start..record.text.len());
    }
    Ok(())
}

/// Takes a field whose opening quote is gone; returns what follows its comma.
fn quoted_field<'a>(
    mut text: &'a str,
    number: usize,
    out: &mut String,
) -> Result<Option<&'a str>, CsvError> {
    loop {
        let Some((part, after)) = text.split_once('"') else {
            return Err(CsvError::OpenQuote(number));
        };
        out.push_str(part);
        if let Some(doubled) = after.strip_prefix('"') {
            out.push('"');
            text = doubled;
            continue;
        }
        let after = after.trim_start();
        return match after.strip_prefix(',') {
            Some(next) => Ok(Some(next)),
            None if after.is_empty() => Ok(None),
            None => Err(CsvError::StrayQuote(number)),
        };
    }
}

/// Writes a field, in quotes where it needs them.
pub(crate) fn push_field(out: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) || field != field.trim() {
        out.push('"');
        out.push_str(&field.replace('"', "\"\"").replace(['\n', '\r'], " "));
        out.push('"');
    } else {
        out.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let mut reader = Reader::new(text);
        let mut record = Record::default();
        let mut lines = Vec::new();
        loop {
            match reader.next(&mut record) {
                Ok(false) => return lines,
                Ok(true) => {
                    let fields: Vec<&str> = (0..record.len()).map(|at| record.field(at)).collect();
                    lines.push(format!("{} {}", record.line, fields.join("|")));
                }
                Err(error) => lines.push(format!("{} {error}", reader.line())),
            }
        }
    }

    #[test]
    fn one_bad_line_costs_one_line() {
        let text = b"\xef\xbb\xbfid,name\r\n\r\na:1, \"x, \"\"y\"\"\" ,\nb:2,\"open\nc:3,mid\"dle\nd:4,\"q\"x\ne:5,\xff\nf:6,last";
        assert_eq!(
            lines(text),
            [
                "1 id|name",
                "3 a:1|x, \"y\"|",
                "4 the quote that opens field 2 is not closed on its line",
                "5 field 2 has a quote in its middle",
                "6 field 2 has a quote in its middle",
                "7 byte 5 of the line is not UTF-8",
                "8 f:6|last",
            ]
        );
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let mut text = vec![b'x'; 3 << 20];
        text.extend_from_slice(b"\na,b\n");
        assert_eq!(lines(&text), ["1 the line is longer than 1048576 bytes", "2 a|b"]);
    }
}
