//! From bytes to records, for everything that logs come in.
//!
//! The content decides, never the file name: EVTX by its signature, tables by
//! their header, JSON by its first byte, anything else line by line. Every decoder
//! works on a stream with bounded memory, keeps what is good, and tells what
//! it could not read and where.

mod audit;
mod blocks;
mod csv;
mod evtx;
mod json;
mod lines;
mod source;
mod table;
mod utf16;
mod xml;
mod yaml;

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

use self::utf16::Utf16;
use crate::format::Formats;
use crate::scan::Sink;
use crate::scan::feed::Feed;

pub(crate) use self::evtx::chunk;

/// The longest line or document that is read; a longer one is skipped.
pub(crate) const RECORD_BYTES: usize = 16 << 20;

/// Members that hold the records of a file, instead of being part of one.
pub(crate) const WRAPPERS: &[&str] = &["Records", "records", "value", "Logs", "events"];

/// How far the input is read, in bytes of the file itself.
#[derive(Clone, Default)]
pub(crate) struct Meter {
    read: Rc<Cell<u64>>,
    told: Rc<Cell<u64>>,
    /// The read part of the files that are done with.
    done: Rc<Cell<u64>>,
    paused: Rc<Cell<bool>>,
}

impl Meter {
    pub(crate) fn add(&self, bytes: usize) {
        if !self.paused.get() {
            self.read.set(self.read.get() + bytes as u64);
        }
    }

    /// Does not count what `read` reads: the directory of an archive.
    pub(crate) fn uncounted<T>(&self, read: impl FnOnce() -> T) -> T {
        self.paused.set(true);
        let value = read();
        self.paused.set(false);
        value
    }

    /// A file of `size` bytes is done with, however much of it was needed.
    pub(crate) fn finish(&self, size: u64, sink: &mut dyn Sink) {
        self.done.set(self.done.get() + size);
        self.read.set(self.done.get().max(self.told.get()));
        self.tell(sink);
    }

    /// Tells the sink what was read since the last time.
    pub(crate) fn tell(&self, sink: &mut dyn Sink) {
        let new = self.read.get() - self.told.get();
        if new > 0 {
            self.told.set(self.read.get());
            sink.progress(new);
        }
    }
}

/// Reads all records of a stream whose first bytes are `head` (they are still to be read).
pub(crate) fn decode(feed: &mut Feed<'_>, head: &[u8], reader: &mut dyn Read, meter: &Meter) {
    if head.is_empty() {
        feed.trouble(
            "empty",
            String::new(),
            "the file is empty".to_owned(),
            "check that the log was copied whole",
        );
        return;
    }
    if let Some(big_endian) = utf16::big_endian(head) {
        let mut text = Vec::new();
        let whole = head.get(..head.len() & !1).unwrap_or_default();
        // Reading from memory does not fail.
        let _complete = Utf16::new(&mut &*whole, big_endian).read_to_end(&mut text);
        let mut reader = Utf16::new(reader, big_endian);
        return decode(feed, &text, &mut reader, meter);
    }
    match kind_of(head, feed.formats()) {
        Kind::Evtx => evtx::decode(feed, reader, meter),
        Kind::Csv(shape) => csv::decode(feed, shape, reader, meter),
        Kind::Table => table::decode(feed, reader, meter),
        Kind::Audit => audit::decode(feed, reader, meter),
        Kind::Blocks => blocks::decode(feed, reader, meter),
        Kind::Xml => xml::decode(feed, reader, meter),
        Kind::Yaml => yaml::decode(feed, reader, meter),
        Kind::Text => json::decode(feed, reader, meter),
        Kind::Binary => feed.trouble(
            "binary",
            "byte 0".to_owned(),
            "neither text nor any log format that is known".to_owned(),
            "give logs as EVTX, JSON, CSV or text; compressed with gzip, zstd, zip or tar",
        ),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Evtx,
    Csv(csv::Shape),
    Table,
    Audit,
    Blocks,
    Xml,
    Yaml,
    Text,
    Binary,
}

fn kind_of(head: &[u8], formats: &Formats) -> Kind {
    if head.starts_with(b"ElfFile\0") {
        return Kind::Evtx;
    }
    let control = head
        .iter()
        .filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && **byte != 0x1b)
        .count();
    if control * 50 > head.len() {
        return Kind::Binary;
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default();
    if yaml::is_log(text) {
        return Kind::Yaml;
    }
    if table::is_table(text) {
        return Kind::Table;
    }
    if audit::is_audit(first) {
        return Kind::Audit;
    }
    if xml::is_events(text) {
        return Kind::Xml;
    }
    if blocks::is_blocks(text) {
        return Kind::Blocks;
    }
    if let Some(shape) = csv::shape(first, formats) {
        return Kind::Csv(shape);
    }
    Kind::Text
}
