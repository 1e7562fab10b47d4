//! Records of the ledger become evidence, in the reading that rules out less.

use cordon_model::EstateBuilder;
use cordon_model::action::{ServiceState, Trouble, TroubleKind};
use cordon_model::estate::Coverage;
use cordon_model::record::{
    By, Heard, IncidentClosed, IncidentOpened, Moved, NodeInRole, RECORD_VERSION, ServiceSeen,
    Span as RecordSpan,
};
use cordon_model::signal::{Amount, Place, Verb};

use super::*;
use crate::fixture::{at, id};

fn estate() -> Estate {
    let mut builder = EstateBuilder::new("Test", "GBP");
    let (ann, db) = (builder.node(&id("user:ann")), builder.node(&id("db:members")));
    builder.node(&id("host:dc1"));
    builder.add_link(ann, db, "Controls", None);
    builder.coverage.push(Coverage { holding: db, source: "pgaudit:members".into() });
    builder.finish().unwrap()
}

fn entries(bodies: Vec<(i64, Record)>) -> Vec<Entry> {
    let entry =
        |((minute, body), seq)| Entry { seq, time: at(minute), version: RECORD_VERSION, body };
    bodies.into_iter().zip(1..).map(entry).collect()
}

fn gathered(bodies: Vec<(i64, Record)>) -> Gathered {
    gather(&estate(), &entries(bodies), None, at(60), 300)
}

fn foothold(node: &str, probability: f64, since: i64) -> Record {
    Record::Foothold(FootholdFound {
        incident: Some("inc-1".into()),
        node: id(node),
        aliases: Vec::new(),
        probability,
        entrenched: false,
        since: at(since),
        reasons: Vec::new(),
        reckoning: Vec::new(),
    })
}

fn decided(node: &str, verdict: FootholdVerdict) -> Record {
    Record::FootholdDecision(FootholdDecision {
        incident: None,
        node: id(node),
        verdict,
        by: By::Person("ann".into()),
        because: "seen".into(),
    })
}

fn moved(withdrawal: &str, transition: Transition) -> Record {
    Record::Withdrawal(Moved { withdrawal: withdrawal.into(), transition })
}

fn fact(minute: i64, kind: FactKind, nodes: &[(&str, Role)]) -> Record {
    Record::Fact(FactKept {
        time: at(minute),
        source: "pgaudit:members".into(),
        place: Place { file: "a.log".into(), record: 4 },
        kind,
        outcome: Outcome::Success,
        nodes: nodes
            .iter()
            .map(|(node, role)| NodeInRole { node: id(node), role: *role })
            .collect(),
    })
}

#[test]
fn the_newest_word_about_a_foothold_counts() {
    for (bodies, expect) in [
        (
            vec![(5, foothold("user:ann", 0.6, 3)), (9, foothold("user:ann", 0.9, 2))],
            vec![("user:ann", 0.9, 2)],
        ),
        (
            vec![
                (5, foothold("user:ann", 0.9, 3)),
                (9, decided("user:ann", FootholdVerdict::Clear)),
            ],
            vec![],
        ),
        (
            vec![
                (5, foothold("user:ann", 0.3, 3)),
                (9, decided("user:ann", FootholdVerdict::Confirm)),
            ],
            vec![("user:ann", 1.0, 3)],
        ),
        (
            vec![(5, foothold("user:ann", 0.9, 3)), (9, decided("user:bob", FootholdVerdict::Add))],
            vec![("user:ann", 0.9, 3), ("user:bob", 1.0, 3)],
        ),
        (
            vec![
                (5, foothold("user:ann", 0.9, 3)),
                (8, decided("user:ann", FootholdVerdict::Clear)),
                (9, decided("user:ann", FootholdVerdict::Withdraw)),
            ],
            vec![("user:ann", 0.9, 3)],
        ),
    ] {
        let found = gathered(bodies).evidence.footholds;
        let found: Vec<(&str, f64, Timestamp)> =
            found.iter().map(|f| (f.node.as_str(), f.probability, f.since)).collect();
        let expect: Vec<(&str, f64, Timestamp)> =
            expect.into_iter().map(|(node, p, since)| (node, p, at(since))).collect();
        assert_eq!(found, expect);
    }
}

