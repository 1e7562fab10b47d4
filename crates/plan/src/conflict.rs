//! Why there is no sound plan: the path that stays open, step by step, and the caps that bind.
//!
//! Reasons are words for people; the checker re-derives none of them.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::ids::{NodeIx, ServiceIx};
use cordon_model::plan::Obstacle;

use crate::alternatives::Answer;
use crate::case::{Case, Guard, State};
use crate::document::{Shown, ids};
use crate::standing::{Standing, stopped_by};

/// Explains an infeasible answer along the path that its plan leaves open to the first hard asset.
pub(crate) fn explain(case: &Case<'_>, answer: &Answer, shown: &Shown<'_>) -> Vec<Obstacle> {
    let estate = case.net.estate;
    let open = answer.standing.lost.iter().find_map(|&at| {
        let asset = estate.assets().get(at as usize).filter(|asset| asset.must_hold)?;
        asset.places().find(|place| shown.reaches(place.0))
    });
    let Some(place) = open else { return Vec::new() };
    let path = shown.path(place.0);
    let mut conflict = Vec::new();
    for (step, id) in (0_usize..).zip(ids(estate, &path)) {
        let Some(&node) = path.get(step) else { continue };
        let mut reason = step_reason(case, answer, node, step == 0);
        if answer.unknown && step == 0 {
            reason = format!("{LIMITS_ENDED}; {reason}");
        }
        conflict.push(Obstacle { node: Some(id), of: None, reason });
    }
    conflict.extend(blamed(case, answer, &path));
    let all = u32::try_from(conflict.len()).ok();
    conflict.iter_mut().for_each(|obstacle| obstacle.of = all);
    conflict
}

/// The guards that leave no plan; where they are not known, the caps that are full along the path.
fn blamed(case: &Case<'_>, answer: &Answer, path: &[u32]) -> Vec<Obstacle> {
    let estate = case.net.estate;
    let cap_of = |guard: &Guard| match *guard {
        Guard::Cap(cap) => Some(cap as usize),
        Guard::Service(_) => None,
    };
    let service_of = |guard: &Guard| match *guard {
        Guard::Cap(_) => None,
        Guard::Service(at) => Some(format!("`{}`", estate.service(ServiceIx(at)).id)),
    };
    let caps: BTreeSet<usize> = if answer.guards.is_empty() {
        full_caps(case, answer, path)
    } else {
        answer.guards.iter().filter_map(cap_of).collect()
    };
    let services: Vec<String> = answer.guards.iter().filter_map(service_of).collect();
    let together = if answer.guards.len() > 1 {
        "; this and the others without a node leave no plan together, and any one of them less leaves one"
    } else {
        ""
    };
    let caps = caps.into_iter().filter_map(|at| estate.caps().get(at));
    let mut reasons: Vec<String> = caps
        .map(|cap| {
            let (most, kind) = (cap.most, &cap.kind);
            format!("one plan may hold at most {most} withdrawals of the kind `{kind}`{together}")
        })
        .collect();
    if !services.is_empty() {
        let services = services.join(", ");
        reasons.push(format!("protected and may not stop: {services}{together}"));
    }
    reasons.into_iter().map(|reason| Obstacle { node: None, of: None, reason }).collect()
}

/// How the first obstacle begins when the limits ended the search before it knew whether there is a plan.
pub const LIMITS_ENDED: &str =
    "the limits ended the search before it found a sound plan or proved that there is none";

/// The caps that keep a withdrawal which may be used from cutting a path, ascending.
fn full_caps(case: &Case<'_>, answer: &Answer, path: &[u32]) -> BTreeSet<usize> {
    let columns = &case.net.columns;
    let chosen = &answer.standing.chosen;
    let mut held: BTreeMap<u32, u32> = BTreeMap::new();
    for &(cap, times) in chosen.iter().flat_map(|&at| columns[at].caps.iter()) {
        *held.entry(cap).or_default() += times;
    }
    let full = |&(cap, times): &(u32, u32)| {
        let held = held.get(&cap).copied().unwrap_or(0);
        case.net.estate.caps().get(cap as usize).is_some_and(|cap| held + times > cap.most)
    };
    let cutters = case.cutters(path);
    let more = cutters.into_iter().filter(|column| chosen.binary_search(column).is_err());
    let caps = more.flat_map(|column| columns[column].caps.iter());
    caps.filter(|cap| full(cap)).map(|&(cap, _)| cap as usize).collect()
}

fn step_reason(case: &Case<'_>, answer: &Answer, node: u32, first: bool) -> String {
    let net = case.net;
    if first && case.starts.iter().any(|start| start.node == node && start.entrenched) {
        return "the intruder is entrenched here".to_owned();
    }
    if net.estate.is_forbidden(NodeIx(node)) {
        return "it is tagged never-touch or break-glass".to_owned();
    }
    let reasons: Vec<String> =
        net.cover[node].iter().map(|&column| column_reason(case, answer, column)).collect();
    if reasons.is_empty() { "no withdrawal exists".to_owned() } else { reasons.join("; ") }
}

/// Why one withdrawal does not help.
fn column_reason(case: &Case<'_>, answer: &Answer, column: u32) -> String {
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
    if of.enforcers.iter().any(|(_, by)| of.stops.contains(by)) {
        return format!("`{id}` is void: it stops its own enforcer");
    }
    if case.state(column) == State::Fixed {
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
    if exceeds_cap(case, &together, column) {
        return format!("`{id}` would exceed a cap");
    }
    let standing = Standing::of(case, &together);
    if standing.guarded {
        format!("`{id}` alone does not cut the asset off; another path stays open")
    } else {
        format!("`{id}` is void: its enforcer is reachable or would be withdrawn")
    }
}

fn exceeds_cap(case: &Case<'_>, chosen: &[u32], column: u32) -> bool {
    let columns = &case.net.columns;
    let exceeded = |cap: u32| {
        let counted = chosen.iter().flat_map(|&at| columns[at].caps.iter());
        let count: u32 = counted.filter(|&&(at, _)| at == cap).map(|&(_, times)| times).sum();
        case.net.estate.caps().get(cap as usize).is_some_and(|cap| count > cap.most)
    };
    columns[column].caps.iter().any(|&(cap, _)| exceeded(cap))
}
