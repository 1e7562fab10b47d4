//! Invented streams, one line per event, and what they must and must not condemn.

use std::collections::BTreeMap;
use std::sync::Arc;

use cordon_model::signal::{
    Amount, ChangeKind, FactKind, Level, Mention, MentionKind, Outcome, Place, Role, Rule, Verb,
};
use cordon_model::{EstateBuilder, Node, NodeId};

use super::*;

/// An event in a test: `MINUTES WHAT ARGUMENT ROLE:KIND=SPELLING|SPELLING ...`.
///
/// WHAT is `rule` with `ID,level,technique,tactic`, `logon` with `remote`,
/// `local` or `failed`, `change` with a kind, or `access` with a verb.
fn feed(reasoner: &mut Reasoner<'_>, line: &str, record: u64) {
    let mut words = line.split_whitespace();
    let minutes: i64 = words.next().unwrap().parse().unwrap();
    let (what, argument) = (words.next().unwrap(), words.next().unwrap());
    let time = at(minutes);
    let place = Place { file: "test".into(), record };
    let mentions: Arc<[Mention]> = words.map(mention).collect();
    let mut outcome = Outcome::Success;
    let kind = match what {
        "rule" => {
            let rule = rule(argument);
            return reasoner.detection(&Detection { time, place, rule, mentions });
        }
        "logon" => {
            if argument == "failed" {
                outcome = Outcome::Failure;
            }
            FactKind::Logon { remote: argument != "local" }
        }
        "change" => FactKind::Change { change: change(argument) },
        "access" => {
            let amount = Amount { rows: Some(10), ..Amount::default() };
            FactKind::Access { verb: Verb::Read, amount }
        }
        other => panic!("{other}"),
    };
    reasoner.fact(&Fact { time, place, kind, outcome, mentions });
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

fn rule(text: &str) -> Arc<Rule> {
    let mut parts = text.split(',');
    let id = parts.next().unwrap().to_owned();
    let level = match parts.next().unwrap() {
        "low" => Level::Low,
        "medium" => Level::Medium,
        "high" => Level::High,
        "critical" => Level::Critical,
        other => panic!("{other}"),
    };
    let techniques = parts.next().map(str::to_owned).into_iter().collect();
    let tactics = parts.next().map(str::to_owned).into_iter().collect();
    Arc::new(Rule { title: id.clone(), id, level, techniques, tactics })
}

fn change(text: &str) -> ChangeKind {
    match text {
        "reset" => ChangeKind::PasswordReset,
        "factor" => ChangeKind::NewFactor,
        "key" => ChangeKind::NewKey,
        "account" => ChangeKind::NewAccount,
        "granted" => ChangeKind::Granted,
        "revoked" => ChangeKind::Revoked,
        "disabled" => ChangeKind::DisabledAccount,
        other => panic!("{other}"),
    }
}

fn mention(text: &str) -> Mention {
    let (role, rest) = text.split_once(':').unwrap();
    let (kind, spellings) = rest.split_once('=').unwrap();
    let role = match role {
        "by" => Role::Actor,
        "from" => Role::Source,
        "at" => Role::Place,
        "to" => Role::Target,
        "made" => Role::Created,
        other => panic!("{other}"),
    };
    let kind = match kind {
        "user" => MentionKind::User,
        "host" => MentionKind::Host,
        "ip" => MentionKind::Address,
        "key" => MentionKind::Key,
        "db" => MentionKind::Database,
        "session" => MentionKind::Session,
        "group" => MentionKind::Group,
        other => panic!("{other}"),
    };
    Mention { kind, role, spellings: spellings.split('|').map(Box::from).collect() }
}

fn estate(nodes: &[(&str, &[&str])], links: &[(&str, &str)]) -> Estate {
    let mut builder = EstateBuilder::new("test", "GBP");
    for (id, aliases) in nodes {
        let mut node = Node::new(NodeId::parse(id).unwrap());
        node.aliases = aliases.iter().map(|&alias| alias.into()).collect();
        builder.add_node(node);
    }
    for (from, to) in links {
        let from = builder.node(&NodeId::parse(from).unwrap());
        let to = builder.node(&NodeId::parse(to).unwrap());
        builder.add_link(from, to, "Controls", None);
    }
    builder.finish().unwrap()
}

fn read<'e>(estate: &'e Estate, settings: Settings, stream: &str) -> Reasoner<'e> {
    let mut reasoner = Reasoner::new(estate, settings);
    let lines = stream.lines().map(str::trim).filter(|line| !line.is_empty());
    for (record, line) in (1..).zip(lines) {
        feed(&mut reasoner, line, record);
    }
    reasoner
}

