//! Keys follow one another: which key signs which stretch of the ledger.
//!
//! The entry that names the next key is the last one that the old key signs.
//! Whoever checks begins with the first public key and is handed on by these
//! entries. A crash between writing the entry and exchanging the key's file is
//! settled when the ledger is opened.

use cordon_model::record::Record;
use ed25519_dalek::{SigningKey, VerifyingKey};
use rusqlite::Connection;

use crate::chain::{Head, Row};
use crate::error::LedgerError;
use crate::keys::{self, PublicKey};
use crate::rows;
use crate::store::Paths;

/// The next key that an entry names, if it is one that does.
pub(crate) fn next_key(row: &Row) -> Option<VerifyingKey> {
    // Cheap first: hardly any entry is one. Quotes inside of texts are escaped in JSON.
    if !row.body.contains(r#""record":"key-rotated""#) {
        return None;
    }
    match serde_json::from_str(&row.body).ok()? {
        Record::KeyRotated(rotated) => PublicKey::from_hex(&rotated.public).map(|key| key.0),
        _ => None,
    }
}

/// Follows the keys through a ledger, entry by entry, and checks its signatures by them.
pub(crate) struct Signers {
    key: VerifyingKey,
}

impl Signers {
    pub(crate) fn new(first: &PublicKey) -> Self {
        Self { key: first.0 }
    }

    /// Whether a head over the entry at hand is by the key that signs there.
    pub(crate) fn signed(&self, head: &Head) -> bool {
        head.is_by(&self.key)
    }

    /// Goes on behind an entry; false if it hands on to a key without being signed itself.
    pub(crate) fn pass(&mut self, row: &Row, is_signed: bool) -> bool {
        match next_key(row) {
            Some(next) => {
                self.key = next;
                is_signed
            }
            None => true,
        }
    }
}

/// Takes the key that the ledger names last, should the program have died while exchanging it.
pub(crate) fn settle(
    connection: &Connection,
    paths: &Paths,
    key: &mut SigningKey,
) -> Result<(), LedgerError> {
    let path = &paths.ledger;
    let Some(head) = rows::newest_head(connection, path)? else { return Ok(()) };
    let mut named = None;
    rows::each_row(connection, path, head.seq, |row| {
        named = next_key(&row);
        Ok(())
    })?;
    let own = key.verifying_key();
    let fits = named.map_or_else(|| head.is_by(&own), |named| named == own);
    if fits {
        return Ok(());
    }
    if let Some(named) = named
        && paths.next_key.exists()
    {
        let next = keys::read(&paths.next_key)?;
        if next.verifying_key() == named {
            keys::replace(&paths.secret_key, &paths.next_key)?;
            *key = next;
            return Ok(());
        }
    }
    let what = "it is not the key that signs this ledger; bring the right one back from the backup";
    Err(LedgerError::Key { path: paths.secret_key.clone(), what: what.to_owned() })
}
