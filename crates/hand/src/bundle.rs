//! The release bundle: one signed file that gives everything back with nothing else running.
//!
//! The hand writes it anew whenever what it holds changes. It holds no script
//! and no secret: orders, and the states that were found before. A release
//! verifies the signature, looks, restores what is still shut, and looks again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cordon_ledger::{Ledger, PublicKey};
use cordon_model::action::{Access, Act, Call, Observed, Order, Outcome, Reply};
use cordon_model::record::{Moved, Record, Transition};
use cordon_model::{Estate, Timestamp, WithdrawalId};
use serde::{Deserialize, Serialize};

use crate::memory::Memory;
use crate::serve::Hand;

/// Where the hand keeps it, in its data folder.
pub const FILE: &str = "release.json";
/// What is signed with it.
const PURPOSE: &str = "cordon-release-1";

/// What is to be given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The estate's name.
    pub estate: String,
    /// When it was written.
    pub made: Timestamp,
    /// In the order of lifting.
    pub entries: Vec<Item>,
}

/// One withdrawal of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What was ordered.
    pub order: Order,
    /// The states to give back.
    pub restore: Vec<Observed>,
}

/// The file: the bundle as text, so that not a byte of it can change unseen.
#[derive(Serialize, Deserialize)]
struct Signed {
    bundle: String,
    signature: String,
}

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be read or written.
    #[error("cannot use the bundle `{path}`: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is not one.
    #[error("`{path}` is not a release bundle: {error}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// Where it breaks.
        error: serde_json::Error,
    },
    /// Somebody else wrote or changed it.
    #[error("`{0}` was not signed with this hand's key, or was changed; nothing was lifted")]
    Signature(PathBuf),
}

pub(crate) fn save(
    folder: &Path,
    estate: &Estate,
    ledger: &Ledger,
    memory: &Memory,
) -> Result<(), BundleError> {
    let path = folder.join(FILE);
    let form = |error| BundleError::Form { path: path.clone(), error };
    let entries = memory.to_give_back().into_iter();
    let bundle = Bundle {
        estate: estate.name().to_owned(),
        made: Timestamp::now(),
        entries: entries.map(|(order, restore)| Item { order, restore }).collect(),
    };
    let bundle = serde_json::to_string(&bundle).map_err(form)?;
    let signature = ledger.sign(PURPOSE, bundle.as_bytes());
    let text = serde_json::to_string(&Signed { bundle, signature }).map_err(form)?;
    let fresh = path.with_extension("new");
    let written = File::create(&fresh).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &path)
    });
    written.map_err(|error| BundleError::Io { path, error })
}

/// Reads a bundle and checks who signed it.
///
/// # Errors
/// When it cannot be read, or is not signed by this key as it stands.
pub fn open(path: &Path, key: &PublicKey) -> Result<Bundle, BundleError> {
    let text = fs::read(path).map_err(|error| BundleError::Io { path: path.to_owned(), error })?;
    let form = |error| BundleError::Form { path: path.to_owned(), error };
    let signed: Signed = serde_json::from_slice(&text).map_err(form)?;
    if !key.has_signed(PURPOSE, signed.bundle.as_bytes(), &signed.signature) {
        return Err(BundleError::Signature(path.to_owned()));
    }
    serde_json::from_str(&signed.bundle).map_err(form)
}

/// How the release of one withdrawal ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Released {
    /// Which.
    pub withdrawal: WithdrawalId,
    /// Whether a look has read back that it is given back.
    pub done: bool,
    /// What happened, in words.
    pub what: String,
}

/// Gives back what a bundle holds, telling each as it ends.
///
/// # Errors
/// When the hand's ledger cannot record that it is released; then everything may be put
/// back by a program that still wants it, so nothing is begun.
pub fn release(
    hand: &mut Hand,
    bundle: &Bundle,
    by: &str,
    mut told: impl FnMut(&Released),
) -> Result<(), cordon_ledger::LedgerError> {
    hand.released("released with a bundle", by)?;
    for item in &bundle.entries {
        let (done, what) = give_back(hand, item);
        told(&Released { withdrawal: item.order.withdrawal.clone(), done, what });
    }
    Ok(())
}

fn give_back(hand: &mut Hand, item: &Item) -> (bool, String) {
    let seen = match look(hand, item) {
        Ok(seen) => seen,
        Err(why) => return (false, why),
    };
    let shut = |prior: &&Observed| seen.iter().any(|s| s.target == prior.target && is_shut(s));
    let restore: Vec<Observed> = item.restore.iter().filter(shut).cloned().collect();
    if restore.is_empty() {
        finish(hand, item);
        return (true, "was open already".to_owned());
    }
    let call = call(item, Act::Restore, restore);
    let acted = hand.call_now(call);
    let failed = match &acted {
        Reply::Acted { outcomes } => outcomes.iter().find_map(failure),
        Reply::Trouble(trouble) => Some(trouble.to_string()),
        Reply::Seen { .. } | Reply::Tried { .. } => Some("the connector answered nonsense".into()),
    };
    if let Some(why) = failed {
        return (false, why);
    }
    match look(hand, item) {
        Ok(seen) if !seen.iter().any(is_shut) => {
            finish(hand, item);
            (true, "given back, and read back".to_owned())
        }
        Ok(_) => (false, "given back, but a look still finds it shut".to_owned()),
        Err(why) => (false, format!("given back, but not read back: {why}")),
    }
}

fn is_shut(seen: &Observed) -> bool {
    matches!(seen.access, Access::Refused | Access::Partly | Access::Unknown)
}

fn failure(outcome: &Outcome) -> Option<String> {
    use cordon_model::action::Answer;
    match &outcome.answer {
        Answer::Failed(trouble) => Some(trouble.to_string()),
        Answer::Done | Answer::AlreadySo { .. } => None,
    }
}

fn call(item: &Item, act: Act, prior: Vec<Observed>) -> Call {
    let targets = item.restore.iter().map(|prior| prior.target.clone());
    let targets = match act {
        Act::Restore => prior.iter().map(|prior| prior.target.clone()).collect(),
        Act::Look | Act::Refuse | Act::End | Act::Probe => targets.collect(),
    };
    Call { act, order: item.order.clone(), targets, prior, attempt: 0 }
}

fn look(hand: &Hand, item: &Item) -> Result<Vec<Observed>, String> {
    match hand.call_now(call(item, Act::Look, Vec::new())) {
        Reply::Seen { targets } => Ok(targets),
        Reply::Trouble(trouble) => Err(trouble.to_string()),
        Reply::Acted { .. } | Reply::Tried { .. } => Err("the connector answered nonsense".into()),
    }
}

/// What is given back is no longer held; a failed record only leaves it in the next bundle.
fn finish(hand: &mut Hand, item: &Item) {
    let lifted = Transition::Lifted { left: Vec::new() };
    let moved = Moved { withdrawal: item.order.withdrawal.clone(), transition: lifted };
    if let Err(error) = hand.record(Record::Withdrawal(moved)) {
        tracing::warn!("the hand's ledger cannot be written: {error}");
    }
}
