//! Where the written authority meets the hand: what a configuration folder lets it do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use cordon_authority::Authority;
use cordon_connectors::Site;
use cordon_connectors::range::Range;
use cordon_estate::Loaded;
use cordon_execute::Guard;
use cordon_hand::client::Reach;
use cordon_hand::{Client, Rules};

/// The hand's data folder, where this program starts the hand itself.
pub(crate) fn hand_folder(data: &Path) -> PathBuf {
    data.join("hand")
}

/// The authority of a configuration: what is written, or that of the range where it holds.
pub(crate) fn authority(loaded: &Loaded) -> anyhow::Result<Authority> {
    crate::authority::of_folder(loaded)
}

/// What this side of the hand lets pass; the hand has its own.
pub(crate) fn guard(loaded: &Loaded) -> anyhow::Result<Guard> {
    let authority = authority(loaded)?;
    let caps = &authority.terms().caps;
    let mut guard = Guard::new(&loaded.estate, caps.kinds.clone());
    guard.attempts_per_hour_of_others = caps.others;
    Ok(guard)
}

/// What the hand goes by.
pub(crate) fn rules(loaded: &Loaded) -> anyhow::Result<Rules> {
    Ok(Rules { estate: Arc::new(loaded.estate.clone()), authority: authority(loaded)? })
}

/// The connectors of a configuration. Those of the range share one, kept in the data folder.
pub(crate) fn sites(loaded: &Loaded, folder: &Path, data: &Path) -> anyhow::Result<Vec<Site>> {
    let estate = Arc::new(loaded.estate.clone());
    let connectors = &loaded.config.connectors;
    let has_range = connectors.iter().any(|connector| connector.kind == "range");
    let range = match has_range {
        true => {
            std::fs::create_dir_all(data).context("cannot make the hand's data folder")?;
            let file = data.join("range.json");
            Some(Range::open(Arc::clone(&estate), &file).context("cannot open the range")?)
        }
        false => None,
    };
    let site = |connector: &cordon_estate::Connector| Site {
        name: connector.name.clone(),
        kind: connector.kind.clone(),
        settings: connector.settings.clone(),
        estate: Arc::clone(&estate),
        folder: folder.to_owned(),
        range: range.clone(),
    };
    Ok(connectors.iter().map(site).collect())
}

/// Reaches the hand: by the socket that the configuration names, else as a child of this process.
pub(crate) fn client(loaded: &Loaded, config: &Path, data: &Path) -> anyhow::Result<Client> {
    if let Some(socket) = &loaded.config.hand {
        return Ok(Client::new(Reach::Socket(config.join(socket))));
    }
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = std::process::Command::new(program);
    command.arg("hand").arg("--stdio").arg("--config").arg(config);
    command.arg("--data").arg(hand_folder(data));
    Ok(Client::new(Reach::Child(Box::new(command))))
}
