//! The hand at work: one thread that judges and records, lanes that call, streams that ask.
//!
//! What has come is taken in batches: all of it is judged, everything that must
//! be durable is written at once, and only then calls go out. If the ledger
//! cannot be written nothing is taken away; what gives back goes on.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use cordon_authority::Authority;
use cordon_connectors::range::Range;
use cordon_connectors::{Check, Listening, Site, service};
use cordon_ledger::{Ledger, LedgerError};
use cordon_model::action::{Act, Call, Reply, ServiceState, Trouble, TroubleKind};
use cordon_model::record::{By, Lift, Moved, Record, Renew, Transition};
use cordon_model::{Estate, NodeId, ServiceId, Timestamp, WithdrawalId};

use crate::bundle;
use crate::judge::{Judged, Seen, judge};
use crate::lanes::{DEADLINE, Lanes};
use crate::memory::Memory;
use crate::protocol::{Answer, Ask, Numbered, read, write};
use crate::warrant::{Warrant, allowed, examine};

/// The most events that are taken in one batch.
const BATCH: usize = 512;

/// What the hand goes by: its own copy of everything.
pub struct Rules {
    /// The estate.
    pub estate: Arc<Estate>,
    /// Who may raise what, and caps.
    pub authority: Authority,
}

/// Something that has come to the hand.
enum Event {
    Came(u64, Box<dyn Write + Send>),
    Asked(u64, Numbered<Ask>),
    Gone(u64),
    Replied(Ticket, Box<Call>, Reply),
    /// The hand's own look before an act.
    Looked(Ticket, Box<Call>, Reply),
    Rehearsed(Ticket, Result<Vec<String>, Trouble>),
    Service(Ticket, ServiceState),
    Checked(Ticket, String, Vec<Check>),
    Changed(NodeId),
    Stop,
}

/// Whom to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    stream: u64,
    id: u64,
}

/// What is done once a batch is durable.
enum After {
    Answer(Ticket, Answer),
    Call(Ticket, Box<Call>),
    Listen,
}

/// A handle that feeds a running hand.
#[derive(Clone)]
pub struct Feed(Sender<Event>);

/// The hand.
pub struct Hand {
    rules: Rules,
    folder: PathBuf,
    ledger: Ledger,
    memory: Memory,
    seen: Seen,
    lanes: BTreeMap<String, Lanes>,
    range: Option<Range>,
    events: (Sender<Event>, Receiver<Event>),
    streams: BTreeMap<u64, Box<dyn Write + Send>>,
    preflights: BTreeMap<Ticket, (usize, Vec<(String, Vec<Check>)>)>,
    listening: BTreeMap<String, (Vec<NodeId>, Option<Listening>)>,
}

impl Hand {
    /// Opens the hand's own ledger in `folder` and starts its lanes.
    ///
    /// # Errors
    /// When the ledger cannot be opened.
    pub fn open(folder: &Path, rules: Rules, sites: Vec<Site>) -> Result<Self, LedgerError> {
        let ledger = Ledger::open(folder)?;
        let memory = Memory::fold(&ledger.read(1)?);
        let range = sites.iter().find_map(|site| site.range.clone());
        let lanes = sites.into_iter().map(|site| (site.name.clone(), Lanes::start(site))).collect();
        let mut hand = Self {
            rules,
            folder: folder.to_owned(),
            ledger,
            memory,
            seen: Seen::new(),
            lanes,
            range,
            events: channel(),
            streams: BTreeMap::new(),
            preflights: BTreeMap::new(),
            listening: BTreeMap::new(),
        };
        hand.listen();
        hand.save_bundle();
        Ok(hand)
    }

    /// A handle to connect streams with, also from other threads.
    #[must_use]
    pub fn feed(&self) -> Feed {
        Feed(self.events.0.clone())
    }

    /// Works until it is told to stop.
    pub fn run(mut self) {
        while let Ok(first) = self.events.1.recv() {
            let mut batch = vec![first];
            batch.extend(self.events.1.try_iter().take(BATCH));
            if !self.work(batch) {
                return;
            }
        }
    }

