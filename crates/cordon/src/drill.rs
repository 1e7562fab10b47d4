//! The drill: a simulated intrusion against the range, to measure what a
//! response saves.
//!
//! [`intruder`] and [`staff`] act on the [`ground`]; what they do becomes log
//! lines ([`traces`], [`voices`]); [`defence`] responds; [`score`] counts. The
//! intruder and Cordon share nothing but those lines and the range.

mod cast;
mod defence;
mod ground;
mod intruder;
mod run;
mod score;
mod staff;
#[cfg(test)]
mod tests;
mod traces;
mod voices;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use cordon_estate::{Files, Loaded};
use cordon_model::reach::ControlGraph;
use cordon_model::{Estate, NodeIx};
use cordon_signal::Rules;
use serde::Serialize;

use crate::cli::Response;
use crate::{hash, pack};

pub(crate) use intruder::Move;
pub(crate) use run::{Run, Story};
pub(crate) use score::Score;

use defence::Ready;
use run::Scene;

/// Whom the intruder tries to become, in turn: an account with more rights than
/// its owner needs, then another after being locked out.
const ENTRIES: [&str; 2] = ["user:p.lindqvist", "user:w.okafor"];
/// When the drill begins; any fixed day would do.
const START: &str = "2026-03-02T01:05:00Z";

/// An estate made ready for drills.
pub(crate) struct Prepared {
    pub(crate) files: Files,
    pub(crate) estate: Arc<Estate>,
    graph: ControlGraph,
}

/// What `cordon drill --format json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: &'static str,
    pub(crate) currency: String,
    pub(crate) runs: Vec<Score>,
}

/// Generates the sample estate, with all stores, homes and staff, in memory.
pub(crate) fn prepare() -> anyhow::Result<Prepared> {
    let files = cordon_estate::generate::retailer(1, cordon_estate::generate::Scale::FULL);
    of_files(files)
}

/// Makes an estate of files ready.
pub(crate) fn of_files(files: Files) -> anyhow::Result<Prepared> {
    let loaded: Loaded = cordon_estate::parse_files(&files)
        .map_err(|problems| crate::failure::problems(&problems))?;
    let graph = ControlGraph::new(&loaded.estate);
    Ok(Prepared { files, estate: Arc::new(loaded.estate), graph })
}

/// Runs the retailer scenario with some responses; `folder` gives each run its data folder.
pub(crate) fn retailer(
    prepared: &Prepared,
    responses: &[Response],
    seed: u64,
    no_pack: bool,
    folder: &dyn Fn(Response) -> std::path::PathBuf,
    tell: &mut dyn FnMut(Response, &Story),
) -> anyhow::Result<Vec<Run>> {
    let ready = Ready::new(&prepared.estate)?;
    let scene = Scene {
        estate: Arc::clone(&prepared.estate),
        ready: &ready,
        graph: &prepared.graph,
        entries: entries(&prepared.estate)?,
        start: START.parse().context("the drill's start is no time")?,
        seed,
        estate_sha256: hash::of_files(&prepared.files),
    };
    responses
        .iter()
        .map(|&response| {
            let rules: Rules = pack::rules(&[], no_pack).0;
            let data = folder(response);
            make_folder(&data)?;
            run::run(&scene, response, pack::scanner(rules), &data, &mut |story| {
                tell(response, story)
            })
        })
        .collect()
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))
}

fn entries(estate: &Estate) -> anyhow::Result<Vec<NodeIx>> {
    let find = |id: &&str| {
        estate.find(id).with_context(|| format!("the sample estate has no node `{id}`"))
    };
    ENTRIES.iter().map(find).collect()
}
