//! A plan document as somebody claims it to be: the wire form of `model::plan`, read tolerantly.
//!
//! Another tool need not write everything. What may be missing is an `Option`
//! here; what is there is checked. `seconds` and `reason` are not even read.

use cordon_model::plan::{AlternativeName, PlanCost, PlannedFoothold, Proof, Stage, Status};
use cordon_model::{Mode, Money, NodeId, ServiceId, WithdrawalId};
use serde::Deserialize;

/// Everything that `cordon plan` answers.
#[derive(Debug, Deserialize)]
pub(crate) struct DocumentClaim {
    pub(crate) estate: String,
    pub(crate) footholds: Vec<PlannedFoothold>,
    pub(crate) alternatives: Vec<AlternativeClaim>,
}

/// One plan.
#[derive(Debug, Deserialize)]
pub(crate) struct AlternativeClaim {
    pub(crate) name: AlternativeName,
    pub(crate) status: Status,
    pub(crate) proof: Proof,
    pub(crate) complete: bool,
    pub(crate) withdrawals: Vec<WithdrawalClaim>,
    pub(crate) stopped_services: Vec<ServiceId>,
    pub(crate) reachable_assets: Vec<AssetClaim>,
    pub(crate) cost: PlanCost,
    pub(crate) lower_bound: Money,
    pub(crate) gap: f64,
    pub(crate) residual_expected_loss: Option<Money>,
    pub(crate) certificate: Option<CertificateClaim>,
    pub(crate) conflict: Option<Vec<ObstacleClaim>>,
}

/// One withdrawal of a plan.
#[derive(Debug, Deserialize)]
pub(crate) struct WithdrawalClaim {
    pub(crate) id: WithdrawalId,
    pub(crate) kind: String,
    pub(crate) mode: Mode,
    pub(crate) targets: Vec<NodeId>,
    pub(crate) cost: Money,
    pub(crate) stops: Vec<ServiceId>,
    pub(crate) enforcer: Option<NodeId>,
    pub(crate) order: Option<u32>,
    pub(crate) path: Option<Vec<NodeId>>,
}

/// An asset that is said to remain reachable.
#[derive(Debug, Deserialize)]
pub(crate) struct AssetClaim {
    pub(crate) node: NodeId,
    pub(crate) loss: Money,
    pub(crate) path: Option<Vec<NodeId>>,
}

/// A certificate of a lower bound; of another make if it has neither bound nor stages.
#[derive(Debug, Deserialize)]
pub(crate) struct CertificateClaim {
    pub(crate) bound: Option<Money>,
    pub(crate) stages: Option<Vec<Stage>>,
    /// Whether Cordon may raise anything alone, beside what is in force.
    #[serde(default)]
    pub(crate) alone: bool,
    /// Whether it claims the one form in which every change shows.
    pub(crate) settled: Option<bool>,
}

/// A step of what stands in the way of a sound plan.
#[derive(Debug, Deserialize)]
pub(crate) struct ObstacleClaim {
    pub(crate) node: Option<NodeId>,
    pub(crate) of: Option<u32>,
    pub(crate) reason: Option<String>,
}
