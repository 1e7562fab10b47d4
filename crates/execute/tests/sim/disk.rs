//! The disk under the real ledger: a folder that outlives the program, but not unharmed.
//!
//! A stop never closes the ledger: its files are taken as they are, the newest
//! write perhaps in part only, and opened again. The disk can be slow (see
//! `world.rs`) and full: then it takes what belongs to a lift alone, as the
//! ledger's journal does on a disk that is really full.

use std::fs;
use std::path::{Path, PathBuf};

use cordon_ledger::{Ledger, paths, read_public_key, verify::verify};
use cordon_model::Timestamp;
use cordon_model::record::{Entry, Record};
use tempfile::TempDir;

use crate::dice::Dice;

pub(crate) struct Disk {
    root: TempDir,
    lives: u32,
    folder: PathBuf,
    ledger: Option<Ledger>,
    /// What the program was told is durable.
    pub(crate) acknowledged: Vec<Entry>,
    /// A write that the program was never told about.
    torn: Option<(Vec<Record>, Option<Files>)>,
}

/// The ledger's file and its write-ahead log, as they were.
struct Files {
    file: Vec<u8>,
    log: Vec<u8>,
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("ledger.sqlite-wal")
}

impl Files {
    fn read(folder: &Path) -> Self {
        let read = |path: &Path| fs::read(path).unwrap_or_default();
        Self { file: read(&paths(folder).ledger), log: read(&log_of(folder)) }
    }

    /// The log after a write of which only a first part has reached the disk.
    fn cut(mut self, after: &[u8], dice: &mut Dice) -> Self {
        let same = self.log.iter().zip(after).take_while(|(old, new)| old == new).count();
        let new = (after.len() - same.min(after.len())) as u64;
        let end = same + usize::try_from(dice.roll(new + 1)).unwrap();
        let rest = self.log.get(end..).unwrap_or_default().to_vec();
        self.log = [&after[..end], &rest].concat();
        self
    }
}

impl Disk {
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let builder = || tempfile::Builder::new().prefix("cordon-sim").to_owned();
        let root = if memory.is_dir() { builder().tempdir_in(memory) } else { builder().tempdir() };
        let root = root.unwrap();
        let folder = root.path().join("0");
        let ledger = Some(Ledger::open(&folder).unwrap());
        Self { root, lives: 0, folder, ledger, acknowledged: Vec::new(), torn: None }
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().unwrap()
    }

    pub(crate) fn append(&mut self, now: Timestamp, records: &[Record]) -> Vec<Entry> {
        let entries = self.ledger().append(now, records).unwrap();
        self.acknowledged.extend(entries.iter().cloned());
        entries
    }

    /// Writes, but stops before anybody is told; perhaps not all of it reaches the disk.
    pub(crate) fn append_and_stop(&mut self, now: Timestamp, records: &[Record], dice: &mut Dice) {
        let before = Files::read(&self.folder);
        let head = fs::read(&paths(&self.folder).head);
        self.ledger().append(now, records).unwrap();
        let half = dice.chance(70).then(|| {
            if let Ok(head) = head {
                fs::write(&paths(&self.folder).head, head).unwrap();
            }
            before.cut(&fs::read(log_of(&self.folder)).unwrap(), dice)
        });
        self.torn = Some((records.to_vec(), half));
    }

    /// Takes the files as a stop leaves them, and opens them again.
    ///
    /// Returns what is durable although nobody was told.
    pub(crate) fn start_again(&mut self) -> Vec<Entry> {
        self.lives += 1;
        let next = self.root.path().join(self.lives.to_string());
        fs::create_dir(&next).unwrap();
        let (records, half) = self.torn.take().unwrap_or_default();
        let files = half.unwrap_or_else(|| Files::read(&self.folder));
        fs::write(paths(&next).ledger, &files.file).unwrap();
        fs::write(log_of(&next), &files.log).unwrap();
        for name in ["ledger.key", "ledger.pub", "ledger.head"] {
            let _absent_before_the_first_entry =
                fs::copy(self.folder.join(name), next.join(name)).ok();
        }
        fs::rename(self.folder.join("ledger.journal"), next.join("ledger.journal")).unwrap();
        self.ledger = None;
        fs::remove_dir_all(&self.folder).unwrap();
        self.folder = next;
        self.ledger = Some(Ledger::open(&self.folder).unwrap());
        let found = self.ledger().read(1).unwrap();
        let (known, more) = found.split_at(self.acknowledged.len().min(found.len()));
        assert_eq!(known, self.acknowledged, "the disk lost what was acknowledged as durable");
        let bodies: Vec<Record> = more.iter().map(|entry| entry.body.clone()).collect();
        assert!(bodies.is_empty() || bodies == records, "a batch is durable in part: {bodies:?}");
        self.acknowledged.extend(more.iter().cloned());
        more.to_vec()
    }

    /// Reads one entry as another process would, from the file.
    pub(crate) fn read_one(&self, seq: u64) -> Option<Entry> {
        cordon_ledger::read_file(&paths(&self.folder).ledger, seq).unwrap().into_iter().next()
    }

    /// The whole ledger is as it was written, signed, without a gap.
    pub(crate) fn check(&self) {
        let paths = paths(&self.folder);
        let key = read_public_key(&paths.public_key).unwrap();
        let verified = verify(&paths.ledger, &key, &[]).unwrap();
        assert_eq!(verified.entries, self.acknowledged.len() as u64, "the ledger has a gap");
        for (entry, seq) in self.acknowledged.iter().zip(1..) {
            assert_eq!(entry.seq, seq, "a position is missing or doubled");
        }
        let read = cordon_ledger::read_file(&paths.ledger, 1).unwrap();
        assert_eq!(read, self.acknowledged, "the file differs from what was acknowledged");
    }
}
