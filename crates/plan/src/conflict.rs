//! Why there is no sound plan: the path that stays open, step by step, and the caps that bind.
//!
//! Reasons are words for people; the checker re-derives none of them.

use cordon_model::ids::{NodeIx, ServiceIx};
use cordon_model::plan::Obstacle;

use crate::alternatives::Answer;
use crate::case::{Case, State};
use crate::document::ids;
use crate::field::Field;
use crate::standing::{Standing, stopped_by};

/// Explains an infeasible answer along the first path that its plan leaves open.
pub(crate) fn explain(case: &Case<'_>, answer: &Answer, field: &Field<'_>) -> Vec<Obstacle> {
    let mut conflict = Vec::new();
    if answer.unknown {
        let reason =
            "the limits ended the search before it found a sound plan or proved that there is none";
        conflict.push(Obstacle { node: None, reason: reason.to_owned() });
    }
    let estate = case.net.estate;
    let open = answer.standing.lost.iter().find_map(|&at| {
        let asset = estate.assets().get(at as usize).filter(|asset| asset.must_hold)?;
        asset.places().find(|place| field.reaches(place.0))
    });
    let Some(place) = open else { return conflict };
    let path = field.path(place.0);
    let mut caps: Vec<u32> = Vec::new();
    for (step, id) in (0_usize..).zip(ids(estate, &path)) {
        let Some(&node) = path.get(step) else { continue };
        let reason = step_reason(case, answer, node, step == 0, &mut caps);
        conflict.push(Obstacle { node: Some(id), reason });
    }
    caps.sort_unstable();
    caps.dedup();
    for cap in caps.into_iter().filter_map(|cap| estate.caps().get(cap as usize)) {
        let reason = format!(
            "one plan may hold at most {} withdrawals of the kind `{}`",
            cap.most, cap.kind
        );
        conflict.push(Obstacle { node: None, reason });
    }
    conflict
}

fn step_reason(
    case: &Case<'_>,
    answer: &Answer,
    node: u32,
    first: bool,
    caps: &mut Vec<u32>,
) -> String {
    let net = case.net;
    if first && case.starts.iter().any(|start| start.node == node && start.entrenched) {
        return "the intruder is entrenched here".to_owned();
    }
    if net.estate.is_forbidden(NodeIx(node)) {
        return "it is tagged never-touch or break-glass".to_owned();
    }
    let reasons: Vec<String> =
        net.cover[node].iter().map(|&column| column_reason(case, answer, column, caps)).collect();
    if reasons.is_empty() { "no withdrawal exists".to_owned() } else { reasons.join("; ") }
}

/// Why one withdrawal does not help.
fn column_reason(case: &Case<'_>, answer: &Answer, column: u32, caps: &mut Vec<u32>) -> String {
    let net = case.net;
    let of = &net.columns[column];
    let id = &net.estate.withdrawal(of.first).id;
    if of.forbidden {
        return format!("`{id}` would remove a node tagged never-touch or break-glass");
    }
    let is_start = |by: u32| case.starts.iter().any(|start| start.node == by);
    if let Some(&(_, by)) = of.enforcers.iter().find(|&&(_, by)| is_start(by)) {
        let by = net.estate.id(NodeIx(by));
        return format!("`{id}` is void: the intruder holds its enforcer `{by}`");
    }
    if case.state[column] == State::Fixed {
        return format!("`{id}` is not available or not permitted");
    }
    let mut together = answer.standing.chosen.clone();
    together.push(column);
    let protected = |chosen: &[u32]| {
        let stopped = stopped_by(case, chosen);
        let found = stopped.into_iter().find(|&service| case.protected[service]);
        found.map(|service| net.estate.service(ServiceIx(service)).id.clone())
    };
    if let Some(service) = protected(&[column]) {
        return format!("the protected service `{service}` would stop with `{id}`");
    }
    if let Some(service) = protected(&together) {
        return format!(
            "the protected service `{service}` would stop with `{id}` and what else is withdrawn"
        );
    }
    if let Some(cap) = full_cap(case, &together, column) {
        caps.push(cap);
        return format!("`{id}` would exceed a cap");
    }
    let standing = Standing::of(case, &together);
    if standing.guarded {
        format!("`{id}` alone does not cut the asset off; another path stays open")
    } else {
        format!("`{id}` is void: its enforcer is reachable or would be withdrawn")
    }
}

fn full_cap(case: &Case<'_>, chosen: &[u32], column: u32) -> Option<u32> {
    let columns = &case.net.columns;
    let exceeded = |cap: u32| {
        let counted = chosen.iter().flat_map(|&at| columns[at].caps.iter());
        let count: u32 = counted.filter(|&&(at, _)| at == cap).map(|&(_, times)| times).sum();
        case.net.estate.caps().get(cap as usize).is_some_and(|cap| count > cap.most)
    };
    columns[column].caps.iter().map(|&(cap, _)| cap).find(|&cap| exceeded(cap))
}
