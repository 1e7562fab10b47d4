//! Cordon's own planner before the checker: its plans are accepted, changes of them are not.
//!
//! The planner is a development dependency here and nothing else; the crate
//! itself never sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cordon_model::plan::{PlanDocument, PlannedFoothold, Status};
use cordon_model::{Estate, ServiceIx, WithdrawalIx};
use cordon_plan::{Foothold, Limits, Planner, Request};

use super::changes::{changes, words};
use super::fixture::{Random, foothold};
use super::honest::draw_case;
use super::mutate;
use crate::{Context, check, check_json};

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

/// Cordon's own plans are settled: every change of them is objected to.
#[test]
fn changes_of_plans_are_objected_to() {
    let cases: u64 = std::env::var("CORDON_CASES").map_or(30, |cases| cases.parse().unwrap());
    let mut tried = 0;
    let mut accepted = Vec::new();
    for seed in 6000..6000 + cases {
        let mut random = Random(seed);
        let (estate, footholds, mut context) = draw_case(&mut random);
        if random.chance(30) {
            // As `cordon plan` asks, which knows of no authority.
            context.authority = None;
        }
        let document = planned(&estate, &footholds, &context);
        let untold = random.chance(20) && context.authority.take().is_some();
        let json = serde_json::to_value(&document).unwrap();
        let verdict = check_json(&estate, &json.to_string(), &context);
        assert!(verdict.accepted, "seed {seed}: {verdict:#?}");
        for change in changes(&json, &words(&estate), &mut random) {
            let changed = change.apply(&json);
            let of_now =
                change.place.starts_with(&["alternatives", "0", "certificate"].map(str::to_owned));
            let untold = untold && document.alternatives[0].certificate.alone;
            if untold && (of_now || change.place == ["alternatives", "0"]) {
                // What Cordon may raise alone is the asker's to know.
                continue;
            }
            tried += 1;
            if check_json(&estate, &changed.to_string(), &context).accepted {
                let told = change.told();
                accepted
                    .push(format!("seed {seed}: {}", told.chars().take(300).collect::<String>()));
            }
        }
    }
    println!("{tried} changes of Cordon's plans");
    assert!(accepted.is_empty(), "{} accepted: {accepted:#?}", accepted.len());
    assert!(tried > 300 * cases);
}

/// The shared estates, near and entrenched: `$CORDON_ESTATES` or beside the workspace.
#[test]
fn plans_of_shared_estates_are_accepted() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/estates");
    let folder = std::env::var_os("CORDON_ESTATES").map_or(beside, PathBuf::from);
    for name in ["retail_1k", "adsynth_1k"] {
        let Ok(listed) = std::fs::read_to_string(folder.join(name).join("footholds.txt")) else {
            println!("skipped: {name} (no corpus)");
            continue;
        };
        let estate = cordon_estate::read(&folder.join(name)).unwrap().estate;
        for entrenched in [false, true] {
            let mut footholds: Vec<PlannedFoothold> =
                listed.lines().map(|node| foothold(node.trim(), 1.0, entrenched)).collect();
            footholds.sort_by(|a, b| a.node.cmp(&b.node));
            let context = Context {
                footholds: Some(footholds.clone()),
                authority: Some([].into()),
                ..Context::default()
            };
            let document = planned(&estate, &footholds, &context);
            let verdict = check(&estate, &document, &context);
            assert!(verdict.accepted, "{name}: {:#?}", verdict.objections);
            let json = serde_json::to_value(&document).unwrap();
            let mut random = Random(7);
            let objected = mutate::sample(&estate, &json, &context, &mut random, 100);
            println!("{name}: {objected} of 100 changes objected to, the others still true");
        }
    }
}
