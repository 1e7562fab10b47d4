//! The program: the real loop, started again from the disk whenever the world stops it.

use cordon_execute::{Progress, Reconciler, State, next};
use cordon_model::action::Order;
use cordon_model::plan::AlternativeName;
use cordon_model::record::{By, Lift, Moved, Opened, PlanChoice, Raise, Record, Renew, Transition};
use cordon_model::{Timestamp, WithdrawalId};

use crate::checks::secs;
use crate::site::setting;
use crate::world::{Halt, Simulated};

pub(crate) struct Program {
    pub(crate) world: Simulated,
    pub(crate) loop_: Reconciler,
    pub(crate) stops: u32,
}

impl Program {
    pub(crate) fn new(seed: u64) -> Self {
        let mut program =
            Self { world: Simulated::new(seed), loop_: Reconciler::new(setting(), []), stops: 0 };
        program.opened();
        program
    }

    fn opened(&mut self) {
        let opened = Record::Opened(Opened {
            estate: "North".to_owned(),
            estate_sha256: String::new(),
            program: "simulation".to_owned(),
        });
        let _told_or_full = self.tell(opened);
    }

    /// What a start-up is: fold the ledger, ask `next`, go on.
    pub(crate) fn start_again(&mut self) {
        self.stops += 1;
        self.world.start_again();
        self.loop_ = Reconciler::new(setting(), &self.world.disk.acknowledged);
        self.opened();
    }

    /// A restart with nothing lost but memory decides what the running program would.
    pub(crate) fn check_fold(&self) {
        let at_once = State::fold(&self.world.disk.acknowledged);
        assert_eq!(self.loop_.state, at_once, "the fold as it went differs from the fold at once");
        assert_eq!(at_once.oddities, [], "a step cannot follow what came before");
        for (id, standing) in &at_once.standings {
            let books = self.world.checks.taken(id);
            let taken: Vec<_> = standing.taken().map(|prior| prior.target.clone()).collect();
            assert!(
                standing.is_over() || books == taken,
                "`{id}` counts {taken:?} as taken, not {books:?}"
            );
        }
        let seen = &self.loop_.observations;
        let running = next(&self.loop_.state, seen, &self.loop_.setting, self.world.now);
        assert_eq!(running, next(&at_once, seen, &setting(), self.world.now));
    }

    /// Somebody else in the program appends a record; false on a full disk.
    pub(crate) fn tell(&mut self, record: Record) -> bool {
        match self.world.write(&[record]) {
            Ok(entries) => {
                self.loop_.apply(&entries);
                true
            }
            Err(_) => false,
        }
    }

    /// Does all that can be done at this moment.
    fn settle(&mut self) -> Option<Timestamp> {
        for _ in 0..5000 {
            match self.loop_.round(self.world.now, &mut self.world) {
                Ok(Progress::Worked) => {}
                Ok(Progress::Waiting(wake)) => return wake,
                Err(Halt::Full) => return Some(self.world.now + secs(1)),
                Err(Halt::Crash) => {
                    if self.world.dice.chance(30) {
                        let down = i64::try_from(self.world.dice.roll(200)).unwrap();
                        self.world.advance(self.world.now + secs(down));
                    }
                    self.start_again();
                }
            }
        }
        panic!("the loop goes round and round at {}", self.world.now);
    }

    /// Lets time pass until then, doing what falls due on the way.
    pub(crate) fn run_until(&mut self, end: Timestamp) {
        while self.world.now < end {
            let wake = self.settle();
            self.world.checks.time(self.world.now);
            // The loop's own cadence is in whole seconds; never earlier than that by itself.
            let wake = wake.map(|wake| wake.max(self.world.now + secs(1)));
            let events = self.world.next_event().into_iter();
            let next = wake.into_iter().chain(events).min().unwrap_or(end).min(end);
            self.world.advance(next);
        }
        self.settle();
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.run_until(self.world.now + secs(seconds));
    }

    /// Waits until a condition holds, for so many seconds at most.
    pub(crate) fn within(&mut self, seconds: i64, what: &str, done: impl Fn(&Self) -> bool) {
        let start = self.world.now;
        let end = start + secs(seconds);
        while !done(self) {
            let standings = &self.loop_.state.standings;
            let waited = self.world.now.duration_since(start).as_secs();
            assert!(self.world.now < end, "{what}: not within {waited} s; {standings:#?}");
            self.wait(5.min(seconds));
        }
    }

    pub(crate) fn raise(&mut self, orders: &[Order]) -> bool {
        let choice = PlanChoice {
            plan: "p1".into(),
            sha256: "00".to_owned(),
            alternative: AlternativeName::Balanced,
        };
        self.tell(Record::Raise(Raise {
            cordon: "c1".into(),
            incident: None,
            choice,
            orders: orders.to_vec(),
            by: By::Person("ann".to_owned()),
            because: "allowed".to_owned(),
        }))
    }

    pub(crate) fn lift(&mut self, withdrawals: Vec<WithdrawalId>) -> bool {
        self.tell(Record::Lift(Lift {
            withdrawals,
            by: By::Person("ann".to_owned()),
            because: "over".to_owned(),
            for_service: None,
        }))
    }

    /// Lifts everything that is wanted.
    pub(crate) fn lift_all(&mut self) {
        let wanted = self.world.checks.lives.iter().filter(|(_, life)| life.wanted && !life.over);
        let wanted: Vec<WithdrawalId> = wanted.map(|(id, _)| id.clone()).collect();
        if !wanted.is_empty() {
            self.lift(wanted);
        }
    }

    pub(crate) fn renew(&mut self, withdrawals: Vec<WithdrawalId>, seconds: i64) {
        let until = self.world.now + secs(seconds);
        let by = By::Person("ann".to_owned());
        self.tell(Record::Renew(Renew { withdrawals, until, by, because: "longer".to_owned() }));
    }

    /// The person who was asked does it and says so.
    pub(crate) fn confirm_by_hand(&mut self) {
        let asked = self.world.checks.lives.iter().filter(|(_, life)| life.asked && !life.over);
        let asked: Vec<WithdrawalId> = asked.map(|(id, _)| id.clone()).collect();
        for withdrawal in asked {
            let transition = Transition::Confirmed { by: By::Person("bob".to_owned()) };
            self.tell(Record::Withdrawal(Moved { withdrawal, transition }));
        }
    }
}