    /// Judges a batch, makes it durable, acts; tells whether to go on.
    fn work(&mut self, batch: Vec<Event>) -> bool {
        let now = Timestamp::now();
        let (mut records, mut after) = (Vec::new(), Vec::new());
        let mut go_on = true;
        for event in batch {
            go_on &= !matches!(event, Event::Stop);
            let known = records.len();
            self.take(event, now, &mut records, &mut after);
            // Later ones of the batch are judged with what these come to.
            for record in records.iter().skip(known) {
                self.memory.apply(now, record);
            }
        }
        if !records.is_empty()
            && let Err(error) = self.ledger.append(now, &records)
        {
            tracing::error!("the hand's ledger cannot be written: {error}");
            after = after.into_iter().map(|step| hold_back(step, &error)).collect();
            if let Ok(entries) = self.ledger.read(1) {
                self.memory = Memory::fold(&entries);
            }
        } else if !records.is_empty() {
            self.save_bundle();
        }
        for step in after {
            self.act(step);
        }
        go_on
    }

    fn take(
        &mut self,
        event: Event,
        now: Timestamp,
        records: &mut Vec<Record>,
        after: &mut Vec<After>,
    ) {
        match event {
            Event::Came(stream, out) => {
                self.streams.insert(stream, out);
            }
            Event::Gone(stream) => {
                self.streams.remove(&stream);
            }
            Event::Asked(stream, ask) => {
                let ticket = Ticket { stream, id: ask.id };
                self.asked(ticket, ask.body, now, records, after);
            }
            Event::Looked(ticket, call, reply) => {
                self.note_look(&call, &reply);
                self.judge(ticket, call, true, now, records, after);
            }
            Event::Replied(ticket, call, reply) => {
                let reply = self.replied(&call, reply, records);
                after.push(After::Answer(ticket, Answer::Reply(reply)));
            }
            Event::Rehearsed(ticket, lines) => {
                let answer = match lines {
                    Ok(lines) => Answer::Rehearsed { lines },
                    Err(trouble) => Answer::Reply(Reply::Trouble(trouble)),
                };
                after.push(After::Answer(ticket, answer));
            }
            Event::Service(ticket, state) => {
                after.push(After::Answer(ticket, Answer::Service { state }));
            }
            Event::Checked(ticket, connector, checks) => {
                after.extend(self.checked(ticket, connector, checks));
            }
            Event::Changed(node) => {
                self.seen.retain(|(_, seen), _| *seen != node);
                let streams = self.streams.keys();
                after.extend(streams.map(|&stream| {
                    let ticket = Ticket { stream, id: 0 };
                    After::Answer(ticket, Answer::Changed { node: node.clone() })
                }));
            }
            Event::Stop => {}
        }
    }

    fn asked(
        &mut self,
        ticket: Ticket,
        ask: Ask,
        now: Timestamp,
        records: &mut Vec<Record>,
        after: &mut Vec<After>,
    ) {
        match ask {
            Ask::Warrant(warrant) => {
                let answer = self.warrant(*warrant, now, records);
                after.push(After::Answer(ticket, answer));
                after.push(After::Listen);
            }
            Ask::Consider(warrant) => {
                let answer = said(self.consider(&warrant, now));
                after.push(After::Answer(ticket, answer));
            }
            Ask::Renew(renew) => after.push(After::Answer(ticket, self.renew(renew, now, records))),
            Ask::Over { withdrawal } => {
                records.extend(self.over(withdrawal));
                let because = "lifting is not asked about".to_owned();
                after.push(After::Answer(ticket, Answer::Accepted { because }));
            }
            Ask::Call(call) => self.judge(ticket, call, false, now, records, after),
            Ask::Rehearse(call) => self.rehearse(ticket, call, after),
            Ask::Service { service } => self.probe(ticket, &service),
            Ask::Preflight { connector } => after.extend(self.preflight(ticket, connector)),
        }
    }

    fn consider(&self, warrant: &Warrant, now: Timestamp) -> Result<String, String> {
        let Rules { estate, authority } = &self.rules;
        let chosen = examine(estate, warrant)?;
        for order in &warrant.raise.orders {
            let Some(connector) = &order.connector else { continue };
            if !self.lanes.contains_key(connector) {
                return Err(format!("there is no connector `{connector}` here"));
            }
        }
        let attempts = self.memory.attempts(now);
        allowed(authority, estate, warrant, chosen, attempts, now)
    }

