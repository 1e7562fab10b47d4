//! Runs a connector's promises against the real thing, one line per promise.
//!
//! [`examine`] asks any connector what its trait promises and tells what was
//! seen: kept, broken or not tried, with words that a person can act on. It
//! knows no vendor. Every connector's own tests use it, and an operator runs
//! it against accounts and hosts that are there to practise on. It gives back
//! what it took, whatever it finds. The calls are made in `bench.rs`; what is
//! asked stands in `withdrawing.rs` and `edges.rs`.

mod bench;
mod edges;
#[cfg(test)]
mod tests;
mod withdrawing;

use std::fmt;
use std::time::Duration;

use cordon_model::action::{Json, Observed};
use cordon_model::{Mode, NodeId};
use serde::{Deserialize, Serialize};

use crate::Connector;
use bench::Bench;

/// What a connector is examined with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The kind of withdrawal: `disable-account`.
    pub kind: String,
    /// Refuse or end.
    pub mode: Mode,
    /// Nodes that may be refused and given back; open now, and nobody needs them.
    pub targets: Vec<NodeId>,
    /// Nodes of the same system that must not be touched.
    pub bystanders: Vec<NodeId>,
    /// A node that the connector must not act on.
    pub outside: Option<NodeId>,
    /// A kind of withdrawal that the connector does not know; none if it knows all.
    pub unknown_kind: Option<String>,
    /// Keys of the state that change by themselves, besides those that the connector names.
    pub volatile: Vec<String>,
    /// Whether the system compares with the prior state before it changes anything.
    pub compares: bool,
    /// Whether the system cannot be looked at, so that a look without proof assumes the worst.
    pub blind: bool,
    /// How long one call may take.
    pub deadline: Duration,
    /// How long a change may take to show.
    pub within: Duration,
    /// Whether anything may be changed; else only what reads is tried.
    pub may_change: bool,
}

impl Subject {
    /// A subject with the usual waits: 10 s for a call, 15 s to show.
    #[must_use]
    pub fn new(kind: &str, mode: Mode, targets: Vec<NodeId>) -> Self {
        Self {
            kind: kind.to_owned(),
            mode,
            targets,
            bystanders: Vec::new(),
            outside: None,
            unknown_kind: Some("practise-nothing".to_owned()),
            volatile: Vec::new(),
            compares: false,
            blind: false,
            deadline: Duration::from_secs(10),
            within: Duration::from_secs(15),
            may_change: true,
        }
    }
}

/// Help that only some callers can give.
#[derive(Default)]
pub struct Help<'a> {
    /// Changes a target as somebody else would, leaving it open.
    pub disturb: Option<&'a mut dyn FnMut(&NodeId)>,
    /// The same connector with a system that cannot be reached.
    pub offline: Option<&'a mut dyn Connector>,
}

/// One thing that every connector promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// The pre-flight speaks of the kind and sees nothing in the way.
    Preflight,
    /// A look gives the state of every target.
    Look,
    /// A kind that it does not know is refused before anything changes.
    UnknownKind,
    /// A node outside of its scope is refused before anything changes.
    Scope,
    /// A rehearsal tells what would be sent, and sends nothing.
    Rehearse,
    /// What cannot be done in time is not told as done.
    ShortDeadline,
    /// A prior state of another form is not put back.
    ForeignPrior,
    /// A probe does not call a thing withdrawn that is open.
    ProbeOpen,
    /// A refusal shows in time.
    Refuse,
    /// A repeated refusal is already so and changes nothing.
    RefuseAgain,
    /// A probe is refused while the withdrawal stands.
    ProbeHolds,
    /// A restore gives exactly the prior state back.
    Restore,
    /// A repeated restore changes nothing.
    RestoreAgain,
    /// What somebody changed after the look is noticed or left.
    Stale,
    /// An end closes what is open, or tells how long it stays open.
    End,
    /// A listener is told of a change.
    Listen,
    /// Nodes that are not targets stay as they are.
    Bystanders,
    /// A system that cannot be reached is never told as a success.
    Offline,
    /// Every target of a call is answered, and nothing else.
    EachAnswered,
    /// Every call comes back within its deadline.
    InTime,
    /// At the end everything is as it was.
    AsFound,
}

