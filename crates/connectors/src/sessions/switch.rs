//! The switch of a user or client: may it be used or not. Compared just before it is
//! changed, for administration APIs seldom bind changes to a version.

use cordon_model::NodeId;
use cordon_model::action::{Access, Answer, Json, Observed, Trouble, TroubleKind};
use serde::Deserialize;
use serde_json::json;

use super::people::{filled, no_id, text};
use super::{Ask, Deadline, Job, NOBODY, Sessions, Update, blank, unsupported};

/// What a look kept, and what is there now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Switch {
    id: String,
    enabled: bool,
}

impl Sessions {
    fn switch(
        &self,
        job: Job,
        node: &NodeId,
        deadline: Deadline,
    ) -> Result<Option<Switch>, Trouble> {
        let thing = match job {
            Job::DisableClient => {
                let own = || node.name().to_owned();
                let id = self.settings.names.get(node.as_str()).cloned().unwrap_or_else(own);
                self.thing(&self.settings.paths.client, &id, "read a client", deadline)?
            }
            Job::DisableUser | Job::EndSessions | Job::RevokeToken => self.user(node, deadline)?,
        };
        thing.map(|thing| self.read_switch(node, &thing)).transpose()
    }

    fn read_switch(&self, node: &NodeId, thing: &Json) -> Result<Switch, Trouble> {
        let fields = &self.settings.fields;
        let id = text(thing, &fields.id).ok_or_else(no_id)?;
        let Some(enabled) = thing.get(&fields.enabled).and_then(Json::as_bool) else {
            let why = format!("`{node}` does not say whether it is enabled (`{}`)", fields.enabled);
            return Err(Trouble::new(TroubleKind::Unknown, why));
        };
        Ok(Switch { id, enabled })
    }

    /// Looks at a switch.
    pub(super) fn see_switch(
        &self,
        job: Job,
        node: &NodeId,
        deadline: Deadline,
    ) -> Result<Observed, Trouble> {
        let Some(switch) = self.switch(job, node, deadline)? else {
            return Ok(blank(node, Access::Absent));
        };
        let access = if switch.enabled { Access::Open } else { Access::Refused };
        let state = json!({ "id": switch.id, "enabled": switch.enabled });
        Ok(Observed { state, ..blank(node, access) })
    }

    /// Switches off what is still as it was looked at.
    pub(super) fn switch_off(
        &self,
        job: Job,
        node: &NodeId,
        prior: Option<&Observed>,
        deadline: Deadline,
    ) -> Result<Answer, Trouble> {
        let prior = prior.map(read_prior).transpose()?;
        let already = Answer::AlreadySo { by: None };
        let now = match self.switch(job, node, deadline)? {
            Some(switch) if switch.enabled => switch,
            Some(_) | None => return Ok(already),
        };
        if prior.is_some_and(|prior| prior != now) {
            let why = format!("somebody changed `{node}` since it was looked at; nothing was done");
            return Err(Trouble::new(TroubleKind::Changed, why));
        }
        self.set(job, node, &now.id, false, deadline)
    }

    /// Switches on again what was on and is off.
    pub(super) fn switch_back(
        &self,
        job: Job,
        node: &NodeId,
        prior: Option<&Observed>,
        deadline: Deadline,
    ) -> Result<Answer, Trouble> {
        let missing = || unsupported(format!("no prior state of `{node}` came with the call"));
        let prior = read_prior(prior.ok_or_else(missing)?)?;
        // By its id, for it may have got another name meanwhile.
        let template = self.template(job);
        let thing = self.thing(template, &prior.id, "read what was changed", deadline)?;
        let Some(thing) = thing else {
            let why = format!("`{node}` no longer exists; nothing can be given back");
            return Err(Trouble::new(TroubleKind::Changed, why));
        };
        let now = self.read_switch(node, &thing)?;
        if now.enabled || !prior.enabled {
            return Ok(Answer::AlreadySo { by: None });
        }
        self.set(job, node, &now.id, true, deadline)
    }

    fn template(&self, job: Job) -> &str {
        match job {
            Job::DisableClient => &self.settings.paths.client,
            Job::DisableUser | Job::EndSessions | Job::RevokeToken => &self.settings.paths.user,
        }
    }

    fn set(
        &self,
        job: Job,
        node: &NodeId,
        id: &str,
        to: bool,
        deadline: Deadline,
    ) -> Result<Answer, Trouble> {
        let what = format!("change `{node}`");
        let told = self.admin()?.ask(&self.setting(job, id, to).to(&*what), deadline)?;
        if !told.is_good() {
            return Err(told.trouble(&what));
        }
        let now = told.body.get(&self.settings.fields.enabled).and_then(Json::as_bool);
        if now.is_some_and(|now| now != to) {
            let why = format!("the provider said yes, but `{node}` is as it was");
            return Err(Trouble::new(TroubleKind::NotEffective, why));
        }
        Ok(Answer::Done)
    }

    fn setting(&self, job: Job, id: &str, to: bool) -> Ask {
        let template = self.template(job);
        let method = match self.settings.paths.update {
            Update::Patch => "PATCH",
            Update::Put => "PUT",
        };
        let body =
            Json::Object([(self.settings.fields.enabled.clone(), json!(to))].into_iter().collect());
        Ask::new(method, filled(template, "{id}", id)).body("application/json", body.to_string())
    }

    /// What switching off would send.
    pub(super) fn switching(
        &self,
        job: Job,
        node: &NodeId,
        deadline: Deadline,
    ) -> Result<String, Trouble> {
        let id = self.switch(job, node, deadline)?.map(|switch| switch.id).ok_or_else(no_id)?;
        let ask = self.setting(job, &id, false);
        let body = ask.body.map(|(_, body)| body).unwrap_or_default();
        Ok(format!("{node}: {} {}: {body}", ask.method, ask.path))
    }

    /// Whether users could be switched, tried on nobody.
    pub(super) fn may_switch(&self, deadline: Deadline) -> Result<(), Trouble> {
        let what = "try the right to change users";
        let told =
            self.admin()?.ask(&self.setting(Job::DisableUser, NOBODY, false).to(what), deadline)?;
        match told.status {
            401 | 403 | 405 => Err(told.trouble(what)),
            _ => Ok(()),
        }
    }
}

fn read_prior(prior: &Observed) -> Result<Switch, Trouble> {
    Switch::deserialize(&prior.state).map_err(|_| {
        unsupported(format!("the prior state of `{}` is none of this connector's", prior.target))
    })
}
