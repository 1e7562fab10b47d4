//! A window on a stream that grows as far as a record needs, and no further.

use std::io::Read;

use memchr::memchr;

use super::RECORD_BYTES;

/// How much is read at once.
const STEP: usize = 1 << 18;

/// A stream with the part of it that is being looked at.
pub(crate) struct Source<'r> {
    reader: &'r mut dyn Read,
    bytes: Vec<u8>,
    start: usize,
    /// Line number of `start`, counted from 1.
    pub(crate) line: u64,
    ended: bool,
    pub(crate) error: Option<std::io::Error>,
}

/// What [`Source::line`] found.
pub(crate) enum Line {
    /// The length of a line in the window, without its end.
    Whole(usize),
    /// A line above the limit; it is gone already. So many bytes.
    TooLong(u64),
    End,
}

impl<'r> Source<'r> {
    pub(crate) fn new(reader: &'r mut dyn Read) -> Self {
        Self { reader, bytes: Vec::new(), start: 0, line: 1, ended: false, error: None }
    }

    /// The bytes at hand.
    pub(crate) fn window(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Moves on by `count` bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        let passed = self.window().get(..count).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.start = (self.start + count).min(self.bytes.len());
    }

    /// Moves past a line of `length` bytes and its end.
    pub(crate) fn skip_line(&mut self, length: usize) {
        self.start = (self.start + length + 1).min(self.bytes.len());
        self.line += 1;
    }

    /// Reads more. False at the end of the stream.
    pub(crate) fn fill(&mut self) -> bool {
        if self.ended {
            return false;
        }
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let held = self.bytes.len();
        self.bytes.resize(held + STEP, 0);
        let mut filled = held;
        while let Some(room) = self.bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.reader.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.error = Some(error);
                    self.ended = true;
                }
            }
            if self.ended || filled > held {
                break;
            }
        }
        self.bytes.truncate(filled);
        filled > held
    }

    /// Finds the next line.
    pub(crate) fn line(&mut self) -> Line {
        let mut searched = 0;
        loop {
            let window = self.window();
            if let Some(end) = window.get(searched..).and_then(|new| memchr(b'\n', new)) {
                return Line::Whole(searched + end);
            }
            searched = window.len();
            if searched > RECORD_BYTES {
                return Line::TooLong(self.drop_line());
            }
            if !self.fill() {
                return match self.window().len() {
                    0 => Line::End,
                    rest => Line::Whole(rest),
                };
            }
        }
    }

    /// Throws the rest of a line away as it is read. Returns its length.
    fn drop_line(&mut self) -> u64 {
        let mut dropped = 0;
        loop {
            let window = self.window();
            let length = window.len();
            if let Some(end) = memchr(b'\n', window) {
                self.skip_line(end);
                return dropped + end as u64;
            }
            dropped += length as u64;
            self.start = self.bytes.len();
            if !self.fill() {
                return dropped;
            }
        }
    }
}
