//! From an alternative of a plan to the orders that the ledger records.
//!
//! An order holds all that raising and lifting need, so that nothing but the
//! ledger is asked afterwards: the estate's files may change or be gone.

use std::collections::BTreeMap;

use cordon_model::action::Order;
use cordon_model::outage::{NodeSet, needed};
use cordon_model::plan::{Alternative, PlannedWithdrawal};
use cordon_model::{Estate, NodeId, NodeIx, ServiceId};

/// What the orders of one raise have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Seconds until each ends by itself unless renewed.
    pub ttl_seconds: u32,
    /// Words for the outside systems' own audit logs.
    pub note: String,
    /// The connector for withdrawals that name none; none leaves them to be done by hand.
    pub connector: Option<String>,
}

/// Makes the orders of an alternative, in the order of raising; lifting goes the other way.
#[must_use]
pub fn orders(estate: &Estate, alternative: &Alternative, terms: &Terms) -> Vec<Order> {
    let dependants = Dependants::new(estate);
    let count = u32::try_from(alternative.withdrawals.len()).unwrap_or(u32::MAX);
    let mut planned: Vec<&PlannedWithdrawal> = alternative.withdrawals.iter().collect();
    planned.sort_by_key(|withdrawal| withdrawal.order);
    let numbered = planned.into_iter().zip(1..);
    numbered
        .map(|(planned, order)| {
            let own = estate
                .find_withdrawal(planned.id.as_str())
                .and_then(|index| estate.withdrawal(index).connector.as_deref());
            Order {
                withdrawal: planned.id.clone(),
                kind: planned.kind.clone(),
                mode: planned.mode,
                targets: planned.targets.clone(),
                connector: own.map(str::to_owned).or_else(|| terms.connector.clone()),
                enforcer: planned.enforcer.clone(),
                order,
                lift_order: count - order + 1,
                ttl_seconds: terms.ttl_seconds,
                services: dependants.of(estate, &planned.targets),
                note: terms.note.clone(),
            }
        })
        .collect()
}

/// Which nodes each service needs in any way, alternatives included.
struct Dependants {
    needed_by: BTreeMap<ServiceId, NodeSet>,
}

impl Dependants {
    fn new(estate: &Estate) -> Self {
        let each = estate.services().iter();
        let needed_by = each.map(|service| (service.id.clone(), needed(estate, [service])));
        Self { needed_by: needed_by.collect() }
    }

    fn of(&self, estate: &Estate, targets: &[NodeId]) -> Vec<ServiceId> {
        let nodes: Vec<NodeIx> =
            targets.iter().filter_map(|node| estate.find(node.as_str())).collect();
        let touches = |needed: &NodeSet| nodes.iter().any(|&node| needed.contains(node));
        let touched = self.needed_by.iter().filter(|(_, needed)| touches(needed));
        touched.map(|(service, _)| service.clone()).collect()
    }
}
