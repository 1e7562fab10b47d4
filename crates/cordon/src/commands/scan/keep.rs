//! `cordon scan --data`: what a scan goes on from, and what it leaves in the ledger.
//!
//! From the ledger come people's words on footholds, what was usual in quiet
//! times, and the incidents that are open. To the ledger go the sources heard,
//! detections, footholds, incidents, what footholds and readers of people's data
//! did, links of the estate that the logs confirm or contradict, and what was
//! usual in the quiet part of these logs: one batch, all of it or nothing.

use std::path::Path;

use anyhow::Context as _;
use cordon_incident::{Assessment, Reasoner, Settings};
use cordon_ledger::{Ledger, read_file};
use cordon_model::record::{Entry, Opened, Record};
use cordon_model::{Estate, Timestamp};

use crate::commands::load_estate;
use crate::failure::bad_input;
use crate::notes::Notes;
use crate::{data, hash, memory};

/// The ledger of a scan.
pub(super) struct Keeper {
    ledger: Ledger,
    entries: Vec<Entry>,
    opened: Option<Opened>,
}

/// Opens the ledger of a data folder, and the estate: as named, else that of the folder.
pub(super) fn open(config: Option<&Path>, folder: &Path) -> anyhow::Result<(Estate, Keeper)> {
    let kept = data::config(folder);
    let loaded = match config {
        Some(config) => load_estate(config)?,
        None if kept.is_dir() => load_estate(&kept)?,
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
    let opened = (known != Some(sha256.as_str())).then(|| Opened {
        estate: loaded.estate.name().to_owned(),
        estate_sha256: sha256.clone(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
    });
    if opened.is_some() {
        cordon_estate::generate::save(&files, &kept).context("cannot keep the configuration")?;
    }
    Ok((loaded.estate, Keeper { ledger, entries, opened }))
}

impl Keeper {
    /// The settings of a judgement that goes on where the ledger ends.
    pub(super) fn settings(&self) -> Settings {
        memory::settings(&self.entries)
    }

    /// Tells the reasoner what was usual.
    pub(super) fn remind(&self, reasoner: &mut Reasoner<'_>) {
        memory::usual(&self.entries).for_each(|usual| reasoner.remember(usual));
    }

    /// Notes that know what the ledger has been told.
    pub(super) fn notes(&self) -> Notes {
        Notes::new(memory::told(&self.entries))
    }

    /// Writes what the scan found. Returns how many entries were added.
    pub(super) fn write(
        mut self,
        estate: &Estate,
        notes: &mut Notes,
        reasoner: &Reasoner<'_>,
        assessment: &Assessment,
        now: Timestamp,
    ) -> anyhow::Result<usize> {
        let mut records: Vec<Record> = self.opened.take().map(Record::Opened).into_iter().collect();
        records.extend(notes.heard());
        records.extend(notes.records(estate, assessment));
        records.extend(notes.links(reasoner.links_seen()));
        let usual = reasoner.usual(now);
        records.extend((!usual.rows.is_empty()).then_some(Record::Usual(usual)));
        let written = self.ledger.append(Timestamp::now(), &records);
        Ok(written.context("cannot write the ledger; nothing of this scan is in it")?.len())
    }
}
