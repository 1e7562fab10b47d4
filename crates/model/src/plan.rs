//! A plan as it is printed, stored, approved and checked: the JSON of `cordon plan`.
//!
//! These are the wire values on which planner, checker and everybody else
//! agree. Money is in whole currency units on the wire. The planner fills
//! them, the checker re-derives every field but `seconds` and `reason`.
//! A plan is never edited; a new one replaces it.
//!
//! # Certificates
//!
//! A certificate proves a lower bound by weak duality. All variables lie in
//! [0, 1]: `x[w]` for every column (a default refuse and end of one node are
//! one column, named by the refuse; every other withdrawal is a column), `d[v]`
//! for every service, node with needs, and inner gate of their trees ("it is
//! down"), and `z[t]` for every asset that may be lost. Each row says that a
//! linear form is at least a number for every sound choice; see [`Row`]. With
//! non-negative multipliers y the bound is
//!
//! `sum(y * right side) + sum over variables of min(0, cost - sum(y * coefficient))`
//!
//! where variables fixed at 0 (forbidden, unavailable or void withdrawals,
//! protected services, hard assets) are left out of the second sum. Multipliers
//! are integers over the common denominator `scale`, in minor units of money,
//! and the bound is rounded up to the next minor unit, and is at least 0.
//!
//! Hard assets are fixed at 0 for feasible `balanced` and `strict` plans only;
//! `now` also fixes what the authority does not let Cordon raise alone. A tree
//! of needs that is a single node counts as a gate "1 of 1".
//!
//! What the stages prove together, with B1 and B2 their bounds: `B1 + B2` for
//! `strict`, B2 for the others. That is a bound for every plan that the
//! alternative would prefer, even where B1 is below what the plan itself loses
//! in the first objective: such a plan loses at most that, so the second stage
//! looks at it too. `proof` is `flow` exactly when `lower_bound` is this bound,
//! and `status` is `optimal`, never `gap`, when `lower_bound` is the total.
//! `now` is never `infeasible`: what it leaves shows in `complete`.
//!
//! No row is there twice, and `scale` is 1 without rows.
//!
//! # Settled plans
//!
//! Several certificates prove one bound, and several paths show why a withdrawal
//! is needed. A plan whose certificates all say `"settled": true` has one form
//! only, so that every change of it shows, and names nothing twice:
//!
//! - All three alternatives are there, each with every field of these types and no other.
//! - `gap` and `residual_expected_loss` are what doubles give: minor units divided;
//!   `loss * (1 - product of (1 - p))` by footholds, then summed by assets, in the
//!   order of their nodes, rounded half away from zero.
//! - A path to what stays reachable is a shortest one, to the first place (the node,
//!   then its copies) that is reached; before each node stands the least node that is
//!   one link nearer to a start and leads there. So is the path of a `conflict`, to
//!   the first hard asset; obstacles without a node follow it, and each says how many
//!   obstacles there are.
//! - The path of a withdrawal begins with such a path to the nearest (then least)
//!   reached node from which a link leads to a target that nothing else removes, or at
//!   such a target that is a start. From all these targets together the search goes
//!   on at the node with the fewest links, in the uncut estate, to an asset that is
//!   hard or has a loss (then the least node); nodes that are reached or that the plan
//!   removes are not entered. It ends at the first place of such an asset that is not
//!   lost, or enforcer of another withdrawal. Every withdrawal opens such a path.
//! - Withdrawals that are due at the same time stand by the loss of the first asset
//!   that their path ends at, greatest first, then by id.
//! - Rows ascend by kind (in the order of [`Row`]), then by their fields as listed but
//!   for the multiplier. `scale` and the multipliers have no common divisor, and
//!   `scale` divides 5040 or 2^24.
//! - With all else kept, one more on a multiplier would not raise the sum above, one
//!   less would lower it, and without the row the bound would be lower.
//! - A row's path is minimal: no start but its first node, no place that ends it but
//!   its last, no link from one of its nodes to one after the next.
//! - No row can be bettered at one place, so that the sum is higher, or is the same and
//!   the row less: another node in a path, another asset that ends there, another node
//!   that the withdrawal stops (if it removes at most [`MANY`]), another owner or gate
//!   with the same first child there (if that is named at most [`MANY`] times in all
//!   needs), a child less, the first of children that are the same.
//! - Who is not told what Cordon may raise alone holds the certificate of a `now` to
//!   this form only where it is nothing; [`Certificate::alone`] tells.

use serde::{Deserialize, Serialize};

use crate::estate::Mode;
use crate::ids::{NodeId, ServiceId, WithdrawalId};
use crate::money::Money;