#[test]
fn a_withdrawal_holds_from_when_nothing_is_open_until_it_is_not_seen_to() {
    const REFUSE: &str = "disable-account/user:ann";
    const END: &str = "end-sessions/user:ann";
    let effective = |open, residual_seconds| Transition::Effective { open, residual_seconds };
    let trouble = Trouble::new(TroubleKind::NoReply, "x");
    for (moves, expect) in [
        (vec![(REFUSE, 10, effective(0, None))], vec![(10, None)]),
        (vec![(REFUSE, 10, effective(2, Some(600)))], vec![(20, None)]),
        (vec![(REFUSE, 10, effective(2, None))], vec![]),
        (vec![(REFUSE, 10, effective(2, None)), (END, 12, effective(0, None))], vec![(12, None)]),
        (
            vec![(REFUSE, 10, effective(2, None)), (REFUSE, 13, effective(0, None))],
            vec![(13, None)],
        ),
        (
            vec![
                (REFUSE, 10, effective(0, None)),
                (REFUSE, 20, Transition::OutOfSight { trouble }),
                (REFUSE, 22, effective(0, None)),
            ],
            vec![(10, Some(20)), (22, None)],
        ),
        (
            vec![
                (REFUSE, 10, effective(0, None)),
                (REFUSE, 20, Transition::Lifting { attempt: 1, restore: Vec::new() }),
                (REFUSE, 21, Transition::Lifted { left: Vec::new() }),
            ],
            vec![(10, Some(20))],
        ),
        (
            vec![
                (REFUSE, 9, Transition::Asked { act: Act::Refuse }),
                (REFUSE, 10, Transition::Confirmed { by: By::Cordon }),
            ],
            vec![(10, None)],
        ),
        (
            vec![
                (REFUSE, 9, Transition::Requested { attempt: 1, prior: Vec::new() }),
                (REFUSE, 10, Transition::Acknowledged { outcomes: Vec::new() }),
            ],
            vec![],
        ),
    ] {
        let bodies = moves.into_iter().map(|(id, minute, to)| (minute, moved(id, to))).collect();
        let held = gathered(bodies).evidence.withdrawals;
        let held: Vec<_> = held
            .iter()
            .filter(|w| w.withdrawal.as_str() == REFUSE)
            .map(|w| (w.from, w.to))
            .collect();
        let expect: Vec<_> = expect.into_iter().map(|(from, to)| (at(from), to.map(at))).collect();
        assert_eq!(held, expect);
    }
}

#[test]
fn an_access_finds_its_holding_and_its_actor() {
    let read = FactKind::Access {
        verb: Verb::Read,
        amount: Amount { rows: Some(4), ..Amount::default() },
    };
    for (nodes, actors, targets, left) in [
        (
            &[("user:ann", Role::Actor), ("db:members", Role::Target)][..],
            &["user:ann"][..],
            &["db:members"][..],
            false,
        ),
        // A table that the estate does not know: the source says where it lies.
        (
            &[("user:ann", Role::Actor), ("data:public.members", Role::Target)],
            &["user:ann"],
            &["db:members", "data:public.members"],
            false,
        ),
        (
            &[
                ("user:ann", Role::Actor),
                ("address:203.0.113.9", Role::Source),
                ("db:members", Role::Target),
            ],
            &["user:ann"],
            &["db:members"],
            true,
        ),
        (
            &[
                ("user:ann", Role::Actor),
                ("address:10.1.2.3", Role::Source),
                ("db:members", Role::Target),
            ],
            &["user:ann"],
            &["db:members"],
            false,
        ),
        (
            &[("user:ann", Role::Actor), ("host:w1", Role::Source), ("db:members", Role::Target)],
            &["user:ann", "host:w1"],
            &["db:members"],
            false,
        ),
    ] {
        let found = gathered(vec![(20, fact(15, read, nodes))]).evidence.accesses;
        let [access] = found.as_slice() else { panic!("one access") };
        let names = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            (names(&access.actors), names(&access.targets), access.left),
            (
                actors.iter().map(ToString::to_string).collect(),
                targets.iter().map(ToString::to_string).collect(),
                left,
            ),
            "{nodes:?}"
        );
        assert_eq!((access.time, access.reference.entry), (at(15), 1));
    }
}

#[test]
fn sources_are_heard_where_records_say_so() {
    let span = |from, to| RecordSpan { source: "s".into(), from: at(from), to: at(to) };
    let heard = |from, to| Record::Heard(Heard { span: span(from, to), events: 9 });
    for (bodies, expect) in [
        (vec![heard(0, 10), heard(14, 20)], vec![(-5, 25)]),
        (vec![heard(0, 10), heard(16, 20)], vec![(-5, 10), (16, 25)]),
        (vec![heard(0, 20), Record::Silent(span(8, 9))], vec![(-5, 8), (9, 25)]),
    ] {
        let found = gathered(bodies.into_iter().map(|body| (30, body)).collect()).evidence.sources;
        let expect: Vec<Span> = expect.into_iter().map(|(a, b)| Span::new(at(a), at(b))).collect();
        assert_eq!(found[0].heard, expect);
    }
}

