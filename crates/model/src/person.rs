//! A person of the organisation as Cordon knows one: name, roles, key, own nodes.
//!
//! Written in `people.toml`. Who may do what follows from the roles and the
//! written policy; the key proves that an approval is the person's own; the
//! nodes are what a cordon must not take from somebody who is working on it.

use std::collections::BTreeSet;

use crate::ids::NodeId;

/// The role whose holders are called at night; their own nodes are never cut by surprise.
pub const ON_CALL: &str = "on-call";

/// One `[[person]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name under which they approve and sign in.
    pub name: String,
    /// What they are: `on-call`, `incident-manager`.
    pub roles: BTreeSet<String>,
    /// Their Ed25519 public key, 64 hexadecimal digits; without one they cannot approve.
    pub key: Option<String>,
    /// Their accounts, their machines and their way in.
    pub nodes: BTreeSet<NodeId>,
}
