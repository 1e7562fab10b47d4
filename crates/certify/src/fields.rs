//! The withdrawals one by one: what the plan says of each against what the estate says.

use std::collections::BTreeSet;
use std::fmt::Display;

use cordon_model::estate::Withdrawal;
use cordon_model::{Mode, ServiceId};

use crate::case::Case;
use crate::claim::WithdrawalClaim;
use crate::objections::Objections;

/// Checks every field of every withdrawal but its order and path.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) {
    let mut seen = BTreeSet::new();
    for claim in &case.claim.withdrawals {
        if !seen.insert(&claim.id) {
            objections.object("duplicate-withdrawal", format!("`{}` is there twice", claim.id));
            continue;
        }
        match case.estate.find_withdrawal(claim.id.as_str()) {
            Some(found) => check_one(case, claim, case.estate.withdrawal(found), objections),
            None => objections.object(
                "unknown-withdrawal",
                format!("the estate offers no withdrawal `{}`", claim.id),
            ),
        }
    }
}

fn check_one(
    case: &Case<'_>,
    claim: &WithdrawalClaim,
    truth: &Withdrawal,
    objections: &mut Objections,
) {
    let mut differ = |code: &str, field: &str, said: String, is: String| {
        objections.unless(said == is, code, || {
            format!("the {field} of `{}` is {is}, not {said}", claim.id)
        });
    };
    differ("wrong-kind", "kind", quote(&claim.kind), quote(&truth.kind));
    differ("wrong-mode", "mode", mode(claim.mode), mode(truth.mode));
    let targets = truth.removes.iter().map(|&node| case.estate.id(node));
    differ("wrong-targets", "list of targets", list(&claim.targets), list(targets));
    let price = case.price(truth);
    differ("wrong-price", "price", claim.cost.to_string(), price.to_string());
    let stops = stops_alone(case, truth);
    differ("wrong-stops", "list of services that it would stop", list(&claim.stops), list(stops));
    let enforcer = truth.enforcer.map(|node| case.estate.id(node));
    let words = |node: Option<String>| node.unwrap_or_else(|| "nobody".to_owned());
    let (said, is) = (claim.enforcer.as_ref().map(quote), enforcer.map(quote));
    differ("wrong-enforcer", "enforcer", words(said), words(is));
}

/// The services that would stop if this withdrawal were raised and nothing else.
fn stops_alone<'a>(case: &Case<'a>, withdrawal: &Withdrawal) -> Vec<&'a ServiceId> {
    if !withdrawal.stops {
        return Vec::new();
    }
    let stopped = case.ground.dependence.stopped(withdrawal.removes.iter().copied());
    stopped.into_iter().map(|service| &case.estate.service(service).id).collect()
}

fn quote(text: impl Display) -> String {
    format!("`{text}`")
}

fn mode(mode: Mode) -> String {
    match mode {
        Mode::Refuse => quote("refuse"),
        Mode::End => quote("end"),
    }
}

/// Writes a list so that two texts are equal exactly when the lists are.
fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(quote).collect();
    if texts.is_empty() { "empty".to_owned() } else { format!("({})", texts.join(", ")) }
}
