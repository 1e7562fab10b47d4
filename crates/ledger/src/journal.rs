//! The journal: room kept free beside the ledger, so that a lift can be
//! recorded when the ledger cannot be written.
//!
//! A file of fixed size, allocated and written at first use. It holds a
//! generation and frames (length, SHA-256, JSON). When the ledger is writable
//! again the frames move into it in the same transaction that remembers the
//! generation, so a crash in between can neither lose nor double them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use cordon_model::Timestamp;
use cordon_model::record::Record;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes kept free: some thousands of steps of lifts.
pub(crate) const SIZE: u64 = 4 * 1024 * 1024;
const HEADER: u64 = 8;
const FRAME_HEADER: u64 = 4 + 32;
const FRAME_HEADER_BYTES: usize = 4 + 32;

/// A record that waits for the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) time: Timestamp,
    pub(crate) body: Record,
}

/// The open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    pub(crate) generation: u64,
    pub(crate) waiting: Vec<Waiting>,
    end: u64,
    // Whether what the file holds is in the ledger already, and only the file does not say so yet.
    is_stale: bool,
}

impl Journal {
    /// Opens or allocates the journal and reads what waits in it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if file.metadata()?.len() < SIZE {
            allocate(&file)?;
        }
        let mut header = [0; 8];
        file.read_exact_at(&mut header, 0)?;
        let generation = u64::from_be_bytes(header);
        let mut journal =
            Self { file, generation, waiting: Vec::new(), end: HEADER, is_stale: false };
        while let Some((waiting, end)) = journal.frame_at(journal.end)? {
            journal.waiting.push(waiting);
            journal.end = end;
        }
        Ok(journal)
    }

    /// Reads the frame at an offset; none where the frames end or the last one is torn.
    fn frame_at(&self, at: u64) -> io::Result<Option<(Waiting, u64)>> {
        let mut header = [0; FRAME_HEADER_BYTES];
        if at + FRAME_HEADER > SIZE {
            return Ok(None);
        }
        self.file.read_exact_at(&mut header, at)?;
        let (length, digest) = header.split_at(4);
        let length = length.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let end = at + FRAME_HEADER + length;
        if length == 0 || end > SIZE {
            return Ok(None);
        }
        let mut payload = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file.read_exact_at(&mut payload, at + FRAME_HEADER)?;
        if digest != self.digest(&payload) {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&payload).ok().map(|waiting| (waiting, end)))
    }

    /// Bound to the generation, so that frames of an earlier one are never read again.
    fn digest(&self, payload: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.generation.to_be_bytes());
        digest.update(payload);
        digest.finalize().into()
    }

    /// Makes records durable here; false if there is no room for all of them.
    pub(crate) fn write(&mut self, records: &[Waiting]) -> io::Result<bool> {
        if self.is_stale {
            self.begin_generation()?;
            self.is_stale = false;
        }
        let mut bytes = Vec::new();
        for record in records {
            let payload = serde_json::to_vec(record)?;
            bytes.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(self.digest(&payload));
            bytes.extend(payload);
        }
        let end = self.end + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if end > SIZE {
            return Ok(false);
        }
        self.file.write_all_at(&bytes, self.end)?;
        self.file.sync_data()?;
        self.end = end;
        self.waiting.extend(records.iter().cloned());
        Ok(true)
    }

    /// Begins the next generation: what waited is in the ledger.
    ///
    /// Should the file not take it, it is tried again before the next use; until
    /// then the ledger knows the old generation as moved in.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.end = HEADER;
        self.is_stale = self.begin_generation().is_err();
    }

    fn begin_generation(&mut self) -> io::Result<()> {
        let next = self.generation + 1;
        self.file.write_all_at(&next.to_be_bytes(), 0)?;
        self.file.sync_data()?;
        self.generation = next;
        Ok(())
    }
}

/// Writes the whole file, so that later writes need no space.
fn allocate(file: &File) -> io::Result<()> {
    let zeros = vec![0; 64 * 1024];
    let mut at = file.metadata()?.len();
    while at < SIZE {
        let count = (SIZE - at).min(64 * 1024);
        let part = zeros.get(..usize::try_from(count).unwrap_or(0)).unwrap_or_default();
        file.write_all_at(part, at)?;
        at += count;
    }
    file.sync_all()
}
