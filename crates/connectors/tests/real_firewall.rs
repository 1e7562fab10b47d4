//! The firewall connector against a real nftables router: what is cut stops, what is protected
//! goes on, and everything is given back.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, and tells what it skips and measures"
)]

mod hosts;

use std::collections::BTreeSet;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use cordon_connectors::{Connector, Readiness};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, CORDON, Finding, Json, TroubleKind};
use cordon_testbed::netns::{self, Network};
use cordon_testbed::wait_for;
use hosts::{
    DEADLINE, acted, call, done, expect, figures, look, node, opened, probed, site, trouble,
};
use serde_json::json;

const HOSTS: [&str; 5] = ["till", "pay", "victim", "files", "console"];
const PROTECTED: [&str; 2] = ["10.77.1.2>10.77.2.2:tcp/8443", "10.77.1.2>10.77.2.2:udp/9999"];

fn network() -> Option<Network> {
    match netns::available() {
        Ok(()) => Some(Network::start(&HOSTS).unwrap()),
        Err(missing) => {
            println!("skipped: firewall ({missing})");
            None
        }
    }
}

fn settings(network: &Network) -> Json {
    json!({
        "run": {"prefix": network.prefix("router")},
        "keep": [network.address("console")],
        "protected": PROTECTED,
        "names": {"flow:victim>files": "10.77.3.2>10.77.4.2:tcp/445"},
        "vantage": [
            {"address": network.address("till"), "control": "10.77.2.2:8443",
                "run": {"prefix": network.prefix("till")}},
            {"address": network.address("victim"), "control": "10.77.5.2:22",
                "run": {"prefix": network.prefix("victim")}},
        ],
        "probe_ports": [445],
        "probe_ms": 300,
    })
}

const NODES: [(&str, &[&str]); 7] = [
    ("host:victim", &["10.77.3.2", "fd77:3::2", "VICTIM01"]),
    ("host:files", &["10.77.4.2"]),
    ("host:console", &["10.77.5.2"]),
    ("host:nowhere", &["NOWHERE"]),
    ("host:one", &["10.77.9.9"]),
    ("host:two", &["10.77.9.9"]),
    ("flow:victim>pay", &["10.77.3.2>10.77.2.0/24:tcp/8000-8999", "10.77.3.2>10.77.2.2"]),
];

fn firewall(settings: Json) -> Box<dyn Connector> {
    opened(&site("firewall", std::path::Path::new("/"), settings, &NODES))
}

/// What changes by itself: the seconds that an element has left.
fn stable(ruleset: &str) -> String {
    let mut ruleset: Json = serde_json::from_str(ruleset).unwrap();
    for object in ruleset["nftables"].as_array_mut().unwrap() {
        for element in object["set"]["elem"].as_array_mut().into_iter().flatten() {
            if let Some(fields) = element.get_mut("elem").and_then(Json::as_object_mut) {
                fields.remove("expires");
            }
        }
    }
    ruleset.to_string()
}

#[test]
fn a_raise_and_its_lift_leave_the_ruleset_as_it_was() {
    let Some(network) = network() else { return };
    let mut firewall = firewall(settings(&network));
    for check in firewall.preflight(DEADLINE) {
        assert_eq!(check.finding, Readiness::Able, "{check:?}");
    }
    let foreign = r#"add element inet cordon isolated4 { 10.77.4.2 comment "net team" }"#;
    network.on("router", &["nft", foreign]).unwrap();
    let before = network.ruleset().unwrap();

    let hosts = call("isolate-host", Mode::Refuse, &["host:files", "host:victim"]);
    let flows = call("block-flow", Mode::Refuse, &["flow:victim>files", "flow:victim>pay"]);
    let prior = look(&mut *firewall, &hosts);
    assert_eq!((prior[0].access, prior[0].owner.as_deref()), (Access::Refused, Some("net team")));
    assert_eq!((prior[1].access, prior[1].owner.as_deref()), (Access::Open, None));
    let flow_prior = look(&mut *firewall, &flows);
    let said = firewall.rehearse(&hosts, DEADLINE).unwrap().join("\n");
    assert!(said.contains("10.77.3.2") && said.contains("fd77:3::2"), "{said}");
    assert!(!said.contains("10.77.4.2"), "{said}");
    assert_eq!(network.ruleset().unwrap(), before);
    let answers = acted(&mut *firewall, Act::Refuse, &hosts, &prior);
    assert_eq!(answers[0], Answer::AlreadySo { by: Some("net team".to_owned()) });
    assert_eq!(answers[1], Answer::Done);
    done(&acted(&mut *firewall, Act::Refuse, &flows, &flow_prior));

    for now in look(&mut *firewall, &flows).into_iter().chain(look(&mut *firewall, &hosts)) {
        assert_eq!(now.access, Access::Refused);
        let owner = if now.target == node("host:files") { "net team" } else { CORDON };
        assert_eq!(now.owner.as_deref(), Some(owner));
    }
    let raised = network.ruleset().unwrap();
    for words in ["cordon host:victim incident 7, plan 3f2a", r#""timeout": 10800"#, "fd77:3::2"] {
        assert!(raised.contains(words), "{words} is not in {raised}");
    }
    // Asked again it is ours already, and its time begins anew.
    let again = acted(&mut *firewall, Act::Refuse, &flows, &flow_prior);
    assert_eq!(again, vec![Answer::AlreadySo { by: Some(CORDON.to_owned()) }; 2]);

    done(&acted(&mut *firewall, Act::Restore, &flows, &flow_prior));
    let back = acted(&mut *firewall, Act::Restore, &hosts, &prior);
    assert_eq!(back, [Answer::AlreadySo { by: None }, Answer::Done]);
    assert_eq!(look(&mut *firewall, &hosts), prior);
    assert_eq!(look(&mut *firewall, &flows), flow_prior);
    assert_eq!(network.ruleset().unwrap(), before);
}

