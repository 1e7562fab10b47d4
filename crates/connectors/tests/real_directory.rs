//! The directory connector against a Samba domain controller: a real Active Directory.
//!
//! Every test starts its own, with a service account that has the least rights
//! of `docs/connectors/directory.md`, and acts through that account alone.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and tells what it skips"
)]

#[path = "directory/bed.rs"]
mod bed;
mod directory;
#[path = "directory/figures.rs"]
mod figures;

use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bed::{Bed, OF_SIGN_INS, VOLATILE};
use cordon_connectors::conformance::{Help, Promise, Subject, Verdict, examine};
use cordon_connectors::{Connector as _, Readiness, Site};
use cordon_model::NodeId;
use cordon_model::action::{Access, Act, Answer, Finding, Json, Reply, TroubleKind};
use cordon_testbed::samba::{BASE, Right, differences};
use cordon_testbed::wait_for;
use directory::{Cut, DEADLINE, Relay, Then, secret, trouble};
use serde_json::json;

#[test]
fn accounts_are_kept_out_and_let_in_again() {
    let Some(bed) = Bed::start("accounts_are_kept_out_and_let_in_again") else { return };
    for (kind, independent) in [
        ("disable-account", Finding::Holds),
        // Samba's Kerberos asks for the password before it looks at the date.
        ("expire-account", Finding::Untried),
    ] {
        let mut cut = bed.cut(kind, &["user:ann", "user:bob", "user:cat"]);
        let prior = cut.look();
        assert!(prior.iter().all(|seen| seen.access == Access::Open), "{prior:?}");
        assert!(bed.samba.binds("ann"));
        bed.samba.kinit("ann").unwrap();
        assert_eq!(cut.act(Act::Refuse, &prior), vec![Answer::Done; 3]);
        assert_eq!(cut.access(), [Access::Refused; 3]);
        assert_eq!(cut.probe(), [independent; 3], "{kind}");
        for user in ["ann", "bob", "cat"] {
            assert!(!bed.samba.binds(user));
            let refused = bed.samba.kinit(user).unwrap_err().to_string();
            assert!(refused.contains("revoked"), "{kind}: {refused}");
        }
        let again = cut.act(Act::Refuse, &prior);
        assert!(again.iter().all(|answer| matches!(answer, Answer::AlreadySo { .. })), "{again:?}");
        assert_eq!(cut.act(Act::Restore, &prior), vec![Answer::Done; 3]);
        assert_eq!(cut.access(), [Access::Open; 3]);
        for user in ["ann", "bob", "cat"] {
            assert!(bed.samba.binds(user));
            bed.samba.kinit(user).unwrap();
        }
        assert_eq!(cut.act(Act::Restore, &prior), vec![Answer::AlreadySo { by: None }; 3]);
        if kind == "disable-account" {
            assert_eq!(cut.probe(), [Finding::Leaks; 3]);
        }
    }
}

