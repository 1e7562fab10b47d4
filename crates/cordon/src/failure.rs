//! How failures end: words on stderr, and an exit code.
//!
//! Commands return `anyhow` errors for what went wrong; where a script needs to
//! tell one ending from another, the error carries a [`Failure`] with its code.

use std::io::Write as _;

use cordon_model::signal::Problem;

use crate::exit;

/// A failure with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Failure {
    /// What went wrong and what to do now.
    pub(crate) what: String,
    /// The exit code.
    pub(crate) code: u8,
}

/// Makes a failure for bad input.
pub(crate) fn bad_input(what: impl Into<String>) -> anyhow::Error {
    Failure { what: what.into(), code: exit::USAGE }.into()
}

/// Makes a failure of an estate's problems, a line each.
pub(crate) fn problems(problems: &[Problem]) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(problem_line).collect();
    bad_input(lines.join("\n"))
}

/// One problem for people: `file, line 12: what is wrong` and the remedy below.
pub(crate) fn problem_line(problem: &Problem) -> String {
    let Problem { file, place, what, remedy } = problem;
    let comma = if place.is_empty() { "" } else { ", " };
    format!("{file}{comma}{place}: {what}\n    {remedy}")
}

/// Prints an error with its causes and returns its exit code.
pub(crate) fn report(error: &anyhow::Error) -> u8 {
    // Nothing useful can be done when even stderr is closed.
    let _ = writeln!(std::io::stderr(), "cordon: {error:#}");
    error.downcast_ref::<Failure>().map_or(exit::FAILED, |failure| failure.code)
}
