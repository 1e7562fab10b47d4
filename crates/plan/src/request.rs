//! What the planner is asked.
//!
//! Everything that a plan depends on besides the estate: footholds, authority,
//! what is in force and what cannot be had. Times come from the caller's clock;
//! the planner has none.

use std::fmt;

use cordon_model::ids::{NodeIx, ServiceIx, WithdrawalIx};

/// A node that the intruder probably controls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Foothold {
    /// The node.
    pub node: NodeIx,
    /// Probability, 0 to 1.
    pub probability: f64,
    /// Whether it stays a start whatever is withdrawn.
    pub entrenched: bool,
}

impl Foothold {
    /// A foothold that is certain and not entrenched.
    #[must_use]
    pub fn certain(node: NodeIx) -> Self {
        Self { node, probability: 1.0, entrenched: false }
    }
}

/// When to stop looking for something better.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Work units for one whole request: about one per link looked at or number multiplied.
    pub work: u64,
    /// Seconds for one whole request, measured by `clock`: the backstop.
    pub seconds: f64,
    /// Seconds since any fixed moment.
    pub clock: &'a dyn Fn() -> f64,
}

impl Limits<'_> {
    /// No limit and no clock: the answer is exact however long it takes.
    #[must_use]
    pub fn none() -> Self {
        Self { work: u64::MAX, seconds: f64::INFINITY, clock: &|| 0.0 }
    }
}

impl fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = f.debug_struct("Limits");
        parts.field("work", &self.work).field("seconds", &self.seconds).finish_non_exhaustive()
    }
}

/// One question to the planner.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Where the intruder is; several entries for one node merge.
    pub footholds: Vec<Foothold>,
    /// Withdrawals that Cordon may raise alone; `None` means no authority: `now` is empty.
    pub authority: Option<Vec<WithdrawalIx>>,
    /// Withdrawals that are in force: paid already, and may be lifted.
    pub in_force: Vec<WithdrawalIx>,
    /// Withdrawals that failed, are stuck or expired: they cannot be planned.
    pub unavailable: Vec<WithdrawalIx>,
    /// Services that are down already: being protected does not forbid a plan for them.
    pub down_services: Vec<ServiceIx>,
    /// When to stop.
    pub limits: Limits<'a>,
}

impl Request<'_> {
    /// Asks about some footholds, with nothing in force and no limits.
    #[must_use]
    pub fn new(footholds: Vec<Foothold>) -> Self {
        Self {
            footholds,
            authority: None,
            in_force: Vec::new(),
            unavailable: Vec::new(),
            down_services: Vec::new(),
            limits: Limits::none(),
        }
    }
}

/// The footholds of a request, merged and in the estate's order.
#[must_use]
pub(crate) fn merged(footholds: &[Foothold]) -> Vec<Foothold> {
    let mut sorted = footholds.to_vec();
    sorted.sort_by_key(|foothold| foothold.node);
    let mut merged: Vec<Foothold> = Vec::with_capacity(sorted.len());
    for foothold in sorted {
        match merged.last_mut() {
            Some(last) if last.node == foothold.node => {
                last.probability = last.probability.max(foothold.probability);
                last.entrenched |= foothold.entrenched;
            }
            _ => merged.push(foothold),
        }
    }
    merged
}
