//! Bringing a wanted withdrawal into force and keeping it there.
//!
//! Look, make the intent and the prior state durable, act, read back, probe,
//! watch. Whatever is opened again is put back. An `end` waits for the refusals
//! of its targets, and afterwards is repeated only while one of them stands:
//! alone it is done once, or honest people could never sign in again.

use cordon_model::action::{
    Access, Act, Answer, CORDON, Call, Finding, Observed, Outcome, Trouble, TroubleKind,
};
use cordon_model::record::Transition;
use cordon_model::{Mode, NodeId, Timestamp};

use super::{Context, Need, act, ask, did_not_come_off, find, id};
use crate::limits::seconds;
use crate::observation::Look;
use crate::stage::Stage;
use crate::state::Standing;

/// What a wanted withdrawal needs now.
pub(super) fn decide<'a>(context: &Context<'a>, standing: &'a Standing) -> Need {
    if let Some(end) = end_of_life(context, standing) {
        return end;
    }
    if standing.is_by_hand() {
        return by_hand(standing);
    }
    match standing.stage {
        Stage::Planned | Stage::Drifted | Stage::Failed => attempt(context, standing),
        Stage::Requested if standing.is_in_flight => go_on(context, standing),
        Stage::Requested => attempt(context, standing),
        Stage::Acknowledged => read_back(context, standing),
        Stage::Effective | Stage::Verified => watch(context, standing),
        Stage::Lifting | Stage::Lifted | Stage::Stuck | Stage::Expired => Need::Nothing,
    }
}

/// When its time to live next asks for something.
pub(super) fn life_event(context: &Context<'_>, standing: &Standing) -> Timestamp {
    if standing.warned { standing.until } else { warn_at(context, standing) }
}

fn warn_at(context: &Context<'_>, standing: &Standing) -> Timestamp {
    // A short life warns in its last quarter, not at once.
    let warn = context.limits().warn_seconds.min(standing.order.ttl_seconds / 4);
    standing.until - seconds(warn)
}

fn end_of_life(context: &Context<'_>, standing: &Standing) -> Option<Need> {
    let withdrawal = id(standing);
    if context.now >= standing.until {
        let message = format!("`{withdrawal}` has reached the end of its time and is being lifted");
        return Some(if standing.warned {
            Need::Move(Transition::Expired)
        } else {
            Need::MoveAndPage(Transition::Expired, message)
        });
    }
    (!standing.warned && context.now >= warn_at(context, standing)).then(|| {
        let until = standing.until;
        let message =
            format!("`{withdrawal}` ends at {until} and is then lifted; renew it to keep it");
        Need::MoveAndPage(Transition::Expiring { until }, message)
    })
}

fn by_hand(standing: &Standing) -> Need {
    if standing.stage != Stage::Planned {
        return Need::Nothing;
    }
    let act = Act::raising(standing.order.mode);
    let targets: Vec<&str> = standing.order.targets.iter().map(NodeId::as_str).collect();
    let message = format!(
        "`{}` has no connector: withdraw {} by hand, then confirm it",
        id(standing),
        targets.join(", ")
    );
    Need::MoveAndPage(Transition::Asked { act }, message)
}

/// Begins the next attempt: look first, then the durable intent.
fn attempt<'a>(context: &Context<'a>, standing: &'a Standing) -> Need {
    if waits_for_a_refusal(context, standing) {
        return Need::Nothing;
    }
    if let Some(at) = context.not_before(standing) {
        return Need::Wait(at);
    }
    let limits = context.limits();
    if standing.tries >= limits.quick_tries && !standing.gave_up {
        let trouble = standing.trouble.clone().unwrap_or_else(|| not_effective(standing));
        return did_not_come_off(limits, standing, Act::Look, trouble, Vec::new());
    }
    let Some(look) = context.fresh_look(standing) else { return ask(standing, Act::Look) };
    let seen = match &look.seen {
        Ok(seen) => seen,
        Err(trouble) => {
            return did_not_come_off(limits, standing, Act::Look, trouble.clone(), Vec::new());
        }
    };
    let known = standing.targets.keys().filter_map(|node| find(seen, node));
    let prior: Vec<Observed> = known
        .filter(|observed| observed.access != Access::Unknown)
        .map(|observed| prior_of(context, standing, observed))
        .collect();
    if prior.is_empty() {
        let trouble = unknown(standing);
        return did_not_come_off(limits, standing, Act::Look, trouble, Vec::new());
    }
    Need::Move(Transition::Requested { attempt: standing.attempt + 1, prior })
}

