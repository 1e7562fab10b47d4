//! Sheets of records that wait for somebody who reads them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::decode;
use crate::json::Json;
use crate::scan::desk::{Books, Desk};
use crate::scan::found::{Found, Trouble};

/// What a value that is no line counts for, when a sheet's size is measured.
const VALUE_BYTES: usize = 1024;

/// Some records of one stream, in their order.
pub(crate) enum Sheet {
    /// Lines one after another, and where each ends.
    Lines {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
    Values(Vec<Json<'static>>),
    /// Chunks of an event log.
    Chunks(Vec<Chunk>),
    Trouble(Trouble),
    Odd {
        sort: &'static str,
        what: &'static str,
        remedy: &'static str,
    },
}

/// A chunk of an event log: `length` bytes from `offset` of the file, filled up.
pub(crate) struct Chunk {
    pub(crate) data: Vec<u8>,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Default for Sheet {
    fn default() -> Self {
        Self::Lines { bytes: Vec::new(), ends: Vec::new() }
    }
}

impl Sheet {
    /// Reads all of it.
    pub(crate) fn read(self, books: &Books, desk: &mut Desk, found: &mut Vec<Found>) {
        match self {
            Self::Lines { bytes, ends } => {
                let mut start = 0;
                for end in ends {
                    desk.line(books, bytes.get(start..end).unwrap_or_default(), found);
                    start = end;
                }
            }
            Self::Values(values) => {
                values.iter().for_each(|value| desk.value(books, value, found));
            }
            Self::Chunks(chunks) => {
                chunks.into_iter().for_each(|chunk| decode::chunk(books, desk, chunk, found));
            }
            Self::Trouble(trouble) => found.push(Found::Trouble(trouble)),
            Self::Odd { sort, what, remedy } => {
                found.push(Found::Odd { sort, what: what.into(), remedy, text: None });
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Lines { ends, .. } => ends.is_empty(),
            Self::Values(values) => values.is_empty(),
            Self::Chunks(chunks) => chunks.is_empty(),
            Self::Trouble(_) | Self::Odd { .. } => false,
        }
    }

    /// About how much there is to read, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Lines { bytes, .. } => bytes.len(),
            Self::Values(values) => values.len() * VALUE_BYTES,
            Self::Chunks(chunks) => chunks.iter().map(|chunk| chunk.data.len()).sum(),
            Self::Trouble(_) | Self::Odd { .. } => 0,
        }
    }

    pub(crate) fn takes_lines(&self) -> bool {
        matches!(self, Self::Lines { .. })
    }

    pub(crate) fn takes_values(&self) -> bool {
        matches!(self, Self::Values(_))
    }

    pub(crate) fn takes_chunks(&self) -> bool {
        matches!(self, Self::Chunks(_))
    }

    pub(crate) fn add_chunk(&mut self, chunk: Chunk) {
        if let Self::Chunks(chunks) = self {
            chunks.push(chunk);
        } else {
            *self = Self::Chunks(vec![chunk]);
        }
    }

    pub(crate) fn add_line(&mut self, line: &[u8]) {
        if let Self::Lines { bytes, ends } = self {
            bytes.extend_from_slice(line);
            ends.push(bytes.len());
        }
    }

    pub(crate) fn add_value(&mut self, json: &Json<'_>) {
        if let Self::Values(values) = self {
            values.push(json.to_owned_value());
        } else {
            *self = Self::Values(vec![json.to_owned_value()]);
        }
    }
}

/// Sheets to read, and what was found on those that are read.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// There is a sheet to read, or there will be no more.
    more: Condvar,
    /// A sheet was read.
    read: Condvar,
}

#[derive(Default)]
struct State {
    number: u64,
    waiting: VecDeque<(u64, Sheet)>,
    found: FxHashMap<u64, Vec<Found>>,
    closed: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a sheet at the end. Returns its number.
    pub(crate) fn put(&self, sheet: Sheet) -> u64 {
        let mut state = self.state();
        state.number += 1;
        let number = state.number;
        state.waiting.push_back((number, sheet));
        drop(state);
        self.more.notify_one();
        number
    }

    /// Takes what was found on a sheet, if it is read.
    pub(crate) fn take(&self, number: u64) -> Option<Vec<Found>> {
        self.state().found.remove(&number)
    }

    /// Waits until a sheet is read.
    pub(crate) fn wait(&self, number: u64) {
        let mut state = self.state();
        while !state.found.contains_key(&number) {
            state = self.read.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reads a sheet that waits. False if none does.
    pub(crate) fn help(&self, books: &Books, desk: &mut Desk) -> bool {
        let next = self.state().waiting.pop_front();
        let Some((number, sheet)) = next else {
            return false;
        };
        self.read(number, sheet, books, desk);
        true
    }

    /// Reads sheets until the queue is closed.
    pub(crate) fn work(&self, books: &Books, desk: &mut Desk) {
        let mut state = self.state();
        loop {
            if let Some((number, sheet)) = state.waiting.pop_front() {
                drop(state);
                self.read(number, sheet, books, desk);
                state = self.state();
            } else if state.closed {
                return;
            } else {
                state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn read(&self, number: u64, sheet: Sheet, books: &Books, desk: &mut Desk) {
        let mut result = Result { queue: self, number, found: Vec::new() };
        sheet.read(books, desk, &mut result.found);
    }

    /// Lets those who work go home when the value is dropped, however that comes about.
    pub(crate) fn closes(&self) -> Closes<'_> {
        Closes(self)
    }
}

/// Closes its queue.
pub(crate) struct Closes<'q>(&'q Queue);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.more.notify_all();
    }
}

/// Hands in what was found, even by somebody who came to grief: nobody waits for ever.
struct Result<'q> {
    queue: &'q Queue,
    number: u64,
    found: Vec<Found>,
}

impl Drop for Result<'_> {
    fn drop(&mut self) {
        let found = std::mem::take(&mut self.found);
        self.queue.state().found.insert(self.number, found);
        self.queue.read.notify_one();
    }
}
