//! A collection of an invented directory, of any size, as SharpHound would write it.
//!
//! For tests and measurements of the import: it counts what it states, so that
//! the import can be held against it, and shares no code with it. Deterministic:
//! one size, version and seed give the same archive. The directory has what
//! real ones have: nested groups, local administrators by department, sessions
//! where administrators forgot to sign out, inherited rights on every object,
//! policies, a certificate authority, and principals that no record describes.

mod objects;
mod records;

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use objects::Directory;

/// Which of the two forms a collection is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// As collectors for BloodHound 4.3 write it: a byte order mark, `meta` first, lists of local administrators.
    V5,
    /// As SharpHound 2 writes it: `meta` last, local groups, parents of objects.
    V6,
}

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collection {
    /// How many objects have records; at least 200.
    pub objects: u32,
    /// The form.
    pub version: Version,
    /// Number from which everything random is drawn.
    pub seed: u64,
}

/// What a collection states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// Records by type: `users`.
    pub records: BTreeMap<String, u64>,
    /// Edges by kind, doubles included.
    pub edges: BTreeMap<String, u64>,
}

impl Stated {
    fn add(&mut self, kind: &str, count: u64) {
        if let Some(known) = self.edges.get_mut(kind) {
            *known += count;
        } else if count > 0 {
            self.edges.insert(kind.to_owned(), count);
        }
    }
}

/// Writes a collection as a zip archive and tells what it states.
///
/// # Errors
/// `out` cannot be written to.
pub fn collection(what: Collection, out: impl Write + Seek) -> io::Result<Stated> {
    let mut archive = ZipWriter::new(out);
    let options =
        SimpleFileOptions::default().compression_level(Some(1)).large_file(what.objects > 500_000);
    let mut directory = Directory::new(what);
    for (kind, write) in records::KINDS {
        archive.start_file(format!("20260302090000_{kind}.json"), options)?;
        let count = directory.count(kind);
        let number = match what.version {
            Version::V5 => 5,
            Version::V6 => 6,
        };
        let meta = format!(
            "\"meta\":{{\"methods\":0,\"type\":\"{kind}\",\"count\":{count},\"version\":{number}}}"
        );
        match what.version {
            Version::V5 => write!(archive, "\u{feff}{{{meta},\"data\":[")?,
            Version::V6 => write!(archive, "{{\"data\":[")?,
        }
        for at in 0..count {
            if at > 0 {
                archive.write_all(b",")?;
            }
            directory.text.clear();
            write(&mut directory, at);
            archive.write_all(directory.text.as_bytes())?;
        }
        match what.version {
            Version::V5 => archive.write_all(b"]}")?,
            Version::V6 => write!(archive, "],{meta}}}")?,
        }
        directory.stated.records.insert(kind.to_owned(), u64::from(count));
    }
    archive.finish()?;
    Ok(directory.stated)
}
