//! A published notice is frozen; new evidence that tells against it raises an alarm.

use cordon_model::Estate;
use cordon_model::record::ClaimVerdict;
use serde::{Deserialize, Serialize};

use crate::evidence::ServiceStates;
use crate::exposure::{Because, Exposure};
use crate::notice::{NoticeReport, check_notice};

/// A notice as it went out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Its whole text.
    pub text: String,
    /// The check at the time of publishing; its `position` is the frozen one.
    pub report: NoticeReport,
}

/// A published claim that stands worse than it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The file.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The words that people have read.
    pub text: String,
    /// How it stood when it was published.
    pub was: ClaimVerdict,
    /// How it stands now: contradicted, or no longer supported.
    pub now: ClaimVerdict,
    /// What that rests on.
    pub because: Vec<Because>,
}

/// Checks a published notice again; contradicted claims come first.
#[must_use]
pub fn recheck(
    estate: &Estate,
    published: &Published,
    exposure: &Exposure,
    services: &ServiceStates,
) -> Vec<Alarm> {
    let file = &published.report.file;
    let now = check_notice(estate, exposure, services, &published.text, file);
    let pairs = published.report.claims.iter().zip(now.claims);
    let worse = pairs.filter(|(was, now)| is_worse(was.verdict, now.verdict));
    let mut alarms: Vec<Alarm> = worse
        .map(|(was, now)| Alarm {
            file: file.clone(),
            line: now.line,
            text: now.text,
            was: was.verdict,
            now: now.verdict,
            because: now.because,
        })
        .collect();
    alarms.sort_by_key(|alarm| (alarm.now != ClaimVerdict::Contradicted, alarm.line));
    alarms
}

fn is_worse(was: ClaimVerdict, now: ClaimVerdict) -> bool {
    match now {
        ClaimVerdict::Contradicted => was != ClaimVerdict::Contradicted,
        ClaimVerdict::Unsupported => was == ClaimVerdict::Supported,
        ClaimVerdict::Supported => false,
    }
}
