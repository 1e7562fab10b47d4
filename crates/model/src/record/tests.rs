//! Every sort of record comes back from its JSON as it went in.

use super::*;
use crate::action::{Access, Answer, Finding, TroubleKind};
use crate::estate::Mode;
use crate::signal::{Amount, ChangeKind, Verb};

fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn check(body: Record, tag: &str) {
    let entry = Entry { seq: 7, time: time("2026-03-01T02:13:00Z"), version: RECORD_VERSION, body };
    let json = serde_json::to_string(&entry).unwrap();
    assert!(json.contains(&format!("\"record\":\"{tag}\"")), "{json}");
    assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry, "{json}");
}

fn moved(transition: Transition) -> Record {
    Record::Withdrawal(Moved { withdrawal: "disable-account/user:ann".into(), transition })
}

#[test]
fn evidence_survives_json() {
    let from = time("2026-03-01T00:00:00.123456789Z");
    let place = Place { file: "a.log".into(), record: 3 };
    let source = "pgaudit:members".to_owned();
    let span = Span { source: source.clone(), from, to: from };
    check(Record::Heard(Heard { span: span.clone(), events: u64::MAX }), "heard");
    check(Record::Silent(span), "silent");
    let kinds = [
        FactKind::Logon { remote: true },
        FactKind::Access {
            verb: Verb::Export,
            amount: Amount { rows: Some(5), bytes: None, objects: Some(1) },
        },
        FactKind::Change { change: ChangeKind::NewKey },
    ];
    for kind in kinds {
        let nodes = vec![NodeInRole { node: node("user:ann"), role: Role::Actor }];
        let fact = FactKept {
            time: from,
            source: source.clone(),
            place: place.clone(),
            kind,
            outcome: FactOutcome::Success,
            nodes,
        };
        assert_eq!(fact.in_role(Role::Actor).count(), 1);
        assert_eq!(fact.in_role(Role::Target).count(), 0);
        check(Record::Fact(fact), "fact");
    }
    let foothold = FootholdFound {
        incident: Some("inc-1".into()),
        node: node("user:ann"),
        aliases: vec!["NORTH\\ann".to_owned()],
        probability: 0.1 + 0.2,
        entrenched: false,
        since: from,
        reasons: vec!["a new device".to_owned()],
        reckoning: Vec::new(),
    };
    check(Record::Foothold(foothold), "foothold");
}

#[test]
fn moves_survive_json() {
    let observed = Observed {
        target: node("user:ann"),
        access: Access::Open,
        owner: None,
        state: serde_json::json!({"flags": 512, "nested": [1.5, null]}),
        open: 2,
        residual_seconds: Some(600),
    };
    let order = Order {
        withdrawal: "disable-account/user:ann".into(),
        kind: "disable-account".to_owned(),
        mode: Mode::Refuse,
        targets: vec![node("user:ann")],
        connector: Some("range".to_owned()),
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 3600,
        services: vec!["tills".into()],
        note: String::new(),
    };
    let choice = PlanChoice {
        plan: "p1".into(),
        sha256: "00".to_owned(),
        alternative: AlternativeName::Balanced,
    };
    let raise = Raise {
        cordon: "c1".into(),
        incident: None,
        choice,
        orders: vec![order],
        by: By::Person("ann".to_owned()),
        because: "approved".to_owned(),
    };
    check(Record::Raise(raise), "raise");
    check(moved(Transition::Requested { attempt: 1, prior: vec![observed] }), "withdrawal");
    let trouble = Trouble::new(TroubleKind::NoReply, "five seconds");
    let outcomes = vec![
        Outcome { target: node("user:ann"), answer: Answer::AlreadySo { by: None } },
        Outcome { target: node("user:bob"), answer: Answer::Failed(trouble.clone()) },
    ];
    check(moved(Transition::Tried { act: Act::Refuse, trouble, outcomes }), "withdrawal");
    check(moved(Transition::Expired), "withdrawal");
    let findings = vec![Probed { target: node("user:ann"), finding: Finding::Holds }];
    check(moved(Transition::Verified { findings }), "withdrawal");
    let lift = Lift {
        withdrawals: vec!["x".into()],
        by: By::Cordon,
        because: "done".to_owned(),
        for_service: Some("tills".into()),
    };
    check(Record::Lift(lift), "lift");
}

#[test]
fn only_steps_of_a_lift_may_pass_a_full_disk() {
    assert!(moved(Transition::Expired).is_of_a_lift());
    let trouble = Trouble::new(TroubleKind::Denied, "no");
    for (act, of_lift) in [(Act::Restore, true), (Act::Refuse, false), (Act::Look, false)] {
        let tried = Transition::Tried { act, trouble: trouble.clone(), outcomes: Vec::new() };
        assert_eq!(moved(tried).is_of_a_lift(), of_lift, "{act:?}");
    }
    assert!(!moved(Transition::Requested { attempt: 1, prior: Vec::new() }).is_of_a_lift());
}
