//! Reads the ledger's entries into evidence: the one place that knows records.
//!
//! Where a record leaves room, the reading is the one that rules out less: a
//! withdrawal holds from the moment at which what was open had ended too, and
//! not while nobody could see it; a source is heard only where records say so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cordon_model::action::Act;
use cordon_model::record::{
    Entry, FactKept, FootholdDecision, FootholdFound, FootholdVerdict, Record, Transition,
};
use cordon_model::signal::{FactKind, Outcome, Role};
use cordon_model::{Estate, IncidentId, NodeId, NodeIx, WithdrawalId};
use jiff::{SignedDuration, Timestamp};

use crate::evidence::{
    Access, COUNTED, Evidence, Foothold, InForce, Logon, Reference, ServiceStates, ServiceView,
    Source,
};
use crate::spans::{Span, patient, union, without};

/// A host on which so many accounts of others sign in is a front door (a domain
/// controller, a portal); a sign-in there explains itself.
const FRONT_DOOR: usize = 5;

/// What the ledger holds for exposure, claims and clocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Gathered {
    /// For [`crate::exposure()`].
    pub evidence: Evidence,
    /// For [`crate::check_notice`].
    pub services: ServiceStates,
    /// When the first incident was opened: the evidence of awareness.
    pub aware: Option<Timestamp>,
}

/// Reads the entries of a ledger, in order.
///
/// `incident` picks one incident's footholds; none takes all. A log that says
/// nothing for up to `patience_seconds` counts as heard. Close the incident in
/// the ledger before the cordon is lifted: its window ends there, and what
/// stands open afterwards is no longer held against it.
#[must_use]
pub fn gather<'a>(
    estate: &Estate,
    entries: impl IntoIterator<Item = &'a Entry>,
    incident: Option<&IncidentId>,
    now: Timestamp,
    patience_seconds: u32,
) -> Gathered {
    let mut reader = Reader::new(estate, incident);
    for entry in entries {
        reader.take(entry);
    }
    reader.finish(now, patience_seconds)
}

struct Reader<'a> {
    estate: &'a Estate,
    incident: Option<&'a IncidentId>,
    position: u64,
    last: Option<Timestamp>,
    found: BTreeMap<NodeId, (u64, FootholdFound)>,
    decided: BTreeMap<NodeId, (u64, Timestamp, FootholdDecision)>,
    opened: BTreeMap<IncidentId, (Timestamp, Timestamp)>,
    closed: BTreeMap<IncidentId, Timestamp>,
    withdrawals: BTreeMap<WithdrawalId, Held>,
    finished: Vec<InForce>,
    facts: Vec<(u64, FactKept)>,
    heard: BTreeMap<String, Vec<Span>>,
    silent: BTreeMap<String, Vec<Span>>,
    services: BTreeMap<cordon_model::ServiceId, ServiceView>,
}

/// How one withdrawal stands while the entries are read.
#[derive(Default)]
struct Held {
    /// In force since, with the entry.
    since: Option<(Timestamp, u64)>,
    /// In place since, but something was still open.
    pending: Option<(Timestamp, u64)>,
    /// A person was asked to do this by hand.
    asked: Option<Act>,
}

impl<'a> Reader<'a> {
    fn new(estate: &'a Estate, incident: Option<&'a IncidentId>) -> Self {
        Self {
            estate,
            incident,
            position: 0,
            last: None,
            found: BTreeMap::new(),
            decided: BTreeMap::new(),
            opened: BTreeMap::new(),
            closed: BTreeMap::new(),
            withdrawals: BTreeMap::new(),
            finished: Vec::new(),
            facts: Vec::new(),
            heard: BTreeMap::new(),
            silent: BTreeMap::new(),
            services: BTreeMap::new(),
        }
    }

