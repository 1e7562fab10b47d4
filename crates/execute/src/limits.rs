//! Every written limit of the executor: retries, waits, cadences.
//!
//! All are seconds or counts, and all are measured from times in the ledger or
//! of looks, so a restart neither shortens nor stretches them.

use jiff::SignedDuration;

/// How often and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Quick attempts before a person is called and tries go on slowly.
    pub quick_tries: u32,
    /// Wait after the first failed attempt; doubles with each further one.
    pub first_wait_seconds: u32,
    /// The longest wait between quick attempts.
    pub longest_wait_seconds: u32,
    /// The wait between attempts once a person has been called.
    pub slow_wait_seconds: u32,
    /// A look older than this is repeated before acting on it.
    pub fresh_seconds: u32,
    /// How long an acknowledged act may take until a look shows it.
    pub effective_within_seconds: u32,
    /// How often an acknowledged withdrawal is looked at until it is effective.
    pub read_back_seconds: u32,
    /// How often a withdrawal in force is looked at for drift.
    pub watch_seconds: u32,
    /// Missed looks in a row until a withdrawal counts as out of sight.
    pub misses: u32,
    /// How long an act whose answer was lost may still take effect.
    pub settle_seconds: u32,
    /// How long before its end a withdrawal's time to live warns.
    pub warn_seconds: u32,
    /// How long after a cut a failing service is laid at its door.
    pub provisional_seconds: u32,
    /// How often protected services are probed while a cut is provisional.
    pub probe_seconds: u32,
    /// How often they are probed otherwise.
    pub quiet_probe_seconds: u32,
    /// How often a changed result is asked again, until it is confirmed.
    pub confirm_seconds: u32,
    /// Equal results in a row that make a service's new state.
    pub confirmations: u32,
    /// Calls on their way to one connector at once.
    pub calls_per_connector: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            quick_tries: 6,
            first_wait_seconds: 1,
            longest_wait_seconds: 60,
            slow_wait_seconds: 300,
            fresh_seconds: 5,
            effective_within_seconds: 30,
            read_back_seconds: 1,
            watch_seconds: 60,
            misses: 2,
            settle_seconds: 60,
            warn_seconds: 900,
            provisional_seconds: 600,
            probe_seconds: 5,
            quiet_probe_seconds: 60,
            confirm_seconds: 1,
            confirmations: 2,
            calls_per_connector: 64,
        }
    }
}

impl Limits {
    /// How long to wait after so many attempts in a row that did not come off.
    #[must_use]
    pub fn wait_after(&self, tries: u32) -> SignedDuration {
        let wait = if tries == 0 {
            0
        } else if tries >= self.quick_tries {
            self.slow_wait_seconds
        } else {
            let doubled = 1_u32.checked_shl(tries - 1).unwrap_or(u32::MAX);
            self.first_wait_seconds.saturating_mul(doubled).min(self.longest_wait_seconds)
        };
        seconds(wait)
    }
}

/// A span of whole seconds.
#[must_use]
pub(crate) fn seconds(count: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(count))
}
