//! The nouns of Cordon: typed ids, money, the estate graph, signals, plans and
//! ledger records, and the questions that everybody asks of an estate: what
//! stops if these nodes are gone, and who can come to control what.
//!
//! This crate does no I/O, has no clock and no threads. Start at [`estate`].

pub mod action;
pub mod estate;
pub mod ids;
pub mod kind;
pub mod link;
pub mod money;
pub mod needs;
pub mod outage;
pub mod person;
pub mod plan;
pub mod reach;
pub mod record;
pub mod signal;

pub use estate::{Estate, EstateBuilder, Mode, Node};
pub use ids::{IncidentId, NodeId, NodeIx, ServiceId, ServiceIx, WithdrawalId, WithdrawalIx};
/// Points in time, to the nanosecond, printed as RFC 3339 in UTC.
pub use jiff::Timestamp;
pub use money::Money;
pub use person::Person;
