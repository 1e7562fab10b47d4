//! `cordon ledger verify | show | export`: is the record whole, and what does it say?

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cordon_ledger::{Head, VerifyError, paths, read_file, read_head, read_public_key};
use cordon_model::record::Entry;
use serde_json::json;

use crate::cli::{Format, LedgerCommand};
use crate::commands::{print, print_json};
use crate::exit;
use crate::text::thousands;

/// Runs the command.
pub(crate) fn run(command: &LedgerCommand) -> anyhow::Result<u8> {
    match command {
        LedgerCommand::Verify { data, key, format } => verify(data, key.as_deref(), *format),
        LedgerCommand::Show { data, from, most, kind, format } => {
            show(&file(data), *from, *most, kind.as_deref(), *format)
        }
        LedgerCommand::Export { data, out } => export(&file(data), out.as_deref()),
    }
}

/// A data folder's ledger, or the ledger file itself.
fn file(data: &Path) -> PathBuf {
    if data.is_dir() { paths(data).ledger } else { data.to_owned() }
}

fn verify(data: &Path, key: Option<&Path>, format: Format) -> anyhow::Result<u8> {
    let folder = if data.is_dir() { data } else { data.parent().unwrap_or(data) };
    let key_file = key.map_or_else(|| paths(folder).public_key, Path::to_owned);
    let public = read_public_key(&key_file).context("cannot read the public key")?;
    // The head beside the ledger shows a tail that was cut off together with its signatures.
    let kept = read_head(&paths(folder).head).context("cannot read the kept head")?;
    let kept: Vec<Head> = kept.into_iter().collect();
    let (accepted, words) = match cordon_ledger::verify::verify(&file(data), &public, &kept) {
        Ok(verified) => {
            let entries = thousands(verified.entries);
            (
                true,
                format!(
                    "{entries} entries, {} signed heads: nobody has altered this ledger",
                    verified.heads
                ),
            )
        }
        Err(VerifyError::Tampered(tampering)) => (false, tampering.to_string()),
        Err(VerifyError::Unreadable(error)) => {
            return Err(anyhow::Error::new(error).context("cannot read the ledger"));
        }
    };
    match format {
        Format::Json => print_json(&json!({ "accepted": accepted, "what": words }))?,
        Format::Text => print(&format!("{words}\n"))?,
    }
    Ok(if accepted { exit::DONE } else { exit::FAILED })
}

fn show(
    file: &Path,
    from: u64,
    most: usize,
    kind: Option<&str>,
    format: Format,
) -> anyhow::Result<u8> {
    let entries = read_file(file, from).context("cannot read the ledger")?;
    for entry in entries.iter().filter(|entry| is_kind(entry, kind)).take(most) {
        match format {
            Format::Json => print_json(entry)?,
            Format::Text => print(&line(entry))?,
        }
    }
    Ok(exit::DONE)
}

fn is_kind(entry: &Entry, kind: Option<&str>) -> bool {
    kind.is_none_or(|kind| cordon_ledger::show::kind(&entry.body) == kind)
}

fn line(entry: &Entry) -> String {
    let words = cordon_ledger::show::describe(&entry.body);
    format!("{:>6}  {}  {words}\n", entry.seq, entry.time)
}

fn export(file: &Path, out: Option<&Path>) -> anyhow::Result<u8> {
    let written = match out {
        Some(path) => {
            let target =
                File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
            cordon_ledger::export::export(file, &mut BufWriter::new(target))
        }
        None => cordon_ledger::export::export(file, &mut std::io::stdout().lock()),
    };
    written.context("cannot export the ledger")?;
    Ok(exit::DONE)
}
