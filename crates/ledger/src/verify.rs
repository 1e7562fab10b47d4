//! Has anybody changed a ledger? Answered from the file and the public key alone.
//!
//! The chain shows what was changed, removed, inserted or put elsewhere; the
//! signed heads show a chain that was computed anew. A cut-off tail together
//! with its heads, and a signature that is gone while a later one stands, can
//! only be seen with a head that was kept elsewhere; the caller passes those it
//! has. Where the key was changed, the old one has signed the entry that says so.

use std::path::Path;

use rusqlite::Connection;

use crate::chain::{Head, Row, START, hex};
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::rotation::Signers;
use crate::rows::{each_row, heads, open_read_only};

/// A ledger that nobody has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verified {
    /// How many entries.
    pub entries: u64,
    /// How many signed heads.
    pub heads: usize,
    /// The newest head; none of an empty ledger.
    pub head: Option<Head>,
}

/// How a ledger was tampered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TamperingKind {
    /// An entry says something else than it did.
    Changed,
    /// Entries are missing.
    Removed,
    /// An entry was added that its writer did not sign.
    Inserted,
    /// Entries stand in another order.
    Reordered,
    /// The end is missing.
    Truncated,
    /// The chain was computed anew: from here on nothing is certain.
    Rewritten,
    /// No signature is by the given key.
    WrongKey,
}

/// The first place where a ledger is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq}: {what}")]
pub struct Tampering {
    /// The first entry that is not as it was written.
    pub seq: u64,
    /// How.
    pub kind: TamperingKind,
    /// In words.
    pub what: String,
}

/// Why a ledger is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] LedgerError),
    /// It was tampered with.
    #[error(transparent)]
    Tampered(#[from] Tampering),
}

/// Checks a ledger's file against a public key and any heads that were kept elsewhere.
///
/// # Errors
/// The first entry that is not as it was written, or that the file cannot be read.
pub fn verify(file: &Path, key: &PublicKey, kept: &[Head]) -> Result<Verified, VerifyError> {
    verify_open(&open_read_only(file)?, file, key, kept)
}

