//! `cordon ledger`: is the record whole, what does it say, and how is it kept safe?

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cordon_ledger::{
    Head, Ledger, LedgerError, Upgraded, Verified, VerifyError, paths, read_file, read_head,
    read_public_key,
};
use cordon_model::Timestamp;
use cordon_model::record::{By, Entry};
use serde_json::json;

use crate::cli::{Format, LedgerCommand};
use crate::commands::{print, print_json};
use crate::exit;
use crate::failure::{Failure, bad_input};
use crate::text::thousands;

/// Runs the command.
pub(crate) fn run(command: &LedgerCommand) -> anyhow::Result<u8> {
    match command {
        LedgerCommand::Verify { data, key, format } => verify(data, key.as_deref(), *format),
        LedgerCommand::Show { data, from, most, kind, format } => {
            show(&file(data), *from, *most, kind.as_deref(), *format)
        }
        LedgerCommand::Export { data, out } => export(&file(data), out.as_deref()),
        LedgerCommand::RotateKey { data, because, by } => rotate(data, because, by.as_deref()),
        LedgerCommand::Backup { data, out } => {
            let verified = cordon_ledger::backup(data, out).map_err(failed)?;
            copied(&verified, "backed up", out)
        }
        LedgerCommand::Restore { backup, data } => {
            let verified = cordon_ledger::restore(backup, data).map_err(failed)?;
            copied(&verified, "restored", data)
        }
        LedgerCommand::Upgrade { data } => upgrade(data),
    }
}

/// A ledger that cannot be written is an ending of its own.
fn failed(error: VerifyError) -> anyhow::Error {
    let code = match &error {
        VerifyError::Unreadable(LedgerError::NotWritable { .. }) => exit::LEDGER,
        VerifyError::Unreadable(_) | VerifyError::Tampered(_) => exit::FAILED,
    };
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    let what = format!("{error}{}\n    nothing was changed", source.unwrap_or_default());
    Failure { what, code }.into()
}

fn rotate(data: &Path, because: &str, by: Option<&str>) -> anyhow::Result<u8> {
    if !paths(data).ledger.is_file() {
        return Err(bad_input(format!("there is no ledger in `{}`", data.display())));
    }
    let by = by.map(str::to_owned).or_else(|| std::env::var("USER").ok());
    let by = By::Person(by.unwrap_or_else(|| "operator".to_owned()));
    let mut ledger = Ledger::open(data).map_err(|error| failed(error.into()))?;
    let key =
        ledger.rotate_key(Timestamp::now(), by, because).map_err(|error| failed(error.into()))?;
    print(&format!(
        "From entry {} on a new key signs, {}.\n\
         Whoever checks goes on with the first key, {}; the old secret key is gone.\n\
         Make a new backup: cordon ledger backup --data {} --out FOLDER\n",
        ledger.last_seq() + 1,
        key.to_hex(),
        paths(data).public_key.display(),
        data.display()
    ))?;
    Ok(exit::DONE)
}

fn copied(verified: &Verified, done: &str, folder: &Path) -> anyhow::Result<u8> {
    print(&format!(
        "{} entries {done} and verified from the first key on, in {}.\n\
         It holds the secret key: keep it as safe as the data folder.\n",
        thousands(verified.entries),
        folder.display()
    ))?;
    Ok(exit::DONE)
}

fn upgrade(data: &Path) -> anyhow::Result<u8> {
    match cordon_ledger::upgrade(data).map_err(failed)? {
        Upgraded::AlreadySo => print("The ledger has the newest format already.\n")?,
        Upgraded::Done { from, kept } => print(&format!(
            "The ledger is upgraded from format {from} and verified; as it was, it lies in {}.\n",
            kept.display()
        ))?,
    }
    Ok(exit::DONE)
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