/// A settled certificate is not compared with alternatives where there are more than this.
pub const MANY: usize = 1000;

/// Everything that `cordon plan` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// Name of the estate that it was made for.
    pub estate: String,
    /// The footholds that it was made against, sorted by node.
    pub footholds: Vec<PlannedFoothold>,
    /// The alternatives, in the order now, balanced, strict.
    pub alternatives: Vec<Alternative>,
}

/// A foothold as the planner was given it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedFoothold {
    /// The node.
    pub node: NodeId,
    /// Probability that the intruder controls it, 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// Whether it stays a start whatever is withdrawn.
    #[serde(default)]
    pub entrenched: bool,
}

fn certain() -> f64 {
    1.0
}

/// Which of the three plans an alternative is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlternativeName {
    /// What Cordon may raise alone, against footholds of p >= 0.9.
    Now,
    /// Least total cost, against footholds of p >= 0.5.
    Balanced,
    /// Least loss first, then cost, against footholds of p >= 0.2.
    Strict,
}

impl AlternativeName {
    /// Footholds of at least this probability are planned against.
    #[must_use]
    pub fn threshold(self) -> f64 {
        match self {
            Self::Now => 0.9,
            Self::Balanced => 0.5,
            Self::Strict => 0.2,
        }
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Balanced => "balanced",
            Self::Strict => "strict",
        }
    }
}

/// How far a plan is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing costs less; `gap` is 0.
    Optimal,
    /// Sound; nothing costs less than `lower_bound`.
    Gap,
    /// No sound plan exists; this one leaves the least hard loss.
    Infeasible,
}

/// What proves the lower bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The certificate's bound alone.
    Flow,
    /// The solver's exhaustive search; the certificate's bound may be lower.
    Search,
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// Which of the three.
    pub name: AlternativeName,
    /// How far it is proven.
    pub status: Status,
    /// What proves it.
    pub proof: Proof,
    /// Whether no hard asset remains reachable.
    pub complete: bool,
    /// What is withdrawn, in the order of raising.
    pub withdrawals: Vec<PlannedWithdrawal>,
    /// All services that the plan stops, sorted.
    pub stopped_services: Vec<ServiceId>,
    /// Assets that remain reachable, sorted by node.
    pub reachable_assets: Vec<ReachableAsset>,
    /// What it costs.
    pub cost: PlanCost,
    /// No sound plan costs less than this.
    pub lower_bound: Money,
    /// (total - lower_bound) / total; 0 when both are 0.
    pub gap: f64,
    /// Exact expected loss that remains when every foothold of any probability counts,
    /// each independently of the others; rounded to the nearest minor unit.
    pub residual_expected_loss: Money,
    /// Time taken, in seconds; the only field that differs between equal runs.
    #[serde(default)]
    pub seconds: f64,
    /// What an independent checker needs to re-derive a lower bound.
    pub certificate: Certificate,
    /// Why no sound plan exists; empty unless `infeasible`. Its nodes, in order, are
    /// one path that this plan leaves open, from a foothold to a hard asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflict: Vec<Obstacle>,
}

/// One withdrawal of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedWithdrawal {
    /// Its id in the estate.
    pub id: WithdrawalId,
    /// Its kind.
    pub kind: String,
    /// Refuse or end.
    pub mode: Mode,
    /// The nodes that it removes, sorted.
    pub targets: Vec<NodeId>,
    /// Its price over the horizon, without services.
    pub cost: Money,
    /// Services that would stop if it alone were raised, sorted.
    pub stops: Vec<ServiceId>,
    /// The node that carries it out.
    pub enforcer: Option<NodeId>,
    /// Position in the order of raising, from 1.
    pub order: u32,
    /// Why it is in the plan, in words.
    #[serde(default)]
    pub reason: String,
    /// A path from a foothold to an asset that opens without it; for an `end` that of its refuse.
    pub path: Vec<NodeId>,
}

/// An asset that the intruder can still reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachableAsset {
    /// The asset's node.
    pub node: NodeId,
    /// Its loss.
    pub loss: Money,
    /// A path from a foothold to it or a copy.
    pub path: Vec<NodeId>,
}

/// The parts of a plan's cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCost {
    /// Prices of the withdrawals.
    pub withdrawals: Money,
    /// Prices of the stopped services.
    pub services: Money,
    /// Losses of the assets left reachable, hard ones included.
    pub loss: Money,
    /// The sum.
    pub total: Money,
}

/// A step of a path that no sound plan can cut, or a bound that binds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Obstacle {
    /// The node on the residual path, or none for a cap or protected services.
    pub node: Option<NodeId>,
    /// How many obstacles there are; given in settled plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// Why it cannot be cut, in words.
    #[serde(default)]
    pub reason: String,
}

