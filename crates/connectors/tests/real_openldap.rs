//! The directory connector against OpenLDAP with its password policy overlay.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and tells what it skips"
)]

mod directory;

use std::sync::Arc;
use std::time::Duration;

use cordon_connectors::conformance::{Help, Promise, Subject, Verdict, examine};
use cordon_connectors::{Connector as _, Readiness, Site};
use cordon_model::NodeId;
use cordon_model::action::{Access, Act, Answer, Finding, Json, Reply, TroubleKind};
use cordon_testbed::openldap::{self, ADMIN, BASE, Openldap, PASSWORD, SERVICE};
use cordon_testbed::samba::{Failed, differences};
use cordon_testbed::wait_for;
use directory::{Cut, DEADLINE, Relay, Then, secret, site, trouble};
use serde_json::json;

/// What every write changes, even one that is undone.
const VOLATILE: [&str; 3] = ["entryCSN", "modifyTimestamp", "modifiersName"];
const LOCKED: &str = "000001010000Z";

fn start(test: &str) -> Option<Openldap> {
    match openldap::start() {
        Ok(server) => Some(server),
        Err(Failed::Missing(missing)) => {
            println!("skipped: {test} ({missing})");
            None
        }
        Err(Failed::Io(error)) => panic!("{error}"),
    }
}

fn settings(server: &Openldap, change: impl FnOnce(&mut Json)) -> Site {
    secret(server.folder(), "secret", PASSWORD);
    let mut settings = json!({
        "urls": [server.ldaps()],
        "base": BASE,
        "scope": [format!("ou=staff,{BASE}")],
        "bind_user": SERVICE,
        "secret": "file:secret",
        "ca_file": "ca.pem",
        "dialect": "openldap",
    });
    change(&mut settings);
    let ann = format!("uid=ann,ou=staff,{BASE}");
    let gone = format!("uid=gone,ou=staff,{BASE}");
    let nodes: [(&str, &[&str]); 4] =
        [("user:ann", &[&ann]), ("user:bob", &[]), ("user:eve", &[]), ("user:gone", &[&gone])];
    site(server.folder(), settings, &nodes)
}

#[test]
fn accounts_are_locked_and_unlocked_exactly() {
    let Some(server) = start("accounts_are_locked_and_unlocked_exactly") else { return };
    // Bob has failed too often before: that lock is not ours, and comes back as it was.
    let bobs = "20260101000000Z";
    let bob = format!("uid=bob,ou=staff,{BASE}");
    server
        .ldif(&format!(
            "dn: {bob}\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: {bobs}\n"
        ))
        .unwrap();
    let before = server.dump().unwrap();
    assert_eq!(before[&bob]["pwdAccountLockedTime"], [bobs]);
    for change in [|_: &mut Json| {}, |s: &mut Json| s["urls"] = json!([s["starttls"]])] {
        let site = settings(&server, |settings| {
            settings["starttls"] = json!(server.starttls());
            change(settings);
            settings.as_object_mut().unwrap().remove("starttls");
        });
        let mut cut = Cut::new(&site, "disable-account", &["user:ann", "user:bob"]);
        let prior = cut.look();
        assert_eq!(prior[0].access, Access::Open);
        assert!(server.binds("ann", "staff"));
        assert_eq!(cut.act(Act::Refuse, &prior), vec![Answer::Done; 2]);
        let seen = cut.look();
        assert!(seen.iter().all(|s| s.access == Access::Refused), "{seen:?}");
        assert!(seen.iter().all(|s| s.owner.as_deref() == Some("cordon")), "{seen:?}");
        assert!(!server.binds("ann", "staff"));
        assert!(!server.binds("bob", "staff"));
        assert_eq!(cut.probe(), [Finding::Untried; 2], "nothing here proves it without a password");
        let again = cut.act(Act::Refuse, &prior);
        assert_eq!(again, vec![Answer::AlreadySo { by: Some("cordon".to_owned()) }; 2]);
        assert_eq!(cut.act(Act::Restore, &prior), vec![Answer::Done; 2]);
        assert_eq!(cut.act(Act::Restore, &prior), vec![Answer::AlreadySo { by: None }; 2]);
        assert!(server.binds("ann", "staff"));
        let after = server.dump().unwrap();
        assert_eq!(differences(&before, &after, &VOLATILE), Vec::<String>::new());
    }
}

#[test]
fn what_somebody_else_locks_or_changes_is_theirs() {
    let Some(server) = start("what_somebody_else_locks_or_changes_is_theirs") else { return };
    let site = settings(&server, |_| {});
    let mut cut = Cut::new(&site, "disable-account", &["user:ann"]);
    let prior = cut.look();
    set_lock(&server, "ann", "add");
    assert_eq!(cut.look()[0].owner, None);
    assert_eq!(cut.act(Act::Refuse, &prior), [Answer::AlreadySo { by: None }]);
    set_lock(&server, "ann", "delete");
    // Between the look of the refusal and its change: theirs as well, and said so.
    let server = Arc::new(server);
    let relay = Relay::new("127.0.0.1", server.ldaps().trim_start_matches("ldaps://"));
    let url = format!("ldaps://127.0.0.1:{}", relay.port);
    let held = settings(&server, |settings| settings["urls"] = json!([url]));
    let mut slow = Cut::new(&held, "disable-account", &["user:ann"]);
    let prior = slow.look();
    // A line that was cut while nobody used it is made anew.
    relay.cut();
    assert_eq!(slow.look(), prior);
    let other = Arc::clone(&server);
    relay.arm(1, Then::After(Box::new(move || set_lock(&other, "ann", "add"))));
    let theirs = Answer::AlreadySo { by: Some("somebody else".to_owned()) };
    assert_eq!(slow.act(Act::Refuse, &prior), [theirs]);
    set_lock(&server, "ann", "delete");
    // The change arrives, its answer does not: the directory knows whose it was.
    relay.arm(1, Then::NoAnswer);
    let answers = slow.act(Act::Refuse, &prior);
    assert_eq!(trouble(&answers[0]).0, TroubleKind::NoReply, "{answers:?}");
    wait_for("the change", 10, || slow.access() == [Access::Refused]).unwrap();
    let ours = Answer::AlreadySo { by: Some("cordon".to_owned()) };
    assert_eq!(slow.act(Act::Refuse, &prior), [ours]);
    assert_eq!(slow.act(Act::Restore, &prior), [Answer::Done]);
    set_lock(&server, "ann", "add");
    set_lock(&server, "ann", "delete");
    let dated = format!(
        "dn: uid=ann,ou=staff,{BASE}\nchangetype: modify\nadd: pwdAccountLockedTime\n\
         pwdAccountLockedTime: 20260101000000Z\n"
    );
    server.ldif(&dated).unwrap();
    let answers = cut.act(Act::Refuse, &prior);
    assert_eq!(trouble(&answers[0]).0, TroubleKind::Changed, "{answers:?}");
}