#[test]
fn the_whole_directory_is_as_before_and_the_audit_log_shows_nothing_else() {
    let Some(bed) = Bed::start("the_whole_directory_is_as_before") else { return };
    // One account that was closed before by somebody else stays so.
    bed.set("cat", "userAccountControl", "514");
    let before = bed.samba.dump().unwrap();
    let logged = bed.samba.audit().unwrap().len();
    for kind in ["disable-account", "expire-account", "remove-from-groups"] {
        let mut cut = bed.cut(kind, &["user:ann", "user:bob"]);
        let prior = cut.look();
        assert_eq!(cut.act(Act::Refuse, &prior), vec![Answer::Done; 2]);
        assert_eq!(cut.access(), [Access::Refused; 2]);
        assert_eq!(cut.act(Act::Restore, &prior), vec![Answer::Done; 2]);
        assert_eq!(cut.access(), [Access::Open; 2]);
    }
    let mut closed = bed.cut("disable-account", &["user:cat"]);
    let prior = closed.look();
    assert_eq!(closed.act(Act::Refuse, &prior), [Answer::AlreadySo { by: None }]);
    assert_eq!(closed.act(Act::Restore, &prior), [Answer::AlreadySo { by: None }]);
    let mut different = differences(&before, &bed.samba.dump().unwrap(), &VOLATILE);
    different.retain(|line| {
        !OF_SIGN_INS.iter().any(|name| line.contains(&format!("CN=svc,OU=Other,{BASE}: {name}:")))
    });
    assert_eq!(different, Vec::<String>::new());
    assert!(bed.samba.search("(cn=cat)", &["userAccountControl"]).unwrap().contains("514"));

    let changes = changes(&bed.samba.audit().unwrap()[logged..]);
    let svc = bed.samba.sid("svc").unwrap();
    assert!(changes.iter().all(|change| change.who == svc && change.status == 0), "{changes:#?}");
    let mut told: Vec<String> = changes
        .iter()
        .map(|change| format!("{} {}", change.dn, change.attributes.join(" ")))
        .collect();
    told.sort();
    let member = "member";
    let mut expected = Vec::new();
    for user in ["ann", "bob"] {
        for attribute in ["userAccountControl", "accountExpires"] {
            expected.extend(vec![format!("CN={user},OU=Staff,{BASE} {attribute}"); 2]);
        }
        expected.extend(vec![format!("CN=Finance,OU=Staff,{BASE} {member}"); 2]);
        expected.extend(vec![format!("CN=Removed,OU=Staff,{BASE} {member}"); 2]);
    }
    expected.extend(vec![format!("CN=Tills,OU=Staff,{BASE} {member}"); 2]);
    expected.sort();
    assert_eq!(told, expected);
}

/// A change that the domain controller has in its own log.
#[derive(Debug)]
struct Change {
    who: String,
    dn: String,
    status: i64,
    attributes: Vec<String>,
}

fn changes(lines: &[String]) -> Vec<Change> {
    let entries = lines.iter().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let changes = entries.filter_map(|entry| entry.get("dsdbChange").cloned());
    let text = |json: &Json, key: &str| json[key].as_str().unwrap_or_default().to_owned();
    changes
        // The domain controller itself writes down sign-ins.
        .filter(|change| text(change, "userSid") != "S-1-5-18")
        .map(|change| Change {
            who: text(&change, "userSid"),
            dn: text(&change, "dn"),
            status: change["statusCode"].as_i64().unwrap_or(-1),
            attributes: change["attributes"]
                .as_object()
                .map(|o| o.keys().cloned().collect())
                .unwrap_or_default(),
        })
        .collect()
}

#[test]
fn the_service_account_can_do_all_of_it_and_nothing_else() {
    let Some(bed) = Bed::start("the_service_account_can_do_all_of_it") else { return };
    let mut cut = bed.cut("disable-account", &["user:ann"]);
    let checks = cut.connector.preflight(DEADLINE);
    assert!(checks.iter().all(|check| check.finding == Readiness::Able), "{checks:#?}");
    let acts: Vec<(&str, Act)> = checks.iter().map(|c| (c.kind.as_str(), c.act)).collect();
    for kind in ["disable-account", "expire-account", "remove-from-groups"] {
        for act in [Act::Look, Act::Refuse, Act::Restore] {
            assert!(acts.contains(&(kind, act)), "{kind} {act:?}");
        }
    }
    let ann = format!("CN=ann,OU=Staff,{BASE}");
    let replace = |dn: &str, name: &str, value: &str| {
        format!("dn: {dn}\nchangetype: modify\nreplace: {name}\n{name}: {value}\n")
    };
    let forbidden = [
        replace(&ann, "description", "x"),
        replace(&ann, "userPrincipalName", "x@cordon.test"),
        replace(&ann, "pwdLastSet", "0"),
        replace(&ann, "servicePrincipalName", "host/x"),
        replace(&format!("CN=eve,OU=Other,{BASE}"), "userAccountControl", "514"),
        replace(&format!("CN=Administrator,CN=Users,{BASE}"), "userAccountControl", "514"),
        format!(
            "dn: CN=Harmless,OU=Staff,{BASE}\nchangetype: modify\ndelete: member\nmember: {ann}\n"
        ),
        format!(
            "dn: CN=Domain Admins,CN=Users,{BASE}\nchangetype: modify\nadd: member\nmember: {ann}\n"
        ),
        format!(
            "dn: CN=new,OU=Staff,{BASE}\nchangetype: add\nobjectClass: user\nsAMAccountName: new\n"
        ),
        format!("dn: {ann}\nchangetype: delete\n"),
        format!("dn: {ann}\nchangetype: modrdn\nnewrdn: CN=anna\ndeleteoldrdn: 1\n"),
    ];
    let before = bed.samba.dump().unwrap();
    for ldif in forbidden {
        let (done, said) = bed.samba.ldif_as("svc", &ldif).unwrap();
        assert!(!done && said.contains("Insufficient access (50)"), "{ldif}{said}");
    }
    let node = NodeId::parse("user:ann").unwrap();
    let reset = cut.connector.reset_password(&node, "Other#12345", DEADLINE).unwrap_err();
    assert_eq!(reset.kind, TroubleKind::Denied, "{reset}");
    let mut different = differences(&before, &bed.samba.dump().unwrap(), &OF_SIGN_INS);
    different.retain(|line| !line.starts_with("CN=svc,"));
    assert_eq!(different, Vec::<String>::new());
    assert!(bed.samba.binds("ann"));

    bed.samba.grant("svc", &format!("OU=Staff,{BASE}"), Right::ResetPassword).unwrap();
    bed.samba.add_users(&format!("OU=Staff,{BASE}"), &["fay"]).unwrap();
    let fay = NodeId::parse("user:fay").unwrap();
    cut.connector.reset_password(&fay, "Other#12345", DEADLINE).unwrap();
    assert!(!bed.samba.binds("fay"), "the old password must be refused");
}

