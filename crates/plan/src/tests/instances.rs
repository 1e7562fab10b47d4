//! The instances with known optima: every figure of their table, cold, from the loaded estate.
//!
//! They lie beside the workspace, in `../shared/estates` or `$CORDON_ESTATES`;
//! without them the tests say so and pass.

use std::path::PathBuf;
use std::time::Instant;

use crate::{Foothold, Planner, Request};
use cordon_model::plan::{AlternativeName, Status};
use cordon_model::{Estate, EstateBuilder, Money};

fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/estates");
    std::env::var_os("CORDON_ESTATES").map_or_else(|| beside.into(), PathBuf::from)
}

fn load(name: &str) -> Option<Estate> {
    let path = folder().join(name);
    if !path.exists() {
        println!("skipped: {name} (no corpus)");
        return None;
    }
    Some(cordon_estate::read(&path).unwrap().estate)
}

fn footholds(estate: &Estate, name: &str, entrenched: bool) -> Vec<Foothold> {
    let text = std::fs::read_to_string(folder().join(name).join("footholds.txt")).unwrap();
    let nodes = text.lines().filter(|line| !line.is_empty());
    nodes
        .map(|id| Foothold { entrenched, ..Foothold::certain(estate.find(id.trim()).unwrap()) })
        .collect()
}

/// Checks the balanced optimum; `None` means that there is no sound plan.
fn check(name: &str, entrenched: bool, optimum: Option<i64>) {
    let Some(estate) = load(name) else { return };
    check_estate(&estate, name, entrenched, optimum);
}

fn check_estate(estate: &Estate, name: &str, entrenched: bool, optimum: Option<i64>) {
    let began = Instant::now();
    let planner = Planner::new(estate);
    let laid_out = began.elapsed();
    let request = Request::new(footholds(estate, name, entrenched));
    let began = Instant::now();
    let plan = planner.alternative(&request, AlternativeName::Balanced);
    let took = began.elapsed();
    println!(
        "{name} entrenched={entrenched}: {:?} total {} bound {} in {took:?} (layout {laid_out:?}, {} rows)",
        plan.status,
        plan.cost.total,
        plan.certificate.bound,
        plan.certificate.stages[0].rows.len()
    );
    match optimum {
        Some(optimum) => {
            assert_eq!(plan.cost.total, Money::units(optimum));
            assert_eq!(plan.status, Status::Optimal);
            assert!(plan.certificate.bound <= plan.cost.total);
        }
        None => assert_eq!(plan.status, Status::Infeasible),
    }
}

#[test]
fn retail_1k() {
    check("retail_1k", false, Some(3045));
    check("retail_1k", true, Some(63488));
}

#[test]
fn retail_10k() {
    check("retail_10k", false, Some(3078));
    check("retail_10k", true, Some(60826));
}

/// Too large for every run: `CORDON_ESTATES` names a folder with it unpacked.
#[test]
fn retail_100k() {
    check("retail_100k", false, Some(3126));
    check("retail_100k", true, Some(100_458));
}

#[test]
fn adsynth() {
    check("adsynth_1k", false, Some(1120));
    check("adsynth_1k", true, None);
    check("adsynth_10k", false, Some(499));
    check("adsynth_10k", true, Some(5062));
}

#[test]
fn caps_that_bind() {
    check("retail_1k_caps", true, Some(161_881));
}

#[test]
#[ignore = "a quarter of a minute; `cargo test --release -p cordon-plan -- --ignored`"]
fn caps_that_bind_on_a_large_directory() {
    let (Some(capped), Some(estate)) = (load("retail_1k_caps"), load("adsynth_10k")) else {
        return;
    };
    let mut builder = EstateBuilder::from_estate(&estate);
    builder.caps = capped.caps().to_vec();
    let estate = builder.finish().unwrap();
    check_estate(&estate, "adsynth_10k", true, Some(87388));
}

#[test]
fn services_that_stop() {
    check("retail_1k_costly", true, Some(1_533_620));
}
