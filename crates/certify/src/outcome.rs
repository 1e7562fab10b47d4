//! What the plan leaves: which services it stops and which assets it leaves reachable.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::estate::Asset;
use cordon_model::plan::{AlternativeName, Status};
use cordon_model::{NodeIx, ServiceId};

use crate::case::Case;
use crate::claim::AssetClaim;
use crate::objections::{Objections, path_text};

/// Checks `stopped_services`, `reachable_assets` and `complete`.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) {
    check_services(case, objections);
    check_hard_assets(case, objections);
    check_assets(case, objections);
}

fn check_services(case: &Case<'_>, objections: &mut Objections) {
    let claimed = &case.claim.stopped_services;
    ascending(claimed.iter().map(ServiceId::as_str), "stopped_services", objections);
    let said: BTreeSet<&ServiceId> = claimed.iter().collect();
    let is: BTreeSet<&ServiceId> =
        case.stopped.iter().map(|&service| &case.estate.service(service).id).collect();
    for hidden in is.difference(&said) {
        objections.object("hidden-stop", format!("it stops `{hidden}` and does not say so"));
    }
    for invented in said.difference(&is) {
        objections
            .object("invented-stop", format!("it says that it stops `{invented}`; it does not"));
    }
}

/// A plan that claims to be sound must hold every hard asset.
fn check_hard_assets(case: &Case<'_>, objections: &mut Objections) {
    let hard: Vec<&Asset> = case.lost.iter().copied().filter(|asset| asset.must_hold).collect();
    for asset in hard.iter().filter(|_| !case.may_lose_hard()) {
        let (node, path) = (case.estate.id(asset.node), open_path(case, asset));
        let path = path_text(case.estate, &path);
        objections
            .object("open-path", format!("`{node}` must hold, but a path stays open: {path}"));
    }
    let infeasible = case.claim.status == Status::Infeasible;
    objections.unless(!(infeasible && hard.is_empty()), "wrong-status", || {
        "it is called infeasible, but leaves no path to an asset that must hold".to_owned()
    });
    objections.unless(
        !(infeasible && case.claim.name == AlternativeName::Now),
        "wrong-status",
        || "`now` is never infeasible: what it leaves shows in `complete`".to_owned(),
    );
    objections.unless(case.claim.complete == hard.is_empty(), "wrong-complete", || {
        match hard.first() {
            Some(asset) => {
                let node = case.estate.id(asset.node);
                format!("it is called complete, but leaves `{node}` reachable, which must hold")
            }
            None => "it is called incomplete, but holds everything that must hold".to_owned(),
        }
    });
}

fn check_assets(case: &Case<'_>, objections: &mut Objections) {
    let claims = &case.claim.reachable_assets;
    ascending(claims.iter().map(|claim| claim.node.as_str()), "reachable_assets", objections);
    let lost: BTreeMap<NodeIx, &Asset> =
        case.lost.iter().map(|asset| (asset.node, *asset)).collect();
    let mut said = BTreeSet::new();
    for claim in claims {
        let found = case.estate.find(claim.node.as_str());
        match found.and_then(|node| lost.get(&node)) {
            Some(asset) => {
                said.insert(asset.node);
                check_loss(claim, asset, objections);
            }
            None => objections.object(
                "invented-asset",
                format!("`{}` is not an asset that stays reachable", claim.node),
            ),
        }
    }
    for (_, asset) in lost.iter().filter(|(node, _)| !said.contains(node)) {
        let path = path_text(case.estate, &open_path(case, asset));
        let node = case.estate.id(asset.node);
        objections
            .object("hidden-asset", format!("`{node}` stays reachable and is not listed: {path}"));
    }
}

fn check_loss(claim: &AssetClaim, asset: &Asset, objections: &mut Objections) {
    objections.unless(claim.loss == asset.loss, "wrong-loss", || {
        format!("the loss of `{}` is {}, not {}", claim.node, asset.loss, claim.loss)
    });
}

fn open_path(case: &Case<'_>, asset: &Asset) -> Vec<NodeIx> {
    let place = asset.places().find(|&place| case.reached.contains(place));
    place.map(|place| case.reached.path(place)).unwrap_or_default()
}

/// Objects where a list that stands for a set is not sorted or names something twice.
fn ascending<'a>(items: impl Iterator<Item = &'a str>, field: &str, objections: &mut Objections) {
    let mut before: Option<&str> = None;
    for item in items {
        objections.unless(before.is_none_or(|before| before < item), "unsorted", || {
            format!("`{item}` is out of order or there twice in `{field}`")
        });
        before = Some(item);
    }
}