fn judge_in(estate: &Estate, stream: &str) -> Assessment {
    read(estate, Settings::default(), stream).assess(at(20_000))
}

fn footholds(assessment: &Assessment) -> Vec<&str> {
    assessment.footholds.iter().map(|foothold| foothold.node.as_str()).collect()
}

/// Judges a stream without an estate and compares the footholds.
fn check(stream: &str, expect: &[&str]) {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let assessment = judge_in(&none, stream);
    assert_eq!(footholds(&assessment), expect, "{:#?}", reckoning(&assessment));
}

fn reckoning(assessment: &Assessment) -> BTreeMap<String, Vec<String>> {
    let all = assessment.footholds.iter().chain(&assessment.suspects);
    all.map(|foothold| {
        let lines = foothold.reasons.iter().map(|r| format!("{:+.2} {}", r.log_odds, r.text));
        (format!("{} {}", foothold.node, foothold.probability), lines.collect())
    })
    .collect()
}

/// A day of ordinary work before the intrusion, then a help-desk reset, a new
/// factor, a sign-in from a new device, a desktop, a dump, a domain controller.
const HELP_DESK: &str = r"
    0     logon  remote  by:user=NORTH\ann from:ip=10.1.0.7 at:host=vdi3.north.example
    5     logon  remote  by:user=NORTH\bob from:ip=10.1.0.8 at:host=vdi3.north.example
    9     logon  remote  by:user=NORTH\carol from:ip=10.1.0.9 at:host=vdi3.north.example
    12    logon  remote  by:user=NORTH\adm-dora from:host=pc9.north.example at:host=dc1.north.example
    15    logon  remote  by:user=NORTH\bob from:host=vdi3.north.example at:host=dc1.north.example
    16    logon  remote  by:user=NORTH\carol from:host=vdi3.north.example at:host=dc1.north.example
    60    change reset   by:user=helen@north.example to:user=zoe@north.example
    90    change reset   by:user=helen@north.example to:user=yan@north.example
    95    change reset   by:user=helen@north.example to:user=xia@north.example
    2000  change reset   by:user=helen@north.example to:user=ann@north.example
    2001  rule   reset,low,T1098,persistence by:user=helen@north.example to:user=ann@north.example
    2010  change factor  by:user=ann@north.example to:user=ann@north.example from:ip=203.0.113.9
    2010  rule   factor,medium,T1556.006,persistence by:user=ann@north.example from:ip=203.0.113.9
    2012  rule   reset-then-device,high,T1078,initial-access by:user=ann@north.example from:ip=203.0.113.9
    2013  rule   new-country,medium,T1078.004,initial-access by:user=ann@north.example from:ip=203.0.113.9
    2030  logon  remote  by:user=NORTH\ann from:ip=203.0.113.9 at:host=vdi3.north.example
    2035  logon  remote  by:user=NORTH\bob from:ip=10.1.0.8 at:host=vdi3.north.example
    2040  rule   lsass,critical,T1003.001,credential-access by:user=NORTH\ann at:host=vdi3.north.example
    2041  rule   tool,high,T1105,command-and-control by:user=NORTH\ann at:host=vdi3.north.example
    2050  logon  remote  by:user=NORTH\adm-dora from:host=vdi3.north.example at:host=dc1.north.example
    2052  rule   ntds,critical,T1003.003,credential-access by:user=NORTH\adm-dora at:host=dc1.north.example
    2053  rule   shadow,high,T1006,stealth by:user=NORTH\adm-dora at:host=dc1.north.example
    2060  logon  remote  by:user=NORTH\carol from:host=vdi3.north.example at:host=dc1.north.example";

