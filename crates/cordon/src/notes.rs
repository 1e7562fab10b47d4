//! What of a stream belongs in the ledger: detections, footholds, incidents, and
//! what footholds, suspects and everybody else did with people's data.
//!
//! [`Notes`] takes in what the scanner hands over and keeps it until a judgement
//! tells which node each name means; what the ledger was told is remembered, so
//! that nothing is told twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cordon_incident::{Assessment, Foothold, OpenIncident};
use cordon_model::record::{
    DetectionKept, FactKept, FootholdFound, Heard as HeardRecord, IncidentOpened, LinkSeen,
    LinksSeen, NodeInRole, ReckoningLine, Record, Span,
};
use cordon_model::signal::{Detection, Fact, FactKind, Mention, Place, Problem};
use cordon_model::{Estate, IncidentId, NodeId, Timestamp};
use cordon_signal::{Heard, Sink};

/// A foothold is recorded anew when its probability has moved by this much.
const NOTABLE: f64 = 0.05;
/// Reasons kept with a foothold in words; the reckoning has them all.
const REASONS: usize = 8;

/// What the scanner has handed over and the ledger has not been told.
pub(crate) struct Notes {
    source: Arc<str>,
    detections: Vec<Detection>,
    facts: Vec<(Arc<str>, Fact)>,
    heard: BTreeMap<Arc<str>, (Timestamp, Timestamp, u64)>,
    problems: Vec<Problem>,
    last: Timestamp,
    told: Told,
    /// Nodes that these notes themselves have called suspected: only they may be cleared again,
    /// for of the others the evidence lies elsewhere.
    suspected: BTreeSet<NodeId>,
}

/// What the ledger has been told already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) footholds: BTreeMap<NodeId, f64>,
    pub(crate) incidents: Vec<OpenIncident>,
    pub(crate) links: BTreeSet<LinkSeen>,
    /// Detections and facts: when, where, and what.
    pub(crate) events: BTreeSet<(Timestamp, Place, String)>,
}

/// What sort of thing a fact is, as it tells facts of one record apart.
pub(crate) fn fact_name(kind: FactKind) -> String {
    match kind {
        FactKind::Logon { .. } => "logon".to_owned(),
        FactKind::Access { verb, .. } => format!("access {verb:?}"),
        FactKind::Change { change } => format!("change {change:?}"),
        FactKind::Lease => "lease".to_owned(),
    }
}

impl Notes {
    /// Starts with nothing noted, knowing what the ledger has been told.
    pub(crate) fn new(told: Told) -> Self {
        Self {
            source: "".into(),
            detections: Vec::new(),
            facts: Vec::new(),
            heard: BTreeMap::new(),
            problems: Vec::new(),
            last: Timestamp::UNIX_EPOCH,
            told,
            suspected: BTreeSet::new(),
        }
    }

    /// Detections that no record has been made of yet.
    pub(crate) fn new_detections(&self) -> &[Detection] {
        &self.detections
    }

