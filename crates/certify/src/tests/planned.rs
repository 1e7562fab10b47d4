//! Cordon's own planner before the checker: its plans are accepted, changes of them are not.
//!
//! The planner is a development dependency here and nothing else; the crate
//! itself never sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cordon_model::plan::{PlanDocument, PlannedFoothold, Status};
use cordon_model::{Estate, ServiceIx, WithdrawalIx};
use cordon_plan::{Foothold, Limits, Planner, Request};

use super::fixture::{Random, foothold};
use super::honest::draw_case;
use super::mutate;
use crate::{Context, check};

/// Work units per plan of a large estate; enough to prove the known ones.
const WORK: u64 = 2_000_000_000;

fn request(estate: &Estate, footholds: &[PlannedFoothold], context: &Context) -> Request<'static> {
    let find = |foothold: &PlannedFoothold| Foothold {
        node: estate.find(foothold.node.as_str()).unwrap(),
        probability: foothold.probability,
        entrenched: foothold.entrenched,
    };
    let withdrawals = |ids: &std::collections::BTreeSet<_>| -> Vec<WithdrawalIx> {
        ids.iter()
            .filter_map(|id: &cordon_model::WithdrawalId| estate.find_withdrawal(id.as_str()))
            .collect()
    };
    let services = context.down.iter().filter_map(|id| estate.find_service(id.as_str()));
    Request {
        authority: context.authority.as_ref().map(withdrawals),
        in_force: withdrawals(&context.in_force),
        unavailable: withdrawals(&context.unavailable),
        down_services: services.collect::<Vec<ServiceIx>>(),
        limits: Limits { work: WORK, ..Limits::none() },
        ..Request::new(footholds.iter().map(find).collect())
    }
}

fn planned(estate: &Estate, footholds: &[PlannedFoothold], context: &Context) -> PlanDocument {
    Planner::new(estate).plan(&request(estate, footholds, context))
}

#[test]
fn plans_of_small_estates_are_accepted() {
    let mut infeasible = 0;
    let mut wrong: BTreeMap<(String, String), (u32, String)> = BTreeMap::new();
    for seed in 5000..5400 {
        let mut random = Random(seed);
        let (estate, footholds, context) = draw_case(&mut random);
        let document = planned(&estate, &footholds, &context);
        let verdict = check(&estate, &document, &context);
        for objection in verdict.objections {
            let slot = wrong.entry((objection.code, objection.alternative)).or_default();
            slot.0 += 1;
            slot.1 = format!("seed {seed}: {}", objection.what);
        }
        let status = document.alternatives.iter().map(|alternative| alternative.status);
        infeasible += status.filter(|status| *status == Status::Infeasible).count();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(infeasible > 50);
}

#[test]
fn zz_show() {
    for seed in [5343, 5397, 5093, 5381] {
        let mut random = Random(seed);
        let (estate, footholds, context) = draw_case(&mut random);
        let document = planned(&estate, &footholds, &context);
        for o in check(&estate, &document, &context).objections {
            println!("{seed} {o:?}");
        }
        for a in &document.alternatives {
            println!(
                "{seed} {} {:?} {:?} total {} lower {} loss {} cert {}",
                a.name.as_str(),
                a.status,
                a.proof,
                a.cost.total,
                a.lower_bound,
                a.cost.loss,
                a.certificate.bound
            );
            for s in &a.certificate.stages {
                println!(
                    "   {:?} {} scale {} rows {}",
                    s.objective,
                    s.bound,
                    s.scale,
                    serde_json::to_string(&s.rows).unwrap()
                );
            }
            println!("  {:?}", a.conflict);
        }
        if seed == 5093 {
            println!("{estate:#?} {footholds:?} {context:?}");
        }
    }
}
