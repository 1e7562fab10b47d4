//! Collects every problem and warning of a reading, each with its file and line.
//!
//! Nothing stops at the first problem, so that a person mends a folder in one
//! round. Lists are bounded per file: a file whose every line is wrong says so
//! once more at its end instead of a million times.

use std::fmt::Write as _;

use cordon_model::signal::Problem;

/// At most so many problems are listed for one file; the rest is counted.
const LISTED_PER_FILE: usize = 1_000;

/// A line of one of the files being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// Position of the file's name in the report.
    pub(crate) file: u32,
    /// Counted from 1; 0 for the file as a whole.
    pub(crate) line: u32,
    /// Counted from 1 in characters; 0 where the line says enough.
    pub(crate) column: u32,
}

impl Spot {
    /// A line as a whole.
    pub(crate) fn line(file: u32, line: u32) -> Self {
        Self { file, line, column: 0 }
    }

    /// A file as a whole.
    pub(crate) fn file(file: u32) -> Self {
        Self::line(file, 0)
    }
}

#[derive(Debug)]
struct Entry {
    spot: Spot,
    what: String,
    remedy: String,
}

/// Problems and warnings so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    files: Vec<String>,
    problems: Vec<Entry>,
    warnings: Vec<Entry>,
    /// By file: how many problems and how many warnings there are.
    counts: Vec<[usize; 2]>,
    broken: bool,
}

impl Report {
    /// Gives a file a number for [`Spot`]s.
    pub(crate) fn add_file(&mut self, name: &str) -> u32 {
        self.files.push(name.to_owned());
        self.counts.push([0, 0]);
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// Notes something that must be mended before anything is loaded.
    pub(crate) fn problem(
        &mut self,
        spot: Spot,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if !self.is_listed(spot, 0) {
            return;
        }
        let (what, remedy) = (what.into(), remedy.into());
        self.problems.push(Entry { spot, what, remedy });
    }

    /// Notes that part of a file could not be understood at all, so names declared there are missing.
    pub(crate) fn broken(
        &mut self,
        spot: Spot,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.broken = true;
        self.problem(spot, what, remedy);
    }

    /// Notes something that is probably not meant, but can be loaded.
    pub(crate) fn warning(
        &mut self,
        spot: Spot,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if !self.is_listed(spot, 1) {
            return;
        }
        let (what, remedy) = (what.into(), remedy.into());
        self.warnings.push(Entry { spot, what, remedy });
    }

    fn is_listed(&mut self, spot: Spot, sort: usize) -> bool {
        let counts = self.counts.get_mut(spot.file as usize);
        counts.and_then(|counts| counts.get_mut(sort)).is_none_or(|count| {
            *count += 1;
            *count <= LISTED_PER_FILE
        })
    }

    /// Whether names may be missing because a file could not be understood.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether there is any problem.
    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// How a line is told inside a sentence about another one.
    pub(crate) fn name_of(&self, spot: Spot) -> String {
        let file = self.files.get(spot.file as usize).map_or("", String::as_str);
        if spot.line == 0 { file.to_owned() } else { format!("{file} line {}", spot.line) }
    }

    /// All problems and all warnings, each in order of files and lines.
    pub(crate) fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.list(&self.problems, 0, "problems"), self.list(&self.warnings, 1, "warnings"))
    }

    fn list(&self, entries: &[Entry], sort: usize, name: &str) -> Vec<Problem> {
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        sorted.sort_by_key(|entry| entry.spot);
        let mut list: Vec<Problem> =
            sorted.into_iter().map(|entry| self.to_problem(entry)).collect();
        for (file, counts) in self.files.iter().zip(&self.counts) {
            let count = counts.get(sort).copied().unwrap_or(0);
            if count > LISTED_PER_FILE {
                let further = count - LISTED_PER_FILE;
                list.push(Problem {
                    file: file.clone(),
                    place: String::new(),
                    what: format!("{further} further {name} in this file are not listed"),
                    remedy: "mend the listed ones first".to_owned(),
                });
            }
        }
        list
    }

    fn to_problem(&self, entry: &Entry) -> Problem {
        let spot = entry.spot;
        let mut place = String::new();
        if spot.line > 0 {
            let _ = write!(place, "line {}", spot.line);
        }
        if spot.column > 0 {
            let _ = write!(place, ", column {}", spot.column);
        }
        Problem {
            file: self.files.get(spot.file as usize).cloned().unwrap_or_default(),
            place,
            what: entry.what.clone(),
            remedy: entry.remedy.clone(),
        }
    }
}