/// An `end` before its refusal would only make the intruder sign in again.
fn waits_for_a_refusal(context: &Context<'_>, standing: &Standing) -> bool {
    let is_coming = |refusal: &Standing| {
        let soon = matches!(refusal.stage, Stage::Planned | Stage::Requested | Stage::Drifted);
        soon && !refusal.gave_up && !refusal.is_by_hand()
    };
    standing.order.mode == Mode::End
        && standing.targets.keys().any(|node| context.refusals(node).any(is_coming))
}

/// The state that a lift of this target restores.
///
/// If another withdrawal of ours has closed the same switch, or an act of an
/// earlier life has come after all, it is what was found open back then, and
/// whichever is lifted last gives that back.
fn prior_of(context: &Context<'_>, standing: &Standing, seen: &Observed) -> Observed {
    // Half given back, or half raised, by another of ours is ours as well.
    let shut = matches!(seen.access, Access::Refused | Access::Partly);
    let ours = shut && seen.owner.as_deref() == Some(CORDON);
    let mine = standing.targets.get(&seen.target).and_then(|target| target.taken.as_ref());
    if !ours || mine.is_some() || standing.order.mode == Mode::End {
        return seen.clone();
    }
    let found = context.state.found_open.get(&standing.order.kind);
    found.and_then(|found| found.get(&seen.target)).unwrap_or(seen).clone()
}

/// Goes on with the open attempt; a repeat after a crash is the same call.
fn go_on(context: &Context<'_>, standing: &Standing) -> Need {
    if !standing.in_flight.is_empty() {
        return act(standing, Act::raising(standing.order.mode));
    }
    match standing.targets.values().all(|target| target.done) {
        true => Need::Move(acknowledged(standing, Vec::new())),
        false => {
            did_not_come_off(context.limits(), standing, Act::Look, unknown(standing), Vec::new())
        }
    }
}

/// The record that all is as asked: what was just said, and what was found so.
pub(super) fn acknowledged(standing: &Standing, said: Vec<Outcome>) -> Transition {
    let silent = |node: &NodeId| !said.iter().any(|outcome| outcome.target == *node);
    let found = standing.targets.iter().filter(|(node, target)| target.done && silent(node));
    let mut outcomes: Vec<Outcome> = found
        .map(|(node, target)| {
            let ours = target.taken.as_ref().map(|_| CORDON.to_owned());
            let by = ours.or_else(|| target.found_closed_by.clone());
            Outcome { target: node.clone(), answer: Answer::AlreadySo { by } }
        })
        .collect();
    outcomes.extend(said);
    outcomes.sort_by(|a, b| a.target.cmp(&b.target));
    Transition::Acknowledged { outcomes }
}

/// Why an attempt is not whole: a target failed, or was never seen.
pub(super) fn unanswered(
    standing: &Standing,
    call: &Call,
    outcomes: &[Outcome],
) -> Option<Trouble> {
    let failed = outcomes.iter().find_map(|outcome| match &outcome.answer {
        Answer::Failed(trouble) => Some(trouble.clone()),
        Answer::Done | Answer::AlreadySo { .. } => None,
    });
    if failed.is_some() || call.act == Act::Restore {
        return failed;
    }
    let mut rest = standing.targets.iter().filter(|(node, _)| !call.targets.contains(node));
    rest.any(|(_, target)| !target.done).then(|| unknown(standing))
}

fn unknown(standing: &Standing) -> Trouble {
    let why = format!("the state of a target of `{}` cannot be read", id(standing));
    Trouble::new(TroubleKind::Unknown, why)
}

fn not_effective(standing: &Standing) -> Trouble {
    let why = format!("`{}` was acknowledged, but the access is still open", id(standing));
    Trouble::new(TroubleKind::NotEffective, why)
}

/// Waits until a look shows what the outside system has acknowledged.
fn read_back(context: &Context<'_>, standing: &Standing) -> Need {
    let limits = context.limits();
    let Some(look) = context.look(standing) else { return ask(standing, Act::Look) };
    if let Ok(seen) = &look.seen
        && let Some(effective) = in_place(standing, seen)
    {
        return Need::Move(effective);
    }
    if context.now >= standing.since + seconds(limits.effective_within_seconds) {
        let trouble = look.seen.as_ref().err().cloned();
        let trouble = trouble.unwrap_or_else(|| not_effective(standing));
        let act = Act::raising(standing.order.mode);
        return did_not_come_off(limits, standing, act, trouble, Vec::new());
    }
    look_again(context, standing, look, limits.read_back_seconds)
}

fn look_again(context: &Context<'_>, standing: &Standing, look: &Look, every: u32) -> Need {
    let due = look.at + seconds(every);
    if context.now >= due { ask(standing, Act::Look) } else { Need::Wait(due) }
}

