//! The watch: log lines in, judgement out, and what of it belongs in the ledger.
//!
//! Files, the drill and later the live streams all come this way, line by line,
//! with nothing said about where a line comes from but its stream's name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cordon_incident::{Assessment, Foothold, Reasoner, Settings};
use cordon_model::record::{
    DetectionKept, FactKept, FootholdFound, Heard as HeardRecord, IncidentOpened, NodeInRole,
    Record, Span,
};
use cordon_model::signal::{Detection, Fact, FactKind, Mention, Problem};
use cordon_model::{Estate, IncidentId, NodeId, Timestamp};
use cordon_signal::{Heard, Scanner, Sink, Stream};

/// A foothold is recorded anew when its probability has moved by this much.
const NOTABLE: f64 = 0.05;
/// Reasons kept with a foothold.
const REASONS: usize = 8;

/// Reads lines and judges them.
pub(crate) struct Watch<'e> {
    estate: &'e Estate,
    scanner: Scanner,
    streams: BTreeMap<String, Stream>,
    intake: Intake<'e>,
    told: Told,
}

/// What the scanner has handed over.
struct Intake<'e> {
    reasoner: Reasoner<'e>,
    source: Arc<str>,
    detections: Vec<Detection>,
    facts: Vec<(Arc<str>, Fact)>,
    heard: BTreeMap<Arc<str>, (Timestamp, Timestamp, u64)>,
    problems: Vec<Problem>,
    last: Timestamp,
}

/// What the ledger has been told already.
#[derive(Default)]
struct Told {
    footholds: BTreeMap<NodeId, f64>,
    incidents: BTreeSet<IncidentId>,
}

impl<'e> Watch<'e> {
    /// Starts with nothing read.
    pub(crate) fn new(estate: &'e Estate, scanner: Scanner) -> Self {
        let intake = Intake {
            reasoner: Reasoner::new(estate, Settings::default()),
            source: "".into(),
            detections: Vec::new(),
            facts: Vec::new(),
            heard: BTreeMap::new(),
            problems: Vec::new(),
            last: Timestamp::UNIX_EPOCH,
        };
        Self { estate, scanner, streams: BTreeMap::new(), intake, told: Told::default() }
    }

    /// Reads one line of a stream.
    pub(crate) fn line(&mut self, stream: &str, text: &str) {
        let known = self.streams.entry(stream.to_owned()).or_insert_with(|| Stream::new(stream));
        self.scanner.line(known, text.as_bytes(), &mut self.intake);
    }

    /// Detections that no record has been made of yet.
    pub(crate) fn new_detections(&self) -> &[Detection] {
        &self.intake.detections
    }

    /// Judges everything read so far.
    pub(crate) fn assess(&self, now: Timestamp) -> Assessment {
        self.intake.reasoner.assess(now)
    }