#[test]
fn the_intruder_is_named_and_the_colleagues_are_not() {
    let expect = [
        "address:203.0.113.9",
        "host:dc1.north.example",
        "host:vdi3.north.example",
        "user:north\\adm-dora",
        "user:north\\ann",
    ];
    check(HELP_DESK, &expect);
}

#[test]
fn all_of_it_is_one_incident_with_reasons_that_add_up() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let assessment = judge_in(&none, HELP_DESK);
    assert_eq!(assessment.incidents.len(), 1);
    assert_eq!(assessment.incidents[0].id.as_str(), "inc-1");
    let ann = assessment.footholds.iter().find(|f| f.node.as_str() == "user:north\\ann").unwrap();
    assert_eq!(ann.aliases, ["NORTH\\ann", "ann@north.example"]);
    assert_eq!(ann.since, at(2010));
    let sum: f64 = ann.reasons.iter().map(|reason| reason.log_odds).sum();
    let odds = (ann.probability / (1.0 - ann.probability)).ln();
    assert!((sum - odds).abs() < 0.6 || ann.probability == 0.999, "{sum} {odds}");
    assert!(assessment.unknown_reach.iter().any(|unknown| unknown.node == ann.node));
}

#[test]
fn a_sprayed_account_stays_innocent() {
    let mut stream = String::new();
    for n in 0..30 {
        stream += &format!(
            "{n} logon failed by:user=NORTH\\u{n} from:ip=198.51.100.4 at:host=dc1.north.example\n"
        );
    }
    stream += r"30 rule spray,high,T1110.003,credential-access from:ip=198.51.100.4 at:host=dc1.north.example to:user=NORTH\u7
        31 rule spray-again,high,T1110.001,initial-access from:ip=198.51.100.4 at:host=dc1.north.example to:user=NORTH\u8
        32 rule known-bad,critical,T1595,reconnaissance from:ip=198.51.100.4 at:host=dc1.north.example";
    check(&stream, &["address:198.51.100.4"]);
}

#[test]
fn a_jump_host_does_not_condemn_everybody_on_it() {
    check(
        r"0 logon remote by:user=NORTH\ann from:ip=10.0.0.1 at:host=jump.north.example
        1 logon remote by:user=NORTH\bob from:ip=10.0.0.2 at:host=jump.north.example
        2 logon remote by:user=NORTH\eve from:ip=10.0.0.3 at:host=jump.north.example
        1500 rule lsass,critical,T1003.001,credential-access by:user=NORTH\eve at:host=jump.north.example
        1501 rule inject,high,T1055,privilege-escalation by:user=NORTH\eve at:host=jump.north.example
        1510 logon remote by:user=NORTH\ann from:host=jump.north.example at:host=app1.north.example
        1511 logon remote by:user=NORTH\bob from:host=jump.north.example at:host=app2.north.example",
        &["host:jump.north.example", "user:north\\eve"],
    );
}

#[test]
fn a_shared_address_does_not_condemn_everybody_behind_it() {
    check(
        r"0 logon remote by:user=ann@north.example from:ip=192.0.2.1
        1 logon remote by:user=bob@north.example from:ip=192.0.2.1
        2 logon remote by:user=eve@north.example from:ip=192.0.2.1
        1500 rule token,critical,T1528,credential-access by:user=eve@north.example from:ip=192.0.2.1
        1501 rule consent,high,T1550,lateral-movement by:user=eve@north.example from:ip=192.0.2.1
        1502 logon remote by:user=ann@north.example from:ip=192.0.2.1
        1503 logon remote by:user=bob@north.example from:ip=192.0.2.1",
        &["user:eve@north.example"],
    );
}

