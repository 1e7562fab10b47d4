//! Changing `active`: one by one in a few lanes, or many in one bulk request, each
//! bound to the version that was looked at.

use cordon_model::NodeId;
use cordon_model::action::{Answer, Call, Json, Observed, Outcome, Trouble, TroubleKind};
use serde::Deserialize;
use serde_json::json;

use super::lookup::{Found, User, user_path};
use super::{MEDIA, Scim};
use crate::web::{Ask, Deadline, Told, in_lanes};

/// The most changes in one bulk request, whatever the service allows.
const LARGEST_BATCH: usize = 200;
/// How often a restore reads again when somebody changes other attributes meanwhile.
const RACES: usize = 3;

/// What a look kept.
#[derive(Clone, Debug, Deserialize)]
struct Prior {
    id: String,
    active: Option<bool>,
    version: Option<String>,
}

/// One user that is to be changed.
#[derive(Clone, Debug)]
struct Change {
    node: NodeId,
    id: String,
    /// The version that it is bound to; none where the service gives none.
    version: Option<String>,
    to: Option<bool>,
}

impl Change {
    /// The request in one line.
    fn line(&self) -> String {
        let to = self.to.map_or_else(|| "(no value)".to_owned(), |to| to.to_string());
        let bound = match &self.version {
            Some(version) => format!("if it still is version {version}"),
            None => "compared just before, for the service gives no versions".to_owned(),
        };
        format!("{}: PATCH {}: active = {to}, {bound}", self.node, user_path(&self.id))
    }
}

/// The body that sets `active`, or takes it away where there was none.
pub(super) fn patch(active: Option<bool>) -> Json {
    let operation = match active {
        Some(active) => json!({ "op": "replace", "path": "active", "value": active }),
        None => json!({ "op": "remove", "path": "active" }),
    };
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation],
    })
}

fn failed(kind: TroubleKind, why: impl Into<String>) -> Answer {
    Answer::Failed(Trouble::new(kind, why))
}

fn already() -> Answer {
    // The service does not tell who did it.
    Answer::AlreadySo { by: None }
}

impl Scim {
    /// Disables the targets of a call.
    pub(super) fn disable(
        &mut self,
        call: &Call,
        deadline: Deadline,
    ) -> Result<Vec<Outcome>, Trouble> {
        let plan = self.plan_to_disable(call, deadline)?;
        self.carry_out(call, plan, deadline)
    }

    /// What disabling would send, a line for each target.
    pub(super) fn disabling(
        &self,
        call: &Call,
        deadline: Deadline,
    ) -> Result<Vec<String>, Trouble> {
        let plan = self.plan_to_disable(call, deadline)?;
        let line = |(node, step): (&NodeId, &Result<Change, Answer>)| match step {
            Ok(change) => change.line(),
            Err(Answer::Failed(trouble)) => format!("{node}: nothing is sent, {trouble}"),
            Err(Answer::AlreadySo { .. } | Answer::Done) => {
                format!("{node}: disabled already or not there, nothing is sent")
            }
        };
        Ok(call.targets.iter().zip(&plan).map(line).collect())
    }

    fn plan_to_disable(
        &self,
        call: &Call,
        deadline: Deadline,
    ) -> Result<Vec<Result<Change, Answer>>, Trouble> {
        let prior = |node: &NodeId| call.prior.iter().find(|prior| prior.target == *node);
        // A version binds the change; where there is none, the state is compared just before.
        let unbound: Vec<NodeId> =
            call.targets.iter().filter(|node| !is_bound(prior(node))).cloned().collect();
        let found = self.find(&unbound, deadline)?;
        Ok(call.targets.iter().map(|node| to_disable(node, prior(node), &found)).collect())
    }

    /// Gives `active` back where it still is what Cordon made of it.
    pub(super) fn give_back(
        &mut self,
        call: &Call,
        deadline: Deadline,
    ) -> Result<Vec<Outcome>, Trouble> {
        let found = self.find(&call.targets, deadline)?;
        let prior = |node: &NodeId| call.prior.iter().find(|prior| prior.target == *node);
        let plan = |node: &NodeId| self.to_restore(node, prior(node), &found, deadline);
        self.carry_out(call, call.targets.iter().map(plan).collect(), deadline)
    }

    fn to_restore(
        &self,
        node: &NodeId,
        prior: Option<&Observed>,
        found: &Found,
        deadline: Deadline,
    ) -> Result<Change, Answer> {
        let Some(prior) = prior else {
            let why = format!("no prior state of `{node}` came with the call");
            return Err(failed(TroubleKind::Unsupported, why));
        };
        let prior = read_prior(prior)?;
        let user = match found.get(node) {
            Some(Ok(Some(user))) if user.id == prior.id => user.clone(),
            // It may have got another name meanwhile: what was taken from gets it back.
            Some(_) | None => match self.by_id(&prior.id, deadline) {
                Ok(Some(user)) => user,
                Ok(None) => {
                    let why =
                        format!("`{node}` no longer exists there, so nothing can be given back");
                    return Err(failed(TroubleKind::Changed, why));
                }
                Err(trouble) => return Err(Answer::Failed(trouble)),
            },
        };
        // What is open again was opened by somebody, and is left.
        if user.active != Some(false) || user.is_as(prior.active) {
            return Err(already());
        }
        Ok(Change { node: node.clone(), id: prior.id, version: user.version, to: prior.active })
    }

