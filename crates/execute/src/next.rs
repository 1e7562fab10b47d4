//! The reconciler's decision: what to do next, from the ledger, the looks and "now".
//!
//! [`next`] reads top down: withdrawals that are no longer wanted are given
//! back first (`next/lifting.rs`), then services are watched (`next/services.rs`), then
//! withdrawals that are wanted are brought into force and kept there
//! (`next/raising.rs`). All steps of one agenda are independent of each other. It
//! never acts: records are to be made durable, calls to be made, and then it is
//! asked again.

mod lifting;
mod raising;
mod services;

use std::collections::BTreeMap;

use cordon_model::action::{Act, Answer, Call, Observed, Outcome, Trouble, TroubleKind};
use cordon_model::record::{Moved, Paged, Record, Transition};
use cordon_model::{Mode, NodeId, ServiceId, Timestamp, WithdrawalId};

use crate::guard::Guard;
use crate::limits::{Limits, seconds};
use crate::observation::{Look, Observations, Probe};
use crate::state::{Standing, State};

/// What `next` knows beside the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Written limits.
    pub limits: Limits,
    /// Services whose failing probe rolls a cut back.
    pub protected: Vec<ServiceId>,
    /// What may never be touched, and how often may be tried.
    pub guard: Guard,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make this durable.
    Record(Box<Record>),
    /// Ask the guard, then the connector.
    Call(Box<Call>),
    /// Look whether a service trades.
    ProbeService(ServiceId),
}

/// Everything that can be done now, in order, and when to ask again.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Agenda {
    /// Steps that do not depend on each other.
    pub steps: Vec<Step>,
    /// When something falls due by itself.
    pub wake: Option<Timestamp>,
}

/// Decides what to do next.
pub fn next(state: &State, seen: &Observations, setting: &Setting, now: Timestamp) -> Agenda {
    let context = Context { state, seen, setting, now, holders: holders(state) };
    let mut agenda = Agenda::default();
    let mut room = Room { taken: seen.on_the_way(), each: setting.limits.calls_per_connector };
    let idle = |s: &&Standing| !s.is_over() && !seen.is_on_the_way(&s.order.withdrawal);
    let mut unwanted: Vec<&Standing> =
        state.standings.values().filter(idle).filter(|s| !s.wanted).collect();
    unwanted.sort_by_key(|s| (s.order.lift_order, &s.order.withdrawal));
    for standing in unwanted {
        agenda.take(standing, lifting::decide(&context, standing), &mut room);
    }
    for leak in state.leaks.iter().filter(|leak| !leak.told) {
        agenda.record(leak.page());
    }
    services::decide(&context, &mut agenda);
    let rolled_back = agenda.lifts();
    let stays = |s: &&Standing| s.wanted && !rolled_back.contains(&s.order.withdrawal);
    let mut wanted: Vec<&Standing> = state.standings.values().filter(idle).filter(stays).collect();
    wanted.sort_by_key(|s| (s.order.order, &s.order.withdrawal));
    for standing in wanted {
        agenda.take(standing, raising::decide(&context, standing), &mut room);
        agenda.wake_at(raising::life_event(&context, standing));
    }
    agenda
}

/// Every standing that acts on a node and is not over.
type Holders<'a> = BTreeMap<&'a NodeId, Vec<&'a Standing>>;

fn holders(state: &State) -> Holders<'_> {
    let mut holders = Holders::new();
    for standing in state.standings.values().filter(|s| !s.is_over()) {
        for node in standing.targets.keys() {
            holders.entry(node).or_default().push(standing);
        }
    }
    holders
}

/// Everything a decision may look at.
struct Context<'a> {
    state: &'a State,
    seen: &'a Observations,
    setting: &'a Setting,
    now: Timestamp,
    holders: Holders<'a>,
}

/// What one standing needs now.
enum Need {
    /// Something to record.
    Move(Transition),
    /// Something to record, and a person to call about it.
    MoveAndPage(Transition, String),
    /// A call.
    Call(Box<Call>),
    /// Nothing before this time.
    Wait(Timestamp),
    /// Nothing.
    Nothing,
}

