//! The world that the loop runs in: a clock that jumps, calls that arrive late, twice or never,
//! a disk that is slow, full or torn, and stops before and after every write and call.
//!
//! What may go wrong, by the seed: an answer is lost, comes late, or the caller gives up after ten
//! seconds and the act comes after all, within the minute that the executor allows for it
//! (`settle_seconds`), also after a stop; a call is performed twice; the far end is offline, slow,
//! lying, mute, half-permitted or half done. A connector answers each call once or not at all;
//! a lost answer becomes *no reply* at the deadline, as the hand would say it.

use cordon_connectors::range::Fault;
use cordon_execute::{Heard, World};
use cordon_model::action::{Act, Call, Reply, Trouble, TroubleKind};
use cordon_model::record::{Entry, Record};
use cordon_model::{NodeId, ServiceId, Timestamp};
use jiff::SignedDuration;

use crate::checks::Checks;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::outside::{Mishap, Outside};
use crate::site::setting;

/// The loop has been stopped: by a crash, or by a ledger that cannot be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Crash,
    Full,
}

enum Event {
    /// A call arrives at the far end; its reply, if it counts, is heard at this time.
    Perform {
        call: Box<Call>,
        mishap: Mishap,
        reply_at: Option<Timestamp>,
        life: u32,
    },
    Tell {
        heard: Heard,
        life: u32,
    },
    Probe {
        service: ServiceId,
        life: u32,
    },
}

pub(crate) struct Simulated {
    pub(crate) dice: Dice,
    pub(crate) now: Timestamp,
    pub(crate) disk: Disk,
    pub(crate) outside: Outside,
    pub(crate) checks: Checks,
    /// Whether anything may go wrong.
    pub(crate) faults: bool,
    /// Whether the disk takes only what belongs to a lift.
    pub(crate) full: bool,
    pub(crate) dead: bool,
    life: u32,
    queue: Vec<(Timestamp, Event)>,
    ready: Vec<Heard>,
}

fn millis(count: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(count).unwrap())
}