#[test]
fn windows_end_when_the_incident_is_closed() {
    let opened = Record::IncidentOpened(IncidentOpened {
        incident: "inc-1".into(),
        from: at(2),
        summary: String::new(),
    });
    let closed = Record::IncidentClosed(IncidentClosed {
        incident: "inc-1".into(),
        to: at(30),
        by: By::Cordon,
        because: String::new(),
    });
    let open = vec![(5, opened), (5, foothold("user:ann", 0.9, 3))];
    let found = gathered(open.clone());
    assert_eq!((found.evidence.window, found.aware), (Span::new(at(3), at(60)), Some(at(5))));
    let mut ended = open;
    ended.push((40, closed));
    assert_eq!(gathered(ended).evidence.window, Span::new(at(3), at(40)));
}

#[test]
fn logons_of_the_intruder_are_told_but_for_front_doors() {
    let logon = FactKind::Logon { remote: true };
    let by = |who: &str, minute| {
        (minute, fact(minute, logon, &[(who, Role::Actor), ("host:dc1", Role::Place)]))
    };
    let mut bodies = vec![(1, foothold("user:ann", 0.9, 3)), by("user:ann", 2), by("user:ann", 20)];
    let found = gathered(bodies.clone()).evidence.logons;
    assert_eq!(found.iter().map(|logon| logon.time).collect::<Vec<_>>(), [at(20)]);
    bodies.extend(["user:b", "user:c", "user:d", "user:e", "user:f"].map(|who| by(who, 10)));
    assert_eq!(gathered(bodies).evidence.logons, []);
}

#[test]
fn services_are_as_old_as_the_last_entry() {
    let seen = |state| {
        Record::Service(ServiceSeen { service: "tills".into(), state, because: "tcp".into() })
    };
    let found = gathered(vec![
        (10, seen(ServiceState::Trading)),
        (20, seen(ServiceState::Degraded)),
        (50, foothold("user:ann", 0.9, 3)),
    ]);
    let [view] = found.services.views.as_slice() else { panic!("one view") };
    assert_eq!((view.state, view.since, view.checked), (ServiceState::Degraded, at(20), at(50)));
    assert_eq!(found.evidence.position, 3);
}

#[test]
fn what_a_foothold_reaches_is_known_inside_the_estate_only() {
    let logon = FactKind::Logon { remote: true };
    let found = gathered(vec![
        (5, foothold("user:ann", 0.9, 3)),
        (5, foothold("user:new", 0.9, 3)),
        (5, foothold("address:203.0.113.9", 0.9, 3)),
        (5, foothold("host:outside", 0.9, 3)),
        (5, foothold("host:inside", 0.9, 3)),
        (
            6,
            fact(
                4,
                logon,
                &[
                    ("user:ann", Role::Actor),
                    ("host:outside", Role::Source),
                    ("host:inside", Role::Place),
                ],
            ),
        ),
    ]);
    let known: Vec<(&str, bool)> =
        found.evidence.footholds.iter().map(|f| (f.node.as_str(), f.reach_known)).collect();
    assert_eq!(
        known,
        [
            ("address:203.0.113.9", true),
            ("host:inside", false),
            ("host:outside", true),
            ("user:ann", true),
            ("user:new", false),
        ]
    );
}

#[test]
fn an_account_that_the_estate_knows_as_a_key_is_the_key() {
    let mut builder = EstateBuilder::from_estate(&estate());
    let mut key = cordon_model::Node::new(id("key:export"));
    key.aliases = vec!["arn:aws:iam::1:user/export".into()];
    builder.add_node(key);
    let estate = builder.finish().unwrap();
    let mut found = foothold("user:arn:aws:iam::1:user/export", 0.9, 3);
    if let Record::Foothold(found) = &mut found {
        found.aliases = vec!["AIDA1".into(), "arn:aws:iam::1:user/Export".into()];
    }
    let gathered = gather(&estate, &entries(vec![(5, found)]), None, at(60), 300);
    let [foothold] = gathered.evidence.footholds.as_slice() else { panic!("one foothold") };
    assert_eq!((foothold.node.as_str(), foothold.reach_known), ("key:export", true));
}
