//! Direct membership in named groups, taken away and returned.
//!
//! Each group is an object of its own, so this can be half done. A marker group
//! without rights holds whom Cordon has removed: it goes on first and comes off
//! last, so that any look can tell *removed*, *half done* and *never a member*
//! apart, and so that everybody who reads the directory sees whose work it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cordon_model::NodeId;
use cordon_model::action::{Access, Answer, CORDON, Call, Finding, Observed, Trouble, TroubleKind};
use ldap3::{Scope, ldap_escape};
use serde_json::json;

use super::entry::sid;
use super::resolve::Found;
use super::settings::Place;
use super::wire::{Ask, Change, Failure, Step, Wire};
use super::{observed, prior};

/// Names in one filter.
const TERMS: usize = 100;

/// Which groups of the settings each object is in, by the names that the directory writes.
type Members = BTreeMap<String, BTreeSet<String>>;

/// Changes in two rounds, the second after the first; or the answer that is known already.
type Plan = Result<Vec<Vec<Change>>, Answer>;

/// The attribute that a group holds its members in.
const MEMBER: &str = "member";

pub(super) fn look(
    place: &Place,
    wire: &mut Wire,
    call: &Call,
    found: Vec<Found>,
    end: Instant,
) -> Result<Vec<Result<Observed, Trouble>>, Trouble> {
    let members = members(place, wire, &found, end)?;
    let look = |(target, found)| match found {
        Found::Unclear(trouble) => Err(trouble),
        Found::Nobody => Ok(observed(target, Access::Absent)),
        Found::One(entry) => {
            let (groups, marked) = place.standing(&members, &entry.dn);
            let (access, owner) = match (groups.is_empty(), marked) {
                (true, true) => (Access::Refused, Some(CORDON.to_owned())),
                (true, false) => (Access::Refused, None),
                (false, true) => (Access::Partly, None),
                (false, false) => (Access::Open, None),
            };
            let state = json!({ "dn": entry.dn, "groups": groups, "marked": marked });
            Ok(Observed { owner, state, ..observed(target, access) })
        }
    };
    Ok(call.targets.iter().zip(found).map(look).collect())
}

pub(super) fn refuse(
    place: &Place,
    wire: &mut Wire,
    call: &Call,
    found: Vec<Found>,
    end: Instant,
) -> Result<Vec<Answer>, Trouble> {
    let plans = removal(place, wire, call, found, end)?;
    Ok(carry_out(wire, &plans, end))
}

/// What removing each target takes: first the marker, then the groups.
pub(super) fn removal(
    place: &Place,
    wire: &mut Wire,
    call: &Call,
    found: Vec<Found>,
    end: Instant,
) -> Result<Vec<Plan>, Trouble> {
    let members = members(place, wire, &found, end)?;
    let plan = |(target, found)| {
        let (dn, before) = on_record(call, target, found)?;
        let (groups, marked) = place.standing(&members, &dn);
        if groups.is_empty() {
            return Err(Answer::AlreadySo { by: marked.then(|| CORDON.to_owned()) });
        }
        // With the marker on, some may be gone already by an earlier try.
        let is_as_before = if marked { groups.is_subset(&before) } else { groups == before };
        if !is_as_before {
            let why = format!("somebody changed the groups of `{dn}` since they were looked at");
            return Err(Answer::Failed(Trouble::new(TroubleKind::Changed, why)));
        }
        let on = place.marker.iter().filter(|_| !marked).map(|marker| add(marker, &dn));
        Ok(vec![on.collect(), groups.iter().map(|group| take(group, &dn)).collect()])
    };
    Ok(call.targets.iter().zip(found).map(plan).collect())
}

pub(super) fn restore(
    place: &Place,
    wire: &mut Wire,
    call: &Call,
    found: Vec<Found>,
    end: Instant,
) -> Result<Vec<Answer>, Trouble> {
    let members = members(place, wire, &found, end)?;
    let plan = |(target, found)| {
        let (dn, before) = on_record(call, target, found)?;
        let (groups, marked) = place.standing(&members, &dn);
        let back: Vec<Change> = before.difference(&groups).map(|group| add(group, &dn)).collect();
        if back.is_empty() && !marked {
            return Err(Answer::AlreadySo { by: None });
        }
        let off = place.marker.iter().filter(|_| marked).map(|marker| take(marker, &dn));
        Ok(vec![back, off.collect()])
    };
    let plans: Vec<_> = call.targets.iter().zip(found).map(plan).collect();
    Ok(carry_out(wire, &plans, end))
}