    fn warrant(&self, warrant: Warrant, now: Timestamp, records: &mut Vec<Record>) -> Answer {
        if self.memory.raise_of(&warrant.raise.cordon) == Some(&warrant.raise) {
            return Answer::Accepted { because: "this cordon has been accepted before".to_owned() };
        }
        let allowed = self.consider(&warrant, now);
        if allowed.is_ok() {
            records.extend(warrant.decisions.into_iter().map(Record::Decision));
            records.push(Record::Raise(warrant.raise));
        }
        said(allowed)
    }

    fn renew(&self, renew: Renew, now: Timestamp, records: &mut Vec<Record>) -> Answer {
        for id in &renew.withdrawals {
            let warranted = self.memory.warranted(id).filter(|warranted| warranted.wanted);
            let Some(warranted) = warranted else {
                return Answer::Refused {
                    because: format!("there is no living warrant for `{id}`"),
                };
            };
            let life = jiff::SignedDuration::from_secs(i64::from(warranted.order.ttl_seconds));
            if renew.until > now + life {
                let because = format!(
                    "`{id}` was approved for {} s at a time; renew it for at most that",
                    warranted.order.ttl_seconds
                );
                return Answer::Refused { because };
            }
        }
        records.push(Record::Renew(renew));
        Answer::Accepted { because: "within the time that was approved at once".to_owned() }
    }

    /// The program says that a withdrawal is lifted: nothing is put back any more, and the hand
    /// looks for itself.
    fn over(&self, withdrawal: WithdrawalId) -> Option<Record> {
        let warranted = self.memory.warranted(&withdrawal)?;
        let order = warranted.order.clone();
        let targets = order.targets.clone();
        let call = Call { act: Act::Look, order, targets, prior: Vec::new(), attempt: 0 };
        let (events, kept) = (self.events.0.clone(), Box::new(call.clone()));
        let nobody = Ticket { stream: 0, id: 0 };
        self.perform(Box::new(call), move |reply| {
            drop(events.send(Event::Replied(nobody, kept, reply)));
        });
        let because = "the program says that it is lifted".to_owned();
        let withdrawals = vec![withdrawal];
        let lift = Lift { withdrawals, by: By::Cordon, because, for_service: None };
        warranted.wanted.then_some(Record::Lift(lift))
    }

    fn judge(
        &mut self,
        ticket: Ticket,
        mut call: Box<Call>,
        has_looked: bool,
        now: Timestamp,
        records: &mut Vec<Record>,
        after: &mut Vec<After>,
    ) {
        let Rules { estate, authority } = &self.rules;
        match judge(&self.memory, &self.seen, estate, authority, &call, now) {
            Ok(Judged::Go) => {
                records.extend(intent(&call));
                after.push(After::Call(ticket, call));
            }
            Ok(Judged::LookFirst) if !has_looked => self.look_first(ticket, call),
            Ok(Judged::LookFirst) => {
                let why = "the target cannot be looked at, so nothing is taken from it";
                let trouble = Trouble::new(TroubleKind::Unknown, why);
                after.push(After::Answer(ticket, Answer::Reply(Reply::Trouble(trouble))));
            }
            Err(trouble) => {
                tracing::warn!(withdrawal = %call.order.withdrawal, "held back: {trouble}");
                call.prior.clear();
                after.push(After::Answer(ticket, Answer::Reply(Reply::Trouble(trouble))));
            }
        }
    }

    fn look_first(&self, ticket: Ticket, call: Box<Call>) {
        let look = Call { act: Act::Look, prior: Vec::new(), ..(*call).clone() };
        let events = self.events.0.clone();
        self.perform(Box::new(look), move |reply| {
            drop(events.send(Event::Looked(ticket, call, reply)));
        });
    }

    fn perform(&self, call: Box<Call>, then: impl FnOnce(Reply) + Send + 'static) {
        let connector = call.order.connector.as_deref().unwrap_or_default();
        match self.lanes.get(connector) {
            Some(lanes) => lanes.perform(call, then),
            None => then(Reply::Trouble(Trouble::new(
                TroubleKind::Unsupported,
                format!("there is no connector `{connector}` here"),
            ))),
        }
    }

    /// Keeps what a look saw, with the owner that only this hand can know.
    fn note_look(&mut self, call: &Call, reply: &Reply) {
        if let Reply::Seen { targets } = reply {
            for seen in targets {
                let key = (call.order.withdrawal.clone(), seen.target.clone());
                self.seen.insert(key, seen.clone());
            }
        }
    }

