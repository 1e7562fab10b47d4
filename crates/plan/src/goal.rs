//! What one stage minimises and what it leaves open.

use cordon_model::estate::Asset;
use cordon_model::plan::Objective;

use crate::case::Case;
use crate::standing::Standing;

/// Which assets no plan of the stage may lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Those that must hold.
    Hard,
    /// All that are worth something.
    All,
    /// None: losses count, at most up to a limit.
    None,
}

/// One stage's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Goal {
    pub(crate) objective: Objective,
    pub(crate) closed: Closed,
    /// What the assets of the stage before may lose at most, in minor units.
    pub(crate) limit: Option<i64>,
}

impl Goal {
    /// Whether prices and services count.
    pub(crate) fn counts_cost(self) -> bool {
        match self.objective {
            Objective::Total | Objective::Cost => true,
            Objective::Loss | Objective::HardLoss => false,
        }
    }

    /// What losing an asset adds to the objective, in minor units.
    pub(crate) fn loss(self, asset: &Asset) -> i64 {
        match self.objective {
            Objective::Total | Objective::Loss => asset.loss.0,
            Objective::HardLoss if asset.must_hold => asset.loss.0,
            Objective::HardLoss | Objective::Cost => 0,
        }
    }

    /// Whether the limit counts an asset.
    pub(crate) fn limits(self, asset: &Asset) -> bool {
        self.limit.is_some() && (self.objective == Objective::Cost || asset.must_hold)
    }

    /// Whether no plan may lose an asset.
    pub(crate) fn is_closed(self, asset: &Asset) -> bool {
        match self.closed {
            Closed::Hard => asset.must_hold,
            Closed::All => asset.must_hold || asset.loss.0 > 0,
            Closed::None => false,
        }
    }

    /// Whether losing an asset makes any difference.
    pub(crate) fn matters(self, asset: &Asset) -> bool {
        self.is_closed(asset) || self.loss(asset) > 0 || (self.limits(asset) && asset.loss.0 > 0)
    }

    /// The objective's value, or `None` where the standing is not allowed.
    pub(crate) fn value(self, case: &Case<'_>, standing: &Standing) -> Option<i64> {
        let assets = case.net.estate.assets();
        let lost = || standing.lost.iter().filter_map(|&at| assets.get(at as usize));
        let closed = !lost().any(|asset| self.is_closed(asset));
        let spent: i64 = lost().filter(|a| self.limits(a)).map(|a| a.loss.0).sum();
        let within = self.limit.is_none_or(|limit| spent <= limit);
        let value = match self.objective {
            Objective::Total => standing.total(),
            Objective::Loss => standing.loss,
            Objective::Cost => standing.cost(),
            Objective::HardLoss => standing.hard_loss,
        };
        (standing.guarded && closed && within).then_some(value)
    }

    /// Per asset, what losing it costs; `None` is never.
    pub(crate) fn losses(self, case: &Case<'_>) -> Vec<Option<i64>> {
        let loss = |asset: &Asset| {
            let limited = if self.limits(asset) { asset.loss.0 } else { 0 };
            (!self.is_closed(asset)).then(|| self.loss(asset).max(limited))
        };
        case.net.estate.assets().iter().map(loss).collect()
    }
}
