//! The sieves of a scan, made when the first record needs one.
//!
//! Classes whose gates come out alike share a sieve: of the thousands of kinds
//! of Windows events that no rule asks for by number, all do.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::gate::{Sign, gate_of};
use super::sieve::{Plan, Sieve};
use crate::rules::Rules;

/// More sieves are not made; what is settled for a class is left open then.
const MOST: usize = 512;

/// All sieves.
#[derive(Default)]
pub(crate) struct Sieves(Mutex<FxHashMap<Plan, Arc<Sieve>>>);

impl Sieves {
    /// Returns the sieve for the rules of some engines and records with some
    /// fields settled (names and folded values).
    pub(crate) fn of(
        &self,
        rules: &Rules,
        engines: &[usize],
        settled: &[(String, String)],
    ) -> Arc<Sieve> {
        let plan = plan(rules, engines, settled);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sieve) = known.get(&plan) {
            return Arc::clone(sieve);
        }
        if known.len() >= MOST && !settled.is_empty() {
            drop(known);
            return self.of(rules, engines, &[]);
        }
        let sieve = Arc::new(plan.sieve(known.len()));
        known.insert(plan, Arc::clone(&sieve));
        sieve
    }
}

fn plan(rules: &Rules, engines: &[usize], settled: &[(String, String)]) -> Plan {
    let is_settled = |sign: &Sign| settle(sign, settled);
    let mut plan = Plan::default();
    for engine in engines {
        let of_engine = rules.engines.get(*engine).map(|of_rules| of_rules.rules.as_slice());
        for (number, rule) in of_engine.unwrap_or_default().iter().enumerate() {
            plan.add(*engine, number, gate_of(rule, &is_settled));
        }
    }
    plan
}

/// Tells what the settled fields say of a sign.
fn settle(sign: &Sign, settled: &[(String, String)]) -> Option<bool> {
    let value = |field: &str| {
        let known = settled.iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
        known.map(|(_, value)| value.as_str())
    };
    match sign {
        Sign::Present(field) => value(field).map(|_| true),
        Sign::Equal(field, text) => value(field).map(|value| value == text.as_str()),
        Sign::Holds(field, text) => value(field).map(|value| value.contains(text.as_str())),
        Sign::Number(field, bits) => value(field).map(|value| {
            value
                .parse()
                .is_ok_and(|value: f64| (value - f64::from_bits(*bits)).abs() < f64::EPSILON)
        }),
        Sign::Word(_) => None,
    }
}
