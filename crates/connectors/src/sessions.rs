//! An OpenID provider: sessions, grants and tokens of people, clients, single tokens.
//!
//! `end-sessions` ends everything that an account has open, by the provider's
//! administration API (`people.rs`); `disable-account` and `revoke` of a client
//! switch it off and on (`switch.rs`); `revoke` in mode *end* revokes one known
//! token by RFC 7009 and looks at it by RFC 7662 (`tokens.rs`). What cannot be
//! revoked, such as signed access tokens that nobody asks about, is told with
//! the time that is left of it.

mod people;
mod switch;
mod tokens;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Outcome, Probed, Trouble, TroubleKind,
};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;

use crate::secret::Secret;
use crate::site::{SettingsError, Site};
use crate::web::{Ask, Deadline, Login, Web, in_lanes};
use crate::{Check, Connector, Readiness};

const DISABLE: &str = "disable-account";
const END: &str = "end-sessions";
const REVOKE: &str = "revoke";
/// A name that nobody has: what is tried on it changes nothing.
const NOBODY: &str = "cordon-preflight-nobody";

/// The table `[connector.settings]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where the administration API begins.
    admin: Option<String>,
    token: Option<Secret>,
    user: Option<String>,
    password: Option<Secret>,
    /// The provider itself, as its tokens name it; its endpoints are discovered.
    issuer: Option<String>,
    /// The client that may introspect and revoke tokens.
    client: Option<String>,
    client_secret: Option<Secret>,
    /// Certificates to trust, PEM; without it the machine's own.
    ca: Option<PathBuf>,
    /// Nodes whose id in the administration API is known.
    #[serde(default)]
    names: BTreeMap<String, String>,
    /// Nodes that are tokens, and where their values are kept.
    #[serde(default)]
    tokens: BTreeMap<String, Secret>,
    /// How long signed access tokens live, in seconds, where the provider keeps no list of them.
    access_token_seconds: Option<u64>,
    #[serde(default)]
    paths: Paths,
    #[serde(default)]
    fields: Fields,
}

/// Paths of the administration API; `{spelling}` and `{id}` are put in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Paths {
    /// Lists of users that have a spelling as a name.
    find: Vec<String>,
    /// One user.
    user: String,
    /// What a user has open.
    sessions: String,
    /// What ends all of it: a method and a path each.
    end: Vec<String>,
    /// One client.
    client: String,
    /// The method that changes a part of a user or client.
    update: Update,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Update {
    #[serde(rename = "PATCH")]
    Patch,
    #[serde(rename = "PUT")]
    Put,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            find: vec!["/users?login={spelling}".to_owned()],
            user: "/users/{id}".to_owned(),
            sessions: "/users/{id}/sessions".to_owned(),
            end: vec!["DELETE /users/{id}/sessions".to_owned()],
            client: "/clients/{id}".to_owned(),
            update: Update::Patch,
        }
    }
}

/// Where things stand in what the administration API answers, as JSON pointers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fields {
    /// A user's or client's id.
    id: String,
    /// What a user is called: every one that a spelling may equal.
    names: Vec<String>,
    /// Whether a user or client may be used: a key at the top, for it is written too.
    enabled: String,
    /// When everything of a user was ended last, in seconds since 1970.
    not_before: String,
    /// When something open ends by itself, in seconds since 1970.
    expires: String,
    /// Whether ending it has an effect at once; without it, it has.
    revocable: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            id: "/id".to_owned(),
            names: ["/login", "/mail"].map(str::to_owned).to_vec(),
            enabled: "enabled".to_owned(),
            not_before: "/notBefore".to_owned(),
            expires: "/expires".to_owned(),
            revocable: "/revocable".to_owned(),
        }
    }
}

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    EndSessions,
    DisableUser,
    DisableClient,
    RevokeToken,
}

/// An OpenID provider.
pub(crate) struct Sessions {
    site: Site,
    settings: Settings,
    admin: Option<Web>,
    provider: Option<tokens::Provider>,
}

