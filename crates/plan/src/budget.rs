//! What a request may still spend: work units first, the caller's clock as the backstop.

use std::cell::Cell;

use crate::request::Limits;

/// What is left of a request's limits.
pub(crate) struct Budget<'a> {
    limits: Limits<'a>,
    started: f64,
    spent: Cell<u64>,
    quarters: Cell<u8>,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: Limits<'a>) -> Self {
        Self { limits, started: (limits.clock)(), spent: Cell::new(0), quarters: Cell::new(4) }
    }

    /// Allows so many quarters of the limits from here on, so that one alternative that is
    /// hard to prove leaves something for the others.
    pub(crate) fn allow(&self, quarters: u8) {
        self.quarters.set(quarters.min(4));
    }

    fn work_left(&self) -> u64 {
        let allowed = match self.quarters.get() {
            4 => self.limits.work,
            quarters => self.limits.work / 4 * u64::from(quarters),
        };
        allowed.saturating_sub(self.spent.get())
    }

    pub(crate) fn spend(&self, work: u64) {
        self.spent.set(self.spent.get().saturating_add(work));
    }

    pub(crate) fn seconds_left(&self) -> f64 {
        let allowed = SEARCH * self.limits.seconds * f64::from(self.quarters.get()) / 4.0;
        allowed - ((self.limits.clock)() - self.started)
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.work_left() == 0 || self.seconds_left() <= 0.0
    }

    /// Nodes of a branch-and-bound tree that the work left allows.
    pub(crate) fn nodes_left(&self) -> i32 {
        let left = self.work_left() / WORK_PER_NODE;
        i32::try_from(left).unwrap_or(i32::MAX).max(1)
    }
}

/// Share of the seconds that is for searching; the rest is for putting the answer into words.
const SEARCH: f64 = 0.85;
/// Work units that one node of a branch-and-bound tree is taken to cost.
const WORK_PER_NODE: u64 = 20_000;
