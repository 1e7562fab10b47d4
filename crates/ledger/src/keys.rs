//! The ledger's own key pair: made at first use, the secret half for its owner's eyes only.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use ed25519_dalek::{Signature, SigningKey, VerifyingKey};

use crate::chain::{hex, unhex};
use crate::error::LedgerError;

/// The half of the key that checks signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(pub(crate) VerifyingKey);

impl PublicKey {
    /// The key in hexadecimal, as its file holds it.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(self.0.as_bytes())
    }

    /// Reads a key in hexadecimal.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = unhex(text.trim())?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(Self)
    }

    /// Whether something other than a head was signed with the key's other half, for this purpose.
    #[must_use]
    pub fn has_signed(&self, purpose: &str, bytes: &[u8], signature: &str) -> bool {
        let signature = unhex(signature).and_then(|bytes| Signature::from_slice(&bytes).ok());
        let signed = for_purpose(purpose, bytes);
        signature.is_some_and(|signature| self.0.verify_strict(&signed, &signature).is_ok())
    }
}

/// What is signed: the purpose, a zero, the bytes. No purpose is the prefix of a head.
pub(crate) fn for_purpose(purpose: &str, bytes: &[u8]) -> Vec<u8> {
    [purpose.as_bytes(), &[0], bytes].concat()
}

/// Reads the public key from its file.
///
/// # Errors
/// When the file cannot be read or holds no key.
pub fn read_public_key(path: &Path) -> Result<PublicKey, LedgerError> {
    let text = fs::read_to_string(path).map_err(LedgerError::io("read", path))?;
    PublicKey::from_hex(&text).ok_or_else(|| {
        let what = "it is not an Ed25519 public key in hexadecimal".to_owned();
        LedgerError::Key { path: path.to_owned(), what }
    })
}

/// Reads the secret key, or makes a pair if there is none and may be.
pub(crate) fn signing_key(
    secret: &Path,
    public: &Path,
    may_make: bool,
) -> Result<SigningKey, LedgerError> {
    let key_error =
        |what: &str| LedgerError::Key { path: secret.to_owned(), what: what.to_owned() };
    if !secret.exists() {
        if !may_make {
            return Err(key_error(
                "it is missing although the ledger has entries; bring it back from the backup",
            ));
        }
        make(secret, public)?;
    }
    read(secret)
}

/// Reads a secret key that nobody else can read.
pub(crate) fn read(secret: &Path) -> Result<SigningKey, LedgerError> {
    let key_error =
        |what: &str| LedgerError::Key { path: secret.to_owned(), what: what.to_owned() };
    let rights = fs::metadata(secret).map_err(LedgerError::io("read", secret))?.permissions();
    if rights.mode() & 0o077 != 0 {
        return Err(key_error("others can read it; make it readable by its owner alone (0600)"));
    }
    let text = fs::read_to_string(secret).map_err(LedgerError::io("read", secret))?;
    let bytes: Option<[u8; 32]> = unhex(text.trim()).and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(|bytes| SigningKey::from_bytes(&bytes))
        .ok_or_else(|| key_error("it is not an Ed25519 key in hexadecimal"))
}

fn make(secret: &Path, public: &Path) -> Result<(), LedgerError> {
    let key = fresh(secret)?;
    write(public, 0o644, &hex(key.verifying_key().as_bytes()))?;
    write(secret, 0o600, &hex(key.as_bytes()))
}

/// Makes the key that is to follow the present one, and keeps it beside it.
pub(crate) fn make_next(next: &Path) -> Result<SigningKey, LedgerError> {
    let key = fresh(next)?;
    write(next, 0o600, &hex(key.as_bytes()))?;
    Ok(key)
}

/// Puts the next key in the place of the present one, which is gone then.
pub(crate) fn replace(secret: &Path, next: &Path) -> Result<(), LedgerError> {
    fs::rename(next, secret).map_err(LedgerError::io("replace", secret))?;
    let folder = secret.parent().unwrap_or(secret);
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(LedgerError::io("write", folder))
}

fn fresh(path: &Path) -> Result<SigningKey, LedgerError> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| LedgerError::Key {
        path: path.to_owned(),
        what: format!("the system gives no random numbers: {error}"),
    })?;
    Ok(SigningKey::from_bytes(&seed))
}

fn write(path: &Path, mode: u32, text: &str) -> Result<(), LedgerError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let mut file = options.open(path).map_err(LedgerError::io("write", path))?;
    let written = file.write_all(format!("{text}\n").as_bytes()).and_then(|()| file.sync_all());
    written.map_err(LedgerError::io("write", path))
}
