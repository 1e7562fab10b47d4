//! What a directory's entries mean, with no directory at hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cordon_model::action::TroubleKind;
use cordon_model::estate::{EstateBuilder, Node};
use cordon_model::{NodeId, Timestamp};
use serde_json::json;

use super::dn::Dn;
use super::entry::Entry;
use super::resolve::Found;
use super::sessions::{Open, open};
use super::settings::{self, Dialect, Place};
use super::switch::{EXPIRED, Switch};
use crate::Site;

const BASE: &str = "DC=shop,DC=test";
const ANN: &str = "CN=Ann Lee,OU=Staff,DC=shop,DC=test";

fn site(aliases: &[&str]) -> Site {
    let mut builder = EstateBuilder::new("shop", "GBP");
    let mut node = Node::new(NodeId::parse("user:ann").unwrap());
    node.aliases = aliases.iter().map(|alias| (*alias).into()).collect();
    builder.add_node(node);
    Site {
        name: "ad".to_owned(),
        kind: "directory".to_owned(),
        settings: json!({}),
        estate: Arc::new(builder.finish().unwrap()),
        folder: Path::new("/nowhere").to_owned(),
        range: None,
    }
}

fn place(aliases: &[&str]) -> Place {
    let scope = format!("OU=Staff,{BASE}");
    Place {
        site: site(aliases),
        dialect: Dialect::ActiveDirectory,
        base_text: BASE.to_owned(),
        base: Dn::parse(BASE).unwrap(),
        scope: vec![(scope.clone(), Dn::parse(&scope).unwrap())],
        bind_user: "svc@shop.test".to_owned(),
        domain: Some("SHOP".to_owned()),
        kinds: ["disable-account".to_owned()].into(),
        node_kinds: vec!["user".to_owned()],
        names: BTreeMap::new(),
        groups: Vec::new(),
        marker: None,
        ticket_seconds: 36_000,
        renew_seconds: 604_800,
    }
}

fn accounts() -> [Entry; 3] {
    let account = |dn: &str, name: &str, principal: &str| {
        Entry::of(dn, &[("sAMAccountName", name), ("userPrincipalName", principal)])
    };
    [
        account(ANN, "Ann", "a.lee@shop.example"),
        account("CN=Ann,OU=Staff,DC=shop,DC=test", "ann.old", "ann@shop.test"),
        account("CN=Root,OU=Admins,DC=shop,DC=test", "root", "root@shop.test"),
    ]
}

/// The name of what a node with these spellings is, or the kind of trouble.
fn meant(aliases: &[&str]) -> Result<Option<String>, TroubleKind> {
    let node = NodeId::parse("user:ann").unwrap();
    match place(aliases).choose_among(&node, &accounts()) {
        Found::One(entry) => Ok(Some(entry.dn)),
        Found::Nobody => Ok(None),
        Found::Unclear(trouble) => Err(trouble.kind),
    }
}

#[test]
fn a_sure_spelling_goes_before_a_bare_name() {
    let old = Some("CN=Ann,OU=Staff,DC=shop,DC=test".to_owned());
    assert_eq!(meant(&[]), Ok(Some(ANN.to_owned())), "its own name is an account name");
    assert_eq!(meant(&["SHOP\\ann.old"]), Ok(old.clone()));
    assert_eq!(meant(&["cn=ann, ou=staff,dc=shop,dc=test"]), Ok(old));
    assert_eq!(meant(&["A.Lee@shop.example"]), Ok(Some(ANN.to_owned())));
    // The account of one, the principal name of another.
    assert_eq!(meant(&["ann@shop.test"]), Err(TroubleKind::Unsupported));
    assert_eq!(meant(&["SHOP\\root"]), Err(TroubleKind::Unsupported), "out of scope");
}

#[test]
fn absence_needs_a_sure_spelling() {
    let node = NodeId::parse("user:ann").unwrap();
    let is_absent = |alias| matches!(place(&[alias]).choose_among(&node, &[]), Found::Nobody);
    for sure in ["S-1-5-21-1-2-3-4", "SHOP\\ann", "ann@shop.test", ANN] {
        assert!(is_absent(sure), "{sure}");
    }
    for unsure in ["ann", "OTHER\\ann", "ann@shop.example", "CN=ann,DC=other", "Ann Lee"] {
        assert!(!is_absent(unsure), "{unsure}");
    }
}