/// A proof of a lower bound, in stages: each stage minimises one objective
/// among the plans that the stages before it leave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The lower bound on the plan's total that the stages prove together
    /// (see the head of this file); 0 without stages.
    pub bound: Money,
    /// One stage for `balanced` (`total`); two for `strict` (`loss`, then `cost`),
    /// `now` and infeasible plans (`hard-loss`, then `total`).
    pub stages: Vec<Stage>,
    /// Of a settled `now`: whether Cordon may raise anything alone, beside what is in force.
    #[serde(default, skip_serializing_if = "is_not")]
    pub alone: bool,
    /// Whether the whole plan is settled (see the head of this file).
    #[serde(default, skip_serializing_if = "is_not")]
    pub settled: bool,
}

fn is_not(flag: &bool) -> bool {
    !flag
}

/// What a stage minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Withdrawals + stopped services + lost assets.
    Total,
    /// Lost assets, hard and soft.
    Loss,
    /// Withdrawals + stopped services.
    Cost,
    /// Lost hard assets.
    HardLoss,
}

/// One stage of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What it minimises.
    pub objective: Objective,
    /// The bound that its rows prove.
    pub bound: Money,
    /// Common denominator of the multipliers; at least 1.
    pub scale: u64,
    /// Rows with a multiplier above 0.
    pub rows: Vec<Row>,
}

/// A row: a linear form that is at least a number for every sound choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "kebab-case")]
pub enum Row {
    /// `sum of x over columns that cut the path + z[asset] >= 1`.
    ///
    /// The path runs along control links from a foothold to the asset's node or
    /// a copy. A column cuts it when it removes one of its nodes; the first
    /// node counts only if that foothold is not entrenched.
    Path {
        /// Multiplier, over `scale`.
        multiplier: u64,
        /// The path's nodes.
        path: Vec<NodeId>,
        /// The asset.
        asset: NodeId,
    },
    /// `m * d[gate] - sum over the children named of d[child] >= -(n - k)` with
    /// `m = children named - (n - k) >= 1`, for one gate "k of n".
    ///
    /// A child that is a node stands for that node's `d`; a node or service is
    /// its own root gate's parent: `d[owner] = d[root gate]`.
    Need {
        /// Multiplier, over `scale`.
        multiplier: u64,
        /// The owner of the tree: `service:ID` or a node's id.
        owner: String,
        /// Position of the gate in the owner's tree, in preorder from 0 (leaves count).
        gate: u32,
        /// Positions of the named children among the gate's children, from 0, ascending.
        children: Vec<u32>,
    },
    /// `d[node] - x[withdrawal] >= 0`: a stopping withdrawal takes its node down.
    Stop {
        /// Multiplier, over `scale`.
        multiplier: u64,
        /// The withdrawal (its column).
        withdrawal: WithdrawalId,
        /// The node.
        node: NodeId,
    },
    /// `-sum of x over withdrawals of the kind >= -most`.
    Cap {
        /// Multiplier, over `scale`.
        multiplier: u64,
        /// The kind.
        kind: String,
    },
    /// `sum of x over columns that cut the path - x[withdrawal] >= 0`, for a path to its enforcer.
    Enforcer {
        /// Multiplier, over `scale`.
        multiplier: u64,
        /// The withdrawal whose enforcer it is.
        withdrawal: WithdrawalId,
        /// A path from a foothold to the enforcer.
        path: Vec<NodeId>,
    },
    /// `-x[withdrawal] - x[by] >= -1`: a stopping withdrawal removes the other's enforcer.
    Exclusive {
        /// Multiplier, over `scale`.
        multiplier: u64,
        /// The withdrawal that would be void.
        withdrawal: WithdrawalId,
        /// The one that removes its enforcer.
        by: WithdrawalId,
    },
    /// `-sum of loss * z >= -limit` over the assets of the stage before (all for
    /// `loss`, hard ones for `hard-loss`); the limit is what the plan itself loses.
    Lost {
        /// Multiplier, over `scale`, per minor unit of money.
        multiplier: u64,
    },
}

/// What the checker answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether there is no objection.
    pub accepted: bool,
    /// Everything that is wrong.
    pub objections: Vec<Objection>,
}

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Objection {
    /// A word for programs: `open-path`, `wrong-cost`, `hidden-stop`, `raised-bound` ...
    pub code: String,
    /// The alternative, or empty for the whole document.
    pub alternative: String,
    /// What is wrong, in words.
    pub what: String,
}
