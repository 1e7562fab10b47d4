//! What the tests of both dialects of the directory share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cordon_connectors::{Connector, Site, directory};
use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Order, Reply, TroubleKind,
};
use cordon_model::estate::{EstateBuilder, Node};
use cordon_model::{Mode, NodeId, WithdrawalId};

/// Time for one call.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A site whose estate holds nodes with aliases.
pub(crate) fn site(folder: &Path, settings: Json, nodes: &[(&str, &[&str])]) -> Site {
    let mut builder = EstateBuilder::new("shop", "GBP");
    for (id, aliases) in nodes {
        let mut node = Node::new(NodeId::parse(id).unwrap());
        node.aliases = aliases.iter().map(|alias| (*alias).into()).collect();
        builder.add_node(node);
    }
    Site {
        name: "ad".to_owned(),
        kind: "directory".to_owned(),
        settings,
        estate: Arc::new(builder.finish().unwrap()),
        folder: folder.to_owned(),
        range: None,
    }
}

/// Writes a secret that only its owner can read.
pub(crate) fn secret(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A connector and one kind of withdrawal of some targets.
pub(crate) struct Cut {
    pub(crate) connector: directory::Directory,
    pub(crate) kind: &'static str,
    pub(crate) mode: Mode,
    pub(crate) targets: Vec<NodeId>,
}

impl Cut {
    pub(crate) fn new(site: &Site, kind: &'static str, targets: &[&str]) -> Self {
        let mode = if kind == "end-sessions" { Mode::End } else { Mode::Refuse };
        let targets = targets.iter().map(|id| NodeId::parse(id).unwrap()).collect();
        Self { connector: directory::open(site).unwrap(), kind, mode, targets }
    }

    pub(crate) fn call(&self, act: Act, prior: &[Observed]) -> Call {
        Call {
            act,
            order: Order {
                withdrawal: WithdrawalId::from(format!("{}/x", self.kind).as_str()),
                kind: self.kind.to_owned(),
                mode: self.mode,
                targets: self.targets.clone(),
                connector: Some("ad".to_owned()),
                enforcer: None,
                order: 1,
                lift_order: 1,
                ttl_seconds: 3600,
                services: Vec::new(),
                note: "test".to_owned(),
            },
            targets: self.targets.clone(),
            prior: prior.to_vec(),
            attempt: 1,
        }
    }

    pub(crate) fn perform(&mut self, act: Act, prior: &[Observed]) -> Reply {
        let call = self.call(act, prior);
        self.connector.perform(&call, DEADLINE)
    }

    pub(crate) fn look(&mut self) -> Vec<Observed> {
        match self.perform(Act::Look, &[]) {
            Reply::Seen { targets } => targets,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn access(&mut self) -> Vec<Access> {
        self.look().into_iter().map(|seen| seen.access).collect()
    }

    pub(crate) fn act(&mut self, act: Act, prior: &[Observed]) -> Vec<Answer> {
        match self.perform(act, prior) {
            Reply::Acted { outcomes } => outcomes.into_iter().map(|o| o.answer).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn probe(&mut self) -> Vec<Finding> {
        match self.perform(Act::Probe, &[]) {
            Reply::Tried { findings } => findings.into_iter().map(|p| p.finding).collect(),
            other => panic!("{other:?}"),
        }
    }
}

/// The kind of trouble of an answer, and its words.
pub(crate) fn trouble(answer: &Answer) -> (TroubleKind, &str) {
    match answer {
        Answer::Failed(trouble) => (trouble.kind, &trouble.why),
        other => panic!("{other:?}"),
    }
}
