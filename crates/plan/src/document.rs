//! Puts an answer into the words and numbers of `cordon_model::plan`.
//!
//! Adds what people ask of a plan and the checker re-derives: the order, the
//! path that opens without each withdrawal, what each stops by itself, what
//! remains reachable and by which path.

mod shown;

use cordon_model::Money;
use cordon_model::estate::Estate;
use cordon_model::ids::{NodeId, NodeIx, ServiceId, ServiceIx, WithdrawalIx};
use cordon_model::plan::{
    Alternative, AlternativeName, Certificate, PlanCost, PlannedWithdrawal, Proof, ReachableAsset,
    Status,
};
use rustc_hash::FxHashMap;

pub(crate) use shown::Shown;

use crate::alternatives::Answer;
use crate::case::Case;
use crate::conflict;
use crate::expected::residual_loss;
use crate::gates::Fallout;
use crate::order::{self, Cut};
use crate::request::Foothold;

/// Everything that an alternative says, but for its time.
pub(crate) fn alternative(
    case: &Case<'_>,
    name: AlternativeName,
    answer: Answer,
    footholds: &[Foothold],
) -> Alternative {
    let standing = &answer.standing;
    let shown = Shown::new(case, &standing.chosen);
    let reachable_assets = reachable(case, &standing.lost, &shown);
    let conflict = match answer.status {
        Status::Infeasible => conflict::explain(case, &answer, &shown),
        Status::Optimal | Status::Gap => Vec::new(),
    };
    let starts: Vec<u32> = case.starts.iter().map(|start| start.node).collect();
    let mut cuts = cuts(case, &standing.chosen, &standing.lost, &shown);
    order::sort(case.net, &starts, &mut cuts);
    let total = Money(standing.total());
    let bound = answer.certified();
    let lower_bound = Money(answer.lower).max(bound).min(total);
    let status = match answer.status {
        Status::Gap if lower_bound == total => Status::Optimal,
        status @ (Status::Optimal | Status::Gap | Status::Infeasible) => status,
    };
    Alternative {
        name,
        status,
        proof: if bound == lower_bound { Proof::Flow } else { Proof::Search },
        complete: standing.complete,
        withdrawals: withdrawals(case, &cuts),
        stopped_services: services(case.net.estate, &standing.stopped),
        reachable_assets,
        cost: PlanCost {
            withdrawals: Money(standing.withdrawals),
            services: Money(standing.services),
            loss: Money(standing.loss),
            total,
        },
        lower_bound,
        gap: gap(total, lower_bound),
        residual_expected_loss: residual_loss(case.net, &standing.chosen, footholds),
        seconds: 0.0,
        certificate: Certificate {
            bound,
            stages: answer.stages,
            alone: case.may_raise_alone,
            settled: true,
        },
        conflict,
    }
}

/// The share of the total that is not proven to be needed.
fn gap(total: Money, lower: Money) -> f64 {
    let open = crate::master::float(total.0 - lower.0);
    if total.0 == 0 { 0.0 } else { open / crate::master::float(total.0) }
}

pub(crate) fn ids(estate: &Estate, path: &[u32]) -> Vec<NodeId> {
    path.iter().map(|&node| estate.id(NodeIx(node)).clone()).collect()
}

fn services(estate: &Estate, stopped: &[u32]) -> Vec<ServiceId> {
    stopped.iter().map(|&at| estate.service(ServiceIx(at)).id.clone()).collect()
}

fn reachable(case: &Case<'_>, lost: &[u32], shown: &Shown<'_>) -> Vec<ReachableAsset> {
    let estate = case.net.estate;
    let assets = lost.iter().filter_map(|&at| estate.assets().get(at as usize));
    assets
        .filter_map(|asset| {
            let place = asset.places().find(|place| shown.reaches(place.0))?;
            Some(ReachableAsset {
                node: estate.id(asset.node).clone(),
                loss: asset.loss,
                path: ids(estate, &shown.path(place.0)),
            })
        })
        .collect()
}

