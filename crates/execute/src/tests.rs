//! A world to run the loop in: the range, a ledger in memory, a clock that
//! jumps, and a switch that stops everything before or after any write or call.

mod approval;
mod cases;
mod crashes;
mod disk;

use std::sync::Arc;
use std::time::Duration;

use cordon_connectors::Connector as _;
use cordon_connectors::range::{Manners, RANGE, Range, RangeState, Session, Switch};
use cordon_model::action::{Call, Order};
use cordon_model::estate::Service;
use cordon_model::needs::Needs;
use cordon_model::plan::AlternativeName;
use cordon_model::record::{
    By, Entry, Lift, Opened, PlanChoice, RECORD_VERSION, Raise, Record, Transition,
};
use cordon_model::{
    Estate, EstateBuilder, Mode, Money, NodeId, ServiceId, Timestamp, WithdrawalId,
};
use jiff::SignedDuration;

use crate::{Heard, Reconciler, Setting, Stage, World};

/// How long connectors may take, in simulated seconds.
const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

/// Three accounts, a host, a flow, tills that need the flow and a call centre that needs the host.
pub(crate) fn estate() -> Arc<Estate> {
    let mut builder = EstateBuilder::new("North", "GBP");
    for id in ["user:ann", "user:bob", "user:cas", "host:h1", "flow:f1", "host:dc1"] {
        builder.node(&node(id));
    }
    for (id, needs) in [("tills", "flow:f1"), ("calls", "host:h1")] {
        let needs = Needs::Node(builder.node(&node(needs)));
        builder.services.push(Service {
            id: id.into(),
            name: None,
            needs,
            protected: true,
            cost_per_hour: Money::units(1),
            probe: None,
        });
    }
    Arc::new(builder.finish().unwrap())
}

/// Where the world stops dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Before(usize),
    After(usize),
}

/// The loop has been stopped: by a crash, or by a ledger that cannot be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Crash,
    Full,
}

pub(crate) struct Simulated {
    pub(crate) range: Range,
    pub(crate) log: Vec<Entry>,
    pub(crate) now: Timestamp,
    /// Writes and calls so far, over all lives of the program.
    pub(crate) operations: usize,
    pub(crate) calls: Vec<Call>,
    heard: Vec<Heard>,
    pub(crate) stops: Vec<Stop>,
    /// Whether the program has been stopped and not started again.
    dead: bool,
    /// Whether only records of a lift can be written.
    pub(crate) full: bool,
}

impl Simulated {
    pub(crate) fn new() -> Self {
        let range = Range::new(estate());
        let now: Timestamp = "2026-03-01T02:13:00Z".parse().unwrap();
        range.advance(now);
        let disabled = Switch {
            closed: true,
            by: Some("admin".to_owned()),
            stops: true,
            settings: [("expires".to_owned(), "2027".to_owned())].into(),
        };
        range.set_switch(&node("user:bob"), "disable-account", disabled.clone());
        let settings = disabled.settings;
        let enabled = Switch { closed: false, by: None, stops: false, settings };
        range.set_switch(&node("user:ann"), "disable-account", enabled);
        let open = |who: &str, token_seconds: Option<i64>| Session {
            who: who.to_owned(),
            until: token_seconds.map(|s| now + SignedDuration::from_secs(s)),
            cannot_be_ended: token_seconds.is_some(),
        };
        range.open_session(&node("user:ann"), open("intruder", None)).unwrap();
        range.open_session(&node("user:ann"), open("intruder", Some(120))).unwrap();
        range.open_session(&node("host:dc1"), open("staff", None)).unwrap();
        Self {
            range,
            log: Vec::new(),
            now,
            operations: 0,
            calls: Vec::new(),
            heard: Vec::new(),
            stops: Vec::new(),
            dead: false,
            full: false,
        }
    }

    fn stop_if(&mut self, at: fn(usize) -> Stop) -> Result<(), Halt> {
        self.dead |= self.stops.contains(&at(self.operations));
        if self.dead { Err(Halt::Crash) } else { Ok(()) }
    }

