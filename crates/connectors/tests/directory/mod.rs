//! What the tests of both dialects of the directory share.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
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

/// A line to a server that can be held up or cut at one message.
pub(crate) struct Relay {
    pub(crate) port: u16,
    gate: Gate,
    lines: Arc<Mutex<Vec<TcpStream>>>,
}

/// How many messages of the client go by first, and what happens before the next.
type Gate = Arc<Mutex<Option<(usize, Then)>>>;

/// What happens to a message at the gate.
pub(crate) enum Then {
    /// Something else first, then the message.
    After(Box<dyn FnOnce() + Send>),
    /// The message goes through, and the line is cut before the answer.
    NoAnswer,
}

impl Relay {
    /// Listens on `ip` and passes everything on to `target`.
    pub(crate) fn new(ip: &str, target: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (gate, target) = (Gate::default(), target.to_owned());
        let lines: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (shared, kept) = (Arc::clone(&gate), Arc::clone(&lines));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&target).unwrap();
                let (back_from, back_to) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                let gate = Arc::clone(&shared);
                let mut lines = kept.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(client.try_clone().unwrap());
                drop(lines);
                std::thread::spawn(move || pass(back_from, back_to, &Gate::default()));
                std::thread::spawn(move || pass(client, server, &gate));
            }
        });
        Self { port, gate, lines }
    }

    /// Cuts every line that is open.
    pub(crate) fn cut(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines.drain(..) {
            drop(line.shutdown(Shutdown::Both));
        }
    }

    /// Arms the gate: `passing` messages of the client go by, then this happens.
    pub(crate) fn arm(&self, passing: usize, then: Then) {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some((passing, then));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, gate: &Gate) {
    let mut bytes = [0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let mut armed = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let then = match armed.take() {
            Some((0, then)) => Some(then),
            Some((passing, then)) => {
                *armed = Some((passing - 1, then));
                None
            }
            None => None,
        };
        drop(armed);
        let cut = matches!(then, Some(Then::NoAnswer));
        if let Some(Then::After(first)) = then {
            first();
        }
        if cut {
            drop(from.shutdown(Shutdown::Both));
        }
        if to.write_all(bytes.get(..count).unwrap_or_default()).is_err() || cut {
            return;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}
