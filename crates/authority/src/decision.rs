//! What the authority answers: allowed, so many approvals first, or refused, each with its rules.
//!
//! A decision names the rule behind it, so that a person can look it up: a
//! policy of `authority.cedar` by its `@id`, or a guard of Cordon's own.

use std::collections::BTreeSet;

use cordon_model::WithdrawalId;

/// A rule that decided something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// The policy's `@id`, or `guard.` and the name of one of Cordon's own guards.
    pub id: String,
    /// The policy's `@because`, or the guard's words.
    pub because: String,
}

impl Rule {
    /// Puts an id and words together.
    #[must_use]
    pub fn new(id: impl Into<String>, because: impl Into<String>) -> Self {
        Self { id: id.into(), because: because.into() }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.because, self.id)
    }
}

/// One choice of people whose approval would do: a set of roles for each of them.
///
/// Somebody without any role is an empty set.
pub type Panel = Vec<BTreeSet<String>>;

/// What the authority says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It may be done now.
    Allowed {
        /// What allows it.
        because: Vec<Rule>,
        /// Whose approvals it needed; empty where none was needed.
        approved_by: Vec<String>,
    },
    /// More people must approve exactly this plan first.
    NeedsApproval {
        /// How many in all, those that have approved already included.
        people: usize,
        /// How many are still missing.
        missing: usize,
        /// Who the missing ones could be, each choice enough by itself; empty means anybody.
        panels: Vec<Panel>,
        /// What asks for them.
        because: Vec<Rule>,
    },
    /// Nobody may.
    Refused {
        /// Everything that stands against it.
        because: Vec<Rule>,
    },
}

impl Decision {
    /// Whether it may be done now.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Whether nobody may.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// The rules behind it.
    #[must_use]
    pub fn because(&self) -> &[Rule] {
        match self {
            Self::Allowed { because, .. }
            | Self::NeedsApproval { because, .. }
            | Self::Refused { because } => because,
        }
    }
}

/// What the authority says of a plan: of the whole, and of each part by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ruling {
    /// Of the whole; nothing may be raised in part where the whole may not.
    pub decision: Decision,
    /// Of each withdrawal, in the plan's order.
    pub parts: Vec<(WithdrawalId, Decision)>,
}