#[test]
fn what_a_foothold_makes_is_the_intruders_and_so_is_what_that_makes() {
    check(
        "0 rule root,high,T1078.004,initial-access by:user=arn:aws:iam::1:root from:ip=203.0.113.5
        2 rule stop-trail,critical,T1562.008,stealth by:user=arn:aws:iam::1:root from:ip=203.0.113.5
        3 change key by:user=arn:aws:iam::1:root made:key=AKIAONE from:ip=203.0.113.5
        4 change account by:key=AKIAONE made:user=arn:aws:iam::1:user/tmp
        5 change key by:key=AKIAONE to:user=tmp made:key=AKIATWO
        6 logon remote by:user=arn:aws:iam::1:user/zed from:ip=192.0.2.77",
        &[
            "address:203.0.113.5",
            "key:akiaone",
            "key:akiatwo",
            "user:arn:aws:iam::1:root",
            "user:arn:aws:iam::1:user/tmp",
        ],
    );
}

#[test]
fn borrowed_credentials_are_the_intruders() {
    check(
        r"0 logon local by:user=NORTH\ann at:host=ws5.north.example
        1500 rule beacon,critical,T1071,command-and-control by:user=NORTH\ann at:host=ws5.north.example
        1501 rule lsass,high,T1003.001,credential-access by:user=NORTH\ann at:host=ws5.north.example
        1502 logon remote by:user=NORTH\ann to:user=NORTH\svc-sql at:host=ws5.north.example to:host=sql1.north.example
        1503 access read by:user=NORTH\svc-sql to:db=members",
        &[
            "host:sql1.north.example",
            "host:ws5.north.example",
            "user:north\\ann",
            "user:north\\svc-sql",
        ],
    );
}

#[test]
fn small_things_far_apart_open_nothing() {
    check(
        r"0 rule a,medium,T1059,execution by:user=PC1\joe at:host=pc1
        4000 rule b,medium,T1112,persistence by:user=PC1\joe at:host=pc1
        9000 rule c,low,T1033,discovery by:user=PC1\joe at:host=pc1
        11000 rule d,medium,T1562,stealth by:user=SYSTEM at:host=pc1",
        &[],
    );
}

#[test]
fn a_rule_that_speaks_every_day_says_little() {
    let mut stream = String::new();
    for day in 0..10 {
        let minute = day * 1440;
        stream += &format!(
            "{minute} rule scan,high,T1046,discovery by:user=NORTH\\scanner at:host=nessus.north.example
             {minute} rule sweep,high,T1018,lateral-movement by:user=NORTH\\scanner at:host=nessus.north.example\n"
        );
    }
    check(&stream, &[]);
}

#[test]
fn the_system_is_never_a_node_but_its_host_is() {
    check(
        r"0 rule svc,critical,T1543,persistence by:user=S-1-5-18|NORTH\WS6$ at:host=ws6.north.example
        1 rule inject,high,T1055,privilege-escalation by:user=NT\\SYSTEM|S-1-5-18 at:host=ws6.north.example",
        &["host:ws6.north.example"],
    );
}

