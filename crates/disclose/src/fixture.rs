//! Estates and evidence of tests, written as a few lines of text.
//!
//! Times are minutes after 2026-03-01 02:00 UTC; the window is 0 to 60.
//!
//! ```text
//! link user:ann host:web          holding db:members name,contact 1000 [records=N] [copies=a,b]
//! coverage db:members pgaudit     foothold user:ann 10 0.9 [until=N] [entrenched] [unknown]
//! cut disable-account/user:ann 20 [40]
//! heard pgaudit 0 60              read|list|write|delete|export 15 user:ann db:members [rows=N] [bytes=N]
//!                                      [left] [failed] [only=name]      ("-" for nobody named)
//! logon 12 user:ann host:x        seen user:ann host:y
//! service tills trading 55
//! ```

use cordon_model::action::ServiceState;
use cordon_model::estate::{Coverage, Holding, Service};
use cordon_model::needs::Needs;
use cordon_model::signal::{Amount, Outcome, Place, Verb};
use cordon_model::{Estate, EstateBuilder, Money, Node, NodeId};
use jiff::Timestamp;

use crate::evidence::*;
use crate::spans::Span;

pub(crate) fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_772_330_400 + minute * 60).unwrap()
}

pub(crate) fn id(text: &str) -> NodeId {
    NodeId::parse(text).unwrap()
}

/// Reads a fixture; what a line does not know is a mistake in the test.
pub(crate) fn read(text: &str) -> (Estate, Evidence, ServiceStates) {
    let mut builder = EstateBuilder::new("Test", "GBP");
    let mut evidence = Evidence::new(Span::new(at(0), at(60)));
    let mut services = ServiceStates::none(at(60));
    for (line, entry) in text.lines().map(str::trim).filter(|line| !line.is_empty()).zip(1..) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "link" | "holding" | "coverage" => of_estate(&mut builder, &words),
            "service" => service(&mut builder, &mut services, &words, entry),
            "foothold" | "cut" | "heard" | "logon" | "seen" => {
                of_evidence(&mut evidence, &words, entry);
            }
            verb => evidence.accesses.push(access(verb, &words, entry)),
        }
        evidence.position = entry;
    }
    (builder.finish().unwrap(), evidence, services)
}

fn option<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn amount(words: &[&str], name: &str) -> Option<u64> {
    option(words, name).map(|number| number.parse().unwrap())
}

fn minute(word: &str) -> Timestamp {
    at(word.parse().unwrap())
}

fn of_estate(builder: &mut EstateBuilder, words: &[&str]) {
    let node = builder.node(&id(words[1]));
    match words[0] {
        "link" => {
            let to = builder.node(&id(words[2]));
            builder.add_link(node, to, words.get(3).copied().unwrap_or("Controls"), None);
        }
        "coverage" => builder.coverage.push(Coverage { holding: node, source: words[2].into() }),
        _ => {
            let copies = option(words, "copies").into_iter().flat_map(|list| list.split(','));
            let copies = copies.map(|copy| builder.node(&id(copy))).collect();
            builder.holdings.push(Holding {
                node,
                categories: words[2].split(',').map(Into::into).collect(),
                people: words.get(3).and_then(|n| n.parse().ok()),
                records: amount(words, "records"),
                loss: Money::ZERO,
                copies,
                must_hold: false,
            });
        }
    }
}

fn service(builder: &mut EstateBuilder, states: &mut ServiceStates, words: &[&str], entry: u64) {
    let node = builder.add_node(Node::new(id(&format!("app:{}", words[1]))));
    builder.services.push(Service {
        id: words[1].into(),
        name: None,
        needs: Needs::Node(node),
        protected: words.contains(&"protected"),
        cost_per_hour: Money::ZERO,
        probe: None,
    });
    let state = match words[2] {
        "trading" => ServiceState::Trading,
        "degraded" => ServiceState::Degraded,
        "stopped" => ServiceState::Stopped,
        "unseen" => return,
        _ => ServiceState::Unknown,
    };
    states.views.push(ServiceView {
        service: words[1].into(),
        state,
        since: at(0),
        checked: minute(words[3]),
        because: String::new(),
        entry,
    });
}

fn of_evidence(evidence: &mut Evidence, words: &[&str], entry: u64) {
    match words[0] {
        "foothold" => evidence.footholds.push(Foothold {
            node: id(words[1]),
            probability: words[3].parse().unwrap(),
            since: minute(words[2]),
            until: option(words, "until").map(minute),
            entrenched: words.contains(&"entrenched"),
            reach_known: !words.contains(&"unknown"),
            entry,
        }),
        "cut" => evidence.withdrawals.push(InForce {
            withdrawal: words[1].into(),
            from: minute(words[2]),
            to: words.get(3).map(|word| minute(word)),
            entry,
        }),
        "heard" => evidence.sources.push(Source {
            name: words[1].into(),
            heard: vec![Span::new(minute(words[2]), minute(words[3]))],
        }),
        "logon" => evidence.logons.push(Logon {
            time: minute(words[1]),
            from: vec![id(words[2])],
            to: vec![id(words[3])],
            reference: Reference { entry, place: None },
        }),
        _ => evidence.links.push(ObservedLink { from: id(words[1]), to: id(words[2]), entry }),
    }
}

fn access(verb: &str, words: &[&str], entry: u64) -> Access {
    Access {
        time: minute(words[1]),
        actors: words[2].split(',').filter(|actor| *actor != "-").map(id).collect(),
        targets: vec![id(words[3])],
        categories: option(words, "only").into_iter().map(Into::into).collect(),
        verb: match verb {
            "list" => Verb::List,
            "read" => Verb::Read,
            "write" => Verb::Write,
            "delete" => Verb::Delete,
            "export" => Verb::Export,
            other => panic!("{other} is no line of a fixture"),
        },
        amount: Amount {
            rows: amount(words, "rows"),
            bytes: amount(words, "bytes"),
            objects: amount(words, "objects"),
        },
        left: words.contains(&"left"),
        outcome: if words.contains(&"failed") { Outcome::Failure } else { Outcome::Success },
        reference: Reference {
            entry,
            place: Some(Place { file: "audit.log".into(), record: entry }),
        },
    }
}