#[test]
fn a_preflight_tells_what_is_too_little_and_what_too_much() {
    let Some(bed) = Bed::start("a_preflight_tells") else { return };
    let other = format!("OU=Other,{BASE}");
    let mut half = Cut::new(
        &bed.with(|settings| settings["scope"] = json!([format!("OU=Staff,{BASE}"), other])),
        "disable-account",
        &[],
    );
    let checks = half.connector.preflight(DEADLINE);
    let unable = checks.iter().any(|check| match &check.finding {
        Readiness::Unable(trouble) => {
            trouble.kind == TroubleKind::Denied && trouble.why.contains("OU=Other")
        }
        Readiness::Able | Readiness::Excessive(_) => false,
    });
    assert!(unable, "{checks:#?}");

    let mut mighty = Cut::new(
        &bed.with(|settings| settings["bind_user"] = json!("Administrator@cordon.test")),
        "disable-account",
        &[],
    );
    let checks = mighty.connector.preflight(DEADLINE);
    let excess: Vec<String> = checks
        .iter()
        .filter_map(|check| match &check.finding {
            Readiness::Excessive(what) => Some(what.clone()),
            Readiness::Able | Readiness::Unable(_) => None,
        })
        .collect();
    for words in ["Domain Admins", ",OU=Staff,", ",OU=Other,"] {
        assert!(excess.iter().any(|what| what.contains(words)), "{words}: {excess:#?}");
    }
}

#[test]
fn nobodys_change_is_overwritten() {
    let Some(bed) = Bed::start("nobodys_change_is_overwritten") else { return };
    let mut cut = bed.cut("disable-account", &["user:ann"]);
    let prior = cut.look();
    // The password of the account no longer expires: somebody was quicker.
    bed.set("ann", "userAccountControl", "66048");
    let answers = cut.act(Act::Refuse, &prior);
    assert_eq!(trouble(&answers[0]).0, TroubleKind::Changed, "{answers:?}");
    assert!(bed.samba.binds("ann"));
    let fresh = cut.look();
    assert_eq!(cut.act(Act::Refuse, &fresh), [Answer::Done]);
    // Meanwhile somebody else changes another bit: it stays when the account is given back.
    bed.set("ann", "userAccountControl", "514");
    assert_eq!(cut.act(Act::Restore, &fresh), [Answer::Done]);
    assert!(bed.samba.search("(cn=ann)", &["userAccountControl"]).unwrap().contains(": 512"));

    let mut expiry = bed.cut("expire-account", &["user:bob"]);
    let prior = expiry.look();
    assert_eq!(expiry.act(Act::Refuse, &prior), [Answer::Done]);
    assert_eq!(expiry.look()[0].owner.as_deref(), Some("cordon"));
    // Somebody sets an end of their own: it is theirs now.
    bed.set("bob", "accountExpires", "116444736000000000");
    assert_eq!(expiry.look()[0].owner, None);
    assert_eq!(expiry.act(Act::Restore, &prior), [Answer::AlreadySo { by: None }]);
    assert_eq!(expiry.access(), [Access::Refused]);

    let mut groups = bed.cut("remove-from-groups", &["user:ann"]);
    let prior = groups.look();
    let add = format!(
        "dn: CN=Tills,OU=Staff,{BASE}\nchangetype: modify\ndelete: member\nmember: CN=ann,OU=Staff,{BASE}\n"
    );
    bed.samba.ldif(&add).unwrap();
    let answers = groups.act(Act::Refuse, &prior);
    assert_eq!(trouble(&answers[0]).0, TroubleKind::Changed, "{answers:?}");
}

