//! One module per outside system: look, refuse, end, restore, probe.
//!
//! A connector does exactly what a [`Call`] says to exactly the targets that it
//! names, and answers honestly. It decides nothing, keeps no state of its own
//! and may be asked the same thing twice. The executor's guard has passed every
//! call before it comes here. Start at [`Connector`] for the promises and at
//! [`open`] for the modules; [`range`] is the simulated estate to practise on.

use std::time::Duration;

use cordon_model::NodeId;
use cordon_model::action::{Act, Call, Observed, Outcome, Probed, Reply, Trouble};
use serde::{Deserialize, Serialize};

mod bound;
pub mod conformance;
pub mod database;
pub mod directory;
mod exec;
mod firewall;
mod http;
pub mod hypervisor;
pub mod linux_host;
mod radius;
pub mod range;
mod remote;
mod scim;
mod secret;
pub mod service;
mod sessions;
pub mod signals;
mod site;
mod web;

pub use secret::{Secret, SecretError};
pub use site::{KINDS, SettingsError, Site, open};

/// An outside system that can withdraw access.
///
/// # Promises that every implementation keeps
/// - Nothing but the call's targets is changed, and of them only what the withdrawal's kind is about.
/// - Every call may be repeated; a target that is already so is answered as such, with who did it.
/// - The answer comes within `deadline`, else it is trouble of kind *no reply*.
/// - `look` gives as `state` everything that a restore needs, and `partly` where only some of a
///   target's ways in are refused.
/// - `refuse` compares with the prior state of the call where the system offers it, and answers
///   trouble of kind *changed* when somebody was quicker.
/// - `restore` puts back the prior state of the call exactly, only where
///   Cordon's change still stands: what somebody else has done since is left.
/// - A system that cannot be reached is *unreachable*, one that denies is *denied*; nobody is
///   told that something was done before the system has said so.
pub trait Connector: Send {
    /// Proves before an incident that it could act, and that it can do no more than it needs.
    fn preflight(&mut self, deadline: Duration) -> Vec<Check>;

    /// Reads the present state of each target.
    ///
    /// # Errors
    /// When no target could be read; one that could not is otherwise `unknown`.
    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble>;

    /// Lets nothing new start.
    ///
    /// # Errors
    /// When the call as a whole came to nothing; single targets fail in their outcome.
    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble>;

    /// Closes what is open.
    ///
    /// # Errors
    /// As [`Connector::refuse`].
    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble>;

    /// Puts back the prior state that the call carries.
    ///
    /// # Errors
    /// As [`Connector::refuse`].
    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble>;

    /// Tries to use the access of each target.
    ///
    /// # Errors
    /// When nothing could be tried at all.
    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble>;

    /// Says what a raising call would send, a line for each write, by the code that would send
    /// it, and sends none of it; reading is allowed.
    ///
    /// # Errors
    /// When it can be told already that the call would come to nothing.
    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble>;

    /// Names the keys of a state that change by themselves, such as versions: they tell that
    /// somebody has changed something, and are not given back.
    fn volatile(&self) -> &'static [&'static str] {
        &[]
    }

    /// Listens for changes that anybody makes to the outside system, where it tells of them, and
    /// names the nodes that it knows by `told` until the value that comes back is dropped.
    ///
    /// # Errors
    /// When the system could tell but does not; without an error, none means that it never does.
    fn listen(&mut self, _nodes: &[NodeId], _told: Told) -> Result<Option<Listening>, Trouble> {
        Ok(None)
    }

    /// Does what a call says.
    fn perform(&mut self, call: &Call, deadline: Duration) -> Reply {
        let acted = |outcomes| Reply::Acted { outcomes };
        match call.act {
            Act::Look => self.look(call, deadline).map(|targets| Reply::Seen { targets }),
            Act::Refuse => self.refuse(call, deadline).map(acted),
            Act::End => self.end(call, deadline).map(acted),
            Act::Restore => self.restore(call, deadline).map(acted),
            Act::Probe => self.probe(call, deadline).map(|findings| Reply::Tried { findings }),
        }
        .unwrap_or_else(Reply::Trouble)
    }
}

/// What is done with the name of a node that somebody has changed.
pub type Told = Box<dyn Fn(&NodeId) + Send>;

/// Listens until it is dropped.
pub type Listening = Box<dyn std::any::Any + Send>;

/// One line of a pre-flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The kind of withdrawal that was tried: `disable-account`.
    pub kind: String,
    /// What of it.
    pub act: Act,
    /// How it stands.
    pub finding: Readiness,
}

impl Check {
    /// The one line of a connector that could not be asked.
    #[must_use]
    pub fn impossible(trouble: Trouble) -> Self {
        Self { kind: "all".to_owned(), act: Act::Look, finding: Readiness::Unable(trouble) }
    }
}

/// Whether a connector could do what a plan might ask of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// It could.
    Able,
    /// It could not, and why.
    Unable(Trouble),
    /// It could do more than it needs, and what.
    Excessive(String),
}
