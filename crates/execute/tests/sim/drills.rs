//! After the faults: everything is as it is wanted within bounded time, drills, and all is given back.
//!
//! Bounds are in simulated seconds and follow from the limits: a slow attempt
//! after 300 s, a lost act's minute, an hour for a cap to be free again.

use cordon_connectors::range::Fault;
use cordon_execute::{Stage, Standing};
use cordon_model::Mode;
use cordon_model::action::{ServiceState, TroubleKind};

use crate::checks::secs;
use crate::program::Program;
use crate::site::{NEVER, SYSTEMS, node, orders};

/// Two slow attempts, and the wait of a lost act.
const SOON: i64 = 900;
/// The same, after a cap's hour.
const AFTER_THE_CAP: i64 = 3600 + SOON;

fn withheld(standing: &Standing) -> bool {
    standing.stage == Stage::Failed
        && standing.trouble.as_ref().is_some_and(|trouble| trouble.kind == TroubleKind::Withheld)
}

/// Whether a withdrawal is where it belongs.
fn is_settled(standing: &Standing) -> bool {
    let never = standing.targets.contains_key(&node(NEVER));
    match standing.wanted {
        true if never => withheld(standing),
        true => standing.stage == Stage::Verified && standing.in_sight,
        false => standing.is_over(),
    }
}

fn all_settled(program: &Program) -> bool {
    program.loop_.state.standings.values().all(is_settled)
}

fn settle(program: &mut Program, what: &str) {
    let start = program.world.now;
    let capped = |program: &Program| {
        let late = program.world.now > start + secs(SOON);
        let fine = |s: &Standing| {
            is_settled(s)
                || withheld(s)
                || s.order.kind == "isolate-host"
                || s.order.kind == "end-connections"
        };
        assert!(
            !late || program.loop_.state.standings.values().all(fine),
            "{what}: not within {SOON} s, and no cap holds it; {:#?}",
            program.loop_.state.standings
        );
    };
    let end = start + secs(AFTER_THE_CAP);
    while !all_settled(program) {
        program.confirm_by_hand();
        capped(program);
        let standings = &program.loop_.state.standings;
        assert!(program.world.now < end, "{what}: never; {standings:#?}");
        program.wait(10);
    }
    program.check_fold();
    closed_as_wanted(program, what);
}

/// What is verified is closed in truth, whatever anybody says.
fn closed_as_wanted(program: &Program, what: &str) {
    for standing in program.loop_.state.standings.values().filter(|s| s.wanted) {
        let order = &standing.order;
        let Some(system) = &order.connector else { continue };
        if order.mode == Mode::Refuse && standing.stage == Stage::Verified && standing.in_sight {
            let state = program.world.outside.state(system);
            for node in &order.targets {
                assert!(state.switch(node, &order.kind).closed, "{what}: `{node}` is open");
            }
        }
    }
}

/// The faults are over: first what lasts is told honestly, then it is mended and all comes right.
pub(crate) fn converge(program: &mut Program) {
    program.world.outside.set_broken("flow:f4", false);
    program.wait(400);
    program.world.checks.calm_since = Some(program.world.now);
    honest(program);
    program.world.outside.lasting.clear();
    // What a lie has hidden shows at the next look.
    program.wait(75);
    settle(program, "after the faults");
    assert!(program.world.outside.nothing_is_half_done(), "something is left half done");
}

