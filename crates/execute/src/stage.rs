//! The states of a withdrawal and the one function that moves between them.

use cordon_model::action::Act;
use cordon_model::record::Transition;
use serde::{Deserialize, Serialize};

/// Where a withdrawal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Ordered; nothing has been tried.
    Planned,
    /// The intent is durable; the outside system has not said yes to all of it.
    Requested,
    /// The outside system has said yes.
    Acknowledged,
    /// A look has read it back.
    Effective,
    /// A probe was refused.
    Verified,
    /// It is being given back.
    Lifting,
    /// It is given back.
    Lifted,
    /// Quick attempts are used up; a person was called; slow ones go on.
    Failed,
    /// It was in place, and somebody opened it again; it is put back next.
    Drifted,
    /// Giving back does not come off; a person was called; slow attempts go on.
    Stuck,
    /// Its time to live has ended; it is given back next.
    Expired,
}

impl Stage {
    /// Whether the outside system has been asked for it and it has not been given back.
    #[must_use]
    pub fn is_in_force(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Effective | Self::Verified)
    }

    /// Where a transition leads; none if it cannot happen here.
    #[must_use]
    pub fn after(self, step: &Transition) -> Option<Self> {
        use Transition as T;
        match (self, step) {
            (Self::Lifted, _) => None,
            // Raising.
            (
                Self::Planned | Self::Requested | Self::Failed | Self::Drifted,
                T::Requested { .. },
            ) => Some(Self::Requested),
            (Self::Requested, T::Acknowledged { .. }) => Some(Self::Acknowledged),
            (Self::Acknowledged | Self::Effective | Self::Verified, T::Effective { .. }) => {
                Some(Self::Effective)
            }
            (Self::Effective | Self::Verified, T::Verified { .. }) => Some(Self::Verified),
            (Self::Effective | Self::Verified, T::OutOfSight { .. }) => Some(self),
            (Self::Acknowledged | Self::Effective | Self::Verified, T::Drifted { .. }) => {
                Some(Self::Drifted)
            }
            // Giving back.
            (_, T::Lifting { .. }) => Some(Self::Lifting),
            (Self::Lifting, T::Restored { .. }) => Some(Self::Lifting),
            (_, T::Lifted { .. }) => Some(Self::Lifted),
            (_, T::Stuck { .. }) => Some(Self::Stuck),
            // Failing: a lift goes on where it was, a raise goes back to being requested.
            (_, T::Tried { act: Act::Restore, .. }) => Some(self),
            (Self::Planned | Self::Drifted | Self::Failed, T::Tried { .. }) => Some(self),
            (Self::Requested | Self::Acknowledged, T::Tried { .. }) => Some(Self::Requested),
            (
                Self::Planned | Self::Requested | Self::Acknowledged | Self::Drifted | Self::Failed,
                T::Failed { .. },
            ) => Some(Self::Failed),
            // Time.
            (_, T::Expiring { .. }) => Some(self),
            (Self::Lifting | Self::Stuck | Self::Expired, T::Expired) => None,
            (_, T::Expired) => Some(Self::Expired),
            // By hand.
            (_, T::Asked { act: Act::Restore }) => Some(Self::Lifting),
            (Self::Planned, T::Asked { .. }) => Some(Self::Requested),
            (Self::Requested, T::Confirmed { .. }) => Some(Self::Verified),
            (Self::Lifting, T::Confirmed { .. }) => Some(Self::Lifted),
            (
                _,
                T::Requested { .. }
                | T::Acknowledged { .. }
                | T::Effective { .. }
                | T::Verified { .. }
                | T::OutOfSight { .. }
                | T::Drifted { .. }
                | T::Restored { .. }
                | T::Tried { .. }
                | T::Failed { .. }
                | T::Asked { .. }
                | T::Confirmed { .. },
            ) => None,
        }
    }

    /// The state as written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Requested => "requested",
            Self::Acknowledged => "acknowledged",
            Self::Effective => "effective",
            Self::Verified => "verified",
            Self::Lifting => "lifting",
            Self::Lifted => "lifted",
            Self::Failed => "failed",
            Self::Drifted => "drifted",
            Self::Stuck => "stuck",
            Self::Expired => "expired",
        }
    }
}
