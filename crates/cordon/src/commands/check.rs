//! `cordon check`: every problem of a configuration folder, with its remedy.
//!
//! Estate files are checked by `estate`, policies by `authority`, Sigma rules and formats by `signal`,
//! claims of notices by `disclose`; this command only asks each and adds up.

use std::fmt::Write as _;
use std::path::Path;

use cordon_estate::Findings;
use cordon_model::signal::Problem;
use serde::Serialize;

use super::{print, print_json};
use crate::authority;
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
    let Findings { mut problems, warnings } = findings(&args.folder);
    problems.extend(rule_problems(args));
    let accepted = problems.is_empty();
    let answer = Answer { accepted, problems, warnings };
    match args.format {
        Format::Json => print_json(&answer)?,
        Format::Text => print(&render(&answer))?,
    }
    Ok(if accepted { exit::DONE } else { exit::FAILED })
}

/// Problems and warnings of estate, configuration and authority together.
fn findings(folder: &Path) -> Findings {
    match cordon_estate::inspect(folder) {
        Ok(loaded) => {
            let (problems, odd) = match authority::written(&loaded) {
                Ok(authority) => (Vec::new(), authority::oddities(&loaded, &authority)),
                Err(problems) => (problems, Vec::new()),
            };
            Findings { problems, warnings: loaded.warnings.into_iter().chain(odd).collect() }
        }
        Err(mut findings) => {
            // The policies need nothing of the estate to be held against their schema.
            let file = folder.join("authority.cedar");
            if file.is_file() {
                findings.problems.extend(authority::policies(&file).err().unwrap_or_default());
            }
            findings
        }
    }
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
