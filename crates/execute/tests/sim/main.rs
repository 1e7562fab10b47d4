//! The real loop and the real ledger in a simulated world, all from one seed.
//!
//! First everything goes wrong and only safety counts (`checks.rs`, `switches.rs`,
//! `disk.rs` hold what must be true at every moment). Then the faults are over
//! and within bounded time everything must be as it is wanted; then a few drills,
//! and everything is given back. What may go wrong stands in `world.rs` and
//! `trouble` below. `SEEDS=10000 cargo test -p cordon-execute --release --test sim`
//! runs more; `SEED=7 SEEDS=1` replays seed 7.

#![cfg(test)]

mod checks;
mod dice;
mod disk;
mod drills;
mod outside;
mod program;
mod site;
mod switches;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use cordon_connectors::range::Fault;
use cordon_model::WithdrawalId;
use cordon_model::action::{Act, Order};

use program::Program;
use site::{DIRECTORY, NETWORK, node, orders};

fn run(seed: u64) {
    let mut program = Program::new(seed);
    let accounts = program.world.outside.state(DIRECTORY);
    program.wait(10);
    program.world.faults = true;
    let meddled = trouble(&mut program);
    program.world.faults = false;
    program.world.full = false;
    drills::converge(&mut program);
    drills::drift(&mut program);
    drills::give_back(&mut program);
    if !meddled {
        let mut differences = accounts.differences(&program.world.outside.state(DIRECTORY));
        differences.retain(|difference| !difference.attribute.starts_with("session."));
        assert_eq!(differences, [], "not everything is as it was");
    }
    drills::roll_back(&mut program);
    drills::time_to_live(&mut program);
    drills::give_back(&mut program);
    program.check_fold();
    program.world.disk.check();
}

/// Half an hour of everything going wrong; tells whether others have changed the directory.
fn trouble(program: &mut Program) -> bool {
    let mut meddled = false;
    let all: Vec<Order> = orders().into_values().collect();
    program.raise(&all);
    let segments = program.world.dice.between(10, 40);
    for _ in 0..segments {
        match program.world.dice.roll(10) {
            0..=3 => operator(program, &all),
            4..=5 => meddled |= others(program),
            6 => surroundings(program),
            7 => program.confirm_by_hand(),
            8 if program.world.dice.chance(20) => program.start_again(),
            _ => {}
        }
        let seconds = i64::try_from(program.world.dice.between(1, 90)).unwrap();
        program.wait(seconds);
        program.check_fold();
    }
    meddled
}

/// An operator who changes his mind, and whose orders sometimes come twice.
fn operator(program: &mut Program, all: &[Order]) {
    let dice = &mut program.world.dice;
    let some: Vec<Order> = all.iter().filter(|_| dice.chance(40)).cloned().collect();
    let twice = if dice.chance(20) { 2 } else { 1 };
    let what = dice.roll(5);
    let raised = |order: &&Order| program.loop_.state.standings.contains_key(&order.withdrawal);
    let ids: Vec<WithdrawalId> =
        some.iter().filter(raised).map(|order| order.withdrawal.clone()).collect();
    for _ in 0..twice {
        match what {
            0 | 1 if !some.is_empty() => {
                program.raise(&some);
            }
            2 | 3 if !ids.is_empty() => {
                program.lift(ids.clone());
            }
            4 if !ids.is_empty() => program.renew(ids.clone(), 7200),
            _ => {}
        }
    }
}

/// An intruder, an automation or an administrator acts on the same things.
fn others(program: &mut Program) -> bool {
    let world = &mut program.world;
    let (system, target, kind) = *world.dice.pick(&[
        (DIRECTORY, "user:ann", "disable-account"),
        (DIRECTORY, "user:bob", "disable-account"),
        (DIRECTORY, "user:cas", "disable-account"),
        (NETWORK, "host:h1", "isolate-host"),
        (NETWORK, "host:h2", "isolate-host"),
        (NETWORK, "flow:f2", "block-flow"),
    ]);
    let target = node(target);
    let now = world.outside.state(system).switch(&target, kind);
    let open =
        cordon_connectors::range::Switch { closed: false, by: None, stops: false, ..now.clone() };
    match world.dice.roll(5) {
        0 | 1 => world.outside.reopen(system, &target),
        2 => {
            world.checks.switches.changed_by_others(system, &target, kind, open, false);
            world.outside.close_by_admin(system, &target, kind);
        }
        3 if now.is_cordons() => {
            let theirs = world.outside.reopen_changed(system, &target, kind);
            world.checks.switches.changed_by_others(system, &target, kind, theirs, true);
        }
        _ => world.outside.sign_in(target.as_str(), world.now),
    }
    if world.dice.chance(50) {
        world.notify(&target);
    }
    system == DIRECTORY
}

/// The disk fills or empties, a node misbehaves for long, a service breaks by itself.
fn surroundings(program: &mut Program) {
    let world = &mut program.world;
    match world.dice.roll(4) {
        0 => world.full = !world.full,
        1 => {
            let target =
                node(world.dice.pick::<&str>(&["user:cas", "host:h2", "host:h1", "user:ann"]));
            let acts = vec![Act::Refuse, Act::End, Act::Restore];
            let faults = [
                Some(Fault::Offline),
                Some(Fault::Lies),
                Some(Fault::LiesAlways),
                Some(Fault::Mute),
                Some(Fault::Denies(acts)),
                None,
            ];
            let fault = world.dice.pick(&faults);
            match fault.clone() {
                Some(fault) => world.outside.lasting.insert(target, fault),
                None => world.outside.lasting.remove(&target),
            };
        }
        2 => world.outside.set_broken("flow:f4", true),
        _ => world.outside.set_broken("flow:f4", false),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn seeds() {
    let (first, count) = (number("SEED", 0), number("SEEDS", 200));
    let next = AtomicU64::new(first);
    let failed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= first + count || failed.lock().unwrap().len() > 2 {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| run(seed))).is_err() {
            println!(
                "seed {seed} fails; replay: SEED={seed} SEEDS=1 cargo test -p cordon-execute --test sim"
            );
            failed.lock().unwrap().push(seed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "seeds {failed:?} fail; see the lines above for how to replay them");
}