    fn is_ours(&self, incident: Option<&IncidentId>) -> bool {
        self.incident.is_none_or(|ours| incident.is_none_or(|theirs| ours == theirs))
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "plans, decisions and audit say nothing about exposure"
    )]
    fn take(&mut self, entry: &Entry) {
        self.position = entry.seq;
        self.last = self.last.max(Some(entry.time));
        match &entry.body {
            Record::Foothold(found) if self.is_ours(found.incident.as_ref()) => {
                self.found.insert(found.node.clone(), (entry.seq, found.clone()));
            }
            Record::FootholdDecision(decision) if self.is_ours(decision.incident.as_ref()) => {
                let value = (entry.seq, entry.time, decision.clone());
                self.decided.insert(decision.node.clone(), value);
            }
            Record::IncidentOpened(opened) if self.is_ours(Some(&opened.incident)) => {
                self.opened.insert(opened.incident.clone(), (entry.time, opened.from));
            }
            Record::IncidentClosed(closed) if self.is_ours(Some(&closed.incident)) => {
                self.closed.insert(closed.incident.clone(), entry.time);
            }
            Record::Withdrawal(moved) => {
                self.moved(&moved.withdrawal, &moved.transition, entry.time, entry.seq);
            }
            Record::Fact(fact) => {
                self.hear(&fact.source, fact.time, fact.time);
                self.facts.push((entry.seq, fact.clone()));
            }
            Record::Event(event) => self.hear(&event.source, event.time, event.time),
            Record::Heard(heard) => self.hear(&heard.span.source, heard.span.from, heard.span.to),
            Record::Silent(span) => {
                let silent = Span::new(span.from, span.to);
                self.silent.entry(span.source.clone()).or_default().push(silent);
            }
            Record::Service(seen) => {
                let view = ServiceView {
                    service: seen.service.clone(),
                    state: seen.state,
                    since: entry.time,
                    checked: entry.time,
                    because: seen.because.clone(),
                    entry: entry.seq,
                };
                self.services.insert(seen.service.clone(), view);
            }
            _ => {}
        }
    }

    fn hear(&mut self, source: &str, from: Timestamp, to: Timestamp) {
        self.heard.entry(source.to_owned()).or_default().push(Span::new(from, to));
    }

    fn moved(&mut self, id: &WithdrawalId, to: &Transition, time: Timestamp, entry: u64) {
        let held = self.withdrawals.entry(id.clone()).or_default();
        match to {
            Transition::Effective { open: 0, .. } | Transition::Verified { .. } => {
                held.hold(time, entry)
            }
            Transition::Effective { residual_seconds: Some(seconds), .. } => {
                let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
                match time.checked_add(SignedDuration::from_secs(seconds)) {
                    Ok(ended) => held.hold(ended, entry),
                    Err(_) => held.pending = Some((time, entry)),
                }
            }
            Transition::Effective { .. } => held.pending = held.pending.or(Some((time, entry))),
            Transition::Asked { act } => held.asked = Some(*act),
            Transition::Confirmed { .. } if held.asked.is_some_and(Act::withdraws) => {
                held.hold(time, entry)
            }
            Transition::Drifted { .. }
            | Transition::OutOfSight { .. }
            | Transition::Lifting { .. }
            | Transition::Restored { .. }
            | Transition::Lifted { .. }
            | Transition::Stuck { .. }
            | Transition::Confirmed { .. } => {
                self.finished.extend(held.end(id, time));
            }
            Transition::Requested { .. }
            | Transition::Acknowledged { .. }
            | Transition::Tried { .. }
            | Transition::Failed { .. }
            | Transition::Expiring { .. }
            | Transition::Expired => {}
        }
        self.end_of_partner(id, to, time);
    }

    /// A refuse whose sessions were still open holds from the moment at which its `end` came off.
    fn end_of_partner(&mut self, id: &WithdrawalId, to: &Transition, time: Timestamp) {
        if !matches!(to, Transition::Effective { open: 0, .. } | Transition::Verified { .. }) {
            return;
        }
        let at = self.estate.find_withdrawal(id.as_str());
        let partner = at.and_then(|at| self.estate.withdrawal(at).partner);
        let Some(partner) = partner.map(|at| self.estate.withdrawal(at).id.clone()) else { return };
        if let Some(held) = self.withdrawals.get_mut(&partner)
            && let Some((_, entry)) = held.pending
        {
            held.hold(time, entry);
        }
    }

    fn finish(mut self, now: Timestamp, patience_seconds: u32) -> Gathered {
        let footholds = self.footholds();
        let window = self.window(&footholds, now);
        let mut withdrawals = std::mem::take(&mut self.finished);
        for (withdrawal, held) in &self.withdrawals {
            withdrawals.extend(held.since.map(|(from, entry)| InForce {
                withdrawal: withdrawal.clone(),
                from,
                to: None,
                entry,
            }));
        }
        withdrawals.sort_by(|a, b| (a.from, &a.withdrawal).cmp(&(b.from, &b.withdrawal)));
        let checked = self.last.unwrap_or(now);
        let views = self.services.into_values().map(|view| ServiceView { checked, ..view });
        let services = ServiceStates { views: views.collect(), ..ServiceStates::none(now) };
        let sources = sources(self.heard, &self.silent, patience_seconds);
        let accesses = self.facts.iter().filter_map(|(seq, fact)| access(self.estate, *seq, fact));
        let evidence = Evidence {
            position: self.position,
            window,
            withdrawals,
            accesses: accesses.collect(),
            links: Vec::new(),
            logons: logons(self.estate, &self.facts, &footholds),
            sources,
            footholds,
        };
        let aware = self.opened.values().map(|(time, _)| *time).min();
        Gathered { evidence, services, aware }
    }

    fn footholds(&self) -> Vec<Foothold> {
        let nodes: BTreeSet<&NodeId> = self.found.keys().chain(self.decided.keys()).collect();
        let earliest = self.found.values().map(|(_, found)| found.since).min();
        let incident = self.opened.values().map(|(_, from)| *from).min();
        let one = |node: &NodeId| {
            let found = self.found.get(node);
            let decided = self.decided.get(node);
            let (mut probability, mut entry) =
                found.map_or((0.0, 0), |(seq, f)| (f.probability, *seq));
            // Nobody knows since when the intruder has what a person had to point out.
            let mut since = found.map(|(_, found)| found.since);
            if let Some((seq, time, decision)) = decided {
                match decision.verdict {
                    FootholdVerdict::Add | FootholdVerdict::Confirm => {
                        (probability, entry) = (1.0, *seq);
                        since = since.or(earliest).or(incident).or(Some(*time));
                    }
                    FootholdVerdict::Clear => probability = 0.0,
                    FootholdVerdict::Withdraw => {}
                }
            }
            let entrenched = found.is_some_and(|(_, found)| found.entrenched);
            let since = since.filter(|_| probability > 0.0)?;
            let aliases = found.map_or(&[][..], |(_, found)| found.aliases.as_slice());
            let (node, reach_known) = match self.known_as(node, aliases) {
                Some(known) => (known, true),
                None => (node.clone(), self.reach_known(node)),
            };
            Some(Foothold { node, probability, since, until: None, entrenched, reach_known, entry })
        };
        nodes.into_iter().filter_map(one).collect()
    }

    /// The estate's name for a node that it has under another kind: the account of an
    /// access key is the key. None unless exactly one node is spelt so.
    fn known_as(&self, node: &NodeId, aliases: &[String]) -> Option<NodeId> {
        if self.estate.find(node.as_str()).is_some() {
            return None;
        }
        let spelt_so = |at: &NodeIx| {
            let spellings = self.estate.spellings(*at);
            aliases.iter().any(|alias| spellings.iter().any(|own| own.eq_ignore_ascii_case(alias)))
        };
        let nodes = (0..).map(NodeIx).take(self.estate.nodes().len());
        let mut found = nodes.filter(spelt_so);
        match (found.next(), found.next()) {
            (Some(only), None) => Some(self.estate.id(only).clone()),
            _ => None,
        }
    }

    /// The estate knows the node, or it is the intruder's own machine outside:
    /// an address, or a host that nobody signs in to and that sends no logs.
    fn reach_known(&self, node: &NodeId) -> bool {
        let known = self.estate.find(node.as_str()).is_some();
        let inside = |role: Role| matches!(role, Role::Place | Role::Target | Role::Created);
        let seen_inside = || {
            let mut roles = self.facts.iter().flat_map(|(_, fact)| &fact.nodes);
            roles.any(|other| other.node == *node && inside(other.role))
        };
        known || node.kind() == "address" || (node.kind() == "host" && !seen_inside())
    }

    /// From the first foothold to the closing of the last incident, or to now.
    fn window(&self, footholds: &[Foothold], now: Timestamp) -> Span {
        let counted = footholds.iter().filter(|f| f.probability >= COUNTED);
        let first = counted.map(|f| f.since).min();
        let from = first.or_else(|| self.opened.values().map(|(_, from)| *from).min());
        let all_closed = !self.opened.is_empty()
            && self.opened.keys().all(|incident| self.closed.contains_key(incident));
        let to = if all_closed { self.closed.values().max().copied() } else { None };
        Span::new(from.unwrap_or(now), to.unwrap_or(now))
    }
}

