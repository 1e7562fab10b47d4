//! `cordon plan --every KIND|TAG`: what would happen if any one of these were taken?
//!
//! Plans for each single foothold of a kind or tag, ranks them from worst to
//! best, and says for those without a sound plan what one addition would make
//! one possible (`addition`). `answer` is what is told, `words` and `page` tell
//! it; `side_by_side` is the only place with threads. See `docs/readiness.md`.

mod addition;
mod answer;
mod page;
mod side_by_side;
mod words;

use std::time::Instant;

use anyhow::Context as _;
use cordon_model::plan::{Alternative, AlternativeName};
use cordon_model::{Estate, NodeIx};
use cordon_plan::{Foothold, Limits, Planner, Request};
use indicatif::ProgressBar;

use self::answer::{Finding, Outcome, Readiness};
use self::side_by_side::in_order;
use super::{PlanArgs, WORK, found};
use crate::cli::Format;
use crate::commands::{load_estate, print, print_json};
use crate::exit;
use crate::failure::bad_input;
use crate::text::short_list;

/// Runs the command.
pub(super) fn run(args: &PlanArgs, every: &str) -> anyhow::Result<u8> {
    let folder = args.config.as_deref().context("`--config FOLDER` is missing")?;
    let estate = load_estate(folder)?.estate;
    let nodes = select(&estate, every)?;
    let readiness = assess(&estate, every, &nodes, args);
    if let Some(file) = &args.report {
        std::fs::write(file, page::page(&estate, &readiness))
            .with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    match args.format {
        Format::Json => print_json(&readiness)?,
        Format::Text => print(&words::words(&estate, &readiness))?,
    }
    let any = readiness.footholds.iter().any(|one| !one.withdrawals.is_empty());
    let impossible = readiness.footholds.iter().any(|one| one.outcome == Outcome::NoPlan);
    Ok(if args.exit_code { found(any, impossible) } else { exit::DONE })
}

/// The nodes of a kind, or with a tag.
fn select(estate: &Estate, every: &str) -> anyhow::Result<Vec<NodeIx>> {
    let of = |node: &NodeIx| {
        let node = estate.node(*node);
        node.id.kind() == every || node.tags.iter().any(|tag| &**tag == every)
    };
    let all = || (0..).map(NodeIx).take(estate.nodes().len());
    let nodes: Vec<NodeIx> = all().filter(of).collect();
    if nodes.is_empty() {
        let mut kinds: Vec<&str> = all().map(|node| estate.id(node).kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        return Err(bad_input(format!(
            "no node of the estate has the kind or tag `{every}`\n    its kinds are {}",
            short_list(&kinds, 12)
        )));
    }
    Ok(nodes)
}

/// Plans for each node alone, and looks for additions where there is no plan.
fn assess(estate: &Estate, every: &str, nodes: &[NodeIx], args: &PlanArgs) -> Readiness {
    let progress = ProgressBar::new(u64::try_from(nodes.len()).unwrap_or(u64::MAX));
    let threads = usize::from(args.threads);
    let planner = Planner::new(estate);
    let plans = in_order(threads, nodes, |&node| {
        let plan = balanced(&planner, node, args.time_limit);
        progress.inc(1);
        plan
    });
    let mut findings: Vec<(Finding, Alternative)> = nodes
        .iter()
        .zip(plans)
        .map(|(&node, plan)| (Finding::new(estate, node, &plan), plan))
        .collect();
    findings.sort_by(|(a, _), (b, _)| a.rank().cmp(&b.rank()));
    let hopeless: Vec<(NodeIx, &Alternative)> = findings
        .iter()
        .filter(|(finding, _)| finding.outcome == Outcome::NoPlan)
        .filter_map(|(finding, plan)| Some((estate.find(finding.node.as_str())?, plan)))
        .collect();
    let found = addition::search(estate, &hopeless, threads, args.time_limit);
    progress.finish_and_clear();
    let mut findings: Vec<Finding> = findings.into_iter().map(|(finding, _)| finding).collect();
    for (finding, search) in findings.iter_mut().zip(found) {
        finding.search = Some(search);
    }
    Readiness::new(estate, every, findings)
}

/// The balanced plan against one certain foothold.
fn balanced(planner: &Planner<'_>, node: NodeIx, seconds: f64) -> Alternative {
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64();
    let limits = Limits { work: WORK, seconds, clock: &clock };
    let request = Request { limits, ..Request::new(vec![Foothold::certain(node)]) };
    planner.alternative(&request, AlternativeName::Balanced)
}
