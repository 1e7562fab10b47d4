//! The range's file: its state as JSON, replaced as a whole so that a crash
//! leaves either the old or the new one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::RangeState;

/// Why a range's file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RangeFileError {
    /// Reading or writing failed.
    #[error("cannot {verb} the range's state in `{path}`")]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not a range's.
    #[error(
        "`{path}` does not hold a range's state; move it away to begin with an untouched range"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        #[source]
        source: serde_json::Error,
    },
}

pub(super) fn read(path: &Path) -> Result<RangeState, RangeFileError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|source| RangeFileError::Form { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(RangeState::default()),
        Err(source) => Err(RangeFileError::Io { verb: "read", path: path.to_owned(), source }),
    }
}

pub(super) fn write(path: &Path, state: &RangeState) -> Result<(), RangeFileError> {
    let fail = |source| RangeFileError::Io { verb: "write", path: path.to_owned(), source };
    let json = serde_json::to_vec(state)
        .map_err(|source| RangeFileError::Form { path: path.to_owned(), source })?;
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh).map_err(fail)?;
    file.write_all(&json).and_then(|()| file.sync_all()).map_err(fail)?;
    fs::rename(&fresh, path).map_err(fail)
}
