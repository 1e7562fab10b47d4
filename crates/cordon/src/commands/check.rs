//! `cordon check`: every problem of a configuration folder, with its remedy.
//!
//! Estate files are checked by `estate`, Sigma rules and formats by `signal`,
//! claims of notices by `disclose`; this command only asks each and adds up.

use std::fmt::Write as _;

use cordon_model::signal::Problem;
use serde::Serialize;

use super::{print, print_json};
use crate::cli::{CheckArgs, Format};
use crate::exit;
use crate::failure::problem_line;
use crate::text::count;

#[derive(Serialize)]
struct Answer {
    accepted: bool,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// Runs the command; exits with 1 when there is a problem.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<u8> {
    let findings = cordon_estate::check(&args.folder);
    let mut problems = findings.problems;
    problems.extend(rule_problems(args));
    let accepted = problems.is_empty();
    let answer = Answer { accepted, problems, warnings: findings.warnings };
    match args.format {
        Format::Json => print_json(&answer)?,
        Format::Text => print(&render(&answer))?,
    }
    Ok(if accepted { exit::DONE } else { exit::FAILED })
}

fn rule_problems(args: &CheckArgs) -> Vec<Problem> {
    let folder = args.folder.join("rules");
    if !folder.is_dir() {
        return Vec::new();
    }
    cordon_signal::Rules::load(&[cordon_signal::RuleSource::Path(folder)]).1
}

fn render(answer: &Answer) -> String {
    let mut out = String::new();
    for (heading, list) in [("problem", &answer.problems), ("warning", &answer.warnings)] {
        for problem in list {
            let _ = writeln!(out, "{heading}: {}", problem_line(problem));
        }
    }
    let problems = count(answer.problems.len(), "problem", "problems");
    let warnings = count(answer.warnings.len(), "warning", "warnings");
    let verdict =
        if answer.accepted { "This folder can be loaded" } else { "This folder cannot be loaded" };
    let _ = writeln!(out, "{verdict}: {problems}, {warnings}.");
    out
}
