//! The estate of the simulation, its two outside systems and what can be ordered there.
//!
//! Made to be awkward: two switches are held by two orders each, two refusals
//! have an `end` behind them, one order goes to a person, one lives for a short
//! time only, one target may never be touched, and two protected services trade.

use std::collections::BTreeMap;
use std::sync::Arc;

use cordon_execute::{Guard, Limits, Setting};
use cordon_model::action::Order;
use cordon_model::estate::Service;
use cordon_model::needs::Needs;
use cordon_model::{Estate, EstateBuilder, Mode, Money, NodeId};

pub(crate) const DIRECTORY: &str = "directory";
pub(crate) const NETWORK: &str = "network";
pub(crate) const SYSTEMS: [&str; 2] = [DIRECTORY, NETWORK];

/// A target that no call may ever withdraw.
pub(crate) const NEVER: &str = "host:dc1";

pub(crate) fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

pub(crate) fn estate() -> Arc<Estate> {
    let mut builder = EstateBuilder::new("North", "GBP");
    let users = ["user:ann", "user:bob", "user:cas", "user:dan"];
    let others = ["host:h1", "host:h2", NEVER, "flow:f1", "flow:f2", "flow:f3", "flow:f4"];
    for id in users.into_iter().chain(others) {
        builder.node(&node(id));
    }
    for (id, needs) in [("tills", "flow:f1"), ("desk", "flow:f4")] {
        let needs = Needs::Node(builder.node(&node(needs)));
        builder.services.push(Service {
            id: id.into(),
            name: None,
            needs,
            protected: true,
            cost_per_hour: Money::units(1),
            probe: None,
        });
    }
    Arc::new(builder.finish().unwrap())
}

/// Limits as they are by default, but for little room, so that calls must queue.
pub(crate) fn setting() -> Setting {
    let limits = Limits { calls_per_connector: 3, ..Limits::default() };
    let guard = Guard {
        never_touch: [node(NEVER)].into(),
        attempts_per_hour: BTreeMap::from([("isolate-host".to_owned(), 8)]),
        attempts_per_hour_of_others: Some(60),
    };
    Setting { limits, protected: vec!["tills".into(), "desk".into()], guard }
}

fn order(id: &str, kind: &str, system: Option<&str>, targets: &[&str], at: u32) -> Order {
    let ends = kind.starts_with("end-");
    Order {
        withdrawal: id.into(),
        kind: kind.to_owned(),
        mode: if ends { Mode::End } else { Mode::Refuse },
        targets: targets.iter().map(|target| node(target)).collect(),
        connector: system.map(str::to_owned),
        enforcer: None,
        order: at,
        lift_order: 100 - at,
        ttl_seconds: 12 * 3600,
        services: Vec::new(),
        note: "incident 1".to_owned(),
    }
}

/// Everything that can be ordered, by id.
pub(crate) fn orders() -> BTreeMap<&'static str, Order> {
    let (directory, network) = (Some(DIRECTORY), Some(NETWORK));
    let mut all = BTreeMap::from([
        ("ann", order("ann", "disable-account", directory, &["user:ann"], 1)),
        ("ann-end", order("ann-end", "end-sessions", directory, &["user:ann"], 2)),
        ("badge", order("badge", "collect-badge", None, &["user:ann"], 3)),
        ("bob", order("bob", "disable-account", directory, &["user:bob"], 4)),
        ("wide", order("wide", "disable-account", directory, &["user:ann", "user:cas"], 5)),
        ("hosts", order("hosts", "isolate-host", network, &["host:h1", "host:h2"], 6)),
        ("h1", order("h1", "isolate-host", network, &["host:h1"], 7)),
        ("h1-end", order("h1-end", "end-connections", network, &["host:h1"], 8)),
        ("never", order("never", "isolate-host", network, &[NEVER], 9)),
        ("tills", order("tills", "block-flow", network, &["flow:f1"], 10)),
        ("spare", order("spare", "block-flow", network, &["flow:f2"], 11)),
        ("quiet", order("quiet", "block-flow", network, &["flow:f3"], 12)),
    ]);
    for (id, order) in &mut all {
        match *id {
            "tills" | "quiet" => order.services = vec!["tills".into()],
            "spare" => order.ttl_seconds = 1000,
            _ => {}
        }
    }
    all
}
