//! The one writer of a ledger.
//!
//! SQLite with a write-ahead log and full synchronisation; triggers forbid
//! updates and deletions, a lock file forbids a second writer. Each batch is
//! one transaction that ends with a signed head.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use cordon_model::Timestamp;
use cordon_model::record::{By, Entry, KeyRotated, RECORD_VERSION, Record};
use ed25519_dalek::{Signer as _, SigningKey};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::chain::{Hash, Head, Row, START, canonical, hex, unhex};
use crate::error::{LedgerError, Refusal};
use crate::journal::{Journal, Waiting};
use crate::keys::{self, PublicKey, for_purpose, signing_key};
use crate::{rotation, rows};

/// The format of the file that this program makes; it reads and writes earlier ones as they are.
pub(crate) const FORMAT: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY, time TEXT NOT NULL, version INTEGER NOT NULL,
    body TEXT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE head (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, signature BLOB NOT NULL) STRICT;
CREATE TABLE replayed (generation INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
    BEGIN SELECT raise(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entry_remains BEFORE DELETE ON entry
    BEGIN SELECT raise(ABORT, 'entries are never removed'); END;
CREATE TRIGGER head_stays BEFORE UPDATE ON head
    BEGIN SELECT raise(ABORT, 'heads are never changed'); END;
CREATE TRIGGER head_remains BEFORE DELETE ON head
    BEGIN SELECT raise(ABORT, 'heads are never removed'); END;
";

/// What format 2 adds: an `INSERT OR REPLACE` fires no trigger of updates or deletions.
pub(crate) const SCHEMA_2: &str = "
CREATE TRIGGER entry_follows BEFORE INSERT ON entry
    WHEN new.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entry)
    BEGIN SELECT raise(ABORT, 'entries are only added at the end'); END;
CREATE TRIGGER head_follows BEFORE INSERT ON head
    WHEN new.seq <= (SELECT coalesce(max(seq), 0) FROM head)
    BEGIN SELECT raise(ABORT, 'heads are only added at the end'); END;
PRAGMA user_version = 2;
";

/// The files of a ledger in a data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The ledger itself.
    pub ledger: PathBuf,
    /// The public key.
    pub public_key: PathBuf,
    /// The newest signed head, to be kept or posted elsewhere.
    pub head: PathBuf,
    pub(crate) secret_key: PathBuf,
    pub(crate) next_key: PathBuf,
    pub(crate) journal: PathBuf,
    lock: PathBuf,
}

/// The files of the ledger in a data folder.
#[must_use]
pub fn paths(folder: &Path) -> Paths {
    Paths {
        ledger: folder.join("ledger.sqlite"),
        public_key: folder.join("ledger.pub"),
        head: folder.join("ledger.head"),
        secret_key: folder.join("ledger.key"),
        next_key: folder.join("ledger.key.next"),
        journal: folder.join("ledger.journal"),
        lock: folder.join("ledger.lock"),
    }
}

/// Reads a head that was kept, such as the one beside the ledger; none if there is no such file.
///
/// # Errors
/// When the file cannot be read or holds no head.
pub fn read_head(path: &Path) -> Result<Option<Head>, LedgerError> {
    if !path.exists() {
        return Ok(None);
    }
    let json = fs::read(path).map_err(LedgerError::io("read", path))?;
    let head = serde_json::from_slice(&json);
    head.map(Some).map_err(|error| LedgerError::damaged(path, error.to_string()))
}