    /// Incidents that the ledger has been told of.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = &IncidentId> {
        self.told.incidents.iter().map(|known| &known.id)
    }

    /// Incidents that the ledger has been told of, with their latest footholds.
    pub(crate) fn open(&self) -> Vec<OpenIncident> {
        self.told.incidents.clone()
    }

    /// Makes records of everything new that matters: detections, footholds, incidents, and
    /// what footholds and suspects did.
    pub(crate) fn records(&mut self, estate: &Estate, assessment: &Assessment) -> Vec<Record> {
        let mut records = self.detection_records(assessment);
        records.extend(self.incident_records(assessment));
        records.extend(self.foothold_records(assessment));
        records.extend(self.fact_records(estate, assessment));
        records.extend(self.problems.drain(..).map(Record::Unread));
        records
    }

    /// Makes records of which sources have been heard since the last call, and when.
    pub(crate) fn heard(&mut self) -> Vec<Record> {
        let heard = std::mem::take(&mut self.heard).into_iter();
        heard
            .map(|(source, (from, to, events))| {
                let span = Span { source: source.to_string(), from, to };
                Record::Heard(HeardRecord { span, events })
            })
            .collect()
    }

    /// Makes a record of what is newly known of the estate's links.
    pub(crate) fn links(&mut self, seen: Vec<LinkSeen>) -> Option<Record> {
        let links: Vec<LinkSeen> =
            seen.into_iter().filter(|link| self.told.links.insert(link.clone())).collect();
        (!links.is_empty()).then_some(Record::Links(LinksSeen { links }))
    }

    fn detection_records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let mut records = Vec::new();
        for detection in self.detections.drain(..) {
            let rule = &detection.rule;
            let key = (detection.time, detection.place.clone(), rule.id.clone());
            if self.told.events.contains(&key) {
                continue;
            }
            let nodes = in_roles(assessment, &detection.mentions, detection.time);
            records.push(Record::Detection(DetectionKept {
                time: detection.time,
                place: detection.place,
                rule: rule.id.clone(),
                title: rule.title.clone(),
                level: rule.level,
                techniques: rule.techniques.clone(),
                nodes,
            }));
        }
        records
    }

    fn incident_records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let mut records = Vec::new();
        for incident in &assessment.incidents {
            let footholds = incident.footholds.clone();
            if let Some(known) = self.told.incidents.iter_mut().find(|k| k.id == incident.id) {
                known.footholds = footholds;
                continue;
            }
            let nodes: Vec<&str> = incident.footholds.iter().map(NodeId::as_str).collect();
            records.push(Record::IncidentOpened(IncidentOpened {
                incident: incident.id.clone(),
                from: incident.from,
                summary: format!("an intruder probably controls {}", crate::text::list(&nodes)),
            }));
            self.told.incidents.push(OpenIncident { id: incident.id.clone(), footholds });
        }
        records
    }

    fn foothold_records(&mut self, assessment: &Assessment) -> Vec<Record> {
        let mut records = Vec::new();
        let mut suspected = BTreeSet::new();
        for foothold in assessment.footholds.iter().chain(&assessment.suspects) {
            suspected.insert(foothold.node.clone());
            let told = self.told.footholds.get(&foothold.node);
            if told.is_none_or(|told| (told - foothold.probability).abs() >= NOTABLE) {
                records.push(foothold_record(assessment, foothold));
            }
            self.told.footholds.insert(foothold.node.clone(), foothold.probability);
        }
        for node in self.suspected.difference(&suspected) {
            records.push(cleared_record(node, self.last));
            self.told.footholds.remove(node);
        }
        self.suspected = suspected;
        records
    }

    fn fact_records(&mut self, estate: &Estate, assessment: &Assessment) -> Vec<Record> {
        let suspected: BTreeSet<&NodeId> =
            assessment.footholds.iter().chain(&assessment.suspects).map(|f| &f.node).collect();
        let holdings = estate.holdings().iter();
        let places = holdings.flat_map(|h| h.copies.iter().copied().chain([h.node]));
        let kept: BTreeSet<&NodeId> = places.map(|node| estate.id(node)).collect();
        let mut records = Vec::new();
        let told = &self.told.events;
        self.facts.retain(|(source, fact)| {
            if told.contains(&(fact.time, fact.place.clone(), fact_name(fact.kind))) {
                return false;
            }
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
        reckoning: Vec::new(),
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
        reckoning: foothold.reasons.iter().map(reckoning_line).collect(),
    })
}

fn reckoning_line(reason: &cordon_incident::Reason) -> ReckoningLine {
    ReckoningLine {
        log_odds: reason.log_odds,
        text: reason.text.clone(),
        time: reason.time,
        place: reason.place.clone(),
    }
}

impl Sink for Notes {
    fn event(&mut self, event: &Heard<'_>) {
        self.source = Arc::clone(event.source);
        self.last = self.last.max(event.time);
        let span =
            self.heard.entry(Arc::clone(event.source)).or_insert((event.time, event.time, 0));
        *span = (span.0.min(event.time), span.1.max(event.time), span.2 + 1);
    }

    fn detection(&mut self, detection: Detection) {
        self.detections.push(detection);
    }

    fn fact(&mut self, fact: Fact) {
        self.facts.push((Arc::clone(&self.source), fact));
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}