    /// Counts an operation, and stops before or after it if so ordered.
    fn step<T>(&mut self, operation: impl FnOnce(&mut Self) -> T) -> Result<T, Halt> {
        if !self.dead {
            self.operations += 1;
        }
        self.stop_if(Stop::Before)?;
        let result = operation(self);
        self.stop_if(Stop::After)?;
        Ok(result)
    }

    pub(crate) fn write(&mut self, records: &[Record]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for record in records {
            let seq = self.log.len() as u64 + 1;
            let body = record.clone();
            let entry = Entry { seq, time: self.now, version: RECORD_VERSION, body };
            self.log.push(entry.clone());
            entries.push(entry);
        }
        entries
    }
}

impl World for Simulated {
    type Error = Halt;

    fn append(&mut self, _now: Timestamp, records: &[Record]) -> Result<Vec<Entry>, Halt> {
        if self.full && !records.iter().all(Record::is_of_a_lift) {
            return Err(Halt::Full);
        }
        self.step(|world| world.write(records))
    }

    fn call(&mut self, call: Call) -> Result<(), Halt> {
        self.step(|world| {
            world.calls.push(call.clone());
            let reply = world.range.perform(&call, DEADLINE);
            world.heard.push(Heard::Reply(Box::new(call), reply));
        })
    }

    fn probe_service(&mut self, service: &ServiceId) -> Result<(), Halt> {
        self.step(|world| {
            let state = world.range.service(service);
            world.heard.push(Heard::Service(service.clone(), state));
        })
    }

    fn heard(&mut self) -> Result<Vec<Heard>, Halt> {
        if self.dead { Err(Halt::Crash) } else { Ok(std::mem::take(&mut self.heard)) }
    }
}

/// The program: a reconciler that is started again whenever the world stops it.
pub(crate) struct Program {
    pub(crate) world: Simulated,
    pub(crate) loop_: Reconciler,
    pub(crate) crashes: usize,
}

impl Program {
    pub(crate) fn new(world: Simulated, setting: Setting) -> Self {
        let mut program = Self { world, loop_: Reconciler::new(setting, []), crashes: 0 };
        program.start();
        program
    }

    /// What a start-up is: fold the ledger, ask `next`, go on.
    fn start(&mut self) {
        self.world.dead = false;
        self.world.heard.clear();
        self.loop_ = Reconciler::new(self.loop_.setting.clone(), &self.world.log);
        self.tell(Record::Opened(Opened {
            estate: "North".to_owned(),
            estate_sha256: String::new(),
            program: "test".to_owned(),
        }));
    }

    /// Somebody else in the program appends a record.
    pub(crate) fn tell(&mut self, record: Record) {
        let entries = self.world.write(&[record]);
        self.loop_.apply(&entries);
    }

    /// Does all that can be done now; starts again after every crash.
    pub(crate) fn settle(&mut self) -> Option<Timestamp> {
        loop {
            match self.loop_.settle(self.world.now, &mut self.world) {
                Ok(wake) => return wake,
                Err(Halt::Crash) => {
                    self.crashes += 1;
                    assert!(self.crashes < 100, "the program does not come up again");
                    self.start();
                }
                Err(Halt::Full) => return Some(self.world.now + SignedDuration::from_secs(1)),
            }
        }
    }

