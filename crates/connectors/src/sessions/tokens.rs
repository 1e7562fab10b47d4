//! Single tokens: looked at by introspection (RFC 7662), revoked by RFC 7009, tried at the
//! provider's own userinfo endpoint.
//!
//! A signed token (a JWT) is good until its own end for everybody who only checks
//! its signature, whatever the provider says. It is told as open for that long.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cordon_model::NodeId;
use cordon_model::action::{Access, Answer, Finding, Json, Observed, Trouble};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Ask, Deadline, Sessions, Settings, blank, seconds_until, unsupported};
use crate::secret::Revealed;
use crate::site::{SettingsError, Site};
use crate::web::{Login, Told, Web};

const FORM: &str = "application/x-www-form-urlencoded";

/// The provider itself, with what it says of its endpoints.
pub(super) struct Provider {
    issuer: String,
    /// With the client that may introspect and revoke.
    web: Web,
    endpoints: OnceLock<Endpoints>,
}

#[derive(Clone, Debug)]
struct Endpoints {
    introspection: String,
    revocation: String,
    userinfo: Option<String>,
}

/// Reads the settings of the provider, if there are any.
pub(super) fn open(site: &Site, settings: &Settings) -> Result<Option<Provider>, SettingsError> {
    let (issuer, client, secret) =
        match (&settings.issuer, &settings.client, &settings.client_secret) {
            (Some(issuer), Some(client), Some(secret)) => (issuer, client, secret),
            (None, None, None) if settings.tokens.is_empty() => return Ok(None),
            (_, _, _) => {
                return Err(site.wrong("`issuer`, `client` and `client_secret` belong together"));
            }
        };
    // RFC 6749, section 2.3.1: both are encoded as a form before they are joined.
    let login = Login::read(site, None, Some(&form(client)), Some(secret))?;
    let web = Web::open(site, issuer, settings.ca.as_deref(), login)?;
    Ok(Some(Provider { issuer: issuer.clone(), web, endpoints: OnceLock::new() }))
}

fn form(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

impl Provider {
    /// Where the provider takes what, by its own word (OpenID Connect Discovery 1.0).
    fn endpoints(&self, deadline: Deadline) -> Result<Endpoints, Trouble> {
        if let Some(known) = self.endpoints.get() {
            return Ok(known.clone());
        }
        let what = "ask the provider for its endpoints";
        let told = self
            .web
            .with_login(Login::Nobody)
            .ask(&Ask::new("GET", "/.well-known/openid-configuration").to(what), deadline)?;
        if !told.is_good() {
            return Err(told.trouble(what));
        }
        let text = |key: &str| told.body.get(key).and_then(Json::as_str).map(str::to_owned);
        if text("issuer").as_deref() != Some(self.issuer.as_str()) {
            return Err(unsupported("the provider calls itself another name; correct `issuer`"));
        }
        // A secret only goes where it is as safe as with the issuer.
        let scheme = self.issuer.split("://").next().unwrap_or_default();
        let safe = |url: &String| url.split("://").next() == Some(scheme);
        let need = |key: &str| {
            text(key)
                .filter(safe)
                .ok_or_else(|| unsupported(format!("the provider has no `{key}`")))
        };
        let endpoints = Endpoints {
            introspection: need("introspection_endpoint")?,
            revocation: need("revocation_endpoint")?,
            userinfo: text("userinfo_endpoint").filter(safe),
        };
        Ok(self.endpoints.get_or_init(|| endpoints).clone())
    }

    fn post(
        &self,
        address: &str,
        token: &str,
        what: &str,
        deadline: Deadline,
    ) -> Result<Told, Trouble> {
        let body = format!("token={}", form(token));
        self.web.ask(&Ask::new("POST", address).to(what).body(FORM, body).hiding(token), deadline)
    }

    /// Whether the provider takes a token for good; none if it does not judge such tokens.
    fn is_active(
        &self,
        token: &str,
        what: &str,
        deadline: Deadline,
    ) -> Result<Option<bool>, Trouble> {
        let address = self.endpoints(deadline)?.introspection;
        let told = self.post(&address, token, what, deadline)?;
        match told.body.get("active").and_then(Json::as_bool) {
            Some(active) if told.is_good() => Ok(Some(active)),
            _ if told.is_good() => Err(unsupported(format!("could not {what}: no `active` came"))),
            _ if told.status == 400 && signed_until(token).is_some() => Ok(None),
            _ => Err(told.trouble(what)),
        }
    }
}

/// When a signed token ends by itself, in seconds since 1970.
fn signed_until(token: &str) -> Option<u64> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Json = serde_json::from_slice(&claims).ok()?;
    claims.get("exp").and_then(Json::as_u64)
}

