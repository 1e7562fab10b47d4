//! Shared Signals: telling others by signed events, and reading what others tell.
//!
//! As a connector (kind `shared-signals`) it sends CAEP events to one receiver:
//! `end-sessions` says *session-revoked*, `revoke` says *credential-change*. The
//! events are Security Event Tokens (RFC 8417), pushed by RFC 8935. A receiver
//! says that it took an event, never what came of it, and this is told so: for the
//! agreed time what was open is taken to be ending, afterwards nothing is known.
//! The receiving half is pure: [`receive`] verifies an event and gives facts.

mod key;
mod receive;
mod subject;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Outcome, Probed, Trouble, TroubleKind,
};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;
use serde_json::json;

use crate::secret::Secret;
use crate::site::{SettingsError, Site};
use crate::web::{Ask, Deadline, Login, Told, Web, in_lanes};
use crate::{Check, Connector, Readiness};
use key::Signer;
pub use key::{KeyError, Keys};
pub use receive::{Expected, Received, Rejected, Statement, receive};

const END: &str = "end-sessions";
const REVOKE: &str = "revoke";
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// The table `[connector.settings]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where the receiver takes events.
    endpoint: String,
    /// What we are called in events, and what the receiver is.
    issuer: String,
    audience: String,
    /// The key that signs, PKCS #8 in PEM: Ed25519 or P-256.
    key: Secret,
    key_id: String,
    /// The login at the receiver, where it asks for one.
    token: Option<Secret>,
    user: Option<String>,
    password: Option<Secret>,
    ca: Option<PathBuf>,
    /// How people are named: `email`, `account`, `iss_sub`, `opaque`.
    #[serde(default)]
    subject: subject::Form,
    /// For `iss_sub`: whose subjects they are.
    subject_issuer: Option<String>,
    /// Nodes and what the receiver calls them.
    #[serde(default)]
    names: BTreeMap<String, String>,
    /// Nodes that are credentials of people.
    #[serde(default)]
    credentials: BTreeMap<String, Credential>,
    /// Within how many seconds the receiver has agreed to act.
    within_seconds: u64,
}

/// A credential of somebody.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credential {
    /// The node of the person.
    of: String,
    /// As CAEP calls it: `password`, `x509`, `fido2-roaming`, `app`.
    kind: String,
    /// What people call it.
    name: Option<String>,
}

/// One receiver of events.
pub(crate) struct Signals {
    site: Site,
    settings: Settings,
    signer: Signer,
    web: Web,
}

/// What became of the last event about each node.
///
/// A receiver cannot be looked at, so this is all that a look can tell. Several
/// lanes of one connector share it; a new process knows nothing, and says so.
static LAST: LazyLock<Mutex<BTreeMap<About, Sent>>> = LazyLock::new(Mutex::default);

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct About {
    receiver: String,
    kind: String,
    node: NodeId,
}

#[derive(Clone, Copy, Debug)]
enum Sent {
    Accepted(Instant),
    NotAccepted,
}

/// Reads the settings and gets ready.
pub(crate) fn open(site: &Site) -> Result<Signals, SettingsError> {
    let settings: Settings = site.settings()?;
    let of = settings.credentials.values().map(|credential| &credential.of);
    for node in settings.names.keys().chain(settings.credentials.keys()).chain(of) {
        NodeId::parse(node)
            .map_err(|error| site.wrong(format!("names or credentials: {error}")))?;
    }
    if settings.subject == subject::Form::IssSub && settings.subject_issuer.is_none() {
        return Err(site.wrong("`subject = \"iss_sub\"` needs `subject_issuer`"));
    }
    let key = settings.key.reveal(&site.folder).map_err(|error| site.no_secret(&error))?;
    let signer = Signer::from_pem(key.as_str(), &settings.key_id)
        .map_err(|error| site.wrong(format!("key: {error}")))?;
    let (token, password) = (settings.token.as_ref(), settings.password.as_ref());
    let login = Login::read(site, token, settings.user.as_deref(), password)?;
    let web = Web::open(site, &settings.endpoint, settings.ca.as_deref(), login)?;
    Ok(Signals { site: site.clone(), settings, signer, web })
}

fn unsupported(why: impl Into<String>) -> Trouble {
    Trouble::new(TroubleKind::Unsupported, why)
}

/// What is sent about one node.
struct Event {
    kind: &'static str,
    subject: Json,
    claims: Json,
}

