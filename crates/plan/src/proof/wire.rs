//! Rows as they are written, and their order.

use cordon_model::ids::{NodeId, NodeIx};
use cordon_model::plan::Row;

use super::better::owner;
use crate::case::Case;
use crate::document::ids;
use crate::master::Key;

/// Writes a row.
pub(super) fn row(case: &Case<'_>, key: &Key, multiplier: u64) -> Row {
    let net = case.net;
    let estate = net.estate;
    let id = |node: u32| estate.id(NodeIx(node)).clone();
    let name = |column: u32| estate.withdrawal(net.columns[column].first).id.clone();
    match key {
        Key::Path { path, asset } => {
            let node = estate.assets().get(*asset as usize).map_or(0, |asset| asset.node.0);
            Row::Path { multiplier, path: ids(estate, path), asset: id(node) }
        }
        Key::Need { gate, children } => {
            let gate = &net.gates.gates[*gate];
            let owner = owner(case, gate.owner);
            Row::Need { multiplier, owner, gate: gate.position, children: children.clone() }
        }
        Key::Stop { column, node } => {
            Row::Stop { multiplier, withdrawal: name(*column), node: id(*node) }
        }
        Key::Cap { cap } => {
            let kind = estate.caps().get(*cap as usize).map_or("", |cap| &cap.kind);
            Row::Cap { multiplier, kind: kind.to_owned() }
        }
        Key::Enforcer { withdrawal, path } => Row::Enforcer {
            multiplier,
            withdrawal: estate.withdrawal(*withdrawal).id.clone(),
            path: ids(estate, path),
        },
        Key::Exclusive { withdrawal, by } => Row::Exclusive {
            multiplier,
            withdrawal: estate.withdrawal(*withdrawal).id.clone(),
            by: name(*by),
        },
        Key::Lost => Row::Lost { multiplier },
    }
}

/// What rows are sorted by: kind, then fields as listed but for the multiplier.
pub(super) fn rank<'r>(row: &'r Row) -> impl Ord + use<'r> {
    type Rank<'r> = (u8, &'r [NodeId], [&'r str; 2], (u32, &'r [u32]), &'r [NodeId]);
    let named = |kind: u8, names: [&'r str; 2]| -> Rank<'r> { (kind, &[], names, (0, &[]), &[]) };
    let rank: Rank<'r> = match row {
        Row::Path { path, asset, .. } => (0, path, [asset.as_str(), ""], (0, &[]), &[]),
        Row::Need { owner, gate, children, .. } => (1, &[], [owner, ""], (*gate, children), &[]),
        Row::Stop { withdrawal, node, .. } => named(2, [withdrawal.as_str(), node.as_str()]),
        Row::Cap { kind, .. } => named(3, [kind, ""]),
        Row::Enforcer { withdrawal, path, .. } => {
            (4, &[], [withdrawal.as_str(), ""], (0, &[]), path)
        }
        Row::Exclusive { withdrawal, by, .. } => named(5, [withdrawal.as_str(), by.as_str()]),
        Row::Lost { .. } => named(6, ["", ""]),
    };
    rank
}
