//! The range keeps the promises of a connector, misbehaves only as told, and
//! looks the same to the intruder, to staff and to Cordon.

use std::collections::VecDeque;

use cordon_model::action::{Access, Act, Answer, Call, Observed, Order, Reply, TroubleKind};
use cordon_model::estate::Service;
use cordon_model::needs::Needs;
use cordon_model::outage::NodeSet;
use cordon_model::{EstateBuilder, Mode, Money};
use jiff::SignedDuration;

use super::*;
use crate::{Connector as _, Readiness};

const DEADLINE: std::time::Duration = std::time::Duration::from_secs(5);

fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

fn estate() -> Arc<Estate> {
    let mut builder = EstateBuilder::new("North", "GBP");
    let ids = ["user:ann", "host:h1", "host:h2", "flow:f1", "db:d1", "session:s1"];
    let ix: Vec<NodeIx> = ids.iter().map(|id| builder.node(&node(id))).collect();
    for (from, to) in [(0, 1), (1, 2), (2, 4), (0, 3), (3, 4), (5, 0)] {
        builder.add_link(ix[from], ix[to], "Controls", None);
    }
    builder.services.push(Service {
        id: "tills".into(),
        name: None,
        needs: Needs::any(vec![Needs::Node(ix[1]), Needs::Node(ix[3])]),
        protected: true,
        cost_per_hour: Money::units(1),
        probe: None,
    });
    Arc::new(builder.finish().unwrap())
}

fn call(act: Act, kind: &str, mode: Mode, targets: &[&str]) -> Call {
    let order = Order {
        withdrawal: format!("{kind}/{}", targets[0]).into(),
        kind: kind.to_owned(),
        mode,
        targets: targets.iter().map(|id| node(id)).collect(),
        connector: Some(RANGE.to_owned()),
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 60,
        services: Vec::new(),
        note: String::new(),
    };
    Call { act, targets: order.targets.clone(), order, prior: Vec::new(), attempt: 0 }
}

fn isolate(act: Act, targets: &[&str]) -> Call {
    call(act, "isolate-host", Mode::Refuse, targets)
}

fn look(range: &mut Range, call: &Call) -> Vec<Observed> {
    let reply = range.perform(&Call { act: Act::Look, ..call.clone() }, DEADLINE);
    let Reply::Seen { targets } = reply else { panic!("{reply:?}") };
    targets
}

fn act(range: &mut Range, call: &Call) -> Vec<Answer> {
    let reply = range.perform(call, DEADLINE);
    let Reply::Acted { outcomes } = reply else { panic!("{reply:?}") };
    outcomes.into_iter().map(|outcome| outcome.answer).collect()
}

fn already(by: &str) -> Answer {
    Answer::AlreadySo { by: Some(by.to_owned()) }
}

fn seconds(count: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(count)
}

#[test]
fn refuse_and_restore_are_exact_idempotent_and_touch_nothing_else() {
    let mut range = Range::new(estate());
    let settings = [("vlan".to_owned(), "12".to_owned())].into();
    let switch = Switch { settings, ..Switch::default() };
    range.set_switch(&node("host:h1"), "isolate-host", switch);
    let before = range.state();
    let refuse = isolate(Act::Refuse, &["host:h1", "host:h2"]);
    let prior = look(&mut range, &refuse);
    assert!(prior.iter().all(|seen| seen.access == Access::Open));
    let refuse = Call { prior, ..refuse };
    assert_eq!(act(&mut range, &refuse), [Answer::Done, Answer::Done]);
    assert_eq!(act(&mut range, &refuse), [already("cordon"), already("cordon")]);
    let touched: Vec<String> =
        before.differences(&range.state()).iter().map(|d| d.node.to_string()).collect();
    assert!(touched.iter().all(|id| id == "host:h1" || id == "host:h2"), "{touched:?}");
    assert!(!range.is_open(&node("host:h1")) && range.is_open(&node("user:ann")));
    let restore = Call { act: Act::Restore, ..refuse };
    assert_eq!(act(&mut range, &restore), [Answer::Done, Answer::Done]);
    assert_eq!(range.state(), before);
    assert_eq!(act(&mut range, &restore), vec![Answer::AlreadySo { by: None }; 2]);
    assert_eq!(range.state(), before);
}

#[test]
fn what_others_did_is_told_and_left() {
    let mut range = Range::new(estate());
    let refuse = isolate(Act::Refuse, &["host:h1"]);
    let prior = look(&mut range, &refuse);
    let theirs = Switch { closed: true, by: Some("admin".to_owned()), ..Switch::default() };
    range.set_switch(&node("host:h1"), "isolate-host", theirs);
    let refuse = Call { prior, ..refuse };
    assert_eq!(act(&mut range, &refuse), [already("admin")]);
    let restore = Call { act: Act::Restore, ..refuse.clone() };
    assert_eq!(act(&mut range, &restore), [already("admin")]);
    assert!(!range.is_open(&node("host:h1")));
    // A setting changed since the look: compare-and-swap refuses to act on old knowledge.
    let settings = [("vlan".to_owned(), "13".to_owned())].into();
    let moved = Switch { settings, ..Switch::default() };
    range.set_switch(&node("host:h1"), "isolate-host", moved);
    let answers = act(&mut range, &refuse);
    assert!(matches!(&answers[..], [Answer::Failed(t)] if t.kind == TroubleKind::Changed));
    let absent = isolate(Act::Refuse, &["host:none"]);
    assert_eq!(look(&mut range, &absent)[0].access, Access::Absent);
    range.make(&node("host:none"), "intruder");
    assert_eq!(look(&mut range, &absent)[0].access, Access::Open);
}

