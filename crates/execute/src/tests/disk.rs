//! The loop over the real ledger and a range on disk: everything in memory is
//! thrown away at a stop, and only the two folders go on.

use std::path::Path;

use cordon_ledger::{Ledger, LedgerError, paths, read_public_key, verify::verify};

use super::*;

/// One life of the program on what the disk holds.
struct OnDisk {
    ledger: Ledger,
    range: Range,
    heard: Vec<Heard>,
    operations: usize,
    stop: Option<Stop>,
    dead: bool,
}

#[derive(Debug)]
enum Halted {
    Crash,
    Ledger(LedgerError),
}

impl OnDisk {
    fn open(folder: &Path, stop: Option<Stop>) -> Self {
        let ledger = Ledger::open(folder).unwrap();
        let range = Range::open(estate(), &folder.join("range.json")).unwrap();
        Self { ledger, range, heard: Vec::new(), operations: 0, stop, dead: false }
    }

    fn step<T>(&mut self, operation: impl FnOnce(&mut Self) -> T) -> Result<T, Halted> {
        self.operations += 1;
        self.dead |= self.stop == Some(Stop::Before(self.operations));
        if self.dead {
            return Err(Halted::Crash);
        }
        let result = operation(self);
        self.dead = self.stop == Some(Stop::After(self.operations));
        if self.dead { Err(Halted::Crash) } else { Ok(result) }
    }
}

impl World for OnDisk {
    type Error = Halted;

    fn append(&mut self, now: Timestamp, records: &[Record]) -> Result<Vec<Entry>, Halted> {
        self.step(|world| world.ledger.append(now, records))?.map_err(Halted::Ledger)
    }

    fn call(&mut self, call: Call) -> Result<(), Halted> {
        let reply = self.step(|world| world.range.perform(&call, DEADLINE))?;
        self.heard.push(Heard::Reply(Box::new(call), reply));
        Ok(())
    }

    fn probe_service(&mut self, service: &ServiceId) -> Result<(), Halted> {
        let state = self.step(|world| world.range.service(service))?;
        self.heard.push(Heard::Service(service.clone(), state));
        Ok(())
    }

    fn heard(&mut self) -> Result<Vec<Heard>, Halted> {
        Ok(std::mem::take(&mut self.heard))
    }
}

/// Runs one life until everything has the stage, or until it is stopped.
fn live(folder: &Path, goal: Stage, stop: Option<Stop>, order: Option<Record>) -> (usize, bool) {
    let mut world = OnDisk::open(folder, stop);
    let mut now = Timestamp::UNIX_EPOCH;
    let opened = Opened {
        estate: "North".to_owned(),
        estate_sha256: String::new(),
        program: "test".to_owned(),
    };
    world.ledger.append(now, &[Record::Opened(opened)]).unwrap();
    if let Some(order) = order {
        world.ledger.append(now, &[order]).unwrap();
    }
    let entries = world.ledger.read(1).unwrap();
    let mut program = Reconciler::new(setting(), &entries);
    loop {
        match program.settle(now, &mut world) {
            Err(Halted::Crash) => return (world.operations, false),
            Err(Halted::Ledger(error)) => panic!("{error}"),
            Ok(wake) => {
                if program.state.standings.values().all(|s| s.stage == goal) {
                    assert_eq!(program.state.oddities, []);
                    return (world.operations, true);
                }
                now = wake.unwrap().max(now + SignedDuration::from_secs(1));
                world.range.advance(now);
            }
        }
    }
}

fn lift_all() -> Record {
    Record::Lift(Lift {
        withdrawals: CORDON_IDS.iter().map(|id| (*id).into()).collect(),
        by: By::Cordon,
        because: "over".to_owned(),
        for_service: None,
    })
}

/// Stops once while raising and once while lifting, then looks at everything.
fn check(stop: Option<Stop>) -> usize {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path();
    let before = rights(&Range::new(estate()));
    let (raising, done) = live(path, Stage::Verified, stop, Some(raise("c1", cordon())));
    if !done {
        assert!(live(path, Stage::Verified, None, None).1);
    }
    let range = Range::open(estate(), &path.join("range.json")).unwrap();
    for closed in ["user:ann", "user:bob", "host:dc1", "host:h1"] {
        assert!(!range.is_open(&node(closed)), "{closed} is open with {stop:?}");
    }
    let (_, done) = live(path, Stage::Lifted, stop, Some(lift_all()));
    if !done {
        assert!(live(path, Stage::Lifted, None, None).1);
    }
    let range = Range::open(estate(), &path.join("range.json")).unwrap();
    assert_eq!(before.differences(&rights(&range)), [], "{stop:?}");
    let paths = paths(path);
    let key = read_public_key(&paths.public_key).unwrap();
    let entries = cordon_ledger::read_file(&paths.ledger, 1).unwrap();
    assert_eq!(verify(&paths.ledger, &key, &[]).unwrap().entries, entries.len() as u64);
    assert_eq!(crate::State::fold(&entries).oddities, [], "{stop:?}");
    raising
}

#[test]
fn stopped_anywhere_the_disk_alone_goes_on() {
    let whole = check(None);
    // Every operation is stopped in `crashes`; here a sample, for each costs real writes to disk.
    for at in (1..=whole).step_by(4) {
        check(Some(Stop::Before(at)));
        check(Some(Stop::After(at + 2)));
    }
}
