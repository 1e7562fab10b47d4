//! One case per promise: drift, expiry, roll-back, shared targets, lying and
//! half-permitted systems, the guard, the full disk.

use super::*;
use crate::Guard;
use cordon_connectors::range::Fault;
use cordon_model::action::{Act, Answer, ServiceState, TroubleKind};
use cordon_model::record::{Moved, Renew};

const ANN: &str = "disable-account/user:ann";
const HOSTS: &str = "isolate-host/host:dc1";

fn ann() -> Order {
    order("disable-account", Mode::Refuse, &["user:ann"], 1)
}

fn verified(orders: Vec<Order>) -> Program {
    let mut program = Program::new(Simulated::new(), setting());
    program.raise("c1", orders);
    program.until("verified", |program| program.all(Stage::Verified));
    program
}

fn is_open(program: &Program, id: &str) -> bool {
    program.world.range.is_open(&node(id))
}

fn drifted(step: &Transition) -> bool {
    matches!(step, Transition::Drifted { .. })
}

#[test]
fn what_somebody_opens_again_is_put_back_and_reported() {
    let mut program = verified(vec![ann()]);
    let before = rights(&Simulated::new().range);
    program.world.range.reopen(&node("user:ann"));
    program.wait(61);
    assert!(!is_open(&program, "user:ann"));
    assert_eq!((program.count(ANN, drifted), program.pages(ANN)), (1, 1));
    program.wait(61);
    assert_eq!(program.stage(ANN), Stage::Verified);
    program.lift(&[ANN]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    assert_eq!(before.differences(&rights(&program.world.range)), []);
    program.check_ledger();
}

#[test]
fn however_often_it_is_put_back_the_first_prior_state_is_restored() {
    let mut program = verified(vec![ann()]);
    let settings = [("expires".to_owned(), "never".to_owned())].into();
    let theirs = Switch { settings, ..Switch::default() };
    program.world.range.set_switch(&node("user:ann"), "disable-account", theirs);
    program.wait(100);
    assert_eq!((program.stage(ANN), program.count(ANN, drifted)), (Stage::Verified, 1));
    // A second cordon that finds ours takes over what ours first found, not what came between.
    let mut wide = order("disable-account", Mode::Refuse, &["user:ann", "user:cas"], 1);
    wide.withdrawal = "wide".into();
    program.raise("c2", vec![wide]);
    program.until("verified", |program| program.all(Stage::Verified));
    program.lift(&[ANN, "wide"]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    let before = rights(&Simulated::new().range);
    assert_eq!(before.differences(&rights(&program.world.range)), []);
}

#[test]
fn where_somebody_was_quicker_nothing_counts_as_taken() {
    let mut program = Program::new(Simulated::new(), setting());
    program.raise("c1", vec![ann()]);
    let now = program.world.now;
    while program.stage(ANN) != Stage::Requested {
        let _progress = program.loop_.round(now, &mut program.world).unwrap();
    }
    let theirs = Switch { closed: true, by: Some("admin".to_owned()), ..Switch::default() };
    program.world.range.set_switch(&node("user:ann"), "disable-account", theirs);
    program.until("verified", |program| program.all(Stage::Verified));
    let standing = &program.loop_.state.standings[&WithdrawalId::from(ANN)];
    assert_eq!(standing.taken().count(), 0);
    let target = &standing.targets[&node("user:ann")];
    assert_eq!(target.found_closed_by.as_deref(), Some("admin"));
}

#[test]
fn an_act_that_comes_after_its_life_is_given_back_by_the_next() {
    let mut program = Program::new(Simulated::new(), setting());
    let slow = [None, Some(Fault::Slow { seconds: 500 })].into();
    program.world.range.behave(manners(|m| m.next_calls = slow));
    program.raise("c1", vec![ann()]);
    program.settle();
    program.lift(&[ANN]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    program.wait(600);
    assert!(!is_open(&program, "user:ann"), "the lost act has come");
    program.raise("c2", vec![ann()]);
    program.until("verified", |program| program.all(Stage::Verified));
    program.lift(&[ANN]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    let before = rights(&Simulated::new().range);
    assert_eq!(before.differences(&rights(&program.world.range)), []);
}

#[test]
fn a_session_opened_again_is_ended_only_while_new_ones_are_refused() {
    let end = order("end-sessions", Mode::End, &["user:cas"], 2);
    let session = || Session { who: "x".to_owned(), until: None, cannot_be_ended: false };
    for with_refusal in [true, false] {
        let mut orders = vec![end.clone()];
        orders
            .extend(with_refusal.then(|| order("disable-account", Mode::Refuse, &["user:cas"], 1)));
        let mut program = Program::new(Simulated::new(), setting());
        program.world.range.open_session(&node("user:cas"), session()).unwrap();
        program.raise("c1", orders);
        program.until("verified", |program| program.all(Stage::Verified));
        assert!(!program.world.range.has_session(&node("user:cas"), "x"));
        program.world.range.reopen(&node("user:cas"));
        program.world.range.open_session(&node("user:cas"), session()).unwrap();
        program.wait(200);
        let open = program.world.range.has_session(&node("user:cas"), "x");
        assert_eq!(open, !with_refusal);
        program.check_ledger();
    }
}

#[test]
fn what_is_still_open_is_told_with_its_time() {
    let mut program = Program::new(Simulated::new(), setting());
    program.raise("c1", cordon());
    program.wait(2);
    let end = &program.loop_.state.standings[&WithdrawalId::from("end-sessions/user:ann")];
    assert_eq!((end.stage, end.open), (Stage::Effective, 1));
    let left = end.residual_until.unwrap().duration_since(program.world.now).as_secs();
    assert!((100..=120).contains(&left), "{left}");
    program.wait(130);
    assert_eq!(program.stage("end-sessions/user:ann"), Stage::Verified);
}

#[test]
fn a_time_to_live_warns_ends_and_survives_restarts() {
    let mut short = ann();
    short.ttl_seconds = 1000;
    let mut program = verified(vec![short]);
    program.wait(740);
    assert_eq!(program.pages(ANN), 0);
    program.start();
    program.wait(20);
    assert_eq!(program.pages(ANN), 1);
    let until = program.world.now + SignedDuration::from_secs(1000);
    program.tell(Record::Renew(Renew {
        withdrawals: vec![ANN.into()],
        until,
        by: By::Person("bob".to_owned()),
        because: "not over".to_owned(),
    }));
    program.wait(500);
    assert_eq!((program.stage(ANN), program.pages(ANN)), (Stage::Verified, 1));
    // Down when the time ends: the first thing after the start is to lift.
    program.world.now = until + SignedDuration::from_secs(5);
    program.world.range.advance(program.world.now);
    program.start();
    program.wait(61);
    assert_eq!(program.stage(ANN), Stage::Lifted);
    assert!(is_open(&program, "user:ann"));
    program.check_ledger();
}

#[test]
fn a_protected_service_that_stops_lifts_the_newest_cause_first() {
    let orders = vec![
        order("isolate-host", Mode::Refuse, &["host:h1"], 1),
        order("block-flow", Mode::Refuse, &["flow:f1"], 2),
        order("disable-account", Mode::Refuse, &["user:cas"], 3),
    ];
    let protected = Setting { protected: vec!["tills".into()], ..setting() };
    let mut program = Program::new(Simulated::new(), protected);
    program.settle();
    program.raise("c1", orders);
    program.wait(60);
    assert_eq!(program.stage("block-flow/flow:f1"), Stage::Lifted);
    assert!(is_open(&program, "flow:f1"));
    for kept in ["isolate-host/host:h1", "disable-account/user:cas"] {
        assert_eq!(program.stage(kept), Stage::Verified, "{kept}");
    }
    assert_eq!(
        program.loop_.state.services[&ServiceId::from("tills")].state,
        ServiceState::Trading
    );
    assert_eq!(program.pages("tills"), 1);
    program.check_ledger();
}

#[test]
fn where_the_model_does_not_know_the_cause_one_after_the_other_is_lifted() {
    // The order forgets that the tills need the flow.
    let mut flow = order("block-flow", Mode::Refuse, &["flow:f1"], 1);
    flow.services.clear();
    let later = order("disable-account", Mode::Refuse, &["user:cas"], 2);
    let protected = Setting { protected: vec!["tills".into()], ..setting() };
    let mut program = Program::new(Simulated::new(), protected);
    program.settle();
    program.raise("c1", vec![flow, later]);
    program.wait(120);
    assert!(program.all(Stage::Lifted), "{:#?}", program.loop_.state.standings);
    assert_eq!(program.world.range.service(&"tills".into()), ServiceState::Trading);
}

#[test]
fn a_service_that_did_not_trade_before_rolls_nothing_back() {
    let protected = Setting { protected: vec!["tills".into()], ..setting() };
    let mut program = Program::new(Simulated::new(), protected);
    program.world.range.set_broken(&node("flow:f1"), true);
    program.settle();
    program.raise("c1", vec![order("block-flow", Mode::Refuse, &["flow:f1"], 1)]);
    program.wait(120);
    assert_eq!(program.stage("block-flow/flow:f1"), Stage::Verified);
}

#[test]
fn two_withdrawals_of_one_target_give_it_back_with_the_last() {
    let mut wide = order("disable-account", Mode::Refuse, &["user:ann", "user:cas"], 2);
    wide.withdrawal = "wide".into();
    for first in [ANN, "wide"] {
        let mut program = verified(vec![ann(), wide.clone()]);
        let second = if first == ANN { "wide" } else { ANN };
        program.lift(&[first]);
        program.until("lifted", |program| program.stage(first) == Stage::Lifted);
        program.wait(120);
        assert!(!is_open(&program, "user:ann"), "{first} opened what {second} holds");
        assert_eq!(program.count(second, drifted), 0);
        program.lift(&[second]);
        program.until("lifted", |program| program.all(Stage::Lifted));
        let before = rights(&Simulated::new().range);
        assert_eq!(before.differences(&rights(&program.world.range)), [], "{first} first");
        program.check_ledger();
    }
}

#[test]
fn a_second_cordon_that_finds_the_first_ones_cut_gives_the_old_state_back() {
    let mut program = verified(vec![ann()]);
    let mut wide = order("disable-account", Mode::Refuse, &["user:ann", "user:cas"], 1);
    wide.withdrawal = "wide".into();
    program.raise("c2", vec![wide]);
    program.until("verified", |program| program.all(Stage::Verified));
    program.lift(&[ANN]);
    program.wait(5);
    program.lift(&["wide"]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    let before = rights(&Simulated::new().range);
    assert_eq!(before.differences(&rights(&program.world.range)), []);
}

#[test]
fn raised_again_while_being_lifted_it_still_remembers_the_first_prior_state() {
    let mut program = verified(vec![ann()]);
    let end = program.world.now + SignedDuration::from_secs(1);
    program.lift(&[ANN]);
    // One round of the lift only.
    for _ in 0..3 {
        let _progress = program.loop_.round(end, &mut program.world).unwrap();
    }
    program.raise("c2", vec![ann()]);
    program.until("verified", |program| program.all(Stage::Verified));
    assert!(!is_open(&program, "user:ann"));
    program.lift(&[ANN]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    let before = rights(&Simulated::new().range);
    assert_eq!(before.differences(&rights(&program.world.range)), []);
    program.check_ledger();
}

#[test]
fn what_somebody_else_has_closed_since_is_left_to_them() {
    let mut program = verified(vec![ann()]);
    let theirs = Switch { closed: true, by: Some("admin".to_owned()), ..Switch::default() };
    program.world.range.set_switch(&node("user:ann"), "disable-account", theirs);
    program.lift(&[ANN]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    assert!(!is_open(&program, "user:ann"));
    let last = program.world.log.iter().rev().find_map(|entry| {
        let Record::Withdrawal(Moved { transition, .. }) = &entry.body else { return None };
        if let Transition::Lifted { left } = transition { Some(left) } else { None }
    });
    let by = Some("admin".to_owned());
    assert_eq!(last.unwrap()[0].answer, Answer::AlreadySo { by });
}

#[test]
fn an_offline_target_is_never_a_success_and_is_cut_when_it_comes_back() {
    let mut program = Program::new(Simulated::new(), setting());
    let offline = |manners: &mut Manners| {
        manners.nodes.insert(node("host:h1"), Fault::Offline);
    };
    program.world.range.behave(manners(offline));
    program.raise("c1", cordon());
    program.wait(300);
    // The half that could be done is done; the whole says failed, and calls a person once.
    assert!(!is_open(&program, "host:dc1"));
    assert_eq!((program.stage(HOSTS), program.pages(HOSTS)), (Stage::Failed, 1));
    assert_eq!(program.stage(ANN), Stage::Verified);
    program.wait(3600);
    assert_eq!((program.stage(HOSTS), program.pages(HOSTS)), (Stage::Failed, 1));
    program.world.range.behave(Manners::default());
    program.wait(400);
    assert_eq!(program.stage(HOSTS), Stage::Verified);
    assert!(!is_open(&program, "host:h1"));
    program.check_ledger();
}

#[test]
fn a_target_that_goes_offline_in_force_is_out_of_sight_until_it_is_back() {
    let mut program = verified(vec![ann()]);
    program.world.range.behave(manners(|m| m.everywhere = Some(Fault::Offline)));
    program.wait(300);
    let standing = &program.loop_.state.standings[&WithdrawalId::from(ANN)];
    assert!(!standing.in_sight);
    assert_eq!(standing.stage, Stage::Verified);
    let lost = |step: &Transition| matches!(step, Transition::OutOfSight { .. });
    assert_eq!(program.count(ANN, lost), 1);
    program.world.range.behave(Manners::default());
    program.wait(100);
    assert!(program.loop_.state.standings[&WithdrawalId::from(ANN)].in_sight);
    assert_eq!(program.stage(ANN), Stage::Verified);
    program.check_ledger();
}

#[test]
fn a_system_that_lies_is_found_out() {
    for (fault, kind) in [
        (Fault::Lies, TroubleKind::NotEffective),
        (Fault::LiesAlways, TroubleKind::NotEffective),
        (Fault::Denies(vec![Act::Refuse]), TroubleKind::Denied),
        (Fault::Mute, TroubleKind::Unknown),
        (Fault::Offline, TroubleKind::Unreachable),
        (Fault::Slow { seconds: 11 }, TroubleKind::NoReply),
    ] {
        let mut program = Program::new(Simulated::new(), setting());
        program.world.range.behave(manners(|m| m.everywhere = Some(fault.clone())));
        program.raise("c1", vec![ann()]);
        let failed =
            |program: &Program| program.count(ANN, |s| matches!(s, Transition::Failed { .. }));
        program.until("failed", |program| failed(program) == 1);
        let trouble = program.loop_.state.standings[&WithdrawalId::from(ANN)].trouble.clone();
        assert_eq!(trouble.map(|trouble| trouble.kind), Some(kind), "{fault:?}");
        assert!(program.pages(ANN) >= 1, "{fault:?}");
        let verified = program.count(ANN, |s| matches!(s, Transition::Verified { .. }));
        assert_eq!(verified, 0, "{fault:?}");
        program.check_ledger();
    }
}

#[test]
fn a_lift_that_does_not_come_off_calls_a_person_and_goes_on() {
    let mut program = verified(vec![ann()]);
    program.world.range.behave(manners(|m| m.everywhere = Some(Fault::Denies(vec![Act::Restore]))));
    program.lift(&[ANN]);
    program.wait(600);
    assert_eq!((program.stage(ANN), program.pages(ANN)), (Stage::Stuck, 1));
    program.world.range.behave(Manners::default());
    program.wait(400);
    assert_eq!((program.stage(ANN), program.pages(ANN)), (Stage::Lifted, 1));
    assert!(is_open(&program, "user:ann"));
}

#[test]
fn an_act_that_lands_late_does_not_outlive_its_lift() {
    let mut program = Program::new(Simulated::new(), setting());
    program
        .world
        .range
        .behave(manners(|m| m.next_calls = [None, Some(Fault::Slow { seconds: 40 })].into()));
    program.raise("c1", vec![ann()]);
    program.wait(1);
    program.lift(&[ANN]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    program.wait(100);
    assert!(is_open(&program, "user:ann"));
    let before = rights(&Simulated::new().range);
    assert_eq!(before.differences(&rights(&program.world.range)), []);
}

#[test]
fn what_may_never_be_touched_is_not() {
    let mut program = Program::new(
        Simulated::new(),
        Setting {
            guard: Guard { never_touch: [node("host:h1")].into(), ..Guard::default() },
            ..setting()
        },
    );
    program.raise("c1", cordon());
    program.wait(900);
    assert!(is_open(&program, "host:h1"));
    // Not even the half that may be touched, for the order as a whole is wrong.
    assert_eq!((program.stage(HOSTS), program.pages(HOSTS)), (Stage::Failed, 1));
    let acted = program.world.calls.iter().filter(|call| call.act.withdraws());
    assert!(acted.flat_map(|call| &call.targets).all(|target| *target != node("host:h1")));
    assert_eq!(program.stage(ANN), Stage::Verified);
}

#[test]
fn attempts_are_capped_by_the_hour_and_lifts_are_not() {
    let caps = [("disable-account".to_owned(), 3)].into();
    let guard = Guard { attempts_per_hour: caps, ..Guard::default() };
    let mut program = Program::new(Simulated::new(), Setting { guard, ..setting() });
    program.raise("c1", vec![ann()]);
    program.until("verified", |program| program.all(Stage::Verified));
    // Somebody fights back: two more puts-back pass, then a person must look.
    for _ in 0..4 {
        program.world.range.reopen(&node("user:ann"));
        program.wait(70);
    }
    let refusals = |program: &Program| {
        program.world.calls.iter().filter(|call| call.act == Act::Refuse).count()
    };
    assert_eq!(refusals(&program), 3);
    let trouble = program.loop_.state.standings[&WithdrawalId::from(ANN)].trouble.clone().unwrap();
    assert_eq!(trouble.kind, TroubleKind::Withheld);
    assert!(trouble.why.contains("cap of 3"), "{trouble}");
    program.wait(4000);
    assert_eq!((refusals(&program), program.stage(ANN)), (4, Stage::Verified));
    program.lift(&[ANN]);
    program.until("lifted", |program| program.all(Stage::Lifted));
    program.check_ledger();
}

#[test]
fn the_guard_lets_nothing_pass_that_the_ledger_does_not_hold() {
    let mut program = verified(vec![ann()]);
    let state = &program.loop_.state;
    let good = Call {
        act: Act::Look,
        order: ann(),
        targets: vec![node("user:ann")],
        prior: Vec::new(),
        attempt: 1,
    };
    let pass =
        |call: &Call| crate::guard(state, &Guard::default(), call, program.world.now).is_ok();
    assert!(pass(&good));
    let mut other_target = good.clone();
    other_target.targets = vec![node("user:cas")];
    let mut other_order = good.clone();
    other_order.order.targets = vec![node("user:cas")];
    let mut unknown = good;
    unknown.order.withdrawal = "x".into();
    let mut done = program.world.calls.iter().find(|c| c.act == Act::Refuse).unwrap().clone();
    for (name, call) in [("target", other_target), ("order", other_order), ("unknown", unknown)] {
        assert!(!pass(&call), "{name}");
    }
    assert!(!pass(&done), "an attempt that is over");
    done.act = Act::Restore;
    assert!(!pass(&done), "a lift that nobody ordered");
    program.settle();
}

#[test]
fn a_full_disk_holds_raises_up_but_lifts_go_on() {
    let mut program = verified(vec![ann()]);
    program.world.full = true;
    program.lift(&[ANN]);
    program.raise("c2", vec![order("isolate-host", Mode::Refuse, &["host:h1"], 1)]);
    for _ in 0..10 {
        program.settle();
        program.world.now += SignedDuration::from_secs(30);
        program.world.range.advance(program.world.now);
    }
    assert!(is_open(&program, "user:ann"));
    assert_eq!(program.stage(ANN), Stage::Lifted);
    assert!(is_open(&program, "host:h1"));
    program.world.full = false;
    program.wait(10);
    assert!(!is_open(&program, "host:h1"));
    program.check_ledger();
}

#[test]
fn without_a_connector_a_person_is_asked_and_confirms() {
    let mut by_hand = ann();
    by_hand.connector = None;
    let mut program = Program::new(Simulated::new(), setting());
    program.raise("c1", vec![by_hand]);
    program.wait(300);
    assert_eq!((program.stage(ANN), program.pages(ANN)), (Stage::Requested, 1));
    assert_eq!(program.world.calls.len(), 0);
    let confirmed = || {
        let by = By::Person("bob".to_owned());
        let transition = Transition::Confirmed { by };
        Record::Withdrawal(Moved { withdrawal: ANN.into(), transition })
    };
    program.tell(confirmed());
    assert_eq!(program.stage(ANN), Stage::Verified);
    program.lift(&[ANN]);
    program.wait(300);
    assert_eq!((program.stage(ANN), program.pages(ANN)), (Stage::Lifting, 2));
    program.tell(confirmed());
    assert_eq!(program.stage(ANN), Stage::Lifted);
    program.check_ledger();
}

#[test]
fn an_end_waits_for_the_refusal_of_its_target() {
    let mut end = order("end-sessions", Mode::End, &["user:ann"], 1);
    let mut refuse = ann();
    (end.order, refuse.order) = (1, 2);
    let program = verified(vec![end, refuse]);
    let acts: Vec<Act> =
        program.world.calls.iter().map(|call| call.act).filter(|act| act.withdraws()).collect();
    assert_eq!(acts, [Act::Refuse, Act::End]);
}

#[test]
fn raising_and_lifting_keep_the_plans_orders() {
    let orders = vec![
        order("isolate-host", Mode::Refuse, &["host:h1"], 3),
        order("block-flow", Mode::Refuse, &["flow:f1"], 1),
        order("disable-account", Mode::Refuse, &["user:cas"], 2),
    ];
    let ids = ["isolate-host/host:h1", "block-flow/flow:f1", "disable-account/user:cas"];
    let mut program = verified(orders);
    program.lift(&ids);
    program.until("lifted", |program| program.all(Stage::Lifted));
    let of = |act: Act| -> Vec<&str> {
        let calls = program.world.calls.iter().filter(|call| call.act == act);
        calls.map(|call| call.targets[0].as_str()).collect()
    };
    assert_eq!(of(Act::Refuse), ["flow:f1", "user:cas", "host:h1"]);
    assert_eq!(of(Act::Restore), ["host:h1", "user:cas", "flow:f1"]);
}

#[test]
fn a_thousand_withdrawals_are_raised_in_batches() {
    let mut builder = EstateBuilder::new("North", "GBP");
    let ids: Vec<String> = (0..1000).map(|n| format!("user:u{n}")).collect();
    for id in &ids {
        builder.node(&node(id));
    }
    let mut world = Simulated::new();
    world.range = Range::new(Arc::new(builder.finish().unwrap()));
    let mut program = Program::new(world, setting());
    let orders = ids.iter().zip(1..);
    let orders = orders.map(|(id, at)| order("disable-account", Mode::Refuse, &[id], at));
    program.raise("c1", orders.collect());
    program.until("verified", |program| program.all(Stage::Verified));
    assert_eq!(program.world.calls.len(), 4000);
    program.check_ledger();
}
