//! The watch: log lines in, judgement out, and what of it belongs in the ledger.
//!
//! The drill and later the live streams come this way, line by line, with
//! nothing said about where a line comes from but its stream's name.

use std::collections::BTreeMap;

use cordon_incident::{Assessment, Reasoner, Settings};
use cordon_model::record::Record;
use cordon_model::signal::{Detection, Fact, Problem};
use cordon_model::{Estate, IncidentId, Timestamp};
use cordon_signal::{Heard, Scanner, Sink, Stream};

use crate::notes::{Notes, Told};

/// Reads lines and judges them.
pub(crate) struct Watch<'e> {
    estate: &'e Estate,
    scanner: Scanner,
    streams: BTreeMap<String, Stream>,
    intake: Intake<'e>,
}

/// What the scanner hands over, to be judged and to be noted.
struct Intake<'e> {
    reasoner: Reasoner<'e>,
    notes: Notes,
}

impl<'e> Watch<'e> {
    /// Starts with nothing read.
    pub(crate) fn new(estate: &'e Estate, scanner: Scanner) -> Self {
        let reasoner = Reasoner::new(estate, Settings::default());
        let intake = Intake { reasoner, notes: Notes::new(Told::default()) };
        Self { estate, scanner, streams: BTreeMap::new(), intake }
    }

    /// Reads one line of a stream.
    pub(crate) fn line(&mut self, stream: &str, text: &str) {
        let known = self.streams.entry(stream.to_owned()).or_insert_with(|| Stream::new(stream));
        self.scanner.line(known, text.as_bytes(), &mut self.intake);
    }

    /// Detections that no record has been made of yet.
    pub(crate) fn new_detections(&self) -> &[Detection] {
        self.intake.notes.new_detections()
    }

    /// Judges everything read so far.
    pub(crate) fn assess(&self, now: Timestamp) -> Assessment {
        self.intake.reasoner.assess(now)
    }

    /// Makes records of everything new that matters.
    pub(crate) fn records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let records = self.intake.notes.records(self.estate, assessment);
        self.intake.reasoner.keep_open(self.intake.notes.open());
        records
    }

    /// Incidents that the ledger has been told of.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = &IncidentId> {
        self.intake.notes.incidents()
    }

    /// Makes records of which sources have been heard since the last call, and when.
    pub(crate) fn heard(&mut self) -> Vec<Record> {
        self.intake.notes.heard()
    }
}

impl Sink for Intake<'_> {
    fn event(&mut self, event: &Heard<'_>) {
        self.notes.event(event);
    }

    fn detection(&mut self, detection: Detection) {
        self.reasoner.detection(&detection);
        self.notes.detection(detection);
    }

    fn fact(&mut self, fact: Fact) {
        self.reasoner.fact(&fact);
        self.notes.fact(fact);
    }

    fn problem(&mut self, problem: Problem) {
        self.notes.problem(problem);
    }
}
