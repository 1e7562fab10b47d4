//! One module per command; each prints once and returns its exit code.

pub(crate) mod approve;
pub(crate) mod authority;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod connector;
pub(crate) mod demo;
pub(crate) mod drill;
pub(crate) mod estate;
pub(crate) mod exposure;
pub(crate) mod foothold;
pub(crate) mod formats;
pub(crate) mod hand;
pub(crate) mod ledger;
pub(crate) mod lift;
pub(crate) mod notice;
pub(crate) mod plan;
pub(crate) mod raise;
pub(crate) mod scan;
pub(crate) mod status;

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use cordon_estate::Loaded;
use serde::Serialize;

use crate::failure;

/// Prints text to stdout; a closed pipe is not an error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON on one line.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(value).context("cannot write the answer as JSON")?;
    text.push('\n');
    print(&text)
}

/// Loads a folder, estate and authority, or fails with all its problems.
pub(crate) fn load_estate(folder: &Path) -> anyhow::Result<Loaded> {
    let loaded = cordon_estate::read(folder).map_err(|problems| failure::problems(&problems))?;
    crate::authority::written(&loaded).map_err(|problems| failure::problems(&problems))?;
    Ok(loaded)
}
