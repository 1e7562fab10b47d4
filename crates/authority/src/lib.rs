//! Who may raise, lift, approve, publish and arm: written policy, and guards above it.
//!
//! The policy is a text in the language Cedar, held against a documented schema
//! before anything is loaded ([`policies`]). Guards that no policy can relax
//! stand beside it ([`Authority`] asks both). What approval would allow a raise
//! is found by asking the policy with people who have not approved yet.
//! Approvals are signed by their people ([`signature`]) and bound to one
//! alternative of one plan. This crate does no I/O and has no clock.

mod ask;
mod authority;
pub mod decision;
pub mod facts;
mod guards;
mod panels;
pub mod policies;
pub mod question;
pub mod signature;
#[cfg(test)]
mod tests;

pub use authority::{Approvers, Authority, PEOPLE_WHERE_A_SERVICE_STOPS};
pub use decision::{Decision, Panel, Rule, Ruling};
pub use policies::{Policies, SCHEMA};
pub use question::{Action, Attempts, Caps, People, PlanFacts, Question, Terms};
pub use signature::{SecretKey, SignatureError, sign, signed_text, verify};
