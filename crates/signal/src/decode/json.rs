//! JSON in all its dresses: a record per line, a document over many lines,
//! arrays of any size, `{"Records": [...]}`; and plain text, line by line.
//!
//! Lines are the quick way. When the first record does not end with its line,
//! the rest is read as documents: brackets are counted to find where each
//! record ends, and arrays are entered element by element, so that a file that
//! is one array of ten million records needs the memory of one of them.

use std::io::Read;

use memchr::memchr2;

use super::lines::{Called, tell_cut, too_long};
use super::source::{Line, Source};
use super::{Meter, RECORD_BYTES, WRAPPERS};
use crate::json::Json;
use crate::scan::feed::Feed;

/// A wrapper's other members may take up this much before the list of records.
const WRAPPER_HEAD: usize = 4096;

const CALLED: Called = Called {
    one: "a record",
    remedy: "check that the file is a log; records of this size are not read",
};

pub(crate) fn decode(feed: &mut Feed<'_>, reader: &mut dyn Read, meter: &Meter) {
    let mut source = Source::new(reader);
    source.fill();
    if source.window().starts_with("\u{feff}".as_bytes()) {
        source.skip(3);
    }
    if !is_document(source.window()) {
        lines(feed, &mut source, meter);
    }
    documents(feed, &mut source, meter);
    feed.progress(meter);
    tell_cut(feed, &mut source);
}

/// An array, or an object that wraps one.
fn is_document(window: &[u8]) -> bool {
    let start = window.trim_ascii_start();
    match start.split_first() {
        Some((b'[', _)) => true,
        Some((b'{', rest)) => {
            let rest = rest.trim_ascii_start();
            WRAPPERS.iter().any(|name| {
                rest.strip_prefix(b"\"")
                    .and_then(|rest| rest.strip_prefix(name.as_bytes()))
                    .is_some_and(|rest| rest.starts_with(b"\""))
            })
        }
        Some(_) | None => false,
    }
}

/// Reads line by line until the end, or until the first record turns out to
/// span several lines.
fn lines(feed: &mut Feed<'_>, source: &mut Source<'_>, meter: &Meter) {
    let mut good = false;
    loop {
        match source.line() {
            Line::End => return,
            Line::TooLong(bytes) => too_long(feed, source.line.saturating_sub(1), bytes, &CALLED),
            Line::Whole(length) => {
                let line = source.window().get(..length).unwrap_or_default();
                if !good && opens_document(line) {
                    return;
                }
                good |= line.trim_ascii_start().starts_with(b"{");
                feed.line(line);
                source.skip_line(length);
            }
        }
        feed.progress(meter);
    }
}

/// A line that starts an object and does not end it.
fn opens_document(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"{") && Json::parse(line).is_err_and(|error| error.is_eof())
}

/// What the cursor is directly inside of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Array,
    Wrapper,
}

fn documents(feed: &mut Feed<'_>, source: &mut Source<'_>, meter: &Meter) {
    let mut inside: Vec<Inside> = Vec::new();
    loop {
        let Some(&byte) = source.window().first() else {
            if source.fill() {
                continue;
            }
            break;
        };
        feed.progress(meter);
        match (byte, inside.last()) {
            (b'[', None | Some(Inside::Array)) if inside.len() < 8 => {
                inside.push(Inside::Array);
                source.skip(1);
            }
            (b']', Some(Inside::Array)) | (b'}', Some(Inside::Wrapper)) => {
                inside.pop();
                source.skip(1);
            }
            (b'{', None | Some(Inside::Array)) => {
                object(feed, source, &mut inside);
            }
            (b'"' | b'{' | b'[', Some(_)) => value(feed, source, &inside),
            (_, None) if !byte.is_ascii_whitespace() => {
                text_line(feed, source);
            }
            (_, _) => source.skip(1),
        }
    }
    if !inside.is_empty() {
        feed.trouble(
            "cut",
            format!("line {}", source.line),
            "the file ends within a list of records".to_owned(),
            "what stands before is read; copy the file again to get the rest",
        );
    }
}

/// A line of text between documents.
fn text_line(feed: &mut Feed<'_>, source: &mut Source<'_>) {
    match source.line() {
        Line::End => {}
        Line::TooLong(bytes) => too_long(feed, source.line - 1, bytes, &CALLED),
        Line::Whole(length) => {
            let line = source.window().get(..length).unwrap_or_default();
            feed.line(line);
            source.skip_line(length);
        }
    }
}

/// Reads an object: a record, or a wrapper that is entered.
fn object(feed: &mut Feed<'_>, source: &mut Source<'_>, inside: &mut Vec<Inside>) {
    let may_wrap = inside.is_empty();
    match measure(source, may_wrap) {
        Measured::Whole(length) => {
            let bytes = source.window().get(..length).unwrap_or_default();
            feed.line(bytes);
            source.skip(length);
        }
        Measured::Wrapper(length) => {
            inside.push(Inside::Wrapper);
            inside.push(Inside::Array);
            source.skip(length);
        }
        Measured::TooLong(bytes) => too_long(feed, source.line, bytes, &CALLED),
        Measured::Cut(length) => cut(feed, source, length),
    }
}

