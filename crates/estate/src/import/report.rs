//! What an import did: what it read, what it wrote, what is missing.
//!
//! The same value is printed, kept beside the tables as `import.json`, and read
//! back by the next import, which may replace only what an import wrote.

use std::collections::BTreeMap;

use cordon_model::signal::Problem;
use serde::Serialize;

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'s> {
    /// A file is being read.
    Reading {
        /// As [`FileRead::name`].
        file: &'s str,
        /// Records of it so far.
        records: u64,
    },
    /// Everything is read; links are sorted and written.
    Writing,
}

/// One file of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileRead {
    /// As given; members of archives behind the archive's name.
    pub name: String,
    /// What its records are, as `meta.type` says or its name: `users`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Version of the format, as `meta.version` says.
    pub version: Option<i64>,
    /// Good records.
    pub records: u64,
    /// Records that `meta.count` promises.
    pub promised: Option<i64>,
    /// Whether the file could not be read to its end.
    pub partial: bool,
}

/// Numbers of one kind of links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EdgeCount {
    /// How many the source states, doubles included.
    pub stated: u64,
    /// How many Cordon concluded from others.
    pub concluded: u64,
    /// How many were written, without doubles.
    pub written: u64,
    /// Whether an intruder can use them.
    pub used: bool,
}

/// A principal that holds the whole domain, or a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TierZero {
    /// The node.
    pub node: String,
    /// What it is: `Domain Admins`, `domain`.
    pub what: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Files of the source, in the order in which they were read.
    pub files: Vec<FileRead>,
    /// Good records by what they are, as the source names it.
    pub records: BTreeMap<String, u64>,
    /// Nodes written, by kind.
    pub nodes: BTreeMap<String, u64>,
    /// Nodes that something names but no record describes, by kind; among `nodes`.
    pub provisional: BTreeMap<String, u64>,
    /// Links by kind, kinds as the source names them.
    pub edges: BTreeMap<String, EdgeCount>,
    /// Links from an object to itself, which are not written.
    pub to_itself: u64,
    /// Rights of owners in access lists, which limit owners and are not written.
    pub for_owners: u64,
    /// What must be held, with placeholders for its loss.
    pub tier_zero: Vec<TierZero>,
    /// Domain controllers.
    pub controllers: Vec<String>,
    /// Files written, within the folder.
    pub written: Vec<String>,
    /// Files left as they were, within the folder.
    pub kept: Vec<String>,
    /// Files, archives and folders that could not be opened at all.
    pub unopened: u64,
    /// What could not be read, and what is probably not meant.
    pub problems: Vec<Problem>,
}

impl Imported {
    /// Whether anything of the source is missing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.unopened > 0 || self.files.iter().any(|file| file.partial)
    }
}