/// Whether a process has the ledger of a data folder open for writing now.
#[must_use]
pub fn is_locked(folder: &Path) -> bool {
    let file = File::open(paths(folder).lock);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// A ledger open for appending.
#[derive(Debug)]
pub struct Ledger {
    paths: Paths,
    connection: Connection,
    key: SigningKey,
    journal: Journal,
    // INVARIANT: position and hash of the newest entry in the file; the journal's come after.
    seq: u64,
    hash: Hash,
    // Held as long as the ledger is open: the system frees it even after kill -9.
    _lock: File,
}

impl Ledger {
    /// Opens the ledger of a data folder, making it if there is none, and takes
    /// in what waits in the journal.
    ///
    /// # Errors
    /// When another process has it open, it is damaged or too new, its key is
    /// missing or readable by others, or the folder cannot be written.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        fs::create_dir_all(folder).map_err(LedgerError::io("make", folder))?;
        let paths = paths(folder);
        let lock = lock(&paths)?;
        let connection = connect(&paths.ledger)?;
        let (seq, hash) = newest(&connection, &paths.ledger)?;
        let mut key = signing_key(&paths.secret_key, &paths.public_key, seq == 0)?;
        rotation::settle(&connection, &paths, &mut key)?;
        let journal =
            Journal::open(&paths.journal).map_err(LedgerError::io("read", &paths.journal))?;
        let mut ledger = Self { paths, connection, key, journal, seq, hash, _lock: lock };
        ledger.skip_replayed()?;
        if !ledger.journal.waiting.is_empty() {
            // Not being able to write yet is no reason not to open: lifts must go on.
            drop(ledger.write(Timestamp::UNIX_EPOCH, &[]));
        }
        Ok(ledger)
    }

    /// Appends records as one batch: all of them durable, or none.
    ///
    /// If the file cannot be written, a batch of nothing but steps of lifts goes
    /// to the journal and is moved into the file later, at the same positions.
    ///
    /// # Errors
    /// When the batch is not durable; the ledger is as it was.
    pub fn append(
        &mut self,
        now: Timestamp,
        records: &[Record],
    ) -> Result<Vec<Entry>, LedgerError> {
        let written = self.write(now, records);
        match written {
            Err(LedgerError::NotWritable { .. })
                if records.iter().all(Record::is_of_a_lift) && !records.is_empty() =>
            {
                self.keep_in_journal(now, records)
            }
            Ok(_) | Err(_) => written,
        }
    }

    fn write(&mut self, now: Timestamp, records: &[Record]) -> Result<Vec<Entry>, LedgerError> {
        let fresh = records.iter().map(|body| Waiting { time: now, body: body.clone() });
        let waiting = self.journal.waiting.len();
        let batch: Vec<Waiting> = self.journal.waiting.iter().cloned().chain(fresh).collect();
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (mut rows, mut entries) = (Vec::new(), Vec::new());
        let (mut seq, mut hash) = (self.seq, self.hash);
        for record in batch {
            seq += 1;
            let row =
                Row::new(hash, seq, record.time, RECORD_VERSION, self.canonical(&record.body)?);
            hash = row.hash_at(seq);
            let (time, body) = (record.time, record.body);
            entries.push(Entry { seq, time, version: RECORD_VERSION, body });
            rows.push(row);
        }
        let head = Head::sign(&self.key, seq, &hash);
        let generation = (waiting > 0).then_some(self.journal.generation);
        commit(&mut self.connection, &rows, &head, generation)
            .map_err(LedgerError::sqlite(&self.paths.ledger))?;
        (self.seq, self.hash) = (seq, hash);
        if waiting > 0 {
            self.journal.clear();
        }
        self.keep_head(&head);
        Ok(entries.split_off(waiting))
    }

    fn canonical(&self, body: &Record) -> Result<String, LedgerError> {
        let value = serde_json::to_value(body).map_err(|error| {
            LedgerError::damaged(&self.paths.ledger, format!("a record is no JSON: {error}"))
        })?;
        Ok(canonical(&value))
    }

    /// The head beside the ledger serves to notice a cut-off tail; it is a copy,
    /// so a failed write of it is no failure of the ledger.
    fn keep_head(&self, head: &Head) {
        if let Ok(json) = serde_json::to_vec(head) {
            drop(fs::write(&self.paths.head, json));
        }
    }

    fn keep_in_journal(
        &mut self,
        now: Timestamp,
        records: &[Record],
    ) -> Result<Vec<Entry>, LedgerError> {
        let before = self.last_seq();
        let waiting: Vec<Waiting> =
            records.iter().map(|body| Waiting { time: now, body: body.clone() }).collect();
        let path = &self.paths.journal;
        let kept = self.journal.write(&waiting).map_err(LedgerError::io("write", path))?;
        if !kept {
            return Err(LedgerError::not_writable(path, Refusal::JournalFull));
        }
        Ok(entries_after(before, waiting))
    }

    /// A crash between moving the journal into the file and clearing it leaves it to be cleared now.
    fn skip_replayed(&mut self) -> Result<(), LedgerError> {
        let generation = i64::try_from(self.journal.generation).unwrap_or(i64::MAX);
        let sql = "SELECT count(*) FROM replayed WHERE generation = ?1";
        let count: i64 = self
            .connection
            .query_row(sql, [generation], |row| row.get(0))
            .map_err(LedgerError::sqlite(&self.paths.ledger))?;
        if count > 0 {
            self.journal.clear();
        }
        Ok(())
    }

    /// The position of the newest entry, those in the journal included.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.seq + u64::try_from(self.journal.waiting.len()).unwrap_or(0)
    }

    /// Reads entries from a position on, those in the journal included.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn read(&self, from: u64) -> Result<Vec<Entry>, LedgerError> {
        let mut entries = rows::read(&self.connection, &self.paths.ledger, from)?;
        let waiting = entries_after(self.seq, self.journal.waiting.clone());
        entries.extend(waiting.into_iter().filter(|entry| entry.seq >= from));
        Ok(entries)
    }

    /// How many records wait in the journal for the ledger to be writable.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.journal.waiting.len()
    }

    /// Changes the key: the old one signs an entry that names the new one, which signs from then on.
    ///
    /// The old secret key is gone afterwards. Who checks begins with the first public key.
    ///
    /// # Errors
    /// When the entry or the key's file cannot be written; the old key goes on then.
    pub fn rotate_key(
        &mut self,
        now: Timestamp,
        by: By,
        because: &str,
    ) -> Result<PublicKey, LedgerError> {
        let next = keys::make_next(&self.paths.next_key)?;
        let public = PublicKey(next.verifying_key());
        let rotated = KeyRotated { public: public.to_hex(), by, because: because.to_owned() };
        if let Err(error) = self.write(now, &[Record::KeyRotated(rotated)]) {
            drop(fs::remove_file(&self.paths.next_key));
            return Err(error);
        }
        // From here on the ledger says so, and opening it again would go on from here.
        self.key = next;
        keys::replace(&self.paths.secret_key, &self.paths.next_key)?;
        Ok(public)
    }

    /// The newest signed head, to be posted elsewhere; none of an empty ledger.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        rows::newest_head(&self.connection, &self.paths.ledger).ok().flatten()
    }

    /// Signs something else than a head with the ledger's key; in hexadecimal.
    ///
    /// The purpose keeps a signature for one thing from counting for another.
    #[must_use]
    pub fn sign(&self, purpose: &str, bytes: &[u8]) -> String {
        hex(&self.key.sign(&for_purpose(purpose, bytes)).to_bytes())
    }

    /// The format of its file.
    pub(crate) fn format(&self) -> Result<i64, LedgerError> {
        let format = self.connection.pragma_query_value(None, "user_version", |row| row.get(0));
        format.map_err(LedgerError::sqlite(&self.paths.ledger))
    }

    /// Changes the file's format in one transaction.
    pub(crate) fn change_format(&mut self, sql: &str) -> Result<(), LedgerError> {
        let failed = LedgerError::sqlite(&self.paths.ledger);
        let change = || -> rusqlite::Result<()> {
            let behaviour = TransactionBehavior::Immediate;
            let transaction = Transaction::new_unchecked(&self.connection, behaviour)?;
            transaction.execute_batch(sql)?;
            transaction.commit()
        };
        change().map_err(failed)
    }

    /// The public half of its key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.key.verifying_key())
    }

    /// Its files.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

