//! May this very call be made? The last word before the wire.
//!
//! Looks and probes change nothing and are free for nodes of the estate. Taking
//! away needs a living warrant to the letter, a state that this hand has seen
//! itself, and room under the caps. Giving back is never capped, but gives back
//! only states that this hand found before it took something away.

use std::collections::BTreeMap;

use cordon_authority::Authority;
use cordon_model::action::{Act, Call, Observed, Trouble, TroubleKind};
use cordon_model::{Estate, NodeId, Timestamp, WithdrawalId};

use crate::memory::Memory;

/// The newest looks of this hand, by withdrawal and node.
pub type Seen = BTreeMap<(WithdrawalId, NodeId), Observed>;

/// How a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Judged {
    /// It may be made.
    Go,
    /// The hand has to look for itself first.
    LookFirst,
}

/// Judges a call.
///
/// # Errors
/// Trouble of kind *withheld* or *changed* that says why not.
pub fn judge(
    memory: &Memory,
    seen: &Seen,
    estate: &Estate,
    authority: &Authority,
    call: &Call,
    now: Timestamp,
) -> Result<Judged, Trouble> {
    if call.targets.is_empty() || call.targets.iter().any(|t| !call.order.targets.contains(t)) {
        return Err(withheld("the call's targets are not those of its order"));
    }
    match call.act {
        Act::Look | Act::Probe => {
            let unknown = call.targets.iter().find(|node| estate.find(node.as_str()).is_none());
            let why = |node: &NodeId| withheld(format!("`{node}` is no node of this estate"));
            unknown.map_or(Ok(Judged::Go), |node| Err(why(node)))
        }
        Act::Restore => restores(memory, call),
        Act::Refuse | Act::End => takes(memory, seen, (estate, authority), call, now),
    }
}

fn withheld(why: impl Into<String>) -> Trouble {
    Trouble::new(TroubleKind::Withheld, why)
}

fn fits(call: &Call) -> bool {
    call.prior.len() == call.targets.len()
        && call.prior.iter().zip(&call.targets).all(|(prior, target)| prior.target == *target)
}

fn restores(memory: &Memory, call: &Call) -> Result<Judged, Trouble> {
    if !fits(call) {
        return Err(withheld("a lift must say what to give back for each target"));
    }
    match call.prior.iter().find(|prior| !memory.found_so(&call.order, prior)) {
        Some(prior) => Err(withheld(format!(
            "this hand never found `{}` in the state that it is to give back",
            prior.target
        ))),
        None => Ok(Judged::Go),
    }
}

fn takes(
    memory: &Memory,
    seen: &Seen,
    (estate, authority): (&Estate, &Authority),
    call: &Call,
    now: Timestamp,
) -> Result<Judged, Trouble> {
    let id = &call.order.withdrawal;
    let Some(warranted) = memory.warranted(id) else {
        return Err(withheld(format!("there is no warrant for `{id}`")));
    };
    if warranted.order != call.order || call.act != Act::raising(call.order.mode) {
        return Err(withheld(format!("the call for `{id}` differs from its warrant")));
    }
    if !warranted.wanted {
        return Err(withheld(format!(
            "`{id}` has been lifted or released; it needs a new warrant"
        )));
    }
    if !memory.is_alive(warranted, now) {
        return Err(withheld(format!("the warrant for `{id}` ended at {}", warranted.until)));
    }
    let may_not =
        |node: &&NodeId| estate.find(node.as_str()).is_none_or(|at| estate.is_forbidden(at));
    if let Some(node) = call.targets.iter().find(may_not) {
        return Err(withheld(format!("`{node}` may never be touched")));
    }
    within_caps(memory, authority, call, now)?;
    if !fits(call) {
        return Err(withheld("a raise must say what was found before"));
    }
    was_seen(memory, seen, call)
}

fn within_caps(
    memory: &Memory,
    authority: &Authority,
    call: &Call,
    now: Timestamp,
) -> Result<(), Trouble> {
    let attempts = memory.attempts(now);
    let caps = &authority.terms().caps;
    let (kind, connector) = (&call.order.kind, call.order.connector.as_deref().unwrap_or_default());
    let tried = |of: &BTreeMap<String, usize>, name: &str| of.get(name).copied().unwrap_or(0);
    for (what, tried, cap) in [
        (kind.as_str(), tried(&attempts.kinds, kind), caps.of_kind(kind)),
        (
            connector,
            tried(&attempts.connectors, connector),
            caps.connectors.get(connector).copied(),
        ),
    ] {
        let more = call.targets.len();
        if let Some(cap) = cap.filter(|cap| tried + more > *cap) {
            return Err(withheld(format!(
                "{tried} attempts by `{what}` within an hour and {more} more pass the cap of {cap}; a person must look"
            )));
        }
    }
    Ok(())
}

/// Whether the prior states of a call are what this hand has seen.
fn was_seen(memory: &Memory, seen: &Seen, call: &Call) -> Result<Judged, Trouble> {
    for prior in &call.prior {
        if memory.found_so(&call.order, prior) {
            continue;
        }
        let key = (call.order.withdrawal.clone(), prior.target.clone());
        let Some(looked) = seen.get(&key) else { return Ok(Judged::LookFirst) };
        if looked.access != prior.access || looked.state != prior.state {
            let why = format!("`{}` is no longer as it was looked at", prior.target);
            return Err(Trouble::new(TroubleKind::Changed, why));
        }
    }
    Ok(Judged::Go)
}