#[test]
fn the_cut_host_stops_and_the_protected_flow_loses_nothing_in_100_cycles() {
    let Some(network) = network() else { return };
    let mut firewall = firewall(settings(&network));
    let (_files, _pay) = (
        network.traffic("files", &["echo", "445"]).unwrap(),
        network.traffic("pay", &["echo", "8443"]).unwrap(),
    );
    let mut sink = network.traffic("pay", &["sink", "9999"]).unwrap();
    let victim_to = network.address("files");
    let mut victim = network.traffic("victim", &["stream", &victim_to, "445"]).unwrap();
    let pay = network.address("pay");
    let mut till = network.traffic("till", &["stream", &pay, "8443"]).unwrap();
    let mut source = network.traffic("till", &["source", &pay, "9999"]).unwrap();
    wait_for("traffic", 10, || victim.count().unwrap() > 50 && till.count().unwrap() > 50).unwrap();

    let cut = call("isolate-host", Mode::Refuse, &["host:victim"]);
    drop(firewall.preflight(DEADLINE));
    let before = network.ruleset().unwrap();
    let (mut raises, mut lifts) = (Vec::new(), Vec::new());
    for cycle in 0..100 {
        let prior = look(&mut *firewall, &cut);
        let start = Instant::now();
        done(&acted(&mut *firewall, Act::Refuse, &cut, &prior));
        raises.push(start.elapsed());
        // What was on its way when the call came back has arrived after the first count.
        let first = victim.count().unwrap();
        if cycle % 20 == 0 {
            assert_eq!(probed(&mut *firewall, &cut), [Finding::Holds]);
        }
        assert_eq!(victim.count().unwrap(), first, "the cut host still talks");
        let start = Instant::now();
        done(&acted(&mut *firewall, Act::Restore, &cut, &prior));
        lifts.push(start.elapsed());
        if cycle % 20 == 0 {
            assert_eq!(probed(&mut *firewall, &cut), [Finding::Leaks]);
            let goes_on = || victim.count().unwrap() > first;
            wait_for("the connection after the lift", 30, goes_on).unwrap();
        }
    }
    assert_eq!(network.ruleset().unwrap(), before);
    figures("firewall raise", &mut raises);
    figures("firewall lift", &mut lifts);
    let sent = source.stop().unwrap()["n"].as_u64().unwrap();
    wait_for("all packets", 5, || sink.count().unwrap() == sent).unwrap();
    let till = till.told().unwrap();
    assert_eq!((&till["error"], &till["retransmits"]), (&Json::Null, &json!(0)));
    println!(
        "protected flow: {sent} packets sent and received, {} echoes, 0 sent again",
        till["n"]
    );
}

