//! Accounts that one attribute opens and closes: what closes it, and what puts it back.
//!
//! Every change names the value that it replaces, so a change that somebody made
//! in between is never overwritten.

use std::time::Instant;

use cordon_model::NodeId;
use cordon_model::action::{Access, Answer, CORDON, Call, Json, Observed, Trouble, TroubleKind};
use serde_json::json;

use super::entry::{Entry, now, seconds_of_ticks};
use super::resolve::Found;
use super::settings::Place;
use super::wire::{Ask, Change, Failure, Step, Wire};
use super::{observed, prior};

/// The bit of `userAccountControl` that disables an account.
pub(super) const DISABLED: i64 = 2;
/// The time at which Cordon lets accounts expire: 1970-03-27, not a day that people choose, and
/// the letters CORDON as a number of ticks after 1970, so that a look tells whose work it is.
pub(super) const EXPIRED: i64 = 116_444_736_000_000_000 + 0x434f_5244_4f4e;
/// What OpenLDAP understands as locked until somebody unlocks it.
const LOCKED: &str = "000001010000Z";

/// Which attribute it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    /// `userAccountControl` of Active Directory.
    Disabled,
    /// `accountExpires` of Active Directory.
    Expired,
    /// `pwdAccountLockedTime` of OpenLDAP's password policy.
    Locked,
}

impl Switch {
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::Disabled => "userAccountControl",
            Self::Expired => "accountExpires",
            Self::Locked => "pwdAccountLockedTime",
        }
    }

    /// Whether a value keeps people out; none when it cannot be read.
    pub(super) fn is_closed(self, value: Option<&str>, now: i64) -> Option<bool> {
        match self {
            Self::Disabled => Some(value?.parse::<i64>().ok()? & DISABLED != 0),
            Self::Expired => {
                let Some(value) = value else { return Some(false) };
                let end = seconds_of_ticks(value.parse().ok()?);
                Some(end.is_some_and(|end| end <= now))
            }
            // A lock with a time in it may end by itself, so it does not count.
            Self::Locked => Some(value == Some(LOCKED)),
        }
    }

    /// The value that closes an account.
    fn closing(self, value: Option<&str>) -> Option<String> {
        match self {
            Self::Disabled => Some((value?.parse::<i64>().ok()? | DISABLED).to_string()),
            Self::Expired => Some(EXPIRED.to_string()),
            Self::Locked => Some(LOCKED.to_owned()),
        }
    }

    /// The value that gives back what was there, where Cordon's change still stands.
    pub(super) fn opening(self, value: &str, prior: Option<&str>) -> Option<Option<String>> {
        match self {
            // Other bits may have been changed since by somebody else: they stay.
            Self::Disabled => {
                let value = value.parse::<i64>().ok()?;
                let before = prior?.parse::<i64>().ok()? & DISABLED;
                let is_ours = before == 0 && value & DISABLED != 0;
                is_ours.then(|| Some((value & !DISABLED).to_string()))
            }
            Self::Expired => (value == EXPIRED.to_string()).then(|| prior.map(str::to_owned)),
            Self::Locked => (value == LOCKED).then(|| prior.map(str::to_owned)),
        }
    }

    /// Who closed it, where the directory says so.
    fn owner(self, entry: &Entry, place: &Place) -> Option<String> {
        let ours = match self {
            Self::Disabled => false,
            Self::Expired => entry.number("accountExpires") == Some(EXPIRED),
            Self::Locked => {
                let who = entry.text("modifiersName").and_then(super::dn::Dn::parse);
                who.is_some() && who == super::dn::Dn::parse(&place.bind_user)
            }
        };
        ours.then(|| CORDON.to_owned())
    }
}

/// One change that is to be made, and the object as it was seen before.
pub(super) struct Attempt {
    entry: Entry,
    pub(super) change: Change,
}

pub(super) fn look(
    place: &Place,
    call: &Call,
    found: Vec<Found>,
    switch: Switch,
) -> Vec<Result<Observed, Trouble>> {
    let now = now();
    let look = |(target, found)| match found {
        Found::Unclear(trouble) => Err(trouble),
        Found::Nobody => Ok(observed(target, Access::Absent)),
        Found::One(entry) => {
            let value = entry.text(switch.attribute());
            let closed = switch.is_closed(value, now).ok_or_else(|| hidden(&entry, switch))?;
            let access = if closed { Access::Refused } else { Access::Open };
            let owner = switch.owner(&entry, place).filter(|_| closed);
            let usn = entry.text("uSNChanged");
            let state = json!({ "dn": entry.dn, switch.attribute(): value, "uSNChanged": usn });
            Ok(Observed { owner, state, ..observed(target, access) })
        }
    };
    call.targets.iter().zip(found).map(look).collect()
}

pub(super) fn refuse(
    place: &Place,
    wire: &mut Wire,
    call: &Call,
    found: Vec<Found>,
    switch: Switch,
    end: Instant,
) -> Vec<Answer> {
    let plans = closing(place, call, found, switch);
    let mut answers = carry_out(wire, &plans, switch, end);
    leave_to_others(place, wire, &plans, &mut answers, switch, end);
    answers
}

/// What closing each target takes.
pub(super) fn closing(
    place: &Place,
    call: &Call,
    found: Vec<Found>,
    switch: Switch,
) -> Vec<Result<Attempt, Answer>> {
    let now = now();
    let plan = |(target, found)| {
        let (entry, before) = on_record(call, target, found, switch)?;
        let value = entry.text(switch.attribute());
        match switch.is_closed(value, now) {
            None => return Err(Answer::Failed(hidden(&entry, switch))),
            Some(true) => return Err(Answer::AlreadySo { by: switch.owner(&entry, place) }),
            Some(false) if before.as_deref() != value => return Err(changed(&entry, switch)),
            Some(false) => {}
        }
        let change = swap(&entry.dn, switch, value, switch.closing(value).as_deref());
        Ok(Attempt { entry, change })
    };
    call.targets.iter().zip(found).map(plan).collect()
}

