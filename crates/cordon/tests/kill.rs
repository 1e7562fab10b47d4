//! kill -9 of the hand and of the main process at random moments of raising and lifting a plan
//! over a directory, a database and the range: it always ends at the goal, and then at the exact
//! prior state.
//!
//! `KILLS=500` says how many (`make test-kill`); `SEED` from which number the moments are drawn.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it skips and measures"
)]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each of the tests that share the bed uses a part of it"
)]

mod bed;

use std::fs::File;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use bed::parts::{Attributes, Part, configure, database, differences, directory, range};
use bed::{Folders, words};
use cordon_execute::Stage;

/// More tries to come to an end than this means that it does not.
const PATIENCE: usize = 40;

/// A small generator of numbers (xorshift64*): the same seed, the same moments.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

struct Systems {
    folders: Folders,
    parts: Vec<Part>,
}

impl Systems {
    /// None where the machine lacks one of the systems.
    fn start() -> Option<Self> {
        let mut parts = Vec::new();
        for part in [directory(), database()] {
            match part {
                Ok(part) => parts.push(part),
                Err(missing) => {
                    println!("skipped: kill ({missing})");
                    return None;
                }
            }
        }
        parts.push(range());
        let folders = Folders::new();
        configure(&folders, &parts.iter().collect::<Vec<_>>());
        Some(Self { folders, parts })
    }

    fn state(&self) -> Vec<Attributes> {
        self.parts.iter().map(|part| (part.state)(&self.folders)).collect()
    }

    fn is_closed(&self) -> bool {
        self.parts.iter().all(|part| (part.is_closed)(&self.folders))
    }

    /// Runs a command that is killed again and again, then lets it come to its end.
    fn survive(&self, args: &[&str], kills: usize, dice: &mut Dice, within: Duration) -> usize {
        let mut killed = 0;
        for _ in 0..kills {
            let mut child = self.spawn(args);
            let wait = dice.roll(u64::try_from(within.as_millis()).unwrap().max(1));
            thread::sleep(Duration::from_millis(wait));
            let victim = match dice.roll(2) {
                0 => Some(child.id()),
                _ => hand_of(child.id()),
            };
            if let Some(victim) = victim
                && child.try_wait().unwrap().is_none()
            {
                Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap();
                killed += 1;
            }
            child.wait().unwrap();
        }
        for _ in 0..PATIENCE {
            let output = self.folders.run(args);
            if output.status.success() {
                return killed;
            }
        }
        panic!("it does not come to an end: {}", words(&self.folders.run(args)));
    }

    fn spawn(&self, args: &[&str]) -> Child {
        let log = File::create(self.folders.data().with_extension("log")).unwrap();
        let mut command = self.folders.cordon(args);
        command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    fn is_as_before(&self, before: &[Attributes], when: &str) {
        for ((part, before), after) in self.parts.iter().zip(before).zip(self.state()) {
            assert_eq!(differences(before, &after), [] as [String; 0], "{} {when}", part.name);
        }
    }
}

/// The hand that a process has started.
fn hand_of(parent: u32) -> Option<u32> {
    let children =
        std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_is_killed_it_ends_at_the_goal_and_then_as_before() {
    let Some(systems) = Systems::start() else { return };
    let footholds: Vec<String> = systems.parts.iter().flat_map(Part::footholds).collect();
    let plan = systems.folders.plan(&footholds);
    let raise = ["raise", &plan, "--confirm", "p1", "--wait", "3s"];
    let lift = ["lift", "--all", "--by", "ann", "--wait", "20s"];
    let before = systems.state();
    let began = Instant::now();
    systems.survive(&raise, 0, &mut Dice(1), Duration::ZERO);
    // Most of that is the wait for proofs that no system here can give.
    let whole = began.elapsed().min(Duration::from_millis(1500));
    assert!(systems.is_closed(), "the plan closes less than it should");
    systems.survive(&lift, 0, &mut Dice(1), Duration::ZERO);
    systems.is_as_before(&before, "undisturbed");

    let (kills, seed) = (number("KILLS", 12), number("SEED", 1));
    let mut dice = Dice(u64::try_from(seed).unwrap() * 2 + 1);
    let (mut killed, mut cycles) = (0, 0);
    while killed < kills {
        let when = format!("in cycle {cycles} of seed {seed}");
        let rounds = usize::try_from(1 + dice.roll(4)).unwrap();
        killed += systems.survive(&raise, rounds, &mut dice, whole);
        assert!(systems.folders.all(&[Stage::Verified, Stage::Effective]), "{when}");
        assert!(systems.is_closed(), "{when}");
        let rounds = usize::try_from(1 + dice.roll(4)).unwrap();
        killed += systems.survive(&lift, rounds, &mut dice, whole);
        assert!(systems.folders.all(&[Stage::Lifted]), "{when}");
        systems.is_as_before(&before, &when);
        cycles += 1;
    }
    systems.folders.verify();
    println!(
        "{killed} kills in {cycles} cycles of raise and lift; {} entries",
        systems.folders.entries().len()
    );
}