    /// Makes records of everything new that matters: detections, footholds, incidents, and
    /// what footholds and suspects did.
    pub(crate) fn records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let mut records = self.detection_records(assessment);
        records.extend(self.incident_records(assessment));
        records.extend(self.foothold_records(assessment));
        records.extend(self.fact_records(assessment));
        records.extend(self.intake.problems.drain(..).map(Record::Unread));
        records
    }

    /// Incidents that the ledger has been told of.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = &IncidentId> {
        self.told.incidents.iter()
    }

    /// Makes records of which sources have been heard since the last call, and when.
    pub(crate) fn heard(&mut self) -> Vec<Record> {
        let heard = std::mem::take(&mut self.intake.heard).into_iter();
        heard
            .map(|(source, (from, to, events))| {
                let span = Span { source: source.to_string(), from, to };
                Record::Heard(HeardRecord { span, events })
            })
            .collect()
    }

    fn detection_records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let detections = self.intake.detections.drain(..);
        detections
            .map(|detection| {
                let nodes = in_roles(assessment, &detection.mentions, detection.time);
                let rule = &detection.rule;
                Record::Detection(DetectionKept {
                    time: detection.time,
                    place: detection.place,
                    rule: rule.id.clone(),
                    title: rule.title.clone(),
                    level: rule.level,
                    techniques: rule.techniques.clone(),
                    nodes,
                })
            })
            .collect()
    }

    fn incident_records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let new = assessment.incidents.iter().filter(|i| self.told.incidents.insert(i.id.clone()));
        new.map(|incident| {
            let nodes: Vec<&str> = incident.footholds.iter().map(NodeId::as_str).collect();
            Record::IncidentOpened(IncidentOpened {
                incident: incident.id.clone(),
                from: incident.from,
                summary: format!("an intruder probably controls {}", crate::text::list(&nodes)),
            })
        })
        .collect()
    }

    fn foothold_records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let mut records = Vec::new();
        let mut suspected = BTreeMap::new();
        for foothold in assessment.footholds.iter().chain(&assessment.suspects) {
            suspected.insert(foothold.node.clone(), foothold.probability);
            let told = self.told.footholds.get(&foothold.node);
            if told.is_none_or(|told| (told - foothold.probability).abs() >= NOTABLE) {
                records.push(foothold_record(assessment, foothold));
            }
        }
        let cleared = self.told.footholds.keys().filter(|node| !suspected.contains_key(*node));
        records.extend(cleared.map(|node| cleared_record(node, self.intake.last)));
        self.told.footholds = suspected;
        records
    }

    fn fact_records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let suspected: BTreeSet<&NodeId> =
            assessment.footholds.iter().chain(&assessment.suspects).map(|f| &f.node).collect();
        let holdings = self.estate.holdings().iter();
        let places = holdings.flat_map(|h| h.copies.iter().copied().chain([h.node]));
        let kept: BTreeSet<&NodeId> = places.map(|node| self.estate.id(node)).collect();
        let mut records = Vec::new();
        self.intake.facts.retain(|(source, fact)| {
            let nodes = in_roles(assessment, &fact.mentions, fact.time);
            let is_access = matches!(fact.kind, FactKind::Access { .. });
            // Every use of people's data counts: only all of them together can rule an access out.
            let matters = nodes.iter().any(|in_role| {
                suspected.contains(&in_role.node) || is_access && kept.contains(&in_role.node)
            });
            if matters {
                records.push(Record::Fact(FactKept {
                    time: fact.time,
                    source: source.to_string(),
                    place: fact.place.clone(),
                    kind: fact.kind,
                    outcome: fact.outcome,
                    nodes,
                }));
            }
            !matters
        });
        records
    }
}

fn in_roles(assessment: &Assessment, mentions: &[Mention], time: Timestamp) -> Vec<NodeInRole> {
    let resolved = assessment.names.resolve_all(mentions, time);
    let mut nodes: Vec<NodeInRole> = resolved
        .into_iter()
        .zip(mentions)
        .filter_map(|(node, mention)| Some(NodeInRole { node: node?, role: mention.role }))
        .collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

/// Says that a node is no longer suspected.
fn cleared_record(node: &NodeId, now: Timestamp) -> Record {
    Record::Foothold(FootholdFound {
        incident: None,
        node: node.clone(),
        aliases: Vec::new(),
        probability: 0.0,
        entrenched: false,
        since: now,
        reasons: vec!["the evidence no longer makes it a suspect".to_owned()],
    })
}

fn foothold_record(assessment: &Assessment, foothold: &Foothold) -> Record {
    let mut incidents = assessment.incidents.iter();
    let incident = incidents.find(|incident| incident.footholds.contains(&foothold.node));
    Record::Foothold(FootholdFound {
        incident: incident.map(|incident| incident.id.clone()),
        node: foothold.node.clone(),
        aliases: foothold.aliases.clone(),
        probability: foothold.probability,
        entrenched: false,
        since: foothold.since,
        reasons: foothold.reasons.iter().take(REASONS).map(|r| r.text.clone()).collect(),
    })
}

impl Sink for Intake<'_> {
    fn event(&mut self, event: &Heard<'_>) {
        self.source = Arc::clone(event.source);
        self.last = self.last.max(event.time);
        let span =
            self.heard.entry(Arc::clone(event.source)).or_insert((event.time, event.time, 0));
        *span = (span.0.min(event.time), span.1.max(event.time), span.2 + 1);
    }

    fn detection(&mut self, detection: Detection) {
        self.reasoner.detection(&detection);
        self.detections.push(detection);
    }

    fn fact(&mut self, fact: Fact) {
        self.reasoner.fact(&fact);
        self.facts.push((Arc::clone(&self.source), fact));
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}