impl Held {
    fn hold(&mut self, from: Timestamp, entry: u64) {
        self.pending = None;
        self.since = match self.since {
            Some((since, first)) if since <= from => Some((since, first)),
            _ => Some((from, entry)),
        };
    }

    fn end(&mut self, id: &WithdrawalId, time: Timestamp) -> Option<InForce> {
        self.pending = None;
        let (from, entry) = self.since.take()?;
        (from < time).then(|| InForce { withdrawal: id.clone(), from, to: Some(time), entry })
    }
}

fn sources(
    heard: BTreeMap<String, Vec<Span>>,
    silent: &BTreeMap<String, Vec<Span>>,
    patience_seconds: u32,
) -> Vec<Source> {
    let of = |(name, spans): (String, Vec<Span>)| {
        let heard = patient(spans, patience_seconds);
        let heard = silent
            .get(&name)
            .map_or(heard.clone(), |silent| without(&heard, &union(silent.iter().copied())));
        Source { name: name.into(), heard }
    };
    heard.into_iter().map(of).collect()
}

fn reference(seq: u64, fact: &FactKept) -> Reference {
    Reference { entry: seq, place: Some(fact.place.clone()) }
}

fn access(estate: &Estate, seq: u64, fact: &FactKept) -> Option<Access> {
    let FactKind::Access { verb, amount } = fact.kind else { return None };
    let is_known = |node: &NodeId| estate.find(node.as_str()).is_some();
    let mut targets: Vec<NodeId> = Vec::new();
    for node in fact.in_role(Role::Target).chain(fact.in_role(Role::Place)) {
        if !targets.contains(node) {
            targets.push(node.clone());
        }
    }
    if !fact.in_role(Role::Target).any(is_known) {
        // The log of exactly one place says where the access was, however it names it.
        let of_source = estate.coverage().iter().filter(|c| *c.source == *fact.source);
        let places: Vec<NodeId> = of_source.map(|c| estate.id(c.holding).clone()).collect();
        if let [only] = places.as_slice()
            && !targets.contains(only)
        {
            targets.insert(0, only.clone());
        }
    }
    let not_address = |node: &&NodeId| node.kind() != "address";
    let from = fact.in_role(Role::Source).filter(not_address);
    let mut actors: Vec<NodeId> = fact.in_role(Role::Actor).chain(from).cloned().collect();
    actors.dedup();
    let moved = amount.bytes.is_none_or(|bytes| bytes > 0);
    let outside = fact.in_role(Role::Source).any(|node| is_outside(estate, node));
    Some(Access {
        time: fact.time,
        actors,
        targets,
        categories: Vec::new(),
        verb,
        amount,
        left: outside && moved && amount.rows != Some(0),
        outcome: fact.outcome,
        reference: reference(seq, fact),
    })
}