impl Simulated {
    pub(crate) fn new(seed: u64) -> Self {
        let now: Timestamp = "2026-03-01T02:13:00Z".parse().unwrap();
        Self {
            dice: Dice::new(seed),
            now,
            disk: Disk::new(),
            outside: Outside::new(now),
            checks: Checks::new(setting()),
            faults: false,
            full: false,
            dead: false,
            life: 0,
            queue: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// The program is started again; answers to the old one's calls find nobody.
    pub(crate) fn start_again(&mut self) {
        self.dead = false;
        self.life += 1;
        self.ready.clear();
        let more = self.disk.start_again();
        self.checks.durable(&more);
        self.checks.stopped();
    }

    fn stops_here(&mut self) -> Result<(), Halt> {
        self.dead |= self.faults && self.dice.roll(120) == 0;
        if self.dead { Err(Halt::Crash) } else { Ok(()) }
    }

    /// Makes records durable, whoever asks for it.
    pub(crate) fn write(&mut self, records: &[Record]) -> Result<Vec<Entry>, Halt> {
        if self.full && !records.iter().all(Record::is_of_a_lift) {
            return Err(Halt::Full);
        }
        let entries = self.disk.append(self.now, records);
        self.checks.durable(&entries);
        Ok(entries)
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.queue.iter().map(|(due, _)| *due).min()
    }

    /// Lets time pass until then; everything that falls due happens in order.
    pub(crate) fn advance(&mut self, to: Timestamp) {
        while let Some(due) = self.next_event().filter(|due| *due <= to) {
            self.pass(due);
            let next = self.queue.iter().position(|(at, _)| *at == due).unwrap();
            let (_, event) = self.queue.remove(next);
            self.happen(event);
        }
        self.pass(to);
    }

    fn pass(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
        for change in self.outside.advance(self.now) {
            self.checks.switches.check(&change, None);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Perform { call, mishap, reply_at, life } => {
                let (reply, change) = self.outside.perform(&call, &mishap);
                let targets = Some((call.targets.as_slice(), call.act == Act::End));
                self.checks.switches.check(&change, targets);
                if let Some(at) = reply_at {
                    self.queue.push((at, Event::Tell { heard: Heard::Reply(call, reply), life }));
                }
            }
            Event::Tell { heard, life } if life == self.life => self.ready.push(heard),
            Event::Tell { .. } => {}
            Event::Probe { service, life } => {
                let state = self.outside.service(&service);
                let heard = Heard::Service(service, state);
                self.queue.push((self.now, Event::Tell { heard, life }));
            }
        }
    }

    /// Somebody says that a node was changed.
    pub(crate) fn notify(&mut self, node: &NodeId) {
        self.ready.push(Heard::Changed(node.clone()));
    }

    fn mishap(&mut self) -> Mishap {
        let seconds = u32::try_from(self.dice.roll(4)).unwrap();
        let fault = match self.dice.roll(40) {
            0..=2 => Some(Fault::Offline),
            3..=4 => Some(Fault::Lies),
            5..=6 => Some(Fault::Mute),
            7..=8 => Some(Fault::Denies(vec![Act::Refuse, Act::End, Act::Restore])),
            9..=11 => return Mishap::Half,
            12..=13 => return Mishap::Fault(None, 30 + seconds),
            _ => None,
        };
        Mishap::Fault(fault, seconds)
    }

    fn send(&mut self, call: &Call, after: u64, mishap: Mishap, reply_after: Option<u64>) {
        let reply_at = reply_after.map(|after| self.now + millis(after));
        let call = Box::new(call.clone());
        let event = Event::Perform { call, mishap, reply_at, life: self.life };
        self.queue.push((self.now + millis(after), event));
    }

    /// Nobody answers in time.
    fn no_reply(&mut self, call: &Call) {
        let trouble = Trouble::new(TroubleKind::NoReply, "no answer within ten seconds");
        let heard = Heard::Reply(Box::new(call.clone()), Reply::Trouble(trouble));
        let event = Event::Tell { heard, life: self.life };
        self.queue.push((self.now + millis(10_000), event));
    }

    /// Sends a call on its way, with everything that can befall it.
    fn fly(&mut self, call: &Call) {
        let quick = self.dice.between(1, 300);
        if !self.faults {
            self.send(call, quick, Mishap::Fault(None, 0), Some(quick + 10));
            return;
        }
        let mishap = self.mishap();
        match self.dice.roll(20) {
            // Slow, and the answer overtakes others.
            0..=3 => {
                let slow = self.dice.between(1, 9000);
                let back = self.dice.between(slow, 9900);
                self.send(call, slow, mishap, Some(back));
            }
            // It is done, and the answer is lost.
            4 => {
                self.send(call, quick, mishap, None);
                self.no_reply(call);
            }
            // It never arrives.
            5 => self.no_reply(call),
            // The caller has given up when it is done.
            6..=7 => {
                let late = self.dice.between(10_000, 24_000);
                self.send(call, late, mishap, None);
                self.no_reply(call);
            }
            // It is performed twice, and either answer may be the one that counts.
            8..=9 => {
                let (first, second) = (quick, quick + self.dice.between(1, 5000));
                let counts = self.dice.chance(50);
                let back = second + 100;
                self.send(call, first, mishap.clone(), counts.then_some(back));
                self.send(call, second, mishap, (!counts).then_some(back));
            }
            _ => self.send(call, quick, mishap, Some(quick + 50)),
        }
    }
}

impl World for Simulated {
    type Error = Halt;

    fn append(&mut self, now: Timestamp, records: &[Record]) -> Result<Vec<Entry>, Halt> {
        self.stops_here()?;
        if self.full && !records.iter().all(Record::is_of_a_lift) {
            return Err(Halt::Full);
        }
        if self.faults && self.dice.roll(80) == 0 {
            self.disk.append_and_stop(now, records, &mut self.dice);
            self.dead = true;
            return Err(Halt::Crash);
        }
        let entries = self.disk.append(now, records);
        self.checks.durable(&entries);
        if self.faults && self.dice.chance(4) {
            // A slow disk: the world goes on while it is waited for.
            let late = self.now + millis(self.dice.between(100, 20_000));
            self.advance(late);
        }
        self.stops_here()?;
        Ok(entries)
    }

    fn call(&mut self, call: Call) -> Result<(), Halt> {
        self.stops_here()?;
        self.checks.call(&call, self.now, &self.disk);
        self.fly(&call);
        self.stops_here()
    }

    fn probe_service(&mut self, service: &ServiceId) -> Result<(), Halt> {
        self.stops_here()?;
        let after = self.dice.between(1, if self.faults { 5000 } else { 300 });
        let event = Event::Probe { service: service.clone(), life: self.life };
        self.queue.push((self.now + millis(after), event));
        self.stops_here()
    }

    fn heard(&mut self) -> Result<Vec<Heard>, Halt> {
        if self.dead {
            return Err(Halt::Crash);
        }
        let heard = std::mem::take(&mut self.ready);
        for heard in &heard {
            match heard {
                Heard::Reply(call, reply) => self.checks.answered(call, reply, self.now),
                Heard::Service(service, state) => self.checks.service_heard(service, *state),
                Heard::Changed(node) => self.checks.changed(node),
            }
        }
        Ok(heard)
    }
}
