//! Giving back what was taken: exactly that, and nothing that somebody else wants closed.
//!
//! A look comes first: where another party has closed the target since, or
//! another cordon of ours still holds it, it is left. A lift is over only when
//! a look reads the prior state back, and not before a lost act could still
//! take effect.

use cordon_model::NodeId;
use cordon_model::action::{Access, Act, Answer, CORDON, Observed, Outcome, Trouble, TroubleKind};
use cordon_model::record::Transition;
use cordon_model::{Mode, Timestamp};

use super::{Context, Need, act, ask, did_not_come_off, find, id};
use crate::limits::seconds;
use crate::stage::Stage;
use crate::state::Standing;

/// What a withdrawal that is no longer wanted needs now.
pub(super) fn decide<'a>(context: &Context<'a>, standing: &'a Standing) -> Need {
    if standing.is_by_hand() {
        return by_hand(standing);
    }
    let has_inverse = standing.order.mode == Mode::Refuse;
    if !has_inverse || standing.taken().next().is_none() {
        return Need::Move(Transition::Lifted { left: found_so(standing) });
    }
    if standing.stage == Stage::Lifting && standing.is_in_flight {
        return act(standing, Act::Restore);
    }
    if let Some(at) = context.not_before(standing) {
        return Need::Wait(at);
    }
    let Some(look) = context.fresh_look(standing) else { return ask(standing, Act::Look) };
    match &look.seen {
        Ok(seen) => give_back(context, standing, seen, look.at),
        Err(trouble) => {
            did_not_come_off(context.limits(), standing, Act::Restore, trouble.clone(), Vec::new())
        }
    }
}

fn by_hand(standing: &Standing) -> Need {
    match standing.stage {
        Stage::Planned => Need::Move(Transition::Lifted { left: Vec::new() }),
        Stage::Lifting | Stage::Lifted => Need::Nothing,
        Stage::Requested
        | Stage::Acknowledged
        | Stage::Effective
        | Stage::Verified
        | Stage::Failed
        | Stage::Drifted
        | Stage::Stuck
        | Stage::Expired => {
            let targets: Vec<&str> = standing.order.targets.iter().map(NodeId::as_str).collect();
            let message = format!(
                "`{}` has no connector: give {} back by hand, then confirm it",
                id(standing),
                targets.join(", ")
            );
            Need::MoveAndPage(Transition::Asked { act: Act::Restore }, message)
        }
    }
}

/// Targets that were closed before Cordon came.
fn found_so(standing: &Standing) -> Vec<Outcome> {
    let untouched = standing.targets.iter().filter(|(_, t)| t.done && t.taken.is_none());
    let left = untouched.map(|(node, t)| left_to(node, t.found_closed_by.clone()));
    left.collect()
}

fn left_to(node: &NodeId, by: Option<String>) -> Outcome {
    Outcome { target: node.clone(), answer: Answer::AlreadySo { by } }
}

fn give_back<'a>(
    context: &Context<'a>,
    standing: &'a Standing,
    seen: &[Observed],
    seen_at: Timestamp,
) -> Need {
    let mut restore = Vec::new();
    let mut left = found_so(standing);
    let mut unknown = false;
    for prior in standing.taken() {
        let now = find(seen, &prior.target);
        let owner = now.and_then(|now| now.owner.clone());
        let still_held = context.others(standing, &prior.target).any(holds(&prior.target));
        match now.map_or(Access::Unknown, |now| now.access) {
            _ if still_held => left.push(left_to(&prior.target, Some(CORDON.to_owned()))),
            Access::Open | Access::Absent => {}
            Access::Refused | Access::Partly
                if owner.as_deref().is_some_and(|owner| owner != CORDON) =>
            {
                left.push(left_to(&prior.target, owner));
            }
            Access::Refused | Access::Partly => restore.push(prior.clone()),
            Access::Unknown => unknown = true,
        }
    }
    if !restore.is_empty() {
        return restore_again(context, standing, restore, seen_at);
    }
    if unknown {
        let why = format!("the state of a target of `{}` cannot be read", id(standing));
        let trouble = Trouble::new(TroubleKind::Unknown, why);
        return did_not_come_off(context.limits(), standing, Act::Restore, trouble, Vec::new());
    }
    settled(context, standing, seen_at).unwrap_or(Need::Move(Transition::Lifted { left }))
}

/// Whether a standing that is wanted has closed a node itself.
fn holds(node: &NodeId) -> impl Fn(&Standing) -> bool {
    move |other| {
        other.wanted && other.targets.get(node).is_some_and(|target| target.taken.is_some())
    }
}

/// Begins the next attempt, unless the last one was acknowledged and may still be taking effect.
fn restore_again(
    context: &Context<'_>,
    standing: &Standing,
    restore: Vec<Observed>,
    seen_at: Timestamp,
) -> Need {
    let limits = context.limits();
    let acknowledged = standing.stage == Stage::Lifting && standing.trouble.is_none();
    let patience = standing.last_try.map(|at| at + seconds(limits.effective_within_seconds));
    if let Some(end) = patience.filter(|end| acknowledged && context.now < *end) {
        let due = (seen_at + seconds(limits.read_back_seconds)).min(end);
        return if context.now >= due { ask(standing, Act::Look) } else { Need::Wait(due) };
    }
    if standing.tries >= limits.quick_tries && !standing.gave_up {
        let why = format!("`{}` was given back, but is still refused", id(standing));
        let trouble = Trouble::new(TroubleKind::NotEffective, why);
        return did_not_come_off(limits, standing, Act::Restore, trouble, Vec::new());
    }
    Need::Move(Transition::Lifting { attempt: standing.attempt + 1, restore })
}

/// An act whose answer was lost may still take effect; until then look again.
fn settled(context: &Context<'_>, standing: &Standing, seen_at: Timestamp) -> Option<Need> {
    let limits = context.limits();
    let settled = standing.unsettled_since? + seconds(limits.settle_seconds);
    if seen_at >= settled {
        return None;
    }
    if context.now >= settled {
        return Some(ask(standing, Act::Look));
    }
    let due = (seen_at + seconds(limits.fresh_seconds)).min(settled);
    Some(if context.now >= due { ask(standing, Act::Look) } else { Need::Wait(due) })
}
