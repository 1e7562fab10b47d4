//! The one form of a settled plan, in which every change shows.
//!
//! A plan may be true in many ways: another real path, another sum of rows. A
//! plan that says it is settled has one form only; `model::plan` tells which.
//! Plans of other tools need not be settled, and nothing here is asked of them.
//! What the form asks of certificates is in [`crate::certificate`].

mod shown;
mod wire;

pub(crate) use shown::asset_behind;

use cordon_model::estate::Asset;
use cordon_model::plan::AlternativeName::{Balanced, Now, Strict};
use cordon_model::plan::Status;
use cordon_model::{Estate, Mode, NodeId, NodeIx, WithdrawalIx};

use crate::case::Case;
use crate::claim::{AlternativeClaim, DocumentClaim};
use crate::links::{Lists, PerNode, back};
use crate::objections::{Objections, path_text};

/// What only settled plans are checked against.
#[derive(Debug)]
pub(crate) struct FormGround {
    /// The nodes from which control can pass straight to a node.
    pub(crate) back: Lists<NodeIx>,
    /// One more than the fewest links to an asset that is worth something; 0 where there is no way.
    label: PerNode<u32>,
}

impl FormGround {
    pub(crate) fn new(estate: &Estate) -> Self {
        let back = back(estate);
        let mut label: PerNode<u32> = PerNode::new(estate);
        let assets = estate.assets().iter().filter(|asset| is_worth(asset));
        let mut queue: Vec<NodeIx> = assets.flat_map(Asset::places).collect();
        queue.iter().for_each(|&node| label.set(node, 1));
        let mut at = 0;
        while let Some(&node) = queue.get(at) {
            at += 1;
            for &before in back.of(node) {
                if label.get(before) == 0 {
                    label.set(before, label.get(node) + 1);
                    queue.push(before);
                }
            }
        }
        Self { back, label }
    }
}

fn is_worth(asset: &Asset) -> bool {
    asset.must_hold || asset.loss.0 > 0
}

/// Tells whether any certificate says that the plan is settled.
pub(crate) fn is_claimed(document: &DocumentClaim) -> bool {
    document.alternatives.iter().any(is_settled)
}

fn is_settled(claim: &AlternativeClaim) -> bool {
    claim.certificate.as_ref().is_some_and(|certificate| certificate.settled == Some(true))
}

/// Checks what the form asks of the document as a whole.
pub(crate) fn check_document(text: &str, document: &DocumentClaim, objections: &mut Objections) {
    wire::check(text, objections);
    for claim in document.alternatives.iter().filter(|claim| !is_settled(claim)) {
        let name = claim.name.as_str();
        let what = format!("`{name}` does not say that it is settled, as the others do");
        objections.object("wrong-form", what);
    }
    for name in [Now, Balanced, Strict] {
        let there = document.alternatives.iter().any(|claim| claim.name == name);
        objections.unless(there, "missing-alternative", || {
            format!("it is settled, and `{}` is missing", name.as_str())
        });
    }
}

/// Checks what the form asks of the paths, the order and the conflict of an alternative.
pub(crate) fn check(case: &Case<'_>, objections: &mut Objections) {
    if case.ground.form.is_none() {
        return;
    }
    check_withdrawals(case, objections);
    check_assets(case, objections);
    check_conflict(case, objections);
    check_alone(case, objections);
}

/// Whether Cordon may raise anything alone must be said as the asker knows it, and of `now` only.
fn check_alone(case: &Case<'_>, objections: &mut Objections) {
    let said = case.says_alone();
    let authority = case.context.authority.as_ref();
    let is = match case.claim.name {
        Now => authority.map_or(said, |authority| !authority.is_empty()),
        Balanced | Strict => false,
    };
    objections.unless(said == is, "wrong-alone", || match is {
        true => "Cordon may raise something alone, which its certificate does not say".to_owned(),
        false => "its certificate says that Cordon may raise something alone".to_owned(),
    });
}

fn check_withdrawals(case: &Case<'_>, objections: &mut Objections) {
    for claim in &case.claim.withdrawals {
        let Some(index) = case.estate.find_withdrawal(claim.id.as_str()) else { continue };
        let said = claim.path.as_deref().unwrap_or_default();
        let refuse = lead(case, index);
        match shown::opened(case, refuse) {
            Some(path) => {
                compare(case, said, &path, &format!("path of `{}`", claim.id), objections)
            }
            None => objections.object(
                "useless",
                format!("nothing opens without `{}`; a settled plan leaves it out", claim.id),
            ),
        }
    }
}

fn check_assets(case: &Case<'_>, objections: &mut Objections) {
    for claim in &case.claim.reachable_assets {
        let asset = case.estate.find(claim.node.as_str()).and_then(|node| case.ground.asset(node));
        let place = asset.and_then(|(_, asset)| first_place(case, asset));
        if let Some(place) = place {
            let said = claim.path.as_deref().unwrap_or_default();
            let path = case.reached.path(place);
            compare(case, said, &path, &format!("path to `{}`", claim.node), objections);
        }
    }
}

/// The first place of an asset that is reached.
fn first_place(case: &Case<'_>, asset: &Asset) -> Option<NodeIx> {
    asset.places().find(|&place| case.reached.contains(place))
}

fn compare(
    case: &Case<'_>,
    said: &[NodeId],
    path: &[NodeIx],
    field: &str,
    objections: &mut Objections,
) {
    let same = said.iter().eq(path.iter().map(|&node| case.estate.id(node)));
    objections.unless(same, "wrong-path", || {
        format!(
            "the {field} is not the one that a settled plan shows: {}",
            path_text(case.estate, path)
        )
    });
}

/// The withdrawal by which a column is named.
pub(crate) fn lead(case: &Case<'_>, index: WithdrawalIx) -> WithdrawalIx {
    let withdrawal = case.estate.withdrawal(index);
    withdrawal.partner.filter(|_| withdrawal.mode == Mode::End).unwrap_or(index)
}

/// The conflict is the path to the first hard asset that is lost, and then the guards that
/// leave no plan; which those are only a search could tell, so their number stands with each.
fn check_conflict(case: &Case<'_>, objections: &mut Objections) {
    if case.claim.status != Status::Infeasible {
        return;
    }
    let asset = case.lost.iter().find(|asset| asset.must_hold);
    let Some(place) = asset.and_then(|asset| first_place(case, asset)) else { return };
    let path = case.reached.path(place);
    let obstacles = case.claim.conflict.as_deref().unwrap_or_default();
    let (nodes, others) = obstacles.split_at(path.len().min(obstacles.len()));
    let same = nodes
        .iter()
        .map(|obstacle| obstacle.node.as_ref())
        .eq(path.iter().map(|&node| Some(case.estate.id(node))));
    objections.unless(same, "wrong-conflict", || {
        let path = path_text(case.estate, &path);
        format!("the path of its conflict is not the one that a settled plan shows: {path}")
    });
    let all = u32::try_from(obstacles.len()).ok();
    let fine = others.iter().all(|obstacle| obstacle.node.is_none())
        && obstacles.iter().all(|obstacle| obstacle.of == all);
    objections.unless(fine, "wrong-conflict", || {
        let count = obstacles.len();
        format!("its conflict has {count} obstacles, which not all of them say, or a node after its path")
    });
}