/// Checks what a connection sees of a ledger.
pub(crate) fn verify_open(
    connection: &Connection,
    file: &Path,
    key: &PublicKey,
    kept: &[Head],
) -> Result<Verified, VerifyError> {
    let heads = heads(connection, file)?;
    if let Some(entries) = sound(connection, file, &heads, key, kept)? {
        return Ok(Verified { entries, heads: heads.len(), head: heads.last().cloned() });
    }
    // Something is wrong; telling what takes all rows at once.
    let mut rows = Vec::new();
    each_row(connection, file, 0, |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(check(&rows, &heads, key, kept)?)
}

/// Reads the ledger once, in bounded memory; the number of entries if all is as it was written.
fn sound(
    connection: &Connection,
    file: &Path,
    heads: &[Head],
    key: &PublicKey,
    kept: &[Head],
) -> Result<Option<u64>, LedgerError> {
    let mut signed: Vec<&Head> = heads.iter().chain(kept).collect();
    signed.sort_by_key(|head| head.seq);
    let mut is_sound = kept.iter().all(|kept| heads.iter().any(|head| head.seq == kept.seq));
    let (mut last, mut previous) = (0, START.to_vec());
    let mut open = signed.iter().peekable();
    let mut signers = Signers::new(key);
    each_row(connection, file, 0, |row| {
        last += 1;
        is_sound &= row.seq == last && row.prev == previous && row.hash_at(last) == *row.hash;
        let mut is_signed = false;
        while let Some(head) = open.next_if(|head| head.seq == last) {
            is_sound &= head.hash == hex(&row.hash) && signers.signed(head);
            is_signed = true;
        }
        is_sound &= signers.pass(&row, is_signed);
        previous = row.hash;
        Ok(())
    })?;
    let covered = open.peek().is_none() && heads.last().map_or(0, |head| head.seq) == last;
    Ok((is_sound && covered).then_some(last))
}

/// Checks rows and heads, in the order of their positions.
pub(crate) fn check(
    rows: &[Row],
    heads: &[Head],
    key: &PublicKey,
    kept: &[Head],
) -> Result<Verified, Tampering> {
    if !heads.is_empty() && !heads.iter().any(|head| head.is_by(&key.0)) {
        let what = "no signature is by this key; is it the first key of this ledger?".to_owned();
        return Err(Tampering { seq: 1, kind: TamperingKind::WrongKey, what });
    }
    check_chain(rows)?;
    check_heads(rows, heads, key)?;
    check_kept(rows, heads, key, kept)?;
    let entries = rows.last().map_or(0, |row| row.seq);
    Ok(Verified { entries, heads: heads.len(), head: heads.last().cloned() })
}

fn check_chain(rows: &[Row]) -> Result<(), Tampering> {
    let mut previous = START.to_vec();
    for (row, seq) in rows.iter().zip(1_u64..) {
        let is_good = row.seq == seq && row.prev == previous && row.hash_at(seq) == *row.hash;
        if !is_good {
            return Err(diagnose(rows, row, seq, &previous));
        }
        previous.clone_from(&row.hash);
    }
    Ok(())
}

/// How far a missing stretch is searched for.
const LONGEST_GAP: u64 = 10_000;

/// Tells how the first bad row came to be: from where its content, and the
/// content that should stand there, are found now.
fn diagnose(rows: &[Row], row: &Row, seq: u64, previous: &[u8]) -> Tampering {
    let tampering = |seq, kind, what: String| Tampering { seq, kind, what };
    if row.seq != seq {
        let what = format!("entries {seq} to {} are missing", row.seq.saturating_sub(1));
        return tampering(seq, TamperingKind::Removed, what);
    }
    if row.prev == previous {
        let what = "its content is not what was signed".to_owned();
        return tampering(seq, TamperingKind::Changed, what);
    }
    let follows = rows.iter().find(|other| other.hash == row.prev).map(|other| other.seq);
    let follows = if row.prev == START { Some(0) } else { follows };
    let successor = rows.iter().find(|other| other.prev == previous).map(|other| other.seq);
    if let Some(twin) = rows.iter().find(|other| other.seq != row.seq && other.hash == row.hash) {
        let what = format!("it is a copy of what stands at {}", twin.seq);
        return tampering(seq, TamperingKind::Inserted, what);
    }
    match (follows, successor) {
        (Some(before), _) if before < seq => {
            let what = format!("what was written after entry {before} stands at {seq} now");
            tampering(before + 1, TamperingKind::Inserted, what)
        }
        (Some(_), Some(at)) => {
            let what = format!("what was written here stands at {at} now");
            tampering(seq, TamperingKind::Reordered, what)
        }
        (_, None) if row.hash_at(seq) == *row.hash => {
            let what = "it was replaced: the next entry continues another one".to_owned();
            tampering(seq - 1, TamperingKind::Changed, what)
        }
        (None, Some(at)) => {
            let what = format!("it is not of this chain; what was written here stands at {at} now");
            tampering(seq, TamperingKind::Inserted, what)
        }
        (_, None) => {
            let written_as = (seq + 1..seq + LONGEST_GAP).find(|&at| row.hash_at(at) == *row.hash);
            let what = match written_as {
                Some(at) => format!("{} entries are missing and the rest was renumbered", at - seq),
                None => "what was written here is missing".to_owned(),
            };
            tampering(seq, TamperingKind::Removed, what)
        }
    }
}

fn check_heads(rows: &[Row], heads: &[Head], key: &PublicKey) -> Result<(), Tampering> {
    let mut open = heads.iter().peekable();
    let (mut signers, mut signed) = (Signers::new(key), 0);
    for row in rows {
        let mut is_signed = false;
        while let Some(head) = open.next_if(|head| head.seq == row.seq) {
            if is_signed {
                let what = format!("entry {} is signed twice", head.seq);
                return Err(Tampering { seq: head.seq, kind: TamperingKind::Inserted, what });
            }
            if !signers.signed(head) || head.hash != hex(&row.hash) {
                let what =
                    format!("the signature over entry {} does not fit what stands here", head.seq);
                return Err(Tampering { seq: signed + 1, kind: TamperingKind::Rewritten, what });
            }
            (is_signed, signed) = (true, head.seq);
        }
        if !signers.pass(row, is_signed) {
            let what = "it names another key, and nobody has signed it".to_owned();
            return Err(Tampering { seq: row.seq, kind: TamperingKind::Inserted, what });
        }
    }
    if let Some(head) = open.next() {
        if rows.last().is_some_and(|last| head.seq <= last.seq) {
            let what = "its signature stands in another place".to_owned();
            return Err(Tampering { seq: head.seq, kind: TamperingKind::Reordered, what });
        }
        return Err(truncated(rows, head.seq));
    }
    match rows.last() {
        Some(last) if last.seq > signed => {
            let what = "nobody has signed it".to_owned();
            Err(Tampering { seq: signed + 1, kind: TamperingKind::Inserted, what })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_kept(
    rows: &[Row],
    heads: &[Head],
    key: &PublicKey,
    kept: &[Head],
) -> Result<(), Tampering> {
    for head in kept {
        let Some(row) = row_at(rows, head.seq) else {
            return Err(truncated(rows, head.seq));
        };
        if !signer_at(rows, head.seq, key).signed(head) {
            let what = format!("the head kept elsewhere for entry {} is not by this key", head.seq);
            return Err(Tampering { seq: head.seq, kind: TamperingKind::WrongKey, what });
        }
        if head.hash != hex(&row.hash) {
            let what = "a head kept elsewhere says that something else was written".to_owned();
            return Err(Tampering { seq: head.seq, kind: TamperingKind::Rewritten, what });
        }
        if !heads.iter().any(|own| own.seq == head.seq) {
            let what = "its signature, which was kept elsewhere, is gone".to_owned();
            return Err(Tampering { seq: head.seq, kind: TamperingKind::Removed, what });
        }
    }
    Ok(())
}

/// The key that signs at a position.
fn signer_at(rows: &[Row], seq: u64, key: &PublicKey) -> Signers {
    let mut signers = Signers::new(key);
    for row in rows.iter().take_while(|row| row.seq < seq) {
        signers.pass(row, true);
    }
    signers
}

fn row_at(rows: &[Row], seq: u64) -> Option<&Row> {
    // The chain has been checked, so positions have no gaps.
    usize::try_from(seq).ok()?.checked_sub(1).and_then(|at| rows.get(at))
}

fn truncated(rows: &[Row], signed: u64) -> Tampering {
    let last = rows.last().map_or(0, |row| row.seq);
    let what = format!("the ledger ends at {last}, but entry {signed} was signed");
    Tampering { seq: last + 1, kind: TamperingKind::Truncated, what }
}
