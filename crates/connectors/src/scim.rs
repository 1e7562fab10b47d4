//! SCIM 2.0 (RFC 7643, RFC 7644): accounts of any service that takes provisioning.
//!
//! `disable-account` sets a user's `active` to false and gives back what it was:
//! true, or no value at all. Where the service gives versions (ETags) every
//! change is bound to the version that was looked at; else it is compared just
//! before. Finding users stands in `lookup.rs`, changing them in `change.rs`.
//! SCIM cannot sign in as a user, so a probe can only find leaks.

mod change;
mod lookup;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cordon_model::action::{
    Access, Act, Call, Finding, Json, Observed, Outcome, Probed, Trouble, TroubleKind,
};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;
use serde_json::json;

use crate::secret::Secret;
use crate::site::{SettingsError, Site};
use crate::web::{Ask, Deadline, Login, Web};
use crate::{Check, Connector, Readiness};
use lookup::User;

/// The kind of withdrawal that it knows.
const DISABLE: &str = "disable-account";
/// An id that nobody has: what is tried on it changes nothing.
const NOBODY: &str = "cordon-preflight-nobody";
const MEDIA: &str = "application/scim+json";

/// The table `[connector.settings]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where the service's SCIM paths begin: `https://id.north.example/scim/v2`.
    url: String,
    /// Certificates to trust, PEM; without it the machine's own.
    ca: Option<PathBuf>,
    token: Option<Secret>,
    user: Option<String>,
    password: Option<Secret>,
    /// Kinds of nodes that are users there.
    #[serde(default = "kinds")]
    kinds: Vec<String>,
    /// Attributes that are compared with a node's spellings.
    #[serde(default = "lookup_attributes")]
    lookup: Vec<String>,
    /// Nodes whose SCIM `id` is known.
    #[serde(default)]
    names: BTreeMap<String, String>,
}

fn kinds() -> Vec<String> {
    ["user", "service-account", "svcacct"].map(str::to_owned).to_vec()
}

fn lookup_attributes() -> Vec<String> {
    ["userName", "externalId", "emails.value"].map(str::to_owned).to_vec()
}

/// A service that speaks SCIM.
pub(crate) struct Scim {
    site: Site,
    settings: Settings,
    web: Web,
    /// How many changes one request may carry; none is not asked yet.
    batch: Option<usize>,
}

/// Reads the settings and gets ready.
pub(crate) fn open(site: &Site) -> Result<Scim, SettingsError> {
    let settings: Settings = site.settings()?;
    for node in settings.names.keys() {
        NodeId::parse(node).map_err(|error| site.wrong(format!("names: {error}")))?;
    }
    let login = Login::read(
        site,
        settings.token.as_ref(),
        settings.user.as_deref(),
        settings.password.as_ref(),
    )?;
    let web = Web::open(site, &settings.url, settings.ca.as_deref(), login)?;
    Ok(Scim { site: site.clone(), settings, web, batch: None })
}

impl Scim {
    /// Refuses what it does not know before anything goes over the wire.
    fn knows(&self, call: &Call) -> Result<(), Trouble> {
        let unsupported = |why| Err(Trouble::new(TroubleKind::Unsupported, why));
        if call.order.kind != DISABLE || call.order.mode != Mode::Refuse {
            let kind = &call.order.kind;
            return unsupported(format!("SCIM can refuse by `{DISABLE}`, but not `{kind}`"));
        }
        let stranger = call.targets.iter().find(|node| !self.is_in_scope(node));
        match stranger {
            Some(node) => unsupported(format!(
                "`{node}` is no user of `{}`; it acts on {}",
                self.site.name,
                self.settings.kinds.join(", ")
            )),
            None => Ok(()),
        }
    }

    fn is_in_scope(&self, node: &NodeId) -> bool {
        self.settings.kinds.iter().any(|kind| kind == node.kind())
    }

    fn try_on_nobody(&self, method: &'static str, deadline: Deadline) -> Result<u16, Trouble> {
        let mut ask =
            Ask::new(method, format!("/Users/{NOBODY}")).to("try the right to change users");
        if method == "PATCH" {
            ask = ask.body(MEDIA, change::patch(Some(false)).to_string());
        }
        let told = self.web.ask(&ask, deadline)?;
        match told.status {
            401 | 403 => Err(told.trouble("try the right to change users")),
            status => Ok(status),
        }
    }