#[test]
fn names_join_across_spellings_and_stay_apart_where_they_must() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let assessment = judge_in(
        &none,
        r"0 logon remote by:user=NORTH\ann|S-1-5-21-1-1-1-1104 at:host=WS5.north.example
        1 logon remote by:user=ann@NORTH.EXAMPLE at:host=ws5
        2 logon local by:user=ann at:host=ws5
        3 logon local by:user=Administrator at:host=ws5
        4 logon local by:user=Administrator at:host=ws6.north.example
        5 logon remote by:user=NORTH\bob at:host=ws6.north.example
        6 logon remote by:user=SOUTH\bob at:host=ws6.north.example
        7 logon remote by:user=bob at:host=ws6.north.example
        8 logon remote by:user=NORTH\kim|S-1-5-21-1-1-1-7 at:host=ws6.north.example
        9 logon remote by:user=NORTH\lee|S-1-5-21-1-1-1-7 at:host=ws6.north.example
        10 logon remote by:user=NORTH\kim|S-1-5-21-1-1-1-7 at:host=ws6.north.example",
    );
    let names = &assessment.names;
    let node = |text: &str, at_host: &str| {
        let mentions = [mention(text), mention(&format!("at:host={at_host}"))];
        names.resolve_all(&mentions, at(0))[0].as_ref().map_or("-".to_owned(), ToString::to_string)
    };
    for (text, host, expect) in [
        ("by:user=ANN", "ws5", "user:north\\ann"),
        ("by:user=S-1-5-21-1-1-1-1104", "ws5", "user:north\\ann"),
        ("by:user=ann@north.example", "ws5", "user:north\\ann"),
        ("by:user=administrator", "ws5", "user:ws5\\administrator"),
        ("by:user=administrator", "ws6", "user:ws6\\administrator"),
        ("by:user=bob", "ws6", "user:bob"),
        ("at:host=WS5$", "ws5", "host:ws5.north.example"),
        ("by:user=NORTH\\WS5$", "ws5", "host:ws5.north.example"),
        ("by:user=S-1-5-21-1-1-1-7", "ws6", "user:north\\kim"),
        ("by:user=NORTH\\lee", "ws6", "user:north\\lee"),
        ("by:user=SYSTEM", "ws6", "-"),
        ("by:session=0x3e7", "ws6", "-"),
    ] {
        assert_eq!(node(text, host), expect, "{text}");
    }
    let conflicts: Vec<String> = assessment.conflicts.iter().map(|c| c.names.join(" | ")).collect();
    assert_eq!(conflicts.len(), 2, "{conflicts:?}");
    assert_eq!(
        names.aliases(&NodeId::parse("user:north\\ann").unwrap()),
        ["NORTH\\ann", "S-1-5-21-1-1-1-1104", "ann", "ann@NORTH.EXAMPLE"]
    );
}

#[test]
fn an_address_means_the_host_that_held_it_then() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let assessment = judge_in(
        &none,
        r"0 logon remote by:user=NORTH\ann from:host=pc1|10.0.0.5 at:host=dc1
        3000 logon remote by:user=NORTH\bob from:host=pc2|10.0.0.5 at:host=dc1",
    );
    let held =
        |minutes| assessment.names.resolve(&mention("from:ip=10.0.0.5"), at(minutes)).unwrap();
    assert_eq!((held(30).as_str(), held(3030).as_str()), ("host:pc1", "host:pc2"));
    assert_eq!(held(-3000).as_str(), "address:10.0.0.5");
}

#[test]
fn the_estates_names_win() {
    let estate = estate(
        &[
            ("user:ann-1", &["NORTH\\ann", "ann@north.example"]),
            ("host:dc1", &[]),
            ("host:vdi-3", &["vdi3.north.example", "10.2.0.3"]),
        ],
        &[("user:ann-1", "host:vdi-3")],
    );
    let stream = HELP_DESK.replace("10.1.0.9", "10.2.0.3");
    let assessment = judge_in(&estate, &stream);
    let footholds = footholds(&assessment);
    assert!(
        footholds.contains(&"user:ann-1") && footholds.contains(&"host:vdi-3"),
        "{footholds:?}"
    );
    assert!(footholds.contains(&"host:dc1"), "{footholds:?}");
    let address = assessment.names.resolve(&mention("from:ip=10.2.0.3"), at(0)).unwrap();
    assert_eq!(address.as_str(), "host:vdi-3");
}

