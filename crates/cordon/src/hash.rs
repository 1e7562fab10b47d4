//! The name of an estate's contents. That of a plan, to which approvals are bound, is made by the hand's crate.

use cordon_estate::Files;
use sha2::{Digest as _, Sha256};

/// SHA-256 of an estate's files, names and contents in the order of names.
pub(crate) fn of_files(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (name, text) in files {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