    fn may_read(&self, deadline: Deadline) -> Result<(), Trouble> {
        let told = self.web.ask(
            &Ask::new("GET", "/ServiceProviderConfig").to("ask what the service can"),
            deadline,
        )?;
        if told.is_good() {
            for (feature, needs) in [("patch", "change `active`"), ("filter", "find users")] {
                let path = format!("/{feature}/supported");
                if told.body.pointer(&path) == Some(&Json::Bool(false)) {
                    let why = format!(
                        "the service says that it has no `{feature}`, so it cannot {needs}"
                    );
                    return Err(Trouble::new(TroubleKind::Unsupported, why));
                }
            }
        }
        let told =
            self.web.ask(&Ask::new("GET", "/Users?count=1&attributes=userName"), deadline)?;
        if !told.is_good() {
            return Err(told.trouble("list users"));
        }
        match told.body.get("Resources").or_else(|| told.body.get("totalResults")) {
            Some(_) => Ok(()),
            None => Err(Trouble::new(
                TroubleKind::Unsupported,
                "what `/Users` answers is no SCIM list; correct `url`",
            )),
        }
    }

    fn may_write(&self, deadline: Deadline) -> Result<(), Trouble> {
        match self.try_on_nobody("PATCH", deadline)? {
            404 => Ok(()),
            405 | 501 => Err(Trouble::new(
                TroubleKind::Unsupported,
                "the service has no PATCH, so `active` cannot be changed",
            )),
            // Some services check the body first; that is no refusal.
            _ => Ok(()),
        }
    }
}

impl Connector for Scim {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let deadline = Deadline::after(deadline);
        let readiness = |result: Result<(), Trouble>| match result {
            Ok(()) => Readiness::Able,
            Err(trouble) => Readiness::Unable(trouble),
        };
        let check = |act, finding| Check { kind: DISABLE.to_owned(), act, finding };
        let read = self.may_read(deadline);
        let mut checks = vec![check(Act::Look, readiness(read.clone()))];
        let write = readiness(read.and_then(|()| self.may_write(deadline)));
        checks.push(check(Act::Refuse, write.clone()));
        checks.push(check(Act::Restore, write.clone()));
        if write == Readiness::Able && self.try_on_nobody("DELETE", deadline) == Ok(404) {
            let what = "it may delete users too, as far as can be seen without deleting one";
            checks.push(check(Act::Refuse, Readiness::Excessive(what.to_owned())));
        }
        checks
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        self.knows(call)?;
        let found = self.find(&call.targets, Deadline::after(deadline))?;
        let troubles: Vec<&Trouble> = found.values().filter_map(|f| f.as_ref().err()).collect();
        if let Some(trouble) = troubles.first()
            && troubles.len() == found.len()
        {
            return Err((*trouble).clone());
        }
        let observed = |node: &NodeId| match found.get(node) {
            Some(Ok(Some(user))) => user.observed(node),
            Some(Ok(None)) => nothing(node, Access::Absent),
            Some(Err(_)) | None => nothing(node, Access::Unknown),
        };
        Ok(call.targets.iter().map(observed).collect())
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.knows(call)?;
        self.disable(call, Deadline::after(deadline))
    }

    fn end(&mut self, call: &Call, _deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let why = format!(
            "SCIM cannot end what is open (`{}`); a connector of kind `sessions` can",
            call.order.kind
        );
        Err(Trouble::new(TroubleKind::Unsupported, why))
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.knows(call)?;
        self.give_back(call, Deadline::after(deadline))
    }

    fn volatile(&self) -> &'static [&'static str] {
        &["version"]
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        self.knows(call)?;
        self.disabling(call, Deadline::after(deadline))
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        // Nobody can sign in by SCIM; but a user that is active is a leak for sure.
        let seen = self.look(call, deadline)?;
        let probed = |seen: Observed| Probed {
            finding: if seen.access.is_open() { Finding::Leaks } else { Finding::Untried },
            target: seen.target,
        };
        Ok(seen.into_iter().map(probed).collect())
    }
}

fn nothing(node: &NodeId, access: Access) -> Observed {
    Observed {
        target: node.clone(),
        access,
        owner: None,
        state: Json::Null,
        open: 0,
        residual_seconds: None,
    }
}

impl User {
    fn observed(&self, node: &NodeId) -> Observed {
        let access = if self.active == Some(false) { Access::Refused } else { Access::Open };
        let state = json!({ "id": self.id, "active": self.active, "version": self.version });
        Observed { state, ..nothing(node, access) }
    }
}
