//! What was opened before an account was closed, and how long it may last.
//!
//! A domain controller cannot close a ticket that somebody holds, and does not
//! know which are held. It does know when a ticket cannot have been given out
//! any more; from there, tickets end by themselves. Nothing here changes the
//! directory, and nothing says that something was closed.

use cordon_model::action::{Access, Answer, Call, Observed, Trouble, TroubleKind};
use serde_json::json;

use super::entry::{Entry, now, seconds_of_text, seconds_of_ticks};
use super::observed;
use super::resolve::Found;
use super::settings::Place;
use super::switch::Switch;

/// `lastLogonTimestamp` is up to 14 days older than the last sign-in on any controller.
const LAG_SECONDS: i64 = 14 * 86_400;

/// What may still be open for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// Nothing can be.
    Nothing,
    /// Tickets until then, in seconds since 1970.
    Until(i64),
    /// New ones can be had, so nobody can say.
    Ever,
}

/// What may still be open, by what the directory says and by the life of tickets.
pub(super) fn open(entry: &Entry, now: i64, ticket: i64, renew: i64) -> Open {
    let ticks = |name| entry.number(name).and_then(seconds_of_ticks);
    let newest = ticks("lastLogon").max(ticks("lastLogonTimestamp").map(|time| time + LAG_SECONDS));
    let Some(newest) = newest else { return Open::Nothing };
    // Whoever signed in last can renew until then, and no longer.
    let idle = newest + renew;
    if idle <= now {
        return Open::Nothing;
    }
    let closed = [Switch::Disabled, Switch::Expired]
        .into_iter()
        .any(|switch| switch.is_closed(entry.text(switch.attribute()), now) == Some(true));
    // The account was closed at its last change or before; no ticket is younger than that.
    match entry.text("whenChanged").and_then(seconds_of_text).filter(|_| closed) {
        None => Open::Ever,
        Some(changed) if changed + ticket <= now => Open::Nothing,
        Some(changed) => Open::Until(idle.min(changed + ticket)),
    }
}

pub(super) fn look(
    place: &Place,
    call: &Call,
    found: Vec<Found>,
) -> Vec<Result<Observed, Trouble>> {
    let now = now();
    let look = |(target, found)| match found {
        Found::Unclear(trouble) => Err(trouble),
        Found::Nobody => Ok(observed(target, Access::Absent)),
        Found::One(entry) => {
            let state = json!({ "dn": entry.dn, "whenChanged": entry.text("whenChanged") });
            let open = open(&entry, now, place.ticket_seconds, place.renew_seconds);
            let (access, count, residual) = match open {
                Open::Nothing => (Access::Refused, 0, None),
                Open::Until(end) => (Access::Open, 1, u64::try_from(end - now).ok()),
                Open::Ever => (Access::Open, 1, None),
            };
            let seen = observed(target, access);
            Ok(Observed { state, open: count, residual_seconds: residual, ..seen })
        }
    };
    call.targets.iter().zip(found).map(look).collect()
}

/// There is nothing that a directory can do but say how long it lasts.
pub(super) fn end(place: &Place, call: &Call, found: Vec<Found>) -> Vec<Answer> {
    let now = now();
    let answer = |(target, found)| match found {
        Found::Unclear(trouble) => Answer::Failed(trouble),
        Found::Nobody => Answer::AlreadySo { by: None },
        Found::One(entry) => match open(&entry, now, place.ticket_seconds, place.renew_seconds) {
            Open::Nothing | Open::Until(_) => Answer::AlreadySo { by: None },
            Open::Ever => {
                let why = format!(
                    "the account of `{target}` is open, so it can always have new tickets; disable \
                     it first: what it holds then ends within {} hours",
                    place.ticket_seconds / 3600
                );
                Answer::Failed(Trouble::new(TroubleKind::Unsupported, why))
            }
        },
    };
    call.targets.iter().zip(found).map(answer).collect()
}
