//! The reasons of a foothold as a page: what was seen, what each thing weighs,
//! where it can be looked up, and what would change the answer.

use std::fmt::Write as _;

use cordon_incident::Foothold;
use cordon_model::record::{FootholdFound, ReckoningLine};
use cordon_model::{IncidentId, NodeId, Timestamp};

use crate::memory::Word;
use crate::text::{likelihood, list};

/// Everything that the page of one foothold says.
pub(crate) struct Page<'a> {
    pub(crate) node: &'a NodeId,
    pub(crate) incident: Option<&'a IncidentId>,
    pub(crate) aliases: &'a [String],
    pub(crate) probability: f64,
    pub(crate) since: Timestamp,
    pub(crate) lines: Vec<ReckoningLine>,
    pub(crate) word: Option<&'a Word>,
}

impl<'a> Page<'a> {
    /// The page of a foothold as the ledger has it.
    pub(crate) fn of_record(found: &'a FootholdFound, word: Option<&'a Word>) -> Self {
        Self {
            node: &found.node,
            incident: found.incident.as_ref(),
            aliases: &found.aliases,
            probability: found.probability,
            since: found.since,
            lines: found.reckoning.clone(),
            word,
        }
    }

    /// The page of a foothold that was just judged.
    pub(crate) fn of_foothold(foothold: &'a Foothold, incident: Option<&'a IncidentId>) -> Self {
        let line = |reason: &cordon_incident::Reason| ReckoningLine {
            log_odds: reason.log_odds,
            text: reason.text.clone(),
            time: reason.time,
            place: reason.place.clone(),
        };
        Self {
            node: &foothold.node,
            incident,
            aliases: &foothold.aliases,
            probability: foothold.probability,
            since: foothold.since,
            lines: foothold.reasons.iter().map(line).collect(),
            word: None,
        }
    }

    /// Puts the page into words.
    pub(crate) fn text(&self) -> String {
        let mut out = format!(
            "{}: the intruder's, {} ({:.1} in 100), since {}\n",
            self.node,
            likelihood(self.probability),
            self.probability * 100.0,
            self.since
        );
        if let Some(incident) = self.incident {
            let _ = writeln!(out, "part of {incident}");
        }
        let others: Vec<&str> = self.aliases.iter().map(String::as_str).collect();
        if !others.is_empty() {
            let _ = writeln!(out, "also written {}", list(&others));
        }
        if let Some(word) = self.word {
            let decision = &word.decision;
            let said =
                if decision.foothold { "the intruder has it" } else { "the intruder has it not" };
            let _ = writeln!(
                out,
                "\n{} said on {} that {said}: {}\nThis stands instead of the score below until it is withdrawn.",
                decision.by, decision.at, decision.because
            );
        }
        out.push_str(&self.reckoning());
        let _ = write!(
            out,
            "\nWrong? `cordon foothold clear {node} --because \"...\"` overrides the score; \
             `cordon foothold withdraw {node} ...` takes that back.\n",
            node = self.node
        );
        out
    }

    fn reckoning(&self) -> String {
        let is_score = self.lines.iter().any(|line| line.log_odds != 0.0);
        if !is_score {
            return String::new();
        }
        let mut out = "\nThe reckoning (natural log-odds: 0 is even, each +0.7 doubles the odds)\n"
            .to_owned();
        for line in &self.lines {
            let _ = writeln!(out, "  {:+6.2}  {}", line.log_odds, line.text);
            let time = line.time.map(|time| format!("first {time}"));
            let place =
                line.place.as_ref().map(|place| format!("{}, record {}", place.file, place.record));
            let found: Vec<String> = time.into_iter().chain(place).collect();
            if !found.is_empty() {
                let _ = writeln!(out, "          {}", found.join(" in "));
            }
        }
        let sum: f64 = self.lines.iter().map(|line| line.log_odds).sum();
        let _ = writeln!(out, "  {sum:+6.2}  together: {:.1} in 100", 100.0 / (1.0 + (-sum).exp()));
        out
    }
}