/// Reads the settings and gets ready.
pub(crate) fn open(site: &Site) -> Result<Sessions, SettingsError> {
    let settings: Settings = site.settings()?;
    for node in settings.names.keys().chain(settings.tokens.keys()) {
        NodeId::parse(node).map_err(|error| site.wrong(format!("names or tokens: {error}")))?;
    }
    let ca = settings.ca.as_deref();
    let admin = match &settings.admin {
        Some(url) => {
            let (token, password) = (settings.token.as_ref(), settings.password.as_ref());
            let login = Login::read(site, token, settings.user.as_deref(), password)?;
            Some(Web::open(site, url, ca, login)?)
        }
        None => None,
    };
    let provider = tokens::open(site, &settings)?;
    if admin.is_none() && provider.is_none() {
        return Err(site.wrong("give `admin`, or `issuer` with `client` and `client_secret`"));
    }
    Ok(Sessions { site: site.clone(), settings, admin, provider })
}

fn unsupported(why: impl Into<String>) -> Trouble {
    Trouble::new(TroubleKind::Unsupported, why)
}

impl Sessions {
    /// Refuses what it does not know before anything goes over the wire.
    fn job(&self, call: &Call) -> Result<Job, Trouble> {
        let job = match (call.order.kind.as_str(), call.order.mode) {
            (END, Mode::End) => Job::EndSessions,
            (DISABLE, Mode::Refuse) => Job::DisableUser,
            (REVOKE, Mode::Refuse) => Job::DisableClient,
            (REVOKE, Mode::End) => Job::RevokeToken,
            (kind, _) => {
                let known = format!("`{END}`, `{DISABLE}` and `{REVOKE}`");
                return Err(unsupported(format!("it knows {known}, but not `{kind}` like this")));
            }
        };
        match call.targets.iter().find_map(|node| self.stranger(job, node)) {
            Some(why) => Err(unsupported(why)),
            None => Ok(job),
        }
    }

    /// Why a node is none of this job's.
    fn stranger(&self, job: Job, node: &NodeId) -> Option<String> {
        let (kinds, wanted): (&[&str], _) = match job {
            Job::EndSessions | Job::DisableUser => {
                (&["user", "service-account", "svcacct"], self.admin.is_some())
            }
            Job::DisableClient => (&["app"], self.admin.is_some()),
            Job::RevokeToken => (&["token", "key"], self.provider.is_some()),
        };
        if job == Job::DisableClient && ["token", "key"].contains(&node.kind()) {
            return Some(format!(
                "`{node}` cannot be given back once it is revoked; declare its withdrawal with \
                 `mode = \"end\"`"
            ));
        }
        if !wanted {
            let name = &self.site.name;
            return Some(format!("`{name}` has no settings for what `{node}` is"));
        }
        if !kinds.contains(&node.kind()) {
            return Some(format!("`{node}` is none of {}", kinds.join(", ")));
        }
        let is_known = job != Job::RevokeToken || self.settings.tokens.contains_key(node.as_str());
        (!is_known).then(|| format!("the value of `{node}` is not known; give it in `tokens`"))
    }

    fn admin(&self) -> Result<&Web, Trouble> {
        self.admin.as_ref().ok_or_else(|| unsupported("there is no `admin` in the settings"))
    }

    fn see(&self, job: Job, node: &NodeId, deadline: Deadline) -> Result<Observed, Trouble> {
        match job {
            Job::EndSessions => self.see_sessions(node, deadline),
            Job::DisableUser | Job::DisableClient => self.see_switch(job, node, deadline),
            Job::RevokeToken => self.see_token(node, deadline),
        }
    }

    /// Acts on each target in a few lanes.
    fn each(
        call: &Call,
        act: impl Fn(&NodeId, Option<&Observed>) -> Result<Answer, Trouble> + Sync,
    ) -> Vec<Outcome> {
        let prior = |node: &NodeId| call.prior.iter().find(|prior| prior.target == *node);
        in_lanes(&call.targets, |node| Outcome {
            target: node.clone(),
            answer: act(node, prior(node)).unwrap_or_else(Answer::Failed),
        })
    }

    fn line(&self, job: Job, node: &NodeId, deadline: Deadline) -> Result<String, Trouble> {
        let seen = self.see(job, node, deadline)?;
        if !seen.access.is_open() {
            return Ok(format!("{node}: nothing to do, nothing is sent"));
        }
        match job {
            Job::EndSessions => self.ending(node, seen.open, deadline),
            Job::DisableUser | Job::DisableClient => self.switching(job, node, deadline),
            Job::RevokeToken => Ok(format!("{node}: POST its value to the revocation endpoint")),
        }
    }
}

