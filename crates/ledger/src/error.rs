//! What can go wrong with a ledger, by whose fault it is.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be written now; what was there stands, and nothing of the batch was added.
    #[error("cannot write the ledger `{path}`: {refusal}", path = path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// Why not, and what helps.
        refusal: Refusal,
        /// What the system said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The file is not a ledger, or is damaged.
    #[error("`{path}` is not a ledger that can be read: {what}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It was written by a later version of the program.
    #[error("`{path}` has ledger format {found}, and this program reads up to {known}; use a newer program", path = path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest that is understood.
        known: i64,
    },
    /// Something stands where a copy was to go; nothing is ever overwritten.
    #[error("`{path}` exists, and nothing is overwritten; choose another folder", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A key cannot be used.
    #[error("cannot use the key `{path}`: {what}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what helps.
        what: String,
    },
    /// A file beside the ledger cannot be used.
    #[error("cannot {verb} `{path}`", path = path.display())]
    Io {
        /// `read`, `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Why the ledger cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No space.
    #[error("the disk is full; free some space and go on")]
    DiskFull,
    /// No right to write.
    #[error("it is read-only; check the file's rights and how the disk is mounted")]
    ReadOnly,
    /// Another process writes it.
    #[error("another process has it open; stop that one first")]
    Locked,
    /// The journal for lifts is used up as well.
    #[error("the journal for lifts is full too; free some space and go on")]
    JournalFull,
    /// The disk fails.
    #[error("the disk does not take it; look at the system's log")]
    Disk,
}

impl LedgerError {
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }

    pub(crate) fn not_writable(path: &Path, refusal: Refusal) -> Self {
        Self::NotWritable { path: path.to_owned(), refusal, source: None }
    }

    /// Sorts SQLite's errors by what a person can do about them.
    pub(crate) fn sqlite(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_owned();
        move |error| {
            let refusal = match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Refusal::DiskFull,
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                    Refusal::ReadOnly
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Refusal::Locked,
                Some(ErrorCode::SystemIoFailure) => Refusal::Disk,
                _ => return Self::Damaged { path, what: error.to_string() },
            };
            Self::NotWritable { path, refusal, source: Some(Box::new(error)) }
        }
    }
}
