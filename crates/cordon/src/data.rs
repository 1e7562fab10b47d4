//! The data folder: the ledger, and the configuration that it was written under.
//!
//! Questions about the past are answered from here alone: the estate may have
//! changed since, so the folder keeps the files of the day in `config`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cordon_disclose::{Exposure, Gathered, exposure, gather};
use cordon_estate::Loaded;
use cordon_ledger::{Ledger, paths, read_file};
use cordon_model::Timestamp;
use cordon_model::record::{Entry, Opened, Record};

use crate::commands::load_estate;
use crate::failure::bad_input;
use crate::hash;

/// A log that is silent for up to this long is still heard.
pub(crate) const PATIENCE_SECONDS: u32 = 900;

/// The file in a data folder that says where the configuration is.
const ORIGIN: &str = "config.origin";

/// The folder with the configuration of the day.
pub(crate) fn config(data: &Path) -> PathBuf {
    data.join("config")
}

/// A data folder that is written: its ledger is locked for others.
pub(crate) struct Open {
    pub(crate) loaded: Loaded,
    pub(crate) ledger: Ledger,
    pub(crate) entries: Vec<Entry>,
    /// To be recorded first: the estate has changed since the last entry, or there is none.
    pub(crate) opened: Option<Opened>,
}

impl Open {
    /// Opens the ledger of a data folder, and the estate: as named, else that of the folder.
    pub(crate) fn new(named: Option<&Path>, folder: &Path) -> anyhow::Result<Self> {
        let kept = config(folder);
        let origin = origin(named, folder);
        let loaded = match named {
            Some(named) => load_estate(named)?,
            None if origin.is_dir() => load_estate(&origin)?,
            None => {
                return Err(bad_input(format!(
                    "there is no estate in `{}` yet\n    add `--config FOLDER`; its estate is kept beside the ledger",
                    folder.display()
                )));
            }
        };
        let ledger = Ledger::open(folder).context("cannot open the ledger")?;
        let entries = read_file(&ledger.paths().ledger, 1).context("cannot read the ledger")?;
        let files = cordon_estate::to_files(&loaded.estate, &loaded.config);
        let sha256 = hash::of_files(&files);
        let known = entries.iter().rev().find_map(|entry| {
            let Record::Opened(opened) = &entry.body else { return None };
            Some(opened.estate_sha256.as_str())
        });
        let opened = (known != Some(sha256.as_str())).then(|| with(&loaded, sha256.clone()));
        if opened.is_some() {
            cordon_estate::generate::save(&files, &kept)
                .context("cannot keep the configuration")?;
        }
        if let Some(named) = named {
            keep_origin(named, folder)?;
        }
        Ok(Self { loaded, ledger, entries, opened })
    }
}

fn with(loaded: &Loaded, estate_sha256: String) -> Opened {
    Opened {
        estate: loaded.estate.name().to_owned(),
        estate_sha256,
        program: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The first record of every process that works on withdrawals: answers to what was under way
/// before it are lost.
pub(crate) fn opened(loaded: &Loaded) -> Record {
    let files = cordon_estate::to_files(&loaded.estate, &loaded.config);
    Record::Opened(with(loaded, hash::of_files(&files)))
}

/// Where the configuration comes from: the folder that is named, else the one that was named
/// when the ledger was last written, else the copy of the day.
pub(crate) fn origin(named: Option<&Path>, data: &Path) -> PathBuf {
    if let Some(named) = named {
        return named.to_owned();
    }
    let told = std::fs::read_to_string(data.join(ORIGIN)).map(|text| PathBuf::from(text.trim()));
    told.ok().filter(|folder| folder.is_dir()).unwrap_or_else(|| config(data))
}

/// Keeps where the configuration is: secrets and certificates stand beside it.
fn keep_origin(named: &Path, data: &Path) -> anyhow::Result<()> {
    let folder = named.canonicalize().context("cannot find the configuration folder")?;
    std::fs::write(data.join(ORIGIN), format!("{}\n", folder.display()))
        .context("cannot keep where the configuration is")
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
