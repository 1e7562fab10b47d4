//! `cordon notice check`: the claims of a letter or statement against the evidence.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use cordon_disclose::{NoticeReport, check_notice};
use cordon_model::record::ClaimVerdict;

use crate::cli::{Format, NoticeCommand};
use crate::commands::{print, print_json};
use crate::data::Data;
use crate::exit;

/// Runs the command; exits with 1 unless every claim is supported and none is unmarked.
pub(crate) fn run(command: &NoticeCommand) -> anyhow::Result<u8> {
    let NoticeCommand::Check { file, data, format } = command;
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let report = check(&Data::open(data)?, &text, file);
    match format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&words(&report))?,
    }
    Ok(if report.is_sound() { exit::DONE } else { exit::FAILED })
}

/// Checks one notice against a data folder.
pub(crate) fn check(data: &Data, text: &str, file: &Path) -> NoticeReport {
    let (gathered, exposure) = data.exposure();
    let name = file.display().to_string();
    check_notice(&data.loaded.estate, &exposure, &gathered.services, text, &name)
}

/// Says in words how each claim stands.
pub(crate) fn words(report: &NoticeReport) -> String {
    let mut out = String::new();
    for claim in &report.claims {
        let verdict = match claim.verdict {
            ClaimVerdict::Supported => "supported   ",
            ClaimVerdict::Contradicted => "CONTRADICTED",
            ClaimVerdict::Unsupported => "UNSUPPORTED ",
        };
        let _ = writeln!(out, "  {verdict}  \"{}\" (line {})", claim.text, claim.line);
        for reason in claim.because.iter().take(3) {
            let _ = writeln!(out, "                {reason}");
        }
    }
    for unmarked in &report.unmarked {
        let _ = writeln!(out, "  UNMARKED      \"{}\" (line {})", unmarked.text, unmarked.line);
        let _ = writeln!(out, "                {}", unmarked.suggestion);
    }
    for problem in &report.problems {
        let _ = writeln!(out, "  problem       line {}: {}", problem.line, problem.what);
        let _ = writeln!(out, "                {}", problem.remedy);
    }
    let verdict = if report.is_sound() {
        "This notice may go out: every claim is supported by the evidence."
    } else {
        "This notice must not go out as it stands."
    };
    let _ = writeln!(out, "  {verdict}");
    out
}
