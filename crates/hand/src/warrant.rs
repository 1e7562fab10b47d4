//! A warrant: the whole case for raising a cordon, judged by the hand itself.
//!
//! The program brings the plan, the orders and people's decisions. The hand
//! computes the plan's hash, has the independent checker accept the plan on its
//! own estate, makes the orders anew from it, and asks its own authority. What
//! fits is durable before it is accepted; what does not is refused with the rule.

use std::collections::{BTreeMap, BTreeSet};

use cordon_authority::{Attempts, Authority, Decision as Word, Question};
use cordon_certify::Context as CheckContext;
use cordon_execute::orders::{Terms, orders};
use cordon_model::plan::{Alternative, PlanDocument};
use cordon_model::record::{By, Decision, Raise};
use cordon_model::{Estate, NodeId, Timestamp, WithdrawalId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The case for a cordon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warrant {
    /// What is to be raised.
    pub raise: Raise,
    /// The whole plan behind it.
    pub document: PlanDocument,
    /// What was in force when the plan was made.
    pub in_force: Vec<WithdrawalId>,
    /// What could not be used when the plan was made.
    pub unavailable: Vec<WithdrawalId>,
    /// What people have decided about it.
    pub decisions: Vec<Decision>,
    /// Own nodes of the people at work that the order names, knowing whose they are.
    #[serde(default)]
    pub knowingly: BTreeSet<NodeId>,
}

/// SHA-256 of a plan's canonical JSON without `seconds`, in hexadecimal.
///
/// # Errors
/// When a number of it has no form in JSON.
pub fn hash_of(document: &PlanDocument) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(document)?;
    canonical(&mut value);
    let digest = Sha256::digest(serde_json::to_vec(&value)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Takes `seconds` out and sorts keys, whatever order the library keeps them in.
fn canonical(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("seconds");
            let mut entries: Vec<(String, Value)> = std::mem::take(object).into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.iter_mut().for_each(|(_, value)| canonical(value));
            *object = Map::from_iter(entries);
        }
        Value::Array(values) => values.iter_mut().for_each(canonical),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Finds the alternative of a warrant, if the plan is the one that was approved,
/// the checker accepts it and the orders are its own.
///
/// # Errors
/// What does not fit, in words.
pub fn examine<'w>(estate: &Estate, warrant: &'w Warrant) -> Result<&'w Alternative, String> {
    let choice = &warrant.raise.choice;
    let hash =
        hash_of(&warrant.document).map_err(|error| format!("the plan is broken: {error}"))?;
    if hash != choice.sha256 {
        return Err(format!("the plan is not the one that was chosen: its hash is {hash}"));
    }
    let context = CheckContext {
        in_force: warrant.in_force.iter().cloned().collect(),
        unavailable: warrant.unavailable.iter().cloned().collect(),
        ..CheckContext::default()
    };
    let verdict = cordon_certify::check(estate, &warrant.document, &context);
    if let Some(objection) = verdict.objections.first() {
        return Err(format!("the checker does not accept the plan: {}", objection.what));
    }
    let alternatives = &warrant.document.alternatives;
    let chosen = alternatives.iter().find(|a| a.name == choice.alternative);
    let chosen = chosen.ok_or_else(|| "the plan has no such alternative".to_owned())?;
    same_orders(estate, warrant, chosen)?;
    Ok(chosen)
}

/// The orders have to be those of the plan, to the letter; what is in force already may be left out.
fn same_orders(estate: &Estate, warrant: &Warrant, chosen: &Alternative) -> Result<(), String> {
    let Some(first) = warrant.raise.orders.first() else {
        return Err("there is nothing to raise".to_owned());
    };
    let (ttl_seconds, note) = (first.ttl_seconds, first.note.clone());
    let made = orders(estate, chosen, &Terms { ttl_seconds, note, connector: None });
    let made: BTreeMap<&WithdrawalId, _> = made.iter().map(|o| (&o.withdrawal, o)).collect();
    let given = warrant.raise.orders.iter();
    match given.into_iter().find(|order| made.get(&order.withdrawal) != Some(order)) {
        Some(order) => {
            Err(format!("the order for `{}` is not what the plan says", order.withdrawal))
        }
        None => Ok(()),
    }
}

/// Asks the authority whether a warrant that was examined may be carried out.
///
/// Somebody counts as the one who raises it only by a signed approval of the same plan;
/// otherwise Cordon does, with what it may do alone.
///
/// # Errors
/// The rules against it, or what approval is missing, in words.
pub fn allowed(
    authority: &Authority,
    estate: &Estate,
    warrant: &Warrant,
    chosen: &Alternative,
    attempts: Attempts,
    now: Timestamp,
) -> Result<String, String> {
    let raise = &warrant.raise;
    let approvers = authority.approvers(&raise.choice, &warrant.decisions, now);
    if let Some(who) = approvers.no {
        return Err(format!("{who} has declined it"));
    }
    let by = match &raise.by {
        By::Person(name) if approvers.counted.contains(name) => raise.by.clone(),
        By::Person(_) | By::Cordon => By::Cordon,
    };
    let question = Question {
        approvals: approvers.counted,
        attempts,
        knowingly: warrant.knowingly.clone(),
        in_force: warrant.in_force.iter().cloned().collect(),
        ..Question::by(by)
    };
    let ruling = authority.may_raise_plan(estate, &warrant.document, chosen, true, &question);
    let why = rules(&ruling.decision);
    match &ruling.decision {
        Word::Allowed { approved_by, .. } if approved_by.is_empty() => Ok(why),
        Word::Allowed { approved_by, .. } => Ok(format!("approved by {}", approved_by.join(", "))),
        Word::Refused { .. } => Err(why),
        Word::NeedsApproval { missing, .. } => {
            let uncounted: Vec<String> = approvers
                .uncounted
                .iter()
                .map(|(who, why)| format!("; the word of {who} does not count: {why}"))
                .collect();
            Err(format!(
                "{missing} more must approve exactly this plan ({why}){}",
                uncounted.concat()
            ))
        }
    }
}

fn rules(word: &Word) -> String {
    let rules: Vec<String> = word.because().iter().map(ToString::to_string).collect();
    rules.join("; ")
}
