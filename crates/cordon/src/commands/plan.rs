//! `cordon plan`: the least cut for some footholds, or for each of a kind alone.
//!
//! `present` says what a plan is made in, `change` what it changes of the cordon
//! in force, `explain` why it holds a withdrawal, `readiness` what would happen
//! if any one node of a kind were taken, `check` asks the checker alone.

mod args;
mod change;
mod check;
mod explain;
pub(crate) mod present;
mod readiness;
mod render;

use std::time::Instant;

use anyhow::Context as _;
use cordon_model::plan::{Alternative, PlanDocument, Status};
use cordon_plan::{Limits, Planner};
use serde::Serialize;

pub(crate) use args::{PlanArgs, PlanCommand};
pub(crate) use render::alternative as render_alternative;

use self::change::{Change, balanced};
use self::explain::Explained;
use self::present::Present;
use super::{print, print_json};
use crate::cli::Format;
use crate::exit;
use crate::failure::bad_input;

/// Work units after which a plan is given with its gap, about a minute of one core.
const WORK: u64 = 20_000_000_000;

/// A plan with what stands beside it.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    document: &'a PlanDocument,
    #[serde(flatten)]
    change: Option<&'a Change>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explained: &'a Vec<Explained>,
}

/// Runs the command.
pub(crate) fn run(args: &PlanArgs) -> anyhow::Result<u8> {
    if let Some(PlanCommand::Check(args)) = &args.command {
        return check::run(args);
    }
    if !args.time_limit.is_finite() || args.time_limit < 0.0 {
        return Err(bad_input("`--time-limit` wants a number of seconds, 0 or more"));
    }
    if let Some(every) = &args.every {
        return readiness::run(args, every);
    }
    let present = Present::open(
        args.config.as_deref(),
        args.data.as_deref(),
        &args.foothold,
        &args.entrenched,
    )?;
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64();
    let limits = Limits { work: WORK, seconds: args.time_limit, clock: &clock };
    let planner = Planner::new(&present.estate);
    let request = present.request(limits);
    let document = planner.plan(&request);
    let plan = balanced(&document).context("the planner gave no balanced plan")?;
    let change = present.has_ledger.then(|| Change::new(&present, &planner, &request, &document));
    let explained = explain::explain(&present.estate, &planner, &request, plan, &args.explain)?;
    match args.format {
        Format::Json => print_json(&Answer {
            document: &document,
            change: change.as_ref(),
            explained: &explained,
        })?,
        Format::Text => {
            let estate = &present.estate;
            let mut out = render::document(estate, &planner, &present.footholds, &document);
            out.extend(change.iter().map(|change| change.words(&present)));
            out.extend(explained.iter().map(|one| explain::words(estate, plan, one)));
            print(&out)?;
        }
    }
    let any = !plan.withdrawals.is_empty();
    Ok(if args.exit_code { found(any, plan.status == Status::Infeasible) } else { exit::DONE })
}

/// Whether a plan is called infeasible only because the limits ended the search.
fn is_cut_short(plan: &Alternative) -> bool {
    let first = plan.conflict.first();
    first.is_some_and(|first| {
        first.node.is_none() || first.reason.starts_with(cordon_plan::LIMITS_ENDED)
    })
}

/// The exit code for whether a plan holds anything, and whether there is no sound one.
fn found(any: bool, impossible: bool) -> u8 {
    match (impossible, any) {
        (true, _) => exit::NO_SOUND_PLAN,
        (false, true) => exit::FOUND,
        (false, false) => exit::DONE,
    }
}