/// Text within an array is a line; whatever else stands in a wrapper is passed over.
fn value(feed: &mut Feed<'_>, source: &mut Source<'_>, inside: &[Inside]) {
    match measure(source, false) {
        Measured::Whole(length) | Measured::Wrapper(length) => {
            if inside.last() == Some(&Inside::Array) {
                let bytes = source.window().get(..length).unwrap_or_default();
                feed.line(bytes);
            }
            source.skip(length);
        }
        Measured::TooLong(bytes) => too_long(feed, source.line, bytes, &CALLED),
        Measured::Cut(length) => cut(feed, source, length),
    }
}

/// A record whose end is missing: each of its lines is tried by itself.
fn cut(feed: &mut Feed<'_>, source: &mut Source<'_>, length: usize) {
    let bytes = source.window().get(..length).unwrap_or_default().to_vec();
    let mut broken = 0_u64;
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        match Json::parse(line) {
            Ok(json @ Json::Object(_)) => feed.value(&json),
            Ok(_) | Err(_) if line.is_empty() => {}
            Ok(_) | Err(_) => broken += 1,
        }
    }
    let place = format!("line {}", source.line);
    source.skip(length);
    if broken > 0 {
        feed.lost_record(
            "cut",
            place,
            "a record that begins here has no end".to_owned(),
            "the record is skipped; copy the file again if it is the last one",
        );
    }
}

enum Measured {
    /// The value's length in the window.
    Whole(usize),
    /// The length up to and with the `[` of the list that the object wraps.
    Wrapper(usize),
    /// A value above the limit; it is gone already.
    TooLong(u64),
    /// The stream ends, or a line ends inside a string, after so many bytes.
    Cut(usize),
}

/// Counts brackets from the window's first byte to where the value ends.
struct Scan {
    at: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Where the string begins that may be a wrapper's key.
    key: usize,
    wrapper_key: bool,
}

fn measure(source: &mut Source<'_>, may_wrap: bool) -> Measured {
    let mut scan =
        Scan { at: 0, depth: 0, in_string: false, escaped: false, key: 0, wrapper_key: false };
    let mut dropped = 0_u64;
    loop {
        if let Some(end) = scan.run(source.window(), may_wrap && dropped == 0) {
            return match (dropped, end) {
                (0, end) => end,
                (_, Measured::Whole(rest) | Measured::Wrapper(rest) | Measured::Cut(rest)) => {
                    source.skip(rest);
                    Measured::TooLong(dropped + rest as u64)
                }
                (_, Measured::TooLong(bytes)) => Measured::TooLong(dropped + bytes),
            };
        }
        if source.window().len() > RECORD_BYTES {
            dropped += source.window().len() as u64;
            source.skip(source.window().len());
            scan.at = 0;
        }
        if !source.fill() {
            return match dropped {
                0 => Measured::Cut(source.window().len()),
                _ => Measured::TooLong(dropped),
            };
        }
    }
}

impl Scan {
    fn run(&mut self, window: &[u8], may_wrap: bool) -> Option<Measured> {
        while let Some(&byte) = window.get(self.at) {
            if self.in_string {
                if let Some(end) = self.string(window) {
                    return Some(end);
                }
                if !self.in_string && self.depth == 0 {
                    return Some(Measured::Whole(self.at));
                }
                continue;
            }
            match byte {
                b'"' => {
                    self.in_string = true;
                    self.key = self.at + 1;
                }
                b'{' | b'[' => {
                    if byte == b'[' && self.depth == 1 && self.wrapper_key && may_wrap {
                        return Some(Measured::Wrapper(self.at + 1));
                    }
                    self.depth += 1;
                    self.wrapper_key = false;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(Measured::Whole(self.at + 1));
                    }
                }
                b',' => self.wrapper_key = false,
                _ => {}
            }
            self.at += 1;
        }
        None
    }

    /// Moves to the end of a string, or to the end of the window.
    fn string(&mut self, window: &[u8]) -> Option<Measured> {
        if self.escaped {
            self.escaped = false;
            self.at += 1;
            return None;
        }
        let rest = window.get(self.at..).unwrap_or_default();
        let stop = memchr2(b'"', b'\\', rest);
        let passed = rest.get(..stop.unwrap_or(rest.len())).unwrap_or_default();
        if let Some(newline) = memchr::memchr(b'\n', passed) {
            return Some(Measured::Cut(self.at + newline));
        }
        match stop {
            None => self.at = window.len(),
            Some(stop) => {
                self.at += stop + 1;
                self.escaped = rest.get(stop) == Some(&b'\\');
                if !self.escaped {
                    self.in_string = false;
                    self.wrapper_key = self.depth == 1
                        && self.at < WRAPPER_HEAD
                        && window
                            .get(self.key..self.at - 1)
                            .is_some_and(|key| WRAPPERS.iter().any(|name| name.as_bytes() == key));
                }
            }
        }
        None
    }
}