#[test]
fn no_order_of_arrival_shows() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let lines: Vec<(u64, &str)> =
        (1..).zip(HELP_DESK.lines().filter(|line| !line.trim().is_empty())).collect();
    let told = |lines: &[(u64, &str)]| {
        let mut reasoner = Reasoner::new(&none, Settings::default());
        lines.iter().for_each(|(record, line)| feed(&mut reasoner, line, *record));
        let assessment = reasoner.assess(at(3000));
        format!("{:?} {:?} {:?}", assessment.footholds, assessment.incidents, assessment.links)
    };
    let expect = told(&lines);
    let mut seed = 7_u64;
    for _ in 0..20 {
        let mut shuffled = lines.clone();
        shuffled.sort_by_cached_key(|_| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        });
        assert_eq!(told(&shuffled), expect);
    }
}

#[test]
fn renaming_everything_renames_the_footholds() {
    let renamed = [
        ("NORTH", "KELP"),
        ("north.example", "kelp.example"),
        ("ann", "quentin"),
        ("adm-dora", "x9"),
        ("vdi3", "a77"),
        ("dc1", "zz-top"),
        ("203.0.113.9", "198.51.100.200"),
        ("bob", "user-3"),
    ];
    let rename = |text: &str| {
        renamed.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let before = judge_in(&none, HELP_DESK);
    let after = judge_in(&none, &rename(HELP_DESK));
    let mut expect: Vec<String> = footholds(&before)
        .into_iter()
        .map(|node| rename(node).replace("user:north", "user:kelp"))
        .collect();
    expect.sort();
    assert_eq!(footholds(&after), expect);
}

#[test]
fn a_persons_word_stands_and_cordons_own_deeds_do_not_count() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let node = NodeId::parse("user:north\\ann").unwrap();
    let decision = Decision {
        node,
        foothold: false,
        at: at(2100),
        by: "ops".to_owned(),
        because: "she was on the phone with us".to_owned(),
    };
    let own_accounts = vec!["NORTH\\adm-dora".to_owned()];
    let settings = Settings { decisions: vec![decision], own_accounts, ..Settings::default() };
    let mut reasoner = Reasoner::new(&none, settings);
    for (record, line) in (1..).zip(HELP_DESK.lines().filter(|line| !line.trim().is_empty())) {
        feed(&mut reasoner, line, record);
    }
    let assessment = reasoner.assess(at(3000));
    assert_eq!(footholds(&assessment), ["host:vdi3.north.example"]);
}

#[test]
fn memory_keeps_the_ends_and_counts_the_middle() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let mut reasoner = Reasoner::new(&none, Settings::default());
    for hour in 0..1000 {
        let line = format!("{} access read by:user=NORTH\\ann to:db=members", hour * 60);
        feed(&mut reasoner, &line, 1);
    }
    feed(&mut reasoner, "100 rule a,critical,T1078,initial-access by:user=NORTH\\ann", 2);
    feed(&mut reasoner, "101 rule b,critical,T1003,credential-access by:user=NORTH\\ann", 3);
    let assessment = reasoner.assess(at(60_000));
    let rows: u64 = assessment.accesses.iter().filter_map(|access| access.amount.rows).sum();
    assert_eq!(rows, 10_000);
    assert!(assessment.accesses.iter().all(|access| access.who.as_str() == "user:north\\ann"));
}

/// Two months of a scanner that speaks every week, and of an administrator's routine.
const WEEKS: &str = r"
    0     rule scan,high,T1046,discovery by:user=NORTH\scanner at:host=nessus.north.example
    3     rule sweep,medium,T1018,lateral-movement by:user=NORTH\scanner at:host=nessus.north.example
    10    logon remote by:user=NORTH\adm-dora from:host=pc9.north.example at:host=dc1.north.example
    10080 rule scan,high,T1046,discovery by:user=NORTH\scanner at:host=nessus.north.example
    10083 rule sweep,medium,T1018,lateral-movement by:user=NORTH\scanner at:host=nessus.north.example
    20160 rule scan,high,T1046,discovery by:user=NORTH\scanner at:host=nessus.north.example
    20163 rule sweep,medium,T1018,lateral-movement by:user=NORTH\scanner at:host=nessus.north.example
    20170 logon remote by:user=NORTH\adm-dora from:host=pc9.north.example at:host=dc1.north.example";