    fn replied(&mut self, call: &Call, mut reply: Reply, records: &mut Vec<Record>) -> Reply {
        if let Reply::Seen { targets } = &mut reply {
            targets.iter_mut().for_each(|seen| self.memory.name_owner(&call.order, seen));
            if self.memory.is_given_back(call, targets) {
                records.push(moved(call, Transition::Lifted { left: Vec::new() }));
            }
        }
        self.note_look(call, &reply);
        records.extend(outcome(call, &reply));
        reply
    }

    fn rehearse(&self, ticket: Ticket, call: Box<Call>, after: &mut Vec<After>) {
        let connector = call.order.connector.clone().unwrap_or_default();
        let events = self.events.0.clone();
        match self.lanes.get(&connector) {
            Some(lanes) => lanes.rehearse(call, move |lines| {
                drop(events.send(Event::Rehearsed(ticket, lines)));
            }),
            None => {
                let lines = vec!["by hand: a person is asked, and confirms".to_owned()];
                after.push(After::Answer(ticket, Answer::Rehearsed { lines }));
            }
        }
    }

    fn probe(&self, ticket: Ticket, id: &ServiceId) {
        let found = self.rules.estate.find_service(id.as_str());
        let probe = found.and_then(|index| self.rules.estate.service(index).probe.clone());
        let (events, range, id) = (self.events.0.clone(), self.range.clone(), id.clone());
        thread::spawn(move || {
            let state = match (&range, probe) {
                (Some(range), _) => range.service(&id),
                (None, Some(probe)) => service::probe(&probe, DEADLINE),
                (None, None) => ServiceState::Unknown,
            };
            drop(events.send(Event::Service(ticket, state)));
        });
    }

    fn preflight(&mut self, ticket: Ticket, only: Option<String>) -> Option<After> {
        let wanted = |name: &&String| only.as_ref().is_none_or(|only| only == *name);
        let names: Vec<&String> = self.lanes.keys().filter(wanted).collect();
        if names.is_empty() {
            return Some(After::Answer(ticket, Answer::Checks { checks: Vec::new() }));
        }
        self.preflights.insert(ticket, (names.len(), Vec::new()));
        for (name, lanes) in self.lanes.iter().filter(|(name, _)| wanted(name)) {
            let (events, name) = (self.events.0.clone(), name.clone());
            lanes.preflight(move |checks| drop(events.send(Event::Checked(ticket, name, checks))));
        }
        None
    }

    fn checked(&mut self, ticket: Ticket, connector: String, checks: Vec<Check>) -> Option<After> {
        let (wanted, have) = self.preflights.get_mut(&ticket)?;
        have.push((connector, checks));
        if have.len() < *wanted {
            return None;
        }
        let (_, mut checks) = self.preflights.remove(&ticket)?;
        checks.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(After::Answer(ticket, Answer::Checks { checks }))
    }

    fn act(&mut self, step: After) {
        match step {
            After::Answer(ticket, body) => {
                if let Some(out) = self.streams.get_mut(&ticket.stream)
                    && write(out, &Numbered { id: ticket.id, body }).is_err()
                {
                    self.streams.remove(&ticket.stream);
                }
            }
            After::Call(ticket, call) => {
                let (events, kept) = (self.events.0.clone(), call.clone());
                self.perform(call, move |reply| {
                    drop(events.send(Event::Replied(ticket, kept, reply)));
                });
            }
            After::Listen => self.listen(),
        }
    }

    /// Listens for foreign changes of what is warranted, connector by connector.
    fn listen(&mut self) {
        for (connector, nodes) in self.memory.watched() {
            let nodes: Vec<NodeId> = nodes.into_iter().collect();
            let same = self.listening.get(&connector).is_some_and(|(old, _)| *old == nodes);
            let Some(lanes) = self.lanes.get(&connector).filter(|_| !same) else { continue };
            let events = self.events.0.clone();
            let told = move |node: &NodeId| drop(events.send(Event::Changed(node.clone())));
            match lanes.listen(&nodes, Box::new(told)) {
                Ok(listening) => {
                    self.listening.insert(connector, (nodes, listening));
                }
                Err(trouble) => tracing::warn!("`{connector}` tells of no changes: {trouble}"),
            }
        }
    }