pub(super) fn restore(
    wire: &mut Wire,
    call: &Call,
    found: Vec<Found>,
    switch: Switch,
    end: Instant,
) -> Vec<Answer> {
    let plan = |(target, found)| {
        let (entry, before) = on_record(call, target, found, switch)?;
        let value = entry.text(switch.attribute());
        // Whatever has not the form of Cordon's change is somebody else's by now.
        let opening = value.and_then(|value| switch.opening(value, before.as_deref()));
        let Some(opening) = opening else { return Err(Answer::AlreadySo { by: None }) };
        let change = swap(&entry.dn, switch, value, opening.as_deref());
        Ok(Attempt { entry, change })
    };
    let plans: Vec<_> = call.targets.iter().zip(found).map(plan).collect();
    carry_out(wire, &plans, switch, end)
}

/// The object of a target, and the value that the ledger holds for it.
fn on_record(
    call: &Call,
    target: &NodeId,
    found: Found,
    switch: Switch,
) -> Result<(Entry, Option<String>), Answer> {
    let entry = match found {
        Found::Unclear(trouble) => return Err(Answer::Failed(trouble)),
        Found::Nobody => return Err(Answer::AlreadySo { by: None }),
        Found::One(entry) => entry,
    };
    let prior = prior(call, target).map_err(Answer::Failed)?;
    match prior.state.get(switch.attribute()) {
        Some(Json::String(value)) => Ok((entry, Some(value.clone()))),
        Some(Json::Null) => Ok((entry, None)),
        _ => {
            let why = format!(
                "the prior state of `{target}` does not say what `{}` was; nothing was changed",
                switch.attribute()
            );
            Err(Answer::Failed(Trouble::new(TroubleKind::Unsupported, why)))
        }
    }
}

fn swap(dn: &str, switch: Switch, old: Option<&str>, new: Option<&str>) -> Change {
    let name = switch.attribute();
    let old = old.map(|value| Step::Delete(name, value.as_bytes().to_vec()));
    let new = new.map(|value| Step::Add(name, value.as_bytes().to_vec()));
    Change { dn: dn.to_owned(), steps: old.into_iter().chain(new).collect() }
}

fn carry_out(
    wire: &mut Wire,
    plans: &[Result<Attempt, Answer>],
    switch: Switch,
    end: Instant,
) -> Vec<Answer> {
    let changes = plans.iter().flatten().map(|attempt| attempt.change.clone());
    let mut done = wire.change_all(changes.collect(), end).into_iter();
    let answer = |plan: &Result<Attempt, Answer>| match plan {
        Err(answer) => answer.clone(),
        Ok(Attempt { entry, .. }) => match done.next().unwrap_or(Err(Failure::Late)) {
            Ok(()) => Answer::Done,
            // No such value, or one there already: the old value was not the old one any more.
            Err(Failure::Said(16 | 20, _)) => changed(entry, switch),
            Err(Failure::Said(19, _)) if switch == Switch::Locked => changed(entry, switch),
            Err(failure) => {
                let what = format!("change `{}` of `{}`", switch.attribute(), entry.dn);
                Answer::Failed(failure.trouble(&what))
            }
        },
    };
    plans.iter().map(answer).collect()
}

/// Where somebody was quicker, they may have closed it: then it is theirs, and stays so.
fn leave_to_others(
    place: &Place,
    wire: &mut Wire,
    plans: &[Result<Attempt, Answer>],
    answers: &mut [Answer],
    switch: Switch,
    end: Instant,
) {
    let lost = |answer: &Answer| match answer {
        Answer::Failed(trouble) => trouble.kind == TroubleKind::Changed,
        Answer::Done | Answer::AlreadySo { .. } => false,
    };
    let lost: Vec<(&mut Answer, &Attempt)> = answers
        .iter_mut()
        .zip(plans)
        .filter(|(answer, _)| lost(answer))
        .filter_map(|(answer, plan)| Some((answer, plan.as_ref().ok()?)))
        .collect();
    let attributes = [switch.attribute(), "modifiersName"];
    let asks = lost.iter().map(|(_, attempt)| Ask::one(&attempt.entry.dn, &attributes));
    let seen = wire.search_all(asks.collect(), end);
    for ((answer, _), seen) in lost.into_iter().zip(seen) {
        let seen = seen.unwrap_or_default();
        let Some(entry) = seen.first() else { continue };
        if switch.is_closed(entry.text(switch.attribute()), now()) == Some(true) {
            let owner = switch.owner(entry, place);
            *answer = Answer::AlreadySo { by: owner.or(Some("somebody else".to_owned())) };
        }
    }
}

fn hidden(entry: &Entry, switch: Switch) -> Trouble {
    let why = format!(
        "the bind user cannot read `{}` of `{}`, so nothing could be given back; grant it that",
        switch.attribute(),
        entry.dn
    );
    Trouble::new(TroubleKind::Unknown, why)
}

fn changed(entry: &Entry, switch: Switch) -> Answer {
    let why = format!(
        "somebody changed `{}` of `{}` since it was looked at; it was left so",
        switch.attribute(),
        entry.dn
    );
    Answer::Failed(Trouble::new(TroubleKind::Changed, why))
}
