//! The hand: the one process that holds the connectors' secrets and calls them.
//!
//! The process that reads logs and serves pages asks it over a stream of JSON
//! lines ([`protocol`]) and can make it do nothing that the written authority
//! forbids, even when it is wholly taken over: the hand has its own copy of
//! estate and authority, accepts a cordon only by a warrant that it has judged
//! itself ([`warrant`]), judges every call ([`judge`]), gives back only what
//! it took itself, and remembers all of it in a ledger of its own ([`memory`]).
//! Connectors run in [`lanes`]; [`serve`] ties it together; [`client`] is the
//! other end; [`bundle`] lifts everything with nothing else running.

pub mod bundle;
pub mod client;
pub mod judge;
pub mod lanes;
pub mod memory;
pub mod peer;
pub mod protocol;
pub mod serve;
#[cfg(test)]
mod tests;
pub mod warrant;

pub use bundle::{Bundle, release};
pub use client::Client;
pub use serve::{Hand, Rules};
pub use warrant::Warrant;