/// One night of the same scanner, with a third rule beside the two.
const NIGHT: &str = r"
    30240 rule scan,high,T1046,discovery by:user=NORTH\scanner at:host=nessus.north.example
    30243 rule sweep,medium,T1018,lateral-movement by:user=NORTH\scanner at:host=nessus.north.example
    30244 rule shares,high,T1135,discovery by:user=NORTH\scanner at:host=nessus.north.example";

#[test]
fn what_was_usual_in_quiet_time_says_little_later() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let alone = read(&none, Settings::default(), NIGHT).assess(at(30_300));
    assert!(!alone.footholds.is_empty(), "without a past the night looks like an intrusion");
    let usual = read(&none, Settings::default(), WEEKS).usual(at(29_000));
    let text = serde_json::to_string(&usual).unwrap();
    let usual = serde_json::from_str(&text).unwrap();
    let mut reasoner = read(&none, Settings::default(), NIGHT);
    reasoner.remember(&usual);
    let judged = reasoner.assess(at(30_300));
    assert_eq!(footholds(&judged), Vec::<&str>::new(), "{:#?}", reckoning(&judged));
    // What was remembered is not learnt a second time.
    assert!(reasoner.usual(at(40_000)).rows.iter().all(|row| row.days[0].first >= at(30_240)));
}

#[test]
fn an_incident_never_teaches_that_it_is_usual() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let reasoner = read(&none, Settings::default(), HELP_DESK);
    let usual = reasoner.usual(at(50_000));
    let last = usual.rows.iter().flat_map(|row| &row.days).map(|day| day.last).max().unwrap();
    assert_eq!(last, at(95), "only the day before the intrusion was quiet");
    let named = |name: &str| {
        let mut mentions = usual.rows.iter().flat_map(|row| &row.mentions);
        mentions.any(|mention| mention.spellings.iter().any(|spelling| spelling.contains(name)))
    };
    assert!(named("bob") && !named("ann@") && !named("NORTH\\ann"), "{usual:?}");
}

#[test]
fn history_alone_is_no_evidence() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let usual = read(&none, Settings::default(), WEEKS).usual(at(29_000));
    let mut reasoner = Reasoner::new(&none, Settings::default());
    reasoner.remember(&usual);
    let judged = reasoner.assess(at(20_200));
    assert!(judged.footholds.is_empty() && judged.suspects.is_empty(), "{:?}", reckoning(&judged));
}

#[test]
fn an_incident_keeps_its_id_when_an_earlier_one_is_heard_of_late() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let first = judge_in(&none, HELP_DESK);
    let open: Vec<OpenIncident> = first
        .incidents
        .iter()
        .map(|known| OpenIncident { id: known.id.clone(), footholds: known.footholds.clone() })
        .collect();
    let late = format!(
        "{HELP_DESK}
        10 rule web,critical,T1190,initial-access from:ip=198.51.100.9 at:host=shop.north.example
        11 rule shell,critical,T1505.003,persistence from:ip=198.51.100.9 at:host=shop.north.example"
    );
    let ids = |settings: Settings| -> Vec<(String, usize)> {
        let judged = read(&none, settings, &late).assess(at(20_000));
        judged.incidents.iter().map(|i| (i.id.to_string(), i.footholds.len())).collect()
    };
    let named = |list: &[(&str, usize)]| -> Vec<(String, usize)> {
        list.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
    };
    assert_eq!(ids(Settings::default()), named(&[("inc-1", 1), ("inc-2", 5)]));
    let settings = Settings { open, ..Settings::default() };
    assert_eq!(ids(settings), named(&[("inc-2", 1), ("inc-1", 5)]));
}

