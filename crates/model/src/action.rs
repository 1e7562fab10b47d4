//! What is said between the executor and a connector: orders, calls and answers.
//!
//! The executor decides, a connector acts, and everything that passes between
//! them is a value of this file, so that it can be recorded, repeated and sent
//! to another process. Nothing here knows a vendor, a clock or the ledger.
//! Every call may be repeated: "already so" counts as done.

use serde::{Deserialize, Serialize};
/// Any JSON value: a connector's own description of a prior state.
pub use serde_json::Value as Json;

use crate::estate::Mode;
use crate::ids::{NodeId, ServiceId, WithdrawalId};

/// The name under which Cordon owns what it has changed in an outside system.
pub const CORDON: &str = "cordon";

/// One withdrawal as it was ordered: everything that is needed to raise and to
/// lift it with nothing but the ledger at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id in the estate.
    pub withdrawal: WithdrawalId,
    /// Its kind: `disable-account`.
    pub kind: String,
    /// Refuse or end.
    pub mode: Mode,
    /// The nodes that it acts on, sorted.
    pub targets: Vec<NodeId>,
    /// The connector that carries it out; none means by hand.
    pub connector: Option<String>,
    /// The node that carries it out.
    pub enforcer: Option<NodeId>,
    /// Position in the order of raising, from 1.
    pub order: u32,
    /// Position in the order of lifting, from 1.
    pub lift_order: u32,
    /// Seconds from the raise until it ends by itself unless renewed.
    pub ttl_seconds: u32,
    /// Services that depend on a target in any way; the first suspects when one of them stops.
    pub services: Vec<ServiceId>,
    /// Words for the outside system's own audit log: incident and plan.
    pub note: String,
}

/// What a connector is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Read the present state; changes nothing.
    Look,
    /// Let nothing new start.
    Refuse,
    /// Close what is open.
    End,
    /// Put the prior state back.
    Restore,
    /// Try to use the access that is withdrawn.
    Probe,
}

impl Act {
    /// The act that raises a withdrawal of this mode.
    #[must_use]
    pub fn raising(mode: Mode) -> Self {
        match mode {
            Mode::Refuse => Self::Refuse,
            Mode::End => Self::End,
        }
    }

    /// Whether it takes something away.
    #[must_use]
    pub fn withdraws(self) -> bool {
        matches!(self, Self::Refuse | Self::End)
    }
}

/// One call of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// What to do.
    pub act: Act,
    /// The order that it serves.
    pub order: Order,
    /// The targets to do it to: all of the order's, or those that are left.
    pub targets: Vec<NodeId>,
    /// For refuse and end the state as it was looked at (for compare-and-swap
    /// where the system offers it), for restore the state to put back; one for
    /// each of `targets`, otherwise empty.
    pub prior: Vec<Observed>,
    /// The withdrawal's newest attempt in the ledger, from 1; 0 for looks before the first.
    pub attempt: u32,
}

/// Whether new use of a target is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// New use is possible (for an `end`: something is open).
    Open,
    /// Some ways of use are refused and some are possible: half raised, or half given back.
    Partly,
    /// New use is refused (for an `end`: nothing is open).
    Refused,
    /// There is no such thing in the outside system, so nobody can use it.
    Absent,
    /// The system does not say.
    Unknown,
}

impl Access {
    /// Whether nobody can use it: refused or absent.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Refused | Self::Absent)
    }

    /// Whether somebody could use it: open, or partly so.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Partly)
    }
}

/// What a look saw of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The target.
    pub target: NodeId,
    /// Whether it can be used.
    pub access: Access,
    /// Who brought it into this state, where the system says so; [`CORDON`] is us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The attributes that the withdrawal would change, exactly as they are.
    #[serde(default)]
    pub state: Json,
    /// How many sessions, tickets or connections are open.
    #[serde(default)]
    pub open: u32,
    /// Seconds until the last of them ends by itself, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual_seconds: Option<u64>,
}

/// How an act ended for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The target.
    pub target: NodeId,
    /// How it ended.
    pub answer: Answer,
}

/// What the outside system answered about one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It was done now.
    Done,
    /// There was nothing to do.
    AlreadySo {
        /// Who had done it, where the system says so; [`CORDON`] is an earlier try of ours.
        by: Option<String>,
    },
    /// It was not done, or it is not known whether it was.
    Failed(Trouble),
}

impl Answer {
    /// Whether the target is now as asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done | Self::AlreadySo { .. })
    }
}

/// Why a call, or its part for one target, did not come off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}: {why}")]
pub struct Trouble {
    /// What sort of trouble.
    pub kind: TroubleKind,
    /// What happened, in words.
    pub why: String,
}

impl Trouble {
    /// Puts a kind and words together.
    #[must_use]
    pub fn new(kind: TroubleKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }
}

/// What sort of trouble a call had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// The call never arrived: nothing was changed.
    Unreachable,
    /// No answer within the deadline: it may have been done, or may yet be.
    NoReply,
    /// The system refused the connector the right to do it.
    Denied,
    /// Somebody changed the target between the look and the act.
    Changed,
    /// The system does not say what state it is in, so nothing could be given back exactly.
    Unknown,
    /// The system said yes, but a look or probe shows otherwise.
    NotEffective,
    /// Cordon's own guard held the call back: authority, never-touch or a cap.
    Withheld,
    /// The connector cannot do this, or answered nonsense.
    Unsupported,
}

impl std::fmt::Display for TroubleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::NoReply => "no reply",
            Self::Denied => "denied",
            Self::Changed => "changed meanwhile",
            Self::Unknown => "state unknown",
            Self::NotEffective => "not effective",
            Self::Withheld => "withheld",
            Self::Unsupported => "unsupported",
        })
    }
}

/// What a probe found for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// The target.
    pub target: NodeId,
    /// What trying to use it showed.
    pub finding: Finding,
}

/// What trying to use a withdrawn access shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The try was refused: the withdrawal holds.
    Holds,
    /// The try succeeded: the withdrawal leaks.
    Leaks,
    /// It could not be tried.
    Untried,
}

/// What a connector answers to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// To a look.
    Seen {
        /// One for each target of the call.
        targets: Vec<Observed>,
    },
    /// To refuse, end and restore; different answers for different targets mean half done.
    Acted {
        /// One for each target of the call.
        outcomes: Vec<Outcome>,
    },
    /// To a probe.
    Tried {
        /// One for each target of the call.
        findings: Vec<Probed>,
    },
    /// The call as a whole came to nothing.
    Trouble(Trouble),
}

/// Whether a service does its work, as seen from outside.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// It works.
    Trading,
    /// It works badly.
    Degraded,
    /// It does not work.
    Stopped,
    /// Nobody has looked, or the look failed.
    #[default]
    Unknown,
}