/// How many calls each connector has.
struct Room<'a> {
    taken: BTreeMap<&'a str, usize>,
    each: usize,
}

impl<'a> Room<'a> {
    fn take(&mut self, connector: &'a str) -> bool {
        let taken = self.taken.entry(connector).or_insert(0);
        let has_room = *taken < self.each;
        *taken += usize::from(has_room);
        has_room
    }
}

impl Agenda {
    fn take<'a>(&mut self, standing: &'a Standing, need: Need, room: &mut Room<'a>) {
        let connector = standing.order.connector.as_deref().unwrap_or_default();
        match need {
            Need::Move(transition) => self.record(moved(standing, transition)),
            Need::MoveAndPage(transition, message) => {
                self.record(moved(standing, transition));
                let about = standing.order.withdrawal.to_string();
                self.record(Record::Paged(Paged { about, message }));
            }
            Need::Call(call) if room.take(connector) => self.steps.push(Step::Call(call)),
            // The answer to one that is on its way makes room.
            Need::Call(_) => {}
            Need::Wait(until) => self.wake_at(until),
            Need::Nothing => {}
        }
    }

    fn record(&mut self, record: Record) {
        self.steps.push(Step::Record(Box::new(record)));
    }

    /// What the agenda itself says is no longer wanted.
    fn lifts(&self) -> Vec<WithdrawalId> {
        let mut lifted = Vec::new();
        for step in &self.steps {
            if let Step::Record(record) = step
                && let Record::Lift(lift) = &**record
            {
                lifted.extend(lift.withdrawals.iter().cloned());
            }
        }
        lifted
    }

    fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

fn moved(standing: &Standing, transition: Transition) -> Record {
    Record::Withdrawal(Moved { withdrawal: standing.order.withdrawal.clone(), transition })
}

impl<'a> Context<'a> {
    fn limits(&self) -> &'a Limits {
        &self.setting.limits
    }

    fn look(&self, standing: &Standing) -> Option<&'a Look> {
        self.seen.look(&standing.order.withdrawal)
    }

    fn probe(&self, standing: &Standing) -> Option<&'a Probe> {
        self.seen.probe(&standing.order.withdrawal)
    }

    /// The newest look, if it is no older than what may be acted upon.
    fn fresh_look(&self, standing: &Standing) -> Option<&'a Look> {
        let fresh = seconds(self.limits().fresh_seconds);
        self.look(standing).filter(|look| self.now <= look.at + fresh)
    }

    /// When the next attempt may begin, if that is still to come.
    fn not_before(&self, standing: &Standing) -> Option<Timestamp> {
        let wait = self.limits().wait_after(standing.tries);
        standing.last_try.map(|last| last + wait).filter(|at| *at > self.now)
    }

    /// Others that hold a node by the same kind through the same connector, so
    /// that one lift does not undo another's cut.
    fn others(&self, standing: &'a Standing, node: &NodeId) -> impl Iterator<Item = &'a Standing> {
        let same_switch = move |other: &&Standing| {
            other.order.withdrawal != standing.order.withdrawal
                && other.order.kind == standing.order.kind
                && other.order.connector == standing.order.connector
        };
        self.holders.get(node).into_iter().flatten().copied().filter(same_switch)
    }

    /// Wanted refusals of a node.
    fn refusals(&self, node: &NodeId) -> impl Iterator<Item = &'a Standing> {
        let refuses = |other: &&Standing| other.wanted && other.order.mode == Mode::Refuse;
        self.holders.get(node).into_iter().flatten().copied().filter(refuses)
    }
}

/// A call that changes nothing, for all targets of a standing.
fn ask(standing: &Standing, act: Act) -> Need {
    Need::Call(Box::new(Call {
        act,
        order: standing.order.clone(),
        targets: standing.targets.keys().cloned().collect(),
        prior: Vec::new(),
        attempt: standing.attempt,
    }))
}