    /// Makes the changes; what was answered without one stays as it is.
    fn carry_out(
        &mut self,
        call: &Call,
        plan: Vec<Result<Change, Answer>>,
        deadline: Deadline,
    ) -> Result<Vec<Outcome>, Trouble> {
        let changes: Vec<Change> =
            plan.iter().filter_map(|step| step.as_ref().ok()).cloned().collect();
        let answers = match self.batch(changes.len(), deadline) {
            Some(size) => self.in_batches(&changes, size, deadline),
            None => in_lanes(&changes, |change| self.one(change, deadline)),
        };
        let mut answers = answers.into_iter();
        let silent = || failed(TroubleKind::NoReply, "the service answered for others only");
        let outcomes = call.targets.iter().zip(plan).map(|(node, step)| {
            let answer = match step {
                Ok(_) => answers.next().unwrap_or_else(silent),
                Err(answer) => answer,
            };
            Outcome { target: node.clone(), answer }
        });
        Ok(outcomes.collect())
    }

    /// Changes one user.
    fn one(&self, change: &Change, deadline: Deadline) -> Answer {
        let mut change = change.clone();
        for _ in 0..RACES {
            let mut ask = Ask::new("PATCH", user_path(&change.id))
                .to(format!("change `{}`", change.node))
                .body(MEDIA, patch(change.to).to_string());
            if let Some(version) = &change.version {
                ask = ask.header("if-match", version.clone());
            }
            let told = match self.web.ask(&ask, deadline) {
                Ok(told) => told,
                Err(trouble) => return Answer::Failed(trouble),
            };
            if !matches!(told.status, 409 | 412) {
                return self.judge(&change, &told, deadline);
            }
            match self.after_a_race(&change, deadline) {
                Ok(version) => change.version = version,
                Err(answer) => return answer,
            }
        }
        failed(TroubleKind::Changed, format!("`{}` is being changed all the time", change.node))
    }

    /// What a service's answer to a change means.
    fn judge(&self, change: &Change, told: &Told, deadline: Deadline) -> Answer {
        let node = &change.node;
        if told.status == 404 {
            return gone(change);
        }
        if !told.is_good() {
            return Answer::Failed(told.trouble(&format!("change `{node}`")));
        }
        let now = match told.body.get("id") {
            Some(_) => User::read(&told.body).map(Some),
            None => self.by_id(&change.id, deadline),
        };
        match now {
            Ok(Some(user)) if user.is_as(change.to) => Answer::Done,
            Ok(Some(_)) => failed(
                TroubleKind::NotEffective,
                format!("the service said yes, but `active` of `{node}` is as it was"),
            ),
            Ok(None) => gone(change),
            // It was said to be done; the next look tells.
            Err(_) => Answer::Done,
        }
    }

    /// Somebody was quicker: the version to go on with when giving back, else the answer.
    fn after_a_race(&self, change: &Change, deadline: Deadline) -> Result<Option<String>, Answer> {
        let user = match self.by_id(&change.id, deadline) {
            Ok(Some(user)) => user,
            Ok(None) => return Err(gone(change)),
            Err(trouble) => return Err(Answer::Failed(trouble)),
        };
        let gives_back = change.to != Some(false);
        match user.is_as(change.to) {
            true => Err(already()),
            // Only other attributes changed, for it is still disabled.
            false if gives_back => Ok(user.version),
            false => {
                let node = &change.node;
                Err(failed(
                    TroubleKind::Changed,
                    format!("somebody changed `{node}` since it was looked at; nothing was done"),
                ))
            }
        }
    }

    /// How many changes go into one request; none if bulk is not worth it or not there.
    fn batch(&mut self, changes: usize, deadline: Deadline) -> Option<usize> {
        if changes < 2 {
            return None;
        }
        if self.batch.is_none() {
            let told = self
                .web
                .ask(
                    &Ask::new("GET", "/ServiceProviderConfig").to("ask what the service can"),
                    deadline,
                )
                .ok()?;
            let bulk = told.body.get("bulk");
            let takes = bulk.and_then(|bulk| bulk.get("supported")) == Some(&Json::Bool(true));
            let most = bulk.and_then(|bulk| bulk.get("maxOperations")).and_then(Json::as_u64);
            let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(0);
            self.batch = Some(if takes { most.min(LARGEST_BATCH) } else { 0 });
        }
        self.batch.filter(|size| *size > 1)
    }

