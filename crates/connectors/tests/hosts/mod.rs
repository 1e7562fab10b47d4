//! What the tests of the host connectors share: an estate, calls, and figures.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cordon_connectors::{Connector, Site, open};
use cordon_model::action::{
    Act, Answer, Call, Finding, Json, Observed, Order, Reply, Trouble, TroubleKind,
};
use cordon_model::estate::Node;
use cordon_model::{EstateBuilder, Mode, NodeId};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

/// A site with nodes and their spellings.
pub(crate) fn site(kind: &str, folder: &Path, settings: Json, nodes: &[(&str, &[&str])]) -> Site {
    let mut builder = EstateBuilder::new("North", "GBP");
    for (id, aliases) in nodes {
        let mut named = Node::new(node(id));
        named.aliases = aliases.iter().map(|alias| (*alias).into()).collect();
        builder.add_node(named);
    }
    let estate = Arc::new(builder.finish().unwrap());
    let (name, kind) = (format!("the-{kind}"), kind.to_owned());
    Site { name, kind, settings, estate, folder: folder.to_owned(), range: None }
}

pub(crate) fn opened(site: &Site) -> Box<dyn Connector> {
    open(site).unwrap()
}

pub(crate) fn call(kind: &str, mode: Mode, targets: &[&str]) -> Call {
    let order = Order {
        withdrawal: format!("{kind}/{}", targets[0]).into(),
        kind: kind.to_owned(),
        mode,
        targets: targets.iter().map(|id| node(id)).collect(),
        connector: Some("it".to_owned()),
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 7200,
        services: Vec::new(),
        note: "incident 7, plan 3f2a".to_owned(),
    };
    Call { act: Act::Look, targets: order.targets.clone(), order, prior: Vec::new(), attempt: 0 }
}

pub(crate) fn look(on: &mut dyn Connector, call: &Call) -> Vec<Observed> {
    let call = Call { act: Act::Look, ..call.clone() };
    match on.perform(&call, DEADLINE) {
        Reply::Seen { targets } => targets,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn acted(
    on: &mut dyn Connector,
    act: Act,
    call: &Call,
    prior: &[Observed],
) -> Vec<Answer> {
    let call = Call { act, prior: prior.to_vec(), attempt: 1, ..call.clone() };
    match on.perform(&call, DEADLINE) {
        Reply::Acted { outcomes } => {
            let targets: Vec<NodeId> = outcomes.iter().map(|o| o.target.clone()).collect();
            assert_eq!(targets, call.targets);
            outcomes.into_iter().map(|outcome| outcome.answer).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn probed(on: &mut dyn Connector, call: &Call) -> Vec<Finding> {
    let call = Call { act: Act::Probe, attempt: 1, ..call.clone() };
    match on.perform(&call, DEADLINE) {
        Reply::Tried { findings } => findings.into_iter().map(|probed| probed.finding).collect(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn trouble(
    on: &mut dyn Connector,
    act: Act,
    call: &Call,
    deadline: Duration,
) -> Trouble {
    match on.perform(&Call { act, ..call.clone() }, deadline) {
        Reply::Trouble(trouble) => trouble,
        Reply::Acted { outcomes } => match &outcomes[0].answer {
            Answer::Failed(trouble) => trouble.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// A trouble has its kind and says what a person needs to know.
pub(crate) fn expect(trouble: &Trouble, kind: TroubleKind, words: &[&str]) {
    assert_eq!(trouble.kind, kind, "{trouble}");
    for word in words {
        assert!(trouble.why.contains(word), "`{word}` is not in: {trouble}");
    }
    println!("  {trouble}");
}

pub(crate) fn done(answers: &[Answer]) {
    assert!(answers.iter().all(|answer| *answer == Answer::Done), "{answers:?}");
}

/// The median and the 99th percentile in milliseconds.
pub(crate) fn figures(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |share: f64| {
        let index = ((times.len() as f64 - 1.0) * share).ceil() as usize;
        times[index].as_secs_f64() * 1000.0
    };
    println!("{what}: p50 {:.1} ms, p99 {:.1} ms, n {}", at(0.5), at(0.99), times.len());
}