impl Signals {
    /// The event that a call sends about a node; refuses what it does not know before anything
    /// goes over the wire.
    fn event(&self, call: &Call, node: &NodeId) -> Result<Event, Trouble> {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({ "event_timestamp": now, "initiating_entity": "policy" });
        if let (false, Some(map)) = (call.order.note.is_empty(), claims.as_object_mut()) {
            map.insert("reason_admin".to_owned(), json!({ "en": call.order.note }));
        }
        match (call.order.kind.as_str(), call.order.mode) {
            (END, Mode::End) => {
                let subject = self.subject(node)?;
                Ok(Event { kind: SESSION_REVOKED, subject, claims })
            }
            (REVOKE, Mode::End) => self.credential_change(node, claims),
            (kind @ (END | REVOKE), Mode::Refuse) => Err(unsupported(format!(
                "an event cannot be taken back; declare `{kind}` with `mode = \"end\"`"
            ))),
            (kind, _) => Err(unsupported(format!(
                "it can tell of `{END}` and `{REVOKE}`, but not of `{kind}`"
            ))),
        }
    }

    fn credential_change(&self, node: &NodeId, mut claims: Json) -> Result<Event, Trouble> {
        let credential = self.settings.credentials.get(node.as_str()).ok_or_else(|| {
            unsupported(format!(
                "whose credential `{node}` is stands nowhere; add it to `credentials`"
            ))
        })?;
        let of = NodeId::parse(&credential.of).map_err(|error| unsupported(error.to_string()))?;
        if let Some(map) = claims.as_object_mut() {
            map.insert("credential_type".to_owned(), json!(credential.kind));
            map.insert("change_type".to_owned(), json!("revoke"));
            if let Some(name) = &credential.name {
                map.insert("friendly_name".to_owned(), json!(name));
            }
        }
        Ok(Event { kind: CREDENTIAL_CHANGE, subject: self.subject(&of)?, claims })
    }

    /// The person as the receiver knows them; two names are no name.
    fn subject(&self, node: &NodeId) -> Result<Json, Trouble> {
        if !["user", "service-account", "svcacct"].contains(&node.kind()) {
            return Err(unsupported(format!("`{node}` is no person or account")));
        }
        let known = self.settings.names.get(node.as_str()).cloned();
        let name = match known {
            Some(name) => name,
            None if self.settings.subject == subject::Form::Email => self.address(node)?,
            None => {
                let why =
                    format!("what the receiver calls `{node}` is not known; add it to `names`");
                return Err(unsupported(why));
            }
        };
        let issuer = self.settings.subject_issuer.as_deref().unwrap_or_default();
        Ok(self.settings.subject.write(&name, issuer))
    }

    fn address(&self, node: &NodeId) -> Result<String, Trouble> {
        let mut addresses = self.site.spellings(node);
        addresses.retain(|spelling| spelling.contains('@') && !spelling.contains('\\'));
        addresses.iter_mut().for_each(|address| *address = address.to_lowercase());
        addresses.sort();
        addresses.dedup();
        match &addresses[..] {
            [address] => Ok(address.clone()),
            all => {
                let count = all.len();
                let why = format!("`{node}` has {count} mail addresses; say which one in `names`");
                Err(unsupported(why))
            }
        }
    }

    fn events(&self, call: &Call) -> Result<Vec<Event>, Trouble> {
        call.targets.iter().map(|node| self.event(call, node)).collect()
    }

    /// Sends an event; the same attempt has the same number, so that a repeat counts once.
    fn send(&self, event: &Event, jti: &str, deadline: Deadline) -> Result<(), Trouble> {
        let mut events = serde_json::Map::new();
        events.insert(event.kind.to_owned(), event.claims.clone());
        let claims = json!({
            "iss": self.settings.issuer, "aud": self.settings.audience, "jti": jti,
            "iat": jiff::Timestamp::now().as_second(), "sub_id": event.subject, "events": events,
        });
        let set = self.signer.sign(&claims).map_err(|error| unsupported(error.to_string()))?;
        let ask = Ask::new("POST", "").to("send an event").header("accept", "application/json");
        let told = self.web.ask(&ask.body("application/secevent+jwt", set), deadline)?;
        match told.status {
            202 => Ok(()),
            400 => Err(refused(&told)),
            status if told.is_good() => {
                let why = format!("the receiver answered {status} where 202 says that it took it");
                Err(unsupported(format!("{why}; correct `endpoint`")))
            }
            _ => Err(told.trouble("send an event")),
        }
    }

    fn jti(&self, call: &Call, node: &NodeId) -> String {
        let order = &call.order;
        let own = [
            self.settings.issuer.as_str(),
            order.withdrawal.as_str(),
            &order.kind,
            &order.note,
            node.as_str(),
            &call.attempt.to_string(),
        ];
        key::fingerprint(&own.join("\n"))
    }

    fn remember(&self, call: &Call, node: &NodeId, sent: Sent) {
        let about = self.about(call, node);
        LAST.lock().unwrap_or_else(PoisonError::into_inner).insert(about, sent);
    }

