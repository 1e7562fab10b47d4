//! What must hold at every moment, watched from outside the program.
//!
//! Nothing here asks the executor what it thinks: the checks read the records
//! as they become durable, the calls as they go over the wire and the states of
//! the outside systems before and after every change, and keep books of their
//! own. `switches.rs` has the books of what was taken and given back.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each check names the few records that it reads"
)]

use std::collections::{BTreeMap, BTreeSet};

use cordon_execute::Setting;
use cordon_model::action::{
    Access, Act, CORDON, Call, Finding, Observed, Order, Reply, ServiceState,
};
use cordon_model::record::{By, Entry, Lift, Moved, Record, Transition};
use cordon_model::{Mode, NodeId, ServiceId, Timestamp, WithdrawalId};
use jiff::SignedDuration;

use crate::disk::Disk;
use crate::switches::Switches;

pub(crate) fn secs(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// One life of a withdrawal, as an outsider sees it.
pub(crate) struct Life {
    pub(crate) order: Order,
    pub(crate) wanted: bool,
    pub(crate) over: bool,
    pub(crate) until: Timestamp,
    pub(crate) asked: bool,
    warned: bool,
    attempts: u32,
    /// Attempts since somebody decided something or it was proven.
    in_a_row: u32,
    last_try: Option<Timestamp>,
    failed: bool,
    /// When it moved in a way that makes looks old, in ticks.
    moved: u64,
    /// When it was heard that a target had been changed, in ticks.
    changed: u64,
    pub(crate) last: Option<Transition>,
    acted_at: Option<Timestamp>,
    taken: BTreeSet<NodeId>,
    intent: Option<Intent>,
    heard: Option<Answered>,
    look: Option<Looked>,
    probe: Option<(u64, bool)>,
}

struct Intent {
    seq: u64,
    act: Act,
    attempt: u32,
    prior: Vec<Observed>,
}

struct Answered {
    tick: u64,
    attempt: u32,
    all_done: bool,
}

struct Looked {
    handed: u64,
    tick: u64,
    at: Timestamp,
    seen: Vec<Observed>,
}

/// An attempt whose call was made.
struct Attempt {
    at: Timestamp,
    withdrawal: WithdrawalId,
    number: u32,
    kind: String,
    targets: usize,
}

pub(crate) struct Checks {
    setting: Setting,
    tick: u64,
    pub(crate) lives: BTreeMap<WithdrawalId, Life>,
    attempts: Vec<Attempt>,
    in_air: BTreeMap<WithdrawalId, (String, u64)>,
    services: BTreeMap<ServiceId, (ServiceState, Timestamp, ServiceState)>,
    heard_services: BTreeMap<ServiceId, (ServiceState, u32)>,
    pub(crate) switches: Switches,
    pub(crate) calm_since: Option<Timestamp>,
}

impl Life {
    fn new(at: Timestamp, order: &Order) -> Self {
        Self {
            order: order.clone(),
            wanted: true,
            over: false,
            until: at + secs(order.ttl_seconds.into()),
            asked: false,
            warned: false,
            attempts: 0,
            in_a_row: 0,
            last_try: None,
            failed: false,
            moved: 0,
            changed: 0,
            last: None,
            acted_at: None,
            taken: BTreeSet::new(),
            intent: None,
            heard: None,
            look: None,
            probe: None,
        }
    }

    fn decided(&mut self, wanted: bool) {
        if self.wanted != wanted {
            self.intent = None;
            self.warned = false;
            (self.in_a_row, self.last_try, self.failed) = (0, None, false);
        }
        self.wanted = wanted;
    }

    fn in_force(&self) -> bool {
        use Transition as T;
        matches!(
            self.last,
            Some(
                T::Acknowledged { .. }
                    | T::Effective { .. }
                    | T::Verified { .. }
                    | T::OutOfSight { .. }
                    | T::Expiring { .. }
            )
        )
    }

    fn by_hand(&self) -> bool {
        self.order.connector.is_none()
    }

    fn seen(&self, node: &NodeId) -> Option<&Observed> {
        self.look.as_ref()?.seen.iter().find(|seen| seen.target == *node)
    }
}

impl Checks {
    pub(crate) fn new(setting: Setting) -> Self {
        Self {
            setting,
            tick: 0,
            lives: BTreeMap::new(),
            attempts: Vec::new(),
            in_air: BTreeMap::new(),
            services: BTreeMap::new(),
            heard_services: BTreeMap::new(),
            switches: Switches::default(),
            calm_since: None,
        }
    }

    /// What only memory held is gone.
    pub(crate) fn stopped(&mut self) {
        self.in_air.clear();
        self.heard_services.clear();
        for life in self.lives.values_mut() {
            (life.look, life.probe, life.heard) = (None, None, None);
        }
    }

    /// What a withdrawal has taken and not given back.
    pub(crate) fn taken(&self, id: &WithdrawalId) -> Vec<NodeId> {
        self.lives[id].taken.iter().cloned().collect()
    }

    // ---- calls

    /// A call is handed over.
    pub(crate) fn call(&mut self, call: &Call, now: Timestamp, disk: &Disk) {
        self.tick += 1;
        let id = &call.order.withdrawal;
        let connector = call.order.connector.clone().unwrap_or_default();
        let life = self.lives.get(id).unwrap_or_else(|| panic!("`{id}` was never ordered"));
        assert!(!life.over, "`{id}` is lifted, and yet {:?} is called", call.act);
        assert_eq!(life.order, call.order, "the call's order is not the ordered one");
        for target in &call.targets {
            assert!(life.order.targets.contains(target), "`{target}` was not ordered by `{id}`");
        }
        assert!(!self.in_air.contains_key(id), "two calls of `{id}` are in the air");
        self.in_air.insert(id.clone(), (connector.clone(), self.tick));
        let flying = self.in_air.values().filter(|(to, _)| *to == connector).count();
        let most = self.setting.limits.calls_per_connector;
        assert!(flying <= most, "{flying} calls to `{connector}` are in the air");
        if matches!(call.act, Act::Refuse | Act::End | Act::Restore) {
            self.act(call, now, disk);
        }
    }

    fn act(&mut self, call: &Call, now: Timestamp, disk: &Disk) {
        let id = &call.order.withdrawal;
        let life = &self.lives[id];
        let intent = life.intent.as_ref().unwrap_or_else(|| panic!("no intent for {call:?}"));
        let same = (intent.act, intent.attempt) == (call.act, call.attempt);
        assert!(same && intent.prior == call.prior, "the intent of `{id}` is another one");
        let entry =
            disk.read_one(intent.seq).unwrap_or_else(|| panic!("no durable intent: `{id}`"));
        let durable = match entry.body {
            Record::Withdrawal(Moved { withdrawal, transition }) if withdrawal == *id => transition,
            other => panic!("the intent of `{id}` is not in the file, but {other:?}"),
        };
        match (&durable, call.act) {
            (Transition::Requested { attempt, .. }, Act::Refuse | Act::End)
            | (Transition::Lifting { attempt, .. }, Act::Restore) => {
                assert_eq!(*attempt, call.attempt, "the durable intent of `{id}` is an older one");
            }
            _ => panic!("the file holds {durable:?} before {call:?}"),
        }
        assert_eq!(life.wanted, call.act != Act::Restore, "{:?} of `{id}` is not wanted", call.act);
        if call.act != Act::Restore {
            self.withdraws(call, entry.time, now);
        }
    }

    fn withdraws(&mut self, call: &Call, intended: Timestamp, now: Timestamp) {
        let id = &call.order.withdrawal;
        for target in &call.targets {
            assert!(!self.setting.guard.never_touch.contains(target), "`{target}` is touched");
        }
        let known = |a: &Attempt| a.withdrawal == *id && a.number == call.attempt;
        if !self.attempts.iter().any(known) {
            self.attempts.push(Attempt {
                at: intended,
                withdrawal: id.clone(),
                number: call.attempt,
                kind: call.order.kind.clone(),
                targets: call.targets.len(),
            });
        }
        let recent = |a: &&Attempt| a.kind == call.order.kind && now < a.at + secs(3600);
        let count: usize = self.attempts.iter().filter(recent).map(|a| a.targets).sum();
        let cap = self.setting.guard.cap(&call.order.kind).unwrap_or(usize::MAX);
        assert!(count <= cap, "{count} attempts to `{}` within an hour", call.order.kind);
    }

    /// The program hears the answer to a call.
    pub(crate) fn answered(&mut self, call: &Call, reply: &Reply, now: Timestamp) {
        self.tick += 1;
        let id = &call.order.withdrawal;
        let (_, handed) = self.in_air.remove(id).unwrap_or_default();
        let (tick, attempt) = (self.tick, call.attempt);
        let Some(life) = self.lives.get_mut(id) else { return };
        match (call.act, reply) {
            (Act::Look, Reply::Seen { targets }) => {
                life.look = Some(Looked { handed, tick, at: now, seen: targets.clone() });
            }
            (Act::Probe, Reply::Tried { findings }) => {
                let holds = findings.iter().all(|probed| probed.finding == Finding::Holds);
                life.probe = Some((tick, holds));
            }
            (Act::Refuse | Act::End | Act::Restore, Reply::Acted { outcomes }) => {
                let all_done = outcomes.iter().all(|outcome| outcome.answer.is_done());
                life.heard = Some(Answered { tick, attempt, all_done });
            }
            _ => {}
        }
    }

    pub(crate) fn service_heard(&mut self, service: &ServiceId, state: ServiceState) {
        let run = self.heard_services.entry(service.clone()).or_insert((state, 0));
        *run = if run.0 == state { (state, run.1 + 1) } else { (state, 1) };
    }

    pub(crate) fn changed(&mut self, node: &NodeId) {
        self.tick += 1;
        let touched = self.lives.values_mut().filter(|l| l.order.targets.contains(node));
        for life in touched {
            life.changed = self.tick;
        }
    }

    // ---- records

    /// A batch has become durable.
    pub(crate) fn durable(&mut self, entries: &[Entry]) {
        self.tick += 1;
        let mut orders: BTreeMap<Act, u32> = BTreeMap::new();
        for entry in entries {
            self.entry(entry, entries);
            let Record::Withdrawal(Moved { withdrawal, transition }) = &entry.body else {
                continue;
            };
            let order = &self.lives[withdrawal].order;
            let place = match transition {
                Transition::Requested { .. } => Some((Act::Refuse, order.order)),
                Transition::Lifting { .. } => Some((Act::Restore, order.lift_order)),
                _ => None,
            };
            if let Some((act, place)) = place {
                let before = orders.insert(act, place).unwrap_or_default();
                assert!(before <= place, "{act:?} of `{withdrawal}` comes out of order");
            }
        }
    }

    fn entry(&mut self, entry: &Entry, batch: &[Entry]) {
        let at = entry.time;
        match &entry.body {
            Record::Raise(raise) => raise.orders.iter().for_each(|order| self.raised(at, order)),
            Record::Lift(lift) => {
                if lift.by == By::Cordon && lift.for_service.is_some() {
                    self.rolls_back(lift);
                }
                for id in &lift.withdrawals {
                    self.lives.get_mut(id).unwrap().decided(false);
                }
            }
            Record::Renew(renew) => {
                for id in &renew.withdrawals {
                    let life = self.lives.get_mut(id).unwrap();
                    if life.wanted {
                        life.warned &= renew.until <= life.until;
                        life.until = renew.until;
                    }
                }
            }
            Record::Withdrawal(moved) => self.moved(entry, moved, batch),
            Record::Service(seen) => {
                let before = self.services.get(&seen.service).map(|known| known.0);
                let run = self.heard_services.get(&seen.service);
                let run = run.filter(|run| run.0 == seen.state).map_or(0, |run| run.1);
                let enough = if before.is_none() { 1 } else { self.setting.limits.confirmations };
                assert!(run >= enough, "`{}` was not confirmed", seen.service);
                let before = before.unwrap_or_default();
                self.services.insert(seen.service.clone(), (seen.state, at, before));
            }
            _ => {}
        }
    }

    fn raised(&mut self, at: Timestamp, order: &Order) {
        match self.lives.get_mut(&order.withdrawal) {
            Some(life) if !life.over => {
                let until = at + secs(order.ttl_seconds.into());
                if life.wanted && until > life.until {
                    (life.until, life.warned) = (until, false);
                } else if !life.wanted {
                    life.until = until;
                }
                life.order = order.clone();
                if !life.wanted {
                    (life.last, life.asked) = (None, false);
                }
                life.decided(true);
            }
            Some(_) | None => {
                self.lives.insert(order.withdrawal.clone(), Life::new(at, order));
            }
        }
    }

    /// Only the newest cut that can be the cause may be rolled back.
    fn rolls_back(&self, lift: &Lift) {
        let service = lift.for_service.as_ref().unwrap();
        // The same cut may be lifted for two services at the same moment.
        if lift.withdrawals.iter().all(|id| !self.lives[id].wanted) {
            return;
        }
        let (state, since, before) = self.services[service];
        assert_eq!(state, ServiceState::Stopped, "rolled back for `{service}`, which trades");
        assert_ne!(before, ServiceState::Stopped, "`{service}` did not trade before");
        let within = secs(self.setting.limits.provisional_seconds.into());
        let suspect = |life: &&Life| {
            let cut = life.wanted && !life.over && life.order.mode == Mode::Refuse;
            cut && !life.by_hand()
                && life.acted_at.is_some_and(|at| at <= since && since <= at + within)
        };
        let suspects = self.lives.values().filter(suspect);
        let newest = suspects.max_by_key(|life| {
            (life.order.services.contains(service), life.acted_at, life.order.order)
        });
        let newest = newest.map(|life| life.order.withdrawal.clone());
        assert_eq!(lift.withdrawals, Vec::from_iter(newest), "not the newest cause of `{service}`");
    }

    fn moved(&mut self, entry: &Entry, moved: &Moved, batch: &[Entry]) {
        use Transition as T;
        let (id, at) = (&moved.withdrawal, entry.time);
        let again = self.lives[id].last.as_ref() == Some(&moved.transition);
        let may_repeat =
            matches!(moved.transition, T::Tried { .. } | T::Failed { .. } | T::Stuck { .. });
        assert!(!again || may_repeat, "`{id}` moves twice: {moved:?}");
        match &moved.transition {
            T::Requested { attempt, prior } => self.requested(entry, id, *attempt, prior),
            T::Lifting { attempt, restore } => self.lifting(entry, id, *attempt, restore),
            T::Acknowledged { outcomes } => {
                self.was_answered(id);
                let life = self.lives.get_mut(id).unwrap();
                for outcome in outcomes {
                    if let cordon_model::action::Answer::AlreadySo { by: Some(by) } =
                        &outcome.answer
                        && by != CORDON
                    {
                        life.taken.remove(&outcome.target);
                    }
                }
            }
            T::Restored { .. } => self.was_answered(id),
            T::Effective { .. } => self.effective(id),
            T::Verified { .. } => {
                let life = &self.lives[id];
                let proven = life.probe.is_some_and(|(tick, holds)| holds && tick > life.moved);
                assert!(proven, "`{id}` is verified, but no probe has shown it");
            }
            T::Failed { .. } | T::Stuck { .. } => self.gave_up(id, batch),
            T::Lifted { .. } => self.lifted(id),
            T::Expired => {
                let life = self.lives.get_mut(id).unwrap();
                assert!(at >= life.until, "`{id}` ends before its time");
                life.decided(false);
            }
            T::Expiring { until } => {
                let life = self.lives.get_mut(id).unwrap();
                assert!(!life.warned && *until == life.until, "`{id}` warns twice or wrongly");
                life.warned = true;
            }
            T::Asked { .. } => self.lives.get_mut(id).unwrap().asked = true,
            T::Confirmed { .. } => {
                let life = self.lives.get_mut(id).unwrap();
                life.asked = false;
                life.over |= !life.wanted;
            }
            T::Tried { .. } | T::Drifted { .. } | T::OutOfSight { .. } => {}
        }
        self.keep(id, at, &moved.transition);
    }

    fn keep(&mut self, id: &WithdrawalId, at: Timestamp, step: &Transition) {
        use Transition as T;
        let tick = self.tick;
        let life = self.lives.get_mut(id).unwrap();
        if step.makes_looks_old() {
            life.moved = tick;
        }
        match step {
            T::Tried { outcomes, .. } | T::Failed { outcomes, .. } | T::Stuck { outcomes, .. } => {
                (life.intent, life.last_try) = (None, Some(at));
                for outcome in outcomes {
                    if let cordon_model::action::Answer::AlreadySo { by: Some(by) } =
                        &outcome.answer
                        && by != CORDON
                    {
                        life.taken.remove(&outcome.target);
                    }
                }
            }
            T::Acknowledged { .. } | T::Restored { .. } | T::Lifted { .. } => life.intent = None,
            T::Verified { .. } | T::Confirmed { .. } => {
                (life.in_a_row, life.last_try, life.failed) = (0, None, false);
            }
            _ => {}
        }
        if !matches!(step, T::Expiring { .. } | T::Expired) {
            life.last = Some(step.clone());
        }
    }

    /// The look that a decision is made on: newer than every move and every notification.
    fn fresh_look(&self, id: &WithdrawalId, at: Timestamp) -> &Looked {
        let life = &self.lives[id];
        let look = life.look.as_ref().unwrap_or_else(|| panic!("`{id}` was not looked at"));
        assert!(look.tick > life.moved, "`{id}` is decided on a look from before its last move");
        assert!(look.handed > life.changed, "`{id}` is decided on a look from before a change");
        let fresh = secs(self.setting.limits.fresh_seconds.into());
        assert!(at <= look.at + fresh, "`{id}` is decided on an old look");
        look
    }

    /// Quick attempts are counted, a person is called, slow ones follow.
    fn paced(&mut self, id: &WithdrawalId, at: Timestamp, attempt: u32) {
        let limits = self.setting.limits.clone();
        let life = self.lives.get_mut(id).unwrap();
        assert_eq!(attempt, life.attempts + 1, "`{id}` counts its attempts wrongly");
        life.attempts = attempt;
        if life.in_a_row >= limits.quick_tries {
            assert!(life.failed, "`{id}` is tried without end, and nobody was called");
            let slow = secs(limits.slow_wait_seconds.into());
            let rested = life.last_try.is_none_or(|last| at >= last + slow);
            assert!(rested, "`{id}` is tried quickly after a person was called");
        }
        life.in_a_row += 1;
        life.last_try = Some(at);
    }

    fn requested(&mut self, entry: &Entry, id: &WithdrawalId, attempt: u32, prior: &[Observed]) {
        let at = entry.time;
        assert!(self.lives[id].wanted, "`{id}` is raised, but nobody wants it");
        let look = self.fresh_look(id, at);
        for prior in prior {
            let seen = look.seen.iter().find(|seen| seen.target == prior.target).unwrap();
            let ours = seen.owner.as_deref() == Some(CORDON);
            assert!(ours || seen == prior, "`{id}` records another prior state than it saw");
        }
        self.waits_for_refusals(id);
        self.paced(id, at, attempt);
        let life = self.lives.get_mut(id).unwrap();
        let act = Act::raising(life.order.mode);
        let open: Vec<Observed> = prior.iter().filter(|p| p.access.is_open()).cloned().collect();
        if !open.is_empty() {
            life.acted_at.get_or_insert(at);
        }
        let (order, kept) = (life.order.clone(), open.iter().map(|p| p.target.clone()));
        life.taken.extend(kept);
        life.intent = Some(Intent { seq: entry.seq, act, attempt, prior: open.clone() });
        if order.mode == Mode::Refuse {
            for prior in &open {
                self.switches.may_take(&order, &prior.target);
            }
        }
    }

    /// An `end` before its refusal would only make the intruder sign in again.
    fn waits_for_refusals(&self, id: &WithdrawalId) {
        let ending = &self.lives[id].order;
        if ending.mode != Mode::End {
            return;
        }
        for refusal in self.lives.values() {
            let shared = refusal.order.targets.iter().any(|node| ending.targets.contains(node));
            let coming = refusal.wanted && !refusal.over && !refusal.by_hand() && !refusal.failed;
            let needed = refusal.order.mode == Mode::Refuse && shared && coming;
            let first = &refusal.order.withdrawal;
            // What moves in the same batch was decided at the same moment.
            let held = refusal.in_force() || refusal.moved == self.tick;
            assert!(!needed || held, "`{id}` ends before `{first}` refuses");
        }
    }

    fn lifting(&mut self, entry: &Entry, id: &WithdrawalId, attempt: u32, restore: &[Observed]) {
        assert!(!self.lives[id].wanted, "`{id}` is lifted, but somebody wants it");
        self.fresh_look(id, entry.time);
        for prior in restore {
            let target = &prior.target;
            assert!(self.lives[id].taken.contains(target), "`{id}` gives back what it never took");
            let seen = self.lives[id].seen(target).unwrap();
            let theirs = seen.owner.as_deref().is_some_and(|owner| owner != CORDON);
            assert!(!theirs, "`{id}` opens `{target}`, which {:?} has closed", seen.owner);
            assert!(!self.is_held(id, target), "`{id}` opens `{target}`, which another holds");
        }
        self.paced(id, entry.time, attempt);
        let life = self.lives.get_mut(id).unwrap();
        let prior = restore.to_vec();
        life.intent = Some(Intent { seq: entry.seq, act: Act::Restore, attempt, prior });
    }

    /// Whether another order that is wanted has taken the same switch.
    fn is_held(&self, id: &WithdrawalId, target: &NodeId) -> bool {
        let own = &self.lives[id].order;
        let other = |life: &Life| {
            let order = &life.order;
            let same = (&order.kind, &order.connector) == (&own.kind, &own.connector);
            same && order.withdrawal != *id
                && life.wanted
                && !life.over
                && life.taken.contains(target)
        };
        self.lives.values().any(other)
    }

    fn was_answered(&self, id: &WithdrawalId) {
        let life = &self.lives[id];
        let intent = life.intent.as_ref().unwrap_or_else(|| panic!("`{id}` had no open intent"));
        let told = life.heard.as_ref().is_some_and(|heard| {
            heard.tick > life.moved && heard.attempt == intent.attempt && heard.all_done
        });
        assert!(told || intent.prior.is_empty(), "`{id}` is acknowledged, but nobody said so");
    }

    fn effective(&self, id: &WithdrawalId) {
        let life = &self.lives[id];
        let look = life.look.as_ref().unwrap_or_else(|| panic!("`{id}` was not read back"));
        assert!(look.tick > life.moved, "`{id}` is effective by a look from before the act");
        for node in &life.order.targets {
            let seen = life.seen(node).unwrap();
            let ends = life.order.mode == Mode::End && seen.residual_seconds.is_some();
            let closed = matches!(seen.access, Access::Refused | Access::Absent);
            assert!(closed || ends, "`{id}` is effective, but `{node}` is {:?}", seen.access);
        }
    }

    fn gave_up(&mut self, id: &WithdrawalId, batch: &[Entry]) {
        let life = self.lives.get_mut(id).unwrap();
        let called = |e: &Entry| matches!(&e.body, Record::Paged(p) if p.about == id.as_str());
        assert!(life.failed || batch.iter().any(called), "`{id}` gave up and called nobody");
        life.failed = true;
    }

    fn lifted(&mut self, id: &WithdrawalId) {
        let life = &self.lives[id];
        assert!(!life.wanted && !life.over, "`{id}` is lifted out of turn");
        if life.order.mode == Mode::Refuse && !life.by_hand() && !life.taken.is_empty() {
            let look = life.look.as_ref().unwrap_or_else(|| panic!("`{id}` was not read back"));
            assert!(look.tick > life.moved, "`{id}` is lifted on a look from before the act");
            for node in &life.taken {
                let seen = life.seen(node).unwrap();
                let back = matches!(seen.access, Access::Open | Access::Absent);
                let theirs = seen.owner.as_deref().is_some_and(|owner| owner != CORDON);
                let fine = back || theirs || self.is_held(id, node);
                assert!(fine, "`{id}` is lifted, but `{node}` is {:?}", seen.access);
            }
        }
        self.switches.given_back(&life.order);
        let life = self.lives.get_mut(id).unwrap();
        life.over = true;
        life.taken.clear();
    }

    // ---- time

    /// Once the faults are over, nothing outlives its time.
    pub(crate) fn time(&self, now: Timestamp) {
        let Some(calm) = self.calm_since else { return };
        for life in self.lives.values().filter(|life| life.wanted && !life.over) {
            let late = secs(60);
            let overdue = now > life.until + late && now > calm + late;
            assert!(!overdue, "`{}` outlives its time", life.order.withdrawal);
        }
    }
}