#[test]
fn rights_and_reach_are_told_as_they_are() {
    let Some(server) = start("rights_and_reach_are_told_as_they_are") else { return };
    let site = settings(&server, |_| {});
    let all = ["user:ann", "user:bob", "user:eve", "user:gone"];
    let mut cut = Cut::new(&site, "disable-account", &all);
    let before = server.dump().unwrap();
    let checks = cut.connector.preflight(DEADLINE);
    assert_eq!(checks.len(), 3, "{checks:#?}");
    assert!(checks.iter().all(|check| check.finding == Readiness::Able), "{checks:#?}");
    assert_eq!(cut.access(), [Access::Open, Access::Open, Access::Unknown, Access::Absent]);
    for (dn, attribute) in [
        ("uid=ann,ou=staff", "description"),
        ("uid=ann,ou=staff", "userPassword"),
        ("uid=eve,ou=other", "pwdAccountLockedTime"),
    ] {
        let ldif = format!(
            "dn: {dn},{BASE}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {LOCKED}\n"
        );
        let said = server.ldif_as(SERVICE, &ldif).unwrap_err().to_string();
        assert!(said.contains("(50)"), "{said}");
    }
    // A scope with a part that is not granted: half permitted, each told by itself.
    let wide = settings(&server, |settings| settings["scope"] = json!([BASE]));
    let mut half = Cut::new(&wide, "disable-account", &["user:ann", "user:eve"]);
    let prior = half.look();
    let answers = half.act(Act::Refuse, &prior);
    assert_eq!(answers[0], Answer::Done);
    assert_eq!(trouble(&answers[1]).0, TroubleKind::Denied, "{answers:?}");
    assert_eq!(half.act(Act::Restore, &prior)[0], Answer::Done);
    assert_eq!(differences(&before, &server.dump().unwrap(), &VOLATILE), Vec::<String>::new());

    let mighty = settings(&server, |settings| settings["bind_user"] = json!(ADMIN));
    let checks = Cut::new(&mighty, "disable-account", &[]).connector.preflight(DEADLINE);
    let excessive = |readiness: &Readiness| matches!(readiness, Readiness::Excessive(_));
    assert!(checks.iter().any(|check| excessive(&check.finding)), "{checks:#?}");
    assert_eq!(differences(&before, &server.dump().unwrap(), &VOLATILE), Vec::<String>::new());

    let mut cut = Cut::new(&site, "end-sessions", &["user:ann"]);
    let call = cut.call(Act::Look, &[]);
    match cut.connector.perform(&call, Duration::from_secs(1)) {
        Reply::Trouble(trouble) => assert_eq!(trouble.kind, TroubleKind::Unsupported),
        other => panic!("{other:?}"),
    }
}

/// Locks or unlocks an account as the administrator.
fn set_lock(server: &Openldap, name: &str, how: &str) {
    let ldif = format!(
        "dn: uid={name},ou=staff,{BASE}\nchangetype: modify\n{how}: pwdAccountLockedTime\n\
         pwdAccountLockedTime: {LOCKED}\n"
    );
    server.ldif(&ldif).unwrap();
}

#[test]
fn it_keeps_its_promises() {
    let Some(server) = start("it_keeps_its_promises") else { return };
    let site = settings(&server, |_| {});
    let down = settings(&server, |settings| settings["urls"] = json!(["ldaps://127.0.0.1:9"]));
    let mut cut = Cut::new(&site, "disable-account", &["user:ann"]);
    let mut offline = Cut::new(&down, "disable-account", &[]);
    let subject = Subject {
        bystanders: vec![NodeId::parse("user:bob").unwrap()],
        outside: Some(NodeId::parse("user:eve").unwrap()),
        compares: true,
        ..Subject::new("disable-account", cut.mode, cut.targets.clone())
    };
    let mut disturb = |_: &NodeId| {
        let ldif = format!(
            "dn: uid=ann,ou=staff,{BASE}\nchangetype: modify\nadd: pwdAccountLockedTime\n\
             pwdAccountLockedTime: 20260101000000Z\n"
        );
        server.ldif(&ldif).unwrap();
    };
    let help = Help { disturb: Some(&mut disturb), offline: Some(&mut offline.connector) };
    for line in examine(&mut cut.connector, &subject, help) {
        let untried = [Promise::End, Promise::Listen, Promise::ProbeHolds].contains(&line.promise);
        let not_tried = line.verdict == Verdict::NotTried && untried;
        assert!(line.verdict == Verdict::Kept || not_tried, "{line:?}");
    }
}
