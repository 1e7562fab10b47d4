//! What the settings of a directory say, read once and checked.
//!
//! Splits them in two: [`Place`] is what the connector may do and to whom,
//! [`Access`] how it gets there. Only the second holds the secret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use cordon_model::NodeId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::dn::Dn;
use crate::secret::Revealed;
use crate::{Secret, SettingsError, Site};

/// Whose words the directory speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Dialect {
    ActiveDirectory,
    Openldap,
}

/// The table `[connector.settings]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    urls: Vec<String>,
    base: String,
    scope: Vec<String>,
    bind_user: String,
    secret: Secret,
    ca_file: PathBuf,
    #[serde(default = "active_directory")]
    dialect: Dialect,
    domain: Option<String>,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default = "node_kinds")]
    node_kinds: Vec<String>,
    #[serde(default)]
    names: BTreeMap<NodeId, String>,
    #[serde(default)]
    groups: Vec<String>,
    marker: Option<String>,
    #[serde(default = "ticket_hours")]
    ticket_hours: u32,
    #[serde(default = "renew_days")]
    renew_days: u32,
}

fn active_directory() -> Dialect {
    Dialect::ActiveDirectory
}

fn node_kinds() -> Vec<String> {
    ["user", "service-account", "svcacct"].map(str::to_owned).to_vec()
}

/// What Windows domains have unless somebody changed it.
fn ticket_hours() -> u32 {
    10
}

fn renew_days() -> u32 {
    7
}

/// What the connector may do, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) site: Site,
    pub(super) dialect: Dialect,
    pub(super) base_text: String,
    pub(super) base: Dn,
    pub(super) scope: Vec<(String, Dn)>,
    pub(super) bind_user: String,
    pub(super) domain: Option<String>,
    pub(super) kinds: BTreeSet<String>,
    pub(super) node_kinds: Vec<String>,
    pub(super) names: BTreeMap<NodeId, String>,
    pub(super) groups: Vec<String>,
    pub(super) marker: Option<String>,
    pub(super) ticket_seconds: i64,
    pub(super) renew_seconds: i64,
}

/// How the connector gets there.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) servers: Vec<Server>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) bind: Option<(String, Revealed)>,
}

/// One server of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) url: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) starttls: bool,
}

/// Reads the settings of a site.
pub(super) fn read(site: &Site) -> Result<(Place, Access), SettingsError> {
    let settings: Settings = site.settings()?;
    let servers: Vec<Server> =
        settings.urls.iter().map(|url| server(site, url)).collect::<Result<_, _>>()?;
    if servers.is_empty() || settings.scope.is_empty() {
        return Err(site.wrong("`urls` and `scope` each need at least one entry"));
    }
    let secret = settings.secret.reveal(&site.folder).map_err(|e| site.no_secret(&e))?;
    let tls = tls(site, &settings.ca_file)?;
    let place = place(site, settings)?;
    if let Some((node, name)) = place.names.iter().find(|(_, name)| !place.can_mean(name)) {
        return Err(
            site.wrong(format!("`names`: `{name}` of `{node}` is no account of this domain"))
        );
    }
    let bind = Some((place.bind_user.clone(), secret));
    Ok((place, Access { servers, tls, bind }))
}

fn place(site: &Site, settings: Settings) -> Result<Place, SettingsError> {
    let base = name(site, "base", &settings.base)?;
    let mut scope = Vec::new();
    for text in settings.scope {
        let below = name(site, "scope", &text)?;
        if !below.is_under(&base) {
            return Err(
                site.wrong(format!("`scope`: `{text}` does not lie in `{}`", settings.base))
            );
        }
        scope.push((text, below));
    }
    for group in settings.groups.iter().chain(&settings.marker) {
        name(site, "groups", group)?;
    }
    if !settings.groups.is_empty() && settings.marker.is_none() {
        return Err(site.wrong(
            "`groups` needs `marker`: a group without rights that holds whom Cordon has removed",
        ));
    }
    Ok(Place {
        site: site.clone(),
        dialect: settings.dialect,
        kinds: kinds(site, settings.dialect, &settings.kinds, !settings.groups.is_empty())?,
        base_text: settings.base,
        base,
        scope,
        bind_user: settings.bind_user,
        domain: settings.domain,
        node_kinds: settings.node_kinds,
        names: settings.names,
        groups: settings.groups,
        marker: settings.marker,
        ticket_seconds: i64::from(settings.ticket_hours) * 3600,
        renew_seconds: i64::from(settings.renew_days) * 86_400,
    })
}

fn name(site: &Site, key: &str, text: &str) -> Result<Dn, SettingsError> {
    let wrong =
        || site.wrong(format!("`{key}`: `{text}` is no name such as `OU=Staff,DC=shop,DC=test`"));
    Dn::parse(text).ok_or_else(wrong)
}

/// The kinds that are served: those of the settings, else all that the dialect knows.
fn kinds(
    site: &Site,
    dialect: Dialect,
    wanted: &[String],
    has_groups: bool,
) -> Result<BTreeSet<String>, SettingsError> {
    let known: &[&str] = match dialect {
        Dialect::ActiveDirectory if has_groups => {
            &["disable-account", "expire-account", "end-sessions", "remove-from-groups"]
        }
        Dialect::ActiveDirectory => &["disable-account", "expire-account", "end-sessions"],
        Dialect::Openldap => &["disable-account"],
    };
    if let Some(strange) = wanted.iter().find(|kind| !known.contains(&kind.as_str())) {
        return Err(site.wrong(format!(
            "`kinds`: `{strange}` is not possible with these settings; possible are {}",
            known.join(", ")
        )));
    }
    let all = || known.iter().map(|kind| (*kind).to_owned()).collect();
    Ok(if wanted.is_empty() { all() } else { wanted.iter().cloned().collect() })
}

fn server(site: &Site, url: &str) -> Result<Server, SettingsError> {
    let (rest, starttls) = match (url.strip_prefix("ldaps://"), url.strip_prefix("ldap://")) {
        (Some(rest), _) => (rest, false),
        (_, Some(rest)) => (rest, true),
        _ => {
            return Err(site.wrong(format!(
                "`urls`: `{url}` begins neither with `ldaps://` nor with `ldap://` (with StartTLS)"
            )));
        }
    };
    let default = if starttls { 389 } else { 636 };
    let (host, port) = host_and_port(site, rest.trim_end_matches('/'), default)?;
    Ok(Server { url: url.to_owned(), host, port, starttls })
}

fn host_and_port(site: &Site, text: &str, default: u16) -> Result<(String, u16), SettingsError> {
    let wrong = || site.wrong(format!("`{text}` is no host name with or without a port"));
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
        None => (text, default),
    };
    let fits =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    if fits { Ok((host.to_owned(), port)) } else { Err(wrong()) }
}

/// Trusts the certificates of one file and nothing else.
fn tls(site: &Site, file: &std::path::Path) -> Result<Arc<ClientConfig>, SettingsError> {
    let path = site.folder.join(file);
    let wrong = |why: String| site.wrong(format!("`ca_file`: `{}`: {why}", path.display()));
    let certificates =
        CertificateDer::pem_file_iter(&path).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("holds no certificate in PEM form".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
