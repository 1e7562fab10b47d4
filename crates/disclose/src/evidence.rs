//! Everything that exposure and claims rest on, as plain values.
//!
//! [`crate::gather()`] fills these from the ledger; whoever knows more (links that
//! the logs have shown, categories that a statement named) may add to them.
//! Nodes are ids, since some of them are provisional and in no estate.

use cordon_model::action::ServiceState;
use cordon_model::signal::{Amount, Outcome, Place, Verb};
use cordon_model::{NodeId, ServiceId, WithdrawalId};
use jiff::Timestamp;

use crate::spans::Span;

/// Footholds of at least this probability count as the intruder's.
pub(crate) const COUNTED: f64 = 0.5;
/// From here up to `COUNTED` a node is a suspect: told, and its accesses leave no all-clear.
pub(crate) const SUSPECT: f64 = 0.2;

/// What is known about one intrusion at one position of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The last ledger entry that was read.
    pub position: u64,
    /// From the first foothold to now, or to the end of the incident.
    pub window: Span,
    /// The footholds and suspects.
    pub footholds: Vec<Foothold>,
    /// When which withdrawals were in force.
    pub withdrawals: Vec<InForce>,
    /// Uses of data, by anybody.
    pub accesses: Vec<Access>,
    /// Links that the logs have shown and the estate may lack.
    pub links: Vec<ObservedLink>,
    /// Logons for which nobody has found the link that explains them.
    pub logons: Vec<Logon>,
    /// What was heard of each log source.
    pub sources: Vec<Source>,
}

impl Evidence {
    /// Evidence of nothing, within a window.
    #[must_use]
    pub fn new(window: Span) -> Self {
        Self {
            position: 0,
            window,
            footholds: Vec::new(),
            withdrawals: Vec::new(),
            accesses: Vec::new(),
            links: Vec::new(),
            logons: Vec::new(),
            sources: Vec::new(),
        }
    }
}

/// Where a piece of evidence stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// The ledger entry, 0 if it is not in the ledger.
    pub entry: u64,
    /// The log line behind it, where there is one.
    pub place: Option<Place>,
}

/// A node that the intruder probably controls, for a stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Foothold {
    /// The node.
    pub node: NodeId,
    /// Probability, 0 to 1.
    pub probability: f64,
    /// Since when, by the events' own clocks.
    pub since: Timestamp,
    /// Until when; none while it lasts.
    pub until: Option<Timestamp>,
    /// Whether it stays a start whatever is withdrawn.
    pub entrenched: bool,
    /// Whether the estate and the observed links say what can be reached from it.
    pub reach_known: bool,
    /// The ledger entry.
    pub entry: u64,
}

impl Foothold {
    pub(crate) fn holds_at(&self, time: Timestamp) -> bool {
        self.since <= time && self.until.is_none_or(|until| time < until)
    }
}

/// A withdrawal that really held: what was open had ended, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The withdrawal.
    pub withdrawal: WithdrawalId,
    /// First moment.
    pub from: Timestamp,
    /// The moment from which it no longer held; none while it does.
    pub to: Option<Timestamp>,
    /// The ledger entry.
    pub entry: u64,
}

impl InForce {
    pub(crate) fn holds_at(&self, time: Timestamp) -> bool {
        self.from <= time && self.to.is_none_or(|to| time < to)
    }
}

/// One use of data, with names resolved to nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// When.
    pub time: Timestamp,
    /// Who did it: the account, key or app, and the host that it came from.
    /// Leave out addresses that many share. Empty if the log does not say.
    pub actors: Vec<NodeId>,
    /// What was used: holdings' nodes, copies, or nodes that hold neither.
    pub targets: Vec<NodeId>,
    /// The categories that the named tables or columns hold; empty if not known.
    pub categories: Vec<Box<str>>,
    /// What was done.
    pub verb: Verb,
    /// How much.
    pub amount: Amount,
    /// Whether what was read went to an address outside the estate.
    pub left: bool,
    /// Whether it came off.
    pub outcome: Outcome,
    /// Where it stands.
    pub reference: Reference,
}

/// A link that the logs have shown: who controls the first can come to control the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLink {
    /// From here.
    pub from: NodeId,
    /// To there.
    pub to: NodeId,
    /// The ledger entry.
    pub entry: u64,
}

/// A successful logon for which no link of the estate was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logon {
    /// When.
    pub time: Timestamp,
    /// The account, and the host that it came from.
    pub from: Vec<NodeId>,
    /// What was signed in to.
    pub to: Vec<NodeId>,
    /// Where it stands.
    pub reference: Reference,
}

/// What was heard of one log source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, as `[[coverage]]` gives it.
    pub name: Box<str>,
    /// When it was heard without a break, in any order.
    pub heard: Vec<Span>,
}

/// The services as their probes saw them, and how old that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStates {
    /// The moment at which the claims are checked.
    pub now: Timestamp,
    /// A look that is older than this many seconds shows nothing about now.
    pub fresh_seconds: u32,
    /// One for each service that was probed.
    pub views: Vec<ServiceView>,
}

impl ServiceStates {
    /// No service has been looked at.
    #[must_use]
    pub fn none(now: Timestamp) -> Self {
        Self { now, fresh_seconds: Self::FRESH_SECONDS, views: Vec::new() }
    }

    /// How old a look may be when nobody says otherwise: a quarter of an hour.
    pub const FRESH_SECONDS: u32 = 900;
}

/// One service as its probe saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// The service.
    pub service: ServiceId,
    /// Its state.
    pub state: ServiceState,
    /// Since when it has been so.
    pub since: Timestamp,
    /// When the probe last looked.
    pub checked: Timestamp,
    /// What the probe said.
    pub because: String,
    /// The ledger entry.
    pub entry: u64,
}