#[test]
fn ending_closes_what_can_be_closed_and_tells_the_rest() {
    let mut range = Range::new(estate());
    let ann = node("user:ann");
    let token = Session { who: "x".to_owned(), until: Some(seconds(90)), cannot_be_ended: true };
    let plain = Session { who: "y".to_owned(), until: None, cannot_be_ended: false };
    range.open_session(&ann, token).unwrap();
    range.open_session(&ann, plain.clone()).unwrap();
    let end = call(Act::End, "end-sessions", Mode::End, &["user:ann"]);
    let seen = &look(&mut range, &end)[0];
    assert_eq!((seen.access, seen.open, seen.residual_seconds), (Access::Open, 2, None));
    assert_eq!(act(&mut range, &end), [Answer::Done]);
    range.advance(seconds(30));
    let seen = &look(&mut range, &end)[0];
    assert_eq!((seen.access, seen.open, seen.residual_seconds), (Access::Open, 1, Some(60)));
    assert!(range.has_session(&ann, "x") && !range.has_session(&ann, "y"));
    range.advance(seconds(90));
    assert_eq!(look(&mut range, &end)[0].access, Access::Refused);
    // Refusing new ones leaves open ones open, and ending lets new ones start.
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:ann"]);
    range.open_session(&ann, plain.clone()).unwrap();
    act(&mut range, &refuse);
    assert!(range.has_session(&ann, "y"));
    assert_eq!(range.open_session(&ann, plain), None);
    // A session that the estate names is removed by ending it.
    let end = call(Act::End, "end-session", Mode::End, &["session:s1"]);
    act(&mut range, &end);
    assert!(!range.is_open(&node("session:s1")));
    assert_eq!(look(&mut range, &end)[0].access, Access::Refused);
}

#[test]
fn acts_take_their_time() {
    let mut range = Range::new(estate());
    let manners =
        Manners { seconds_by_kind: [("isolate-host".to_owned(), 3)].into(), ..Manners::default() };
    range.behave(manners.clone());
    let refuse = isolate(Act::Refuse, &["host:h1"]);
    let refuse = Call { prior: look(&mut range, &refuse), ..refuse };
    assert_eq!(act(&mut range, &refuse), [Answer::Done]);
    assert_eq!(act(&mut range, &refuse), [Answer::Done], "a repeat on its way is the same act");
    assert!(range.is_open(&node("host:h1")));
    range.advance(seconds(3));
    assert!(!range.is_open(&node("host:h1")));
    assert_eq!(range.state().pending, []);
    // Slower than the deadline: no reply, but it is done in the end.
    let slow = Fault::Slow { seconds: 10 };
    range.behave(Manners { everywhere: Some(slow), ..manners });
    let restore = Call { act: Act::Restore, ..refuse };
    let answers = act(&mut range, &restore);
    assert!(matches!(&answers[..], [Answer::Failed(t)] if t.kind == TroubleKind::NoReply));
    range.advance(seconds(20));
    assert!(range.is_open(&node("host:h1")));
}

#[test]
fn a_restore_under_way_leaves_what_somebody_closes_meanwhile() {
    let mut range = Range::new(estate());
    let refuse = isolate(Act::Refuse, &["host:h1"]);
    let refuse = Call { prior: look(&mut range, &refuse), ..refuse };
    act(&mut range, &refuse);
    range.behave(Manners { seconds: 3, ..Manners::default() });
    assert_eq!(act(&mut range, &Call { act: Act::Restore, ..refuse }), [Answer::Done]);
    let theirs = Switch { closed: true, by: Some("admin".to_owned()), ..Switch::default() };
    range.set_switch(&node("host:h1"), "isolate-host", theirs);
    range.advance(seconds(3));
    assert!(!range.is_open(&node("host:h1")));
}

