//! The nouns of Cordon: typed ids, money, the estate graph, signals, plans and
//! ledger records, and the one question that everybody asks of an estate:
//! what stops if these nodes are gone.
//!
//! This crate does no I/O, has no clock and no threads. Start at [`estate`].

pub mod signal;

/// Points in time, to the nanosecond, printed as RFC 3339 in UTC.
pub use jiff::Timestamp;
