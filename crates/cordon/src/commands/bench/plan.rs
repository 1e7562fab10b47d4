//! `cordon bench plan`: case after case is made, measured and told.

use std::time::Instant;

use cordon_model::Estate;
use cordon_plan::Foothold;
use indicatif::ProgressBar;

use super::args::PlanArgs;
use super::measure::{Case, Row, measure};
use super::{make, report};
use crate::cli::Format;
use crate::commands::{load_estate, print, print_json};
use crate::{exit, footholds};

/// Runs the command; exits with 1 when the checker or a peer does not agree with a plan.
pub(super) fn run(args: &PlanArgs) -> anyhow::Result<u8> {
    let progress = ProgressBar::new_spinner();
    let mut rows = Vec::new();
    if let Some(folder) = &args.config {
        let began = Instant::now();
        let estate = load_estate(folder)?.estate;
        let made = began.elapsed().as_secs_f64();
        let footholds = footholds::read(&estate, &args.foothold, &[])?;
        measure_both(args, "own", &estate, &footholds, made, &progress, &mut rows);
    } else {
        for &(shape, name) in args.shape.each() {
            for &nodes in &args.nodes {
                progress.set_message(format!("{name} {nodes}: make the estate"));
                progress.tick();
                let began = Instant::now();
                let made = make(shape, args.seed, nodes.0, args.footholds)?;
                let seconds = began.elapsed().as_secs_f64();
                let ids = made.footholds.iter().filter_map(|id| made.estate.find(id.as_str()));
                let footholds: Vec<Foothold> = ids.map(Foothold::certain).collect();
                let name = format!("{name} {nodes}");
                measure_both(args, &name, &made.estate, &footholds, seconds, &progress, &mut rows);
            }
        }
    }
    progress.finish_and_clear();
    match args.format {
        Format::Json => print_json(&report::json(args, &rows))?,
        Format::Text => print(&report::text(args, &rows))?,
    }
    Ok(if rows.iter().all(Row::agrees) { exit::DONE } else { exit::FAILED })
}

/// Measures an estate with footholds that can be withdrawn, and with entrenched ones.
fn measure_both(
    args: &PlanArgs,
    name: &str,
    estate: &Estate,
    footholds: &[Foothold],
    made: f64,
    progress: &ProgressBar,
    rows: &mut Vec<Row>,
) {
    for entrenched in [false, true] {
        if (entrenched && args.near) || (!entrenched && args.entrenched) {
            continue;
        }
        let mode = if entrenched { "entrenched" } else { "near" };
        let footholds = footholds.iter().map(|&foothold| Foothold { entrenched, ..foothold });
        let name = format!("{name} {mode}");
        let case = Case { name, estate, footholds: footholds.collect(), made };
        let say = |what: &str| {
            progress.set_message(format!("{}: {what}", case.name));
            progress.tick();
        };
        rows.push(measure(&case, args, &say));
    }
}