impl Promise {
    /// Every promise, in the order in which lines are given.
    pub const ALL: [Self; 21] = [
        Self::Preflight,
        Self::Look,
        Self::UnknownKind,
        Self::Scope,
        Self::Rehearse,
        Self::ShortDeadline,
        Self::ForeignPrior,
        Self::ProbeOpen,
        Self::Refuse,
        Self::RefuseAgain,
        Self::ProbeHolds,
        Self::Restore,
        Self::RestoreAgain,
        Self::Stale,
        Self::End,
        Self::Listen,
        Self::Bystanders,
        Self::Offline,
        Self::EachAnswered,
        Self::InTime,
        Self::AsFound,
    ];
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preflight => "the pre-flight sees nothing in the way",
            Self::Look => "a look gives the state of every target",
            Self::UnknownKind => "an unknown kind is refused before anything changes",
            Self::Scope => "a node outside of its scope is refused before anything changes",
            Self::Rehearse => "a rehearsal tells what would be sent, and sends nothing",
            Self::ShortDeadline => "what cannot be done in time is not told as done",
            Self::ForeignPrior => "a prior state of another form is not put back",
            Self::ProbeOpen => "a probe does not call open things withdrawn",
            Self::Refuse => "a refusal shows in time",
            Self::RefuseAgain => "a repeated refusal is already so and changes nothing",
            Self::ProbeHolds => "a probe is refused while the withdrawal stands",
            Self::Restore => "a restore gives exactly the prior state back",
            Self::RestoreAgain => "a repeated restore changes nothing",
            Self::Stale => "what somebody changed after the look is noticed or left",
            Self::End => "an end closes what is open, or tells how long it stays open",
            Self::Listen => "a listener is told of a change",
            Self::Bystanders => "nodes that are not targets stay as they are",
            Self::Offline => "a system that cannot be reached is never told as a success",
            Self::EachAnswered => "every target of a call is answered, and nothing else",
            Self::InTime => "every call comes back within its deadline",
            Self::AsFound => "at the end everything is as it was",
        })
    }
}

/// How a promise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was tried, and kept.
    Kept,
    /// It was tried, and broken.
    Broken,
    /// It was not tried; nothing is known.
    NotTried,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::NotTried => "not tried",
        })
    }
}

/// How one promise stands, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which promise.
    pub promise: Promise,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen, or why it was not tried.
    pub seen: String,
}

/// Tries every promise on a connector; one line for each, in the order of [`Promise::ALL`].
///
/// Targets are refused and given back several times. Call it only with nodes
/// that nobody needs for the next minute.
pub fn examine(connector: &mut dyn Connector, subject: &Subject, help: Help<'_>) -> Vec<Line> {
    let mut bench = Bench::new(connector, subject);
    edges::preflight(&mut bench);
    let found = edges::first_look(&mut bench);
    if let Some(found) = &found {
        let bystanders = bench.look_at(&subject.bystanders);
        edges::unknown_kind(&mut bench, found);
        edges::scope(&mut bench, found);
        edges::rehearse(&mut bench, found);
        if !subject.may_change {
            bench.not_tried_rest("nothing may be changed here");
        } else if let Some(why) = in_the_way(found) {
            bench.not_tried_rest(&why);
        } else {
            match subject.mode {
                Mode::Refuse => {
                    let left = withdrawing::refuse_and_restore(&mut bench, found, help.disturb);
                    withdrawing::as_found(&mut bench, &left);
                }
                Mode::End => withdrawing::end(&mut bench, found),
            }
        }
        edges::bystanders(&mut bench, bystanders);
    }
    if let Some(offline) = help.offline {
        edges::offline(&mut bench, offline, found.as_deref().unwrap_or_default());
    }
    bench.lines()
}

/// Why a subject is of no use: something of it is closed already.
fn in_the_way(found: &[Observed]) -> Option<String> {
    let closed = found.iter().find(|seen| !seen.access.is_open())?;
    Some(format!("`{}` is not open, so nothing could be taken from it", closed.target))
}

/// A state without the keys that change by themselves, at any depth.
fn lasting(state: &Json, volatile: &[&str]) -> Json {
    match state {
        Json::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !volatile.contains(&key.as_str()));
            Json::Object(kept.map(|(key, v)| (key.clone(), lasting(v, volatile))).collect())
        }
        Json::Array(values) => values.iter().map(|value| lasting(value, volatile)).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => state.clone(),
    }
}