    fn last(&self, call: &Call, node: &NodeId) -> Option<Sent> {
        let about = self.about(call, node);
        LAST.lock().unwrap_or_else(PoisonError::into_inner).get(&about).copied()
    }

    fn about(&self, call: &Call, node: &NodeId) -> About {
        let receiver = format!("{} {}", self.site.name, self.settings.endpoint);
        About { receiver, kind: call.order.kind.clone(), node: node.clone() }
    }

    fn seen(&self, call: &Call, node: &NodeId) -> Observed {
        let within = Duration::from_secs(self.settings.within_seconds);
        let (access, residual_seconds) = match self.last(call, node) {
            // Nobody knows what is open there; before anything is sent the worst is assumed.
            None if call.attempt == 0 => (Access::Open, None),
            Some(Sent::NotAccepted) => (Access::Open, None),
            Some(Sent::Accepted(at)) if at.elapsed() < within => {
                (Access::Open, Some((within - at.elapsed()).as_secs().max(1)))
            }
            Some(Sent::Accepted(_)) | None => (Access::Unknown, None),
        };
        Observed {
            target: node.clone(),
            access,
            owner: None,
            state: Json::Null,
            open: u32::from(access == Access::Open),
            residual_seconds,
        }
    }
}

/// Why a receiver did not take an event (RFC 8935, section 2.4).
fn refused(told: &Told) -> Trouble {
    let code = told.body.get("err").and_then(Json::as_str).unwrap_or_default();
    let words = told.body.get("description").and_then(Json::as_str).unwrap_or_default();
    let says = if words.is_empty() {
        String::new()
    } else {
        format!(" (it says: {})", crate::web::shortened(words))
    };
    let (kind, why) = match code {
        "authentication_failed" => {
            (TroubleKind::Denied, "the login is not valid; renew the secret")
        }
        "access_denied" => (TroubleKind::Denied, "it may not be sent to; ask the receiver's owner"),
        "invalid_issuer" => (TroubleKind::Unsupported, "it does not know us by `issuer`"),
        "invalid_audience" => (TroubleKind::Unsupported, "it is not called `audience`"),
        "invalid_key" => {
            (TroubleKind::Unsupported, "it does not take `key`; give it the public key")
        }
        _ => (TroubleKind::Unsupported, "it does not understand the event"),
    };
    Trouble::new(kind, format!("the receiver did not take the event: {why}{says}"))
}

impl Connector for Signals {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let event = Event {
            kind: VERIFICATION,
            subject: json!({ "format": "opaque", "id": self.settings.key_id }),
            claims: json!({ "state": "pre-flight" }),
        };
        let result = key::unique().map_err(|error| unsupported(error.to_string()));
        let result = result.and_then(|jti| self.send(&event, &jti, Deadline::after(deadline)));
        let finding = result.map_or_else(Readiness::Unable, |()| Readiness::Able);
        let check =
            |kind: &str| Check { kind: kind.to_owned(), act: Act::End, finding: finding.clone() };
        [END, REVOKE].map(check).to_vec()
    }

    fn look(&mut self, call: &Call, _deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        self.events(call)?;
        Ok(call.targets.iter().map(|node| self.seen(call, node)).collect())
    }

    fn refuse(&mut self, call: &Call, _deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.events(call)?;
        Err(unsupported("an event refuses nothing, it only asks to end"))
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        let events: Vec<(&NodeId, Event)> = call.targets.iter().zip(self.events(call)?).collect();
        let deadline = Deadline::after(deadline);
        Ok(in_lanes(&events, |(node, event)| {
            let sent = self.send(event, &self.jti(call, node), deadline);
            let kept =
                if sent.is_ok() { Sent::Accepted(Instant::now()) } else { Sent::NotAccepted };
            self.remember(call, node, kept);
            let answer = sent.map_or_else(Answer::Failed, |()| Answer::Done);
            Outcome { target: (*node).clone(), answer }
        }))
    }

    fn restore(&mut self, _call: &Call, _deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        Err(unsupported("an event cannot be taken back; people sign in again"))
    }

    fn probe(&mut self, call: &Call, _deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let untried = |node: &NodeId| Probed { target: node.clone(), finding: Finding::Untried };
        Ok(call.targets.iter().map(untried).collect())
    }

    fn rehearse(&mut self, call: &Call, _deadline: Duration) -> Result<Vec<String>, Trouble> {
        let line = |(node, event): (&NodeId, Event)| {
            let kind = event.kind.rsplit('/').next().unwrap_or_default();
            let endpoint = &self.settings.endpoint;
            format!("{node}: POST {endpoint}: {kind} about {}", event.subject)
        };
        Ok(call.targets.iter().zip(self.events(call)?).map(line).collect())
    }
}