impl Sessions {
    fn provider(&self) -> Result<&Provider, Trouble> {
        self.provider.as_ref().ok_or_else(|| unsupported("there is no `issuer` in the settings"))
    }

    fn token(&self, node: &NodeId) -> Result<Revealed, Trouble> {
        let secret = self.settings.tokens.get(node.as_str());
        let secret = secret.ok_or_else(|| unsupported(format!("`{node}` is not in `tokens`")))?;
        secret.reveal(&self.site.folder).map_err(|error| unsupported(error.to_string()))
    }

    /// Looks at one token.
    pub(super) fn see_token(&self, node: &NodeId, deadline: Deadline) -> Result<Observed, Trouble> {
        let token = self.token(node)?;
        let what = format!("introspect `{node}`");
        let said = self.provider()?.is_active(token.as_str(), &what, deadline)?;
        let residual_seconds = signed_until(token.as_str()).and_then(seconds_until);
        let seen = match (said, residual_seconds) {
            (Some(true), _) => Observed { open: 1, ..blank(node, Access::Open) },
            (Some(false) | None, Some(_)) => {
                Observed { open: 1, residual_seconds, ..blank(node, Access::Open) }
            }
            (Some(false) | None, None) => blank(node, Access::Refused),
        };
        Ok(seen)
    }

    /// Revokes one token.
    pub(super) fn revoke(&self, node: &NodeId, deadline: Deadline) -> Result<Answer, Trouble> {
        let token = self.token(node)?;
        let provider = self.provider()?;
        let what = format!("revoke `{node}`");
        if provider.is_active(token.as_str(), &what, deadline)? != Some(true) {
            return Ok(Answer::AlreadySo { by: None });
        }
        let address = provider.endpoints(deadline)?.revocation;
        let told = provider.post(&address, token.as_str(), &what, deadline)?;
        // RFC 7009 answers 200 for tokens that it does not know too; the look tells.
        if told.is_good() { Ok(Answer::Done) } else { Err(told.trouble(&what)) }
    }

    /// Uses a token where its owner would.
    pub(super) fn try_token(&self, node: &NodeId, deadline: Deadline) -> Finding {
        let tried = || -> Result<Finding, Trouble> {
            let provider = self.provider()?;
            let Some(address) = provider.endpoints(deadline)?.userinfo else {
                return Ok(Finding::Untried);
            };
            let web = provider.web.with_login(Login::Bearer(self.token(node)?));
            let told = web.ask(&Ask::new("GET", address).to("try a token"), deadline)?;
            Ok(match told.status {
                401 => Finding::Holds,
                _ if told.is_good() => Finding::Leaks,
                _ => Finding::Untried,
            })
        };
        let seen = self.see_token(node, deadline);
        match tried() {
            // Others may still take a signed token that the provider refuses.
            Ok(Finding::Holds) if seen.is_ok_and(|seen| seen.access.is_closed()) => Finding::Holds,
            Ok(Finding::Leaks) => Finding::Leaks,
            Ok(Finding::Holds | Finding::Untried) | Err(_) => Finding::Untried,
        }
    }

    /// Whether tokens can be introspected, tried on one that does not exist.
    pub(super) fn may_introspect(&self, deadline: Deadline) -> Result<(), Trouble> {
        let what = "try the right to introspect tokens";
        self.provider()?.is_active(super::NOBODY, what, deadline).map(drop)
    }
}
