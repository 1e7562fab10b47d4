//! What a run came to: what was lost, who was locked out, what stood still.
//!
//! Counted from the outside world as it was, never from what Cordon believed.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::estate::Estate;
use cordon_model::{Money, NodeId, NodeIx, ServiceId, Timestamp};
use serde::Serialize;

use super::intruder::PARTS;

/// One run of a scenario with one response: the JSON of `cordon drill`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Score {
    /// `none`, `everything`, `ask`, `pre-authorised`.
    pub(crate) response: &'static str,
    /// When the intruder did the first thing.
    pub(crate) first_event: Option<Timestamp>,
    /// When a rule first matched something of it.
    pub(crate) first_detection: Option<Timestamp>,
    /// When the first foothold was named.
    pub(crate) first_foothold: Option<Timestamp>,
    /// When the first withdrawal was effective.
    pub(crate) first_cut: Option<Timestamp>,
    /// When the intruder last won or took anything.
    pub(crate) last_gain: Option<Timestamp>,
    /// Assets that the intruder came to control.
    pub(crate) assets_lost: Vec<NodeId>,
    /// People whose data was taken, by category.
    pub(crate) people_taken: BTreeMap<String, u64>,
    /// How long each service stood still.
    pub(crate) services: Vec<ServiceStop>,
    /// Innocent people who found a door closed.
    pub(crate) innocent_locked_out: usize,
    /// Footholds that the run named, at its end.
    pub(crate) footholds_named: Vec<NodeId>,
    /// What the intruder controlled at any time.
    pub(crate) intruder_held: Vec<NodeId>,
    /// Withdrawals that were effective at any time.
    pub(crate) withdrawals: usize,
    /// Money.
    pub(crate) cost: Cost,
}

/// How long a service stood still.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServiceStop {
    /// The service.
    pub(crate) id: ServiceId,
    /// Whether it was protected.
    pub(crate) protected: bool,
    /// For how long.
    pub(crate) stopped_seconds: i64,
}

/// What a run cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cost {
    /// Prices of the withdrawals, for the time that they were in force.
    pub(crate) withdrawals: Money,
    /// Cost of the services that stood still, for as long as they did.
    pub(crate) services: Money,
    /// Losses of the assets that the intruder came to control.
    pub(crate) loss: Money,
    /// The sum.
    pub(crate) total: Money,
}

/// Assets of which the intruder controlled the node or a copy, with what that costs.
pub(crate) fn assets_lost(estate: &Estate, held: &BTreeSet<NodeIx>) -> (Vec<NodeId>, Money) {
    let lost = estate.assets().iter().filter(|asset| asset.places().any(|p| held.contains(&p)));
    let mut nodes = Vec::new();
    let mut loss = Money::ZERO;
    for asset in lost {
        nodes.push(estate.id(asset.node).clone());
        loss += asset.loss;
    }
    (nodes, loss)
}

/// People whose data left, by category: copies of one holding count once.
pub(crate) fn people_taken(
    estate: &Estate,
    taken: &BTreeMap<NodeIx, u32>,
) -> BTreeMap<String, u64> {
    let mut people: BTreeMap<String, u64> = BTreeMap::new();
    for holding in estate.holdings() {
        let places = std::iter::once(holding.node).chain(holding.copies.iter().copied());
        // The first part is only a look around.
        let parts = places.filter_map(|place| taken.get(&place)).max().map_or(0, |part| part - 1);
        let share = u64::from(parts) * holding.people.unwrap_or(0) / u64::from(PARTS - 1);
        if share > 0 {
            for category in &holding.categories {
                *people.entry(category.to_string()).or_default() += share;
            }
        }
    }
    people
}

/// What an hourly price comes to over some seconds, rounded to the nearest minor unit.
pub(crate) fn for_seconds(per_hour: Money, seconds: i64) -> Money {
    let total = i128::from(per_hour.0) * i128::from(seconds.max(0));
    Money(i64::try_from((total + 1800) / 3600).unwrap_or(i64::MAX))
}
