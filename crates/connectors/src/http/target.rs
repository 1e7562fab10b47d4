//! One target of a call: found, looked at, and acted upon as its definition says.
//!
//! Every act looks first, compares with the prior state where there is one, and
//! writes only what is then still to be done. What a target is at the other side
//! (`object.id`) comes from the prior state once there is one, so that a lift
//! gives back to the very object that was taken from, even if its name has moved.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use cordon_model::NodeId;
use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Trouble, TroubleKind,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};

use super::definition::{Request, Rule, Withdrawal};
use super::sigv4::hex;
use super::steps::Steps;
use super::template::Place;

/// So many targets are named in a text for people.
const TOLD: usize = 200;

/// One target, with what the definition says of it.
pub(super) struct Target<'a> {
    pub(super) steps: Steps<'a>,
    pub(super) withdrawal: &'a Withdrawal,
    pub(super) call: &'a Call,
    pub(super) node: &'a NodeId,
    /// Spellings that a `find` is for, with that `find`.
    pub(super) spellings: Vec<(String, &'a Request)>,
    pub(super) end: Instant,
}

/// What a look saw, with everything that it rests on.
pub(super) struct Seen {
    pub(super) observed: Observed,
    scope: Map<String, Json>,
}

impl Target<'_> {
    /// Reads the present state.
    ///
    /// # Errors
    /// When it cannot be read, or nobody can say which object it is.
    pub(super) fn look(&self) -> Result<Seen, Trouble> {
        let mut scope = self.scope();
        if !self.withdrawal.together {
            match self.object()? {
                Some(id) => scope.insert("object".to_owned(), json!({ "id": id })),
                None => return Ok(self.absent(scope)),
            };
        }
        self.steps.run(&self.withdrawal.look, &mut scope, self.end)?;
        let scope_json = Json::Object(scope.clone());
        let state: Map<String, Json> = self
            .withdrawal
            .state
            .iter()
            .map(|(name, path)| (name.clone(), path.of(&scope_json)))
            .collect();
        let owner = self.withdrawal.owner.as_ref();
        let owner = owner.filter(|owner| owner.when.all(&scope_json, &scope_json));
        let owner = owner.and_then(|owner| owner.name.render(&scope_json, Place::Plain).ok());
        let fits = |rule: &&Rule| self.fits(rule, &scope_json);
        let rule = self.withdrawal.access.iter().find(fits);
        let residual_seconds = rule.and_then(|rule| seconds_left(rule, &scope_json));
        let listed = rule.and_then(|rule| rule.count.as_ref()).map(|count| count.of(&scope_json));
        let counted = listed.and_then(|list| list.as_array().map(Vec::len));
        let open = counted.or(residual_seconds.map(|_| 1)).unwrap_or(0);
        let observed = Observed {
            target: self.node.clone(),
            access: rule.map_or(Access::Unknown, |rule| rule.is),
            owner,
            state: Json::Object(state),
            open: u32::try_from(open).unwrap_or(u32::MAX),
            residual_seconds,
        };
        Ok(Seen { observed, scope })
    }

    /// Refuses, ends or restores.
    pub(super) fn act(&self) -> Answer {
        let tried = match self.call.act {
            Act::Restore => self.restore(),
            Act::Refuse | Act::End | Act::Look | Act::Probe => self.raise(),
        };
        tried.unwrap_or_else(Answer::Failed)
    }

    /// What raising would send, by the code that would send it.
    ///
    /// # Errors
    /// When it can be told already that it would come to nothing.
    pub(super) fn rehearse(&self) -> Result<Vec<String>, Trouble> {
        let lines = Mutex::default();
        let steps = Steps { rehearsal: Some(&lines), ..self.steps };
        let spellings = self.spellings.clone();
        let (withdrawal, call, node, end) = (self.withdrawal, self.call, self.node, self.end);
        let answer = Target { steps, withdrawal, call, node, spellings, end }.raise()?;
        let lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
        let told = if answer == Answer::Done { lines } else { vec!["nothing to do".to_owned()] };
        Ok(told.iter().map(|line| format!("{} {node}: {line}", call.order.kind)).collect())
    }

    fn raise(&self) -> Result<Answer, Trouble> {
        let mut seen = self.look()?;
        let observed = &seen.observed;
        if observed.access.is_closed() {
            return Ok(Answer::AlreadySo { by: observed.owner.clone() });
        }
        if observed.access == Access::Unknown {
            let why = format!("{} does not say what state `{}` is in", self.title(), self.node);
            return Err(Trouble::new(TroubleKind::Unknown, why));
        }
        if self.call.act == Act::Refuse
            && let Some(prior) = self.prior()
            && prior.state != observed.state
        {
            let why = format!(
                "somebody changed `{}` in {} since it was looked at",
                self.node,
                self.title()
            );
            return Err(Trouble::new(TroubleKind::Changed, why));
        }
        let scope = Json::Object(seen.scope.clone());
        let stops =
            self.withdrawal.cannot.iter().find(|cannot| {
                cannot.when.all(&scope, &scope) && !cannot.unless.any(&scope, &scope)
            });
        if let Some(cannot) = stops {
            let why = cannot.why.render(&scope, Place::Plain);
            return Err(Trouble::new(
                TroubleKind::Unsupported,
                why.unwrap_or_else(|missing| missing),
            ));
        }
        self.steps.run(&self.withdrawal.raise, &mut seen.scope, self.end)?;
        Ok(Answer::Done)
    }

    fn restore(&self) -> Result<Answer, Trouble> {
        let Some(prior) = self.prior() else {
            let why = format!("no prior state of `{}` came with the call", self.node);
            return Err(Trouble::new(TroubleKind::Unsupported, why));
        };
        if prior.access.is_closed() {
            // It was closed before Cordon came: nothing was taken.
            return Ok(Answer::AlreadySo { by: prior.owner.clone() });
        }
        let mut seen = self.look()?;
        let scope = Json::Object(seen.scope.clone());
        let stands = if self.withdrawal.stands.is_empty() {
            matches!(seen.observed.access, Access::Refused | Access::Partly)
        } else {
            self.withdrawal.stands.all(&scope, &scope)
        };
        if seen.observed.access == Access::Unknown {
            let why = format!("{} does not say what state `{}` is in", self.title(), self.node);
            return Err(Trouble::new(TroubleKind::Unknown, why));
        }
        if !stands || seen.observed.state == prior.state {
            return Ok(Answer::AlreadySo { by: seen.observed.owner });
        }
        self.steps.run(&self.withdrawal.restore, &mut seen.scope, self.end)?;
        Ok(Answer::Done)
    }

    /// Tries the access, where the definition knows how.
    pub(super) fn probe(&self) -> Finding {
        let Some(probe) = &self.withdrawal.probe else { return Finding::Untried };
        let Ok(mut seen) = self.look() else { return Finding::Untried };
        if seen.observed.access == Access::Absent {
            return Finding::Holds;
        }
        if self.steps.run(&probe.steps, &mut seen.scope, self.end).is_err() {
            return Finding::Untried;
        }
        let scope = Json::Object(seen.scope);
        if probe.leaks.any(&scope, &scope) {
            Finding::Leaks
        } else if probe.holds.all(&scope, &scope) {
            Finding::Holds
        } else {
            Finding::Untried
        }
    }

    fn title(&self) -> &str {
        &self.steps.definition.title
    }

    fn prior(&self) -> Option<&Observed> {
        self.call.prior.iter().find(|prior| prior.target == *self.node)
    }

    fn absent(&self, scope: Map<String, Json>) -> Seen {
        let observed = Observed {
            target: self.node.clone(),
            access: Access::Absent,
            owner: None,
            state: Json::Null,
            open: 0,
            residual_seconds: None,
        };
        Seen { observed, scope }
    }

    /// The name of the one object that the node is; none if the system knows of none.
    fn object(&self) -> Result<Option<String>, Trouble> {
        let known = self.prior().and_then(|prior| prior.state.get("id"));
        if let Some(id) = known.and_then(Json::as_str) {
            return Ok(Some(id.to_owned()));
        }
        let mut found: Vec<String> = Vec::new();
        for (spelling, find) in &self.spellings {
            if find.methods().next().is_none() {
                found.push(spelling.clone());
                continue;
            }
            let mut scope = self.scope();
            scope.insert("spelling".to_owned(), spelling.as_str().into());
            let Some(answer) = self.steps.one(find, &Json::Object(scope), self.end)? else {
                continue;
            };
            let objects = if find.list.is_some() { answer.body } else { json!([answer.body]) };
            let id = |object: &Json| find.id.as_ref().and_then(|id| id.text_of(object));
            let ids = objects.as_array().into_iter().flatten().filter_map(id);
            found.extend(ids);
        }
        found.sort();
        found.dedup();
        if found.len() > 1 {
            let why = format!(
                "`{}` could be any of {} in {}; say which under `names` in the connector's settings",
                self.node,
                found.join(", "),
                self.title()
            );
            return Err(Trouble::new(TroubleKind::Unknown, why));
        }
        Ok(found.pop())
    }

    fn fits(&self, rule: &Rule, scope: &Json) -> bool {
        let in_time = rule.until.is_none() || seconds_left(rule, scope).is_some();
        let in_order = rule.not_before.as_ref().is_none_or(|(first, second)| {
            let moment = |path: &super::value::Expression| {
                path.text_of(scope).and_then(|text| text.parse::<Timestamp>().ok())
            };
            moment(first).zip(moment(second)).is_some_and(|(first, second)| first >= second)
        });
        in_time
            && in_order
            && (!rule.attempted || self.call.attempt > 0)
            && rule.when.all(scope, scope)
            && !rule.unless.any(scope, scope)
    }

    /// What templates may name before the first request.
    fn scope(&self) -> Map<String, Json> {
        let order = &self.call.order;
        let now = Timestamp::now();
        let names: Vec<&str> = order.targets.iter().take(TOLD).map(NodeId::as_str).collect();
        let rest = order.targets.len().saturating_sub(TOLD);
        let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        let services: Vec<&str> = order.services.iter().map(|service| service.as_str()).collect();
        let life = SignedDuration::from_secs(i64::from(order.ttl_seconds));
        let digest = Sha256::digest(format!("{}\n{}", order.withdrawal, order.note));
        let mark = hex(digest.get(..8).unwrap_or_default());
        let scope = json!({
            "settings": self.steps.settings,
            "node": { "id": self.node.as_str(), "kind": self.node.kind(), "name": self.node.name() },
            "order": {
                "withdrawal": order.withdrawal.as_str(),
                "kind": order.kind,
                "note": order.note,
                "targets": format!("{}{more}", names.join(", ")),
                "count": order.targets.len(),
                "services": if services.is_empty() { "none".to_owned() } else { services.join(", ") },
                "hours": order.ttl_seconds.div_ceil(3600),
                "mark": mark,
                "earliest": now.checked_sub(life).unwrap_or(now).to_string(),
            },
            "attempt": self.call.attempt,
            "now": whole_seconds(now),
            "prior": self.prior().map(|prior| prior.state.clone()),
            "etag": {},
        });
        if let Json::Object(scope) = scope { scope } else { Map::new() }
    }
}

/// Seconds from now until a rule's moment; none if that is over, or is not told.
fn seconds_left(rule: &Rule, scope: &Json) -> Option<u64> {
    let until = rule.until.as_ref()?;
    let at: Timestamp = until.at.text_of(scope)?.parse().ok()?;
    let plus: i64 = until.plus.render(scope, Place::Plain).ok()?.parse().ok()?;
    let left = at.as_second().saturating_add(plus) - Timestamp::now().as_second();
    u64::try_from(left).ok().filter(|left| *left > 0)
}

fn whole_seconds(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