#[test]
fn ending_resets_what_is_open_and_only_that() {
    let Some(network) = network() else { return };
    let mut firewall = firewall(settings(&network));
    let _files = network.traffic("files", &["echo", "445"]).unwrap();
    let address = network.address("files");
    let mut victim = network.traffic("victim", &["stream", &address, "445"]).unwrap();
    let mut other = network.traffic("till", &["stream", &address, "445"]).unwrap();
    wait_for("traffic", 10, || victim.count().unwrap() > 20 && other.count().unwrap() > 20)
        .unwrap();
    drop(firewall.preflight(DEADLINE));
    let before = stable(&network.ruleset().unwrap());
    let end = call("end-flows", Mode::End, &["host:victim"]);
    let refuse = call("isolate-host", Mode::Refuse, &["host:victim"]);
    let seen = look(&mut *firewall, &end);
    assert_eq!((seen[0].access, seen[0].open), (Access::Open, 1));
    let prior = look(&mut *firewall, &refuse);
    done(&acted(&mut *firewall, Act::Refuse, &refuse, &prior));
    done(&acted(&mut *firewall, Act::End, &end, &[]));
    wait_for("nothing tracked", 10, || look(&mut *firewall, &end)[0].access == Access::Refused)
        .unwrap();
    let again = acted(&mut *firewall, Act::End, &end, &[]);
    assert_eq!(again, [Answer::AlreadySo { by: None }]);
    let is_over = || victim.told().unwrap()["error"].as_str().is_some_and(|e| e.contains("reset"));
    wait_for("the reset", 30, is_over).unwrap();
    let count = other.count().unwrap();
    wait_for("the other connection", 10, || other.count().unwrap() > count + 50).unwrap();
    done(&acted(&mut *firewall, Act::Restore, &refuse, &prior));
    // A new connection is not reset.
    let mut victim = network.traffic("victim", &["stream", &address, "445"]).unwrap();
    wait_for("a new connection", 10, || victim.count().unwrap() > 20).unwrap();
    assert_eq!(victim.told().unwrap()["error"], Json::Null);
    network.on("router", &["nft", "flush", "set", "inet", "cordon", "ended4"]).unwrap();
    assert_eq!(stable(&network.ruleset().unwrap()), before);
}

#[test]
fn five_thousand_hosts_are_cut_in_one_transaction() {
    let Some(network) = network() else { return };
    let ids: Vec<String> = (0..5000).map(|n| format!("host:h{n}")).collect();
    let addresses: Vec<String> =
        (0..5000).map(|n| format!("10.{}.{}.{}", 100 + n / 2500, n / 250 % 10, n % 250)).collect();
    let aliases: Vec<[&str; 1]> = addresses.iter().map(|address| [address.as_str()]).collect();
    let nodes: Vec<(&str, &[&str])> =
        ids.iter().zip(&aliases).map(|(id, alias)| (id.as_str(), alias.as_slice())).collect();
    assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), 5000);
    let site = site("firewall", std::path::Path::new("/"), settings(&network), &nodes);
    let mut firewall = opened(&site);
    drop(firewall.preflight(DEADLINE));
    let before = network.ruleset().unwrap();
    let targets: Vec<&str> = ids.iter().map(String::as_str).collect();
    let cut = call("isolate-host", Mode::Refuse, &targets);
    let prior = look(&mut *firewall, &cut);
    let start = Instant::now();
    done(&acted(&mut *firewall, Act::Refuse, &cut, &prior));
    let raised = start.elapsed();
    assert!(look(&mut *firewall, &cut).iter().all(|seen| seen.access == Access::Refused));
    let start = Instant::now();
    done(&acted(&mut *firewall, Act::Restore, &cut, &prior));
    println!("5,000 hosts in one call: raised in {raised:?}, lifted in {:?}", start.elapsed());
    assert_eq!(network.ruleset().unwrap(), before);
}