fn entries_after(seq: u64, waiting: Vec<Waiting>) -> Vec<Entry> {
    let numbered = waiting.into_iter().zip(seq + 1..);
    numbered
        .map(|(record, seq)| Entry {
            seq,
            time: record.time,
            version: RECORD_VERSION,
            body: record.body,
        })
        .collect()
}

fn lock(paths: &Paths) -> Result<File, LedgerError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(&paths.lock);
    let file = file.map_err(LedgerError::io("write", &paths.lock))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(LedgerError::not_writable(&paths.ledger, Refusal::Locked))
        }
        Err(TryLockError::Error(error)) => Err(LedgerError::io("lock", &paths.lock)(error)),
    }
}

fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let open = || -> rusqlite::Result<(Connection, i64)> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if format == 0 {
            connection.execute_batch(&format!("BEGIN IMMEDIATE;{SCHEMA}{SCHEMA_2}COMMIT;"))?;
        }
        Ok((connection, format))
    };
    let (connection, format) = open().map_err(LedgerError::sqlite(path))?;
    if format > FORMAT {
        return Err(LedgerError::TooNew { path: path.to_owned(), found: format, known: FORMAT });
    }
    Ok(connection)
}

fn newest(connection: &Connection, path: &Path) -> Result<(u64, Hash), LedgerError> {
    let sql = "SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1";
    let mut statement = connection.prepare(sql).map_err(LedgerError::sqlite(path))?;
    let mut rows = statement.query([]).map_err(LedgerError::sqlite(path))?;
    let Some(row) = rows.next().map_err(LedgerError::sqlite(path))? else {
        return Ok((0, START));
    };
    let read = || -> rusqlite::Result<(u64, Vec<u8>)> { Ok((row.get(0)?, row.get(1)?)) };
    let (seq, hash) = read().map_err(LedgerError::sqlite(path))?;
    let found = hex(&hash);
    let hash = hash
        .try_into()
        .map_err(|_| LedgerError::damaged(path, format!("entry {seq} has `{found}` for a hash")))?;
    Ok((seq, hash))
}

fn commit(
    connection: &mut Connection,
    rows: &[Row],
    head: &Head,
    generation: Option<u64>,
) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    {
        let sql = "INSERT INTO entry (seq, time, version, body, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut insert = transaction.prepare_cached(sql)?;
        for row in rows {
            insert.execute(params![
                row.seq,
                row.time,
                row.version,
                row.body,
                row.prev,
                row.hash
            ])?;
        }
        let (hash, signature) = (unhex(&head.hash), unhex(&head.signature));
        let sql = "INSERT INTO head (seq, hash, signature) VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(sql)?.execute(params![head.seq, hash, signature])?;
        if let Some(generation) = generation {
            let sql = "INSERT INTO replayed (generation) VALUES (?1)";
            transaction.prepare_cached(sql)?.execute(params![generation])?;
        }
    }
    transaction.commit()
}