/// An address that the estate does not know and that is routed publicly.
fn is_outside(estate: &Estate, node: &NodeId) -> bool {
    if node.kind() != "address" || estate.find(node.as_str()).is_some() {
        return false;
    }
    match node.name().parse() {
        Ok(IpAddr::V4(v4)) => {
            let shared = v4.octets().first() == Some(&100)
                && v4.octets().get(1).is_some_and(|b| b & 0xc0 == 64);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || shared)
        }
        Ok(IpAddr::V6(v6)) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
        Err(_) => false,
    }
}

/// The logons of footholds to nodes of the estate, but for front doors.
fn logons(estate: &Estate, facts: &[(u64, FactKept)], footholds: &[Foothold]) -> Vec<Logon> {
    let held = |node: &NodeId, time: Timestamp| {
        footholds.iter().any(|f| f.probability >= COUNTED && f.node == *node && f.holds_at(time))
    };
    let mut others: BTreeMap<&NodeId, BTreeSet<&NodeId>> = BTreeMap::new();
    let mut logons = Vec::new();
    for (seq, fact) in facts {
        if !matches!(fact.kind, FactKind::Logon { remote: true })
            || fact.outcome != Outcome::Success
        {
            continue;
        }
        let named = fact.in_role(Role::Target).chain(fact.in_role(Role::Place));
        let to: Vec<&NodeId> = named.filter(|node| estate.find(node.as_str()).is_some()).collect();
        let from: Vec<&NodeId> = fact.in_role(Role::Actor).collect();
        if from.iter().any(|node| held(node, fact.time)) {
            logons.push((*seq, fact, from, to));
        } else {
            for node in to {
                others.entry(node).or_default().extend(from.iter().copied());
            }
        }
    }
    let is_front_door = |node: &NodeId| others.get(node).is_some_and(|who| who.len() >= FRONT_DOOR);
    let telling = logons
        .into_iter()
        .filter(|(_, _, _, to)| !to.is_empty() && !to.iter().any(|node| is_front_door(node)));
    telling
        .map(|(seq, fact, from, to)| Logon {
            time: fact.time,
            from: from.into_iter().cloned().collect(),
            to: to.into_iter().cloned().collect(),
            reference: reference(seq, fact),
        })
        .collect()
}

#[cfg(test)]
mod tests;