    /// Lets time pass, doing what falls due, until a condition holds; panics after a day.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.world.now + SignedDuration::from_hours(24);
        loop {
            let wake = self.settle();
            if done(self) {
                return;
            }
            assert!(self.world.now < end, "{what} never came; {:#?}", self.loop_.state.standings);
            self.advance_to(wake.unwrap_or(end));
        }
    }

    /// Lets seconds pass, doing what falls due on the way.
    pub(crate) fn wait(&mut self, seconds: i64) {
        let end = self.world.now + SignedDuration::from_secs(seconds);
        loop {
            match self.settle() {
                Some(wake) if wake < end => self.advance_to(wake),
                _ => break,
            }
        }
        self.advance_to(end);
        self.settle();
    }

    fn advance_to(&mut self, to: Timestamp) {
        // The outside world's own delays are in whole seconds too.
        let least = self.world.now + SignedDuration::from_secs(1);
        self.world.now = to.max(least);
        self.world.range.advance(self.world.now);
    }

    pub(crate) fn stage(&self, withdrawal: &str) -> Stage {
        self.loop_.state.standings[&WithdrawalId::from(withdrawal)].stage
    }

    pub(crate) fn all(&self, stage: Stage) -> bool {
        self.loop_.state.standings.values().all(|standing| standing.stage == stage)
    }

    pub(crate) fn raise(&mut self, cordon: &str, orders: Vec<Order>) {
        self.tell(raise(cordon, orders));
    }

    pub(crate) fn lift(&mut self, withdrawals: &[&str]) {
        self.tell(Record::Lift(Lift {
            withdrawals: withdrawals.iter().map(|w| (*w).into()).collect(),
            by: By::Person("ann".to_owned()),
            because: "over".to_owned(),
            for_service: None,
        }));
    }

    pub(crate) fn pages(&self, about: &str) -> usize {
        let is = |entry: &&Entry| matches!(&entry.body, Record::Paged(p) if p.about == about);
        self.world.log.iter().filter(is).count()
    }

    pub(crate) fn count(&self, withdrawal: &str, is: fn(&Transition) -> bool) -> usize {
        let matches = |entry: &&Entry| {
            matches!(&entry.body, Record::Withdrawal(moved)
                if moved.withdrawal.as_str() == withdrawal && is(&moved.transition))
        };
        self.world.log.iter().filter(matches).count()
    }

    /// Nothing in the ledger is out of place: no gap, no double, no step that cannot be.
    pub(crate) fn check_ledger(&self) {
        for (entry, seq) in self.world.log.iter().zip(1..) {
            assert_eq!(entry.seq, seq);
        }
        let state = &self.loop_.state;
        assert_eq!(state.oddities, [], "{:#?}", self.world.log);
        let folded = crate::State::fold(&self.world.log);
        assert_eq!(*state, folded, "the fold as it went differs from the fold at once");
    }
}

pub(crate) fn order(kind: &str, mode: Mode, targets: &[&str], at: u32) -> Order {
    let services = targets.iter().filter_map(|target| match *target {
        "flow:f1" => Some("tills".into()),
        "host:h1" => Some("calls".into()),
        _ => None,
    });
    Order {
        withdrawal: format!("{kind}/{}", targets[0]).into(),
        kind: kind.to_owned(),
        mode,
        targets: targets.iter().map(|target| node(target)).collect(),
        connector: Some(RANGE.to_owned()),
        enforcer: None,
        order: at,
        lift_order: 10_000 - at,
        ttl_seconds: 8 * 3600,
        services: services.collect(),
        note: "incident 1".to_owned(),
    }
}

pub(crate) fn raise(cordon: &str, orders: Vec<Order>) -> Record {
    let choice = PlanChoice {
        plan: "p1".into(),
        sha256: "00".to_owned(),
        alternative: AlternativeName::Balanced,
    };
    Record::Raise(Raise {
        cordon: cordon.into(),
        incident: None,
        choice,
        orders,
        by: By::Cordon,
        because: "allowed".to_owned(),
    })
}

/// Ann disabled and signed out; bob, who was disabled before; two machines in one order.
pub(crate) fn cordon() -> Vec<Order> {
    vec![
        order("disable-account", Mode::Refuse, &["user:ann"], 1),
        order("end-sessions", Mode::End, &["user:ann"], 2),
        order("disable-account", Mode::Refuse, &["user:bob"], 3),
        order("isolate-host", Mode::Refuse, &["host:dc1", "host:h1"], 4),
    ]
}

pub(crate) const CORDON_IDS: [&str; 4] = [
    "disable-account/user:ann",
    "disable-account/user:bob",
    "end-sessions/user:ann",
    "isolate-host/host:dc1",
];

pub(crate) fn setting() -> Setting {
    Setting::default()
}

/// The state but for what only time and `end` take away.
pub(crate) fn rights(range: &Range) -> RangeState {
    let mut state = range.state();
    for thing in state.things.values_mut() {
        thing.sessions.clear();
    }
    let nodes: Vec<NodeId> = state.things.keys().cloned().collect();
    for node in nodes {
        state.tidy(&node);
    }
    state.now = Timestamp::UNIX_EPOCH;
    state
}

pub(crate) fn manners(change: impl FnOnce(&mut Manners)) -> Manners {
    let mut manners = Manners::default();
    change(&mut manners);
    manners
}