#[test]
fn a_rehearsal_says_what_would_be_sent_and_sends_none_of_it() {
    let Some(bed) = Bed::start("a_rehearsal_says_what_would_be_sent") else { return };
    let before = bed.samba.dump().unwrap();
    let rehearse = |kind, act| {
        let mut cut = bed.cut(kind, &["user:ann", "user:gone"]);
        let call = cut.call(act, &[]);
        cut.connector.rehearse(&call, DEADLINE).unwrap()
    };
    let staff = format!("OU=Staff,{BASE}");
    assert_eq!(
        rehearse("disable-account", Act::Refuse),
        [
            format!(
                "user:ann: modify `CN=ann,{staff}`: delete `userAccountControl` 512, \
                 add `userAccountControl` 514"
            ),
            "user:gone: there is nothing to do".to_owned(),
        ]
    );
    let groups = rehearse("remove-from-groups", Act::Refuse);
    assert_eq!(groups.len(), 4, "{groups:?}");
    assert_eq!(
        groups[0],
        format!("user:ann: modify `CN=Removed,{staff}`: add `member` CN=ann,{staff}")
    );
    assert_eq!(
        rehearse("end-sessions", Act::End),
        ["user:ann: there is nothing to do", "user:gone: there is nothing to do"]
    );
    let mut different = differences(&before, &bed.samba.dump().unwrap(), &OF_SIGN_INS);
    different.retain(|line| !line.starts_with("CN=svc,"));
    assert_eq!(different, Vec::<String>::new());
}

#[test]
fn half_of_the_groups_is_neither_open_nor_closed() {
    let Some(bed) = Bed::start("half_of_the_groups") else { return };
    let mut cut = bed.cut("remove-from-groups", &["user:ann", "user:bob", "user:cat"]);
    let prior = cut.look();
    assert_eq!(cut.access(), [Access::Open, Access::Open, Access::Refused]);
    assert_eq!(cut.probe(), [Finding::Leaks, Finding::Leaks, Finding::Holds]);
    let ann = format!("CN=ann,OU=Staff,{BASE}");
    let member = |group: &str, how: &str| {
        let ldif = format!(
            "dn: CN={group},OU=Staff,{BASE}\nchangetype: modify\n{how}: member\nmember: {ann}\n"
        );
        bed.samba.ldif(&ldif).unwrap();
    };
    // A try that stopped half-way: the marker is on, one group is gone.
    member("Removed", "add");
    member("Tills", "delete");
    assert_eq!(cut.access()[0], Access::Partly);
    let answers = cut.act(Act::Refuse, &prior);
    assert_eq!(answers[..2], [Answer::Done, Answer::Done]);
    assert_eq!(cut.access(), [Access::Refused; 3]);
    assert_eq!(cut.probe(), [Finding::Holds; 3]);
    let owners: Vec<_> = cut.look().into_iter().map(|seen| seen.owner).collect();
    assert_eq!(owners, [Some("cordon".to_owned()), Some("cordon".to_owned()), None]);
    // Somebody gives one back: neither open nor closed.
    member("Tills", "add");
    assert_eq!(cut.access()[0], Access::Partly);
    assert_eq!(cut.act(Act::Restore, &prior)[..2], [Answer::Done, Answer::Done]);
    assert_eq!(cut.access(), [Access::Open, Access::Open, Access::Refused]);
    let members = bed.samba.search("(cn=ann)", &["memberOf"]).unwrap();
    for (group, is_in) in
        [("Finance", true), ("Tills", true), ("Harmless", true), ("Removed", false)]
    {
        assert_eq!(members.contains(group), is_in, "{members}");
    }
    // A group in a group lets them in as well: only the token tells.
    cut.act(Act::Refuse, &prior);
    let nested = format!(
        "dn: CN=Tills,OU=Staff,{BASE}\nchangetype: modify\nadd: member\nmember: CN=Harmless,OU=Staff,{BASE}\n"
    );
    bed.samba.ldif(&nested).unwrap();
    assert_eq!(cut.access()[0], Access::Refused);
    assert_eq!(cut.probe()[0], Finding::Leaks);
}

