//! Problems as people read them, and a limit on how often one is repeated.

use cordon_model::signal::Problem;
use rustc_hash::FxHashMap;

/// A problem of one sort is told in full this often per file; then it is counted.
const TOLD_IN_FULL: u64 = 10;

/// Records that no format knows are told once: the others of the file are as unknown.
const UNKNOWN: &str = "unknown";

/// Makes a problem.
pub(crate) fn problem(
    file: &str,
    place: impl Into<String>,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> Problem {
    Problem { file: file.to_owned(), place: place.into(), what: what.into(), remedy: remedy.into() }
}

/// A file or folder could not be read.
pub(crate) fn unreadable(file: &str, error: &std::io::Error) -> Problem {
    problem(file, "", format!("cannot be read: {error}"), "check the path and the permissions")
}

/// A format file is not the TOML that is expected.
pub(crate) fn in_toml(file: &str, text: &str, error: &toml::de::Error) -> Problem {
    let place = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map_or(String::new(), |before| format!("line {}", before.matches('\n').count() + 1));
    problem(
        file,
        place,
        format!("no format file: {}", error.message()),
        "see docs/formats.md for the tables and keys of a format",
    )
}

/// A format file says something that does not hold together.
pub(crate) fn in_format(file: &str, what: String) -> Problem {
    problem(file, "", what, "see docs/formats.md")
}

/// Counts problems by sort, so that a broken file cannot flood the report.
#[derive(Default)]
pub(crate) struct Limiter {
    seen: FxHashMap<&'static str, (u64, Option<Problem>)>,
}

impl Limiter {
    /// Returns the problem if it is still told in full, else counts it.
    pub(crate) fn pass(&mut self, sort: &'static str, problem: Problem) -> Option<Problem> {
        let (count, last) = self.seen.entry(sort).or_insert((0, None));
        *count += 1;
        if *count <= told_in_full(sort) {
            return Some(problem);
        }
        *last = Some(problem);
        None
    }

    /// Returns one problem per sort that went on after the last one told.
    pub(crate) fn rest(self) -> Vec<Problem> {
        let mut sorts: Vec<_> = self.seen.into_iter().collect();
        sorts.sort_by_key(|(sort, _)| *sort);
        sorts
            .into_iter()
            .filter_map(|(sort, (count, last))| {
                let last = last?;
                Some(Problem {
                    what: format!(
                        "{} more of this kind in this file; the last: {}",
                        count - told_in_full(sort),
                        last.what
                    ),
                    ..last
                })
            })
            .collect()
    }
}

fn told_in_full(sort: &str) -> u64 {
    if sort == UNKNOWN { 1 } else { TOLD_IN_FULL }
}