    fn in_batches(&mut self, changes: &[Change], size: usize, deadline: Deadline) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(changes.len());
        for batch in changes.chunks(size) {
            match self.bulk(batch, deadline) {
                Ok(batch) => answers.extend(batch),
                // It is announced but not to be had: nothing was done yet.
                Err(told) if matches!(told.status, 403..=405 | 413 | 501) => {
                    self.batch = Some(0);
                    answers.extend(in_lanes(batch, |change| self.one(change, deadline)));
                }
                Err(told) => {
                    let answer = Answer::Failed(told.trouble("change users in bulk"));
                    answers.extend(batch.iter().map(|_| answer.clone()));
                }
            }
        }
        answers
    }

    /// Sends changes in one request; an answer for each, or what the service said instead.
    fn bulk(&self, batch: &[Change], deadline: Deadline) -> Result<Vec<Answer>, Told> {
        let operation = |(number, change): (usize, &Change)| {
            let mut operation = json!({
                "method": "PATCH", "path": user_path(&change.id),
                "bulkId": number.to_string(), "data": patch(change.to),
            });
            if let (Some(version), Some(map)) = (&change.version, operation.as_object_mut()) {
                map.insert("version".to_owned(), Json::String(version.clone()));
            }
            operation
        };
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": batch.iter().enumerate().map(operation).collect::<Vec<_>>(),
        });
        let ask =
            Ask::new("POST", "/Bulk").to("change users in bulk").body(MEDIA, body.to_string());
        let told = match self.web.ask(&ask, deadline) {
            Ok(told) if told.is_good() => told,
            Ok(told) => return Err(told),
            Err(trouble) => return Ok(vec![Answer::Failed(trouble); batch.len()]),
        };
        let results = told.body.get("Operations").and_then(Json::as_array);
        let results = results.map(Vec::as_slice).unwrap_or_default();
        let judged = batch.iter().enumerate().map(|(number, change)| {
            match result_of(results, number, change) {
                Some(told) if matches!(told.status, 409 | 412) => self.lost_race(change, deadline),
                Some(told) => self.judge(change, &told, deadline),
                None => failed(TroubleKind::NoReply, "the service answered for others only"),
            }
        });
        Ok(judged.collect())
    }

    fn lost_race(&self, change: &Change, deadline: Deadline) -> Answer {
        match self.after_a_race(change, deadline) {
            Ok(version) => self.one(&Change { version, ..change.clone() }, deadline),
            Err(answer) => answer,
        }
    }
}

/// The result of one change of a bulk request.
fn result_of(results: &[Json], number: usize, change: &Change) -> Option<Told> {
    let number = number.to_string();
    let end = user_path(&change.id);
    let text = |result: &Json, key: &str| result.get(key).and_then(Json::as_str).map(str::to_owned);
    let own = results.iter().find(|result| text(result, "bulkId") == Some(number.clone()));
    let by_place = || {
        results.iter().find(|result| text(result, "location").is_some_and(|l| l.ends_with(&end)))
    };
    let result = own.or_else(by_place)?;
    let status = text(result, "status")
        .and_then(|status| status.parse().ok())
        .or_else(|| result.get("status").and_then(Json::as_u64)?.try_into().ok())?;
    Some(Told::of(status, result.get("response").cloned().unwrap_or_default()))
}

fn gone(change: &Change) -> Answer {
    match change.to {
        Some(false) => already(),
        Some(true) | None => failed(
            TroubleKind::Changed,
            format!("`{}` no longer exists there, so nothing can be given back", change.node),
        ),
    }
}

/// Whether a change can be bound to the version that was looked at.
fn is_bound(prior: Option<&Observed>) -> bool {
    let read = prior.and_then(|prior| Prior::deserialize(&prior.state).ok());
    read.is_some_and(|prior| prior.version.is_some() && prior.active != Some(false))
}

fn to_disable(node: &NodeId, prior: Option<&Observed>, found: &Found) -> Result<Change, Answer> {
    let read = match prior {
        Some(prior) => Some(read_prior(prior)?),
        None => None,
    };
    let change = |id, version| Change { node: node.clone(), id, version, to: Some(false) };
    let user = match (found.get(node), &read) {
        (None, Some(prior)) => return Ok(change(prior.id.clone(), prior.version.clone())),
        (None, None) => {
            return Err(failed(TroubleKind::Unknown, format!("`{node}` was not found")));
        }
        (Some(Err(trouble)), _) => return Err(Answer::Failed(trouble.clone())),
        (Some(Ok(None)), _) => return Err(already()),
        (Some(Ok(Some(user))), _) => user,
    };
    let differs = |prior: &Prior| prior.id != user.id || prior.active != user.active;
    match read {
        _ if user.active == Some(false) => Err(already()),
        Some(prior) if differs(&prior) => Err(failed(
            TroubleKind::Changed,
            format!("somebody changed `{node}` since it was looked at; nothing was done"),
        )),
        Some(_) | None => Ok(change(user.id.clone(), user.version.clone())),
    }
}

fn read_prior(prior: &Observed) -> Result<Prior, Answer> {
    Prior::deserialize(&prior.state).map_err(|_| {
        let why = format!("the prior state of `{}` is not one of SCIM's", prior.target);
        failed(TroubleKind::Unsupported, why)
    })
}

impl User {
    /// Whether `active` is so; a service may write true where there was no value.
    fn is_as(&self, active: Option<bool>) -> bool {
        self.active == active || (active.is_none() && self.active == Some(true))
    }
}
