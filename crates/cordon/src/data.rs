//! The data folder: the ledger, and the configuration that it was written under.
//!
//! Questions about the past are answered from here alone: the estate may have
//! changed since, so the folder keeps the files of the day in `config`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cordon_disclose::{Exposure, Gathered, exposure, gather};
use cordon_estate::Loaded;
use cordon_ledger::{paths, read_file};
use cordon_model::Timestamp;
use cordon_model::record::Entry;

use crate::commands::load_estate;
use crate::failure::bad_input;

/// A log that is silent for up to this long is still heard.
pub(crate) const PATIENCE_SECONDS: u32 = 900;

/// The folder with the configuration of the day.
pub(crate) fn config(data: &Path) -> PathBuf {
    data.join("config")
}

/// Everything in a data folder that questions are asked of.
pub(crate) struct Data {
    pub(crate) loaded: Loaded,
    pub(crate) entries: Vec<Entry>,
}

impl Data {
    /// Reads a data folder.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let ledger = paths(folder).ledger;
        if !ledger.is_file() {
            return Err(bad_input(format!(
                "there is no ledger in `{}`\n    give the folder of `cordon demo --data FOLDER`",
                folder.display()
            )));
        }
        let loaded = load_estate(&config(folder))?;
        let entries = read_file(&ledger, 1).context("cannot read the ledger")?;
        Ok(Self { loaded, entries })
    }

    /// The moment as of which the folder is asked: that of its last entry.
    pub(crate) fn now(&self) -> Timestamp {
        self.entries.last().map_or(Timestamp::UNIX_EPOCH, |entry| entry.time)
    }

    /// What the evidence says.
    pub(crate) fn gathered(&self) -> Gathered {
        gather(&self.loaded.estate, &self.entries, None, self.now(), PATIENCE_SECONDS)
    }

    /// What the intruder may have had.
    pub(crate) fn exposure(&self) -> (Gathered, Exposure) {
        let gathered = self.gathered();
        let exposure = exposure(&self.loaded.estate, &gathered.evidence);
        (gathered, exposure)
    }
}