    fn save_bundle(&self) {
        if let Err(error) =
            bundle::save(&self.folder, &self.rules.estate, &self.ledger, &self.memory)
        {
            tracing::error!("the release bundle cannot be written: {error}");
        }
    }

    /// Records that a person has released everything with a bundle, so that nothing is put back.
    pub(crate) fn released(&mut self, because: &str, by: &str) -> Result<(), LedgerError> {
        let withdrawals = self.memory.in_force().cloned().collect();
        let (by, because) = (By::Person(by.to_owned()), because.to_owned());
        let lift = Record::Lift(Lift { withdrawals, by, because, for_service: None });
        self.record(lift)
    }

    pub(crate) fn record(&mut self, record: Record) -> Result<(), LedgerError> {
        let now = Timestamp::now();
        self.ledger.append(now, std::slice::from_ref(&record))?;
        self.memory.apply(now, &record);
        self.save_bundle();
        Ok(())
    }

    /// Makes one call and waits for its reply: for a release, where nothing else runs.
    pub(crate) fn call_now(&self, call: Call) -> Reply {
        let (reply, answer) = channel();
        self.perform(Box::new(call), move |said| drop(reply.send(said)));
        answer.recv().unwrap_or_else(|_| {
            Reply::Trouble(Trouble::new(TroubleKind::NoReply, "the connector broke down"))
        })
    }
}

impl Feed {
    /// Serves a stream until it ends.
    pub fn serve(&self, stream: u64, from: impl Read, to: Box<dyn Write + Send>) {
        if self.0.send(Event::Came(stream, to)).is_err() {
            return;
        }
        let mut from = BufReader::new(from);
        loop {
            match read::<Numbered<Ask>>(&mut from) {
                Ok(Some(ask)) => {
                    if self.0.send(Event::Asked(stream, ask)).is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!("a stream is closed: {error}");
                    break;
                }
            }
        }
        drop(self.0.send(Event::Gone(stream)));
    }

    /// Tells the hand to stop when it has done what it was asked.
    pub fn stop(&self) {
        drop(self.0.send(Event::Stop));
    }
}

fn said(allowed: Result<String, String>) -> Answer {
    match allowed {
        Ok(because) => Answer::Accepted { because },
        Err(because) => Answer::Refused { because },
    }
}

fn moved(call: &Call, transition: Transition) -> Record {
    Record::Withdrawal(Moved { withdrawal: call.order.withdrawal.clone(), transition })
}

/// What has to be durable before a call goes out.
fn intent(call: &Call) -> Option<Record> {
    let (attempt, prior) = (call.attempt, call.prior.clone());
    match call.act {
        Act::Refuse | Act::End => Some(moved(call, Transition::Requested { attempt, prior })),
        Act::Restore => Some(moved(call, Transition::Lifting { attempt, restore: prior })),
        Act::Look | Act::Probe => None,
    }
}

/// What is kept of a reply.
fn outcome(call: &Call, reply: &Reply) -> Option<Record> {
    match (call.act, reply) {
        (Act::Refuse | Act::End, Reply::Acted { outcomes }) => {
            let outcomes = outcomes.clone();
            Some(moved(call, Transition::Acknowledged { outcomes }))
        }
        (Act::Restore, Reply::Acted { outcomes }) => {
            Some(moved(call, Transition::Restored { outcomes: outcomes.clone() }))
        }
        (Act::Refuse | Act::End | Act::Restore, Reply::Trouble(trouble)) => {
            let (act, trouble, outcomes) = (call.act, trouble.clone(), Vec::new());
            Some(moved(call, Transition::Tried { act, trouble, outcomes }))
        }
        _ => None,
    }
}

/// Nothing is taken away without a record; giving back goes on.
fn hold_back(step: After, error: &LedgerError) -> After {
    match step {
        After::Call(ticket, call) if call.act.withdraws() => {
            let why = format!("the hand's ledger cannot be written ({error}); nothing was done");
            let trouble = Trouble::new(TroubleKind::Withheld, why);
            After::Answer(ticket, Answer::Reply(Reply::Trouble(trouble)))
        }
        After::Answer(ticket, Answer::Accepted { .. }) => {
            let because = format!("the hand's ledger cannot be written: {error}");
            After::Answer(ticket, Answer::Refused { because })
        }
        After::Call(..) | After::Answer(..) | After::Listen => step,
    }
}
