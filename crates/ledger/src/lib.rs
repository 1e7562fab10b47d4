//! The durable log: append-only, hash-chained, signed.
//!
//! [`Ledger`] is the one writer: a batch of records becomes durable as a whole
//! or not at all. Every entry carries the hash of the one before it, and every
//! batch ends with a signature over the newest hash, so [`verify`](verify::verify)
//! needs the file and the public key alone. What records mean is the business
//! of others. The formats are described in `docs/ledger.md`.

mod backup;
mod chain;
mod error;
pub mod export;
mod journal;
mod keys;
mod rotation;
mod rows;
pub mod show;
mod store;
#[cfg(test)]
mod tests;
pub mod verify;

pub use backup::{Upgraded, backup, restore, upgrade};
pub use chain::Head;
pub use error::{LedgerError, Refusal};
pub use keys::{PublicKey, read_public_key};
pub use rows::read_file;
pub use store::{Ledger, Paths, is_locked, paths, read_head};
pub use verify::{Tampering, TamperingKind, Verified, VerifyError};
