//! How the simulated estate can be told to misbehave.
//!
//! Every fault is one that a real target has shown. Which one applies to a
//! target is asked once per call: the next one in the queue, else that of the
//! node, else that of the whole range.

use std::collections::{BTreeMap, VecDeque};

use cordon_model::NodeId;
use cordon_model::action::Act;

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No call arrives.
    Offline,
    /// Everything takes so much longer.
    Slow {
        /// Simulated seconds on top.
        seconds: u32,
    },
    /// Acts are done, but the answer is lost.
    LosesReplies,
    /// Acts are answered with yes and not done; looks tell the truth.
    Lies,
    /// Acts are not done, and looks say that they were; only a probe tells.
    LiesAlways,
    /// Some acts are not permitted.
    Denies(Vec<Act>),
    /// Looks cannot tell the state.
    Mute,
}

/// How the range behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    /// Simulated seconds until an act takes effect, by kind of withdrawal.
    pub seconds_by_kind: BTreeMap<String, u32>,
    /// The same for every other kind.
    pub seconds: u32,
    /// A fault of the whole range.
    pub everywhere: Option<Fault>,
    /// Faults of single nodes.
    pub nodes: BTreeMap<NodeId, Fault>,
    /// Faults of the next calls, one call each; `None` is a call that goes well.
    pub next_calls: VecDeque<Option<Fault>>,
}

impl Manners {
    pub(super) fn fault_of(&self, call: Option<&Fault>, node: &NodeId) -> Option<Fault> {
        call.or_else(|| self.nodes.get(node)).or(self.everywhere.as_ref()).cloned()
    }

    pub(super) fn seconds(&self, kind: &str, fault: Option<&Fault>) -> u32 {
        let own = self.seconds_by_kind.get(kind).copied().unwrap_or(self.seconds);
        match fault {
            Some(Fault::Slow { seconds }) => own.saturating_add(*seconds),
            Some(
                Fault::Offline
                | Fault::LosesReplies
                | Fault::Lies
                | Fault::LiesAlways
                | Fault::Denies(_)
                | Fault::Mute,
            )
            | None => own,
        }
    }
}
