//! What becomes of withdrawals, told as it happens and summed up at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_execute::{Reconciler, Stage, Standing};
use cordon_model::record::By;
use cordon_model::{Mode, NodeId, Timestamp, WithdrawalId};
use jiff::SignedDuration;
use serde::Serialize;

use crate::commands::print;
use crate::text::{clock, duration};

/// How long a proof is waited for once a withdrawal is effective.
const PROOF: SignedDuration = SignedDuration::from_secs(5);

/// One withdrawal for people and programs: the four states kept apart, and what is still open.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    pub(crate) id: WithdrawalId,
    pub(crate) mode: Mode,
    pub(crate) targets: Vec<NodeId>,
    pub(crate) connector: Option<String>,
    pub(crate) state: Stage,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) by: By,
    /// What is still open although new use is refused.
    pub(crate) open: u32,
    /// When the last of that ends by itself, where known.
    pub(crate) open_until: Option<Timestamp>,
    /// Whether looks can see it at present.
    pub(crate) in_sight: bool,
    /// Who had closed it before, where it was found closed.
    pub(crate) found_closed_by: Vec<String>,
    /// What a lift gives back, by target.
    pub(crate) prior: BTreeMap<NodeId, serde_json::Value>,
    /// What went wrong last.
    pub(crate) trouble: Option<String>,
}

impl Line {
    pub(crate) fn of(standing: &Standing) -> Self {
        let order = &standing.order;
        let prior = standing.taken().map(|prior| (prior.target.clone(), prior.state.clone()));
        Self {
            id: order.withdrawal.clone(),
            mode: order.mode,
            targets: order.targets.clone(),
            connector: order.connector.clone(),
            state: standing.stage,
            since: standing.since,
            until: standing.until,
            by: standing.by.clone(),
            open: standing.open,
            open_until: standing.residual_until,
            in_sight: standing.in_sight,
            found_closed_by: standing
                .targets
                .values()
                .filter_map(|target| target.found_closed_by.clone())
                .collect(),
            prior: prior.collect(),
            trouble: standing.trouble.as_ref().map(ToString::to_string),
        }
    }

    /// The state in words, with everything that a person at night must not overlook.
    pub(crate) fn words(&self) -> String {
        let mut words = self.state.as_str().to_owned();
        if self.connector.is_none() && matches!(self.state, Stage::Requested | Stage::Lifting) {
            words.push_str(", a person must do it by hand");
        }
        if self.open > 0 && self.state.is_in_force() {
            let ends = self.open_until.map_or_else(
                || "no end known".to_owned(),
                |end| format!("until {} at the latest", clock(end)),
            );
            words.push_str(&format!(", {} still open, {ends}", self.open));
        }
        if !self.in_sight {
            words.push_str(", out of sight");
        }
        if !self.found_closed_by.is_empty() {
            words.push_str(&format!(", closed before by {}", self.found_closed_by.join(", ")));
        }
        if let Some(trouble) = &self.trouble {
            words.push_str(&format!(" ({trouble})"));
        }
        words
    }
}

/// Tells each change of some withdrawals once.
pub(crate) struct Teller {
    about: Vec<WithdrawalId>,
    known: BTreeMap<WithdrawalId, String>,
    quiet: bool,
}

impl Teller {
    pub(crate) fn new(about: Vec<WithdrawalId>, quiet: bool) -> Self {
        Self { about, known: BTreeMap::new(), quiet }
    }

    fn standings<'a>(&'a self, loop_: &'a Reconciler) -> impl Iterator<Item = &'a Standing> {
        self.about.iter().filter_map(|id| loop_.state.standings.get(id))
    }

    /// Prints what has changed since it was last asked.
    pub(crate) fn tell(&mut self, loop_: &Reconciler) -> anyhow::Result<()> {
        let lines: Vec<Line> = self.standings(loop_).map(Line::of).collect();
        for line in lines {
            let words = line.words();
            if self.known.get(&line.id) != Some(&words) {
                if !self.quiet {
                    print(&format!("  {}  {:<40} {words}\n", clock(Timestamp::now()), line.id))?;
                }
                self.known.insert(line.id, words);
            }
        }
        Ok(())
    }

    /// The withdrawals as they are now.
    pub(crate) fn lines(&self, loop_: &Reconciler) -> Vec<Line> {
        self.standings(loop_).map(Line::of).collect()
    }

    /// Whether nothing more is to be expected of a raise soon.
    pub(crate) fn is_raised(&self, loop_: &Reconciler) -> bool {
        let now = Timestamp::now();
        self.standings(loop_).all(|standing| match standing.stage {
            Stage::Verified | Stage::Failed | Stage::Lifted => true,
            Stage::Effective => now >= standing.since + PROOF,
            Stage::Requested => standing.is_by_hand(),
            Stage::Planned
            | Stage::Acknowledged
            | Stage::Lifting
            | Stage::Drifted
            | Stage::Stuck
            | Stage::Expired => false,
        })
    }

    /// Whether nothing more is to be expected of a lift soon.
    pub(crate) fn is_lifted(&self, loop_: &Reconciler) -> bool {
        let done = |standing: &Standing| {
            matches!(standing.stage, Stage::Lifted | Stage::Stuck)
                || (standing.is_by_hand() && standing.stage == Stage::Lifting)
        };
        self.standings(loop_).all(done)
    }
}

/// A span of time as people type it: `90s`, `30m`, `12h`, `2d`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time; write `90s`, `30m`, `12h` or `2d`");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// A span for people.
pub(crate) fn in_words(span: Duration) -> String {
    SignedDuration::try_from(span).map_or_else(|_| "ever".to_owned(), duration)
}
