//! What the ledger knows that a new judgement must know too: people's decisions,
//! what was usual in quiet time, and what has been told already.

use std::collections::BTreeMap;

use cordon_incident::{Decision, OpenIncident, Settings};
use cordon_model::record::{Entry, FootholdVerdict, Record, Usual};
use cordon_model::{IncidentId, NodeId};

use crate::notes::{Told, fact_name};

/// A person's word on a node that still counts.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) node: NodeId,
    pub(crate) verdict: FootholdVerdict,
    pub(crate) decision: Decision,
}

/// The last word on each node, but for those that were withdrawn.
pub(crate) fn words(entries: &[Entry]) -> Vec<Word> {
    let mut words: BTreeMap<&NodeId, Word> = BTreeMap::new();
    for entry in entries {
        let Record::FootholdDecision(said) = &entry.body else { continue };
        let foothold = match said.verdict {
            FootholdVerdict::Add | FootholdVerdict::Confirm => true,
            FootholdVerdict::Clear => false,
            FootholdVerdict::Withdraw => {
                words.remove(&said.node);
                continue;
            }
        };
        let decision = Decision {
            node: said.node.clone(),
            foothold,
            at: entry.time,
            by: said.by.to_string(),
            because: said.because.clone(),
        };
        words.insert(&said.node, Word { node: said.node.clone(), verdict: said.verdict, decision });
    }
    words.into_values().collect()
}

/// The settings of a judgement that goes on where the ledger ends.
pub(crate) fn settings(entries: &[Entry]) -> Settings {
    Settings {
        decisions: words(entries).into_iter().map(|word| word.decision).collect(),
        open: told(entries).incidents,
        ..Settings::default()
    }
}

/// Everything that was learnt in quiet times.
pub(crate) fn usual(entries: &[Entry]) -> impl Iterator<Item = &Usual> {
    entries.iter().filter_map(|entry| {
        let Record::Usual(usual) = &entry.body else { return None };
        Some(usual)
    })
}

/// What the ledger has been told: the newest of each foothold, the open incidents, the links.
pub(crate) fn told(entries: &[Entry]) -> Told {
    let mut told = Told::default();
    for entry in entries {
        if let Record::Foothold(found) = &entry.body {
            told.footholds.insert(found.node.clone(), found.probability);
            for known in &mut told.incidents {
                known.footholds.retain(|node| *node != found.node);
                if Some(&known.id) == found.incident.as_ref() && found.probability > 0.0 {
                    known.footholds.push(found.node.clone());
                }
            }
        } else if let Record::IncidentOpened(opened) = &entry.body {
            let id: IncidentId = opened.incident.clone();
            told.incidents.retain(|known| known.id != id);
            told.incidents.push(OpenIncident { id, footholds: Vec::new() });
        } else if let Record::IncidentClosed(closed) = &entry.body {
            // Its number stays taken, but nothing is of it any more.
            for known in told.incidents.iter_mut().filter(|known| known.id == closed.incident) {
                known.footholds.clear();
            }
        } else if let Record::Links(seen) = &entry.body {
            told.links.extend(seen.links.iter().cloned());
        } else if let Record::Detection(kept) = &entry.body {
            told.events.insert((kept.time, kept.place.clone(), kept.rule.clone()));
        } else if let Record::Fact(kept) = &entry.body {
            told.events.insert((kept.time, kept.place.clone(), fact_name(kept.kind)));
        }
    }
    told.footholds.retain(|_, probability| *probability > 0.0);
    told
}