impl Connector for Sessions {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let deadline = Deadline::after(deadline);
        let mut checks = Vec::new();
        let mut add = |kind: &str, act, result: Result<(), Trouble>| {
            let finding = result.map_or_else(Readiness::Unable, |()| Readiness::Able);
            checks.push(Check { kind: kind.to_owned(), act, finding });
        };
        if self.admin.is_some() {
            let read = self.may_find(deadline);
            let update = read.clone().and_then(|()| self.may_switch(deadline));
            let end = read.clone().and_then(|()| self.may_end(deadline));
            add(DISABLE, Act::Look, read.clone());
            add(DISABLE, Act::Refuse, update.clone());
            add(DISABLE, Act::Restore, update);
            add(END, Act::Look, read);
            add(END, Act::End, end);
        }
        if self.provider.is_some() {
            let able = self.may_introspect(deadline);
            add(REVOKE, Act::Look, able.clone());
            add(REVOKE, Act::End, able);
        }
        if self.admin.is_some() && self.could_delete(deadline) {
            let what = "it may delete users too, as far as can be seen without deleting one";
            let finding = Readiness::Excessive(what.to_owned());
            checks.push(Check { kind: DISABLE.to_owned(), act: Act::Refuse, finding });
        }
        checks
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        let job = self.job(call)?;
        let deadline = Deadline::after(deadline);
        let seen = in_lanes(&call.targets, |node| self.see(job, node, deadline));
        if let Some(Err(trouble)) = seen.first()
            && seen.iter().all(Result::is_err)
        {
            return Err(trouble.clone());
        }
        let pairs = call.targets.iter().zip(seen);
        Ok(pairs
            .map(|(node, seen)| seen.unwrap_or_else(|_| blank(node, Access::Unknown)))
            .collect())
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let job = self.job(call)?;
        let deadline = Deadline::after(deadline);
        match job {
            Job::DisableUser | Job::DisableClient => {
                Ok(Self::each(call, |node, prior| self.switch_off(job, node, prior, deadline)))
            }
            Job::EndSessions | Job::RevokeToken => Err(unsupported("this kind only ends")),
        }
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let job = self.job(call)?;
        let deadline = Deadline::after(deadline);
        match job {
            Job::EndSessions => Ok(Self::each(call, |node, _| self.end_sessions(node, deadline))),
            Job::RevokeToken => Ok(Self::each(call, |node, _| self.revoke(node, deadline))),
            Job::DisableUser | Job::DisableClient => Err(unsupported("this kind only refuses")),
        }
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let job = self.job(call)?;
        let deadline = Deadline::after(deadline);
        match job {
            Job::DisableUser | Job::DisableClient => {
                Ok(Self::each(call, |node, prior| self.switch_back(job, node, prior, deadline)))
            }
            Job::EndSessions | Job::RevokeToken => {
                Err(unsupported("what was ended cannot be given back; people sign in again"))
            }
        }
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let job = self.job(call)?;
        let deadline = Deadline::after(deadline);
        let finding = |node: &NodeId| match job {
            Job::RevokeToken => self.try_token(node, deadline),
            // Nobody signs in as somebody else here; but what is open is a leak for sure.
            Job::EndSessions | Job::DisableUser | Job::DisableClient => {
                match self.see(job, node, deadline) {
                    Ok(seen) if seen.access.is_open() => Finding::Leaks,
                    Ok(_) | Err(_) => Finding::Untried,
                }
            }
        };
        let probed = |node: &NodeId| Probed { target: node.clone(), finding: finding(node) };
        Ok(in_lanes(&call.targets, probed))
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        let job = self.job(call)?;
        let deadline = Deadline::after(deadline);
        let lines = in_lanes(&call.targets, |node| self.line(job, node, deadline));
        lines.into_iter().collect()
    }
}

fn blank(node: &NodeId, access: Access) -> Observed {
    Observed {
        target: node.clone(),
        access,
        owner: None,
        state: Json::Null,
        open: 0,
        residual_seconds: None,
    }
}

/// Seconds from now until a time in seconds since 1970; none if it is over.
fn seconds_until(time: u64) -> Option<u64> {
    let now = u64::try_from(jiff::Timestamp::now().as_second()).ok()?;
    time.checked_sub(now).filter(|left| *left > 0)
}