/// For every chosen column a path that opens without it.
fn cuts(case: &Case<'_>, chosen: &[u32], lost: &[u32], shown: &Shown<'_>) -> Vec<Cut> {
    let net = case.net;
    let assets = net.estate.assets();
    let mut enforces: FxHashMap<u32, u32> = FxHashMap::default();
    let enforcers = |column: u32| net.columns[column].enforcers.iter().map(|&(_, by)| by);
    for by in chosen.iter().flat_map(|&column| enforcers(column)) {
        *enforces.entry(by).or_default() += 1;
    }
    let worth = |&&asset: &&u32| {
        let of = assets.get(asset as usize);
        of.is_some_and(|a| a.must_hold || a.loss.0 > 0) && lost.binary_search(&asset).is_err()
    };
    let asset_at = |node: u32| net.assets_at[node].iter().find(worth).copied();
    let cut = |&column: &u32| {
        let others = |node: u32| {
            let own = enforcers(column).filter(|&by| by == node).count();
            enforces.get(&node).is_some_and(|&all| all as usize > own)
        };
        let path = shown.opened(column, |node| asset_at(node).is_some() || others(node));
        let path = path.unwrap_or_default();
        let asset = path.last().and_then(|&end| asset_at(end));
        let behind = asset.and_then(|at| assets.get(at as usize)).map_or(0, |of| of.loss.0);
        Cut { column, behind, path, asset }
    };
    chosen.iter().map(cut).collect()
}

fn withdrawals(case: &Case<'_>, cuts: &[Cut]) -> Vec<PlannedWithdrawal> {
    let halves = cuts
        .iter()
        .flat_map(|cut| case.net.columns[cut.column].withdrawals().map(move |half| (cut, half)));
    let mut fallout = Fallout::new(&case.net.gates);
    let planned = halves.zip(1..).map(|((cut, half), order)| {
        let estate = case.net.estate;
        let withdrawal = estate.withdrawal(half);
        PlannedWithdrawal {
            id: withdrawal.id.clone(),
            kind: withdrawal.kind.to_string(),
            mode: withdrawal.mode,
            targets: withdrawal.removes.iter().map(|&node| estate.id(node).clone()).collect(),
            cost: Money(case.price_of(half)),
            stops: services(estate, &stops_alone(case, half, &mut fallout)),
            enforcer: withdrawal.enforcer.map(|by| estate.id(by).clone()),
            order,
            reason: reason(case, cut),
            path: ids(estate, &cut.path),
        }
    });
    planned.collect()
}

/// Services that stop if one withdrawal alone is raised, ascending.
fn stops_alone(case: &Case<'_>, half: WithdrawalIx, fallout: &mut Fallout<'_>) -> Vec<u32> {
    let withdrawal = case.net.estate.withdrawal(half);
    let mark = fallout.mark();
    for node in withdrawal.removes.iter().filter(|_| withdrawal.stops) {
        fallout.take_down(node.0);
    }
    let mut stopped = fallout.stopped.clone();
    fallout.undo(mark);
    stopped.sort_unstable();
    stopped
}

fn reason(case: &Case<'_>, cut: &Cut) -> String {
    let estate = case.net.estate;
    let name = |node: u32| estate.node(NodeIx(node)).label().to_owned();
    let from = cut.path.first().map_or_else(String::new, |&node| name(node));
    let asset = cut.asset.and_then(|at| estate.assets().get(at as usize));
    match (asset, cut.path.last()) {
        (Some(asset), _) => format!(
            "without it {} can be reached from {from}: a loss of {} {}",
            estate.node(asset.node).label(),
            asset.loss,
            estate.currency()
        ),
        (None, Some(&enforcer)) => format!(
            "without it {} can be reached from {from}, which carries out another withdrawal",
            name(enforcer)
        ),
        (None, None) => "it is in force already".to_owned(),
    }
}
