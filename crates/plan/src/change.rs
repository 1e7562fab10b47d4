//! Changes of an estate that a planner takes up without being laid out anew.
//!
//! Footholds, what is in force, what cannot be had and which services are down
//! stand in each [`crate::Request`]; a change is what alters the estate itself.
//! A changed planner answers as one that was laid out over the changed estate.

use cordon_model::Money;
use cordon_model::estate::Estate;
use cordon_model::ids::{NodeIx, ServiceIx, WithdrawalIx};
use thiserror::Error;

use crate::network::Network;

/// One change of an estate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Control can move from a node to another, in so many seconds.
    ///
    /// The direction is that of [`Estate::direction`]; a kind of link by which one node
    /// needs another cannot be taken up so, because it alters what stops.
    AddLink {
        /// Where control comes from.
        from: NodeIx,
        /// Where it can go.
        to: NodeIx,
        /// How long it takes.
        seconds: u32,
    },
    /// A link that was there is gone.
    RemoveLink {
        /// Where control came from.
        from: NodeIx,
        /// Where it could go.
        to: NodeIx,
        /// How long it took.
        seconds: u32,
    },
    /// A withdrawal costs so much now.
    Cost {
        /// Which.
        withdrawal: WithdrawalIx,
        /// Once.
        cost: Money,
        /// For every hour of the horizon.
        cost_per_hour: Money,
    },
    /// Stopping a service costs so much now.
    StopCost {
        /// Which.
        service: ServiceIx,
        /// For every hour of the horizon.
        cost_per_hour: Money,
    },
}

/// Why a change cannot be taken up; the planner is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChangeError {
    /// The estate has no such node, withdrawal or service.
    #[error("the estate has no such node, withdrawal or service; name one of this estate")]
    Unknown,
    /// There is no such link.
    #[error(
        "there is no such link to remove; name its nodes in the direction of control, and its seconds"
    )]
    NoLink,
    /// Money is below 0, or more than one estate may hold.
    #[error("the money is below 0, or all money of the estate would pass {}", Money::CEILING)]
    Money,
}

/// Takes a change up.
pub(crate) fn apply(net: &mut Network<'_>, change: Change) -> Result<(), ChangeError> {
    let estate = net.estate;
    match change {
        Change::AddLink { from, to, seconds } => {
            let known = |node: NodeIx| (node.0 as usize) < estate.nodes().len();
            if !known(from) || !known(to) {
                return Err(ChangeError::Unknown);
            }
            net.add_link(from.0, to.0, seconds);
        }
        Change::RemoveLink { from, to, seconds } => {
            let known = |node: NodeIx| (node.0 as usize) < estate.nodes().len();
            if !known(from) || !known(to) {
                return Err(ChangeError::Unknown);
            }
            if !net.remove_link(from.0, to.0, seconds) {
                return Err(ChangeError::NoLink);
            }
        }
        Change::Cost { withdrawal, cost, cost_per_hour } => {
            if withdrawal.0 as usize >= estate.withdrawals().len() {
                return Err(ChangeError::Unknown);
            }
            let price = over_horizon(estate, cost, cost_per_hour)?;
            bounded(net, price - net.price[withdrawal.0])?;
            net.set_price(withdrawal, price);
        }
        Change::StopCost { service, cost_per_hour } => {
            if service.0 as usize >= estate.services().len() {
                return Err(ChangeError::Unknown);
            }
            let weight = over_horizon(estate, Money::ZERO, cost_per_hour)?;
            bounded(net, weight - net.weight[service.0])?;
            net.set_weight(service, weight);
        }
    }
    Ok(())
}

fn over_horizon(estate: &Estate, cost: Money, per_hour: Money) -> Result<i64, ChangeError> {
    let hours = per_hour.times(u64::from(estate.horizon_hours()));
    let fits = |money: &Money| (0..=Money::CEILING.0).contains(&money.0);
    match hours.filter(fits) {
        Some(hours) if fits(&cost) => Ok(hours.0 + cost.0),
        _ => Err(ChangeError::Money),
    }
}

/// Tells whether all money stays within what one estate may hold when it grows by `more`.
fn bounded(net: &Network<'_>, more: i64) -> Result<(), ChangeError> {
    let losses = net.estate.assets().iter().map(|asset| asset.loss.0);
    let all = net.price.iter().chain(net.weight.iter()).copied().chain(losses);
    let sum: i128 = all.map(i128::from).sum::<i128>() + i128::from(more);
    if sum > i128::from(Money::CEILING.0) { Err(ChangeError::Money) } else { Ok(()) }
}
