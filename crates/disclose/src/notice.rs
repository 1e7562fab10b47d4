//! Checks a notice: its claims against the evidence, its other sentences against
//! the suspicion that they are claims too.

use std::ops::Range;

use cordon_model::Estate;
use cordon_model::record::{ClaimChecked, ClaimVerdict};
use serde::{Deserialize, Serialize};

use crate::agree::disagreements;
use crate::claim::{Fault, Stated, kind_of, parse};
use crate::evidence::ServiceStates;
use crate::exposure::{Because, Exposure};
use crate::judge::{Judged, exposure_claim, services_claim};
use crate::markdown::{Block, Marked, blocks};
use crate::matrix::words;
use crate::sentence::sentences;
use crate::suggest::suggestion;
use crate::unmarked::subjects;

/// What the check of one notice found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticeReport {
    /// The file as it was named.
    pub file: String,
    /// The ledger position of the exposure that it was checked against.
    pub position: u64,
    /// Every claim, in the order of the text.
    pub claims: Vec<Claim>,
    /// Sentences that look like claims and carry none.
    pub unmarked: Vec<Unmarked>,
    /// What is wrong with the notice's own marks.
    pub problems: Vec<ClaimProblem>,
}

impl NoticeReport {
    /// Whether it may go out: every claim supported, nothing unmarked, no problem.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let supported = |claim: &Claim| claim.verdict == ClaimVerdict::Supported;
        self.claims.iter().all(supported) && self.unmarked.is_empty() && self.problems.is_empty()
    }

    /// The claims as the ledger keeps them.
    #[must_use]
    pub fn for_ledger(&self) -> Vec<ClaimChecked> {
        let one = |claim: &Claim| ClaimChecked {
            text: claim.text.clone(),
            claim: claim.claim.clone(),
            verdict: claim.verdict,
            because: words(&claim.because),
            entries: claim.because.iter().filter_map(|reason| reason.entry).collect(),
        };
        self.claims.iter().map(one).collect()
    }
}

/// One claim and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The words.
    pub text: String,
    /// What kind of claim: `exposure`, `services`.
    pub kind: String,
    /// The address as written.
    pub claim: String,
    /// How it stands.
    pub verdict: ClaimVerdict,
    /// What that rests on, or what is missing.
    pub because: Vec<Because>,
    /// The line of the file.
    pub line: u32,
}

/// A sentence that looks like a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmarked {
    /// The sentence.
    pub text: String,
    /// The line of the file.
    pub line: u32,
    /// What to write instead.
    pub suggestion: String,
}

/// Something wrong with a claim's mark, or with how its words and link fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimProblem {
    /// The file as it was named.
    pub file: String,
    /// The line.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub remedy: String,
}

/// Checks the Markdown `text` of the notice `file`.
#[must_use]
pub fn check_notice(
    estate: &Estate,
    exposure: &Exposure,
    services: &ServiceStates,
    text: &str,
    file: &str,
) -> NoticeReport {
    let mut check = Check {
        estate,
        exposure,
        services,
        text,
        report: NoticeReport {
            file: file.to_owned(),
            position: exposure.position,
            claims: Vec::new(),
            unmarked: Vec::new(),
            problems: Vec::new(),
        },
    };
    for block in blocks(text) {
        for marked in &block.claims {
            check.claim(&block, marked);
        }
        for sentence in sentences(&block.text) {
            check.sentence(&block, sentence);
        }
    }
    check.report
}

struct Check<'a> {
    estate: &'a Estate,
    exposure: &'a Exposure,
    services: &'a ServiceStates,
    text: &'a str,
    report: NoticeReport,
}

impl Check<'_> {
    fn claim(&mut self, block: &Block, marked: &Marked) {
        let line = block.line_of(marked.words.start, self.text);
        let text = block.text.get(marked.words.clone()).unwrap_or("").trim().to_owned();
        let judged = match parse(&marked.address) {
            Ok(stated) => {
                let declared = self.exposure.holdings.iter().flat_map(|h| h.categories.keys());
                let faults = disagreements(&text, &stated, declared.map(String::as_str));
                self.problems(line, &faults);
                match &stated {
                    Stated::Exposure(claim) => exposure_claim(self.estate, self.exposure, claim),
                    Stated::Services(claim) => services_claim(self.estate, self.services, claim),
                }
            }
            Err(faults) => Judged::faulty(faults),
        };
        self.problems(line, &judged.faults);
        self.report.claims.push(Claim {
            text,
            kind: kind_of(&marked.address),
            claim: marked.address.clone(),
            verdict: judged.verdict,
            because: judged.because,
            line,
        });
    }

    fn problems(&mut self, line: u32, faults: &[Fault]) {
        let file = &self.report.file;
        self.report.problems.extend(faults.iter().map(|fault| ClaimProblem {
            file: file.clone(),
            line,
            what: fault.what.clone(),
            remedy: fault.remedy.clone(),
        }));
    }

    fn sentence(&mut self, block: &Block, range: Range<usize>) {
        let Some(text) = block.text.get(range.clone()) else { return };
        let line = block.line_of(range.start, self.text);
        if text.contains("](claim:") || text.contains("(claim:") {
            let fault = Fault::new(
                "a claim here is not read as a link",
                "write `[words](claim:kind?arguments)` without spaces or line breaks in the address",
            );
            self.problems(line, &[fault]);
        }
        let inside = |claim: &Marked| {
            let (from, to) = (claim.words.start.max(range.start), claim.words.end.min(range.end));
            (from < to).then(|| from - range.start..to - range.start)
        };
        let marked: Vec<Range<usize>> = block.claims.iter().filter_map(inside).collect();
        let subjects = subjects(text, &marked);
        if !subjects.is_empty() {
            self.report.unmarked.push(Unmarked {
                text: text.to_owned(),
                line,
                suggestion: suggestion(self.estate, text, &subjects),
            });
        }
    }
}

#[cfg(test)]
mod tests;