#[test]
fn a_node_that_no_log_named_is_a_foothold_by_a_persons_word() {
    let estate = estate(&[("host:esx1", &["esx1.north.example"])], &[]);
    let said = |foothold| Decision {
        node: NodeId::parse("host:esx1").unwrap(),
        foothold,
        at: at(5),
        by: "ops".to_owned(),
        because: "the console showed a shell".to_owned(),
    };
    let settings = Settings { decisions: vec![said(true)], ..Settings::default() };
    let judged = Reasoner::new(&estate, settings).assess(at(6));
    assert_eq!(footholds(&judged), ["host:esx1"]);
    assert_eq!(judged.footholds[0].kind, FootholdKind::Host);
    assert!(judged.footholds[0].reasons[0].text.contains("the console showed a shell"));
    let settings = Settings { decisions: vec![said(true), said(false)], ..Settings::default() };
    let judged = Reasoner::new(&estate, settings).assess(at(6));
    assert_eq!(footholds(&judged), Vec::<&str>::new(), "the last word counts");
}

#[test]
fn logs_confirm_and_contradict_links_of_the_estate() {
    let estate = estate(
        &[
            ("user:ann", &["NORTH\\ann"]),
            ("user:bob", &["NORTH\\bob"]),
            ("user:cay", &["NORTH\\cay"]),
            ("group:admins", &["NORTH\\Admins"]),
            ("host:dc1", &[]),
            ("host:pc1", &[]),
        ],
        &[
            ("user:ann", "group:admins"),
            ("user:bob", "group:admins"),
            ("user:cay", "host:pc1"),
            ("group:admins", "host:dc1"),
            ("user:ann", "host:pc1"),
        ],
    );
    let reasoner = read(
        &estate,
        Settings::default(),
        r"1 logon remote by:user=NORTH\ann at:host=dc1
        2 change revoked by:user=NORTH\ann to:user=NORTH\bob to:group=NORTH\Admins
        3 change disabled by:user=NORTH\ann to:user=NORTH\cay
        4 change revoked by:user=NORTH\ann to:user=NORTH\ann to:group=NORTH\Admins
        5 change granted by:user=NORTH\ann to:user=NORTH\ann to:group=NORTH\Admins
        6 logon failed by:user=NORTH\ann at:host=pc1",
    );
    let told: Vec<String> = reasoner
        .links_seen()
        .iter()
        .map(|link| {
            let word = if link.contradicted.is_some() { &link.because } else { "used" };
            format!("{} > {}: {word}", link.from, link.to)
        })
        .collect();
    assert_eq!(
        told,
        [
            "group:admins > host:dc1: used",
            "user:ann > group:admins: used",
            "user:bob > group:admins: it was taken away",
            "user:cay > host:pc1: the account was disabled",
        ]
    );
}

#[test]
fn a_flood_of_invented_names_is_counted_and_the_known_ones_go_on() {
    let none = EstateBuilder::new("none", "GBP").finish().unwrap();
    let mut reasoner = Reasoner::new(&none, Settings::default());
    feed(&mut reasoner, r"0 logon remote by:user=NORTH\ann from:ip=203.0.113.9 at:host=dc1", 1);
    for n in 0..450_000_u64 {
        let mentions: Arc<[Mention]> = [mention(&format!("to:user=NORTH\\u{n}"))].into();
        let kind = FactKind::Logon { remote: true };
        let place = Place { file: "test".into(), record: n };
        let outcome = Outcome::Failure;
        reasoner.fact(&Fact { time: at(1), place, kind, outcome, mentions });
    }
    for (line, record) in [
        (r"5 rule dump,critical,T1003,credential-access by:user=NORTH\ann at:host=dc1", 2),
        (r"6 rule clear,critical,T1070,stealth by:user=NORTH\new at:host=dc1", 3),
        (r"7 rule shell,high,T1059,execution by:user=NORTH\new at:host=dc1", 4),
    ] {
        feed(&mut reasoner, line, record);
    }
    let judged = reasoner.assess(at(10));
    assert!(judged.dropped >= 50_000, "{}", judged.dropped);
    let named = footholds(&judged);
    assert!(named.contains(&"user:north\\new") && named.contains(&"host:dc1"), "{named:?}");
}