#[test]
fn tickets_end_by_themselves_and_nobody_says_otherwise() {
    let Some(bed) = Bed::start("tickets_end_by_themselves") else { return };
    let mut end = bed.cut("end-sessions", &["user:ann"]);
    assert_eq!(end.access(), [Access::Refused], "nobody has ever signed in");
    bed.samba.kinit("ann").unwrap();
    let seen = end.look();
    assert_eq!((seen[0].access, seen[0].residual_seconds), (Access::Open, None));
    let answers = end.act(Act::End, &seen);
    assert_eq!(trouble(&answers[0]).0, TroubleKind::Unsupported, "{answers:?}");
    let mut disable = bed.cut("disable-account", &["user:ann"]);
    let prior = disable.look();
    assert_eq!(disable.act(Act::Refuse, &prior), [Answer::Done]);
    let seen = end.look();
    let residual = seen[0].residual_seconds.unwrap();
    assert!((35_900..=36_001).contains(&residual), "{residual}");
    assert_eq!((seen[0].access, seen[0].open), (Access::Open, 1));
    assert_eq!(end.act(Act::End, &seen), [Answer::AlreadySo { by: None }]);
    assert_eq!(end.probe(), [Finding::Untried]);
    let short = bed.with(|settings| settings["ticket_hours"] = json!(0));
    assert_eq!(Cut::new(&short, "end-sessions", &["user:ann"]).access(), [Access::Refused]);
}

#[test]
fn changes_by_anybody_are_heard() {
    let Some(bed) = Bed::start("changes_by_anybody_are_heard") else { return };
    let ip = bed.samba.ip();
    let relay = Relay::new(ip, &format!("{ip}:636"));
    let url = format!("ldaps://{ip}:{}", relay.port);
    let site = bed.with(|settings| settings["urls"] = json!([url]));
    let mut cut = Cut::new(&site, "disable-account", &[]);
    let nodes = ["user:ann", "user:cat", "user:gone"].map(|id| NodeId::parse(id).unwrap());
    let (heard, told) = mpsc::channel();
    let listening = cut
        .connector
        .listen(&nodes, Box::new(move |node| drop(heard.send(node.clone()))))
        .unwrap()
        .expect("Active Directory tells");
    // The search is under way when the first change comes through.
    let first = |user: &str, node: &str| {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            bed.set(user, "description", &format!("{:?}", Instant::now()));
            match told.recv_timeout(Duration::from_millis(500)) {
                Ok(named) if named.as_str() == node => return,
                Ok(_) => {}
                Err(_) => assert!(Instant::now() < end, "nothing was heard of {node}"),
            }
        }
    };
    first("cat", "user:cat");
    while told.try_recv().is_ok() {}
    bed.set("bob", "description", "not listened to");
    let at = Instant::now();
    bed.set("ann", "userAccountControl", "514");
    assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_str(), "user:ann");
    println!("heard {:?} after the change began", at.elapsed());
    let back = format!(
        "dn: CN=Harmless,OU=Staff,{BASE}\nchangetype: modify\nadd: member\nmember: CN=cat,OU=Staff,{BASE}\n"
    );
    bed.samba.ldif(&back).unwrap();
    let named: Vec<NodeId> = told.iter().take(2).collect();
    assert!(named.contains(&nodes[1]), "{named:?}");
    // After a break nobody knows what happened: every node is named, and changes are heard again.
    while told.try_recv().is_ok() {}
    relay.cut();
    let mut named: Vec<NodeId> = (0..3).map(|_| told.recv_timeout(DEADLINE).unwrap()).collect();
    named.sort();
    assert_eq!(named, nodes);
    first("ann", "user:ann");
    drop(listening);
    let end = Instant::now() + DEADLINE;
    // The sender goes with the thread.
    loop {
        match told.recv_timeout(Duration::from_millis(100)) {
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            _ => assert!(Instant::now() < end, "it still listens"),
        }
    }
}

