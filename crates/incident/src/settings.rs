//! What an operator may set, and what a person has decided.

use cordon_model::{IncidentId, NodeId, Timestamp};
use serde::{Deserialize, Serialize};

/// Settings of a [`crate::Reasoner`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// From this probability on a node is a foothold and opens an incident.
    pub foothold_at: f64,
    /// From this probability on a node is a suspect.
    pub suspect_at: f64,
    /// Spellings of the accounts with which Cordon itself acts: what they do is never evidence.
    pub own_accounts: Vec<String>,
    /// What people have decided; it overrides the score. Of several about one node the last counts.
    pub decisions: Vec<Decision>,
    /// Incidents that are open already, in the order of their opening: they keep their ids.
    pub open: Vec<OpenIncident>,
}

/// An incident that others have been told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIncident {
    /// Its id.
    pub id: IncidentId,
    /// The footholds that it was told with.
    pub footholds: Vec<NodeId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            foothold_at: 0.5,
            suspect_at: 0.2,
            own_accounts: Vec::new(),
            decisions: Vec::new(),
            open: Vec::new(),
        }
    }
}

/// A person's word on a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The node.
    pub node: NodeId,
    /// Whether the intruder controls it.
    pub foothold: bool,
    /// When it was said.
    pub at: Timestamp,
    /// Who said so.
    pub by: String,
    /// Why.
    pub because: String,
}