#[test]
fn what_is_not_cordons_stays_closed() {
    let marker = EXPIRED.to_string();
    let now = Timestamp::now().as_second();
    let closed = |switch: Switch, value| switch.is_closed(value, now);
    assert_eq!(closed(Switch::Disabled, Some("512")), Some(false));
    assert_eq!(closed(Switch::Disabled, Some("66050")), Some(true));
    assert_eq!(closed(Switch::Disabled, None), None, "hidden is not open");
    assert_eq!(closed(Switch::Expired, Some("9223372036854775807")), Some(false));
    assert_eq!(closed(Switch::Expired, Some("0")), Some(false));
    assert_eq!(closed(Switch::Expired, Some(&marker)), Some(true));
    assert_eq!(closed(Switch::Locked, Some("20260101000000Z")), Some(false));
    let back = |switch: Switch, value, prior| switch.opening(value, prior);
    assert_eq!(back(Switch::Disabled, "66050", Some("512")), Some(Some("66048".to_owned())));
    assert_eq!(back(Switch::Disabled, "514", Some("514")), None, "found closed");
    assert_eq!(back(Switch::Disabled, "512", Some("512")), None, "open by now");
    assert_eq!(back(Switch::Expired, &marker, None), Some(None));
    assert_eq!(back(Switch::Expired, "1", Some("0")), None, "somebody else's end");
}

#[test]
fn tickets_last_as_long_as_the_domain_lets_them() {
    let now = 1_000_000_000;
    let ticks = |seconds: i64| ((seconds + 11_644_473_600) * 10_000_000).to_string();
    let text = |seconds: i64| {
        let time = Timestamp::from_second(seconds).unwrap();
        time.strftime("%Y%m%d%H%M%S.0Z").to_string()
    };
    let of = |control: &str, logon: Option<i64>, changed: i64| {
        let (logon, changed) = (logon.map(ticks), text(changed));
        let mut attributes = vec![("userAccountControl", control), ("whenChanged", &changed)];
        attributes.extend(logon.as_deref().map(|logon| ("lastLogon", logon)));
        open(&Entry::of(ANN, &attributes), now, 36_000, 604_800)
    };
    assert_eq!(of("512", None, now), Open::Nothing, "never signed in");
    assert_eq!(of("512", Some(now - 5), now - 5), Open::Ever);
    assert_eq!(of("514", Some(now - 5), now), Open::Until(now + 36_000));
    assert_eq!(of("514", Some(now - 5), now - 36_000), Open::Nothing);
    assert_eq!(of("514", Some(now - 604_700), now), Open::Until(now + 100), "no more renewals");
    assert_eq!(of("512", Some(now - 604_800), now), Open::Nothing);
}

#[test]
fn settings_that_do_not_fit_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |change: fn(&mut serde_json::Value)| {
        let mut site = site(&[]);
        site.folder = folder.path().to_owned();
        site.settings = json!({
            "urls": ["ldaps://dc1.shop.test"], "base": BASE, "scope": [BASE],
            "bind_user": "svc@shop.test", "secret": "file:none", "ca_file": "none",
        });
        change(&mut site.settings);
        match settings::read(&site) {
            Ok(_) => panic!("it fits"),
            Err(error) => error.why,
        }
    };
    assert!(wrong(|s| s["urls"] = json!(["http://dc1"])).contains("begins neither"));
    assert!(wrong(|s| s["urls"] = json!([])).contains("at least one"));
    assert!(wrong(|s| s["urls"] = json!(["ldaps://dc1:x"])).contains("no host name"));
    assert!(wrong(|s| s["password"] = json!("x")).contains("unknown field `password`"));
    assert!(wrong(|_| {}).contains("cannot be read"));
    std::fs::write(folder.path().join("none"), "x\n").unwrap();
    std::process::Command::new("chmod")
        .arg("600")
        .arg(folder.path().join("none"))
        .status()
        .unwrap();
    assert!(wrong(|_| {}).contains("no certificate"));
}
