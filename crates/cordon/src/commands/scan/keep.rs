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
use cordon_ledger::Ledger;
use cordon_model::record::{Entry, Opened, Record};
use cordon_model::{Estate, Timestamp};

use crate::data::Open;
use crate::memory;
use crate::notes::Notes;

/// The ledger of a scan.
pub(super) struct Keeper {
    ledger: Ledger,
    entries: Vec<Entry>,
    opened: Option<Opened>,
}

/// Opens the ledger of a data folder, and the estate: as named, else that of the folder.
pub(super) fn open(config: Option<&Path>, folder: &Path) -> anyhow::Result<(Estate, Keeper)> {
    let Open { loaded, ledger, entries, opened } = Open::new(config, folder)?;
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