#[test]
fn what_others_do_is_seen_and_put_back_or_left() {
    let Some(network) = network() else { return };
    let mut firewall = firewall(settings(&network));
    let cut = call("isolate-host", Mode::Refuse, &["host:victim"]);
    let prior = look(&mut *firewall, &cut);
    done(&acted(&mut *firewall, Act::Refuse, &cut, &prior));
    let (send, told) = channel();
    let listening = firewall
        .listen(&cut.targets, Box::new(move |node| drop(send.send(node.clone()))))
        .unwrap()
        .unwrap();
    // The monitor is heard once it answers to a change.
    let touch = r#"delete element inet cordon isolated4 { 10.77.3.2 }"#;
    let put = r#"add element inet cordon isolated4 { 10.77.3.2 comment "cordon host:victim x" }"#;
    wait_for("the monitor", 10, || {
        network.on("router", &["nft", touch]).unwrap();
        network.on("router", &["nft", put]).unwrap();
        told.recv_timeout(Duration::from_millis(200)).is_ok()
    })
    .unwrap();
    while told.recv_timeout(Duration::from_millis(500)).is_ok() {}
    let start = Instant::now();
    network.on("router", &["nft", touch]).unwrap();
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), node("host:victim"));
    println!("a foreign change is told after {:?}", start.elapsed());
    assert_eq!(look(&mut *firewall, &cut)[0].access, Access::Partly);
    done(&acted(&mut *firewall, Act::Refuse, &cut, &prior));
    // Rules that go take the force from every element.
    for ruin in [
        "flush chain inet cordon forward",
        "insert rule inet cordon forward accept",
        "add element inet cordon keep4 { 10.77.3.2 }",
        "delete table inet cordon",
    ] {
        network.on("router", &["nft", ruin]).unwrap();
        let seen = look(&mut *firewall, &cut);
        assert_eq!(seen[0].access, Access::Open, "{ruin}");
        done(&acted(&mut *firewall, Act::Refuse, &cut, &prior));
        assert_eq!(look(&mut *firewall, &cut)[0].access, Access::Refused, "{ruin}");
    }
    // An element that is about to run out counts as half raised.
    let short = r#"add element inet cordon isolated4 { 10.77.3.2 timeout 60s comment "cordon host:victim x" }"#;
    network.on("router", &["nft", touch]).unwrap();
    network.on("router", &["nft", short]).unwrap();
    assert_eq!(look(&mut *firewall, &cut)[0].access, Access::Partly);
    // What somebody else has put in Cordon's place is theirs.
    let theirs = r#"add element inet cordon isolated4 { 10.77.3.2 comment "net team" }"#;
    network.on("router", &["nft", touch]).unwrap();
    network.on("router", &["nft", theirs]).unwrap();
    done(&acted(&mut *firewall, Act::Restore, &cut, &prior));
    assert!(network.ruleset().unwrap().contains("net team"));
    let left = acted(&mut *firewall, Act::Restore, &cut, &prior);
    assert_eq!(left, [Answer::AlreadySo { by: Some("net team".to_owned()) }]);
    drop(listening);
}

#[test]
fn troubles_are_told_by_their_kind() {
    let Some(network) = network() else { return };
    let soon = Duration::from_millis(500);
    let cut = call("isolate-host", Mode::Refuse, &["host:victim"]);
    let with = |prefix: Json| {
        let mut settings = settings(&network);
        settings["run"] = json!({ "prefix": prefix });
        firewall(settings)
    };
    let mut gone = with(json!(["ip", "netns", "exec", "cordon-no-such"]));
    expect(&trouble(&mut *gone, Act::Look, &cut, soon), TroubleKind::Unreachable, &["namespace"]);
    let mut slow = with(json!(["sh", "-c", "sleep 60"]));
    expect(&trouble(&mut *slow, Act::Refuse, &cut, soon), TroubleKind::NoReply, &["look again"]);
    let mut namespace = network.prefix("router");
    namespace.extend(["runuser", "-u", "nobody", "--"].map(str::to_owned));
    let mut nobody = with(json!(namespace));
    expect(&trouble(&mut *nobody, Act::Refuse, &cut, soon), TroubleKind::Denied, &["rights"]);
    for check in nobody.preflight(DEADLINE).iter().filter(|check| check.act != Act::Probe) {
        assert!(matches!(&check.finding, Readiness::Unable(t) if t.kind == TroubleKind::Denied));
    }

    let mut firewall = firewall(settings(&network));
    let empty = network.ruleset().unwrap();
    let mut refused = |kind, mode, target, trouble_kind, words: &[&str]| {
        let call = call(kind, mode, &[target]);
        let act = Act::raising(mode);
        expect(&trouble(&mut *firewall, act, &call, soon), trouble_kind, words);
    };
    let refuse = Mode::Refuse;
    let (held, out) = (TroubleKind::Withheld, TroubleKind::Unsupported);
    refused("isolate-host", refuse, "host:console", held, &["own way", "10.77.5.2"]);
    refused("block-flow", refuse, "flow:10.77.1.2>10.77.2.2", held, &["protected"]);
    refused("isolate-host", refuse, "host:nowhere", out, &["no address", "names"]);
    refused("isolate-host", refuse, "host:one", out, &["host:one", "host:two"]);
    refused("block-flow", refuse, "host:victim", out, &["no flow"]);
    refused("disable-account", refuse, "host:victim", out, &["isolate-host"]);
    refused("isolate-host", Mode::End, "host:victim", out, &["mode"]);
    assert_eq!(network.ruleset().unwrap(), empty);
}
