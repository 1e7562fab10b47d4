//! Names the intruder: detections and facts become footholds and incidents.
//!
//! A [`Reasoner`] takes in what `signal` says of a stream and keeps a compact
//! memory of it; [`Reasoner::assess`] computes the whole judgement from that
//! memory, with "now" as an input. The same events in any order or chunking
//! give the same judgement. No I/O, no clock, no names that mean anything:
//! renaming everything gives the same footholds, renamed. The method and every
//! figure in it are told in `docs/footholds.md`.

mod assess;
mod directory;
mod evidence;
mod freshness;
mod incidents;
mod join;
mod lease;
mod names;
mod observed;
mod passage;
mod reasons;
mod scene;
mod settings;
mod spelling;
mod spread;
mod table;
mod usual;
mod weigh;

use cordon_model::record::{LinkSeen, Usual};
use cordon_model::signal::{Detection, Fact};
use cordon_model::{Estate, Timestamp};

pub use assess::{Assessment, Foothold, FootholdKind, Incident};
pub use names::{Conflict, Names};
pub use observed::{Access, ObservedLink, UnknownReach};
pub use reasons::Reason;
pub use settings::{Decision, OpenIncident, Settings};

use directory::Directory;
use evidence::Evidence;

/// Takes in a stream and judges it.
#[derive(Debug)]
pub struct Reasoner<'a> {
    estate: &'a Estate,
    directory: Directory,
    settings: Settings,
    evidence: Evidence,
}

impl<'a> Reasoner<'a> {
    /// Starts with nothing seen; an empty estate makes every node provisional.
    #[must_use]
    pub fn new(estate: &'a Estate, settings: Settings) -> Self {
        let directory = Directory::new(estate);
        Self { estate, directory, settings, evidence: Evidence::default() }
    }

    /// Takes in that a rule matched.
    pub fn detection(&mut self, detection: &Detection) {
        self.evidence.detection(detection);
    }

    /// Takes in what an event says happened.
    pub fn fact(&mut self, fact: &Fact) {
        self.evidence.fact(fact);
    }

    /// Tells which incidents are open already; they keep their ids from here on.
    pub fn keep_open(&mut self, open: Vec<OpenIncident>) {
        self.settings.open = open;
    }

    /// Takes in what was usual in an earlier quiet time: compared with, never evidence.
    pub fn remember(&mut self, usual: &Usual) {
        self.evidence.remember(usual);
    }

    /// Gathers what was usual in this stream while nobody was inside, judged as of `now`.
    ///
    /// Nothing that lies within a day before the first sign of a foothold or suspect, later, or
    /// names one counts as usual.
    #[must_use]
    pub fn usual(&self, now: Timestamp) -> Usual {
        assess::usual(self.estate, &self.directory, &self.evidence, &self.settings, now)
    }

    /// Judges everything taken in so far, as of `now`.
    pub fn assess(&self, now: Timestamp) -> Assessment {
        assess::assess(self.estate, &self.directory, &self.evidence, &self.settings, now)
    }

    /// Lists what the logs have shown of the estate's links: used, granted, taken away.
    #[must_use]
    pub fn links_seen(&self) -> Vec<LinkSeen> {
        assess::links_seen(self.estate, &self.directory, &self.evidence, &self.settings)
    }

    /// Settles which spelling means which node, without judging anything.
    #[must_use]
    pub fn names(&self) -> Names {
        Names::build(&self.evidence.names, &self.directory, self.estate)
    }
}

#[cfg(test)]
mod tests;
