//! `cordon plan` and `cordon plan check`: the least cut, and the checker alone.

mod render;

use std::time::Instant;

use anyhow::Context as _;
use cordon_model::plan::{AlternativeName, PlanDocument, PlannedFoothold, Status, Verdict};
use cordon_plan::{Foothold, Limits, Planner, Request};

use super::{load_estate, print, print_json};
use crate::cli::{Format, PlanArgs, PlanCommand};
use crate::failure::bad_input;
use crate::{exit, footholds};

pub(crate) use render::alternative as render_alternative;

/// Work units after which a plan is given with its gap, about a minute of one core.
const WORK: u64 = 20_000_000_000;

/// Runs the command.
pub(crate) fn run(args: &PlanArgs) -> anyhow::Result<u8> {
    if let Some(command) = &args.command {
        return check(command);
    }
    let folder = args.config.as_deref().context("`--config FOLDER` is missing")?;
    if !args.time_limit.is_finite() || args.time_limit < 0.0 {
        return Err(bad_input("`--time-limit` wants a number of seconds, 0 or more"));
    }
    let loaded = load_estate(folder)?;
    let estate = &loaded.estate;
    let footholds = footholds::read(estate, &args.foothold, &args.entrenched)?;
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64();
    let limits = Limits { work: WORK, seconds: args.time_limit, clock: &clock };
    let planner = Planner::new(estate);
    let request = Request { limits, ..Request::new(footholds.clone()) };
    let document = planner.plan(&request);
    match args.format {
        Format::Json => print_json(&document)?,
        Format::Text => print(&render::document(estate, &planner, &footholds, &document))?,
    }
    Ok(if args.exit_code { found(&document) } else { exit::DONE })
}

fn found(document: &PlanDocument) -> u8 {
    let balanced = document.alternatives.iter().find(|a| a.name == AlternativeName::Balanced);
    match balanced {
        Some(plan) if plan.status == Status::Infeasible => exit::NO_SOUND_PLAN,
        Some(plan) if !plan.withdrawals.is_empty() => exit::FOUND,
        _ => exit::DONE,
    }
}

fn check(command: &PlanCommand) -> anyhow::Result<u8> {
    let PlanCommand::Check { plan, config, foothold, entrenched, format } = command;
    let loaded = load_estate(config)?;
    let text = if plan.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?
    } else {
        std::fs::read_to_string(plan)
            .with_context(|| format!("cannot read `{}`", plan.display()))?
    };
    let given = footholds::read(&loaded.estate, foothold, entrenched)?;
    let given: Vec<PlannedFoothold> = given.iter().map(|f| planned(&loaded.estate, f)).collect();
    let context = cordon_certify::Context {
        footholds: (!given.is_empty()).then_some(given),
        ..cordon_certify::Context::default()
    };
    let verdict = cordon_certify::check_json(&loaded.estate, &text, &context);
    match format {
        Format::Json => print_json(&verdict)?,
        Format::Text => print(&words(&verdict))?,
    }
    Ok(if verdict.accepted { exit::DONE } else { exit::FAILED })
}

fn planned(estate: &cordon_model::Estate, foothold: &Foothold) -> PlannedFoothold {
    PlannedFoothold {
        node: estate.id(foothold.node).clone(),
        probability: foothold.probability,
        entrenched: foothold.entrenched,
    }
}

fn words(verdict: &Verdict) -> String {
    if verdict.accepted {
        return "The checker accepts this plan.\n".to_owned();
    }
    let mut out = String::from("The checker refuses this plan:\n");
    for objection in &verdict.objections {
        let of = if objection.alternative.is_empty() { "plan" } else { &objection.alternative };
        out.push_str(&format!("  {of}: {} [{}]\n", objection.what, objection.code));
    }
    out
}
