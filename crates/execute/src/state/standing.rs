//! One withdrawal's life: what was found, what was taken, what is under way.

use std::collections::BTreeMap;

use cordon_model::action::{Answer, CORDON, Observed, Order, Outcome, Trouble, TroubleKind};
use cordon_model::ids::CordonId;
use cordon_model::record::{By, Raise, Transition};
use cordon_model::{IncidentId, NodeId, ServiceId, Timestamp};
use jiff::SignedDuration;

use crate::limits::seconds;
use crate::stage::Stage;

/// What the ledger says of one withdrawal.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// What was ordered, as of the newest raise.
    pub order: Order,
    /// The cordons that it belongs to.
    pub cordons: Vec<CordonId>,
    /// The incident behind the newest of them.
    pub incident: Option<IncidentId>,
    /// Who ordered it last.
    pub by: By,
    /// Whether it is to be in force.
    pub wanted: bool,
    /// Where it stands.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// When it ends unless renewed.
    pub until: Timestamp,
    /// Whether the end of its life has been warned of.
    pub warned: bool,
    /// What is known of each target.
    pub targets: BTreeMap<NodeId, Target>,
    /// Attempts over its whole life, to raise and to lift.
    pub attempt: u32,
    /// Attempts in a row that did not come off.
    pub tries: u32,
    /// When the last of them was.
    pub last_try: Option<Timestamp>,
    /// Whether a person has been called because tries were used up.
    pub gave_up: bool,
    /// The open attempt: targets still to act on, with the state to compare or restore.
    pub in_flight: Vec<Observed>,
    /// Whether an attempt's outcome has not been recorded.
    pub is_in_flight: bool,
    /// When something was taken for the first time in this life.
    pub acted_at: Option<Timestamp>,
    /// Since when a look has shown it in place, without a break.
    pub effective_at: Option<Timestamp>,
    /// The newest attempt to take of which it is not certain that it is over.
    pub unsettled_since: Option<Timestamp>,
    /// Whether the answer to an attempt of this life was lost: it may yet take effect.
    pub lost_an_answer: bool,
    /// Whether looks can see it at present.
    pub in_sight: bool,
    /// What was still open when it became effective.
    pub open: u32,
    /// When the last of that ends by itself, where known.
    pub residual_until: Option<Timestamp>,
    /// What went wrong last, until something comes off.
    pub trouble: Option<Trouble>,
    /// The service whose failing probe had it lifted.
    pub rolled_back_for: Option<ServiceId>,
}

/// One target of a withdrawal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The state that a lift restores: Cordon has changed it, or may have.
    /// None: it was found so, and a lift leaves it.
    pub taken: Option<Observed>,
    /// Whether it is as asked, by what the outside system says.
    pub done: bool,
    /// Who it was found closed by, where it was.
    pub found_closed_by: Option<String>,
}

impl Standing {
    pub(super) fn new(at: Timestamp, raise: &Raise, order: &Order) -> Self {
        Self {
            order: order.clone(),
            cordons: vec![raise.cordon.clone()],
            incident: raise.incident.clone(),
            by: raise.by.clone(),
            wanted: true,
            stage: Stage::Planned,
            since: at,
            until: at + seconds(order.ttl_seconds),
            warned: false,
            targets: order.targets.iter().map(|node| (node.clone(), Target::default())).collect(),
            attempt: 0,
            tries: 0,
            last_try: None,
            gave_up: false,
            in_flight: Vec::new(),
            is_in_flight: false,
            acted_at: None,
            effective_at: None,
            unsettled_since: None,
            lost_an_answer: false,
            in_sight: true,
            open: 0,
            residual_until: None,
            trouble: None,
            rolled_back_for: None,
        }
    }