#[test]
fn whom_a_node_means_is_never_guessed() {
    let Some(bed) = Bed::start("whom_a_node_means") else { return };
    let all = ["user:ann", "user:eve", "user:gone", "user:stranger", "user:two"];
    let mut cut = bed.cut("disable-account", &all);
    let seen = cut.look();
    let access: Vec<Access> = seen.iter().map(|seen| seen.access).collect();
    use Access::{Absent, Open, Unknown};
    assert_eq!(access, [Open, Unknown, Absent, Unknown, Unknown]);
    let before = bed.samba.dump().unwrap();
    let answers = cut.act(Act::Refuse, &seen);
    assert_eq!(answers[0], Answer::Done);
    assert_eq!(answers[2], Answer::AlreadySo { by: None });
    for (at, kind, words) in [
        (1, TroubleKind::Unsupported, "outside the scope"),
        (3, TroubleKind::Unknown, "does not prove"),
        (4, TroubleKind::Unsupported, "could be any of"),
    ] {
        let (found, why) = trouble(&answers[at]);
        assert!(found == kind && why.contains(words), "{found} {why}");
    }
    let different = differences(&before, &bed.samba.dump().unwrap(), &VOLATILE);
    assert_eq!(different.len(), 1, "{different:?}");
    let sid = bed.samba.sid("bob").unwrap();
    for name in [
        "bob",
        "CORDON\\bob",
        "bob@cordon.test",
        sid.as_str(),
        "cn=Bob, ou=Staff,dc=cordon,dc=test",
    ] {
        let named = bed.with(|settings| settings["names"] = json!({ "user:stranger": name }));
        let mut cut = Cut::new(&named, "disable-account", &["user:stranger"]);
        assert!(cut.look()[0].state["dn"].as_str().unwrap().starts_with("CN=bob,"), "{name}");
    }
    let injected = bed.with(|settings| settings["names"] = json!({ "user:stranger": "*)(cn" }));
    let mut cut = Cut::new(&injected, "disable-account", &["user:stranger"]);
    assert_eq!(cut.access(), [Absent], "a filter is text, not a question");
}

