//! Who may raise what: a small authority for the range, until the written policy comes.
//!
//! Observe only unless armed, and nothing here arms by itself. Cordon alone may
//! raise only named kinds below a price, against footholds that are likely
//! enough; whatever stops a service needs two people. Approvals are bound to
//! the plan's hash and expire to "no". Lifting is never asked about.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::estate::Withdrawal;
use cordon_model::outage::{NodeSet, Outage};
use cordon_model::plan::Alternative;
use cordon_model::record::{By, Decision as Decided, PlanChoice, Verdict};
use cordon_model::{Estate, Money, ServiceId, Timestamp, WithdrawalIx};

use crate::orders::needed;
use crate::state::State;

/// How far Cordon may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arming {
    /// It watches and proposes; nothing is raised, whoever approves.
    #[default]
    ObserveOnly,
    /// It raises what people approve.
    WithApproval,
    /// It also raises alone what this authority names.
    Alone,
}

/// Who may raise what. The default is to observe only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// How far it goes at all.
    pub arming: Arming,
    /// Kinds that Cordon alone may raise.
    pub alone: BTreeSet<String>,
    /// The most that one such withdrawal may cost per hour.
    pub alone_cost_per_hour: Money,
    /// The most targets that one such withdrawal may have.
    pub alone_targets: usize,
    /// Targets that attempts may be made on within an hour, by kind, whoever ordered them.
    pub attempts_per_hour: BTreeMap<String, usize>,
}

/// What the authority says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Cordon alone may.
    Allowed {
        /// The rule, in words.
        because: String,
    },
    /// So many different people must approve exactly this plan.
    NeedsApproval {
        /// How many.
        people: usize,
        /// The rule, in words.
        because: String,
    },
    /// Nobody may.
    Refused {
        /// The rule, in words.
        because: String,
    },
}

impl Decision {
    /// The stricter of two.
    fn and(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(&self) -> usize {
        match self {
            Self::Allowed { .. } => 0,
            Self::NeedsApproval { people, .. } => *people,
            Self::Refused { .. } => usize::MAX,
        }
    }
}

impl Authority {
    /// The built-in authority of the range: Cordon alone cuts single accounts, hosts, keys,
    /// flows and sessions that no service needs.
    #[must_use]
    pub fn of_the_range() -> Self {
        let kinds = [
            "block-flow",
            "disable-account",
            "end-connections",
            "end-sessions",
            "isolate-host",
            "revoke",
            "revoke-role",
        ];
        Self {
            arming: Arming::Alone,
            alone: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            alone_cost_per_hour: Money::units(1000),
            alone_targets: 10,
            attempts_per_hour: kinds.iter().map(|kind| ((*kind).to_owned(), 1000)).collect(),
        }
    }

    /// Says whether one withdrawal of an estate may be raised, and by whom.
    pub fn may_raise(&self, estate: &Estate, withdrawal: &Withdrawal) -> Decision {
        self.judge(estate, &needed(estate, estate.services()), withdrawal)
    }

    fn judge(&self, estate: &Estate, needed: &NodeSet, withdrawal: &Withdrawal) -> Decision {
        let id = &withdrawal.id;
        let refused = |because: String| Decision::Refused { because };
        if self.arming == Arming::ObserveOnly {
            return refused("Cordon is set to observe only".to_owned());
        }
        if let Some(node) = estate.forbidden_by(withdrawal) {
            return refused(format!("`{}` may never be touched", estate.id(node)));
        }
        let stops = stopped_services(estate, needed, withdrawal);
        if let Some(service) = stops.iter().find(|(_, protected)| *protected) {
            return refused(format!("`{id}` stops the protected service `{}`", service.0));
        }
        if let Some((service, _)) = stops.first() {
            let because = format!("`{id}` stops `{service}`");
            return Decision::NeedsApproval { people: 2, because };
        }
        let asks = |because: String| Decision::NeedsApproval { people: 1, because };
        if self.arming < Arming::Alone {
            return asks("people approve everything".to_owned());
        }
        if !self.alone.contains(&*withdrawal.kind) {
            return asks(format!("Cordon alone may not raise `{}`", withdrawal.kind));
        }
        if withdrawal.cost_per_hour > self.alone_cost_per_hour {
            let limit = self.alone_cost_per_hour;
            return asks(format!("`{id}` costs more than {limit} an hour"));
        }
        if withdrawal.removes.len() > self.alone_targets {
            return asks(format!("`{id}` has more than {} targets", self.alone_targets));
        }
        Decision::Allowed { because: format!("Cordon alone may raise `{}`", withdrawal.kind) }
    }

