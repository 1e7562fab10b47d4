//! The chain: canonical JSON, the hash over it, and the signature over a hash.
//!
//! hash = SHA-256(previous hash ‖ seq, 8 bytes big-endian ‖ version, 2 bytes
//! big-endian ‖ length of the time's text, 2 bytes big-endian ‖ the time as
//! RFC 3339 ‖ the body as canonical JSON). The hash before the first entry is
//! 32 zero bytes. A head is an Ed25519 signature over a fixed prefix, the seq
//! and the hash.

use cordon_model::Timestamp;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// SHA-256.
pub(crate) type Hash = [u8; 32];

/// The hash that stands before the first entry.
pub(crate) const START: Hash = [0; 32];

const HEAD_PREFIX: &[u8] = b"cordon-ledger-head-1";

/// One stored entry, unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) time: String,
    pub(crate) version: u16,
    pub(crate) body: String,
    pub(crate) prev: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

/// A signed position: everything up to `seq` is as `hash` says. Small enough to post elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The newest entry that it covers.
    pub seq: u64,
    /// That entry's hash, in hexadecimal.
    pub hash: String,
    /// Ed25519 signature, in hexadecimal.
    pub signature: String,
}

impl Row {
    pub(crate) fn new(prev: Hash, seq: u64, time: Timestamp, version: u16, body: String) -> Self {
        let time = time.to_string();
        let hash = hash(&prev, seq, &time, version, &body);
        Self { seq, time, version, body, prev: prev.to_vec(), hash: hash.to_vec() }
    }

    /// The hash that its content should have at a position.
    pub(crate) fn hash_at(&self, seq: u64) -> Hash {
        hash(&self.prev, seq, &self.time, self.version, &self.body)
    }
}

fn hash(prev: &[u8], seq: u64, time: &str, version: u16, body: &str) -> Hash {
    let mut digest = Sha256::new();
    digest.update(prev);
    digest.update(seq.to_be_bytes());
    digest.update(version.to_be_bytes());
    digest.update(u16::try_from(time.len()).unwrap_or(u16::MAX).to_be_bytes());
    digest.update(time);
    digest.update(body);
    digest.finalize().into()
}

impl Head {
    pub(crate) fn sign(key: &SigningKey, seq: u64, hash: &Hash) -> Self {
        let signature = key.sign(&message(seq, hash));
        Self { seq, hash: hex(hash), signature: hex(&signature.to_bytes()) }
    }

    /// Whether the signature is by the owner of `key`.
    pub(crate) fn is_by(&self, key: &VerifyingKey) -> bool {
        let signature: Option<[u8; 64]> =
            unhex(&self.signature).and_then(|bytes| bytes.try_into().ok());
        let hash = unhex(&self.hash);
        signature.zip(hash).is_some_and(|(signature, hash)| {
            let signature = Signature::from_bytes(&signature);
            key.verify_strict(&message(self.seq, &hash), &signature).is_ok()
        })
    }
}

fn message(seq: u64, hash: &[u8]) -> Vec<u8> {
    [HEAD_PREFIX, &seq.to_be_bytes(), hash].concat()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, d| sum << 4 | d)).collect())
}

/// JSON with sorted keys and no spaces: the same value, the same bytes.
pub(crate) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}