#[test]
fn every_trouble_is_told_as_what_it_is() {
    let Some(bed) = Bed::start("every_trouble_is_told") else { return };
    let look = |site: &Site, targets: &[&str], deadline: Duration| {
        let mut cut = Cut::new(site, "disable-account", targets);
        let call = cut.call(Act::Look, &[]);
        let at = Instant::now();
        let reply = cut.connector.perform(&call, deadline);
        assert!(at.elapsed() < deadline + Duration::from_millis(500), "{:?}", at.elapsed());
        match reply {
            Reply::Trouble(trouble) => (trouble.kind, trouble.why),
            other => panic!("{other:?}"),
        }
    };
    let ip = bed.samba.ip();
    let closed = format!("ldaps://{ip}:9");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("ldaps://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let url = |url: &str| bed.with(|settings| settings["urls"] = json!([url]));
    let second = Duration::from_secs(1);
    let cases = [
        (url(&closed), TroubleKind::Unreachable, "cannot be reached"),
        (url(&mute), TroubleKind::NoReply, "says nothing"),
        (url(&mute.replace("ldaps", "ldap")), TroubleKind::NoReply, "says nothing"),
        (url(&format!("ldaps://{}", "localhost:1")), TroubleKind::Unreachable, "cannot be reached"),
    ];
    for (site, kind, words) in cases {
        let (found, why) = look(&site, &["user:ann"], second);
        assert!(found == kind && why.contains(words), "{found} {why}");
    }
    let mut offline = Cut::new(&url(&closed), "disable-account", &[]);
    let checks = offline.connector.preflight(second);
    let unreachable = |finding: &Readiness| matches!(finding, Readiness::Unable(trouble) if trouble.kind == TroubleKind::Unreachable);
    assert!(checks.iter().all(|check| unreachable(&check.finding)), "{checks:#?}");
    // A name that the certificate does not bear, and an issuer that is not trusted.
    let port = Relay::new("127.0.0.1", &format!("{ip}:636")).port;
    let (found, why) = look(&url(&format!("ldaps://localhost:{port}")), &["user:ann"], DEADLINE);
    assert!(
        found == TroubleKind::Unreachable && why.contains("not valid for name"),
        "{found} {why}"
    );
    let stranger = tempfile::tempdir().unwrap();
    cordon_testbed::run(
        std::process::Command::new("openssl")
            .current_dir(stranger.path())
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=other",
                "-newkey",
                "rsa:2048",
            ])
            .args(["-keyout", "key", "-out", "ca.pem"]),
    )
    .unwrap();
    let ca = stranger.path().join("ca.pem");
    let untrusted = bed.with(|settings| settings["ca_file"] = json!(ca));
    let (found, why) = look(&untrusted, &["user:ann"], DEADLINE);
    assert!(found == TroubleKind::Unreachable && why.contains("not trusted"), "{found} {why}");
    secret(bed.samba.folder(), "wrong", "not the password");
    let wrong = bed.with(|settings| settings["secret"] = json!("file:wrong"));
    let (found, why) = look(&wrong, &["user:ann"], DEADLINE);
    assert!(found == TroubleKind::Denied && why.contains("wrong"), "{found} {why}");
    assert!(!why.contains("not the password"));
    let (found, why) = look(&bed.site(), &["host:till"], DEADLINE);
    assert!(found == TroubleKind::Unsupported && why.contains("no account"), "{found} {why}");
    let one = bed.with(|settings| settings["kinds"] = json!(["expire-account"]));
    let (found, why) = look(&one, &["user:ann"], DEADLINE);
    assert!(found == TroubleKind::Unsupported && why.contains("does not do"), "{found} {why}");
}

#[test]
fn what_can_be_done_is_done_and_the_rest_is_told() {
    let Some(bed) = Bed::start("what_can_be_done_is_done") else { return };
    let ip = bed.samba.ip();
    let closed = format!("ldaps://{ip}:9");
    // The second controller answers when the first is down, and with StartTLS as well.
    let both = bed.with(|settings| settings["urls"] = json!([closed, format!("ldap://{ip}")]));
    assert_eq!(Cut::new(&both, "disable-account", &["user:ann"]).access(), [Access::Open]);

    // Half permitted: what is granted is done, what is not is denied, each by itself.
    let scopes = json!([format!("OU=Staff,{BASE}"), format!("OU=Other,{BASE}")]);
    let wide = bed.with(|settings| settings["scope"] = scopes);
    let mut cut = Cut::new(&wide, "disable-account", &["user:ann", "user:eve"]);
    let prior = cut.look();
    let answers = cut.act(Act::Refuse, &prior);
    assert_eq!(answers[0], Answer::Done);
    let (found, why) = trouble(&answers[1]);
    assert!(found == TroubleKind::Denied && why.contains("CN=eve"), "{found} {why}");
    assert_eq!(cut.access(), [Access::Refused, Access::Open]);
    assert_eq!(cut.probe(), [Finding::Holds, Finding::Leaks]);

    // One group of two may not be written: half taken, and given back exactly.
    let finance = format!("CN=Finance,OU=Staff,{BASE}");
    let harmless = format!("CN=Harmless,OU=Staff,{BASE}");
    let some = bed.with(|settings| settings["groups"] = json!([finance, harmless]));
    let mut cut = Cut::new(&some, "remove-from-groups", &["user:ann"]);
    let before = bed.samba.dump().unwrap();
    let prior = cut.look();
    let answers = cut.act(Act::Refuse, &prior);
    let (found, why) = trouble(&answers[0]);
    assert!(found == TroubleKind::Denied && why.contains("Harmless"), "{found} {why}");
    assert_eq!(cut.access(), [Access::Partly]);
    assert_eq!(cut.act(Act::Restore, &prior), [Answer::Done]);
    assert_eq!(cut.access(), [Access::Open]);
    let mut different = differences(&before, &bed.samba.dump().unwrap(), &VOLATILE);
    different.retain(|line| !line.starts_with("CN=svc,"));
    assert_eq!(different, Vec::<String>::new());
}