/// The call of the open attempt.
fn act(standing: &Standing, act: Act) -> Need {
    Need::Call(Box::new(Call {
        act,
        order: standing.order.clone(),
        targets: standing.in_flight.iter().map(|prior| prior.target.clone()).collect(),
        prior: standing.in_flight.clone(),
        attempt: standing.attempt,
    }))
}

/// Records that an attempt did not come off: another follows, or a person is called.
fn did_not_come_off(
    limits: &Limits,
    standing: &Standing,
    act: Act,
    trouble: Trouble,
    outcomes: Vec<Outcome>,
) -> Need {
    let tries = standing.tries + u32::from(!standing.is_in_flight);
    let withheld = trouble.kind == TroubleKind::Withheld;
    let lifts = act == Act::Restore;
    if tries < limits.quick_tries && !withheld && !standing.gave_up {
        return Need::Move(Transition::Tried { act, trouble, outcomes });
    }
    let message =
        if lifts { stuck_message(standing, &trouble) } else { failed_message(standing, &trouble) };
    let step = if lifts {
        Transition::Stuck { trouble, outcomes }
    } else {
        Transition::Failed { act, trouble, outcomes }
    };
    if standing.gave_up { Need::Move(step) } else { Need::MoveAndPage(step, message) }
}

fn failed_message(standing: &Standing, trouble: &Trouble) -> String {
    let id = &standing.order.withdrawal;
    format!(
        "`{id}` could not be raised ({trouble}); the access may still be open. \
         Withdraw it by hand or repair the connector; Cordon goes on trying slowly"
    )
}

fn stuck_message(standing: &Standing, trouble: &Trouble) -> String {
    let id = &standing.order.withdrawal;
    format!(
        "`{id}` could not be lifted ({trouble}); the access may still be refused. \
         Give it back by hand from the ledger's prior state; Cordon goes on trying slowly"
    )
}

/// Turns what a connector answered to refuse, end or restore into the record of it.
#[must_use]
pub fn answered(
    limits: &Limits,
    standing: &Standing,
    call: &Call,
    outcomes: Result<Vec<Outcome>, Trouble>,
) -> Vec<Record> {
    let need = match outcomes {
        Err(trouble) => did_not_come_off(limits, standing, call.act, trouble, Vec::new()),
        Ok(outcomes) => {
            let outcomes = complete(call, &outcomes);
            match (raising::unanswered(standing, call, &outcomes), call.act) {
                (Some(trouble), act) => did_not_come_off(limits, standing, act, trouble, outcomes),
                (None, Act::Restore) => Need::Move(Transition::Restored { outcomes }),
                (None, Act::Refuse | Act::End | Act::Look | Act::Probe) => {
                    Need::Move(raising::acknowledged(standing, outcomes))
                }
            }
        }
    };
    let mut agenda = Agenda::default();
    let mut room = Room { taken: BTreeMap::new(), each: 0 };
    agenda.take(standing, need, &mut room);
    let records = agenda.steps.into_iter().filter_map(|step| match step {
        Step::Record(record) => Some(*record),
        Step::Call(_) | Step::ProbeService(_) => None,
    });
    records.collect()
}

/// Exactly one outcome for each target of the call, in its order: what a
/// connector says about others is ignored, what it does not say has failed.
fn complete(call: &Call, outcomes: &[Outcome]) -> Vec<Outcome> {
    let of = |node: &NodeId| {
        let silent = || {
            let why = format!("the connector said nothing about `{node}`");
            Answer::Failed(Trouble::new(TroubleKind::Unsupported, why))
        };
        let said = outcomes.iter().find(|outcome| outcome.target == *node);
        let answer = said.map_or_else(silent, |outcome| outcome.answer.clone());
        Outcome { target: node.clone(), answer }
    };
    call.targets.iter().map(of).collect()
}

/// What a look said of one target; trouble if it said nothing.
fn find<'a>(seen: &'a [Observed], node: &NodeId) -> Option<&'a Observed> {
    seen.iter().find(|observed| observed.target == *node)
}

/// A withdrawal's id, for messages.
fn id(standing: &Standing) -> &WithdrawalId {
    &standing.order.withdrawal
}