#[test]
fn each_fault_shows_as_itself() {
    let refuse = isolate(Act::Refuse, &["host:h1"]);
    // (fault, trouble of the look, trouble of the act, whether it was done)
    let cases = [
        (Fault::Offline, Some(TroubleKind::Unreachable), Some(TroubleKind::Unreachable), false),
        (Fault::LosesReplies, Some(TroubleKind::NoReply), Some(TroubleKind::NoReply), true),
        (Fault::Lies, None, None, false),
        (Fault::LiesAlways, None, None, false),
        (Fault::Denies(vec![Act::Refuse]), None, Some(TroubleKind::Denied), false),
        (Fault::Denies(vec![Act::Look]), Some(TroubleKind::Denied), None, true),
        (Fault::Mute, None, None, true),
    ];
    for (fault, of_look, of_act, is_done) in cases {
        let mut range = Range::new(estate());
        range.behave(Manners { everywhere: Some(fault.clone()), ..Manners::default() });
        let looked = range.look(&refuse, DEADLINE).err().map(|trouble| trouble.kind);
        assert_eq!(looked, of_look, "{fault:?}");
        let answers = act(&mut range, &refuse);
        let trouble = match &answers[..] {
            [Answer::Failed(trouble)] => Some(trouble.kind),
            _ => None,
        };
        assert_eq!((trouble, !range.is_open(&node("host:h1"))), (of_act, is_done), "{fault:?}");
    }
    // A fault of one node leaves the other; a queued fault strikes one call.
    let mut range = Range::new(estate());
    let both = isolate(Act::Refuse, &["host:h1", "host:h2"]);
    range.behave(Manners {
        nodes: [(node("host:h1"), Fault::Offline)].into(),
        next_calls: VecDeque::from([None, Some(Fault::Mute)]),
        ..Manners::default()
    });
    let access = |seen: Vec<Observed>| seen.iter().map(|o| o.access).collect::<Vec<_>>();
    assert_eq!(access(look(&mut range, &both)), [Access::Unknown, Access::Open]);
    assert_eq!(access(look(&mut range, &both)), [Access::Unknown, Access::Unknown]);
    let answers = act(&mut range, &both);
    assert!(matches!(&answers[..], [Answer::Failed(_), Answer::Done]), "{answers:?}");
}

#[test]
fn preflight_says_what_could_not_be_done() {
    let mut range = Range::new(estate());
    assert!(range.preflight(DEADLINE).iter().all(|check| check.finding == Readiness::Able));
    let denies = Some(Fault::Denies(vec![Act::Restore]));
    range.behave(Manners { everywhere: denies, ..Manners::default() });
    let unable: Vec<Act> = range
        .preflight(DEADLINE)
        .into_iter()
        .filter(|check| check.finding != Readiness::Able)
        .map(|check| check.act)
        .collect();
    assert!(!unable.is_empty() && unable.iter().all(|act| *act == Act::Restore), "{unable:?}");
}

#[test]
fn the_intruder_gets_exactly_where_a_plain_search_says() {
    let estate = estate();
    let control = ControlGraph::new(&estate);
    let all: Vec<NodeIx> = (0..).map(NodeIx).take(estate.nodes().len()).collect();
    for mask in 0_u32..64 {
        let blocked: Vec<NodeIx> =
            all.iter().copied().filter(|node| mask & (1 << node.0) != 0).collect();
        let mut range = Range::new(Arc::clone(&estate));
        for &node in &blocked {
            let id = estate.id(node).as_str();
            let mode = if id.starts_with("session:") { Mode::End } else { Mode::Refuse };
            let act_ = if mode == Mode::End { Act::End } else { Act::Refuse };
            act(&mut range, &call(act_, "any", mode, &[id]));
        }
        // The intruder walks from the session by what the range permits.
        let start = estate.find("session:s1").unwrap();
        let mut walked = Vec::new();
        let mut next = Vec::from_iter(range.is_open(estate.id(start)).then_some(start));
        while let Some(at) = next.pop() {
            if !walked.contains(&at) {
                walked.push(at);
                let permits = |to: &&NodeIx| range.permits(estate.id(at), estate.id(**to));
                next.extend(all.iter().filter(permits));
            }
        }
        let search = control.reach([start], [], &NodeSet::from_nodes(all.len(), blocked));
        for &node in &all {
            let id = estate.id(node);
            assert_eq!(walked.contains(&node), search.contains(node), "{id} with {mask:06b}");
        }
    }
}

#[test]
fn services_stop_by_what_is_closed_or_broken() {
    let mut range = Range::new(estate());
    let tills = "tills".into();
    assert_eq!(range.service(&tills), ServiceState::Trading);
    act(&mut range, &isolate(Act::Refuse, &["host:h1"]));
    assert_eq!(range.service(&tills), ServiceState::Trading, "the flow is left");
    range.set_broken(&node("flow:f1"), true);
    assert_eq!(range.service(&tills), ServiceState::Stopped);
    range.reopen(&node("host:h1"));
    assert_eq!(range.service(&tills), ServiceState::Trading);
    assert_eq!(range.service(&"none".into()), ServiceState::Unknown);
}

#[test]
fn it_outlives_the_program_in_its_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("range.json");
    let mut range = Range::open(estate(), &file).unwrap();
    let seconds_by_kind = [("isolate-host".to_owned(), 5)].into();
    range.behave(Manners { seconds_by_kind, ..Manners::default() });
    act(&mut range, &isolate(Act::Refuse, &["host:h1"]));
    range.reopen(&node("host:h2"));
    let state = range.state();
    drop(range);
    let range = Range::open(estate(), &file).unwrap();
    assert_eq!(range.state(), state);
    range.advance(seconds(5));
    assert!(!range.is_open(&node("host:h1")), "what was under way goes on");
    std::fs::write(&file, "{").unwrap();
    assert!(matches!(Range::open(estate(), &file), Err(RangeFileError::Form { .. })));
}