/// The record that a look found it in place; none if it is not.
fn in_place(standing: &Standing, seen: &[Observed]) -> Option<Transition> {
    let mut open = 0_u32;
    let mut residual = Some(0_u64);
    for node in standing.targets.keys() {
        let observed = find(seen, node)?;
        let ends_by_itself = observed.access.is_open() && observed.residual_seconds.is_some();
        let holds = match standing.order.mode {
            Mode::Refuse => observed.access.is_closed(),
            Mode::End => observed.access.is_closed() || ends_by_itself,
        };
        if !holds {
            return None;
        }
        open = open.saturating_add(observed.open);
        if observed.open > 0 {
            residual = residual.zip(observed.residual_seconds).map(|(a, b)| a.max(b));
        }
    }
    Some(Transition::Effective { open, residual_seconds: residual })
}

/// Keeps what is in force in sight: drift, proof, what is still open.
fn watch(context: &Context<'_>, standing: &Standing) -> Need {
    let limits = context.limits();
    let Some(look) = context.look(standing) else { return ask(standing, Act::Look) };
    let seen = match &look.seen {
        Ok(seen) => seen,
        Err(trouble) if look.misses >= limits.misses && standing.in_sight => {
            return Need::Move(Transition::OutOfSight { trouble: trouble.clone() });
        }
        Err(_) => return look_again(context, standing, look, limits.fresh_seconds),
    };
    let blind = seen.iter().any(|observed| observed.access == Access::Unknown);
    if blind && standing.in_sight {
        return Need::Move(Transition::OutOfSight { trouble: unknown(standing) });
    }
    if let Some(drift) = drift(context, standing, seen) {
        return drift;
    }
    if blind {
        return look_again(context, standing, look, limits.fresh_seconds);
    }
    match in_place(standing, seen) {
        Some(effective) if !standing.in_sight => Need::Move(effective),
        Some(Transition::Effective { open, .. })
            if standing.order.mode == Mode::End
                && open > 0
                && standing.stage == Stage::Effective =>
        {
            look_again(context, standing, look, limits.fresh_seconds)
        }
        _ if standing.stage == Stage::Effective => verify(context, standing, look),
        _ => look_again(context, standing, look, limits.watch_seconds),
    }
}

fn verify(context: &Context<'_>, standing: &Standing, look: &Look) -> Need {
    let limits = context.limits();
    let Some(probe) = context.probe(standing) else { return ask(standing, Act::Probe) };
    let finding = |node: &NodeId| {
        let findings = probe.found.as_deref().unwrap_or_default();
        findings.iter().find(|probed| probed.target == *node).map(|probed| probed.finding)
    };
    if standing.targets.keys().all(|node| finding(node) == Some(Finding::Holds)) {
        let findings = probe.found.clone().unwrap_or_default();
        return Need::Move(Transition::Verified { findings });
    }
    let leaks = |observed: &&Observed| finding(&observed.target) == Some(Finding::Leaks);
    let seen = look.seen.as_deref().unwrap_or_default();
    let leaking: Vec<Observed> = seen.iter().filter(leaks).cloned().collect();
    if !leaking.is_empty() {
        return drifted(standing, leaking, "a probe got in although the system says refused");
    }
    if context.now >= probe.at + seconds(limits.watch_seconds) {
        return ask(standing, Act::Probe);
    }
    look_again(context, standing, look, limits.watch_seconds)
}

fn drift(context: &Context<'_>, standing: &Standing, seen: &[Observed]) -> Option<Need> {
    let open: Vec<Observed> =
        seen.iter().filter(|observed| observed.access.is_open()).cloned().collect();
    if open.is_empty() {
        return None;
    }
    match standing.order.mode {
        Mode::Refuse => Some(drifted(standing, open, "it was opened again")),
        Mode::End if standing.stage == Stage::Verified => {
            let is_refused = |observed: &Observed| {
                context.refusals(&observed.target).any(|refusal| refusal.stage.is_in_force())
            };
            let again: Vec<Observed> = open.into_iter().filter(is_refused).collect();
            let because = "something was opened again while new use is refused";
            (!again.is_empty()).then(|| drifted(standing, again, because))
        }
        Mode::End => {
            let late = seconds(context.limits().effective_within_seconds);
            let overdue = standing.residual_until.is_some_and(|end| context.now >= end + late);
            let because = "what should have ended by itself is still open";
            overdue.then(|| drifted(standing, open, because))
        }
    }
}

fn drifted(standing: &Standing, observed: Vec<Observed>, because: &str) -> Need {
    let who: Vec<String> = observed
        .iter()
        .map(|o| match &o.owner {
            Some(owner) => format!("`{}` by {owner}", o.target),
            None => format!("`{}`", o.target),
        })
        .collect();
    let message = format!(
        "`{}` no longer holds: {because} ({}). Cordon puts it back; find out who opened it",
        id(standing),
        who.join(", ")
    );
    Need::MoveAndPage(Transition::Drifted { observed, because: because.to_owned() }, message)
}