/// Asks the domain controller for the groups that a sign-in would carry, nested ones too.
pub(super) fn probe(
    place: &Place,
    wire: &mut Wire,
    found: &[Found],
    end: Instant,
) -> Result<Vec<Finding>, Trouble> {
    let asks = place.groups.iter().map(|group| Ask::one(group, &["objectSid"]));
    let mut sids = BTreeSet::new();
    for group in wire.search_all(asks.collect(), end) {
        let group = group.map_err(|failure| failure.trouble("read the groups"))?;
        let bytes = group.first().and_then(|entry| entry.values("objectSid").first().cloned());
        sids.extend(bytes.and_then(|bytes| sid(&bytes)));
    }
    if sids.len() != place.groups.len() {
        let why = "a group of `groups` shows no SID to the bind user";
        return Err(Trouble::new(TroubleKind::Unknown, why));
    }
    let objects = found.iter().filter_map(Found::dn);
    let tokens = objects.map(|dn| Ask::one(dn, &["tokenGroups"])).collect();
    let mut tokens = wire.search_all(tokens, end).into_iter();
    let finding = |found: &Found| match found {
        Found::Unclear(_) => Finding::Untried,
        Found::Nobody => Finding::Holds,
        Found::One(_) => {
            let entries = tokens.next().and_then(Result::ok).unwrap_or_default();
            let token =
                entries.first().map(|entry| entry.values("tokenGroups")).unwrap_or_default();
            let mut carried = token.iter().filter_map(|bytes| sid(bytes));
            match token.is_empty() {
                true => Finding::Untried,
                false if carried.any(|group| sids.contains(&group)) => Finding::Leaks,
                false => Finding::Holds,
            }
        }
    };
    Ok(found.iter().map(finding).collect())
}

/// Who is in which group, asked from the members' side, because a group can have any number.
fn members(
    place: &Place,
    wire: &mut Wire,
    found: &[Found],
    end: Instant,
) -> Result<Members, Trouble> {
    let objects: Vec<&str> = found.iter().filter_map(Found::dn).collect();
    let mut asks = Vec::new();
    let mut about = Vec::new();
    for group in place.groups.iter().chain(&place.marker) {
        for some in objects.chunks(TERMS) {
            let terms: String =
                some.iter().map(|dn| format!("(distinguishedName={})", ldap_escape(*dn))).collect();
            asks.push(Ask {
                base: place.base_text.clone(),
                scope: Scope::Subtree,
                filter: format!("(&(memberOf={})(|{terms}))", ldap_escape(group.as_str())),
                attributes: vec!["1.1".to_owned()],
                limit: None,
            });
            about.push(group);
        }
    }
    let mut members = Members::new();
    for (group, found) in about.into_iter().zip(wire.search_all(asks, end)) {
        for entry in found.map_err(|failure| failure.trouble("read the members of the groups"))? {
            members.entry(entry.dn).or_default().insert(group.clone());
        }
    }
    Ok(members)
}

impl Place {
    /// The groups that an object is in, and whether the marker is on it.
    fn standing(&self, members: &Members, dn: &str) -> (BTreeSet<String>, bool) {
        let mut groups = members.get(dn).cloned().unwrap_or_default();
        let marked = self.marker.as_ref().is_some_and(|marker| groups.remove(marker));
        (groups, marked)
    }
}

/// The object of a target, and the groups that the ledger holds for it.
fn on_record(
    call: &Call,
    target: &NodeId,
    found: Found,
) -> Result<(String, BTreeSet<String>), Answer> {
    let entry = match found {
        Found::Unclear(trouble) => return Err(Answer::Failed(trouble)),
        Found::Nobody => return Err(Answer::AlreadySo { by: None }),
        Found::One(entry) => entry,
    };
    let prior = prior(call, target).map_err(Answer::Failed)?;
    let groups =
        prior.state.get("groups").and_then(|groups| serde_json::from_value(groups.clone()).ok());
    let missing = || {
        let why = format!("the prior state of `{target}` names no groups; nothing was changed");
        Answer::Failed(Trouble::new(TroubleKind::Unsupported, why))
    };
    Ok((entry.dn, groups.ok_or_else(missing)?))
}

fn add(group: &str, dn: &str) -> Change {
    Change { dn: group.to_owned(), steps: vec![Step::Add(MEMBER, dn.as_bytes().to_vec())] }
}

fn take(group: &str, dn: &str) -> Change {
    Change { dn: group.to_owned(), steps: vec![Step::Delete(MEMBER, dn.as_bytes().to_vec())] }
}

/// Makes the first changes of every plan, and then, where they came off, the second.
fn carry_out(wire: &mut Wire, plans: &[Plan], end: Instant) -> Vec<Answer> {
    let mut answers: Vec<Answer> =
        plans.iter().map(|plan| plan.as_ref().err().cloned().unwrap_or(Answer::Done)).collect();
    for round in 0..2 {
        let mut changes = Vec::new();
        let mut whose = Vec::new();
        for (at, plan) in plans.iter().enumerate() {
            let goes_on = answers.get(at) == Some(&Answer::Done);
            let steps = plan.as_ref().ok().and_then(|rounds| rounds.get(round)).filter(|_| goes_on);
            for change in steps.into_iter().flatten() {
                changes.push(change.clone());
                whose.push((at, change.dn.clone()));
            }
        }
        for ((at, group), done) in whose.into_iter().zip(wire.change_all(changes, end)) {
            // Not a member, or a member already: there was nothing to do.
            let failure = match done {
                Ok(()) | Err(Failure::Said(53 | 68 | 16 | 20, _)) => continue,
                Err(failure) => failure,
            };
            let what = format!("change the members of `{group}`");
            if let Some(answer) = answers.get_mut(at) {
                *answer = Answer::Failed(failure.trouble(&what));
            }
        }
    }
    answers
}
