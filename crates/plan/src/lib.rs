//! The planner: estate and footholds in, least disruptive withdrawals with a proof out.
//!
//! [`Planner::new`] lays an estate out once; [`Planner::plan`] answers a
//! [`Request`] with the three alternatives. Decisions are in integers; floats
//! guide the search in HiGHS and are re-checked. There is no I/O, no clock and
//! no thread here, and the checker (`cordon-certify`) shares no line with it.
//!
//! Read on in `alternatives` (what is minimised), `search` (how), `master` (the
//! rows), `proof` (the certificate) and `docs/planner.md`.

mod alternatives;
mod arrival;
mod budget;
mod case;
mod change;
mod conflict;
mod dense;
mod document;
mod expected;
mod field;
mod flow;
mod flowed;
mod gates;
mod goal;
mod greedy;
mod labels;
mod master;
mod minimal;
pub mod monolith;
mod network;
mod order;
mod planner;
mod proof;
mod request;
mod scout;
mod scratch;
mod search;
mod standing;

#[cfg(test)]
mod tests;

pub use arrival::Waiting;
pub use change::{Change, ChangeError};
pub use conflict::LIMITS_ENDED;
pub use order::Late;
pub use planner::Planner;
pub use request::{Foothold, Limits, Request};