/// A system that stays broken is never a success.
fn honest(program: &Program) {
    for standing in program.loop_.state.standings.values() {
        let order = &standing.order;
        let Some(system) = &order.connector else { continue };
        let state = program.world.outside.state(system);
        for target in &order.targets {
            let fault = program.world.outside.lasting.get(target);
            let blind = matches!(fault, Some(Fault::Offline | Fault::Mute));
            let open = !state.switch(target, &order.kind).closed && order.mode == Mode::Refuse;
            let claims = standing.wanted && standing.in_sight && standing.stage == Stage::Verified;
            assert!(!claims || !blind, "`{target}` cannot be seen, and is verified");
            let lies = matches!(fault, Some(Fault::LiesAlways));
            assert!(!claims || !open || lies, "`{target}` is open, and verified");
            let ours = state.switch(target, &order.kind).is_cordons();
            let held = program.loop_.state.standings.values().any(|other| {
                other.wanted && other.order.kind == order.kind && other.targets.contains_key(target)
            });
            let gone = standing.is_over() && order.mode == Mode::Refuse && ours && !held;
            let busy = program.loop_.state.standings.values().any(|other| {
                !other.is_over()
                    && other.order.kind == order.kind
                    && other.targets.contains_key(target)
            });
            assert!(!gone || busy, "`{target}` is refused, and said to be lifted");
        }
    }
}

/// Somebody opens what is in force: put back at once after a word, else at the next look.
pub(crate) fn drift(program: &mut Program) {
    let target = node("user:cas");
    for (told, within) in [(true, 8), (false, 75)] {
        let wide = program.loop_.state.standings.get("wide");
        if !wide.is_some_and(|wide| wide.stage == Stage::Verified && wide.wanted) {
            return;
        }
        let system = SYSTEMS[0];
        program.world.outside.reopen(system, &target);
        if told {
            program.world.notify(&target);
        }
        let closed = |program: &Program| {
            let state = program.world.outside.state(system);
            state.switch(&target, "disable-account").closed
        };
        program.within(within, "put back", closed);
        settle(program, "after a drift");
    }
}

/// Everything is lifted, and nothing of Cordon's is left anywhere.
pub(crate) fn give_back(program: &mut Program) {
    program.lift_all();
    let start = program.world.now;
    while !program.loop_.state.standings.values().all(Standing::is_over) {
        program.confirm_by_hand();
        let late = program.world.now > start + secs(SOON);
        assert!(!late, "not lifted within {SOON} s; {:#?}", program.loop_.state.standings);
        program.wait(10);
    }
    // Whatever may still be on its way.
    program.wait(70);
    for system in SYSTEMS {
        for (node, thing) in program.world.outside.state(system).things {
            for (kind, switch) in thing.switches {
                assert!(!switch.is_cordons(), "`{kind}` of `{node}` was never given back");
            }
        }
    }
    assert!(program.world.outside.nothing_is_half_done(), "something is half given back");
}

/// The newer of two cuts stops the tills, and it alone is rolled back.
pub(crate) fn roll_back(program: &mut Program) {
    let orders = orders();
    let tills = "tills".into();
    let trades = |program: &Program| {
        let known = program.loop_.state.services.get(&tills);
        let traded = known.is_some_and(|known| known.state == ServiceState::Trading);
        traded && program.world.outside.service(&tills) == ServiceState::Trading
    };
    program.within(SOON, "the tills trade", trades);
    program.raise(&[orders["quiet"].clone()]);
    program.wait(20);
    program.raise(&[orders["tills"].clone()]);
    let wanted = |program: &Program, id: &str| program.loop_.state.standings[id].wanted;
    program.wait(2);
    program.within(40, "rolled back", |program| !wanted(program, "tills"));
    program.within(40, "the tills trade again", trades);
    assert!(wanted(program, "quiet"), "an older cut is rolled back that was not the cause");
    program.wait(120);
    assert!(wanted(program, "quiet"), "a second cut is rolled back although the tills trade");
}

/// A short life ends when it was said to end, whatever is started again meanwhile.
pub(crate) fn time_to_live(program: &mut Program) {
    let spare = orders()["spare"].clone();
    let id = spare.withdrawal.clone();
    let end = program.world.now + secs(spare.ttl_seconds.into());
    program.raise(&[spare]);
    program.wait(600);
    program.start_again();
    program.wait(300);
    assert_eq!(program.loop_.state.standings[&id].stage, Stage::Verified, "it ended early");
    program.start_again();
    program.run_until(end + secs(90));
    assert!(program.loop_.state.standings[&id].is_over(), "it outlived its time");
}
