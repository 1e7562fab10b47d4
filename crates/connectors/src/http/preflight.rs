//! What the connector may do, asked before the night on which it must.
//!
//! Vendors tell it in different ways: claims of a token, roles of a user, a
//! simulated call. A definition says where the names of the rights that are held
//! stand; what each act needs is written at its requests. Held rights that no
//! act needs are told as excessive.

use std::collections::BTreeSet;
use std::time::Instant;

use cordon_model::Mode;
use cordon_model::action::{Act, Json, Trouble, TroubleKind};
use serde_json::{Map, json};

use super::definition::{Request, Withdrawal};
use super::steps::Steps;
use crate::{Check, Readiness};

/// One line for each act of each kind, and one if more is permitted than is needed.
pub(super) fn checks(steps: Steps<'_>, withdrawals: &[&Withdrawal], end: Instant) -> Vec<Check> {
    let held = rights(steps, end);
    let mut checks = Vec::new();
    for withdrawal in withdrawals {
        for (act, requests) in acts(withdrawal) {
            let finding = match &held {
                Err(trouble) => Readiness::Unable(trouble.clone()),
                Ok(None) => silent(steps, act),
                Ok(Some(held)) => able(steps, held, act, &requests),
            };
            checks.push(Check { kind: withdrawal.kind.clone(), act, finding });
        }
    }
    if let (Ok(Some(held)), Some(first)) = (&held, withdrawals.first()) {
        let surplus = surplus(steps, held, withdrawals);
        if !surplus.is_empty() {
            let finding = Readiness::Excessive(format!(
                "in {} the connector also holds {}; take it away",
                steps.definition.title,
                surplus.join(", ")
            ));
            checks.push(Check { kind: first.kind.clone(), act: raising(first), finding });
        }
    }
    checks
}

/// The rights that are held; none if the vendor does not tell.
fn rights(steps: Steps<'_>, end: Instant) -> Result<Option<BTreeSet<String>>, Trouble> {
    let mut scope = Map::new();
    scope.insert("settings".to_owned(), steps.settings.clone());
    scope.insert("etag".to_owned(), json!({}));
    let token = steps.wire.token(end)?;
    let mut answer = token.map_or(json!({}), |token| token.answer);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("kind".to_owned(), steps.wire.auth_kind.into());
    }
    scope.insert("auth".to_owned(), answer);
    steps.run(&steps.definition.preflight.steps, &mut scope, end)?;
    let scope = Json::Object(scope);
    let paths = &steps.definition.preflight.rights;
    if paths.is_empty() {
        return Ok(None);
    }
    let mut held = BTreeSet::new();
    for path in paths {
        let found = path.of(&scope);
        let names = found.as_array().into_iter().flatten().filter_map(Json::as_str);
        held.extend(names.map(str::to_owned));
    }
    Ok(Some(held))
}

fn raising(withdrawal: &Withdrawal) -> Act {
    Act::raising(withdrawal.mode)
}

fn acts(withdrawal: &Withdrawal) -> Vec<(Act, Vec<&Request>)> {
    let look = withdrawal.find.iter().chain(&withdrawal.look).collect();
    let mut acts =
        vec![(Act::Look, look), (raising(withdrawal), withdrawal.raise.iter().collect())];
    if withdrawal.mode == Mode::Refuse {
        acts.push((Act::Restore, withdrawal.restore.iter().collect()));
    }
    if let Some(probe) = &withdrawal.probe {
        acts.push((Act::Probe, probe.steps.iter().collect()));
    }
    acts
}

fn able(steps: Steps<'_>, held: &BTreeSet<String>, act: Act, requests: &[&Request]) -> Readiness {
    let needs = requests.iter().flat_map(|request| &request.needs);
    let missing: BTreeSet<&str> = needs
        .filter(|need| !need.least.iter().chain(&need.broader).any(|right| held.contains(right)))
        .filter_map(|need| need.least.first().map(String::as_str))
        .collect();
    if missing.is_empty() {
        return Readiness::Able;
    }
    let missing: Vec<&str> = missing.into_iter().collect();
    let why = format!(
        "in {} the connector lacks {}; grant it, or it cannot {}",
        steps.definition.title,
        missing.join(", "),
        word(act)
    );
    Readiness::Unable(Trouble::new(TroubleKind::Denied, why))
}

/// The vendor does not tell: reading was just tried, writing was not.
fn silent(steps: Steps<'_>, act: Act) -> Readiness {
    if matches!(act, Act::Look | Act::Probe) {
        return Readiness::Able;
    }
    let why = format!(
        "{} does not tell beforehand whether the connector may {}",
        steps.definition.title,
        word(act)
    );
    Readiness::Unable(Trouble::new(TroubleKind::Unknown, why))
}

fn word(act: Act) -> &'static str {
    match act {
        Act::Look => "look",
        Act::Refuse => "refuse",
        Act::End => "end",
        Act::Restore => "restore",
        Act::Probe => "probe",
    }
}

fn surplus(steps: Steps<'_>, held: &BTreeSet<String>, withdrawals: &[&Withdrawal]) -> Vec<String> {
    let requests = withdrawals.iter().flat_map(|withdrawal| acts(withdrawal));
    let needs = requests.flat_map(|(_, requests)| requests).flat_map(|request| &request.needs);
    let least: BTreeSet<&str> = needs.flat_map(|need| &need.least).map(String::as_str).collect();
    let harmless = &steps.definition.preflight.harmless;
    let surplus = held.iter().filter(|right| !least.contains(right.as_str()));
    surplus.filter(|right| !harmless.contains(right)).cloned().collect()
}