    /// Says whether a whole alternative may be raised: the strictest word on any part of it.
    pub fn may_raise_all(&self, estate: &Estate, alternative: &Alternative) -> Decision {
        let nothing = Decision::Allowed { because: "it withdraws nothing".to_owned() };
        let needed = needed(estate, estate.services());
        let each = alternative.withdrawals.iter().map(|planned| {
            match estate.find_withdrawal(planned.id.as_str()) {
                Some(index) => self.judge(estate, &needed, estate.withdrawal(index)),
                None => Decision::Refused {
                    because: format!("the estate offers no withdrawal `{}`", planned.id),
                },
            }
        });
        let parts = each.reduce(Decision::and).unwrap_or(nothing);
        // What each part leaves standing, all of them together may stop.
        if alternative.stopped_services.is_empty() {
            return parts;
        }
        let because = format!("the plan stops {} services", alternative.stopped_services.len());
        parts.and(Decision::NeedsApproval { people: 2, because })
    }

    /// The withdrawals of an estate that Cordon alone may raise: what the alternative `now` is made of.
    #[must_use]
    pub fn alone_in(&self, estate: &Estate) -> Vec<WithdrawalIx> {
        if self.arming < Arming::Alone {
            return Vec::new();
        }
        let needed = needed(estate, estate.services());
        let all = estate.withdrawals().iter().zip((0..).map(WithdrawalIx));
        let allowed = all.filter(|(withdrawal, _)| {
            matches!(self.judge(estate, &needed, withdrawal), Decision::Allowed { .. })
        });
        allowed.map(|(_, index)| index).collect()
    }
}

/// Services that one withdrawal stops, with whether they are protected, protected ones first.
fn stopped_services<'a>(
    estate: &'a Estate,
    needed: &NodeSet,
    withdrawal: &Withdrawal,
) -> Vec<(&'a ServiceId, bool)> {
    // Most withdrawals touch nothing that a service needs; the outage need not be worked out.
    if !withdrawal.stops || !withdrawal.removes.iter().any(|&node| needed.contains(node)) {
        return Vec::new();
    }
    let outage = Outage::of(estate, withdrawal.removes.iter().copied());
    let mut stopped: Vec<_> = outage
        .stopped
        .iter()
        .map(|&service| estate.service(service))
        .map(|service| (&service.id, service.protected))
        .collect();
    stopped.sort_by_key(|(id, protected)| (!protected, *id));
    stopped
}

/// How the approvals of one alternative stand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Approval {
    /// Enough people have approved it; who.
    Given(Vec<By>),
    /// So many more people must approve it.
    Missing(usize),
    /// Somebody has declined it, or the time for it ran out.
    No(By),
}

/// Counts the approvals that a choice has now. Only different people count, a
/// later word of a person replaces the earlier one, and a lapsed approval is none.
pub fn approval(state: &State, choice: &PlanChoice, people: usize, now: Timestamp) -> Approval {
    let mut latest: BTreeMap<&By, &Decided> = BTreeMap::new();
    for (_, decision) in state.decisions.iter().filter(|(_, d)| d.choice == *choice) {
        latest.insert(&decision.by, decision);
    }
    let no = latest.values().find(|decision| decision.verdict != Verdict::Approved);
    if let Some(decision) = no {
        return Approval::No(decision.by.clone());
    }
    let counts = |decision: &&&Decided| {
        decision.until.is_none_or(|until| now < until) && decision.by != By::Cordon
    };
    let given: Vec<By> = latest.values().filter(counts).map(|d| d.by.clone()).collect();
    if given.len() >= people {
        Approval::Given(given)
    } else {
        Approval::Missing(people - given.len())
    }
}
