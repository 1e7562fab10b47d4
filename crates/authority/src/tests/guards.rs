//! What no policy and no approval can allow.

use super::*;
use crate::Attempts;

/// Permits everything to everybody.
const ALL: &str = r#"@id("all") @because("all") permit (principal, action, resource);"#;

#[test]
fn nobody_can_approve_these_away() {
    let authority = authority(ALL);
    let approved =
        Question { approvals: ["bob", "carla"].map(str::to_owned).into(), ..by("carla") };
    for (ids, expected) in [
        (&["disable-account/user:adm"][..], "yes"),
        (&["disable-account/user:glass"], "no: guard.never-touch"),
        (&["isolate-host/host:never"], "no: guard.never-touch"),
        (&["block-flow/flow:f1"], "yes"),
        (&["block-flow/flow:f1", "block-flow/flow:f2"], "no: guard.protected-service"),
        (&["isolate-host/host:dc1"], "no: guard.own-way"),
        (&["isolate-host/host:jump"], "no: guard.own-way"),
        (&["block-flow/flow:mgmt"], "no: guard.own-way"),
        (&["disable-account/user:ann"], "no: guard.own-access"),
        (&["end-sessions/user:ann"], "no: guard.own-access"),
        (&["isolate-host/host:ann-laptop"], "no: guard.own-access"),
        (&["block-flow/flow:vpn"], "no: guard.own-access"),
        (&["disable-account/user:bob"], "no: guard.own-access"),
        (&["isolate-host/host:h1"], "yes"),
        (
            &["isolate-host/host:dc1", "disable-account/user:glass"],
            "no: guard.never-touch, guard.own-way",
        ),
    ] {
        assert_eq!(asked_by(&authority, ids, &approved), expected, "{ids:?}");
    }
    let unarmed = Terms { armed: false, ..terms() };
    let unarmed = Authority::new(Policies::read("a", ALL).unwrap(), unarmed).unwrap();
    assert_eq!(asked_by(&unarmed, &["disable-account/user:adm"], &approved), "no: guard.not-armed");
    assert_eq!(unarmed.alone_in(&estate()), []);
    assert_eq!(asked_by(&unarmed.if_armed(), &["disable-account/user:adm"], &approved), "yes");
}

#[test]
fn own_access_goes_only_knowingly_and_only_of_people_at_work() {
    let authority = authority(ALL);
    let ids = &["disable-account/user:ann", "block-flow/flow:vpn"];
    for (asker, knowingly, expected) in [
        ("carla", &[][..], "no: guard.own-access, guard.own-access, guard.own-access"),
        ("carla", &["user:ann"], "no: guard.own-access"),
        ("carla", &["user:ann", "host:ann-laptop"], "yes"),
        ("carla", &["flow:vpn"], "no: guard.own-access, guard.own-access"),
    ] {
        let question =
            Question { knowingly: knowingly.iter().map(|id| node(id)).collect(), ..by(asker) };
        let told = asked_by(&authority, ids, &question);
        let told = told.replace(
            "guard.own-access, guard.own-access, guard.own-access",
            "guard.own-access, guard.own-access",
        );
        let expected = expected.replace(
            "guard.own-access, guard.own-access, guard.own-access",
            "guard.own-access, guard.own-access",
        );
        assert_eq!(told, expected, "{knowingly:?}");
    }
    // Bob is not on call: his account is his own only where he asks or has approved.
    let bobs = &["disable-account/user:bob"];
    assert_eq!(asked_by(&authority, bobs, &by("carla")), "yes");
    assert_eq!(asked_by(&authority, bobs, &by("bob")), "no: guard.own-access");
    let approved = Question { approvals: ["bob".to_owned()].into(), ..by("carla") };
    assert_eq!(asked_by(&authority, bobs, &approved), "no: guard.own-access");
}

#[test]
fn two_people_where_a_service_stops_though_the_policy_wants_none() {
    let authority = authority(ALL);
    let ids = &["isolate-host/host:h1"];
    let with = |names: &[&str]| Question {
        approvals: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Question::by(By::Cordon)
    };
    assert_eq!(asked_by(&authority, ids, &with(&[])), "2: anybody+anybody");
    assert_eq!(asked_by(&authority, ids, &with(&["carla"])), "2: anybody");
    assert_eq!(asked_by(&authority, ids, &with(&["carla", "bob"])), "yes");
    assert_eq!(asked(&authority, &["isolate-host/host:h2"]), "yes");
}

#[test]
fn attempts_are_capped_by_kind_and_by_connector() {
    let caps = Caps {
        kinds: [("disable-account".to_owned(), 3)].into(),
        others: Some(1),
        connectors: [("directory".to_owned(), 2)].into(),
    };
    let authority =
        Authority::new(Policies::read("a", ALL).unwrap(), Terms { caps, ..terms() }).unwrap();
    let tried = |kind: usize, connector: usize| Question {
        attempts: Attempts {
            kinds: [("disable-account".to_owned(), kind)].into(),
            connectors: [("directory".to_owned(), connector)].into(),
        },
        ..Question::by(By::Cordon)
    };
    let one = &["disable-account/user:adm"];
    let two = &["disable-account/user:adm", "disable-account/user:bob"];
    for (ids, question, expected) in [
        (&one[..], tried(2, 1), "yes"),
        (&one[..], tried(3, 1), "no: guard.attempts"),
        (&one[..], tried(1, 2), "no: guard.attempts"),
        (&two[..], tried(1, 0), "yes"),
        (&two[..], tried(2, 1), "no: guard.attempts, guard.attempts"),
        (
            &["block-flow/flow:f1", "block-flow/flow:mgmt"],
            tried(0, 0),
            "no: guard.own-way, guard.attempts",
        ),
    ] {
        assert_eq!(asked_by(&authority, ids, &question), expected, "{ids:?} {question:?}");
    }
    // What is in force already is not tried again.
    let in_force = Question { in_force: [two[0].into()].into(), ..tried(2, 1) };
    assert_eq!(asked_by(&authority, two, &in_force), "yes");
}

#[test]
fn what_is_in_force_counts_towards_what_stops() {
    let authority = authority(ALL);
    let question = |in_force: &[&str]| Question {
        in_force: in_force.iter().map(|id| (*id).into()).collect(),
        ..Question::by(By::Cordon)
    };
    let ids = &["block-flow/flow:f2"];
    assert_eq!(asked_by(&authority, ids, &question(&[])), "yes");
    assert_eq!(
        asked_by(&authority, ids, &question(&["block-flow/flow:f1"])),
        "no: guard.protected-service"
    );
}
