//! Copies that can be relied on: backup while the ledger is in use, restore, upgrade.
//!
//! Every copy is verified from its first key on before it is called one, and
//! nothing that exists is ever overwritten: names are taken by hard links, which
//! fail where a file stands.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use crate::chain::Head;
use crate::error::LedgerError;
use crate::keys::read_public_key;
use crate::rows::open_read_only;
use crate::store::{FORMAT, Ledger, Paths, SCHEMA_2, paths, read_head};
use crate::verify::{Verified, VerifyError, verify};

/// Pages copied at a time; in between the writer has its turn.
const PAGES: i32 = 256;

/// What an upgrade did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Upgraded {
    /// The ledger has the newest format already.
    AlreadySo,
    /// It has now; the ledger as it was lies here.
    Done {
        /// Its format before.
        from: i64,
        /// The copy.
        kept: PathBuf,
    },
}

/// Copies the ledger of a data folder, with its keys, into a folder that holds none.
///
/// Another process may have the ledger open and go on writing; the copy is the ledger at one
/// moment of the backup.
///
/// # Errors
/// When there is a ledger in the folder, something cannot be copied, or the copy is not whole.
pub fn backup(data: &Path, into: &Path) -> Result<Verified, VerifyError> {
    let (from, to) = (paths(data), paths(into));
    // What is kept of the newest head, and what waits in the journal, must not be newer than the copy.
    let kept: Vec<Head> = read_head(&from.head)?.into_iter().collect();
    make_folder(into)?;
    for (source, target) in beside(&from, &to) {
        copy_new(source, target)?;
    }
    let part = partly(&to.ledger);
    let copied = copy_database(&from.ledger, &part)
        .and_then(|()| verified(&part, &from, &kept))
        .and_then(|verified| publish(&part, &to.ledger).map(|()| verified).map_err(Into::into));
    drop(fs::remove_file(&part));
    copied
}

/// Puts a backup into a data folder that holds no ledger.
///
/// # Errors
/// When the backup is not whole, the folder holds a ledger, or something cannot be copied.
pub fn restore(backup: &Path, data: &Path) -> Result<Verified, VerifyError> {
    let (from, to) = (paths(backup), paths(data));
    let kept: Vec<Head> = read_head(&from.head)?.into_iter().collect();
    let sound = verified(&from.ledger, &from, &kept)?;
    make_folder(data)?;
    refuse_existing(&to.ledger)?;
    refuse_existing(&to.secret_key)?;
    let part = partly(&to.ledger);
    let restored = copy_database(&from.ledger, &part)
        .and_then(|()| verified(&part, &from, &kept))
        .and_then(|_| {
            // The ledger last: until it stands there, nothing is restored.
            for (source, target) in beside(&from, &to) {
                copy_new(source, target)?;
            }
            publish(&part, &to.ledger).map_err(Into::into)
        });
    drop(fs::remove_file(&part));
    restored.map(|()| sound)
}

/// Brings the ledger of a data folder to the newest format, in one step, and keeps it as it was.
///
/// # Errors
/// When it is in use, not whole, of a later format, or cannot be written; it is as it was then.
pub fn upgrade(data: &Path) -> Result<Upgraded, VerifyError> {
    let found = paths(data);
    if !found.ledger.is_file() {
        return Err(LedgerError::damaged(&found.ledger, "there is no such file").into());
    }
    let mut ledger = Ledger::open(data)?;
    let format = ledger.format()?;
    if format >= FORMAT {
        return Ok(Upgraded::AlreadySo);
    }
    let kept_heads: Vec<Head> = read_head(&found.head)?.into_iter().collect();
    let kept = data.join(format!("ledger.format-{format}.sqlite"));
    let part = partly(&kept);
    let copied = copy_database(&found.ledger, &part)
        .and_then(|()| verified(&part, &found, &kept_heads))
        .and_then(|_| publish(&part, &kept).map_err(Into::into));
    drop(fs::remove_file(&part));
    copied?;
    ledger.change_format(SCHEMA_2)?;
    let _ = verified(&found.ledger, &found, &kept_heads)?;
    Ok(Upgraded::Done { from: format, kept })
}

/// The files beside a ledger that belong to it, the journal before the ledger itself is copied:
/// what moves into the ledger in between is known there by its generation.
fn beside<'p>(from: &'p Paths, to: &'p Paths) -> [(&'p Path, &'p Path); 4] {
    [
        (&from.journal, &to.journal),
        (&from.head, &to.head),
        (&from.public_key, &to.public_key),
        (&from.secret_key, &to.secret_key),
    ]
}

fn verified(file: &Path, keys: &Paths, kept: &[Head]) -> Result<Verified, VerifyError> {
    verify(file, &read_public_key(&keys.public_key)?, kept)
}

fn partly(file: &Path) -> PathBuf {
    file.with_extension("part")
}

fn make_folder(folder: &Path) -> Result<(), LedgerError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(LedgerError::io("make", folder))
}

fn refuse_existing(file: &Path) -> Result<(), LedgerError> {
    match file.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(LedgerError::io("look at", file)(error)),
        Ok(_) => Err(LedgerError::Exists { path: file.to_owned() }),
    }
}

/// Copies pages while others may write; the copy stands by itself, without a write-ahead log.
fn copy_database(from: &Path, part: &Path) -> Result<(), VerifyError> {
    drop(fs::remove_file(part));
    let source = open_read_only(from)?;
    let failed = || LedgerError::sqlite(part);
    let mut target = Connection::open(part).map_err(failed())?;
    let run = |target: &mut Connection| -> rusqlite::Result<()> {
        let backup = Backup::new(&source, target)?;
        backup.run_to_completion(PAGES, Duration::from_millis(1), None)
    };
    run(&mut target).map_err(failed())?;
    target.pragma_update(None, "journal_mode", "DELETE").map_err(failed())?;
    target.close().map_err(|(_, error)| failed()(error))?;
    let synced = File::open(part).and_then(|file| file.sync_all());
    Ok(synced.map_err(LedgerError::io("write", part))?)
}

/// Copies a small file with its rights, where it exists and the target does not.
fn copy_new(from: &Path, to: &Path) -> Result<(), LedgerError> {
    if !from.exists() {
        return Ok(());
    }
    let part = partly(to).with_extension(format!(
        "{}-part",
        to.extension().map_or_else(String::new, |e| e.to_string_lossy().into_owned())
    ));
    let copy = || -> io::Result<()> {
        let rights = fs::metadata(from)?.permissions().mode();
        fs::copy(from, &part)?;
        fs::set_permissions(&part, fs::Permissions::from_mode(rights & 0o700))?;
        File::open(&part)?.sync_all()
    };
    let copied = copy().map_err(LedgerError::io("copy", from)).and_then(|()| publish(&part, to));
    drop(fs::remove_file(&part));
    copied
}

/// Gives a finished file its name, unless something has that name.
fn publish(part: &Path, name: &Path) -> Result<(), LedgerError> {
    match fs::hard_link(part, name) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(LedgerError::Exists { path: name.to_owned() });
        }
        Err(error) => return Err(LedgerError::io("write", name)(error)),
    }
    let folder = name.parent().unwrap_or(name);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(LedgerError::io("write", folder))
}
