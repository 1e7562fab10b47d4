//! From settings to connectors: which module speaks with an outside system.
//!
//! A `[[connector]]` of `cordon.toml` names its kind; [`open`] is the one table
//! from kinds to modules. Opening reads settings and secrets and connects to
//! nothing, so a wrong folder is found before the night it is needed.

use std::path::PathBuf;
use std::sync::Arc;

use cordon_model::action::{Json, Trouble, TroubleKind};
use cordon_model::{Estate, NodeId};
use serde::de::DeserializeOwned;

use crate::Connector;
use crate::range::Range;
use crate::secret::SecretError;

/// Everything that a module may know of where it works.
#[derive(Clone, Debug)]
pub struct Site {
    /// The connector's name.
    pub name: String,
    /// The module: `directory`.
    pub kind: String,
    /// The table `[connector.settings]`.
    pub settings: Json,
    /// Nodes with their spellings.
    pub estate: Arc<Estate>,
    /// The configuration folder, where relative paths start.
    pub folder: PathBuf,
    /// The simulated estate, one for all connectors of its kind.
    pub range: Option<Range>,
}

/// Why a connector cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the connector `{connector}` cannot be opened: {why}")]
pub struct SettingsError {
    /// Its name.
    pub connector: String,
    /// What is wrong, and what to do.
    pub why: String,
}

impl Site {
    /// Reads the settings into the form that a module wants; unknown keys are errors there.
    ///
    /// # Errors
    /// When they do not fit; names the key.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        T::deserialize(&self.settings).map_err(|error| self.wrong(format!("its settings: {error}")))
    }

    /// An error of this connector.
    pub fn wrong(&self, why: impl Into<String>) -> SettingsError {
        SettingsError { connector: self.name.clone(), why: why.into() }
    }

    /// An error about a secret of this connector.
    #[must_use]
    pub fn no_secret(&self, error: &SecretError) -> SettingsError {
        self.wrong(error.to_string())
    }

    /// Every spelling of a node, its own name (what follows `kind:`) included, sorted.
    #[must_use]
    pub fn spellings(&self, node: &NodeId) -> Vec<String> {
        let known = self.estate.find(node.as_str()).map(|index| self.estate.spellings(index));
        let mut spellings: Vec<String> =
            known.unwrap_or_default().into_iter().map(str::to_owned).collect();
        spellings.push(node.name().to_owned());
        spellings.sort();
        spellings.dedup();
        spellings
    }

    /// The trouble that a node is which nobody was found for by its bare name alone: it could be
    /// misspelt, and would then stay open while it counts as gone. None if an address was tried.
    pub(crate) fn may_be_misspelt(&self, node: &NodeId) -> Option<Trouble> {
        let is_sure = self.spellings(node).iter().any(|spelling| spelling.contains('@'));
        let why = format!(
            "nobody is called `{}` there, and no address of `{node}` is known to be sure; add an \
             alias to the estate or its id to `names`",
            node.name()
        );
        (!is_sure).then(|| Trouble::new(TroubleKind::Unknown, why))
    }
}

/// The kinds that [`open`] knows.
pub const KINDS: &[&str] = &[
    "database",
    "directory",
    "exec",
    "firewall",
    "http",
    "hypervisor",
    "linux-host",
    "radius",
    "range",
    "scim",
    "sessions",
    "shared-signals",
];

/// Opens a connector.
///
/// # Errors
/// When its kind is unknown, its settings do not fit, or a secret cannot be read.
pub fn open(site: &Site) -> Result<Box<dyn Connector>, SettingsError> {
    match site.kind.as_str() {
        "directory" => Ok(Box::new(crate::directory::open(site)?)),
        "database" => Ok(Box::new(crate::database::open(site)?)),
        "firewall" => Ok(Box::new(crate::firewall::open(site)?)),
        "hypervisor" => Ok(Box::new(crate::hypervisor::open(site)?)),
        "linux-host" => Ok(Box::new(crate::linux_host::open(site)?)),
        "range" => match &site.range {
            Some(range) => Ok(Box::new(range.clone())),
            None => Err(site.wrong("there is no range here")),
        },
        "sessions" => Ok(Box::new(crate::sessions::open(site)?)),
        "shared-signals" => Ok(Box::new(crate::signals::open(site)?)),
        "scim" => Ok(Box::new(crate::scim::open(site)?)),
        "exec" => crate::exec::open(site),
        "http" => crate::http::open(site),
        "radius" => crate::radius::open(site),
        kind if crate::http::is_builtin(kind) => crate::http::open(site),
        _ => Err(site.wrong(format!(
            "there is no kind `{}`; known are {}",
            site.kind,
            KINDS.join(", ")
        ))),
    }
}