#[test]
fn a_change_between_look_and_act_or_a_lost_answer_does_no_harm() {
    let Some(bed) = Bed::start("a_change_between_look_and_act") else { return };
    let ip = bed.samba.ip().to_owned();
    let relay = Relay::new(&ip, &format!("{ip}:636"));
    let url = format!("ldaps://{ip}:{}", relay.port);
    let site = bed.with(|settings| settings["urls"] = json!([url]));
    let mut cut = Cut::new(&site, "disable-account", &["user:ann"]);
    let prior = cut.look();
    // The search of the refusal goes by, the change waits until somebody was quicker.
    let bed = Arc::new(bed);
    let other = Arc::clone(&bed);
    relay.arm(1, Then::After(Box::new(move || other.set("ann", "userAccountControl", "66048"))));
    let answers = cut.act(Act::Refuse, &prior);
    assert_eq!(trouble(&answers[0]).0, TroubleKind::Changed, "{answers:?}");
    assert!(bed.samba.search("(cn=ann)", &["userAccountControl"]).unwrap().contains(": 66048"));
    // The change arrives, its answer does not.
    let prior = cut.look();
    relay.arm(1, Then::NoAnswer);
    let answers = cut.act(Act::Refuse, &prior);
    let (kind, why) = trouble(&answers[0]);
    assert!(kind == TroubleKind::NoReply && why.contains("broke"), "{kind} {why}");
    wait_for("the change", 10, || cut.access() == [Access::Refused]).unwrap();
    assert_eq!(cut.act(Act::Refuse, &prior), [Answer::AlreadySo { by: None }]);
    assert_eq!(cut.act(Act::Restore, &prior), [Answer::Done]);
    assert!(bed.samba.search("(cn=ann)", &["userAccountControl"]).unwrap().contains(": 66048"));
}

#[test]
fn it_keeps_its_promises() {
    let Some(bed) = Bed::start("it_keeps_its_promises") else { return };
    let down = bed.with(|s| s["urls"] = json!([format!("ldaps://{}:9", bed.samba.ip())]));
    let tills = format!("CN=Tills,OU=Staff,{BASE}");
    let member =
        format!("dn: {tills}\nchangetype: modify\nadd: member\nmember: CN=bob,OU=Staff,{BASE}\n");
    let disable = || bed.set("bob", "userAccountControl", "66048");
    let expire = || bed.set("bob", "accountExpires", "155380896000000000");
    let group = || bed.samba.ldif(&member).unwrap();
    let proven = [Promise::End, Promise::Listen];
    let unproven = [Promise::End, Promise::Listen, Promise::ProbeHolds];
    let kinds: [(&str, &dyn Fn(), &[Promise]); 3] = [
        ("disable-account", &disable, &proven),
        ("expire-account", &expire, &unproven),
        ("remove-from-groups", &group, &proven),
    ];
    for (kind, act, untried) in kinds {
        let mut cut = bed.cut(kind, &["user:bob", "user:ann"]);
        let mut offline = Cut::new(&down, kind, &[]);
        let subject = Subject {
            bystanders: vec![NodeId::parse("user:cat").unwrap()],
            outside: Some(NodeId::parse("user:eve").unwrap()),
            volatile: vec!["uSNChanged".to_owned()],
            compares: true,
            ..Subject::new(kind, cut.mode, cut.targets.clone())
        };
        let mut disturb = |_: &NodeId| act();
        let help = Help { disturb: Some(&mut disturb), offline: Some(&mut offline.connector) };
        for line in examine(&mut cut.connector, &subject, help) {
            println!("{kind}: {:<10} {} ({})", line.verdict.to_string(), line.promise, line.seen);
            let not_tried = line.verdict == Verdict::NotTried && untried.contains(&line.promise);
            assert!(line.verdict == Verdict::Kept || not_tried, "{kind}: {line:?}");
        }
    }
}
