//! Stop at every write and every call, before and after it, once and twice;
//! fail every call in every way: the goal is always reached, and then the exact
//! prior state.

use super::*;
use cordon_connectors::range::Fault;
use cordon_model::action::Act;

/// Raises the cordon, checks that it holds, lifts it, checks that all is as before.
fn raise_and_lift(stops: &[Stop], manners: Manners) -> Program {
    let mut world = Simulated::new();
    let before = rights(&world.range);
    world.stops = stops.to_vec();
    world.range.behave(manners);
    let mut program = Program::new(world, setting());
    program.raise("c1", cordon());
    program.until("the goal", |program| program.all(Stage::Verified));
    for closed in ["user:ann", "user:bob", "host:dc1", "host:h1"] {
        assert!(!program.world.range.is_open(&node(closed)), "{closed} is open");
    }
    assert!(program.world.range.is_open(&node("user:cas")));
    assert!(program.world.range.has_session(&node("host:dc1"), "staff"));
    program.lift(&CORDON_IDS);
    program.until("the lift", |program| program.all(Stage::Lifted));
    assert_eq!(before.differences(&rights(&program.world.range)), []);
    program.check_ledger();
    for id in CORDON_IDS {
        assert_eq!(program.count(id, |step| matches!(step, Transition::Lifted { .. })), 1, "{id}");
    }
    program
}

#[test]
fn without_a_crash_every_step_is_taken_once() {
    let program = raise_and_lift(&[], Manners::default());
    let requested = |step: &Transition| matches!(step, Transition::Requested { .. });
    for id in CORDON_IDS {
        assert_eq!(program.count(id, requested), 1, "{id}");
        assert_eq!(program.pages(id), 0, "{id}");
    }
    // Bob was disabled before: nothing was done to him, either way.
    let touched = |call: &&Call| call.act != Act::Look && call.act != Act::Probe;
    let bobs = |call: &&Call| call.targets.contains(&node("user:bob"));
    assert_eq!(program.world.calls.iter().filter(touched).filter(bobs).count(), 0);
}

#[test]
fn a_crash_at_every_write_and_call_changes_nothing() {
    let whole = raise_and_lift(&[], Manners::default()).world.operations;
    assert!(whole > 30, "{whole}");
    for at in 1..=whole {
        for stop in [Stop::Before(at), Stop::After(at)] {
            let program = raise_and_lift(&[stop], Manners::default());
            assert_eq!(program.crashes, 1, "{stop:?} did not stop it");
        }
    }
}

#[test]
fn two_crashes_change_nothing_either() {
    let whole = raise_and_lift(&[], Manners::default()).world.operations;
    for first in 1..=whole {
        for gap in 1..=6 {
            let stops = [Stop::After(first), Stop::Before(first + gap)];
            let program = raise_and_lift(&stops, Manners::default());
            assert!(program.crashes >= 1, "{stops:?}");
        }
    }
}

#[test]
fn every_call_may_fail_in_every_way() {
    let calls = raise_and_lift(&[], Manners::default()).world.calls.len();
    let faults = [
        Fault::Offline,
        Fault::LosesReplies,
        Fault::Lies,
        Fault::Mute,
        Fault::Slow { seconds: 25 },
        Fault::Denies(vec![Act::Look, Act::Refuse, Act::End, Act::Restore]),
    ];
    for fault in faults {
        for at in 0..calls {
            let mut next_calls: std::collections::VecDeque<_> = vec![None; at].into();
            next_calls.push_back(Some(fault.clone()));
            raise_and_lift(&[], manners(|manners| manners.next_calls = next_calls));
        }
    }
}

#[test]
fn a_lost_reply_and_a_crash_together_change_nothing() {
    let whole = raise_and_lift(&[], Manners::default());
    let (operations, calls) = (whole.world.operations, whole.world.calls.len());
    for at in 0..calls {
        let mut next_calls: std::collections::VecDeque<_> = vec![None; at].into();
        next_calls.extend([Some(Fault::LosesReplies), Some(Fault::Slow { seconds: 20 })]);
        let manners = manners(|manners| manners.next_calls = next_calls);
        for stop in (at..operations).step_by(7).map(Stop::After) {
            raise_and_lift(&[stop], manners.clone());
        }
    }
}