    /// Whether it is lifted: nothing more will happen in this life.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Lifted
    }

    /// Whether a person carries it out.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        self.order.connector.is_none()
    }

    /// Targets that Cordon has changed, or may have, with the state to restore.
    pub fn taken(&self) -> impl Iterator<Item = &Observed> {
        self.targets.values().filter_map(|target| target.taken.as_ref())
    }

    /// Another cordon wants it too, or it is wanted again while it was being lifted.
    pub(super) fn join(&mut self, at: Timestamp, raise: &Raise, order: &Order) {
        if !self.cordons.contains(&raise.cordon) {
            self.cordons.push(raise.cordon.clone());
        }
        for node in &order.targets {
            self.targets.entry(node.clone()).or_default();
        }
        let until = at + seconds(order.ttl_seconds);
        self.order = order.clone();
        self.incident.clone_from(&raise.incident);
        self.by = raise.by.clone();
        if self.wanted {
            self.renew(self.until.max(until));
            return;
        }
        // What was taken stays known: the first prior state is the one to restore.
        (self.wanted, self.until, self.warned) = (true, until, false);
        self.effective_at = None;
        self.rolled_back_for = None;
        self.interrupt(at);
        self.enter(at, Stage::Planned);
        self.start_over();
    }

    pub(super) fn renew(&mut self, until: Timestamp) {
        if self.wanted {
            self.warned &= until <= self.until;
            self.until = until;
        }
    }

    pub(super) fn unwant(&mut self, at: Timestamp, for_service: Option<ServiceId>) {
        if self.wanted {
            self.wanted = false;
            self.rolled_back_for = for_service;
            self.interrupt(at);
            self.start_over();
        }
    }

    fn start_over(&mut self) {
        (self.tries, self.last_try, self.gave_up) = (0, None, false);
        self.in_flight.clear();
        self.is_in_flight = false;
    }

    fn enter(&mut self, at: Timestamp, stage: Stage) {
        if self.stage != stage {
            (self.stage, self.since) = (stage, at);
        }
    }

    pub(super) fn apply(&mut self, at: Timestamp, step: &Transition) -> Result<(), String> {
        let id = &self.order.withdrawal;
        let stage = self.stage.after(step).ok_or_else(|| {
            format!("`{id}` is {} and cannot take this step", self.stage.as_str())
        })?;
        match step {
            Transition::Requested { attempt, prior } => self.begin_taking(at, *attempt, prior),
            Transition::Acknowledged { outcomes } => {
                self.note(outcomes);
                // It may take effect as late as any call that was made by now.
                if !self.in_flight.is_empty() {
                    self.unsettled_since = Some(at);
                }
                self.settle();
            }
            Transition::Effective { open, residual_seconds } => {
                self.in_sight = true;
                self.effective_at.get_or_insert(at);
                // An acknowledged act may still be on its way; one that was read back is not.
                if !self.lost_an_answer {
                    self.unsettled_since = None;
                }
                self.open = *open;
                self.residual_until = residual_seconds.map(|s| at + span(s));
            }
            Transition::Verified { .. } | Transition::Confirmed { .. } => {
                (self.tries, self.last_try, self.gave_up) = (0, None, false);
                self.trouble = None;
            }
            Transition::Tried { trouble, outcomes, .. }
            | Transition::Failed { trouble, outcomes, .. }
            | Transition::Stuck { trouble, outcomes } => {
                self.note(outcomes);
                self.fail(at, trouble, outcomes);
                self.gave_up |= !matches!(step, Transition::Tried { .. });
            }
            Transition::Drifted { observed, .. } => {
                self.effective_at = None;
                for target in observed {
                    self.target(&target.target).done = false;
                }
            }
            Transition::OutOfSight { trouble } => {
                self.in_sight = false;
                self.trouble = Some(trouble.clone());
            }
            Transition::Expiring { .. } => self.warned = true,
            Transition::Expired => self.unwant(at, None),
            Transition::Lifting { attempt, restore } => {
                self.begin(at, *attempt);
                self.in_flight.clone_from(restore);
            }
            Transition::Restored { .. } => self.settle(),
            Transition::Lifted { .. } => self.trouble = None,
            Transition::Asked { .. } => self.last_try = Some(at),
        }
        self.enter(at, stage);
        Ok(())
    }

    fn begin(&mut self, at: Timestamp, attempt: u32) {
        self.attempt = attempt;
        self.tries += 1;
        self.last_try = Some(at);
        self.is_in_flight = true;
    }

    fn begin_taking(&mut self, at: Timestamp, attempt: u32, prior: &[Observed]) {
        self.begin(at, attempt);
        self.in_flight.clear();
        for seen in prior {
            let target = self.target(&seen.target);
            target.done = seen.access.is_closed();
            if target.done {
                target.found_closed_by.clone_from(&seen.owner);
            } else if target.taken.is_none() {
                target.taken = Some(seen.clone());
            }
            if seen.access.is_open() {
                self.in_flight.push(seen.clone());
            }
        }
        if !self.in_flight.is_empty() {
            self.acted_at.get_or_insert(at);
            self.unsettled_since = Some(at);
        }
    }

    fn target(&mut self, node: &NodeId) -> &mut Target {
        self.targets.entry(node.clone()).or_default()
    }

    /// Takes in what the outside system said of each target.
    fn note(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let target = self.target(&outcome.target);
            match &outcome.answer {
                Answer::Done => target.done = true,
                Answer::AlreadySo { by } => {
                    target.done = true;
                    // Somebody was quicker: what stands is theirs, and a lift leaves it.
                    if by.as_deref().is_some_and(|by| by != CORDON) {
                        target.taken = None;
                        target.found_closed_by.clone_from(by);
                    }
                }
                Answer::Failed(_) => {}
            }
        }
    }

    fn settle(&mut self) {
        self.is_in_flight = false;
        self.in_flight.clear();
        self.trouble = None;
    }

    /// The program has started again: the answer to what was under way is lost.
    ///
    /// From now on, not from its intent, is counted how long it may still take effect:
    /// the call may have been made, or repeated, much later than it was announced.
    pub(super) fn interrupt(&mut self, at: Timestamp) {
        if self.is_in_flight {
            self.lost_an_answer = true;
            if self.stage == Stage::Requested {
                self.unsettled_since = Some(at);
            }
        }
    }

    fn fail(&mut self, at: Timestamp, trouble: &Trouble, outcomes: &[Outcome]) {
        // An attempt has been counted when it began; a failed look or read-back is one too.
        if !self.is_in_flight {
            self.tries += 1;
        }
        let each = outcomes.iter().filter_map(|outcome| match &outcome.answer {
            Answer::Failed(trouble) => Some(trouble),
            Answer::Done | Answer::AlreadySo { .. } => None,
        });
        // One target whose answer is lost is enough, whatever the others said.
        if each.chain([trouble]).any(may_come_yet) {
            self.interrupt(at);
        }
        self.is_in_flight = false;
        self.in_flight.clear();
        self.last_try = Some(at);
        self.trouble = Some(trouble.clone());
    }
}

/// Whether an act that failed like this may take effect after all.
fn may_come_yet(trouble: &Trouble) -> bool {
    matches!(trouble.kind, TroubleKind::NoReply | TroubleKind::Unsupported)
}

fn span(count: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(count).unwrap_or(i64::MAX / 4))
}
