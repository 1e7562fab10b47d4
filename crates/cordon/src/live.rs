//! The executor over the real ledger and the hand: raising, watching and lifting for real.
//!
//! One value holds the ledger, the connection with the hand and the reconciler.
//! It may be dropped at any moment: whatever is raised stays raised, and the
//! next one goes on from the ledger.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use cordon_estate::Loaded;
use cordon_execute::{Guard, Heard, Limits, Reconciler, Setting, World};
use cordon_hand::Client;
use cordon_ledger::{Ledger, LedgerError};
use cordon_model::action::Call;
use cordon_model::record::{Entry, Record, Transition};
use cordon_model::{ServiceId, Timestamp};

/// The longest that nothing is done without looking at the clock.
const NAP: Duration = Duration::from_secs(1);
/// The wait after the ledger could not be written.
const LEDGER_WAIT: Duration = Duration::from_secs(2);

/// The ledger and the hand.
pub(crate) struct Outside {
    pub(crate) ledger: Ledger,
    pub(crate) hand: Client,
    heard: Vec<Heard>,
}

impl World for Outside {
    type Error = LedgerError;

    fn append(&mut self, now: Timestamp, records: &[Record]) -> Result<Vec<Entry>, LedgerError> {
        let entries = self.ledger.append(now, records)?;
        for record in records {
            if let Record::Withdrawal(moved) = record
                && matches!(moved.transition, Transition::Lifted { .. })
            {
                self.hand.over(&moved.withdrawal);
            }
        }
        Ok(entries)
    }

    fn call(&mut self, call: Call) -> Result<(), LedgerError> {
        self.hand.call(call);
        Ok(())
    }

    fn probe_service(&mut self, service: &ServiceId) -> Result<(), LedgerError> {
        self.hand.probe_service(service);
        Ok(())
    }

    fn heard(&mut self) -> Result<Vec<Heard>, LedgerError> {
        let mut heard = std::mem::take(&mut self.heard);
        heard.extend(self.hand.heard(Duration::ZERO));
        Ok(heard)
    }
}

/// The running executor.
pub(crate) struct Live {
    pub(crate) outside: Outside,
    pub(crate) reconciler: Reconciler,
}

impl Live {
    /// Goes on where a ledger ends.
    pub(crate) fn new(
        loaded: &Loaded,
        guard: Guard,
        ledger: Ledger,
        entries: &[Entry],
        hand: Client,
    ) -> Self {
        let protected = loaded.estate.services().iter().filter(|service| service.protected);
        let setting = Setting {
            limits: limits(loaded),
            protected: protected.map(|service| service.id.clone()).collect(),
            guard,
        };
        let outside = Outside { ledger, hand, heard: Vec::new() };
        Self { outside, reconciler: Reconciler::new(setting, entries) }
    }

    /// Makes records durable and lets the executor know of them.
    pub(crate) fn record(&mut self, records: &[Record]) -> anyhow::Result<()> {
        if !records.is_empty() {
            let written = self.outside.append(Timestamp::now(), records);
            self.reconciler.apply(&written.context("cannot write the ledger")?);
        }
        Ok(())
    }

    /// Works until something is so, or until the time is up; tells which. `told` sees the
    /// entries' meaning after every step.
    pub(crate) fn work(
        &mut self,
        within: Option<Duration>,
        mut told: impl FnMut(&Reconciler) -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        let end = within.map(|within| Instant::now() + within);
        loop {
            let now = Timestamp::now();
            let settled = self.reconciler.settle(now, &mut self.outside);
            if told(&self.reconciler)? {
                return Ok(true);
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(false);
            }
            let wait = match settled {
                Ok(wake) => until(wake),
                Err(error) => {
                    tracing::error!("the ledger cannot be written: {error}; only lifts go on");
                    LEDGER_WAIT
                }
            };
            let heard = self.outside.hand.heard(wait);
            self.outside.heard.extend(heard);
        }
    }
}

/// The written limits, with what the configuration says otherwise.
fn limits(loaded: &Loaded) -> Limits {
    let mut limits = Limits::default();
    if let Some(seconds) = loaded.config.settle_seconds {
        limits.settle_seconds = seconds;
    }
    limits
}

fn until(wake: Option<Timestamp>) -> Duration {
    let Some(wake) = wake else { return NAP };
    let wait = wake.duration_since(Timestamp::now());
    Duration::try_from(wait).unwrap_or(Duration::ZERO).min(NAP)
}
