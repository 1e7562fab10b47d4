//! What the authority is asked, and what it knows besides the estate and the policy.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::plan::{Alternative, PlanDocument, Status};
use cordon_model::record::By;
use cordon_model::{NodeId, Person, ServiceId, WithdrawalId};

/// What a policy can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Take access away.
    Raise,
    /// Say yes to a plan.
    Approve,
    /// Give access back.
    Lift,
    /// Publish a notice.
    Publish,
    /// Arm this installation.
    Arm,
}

impl Action {
    /// The action's name in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raise => "raise",
            Self::Approve => "approve",
            Self::Lift => "lift",
            Self::Publish => "publish",
            Self::Arm => "arm",
        }
    }
}

/// Who is known by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum People {
    /// Any name counts, unsigned and without roles: the range, where nothing real is touched.
    Anybody,
    /// Those of `people.toml`, whose approvals must be signed.
    Listed(Vec<Person>),
}

impl Default for People {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl People {
    /// Finds a person by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Person> {
        match self {
            Self::Anybody => None,
            Self::Listed(people) => people.iter().find(|person| person.name == name),
        }
    }

    /// The roles of a person; none of somebody who is not listed.
    #[must_use]
    pub fn roles(&self, name: &str) -> BTreeSet<String> {
        self.find(name).map(|person| person.roles.clone()).unwrap_or_default()
    }
}

/// Bounds on targets that attempts may be made on within an hour, whoever approves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// By kind of withdrawal.
    pub kinds: BTreeMap<String, usize>,
    /// For every other kind; none means without bound.
    pub others: Option<usize>,
    /// By name of connector, all kinds together.
    pub connectors: BTreeMap<String, usize>,
}

impl Caps {
    /// The bound for a kind.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> Option<usize> {
        self.kinds.get(kind).copied().or(self.others)
    }
}

/// What an authority consists of besides its policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Whether anything may be raised at all.
    pub armed: bool,
    /// Bounds on attempts.
    pub caps: Caps,
    /// Who is known.
    pub people: People,
    /// Cordon's own way to its enforcers; nothing on it is ever cut.
    pub way: BTreeSet<NodeId>,
    /// The nodes that carry withdrawals out; none of them is ever cut.
    pub enforcers: BTreeSet<NodeId>,
}

/// Targets on which attempts were made within the last hour, whoever ordered them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// By kind of withdrawal.
    pub kinds: BTreeMap<String, usize>,
    /// By name of connector.
    pub connectors: BTreeMap<String, usize>,
}

/// Who asks, and how things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who gives the order.
    pub by: By,
    /// Who has approved exactly this plan and alternative; see [`crate::Authority::approvers`].
    pub approvals: BTreeSet<String>,
    /// What was tried within the last hour.
    pub attempts: Attempts,
    /// Own nodes of the people at work that the order names, knowing whose they are.
    pub knowingly: BTreeSet<NodeId>,
    /// Withdrawals that are in force already: what stops together with them counts.
    pub in_force: BTreeSet<WithdrawalId>,
}

impl Question {
    /// A question of somebody, with nothing approved, tried or in force.
    #[must_use]
    pub fn by(by: By) -> Self {
        Self {
            by,
            approvals: BTreeSet::new(),
            attempts: Attempts::default(),
            knowingly: BTreeSet::new(),
            in_force: BTreeSet::new(),
        }
    }
}

/// What the policies are told of the plan that a withdrawal belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanFacts {
    /// How far it is proven: `optimal`, `gap` or `infeasible`.
    pub status: &'static str,
    /// Whether the independent checker has accepted it.
    pub accepted: bool,
    /// The lowest probability of the footholds that it was made against, in whole percent.
    pub probability: i64,
    /// How many withdrawals it has.
    pub withdrawals: usize,
    /// The services that it stops.
    pub stops: BTreeSet<ServiceId>,
}

impl PlanFacts {
    /// Reads them from a plan; `accepted` is the checker's word.
    #[must_use]
    pub fn of(document: &PlanDocument, alternative: &Alternative, accepted: bool) -> Self {
        let least = alternative.name.threshold();
        let counted = document.footholds.iter().map(|foothold| foothold.probability);
        let lowest = counted.filter(|&p| p >= least).fold(1.0, f64::min);
        Self {
            status: match alternative.status {
                Status::Optimal => "optimal",
                Status::Gap => "gap",
                Status::Infeasible => "infeasible",
            },
            accepted,
            probability: whole_percent(lowest),
            withdrawals: alternative.withdrawals.len(),
            stops: alternative.stopped_services.iter().cloned().collect(),
        }
    }

    /// A sound plan of one withdrawal against footholds that are as good as certain: what is
    /// supposed where there is no plan yet.
    #[must_use]
    pub fn supposed() -> Self {
        Self {
            status: "optimal",
            accepted: true,
            probability: 90,
            withdrawals: 1,
            stops: BTreeSet::new(),
        }
    }

    /// Whether it carries a proof that it is sound and how good it is.
    #[must_use]
    pub fn is_certified(&self) -> bool {
        self.status != "infeasible"
    }
}

/// Rounded down, so that "at least 90" means it.
#[expect(clippy::cast_possible_truncation, reason = "a percentage is from 0 to 100")]
fn whole_percent(probability: f64) -> i64 {
    (probability.clamp(0.0, 1.0) * 100.0 + 1e-9).floor() as i64
}
