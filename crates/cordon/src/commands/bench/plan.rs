//! `cordon bench plan`: case after case is made, measured and told.

use std::path::Path;
use std::time::Instant;

use cordon_estate::synthetic::Shape;
use cordon_model::Estate;
use cordon_plan::Foothold;
use indicatif::ProgressBar;

use super::args::{PlanArgs, Size};
use super::measure::{Case, Row, measure};
use super::{make, report};
use crate::cli::Format;
use crate::commands::{load_estate, print, print_json};
use crate::{exit, footholds};

/// Further footholds that come to light, one at a time.
const MORE: u32 = 5;

/// An estate to plan, and where its intruder stands.
struct Ground {
    name: String,
    estate: Estate,
    footholds: Vec<Foothold>,
    more: Vec<Foothold>,
    /// Seconds that it took to make or read it.
    made: f64,
}

/// Runs the command; exits with 1 when the checker or a peer does not agree with a plan.
pub(super) fn run(args: &PlanArgs) -> anyhow::Result<u8> {
    let progress = ProgressBar::new_spinner();
    let rows = rows(args, &progress)?;
    progress.finish_and_clear();
    match args.format {
        Format::Json => print_json(&report::json(args, &rows))?,
        Format::Text => print(&report::text(args, &rows))?,
    }
    Ok(if rows.iter().all(Row::agrees) { exit::DONE } else { exit::FAILED })
}

fn rows(args: &PlanArgs, progress: &ProgressBar) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if let Some(folder) = &args.config {
        measure_both(args, &own(args, folder)?, progress, &mut rows);
    } else {
        for &(shape, name) in args.shape.each() {
            for &nodes in &args.nodes {
                progress.set_message(format!("{name} {nodes}: make the estate"));
                progress.tick();
                let ground = synthetic(args, shape, name, nodes)?;
                measure_both(args, &ground, progress, &mut rows);
            }
        }
    }
    Ok(rows)
}

fn own(args: &PlanArgs, folder: &Path) -> anyhow::Result<Ground> {
    let began = Instant::now();
    let estate = load_estate(folder)?.estate;
    let made = began.elapsed().as_secs_f64();
    let footholds = footholds::read(&estate, &args.foothold, &[])?;
    Ok(Ground { name: "own".to_owned(), estate, footholds, more: Vec::new(), made })
}

fn synthetic(args: &PlanArgs, shape: Shape, name: &str, nodes: Size) -> anyhow::Result<Ground> {
    let began = Instant::now();
    let made = make(shape, args.seed, nodes.0, args.footholds.saturating_add(MORE))?;
    let seconds = began.elapsed().as_secs_f64();
    let ids = made.footholds.iter().filter_map(|id| made.estate.find(id.as_str()));
    let mut footholds: Vec<Foothold> = ids.map(Foothold::certain).collect();
    let more = footholds.split_off(footholds.len().min(args.footholds as usize));
    let name = format!("{name} {nodes}");
    Ok(Ground { name, estate: made.estate, footholds, more, made: seconds })
}

/// Measures with footholds that can be withdrawn, and with entrenched ones.
fn measure_both(args: &PlanArgs, ground: &Ground, progress: &ProgressBar, rows: &mut Vec<Row>) {
    for (mode, entrenched, left_out) in
        [("near", false, args.entrenched), ("entrenched", true, args.near)]
    {
        if left_out {
            continue;
        }
        let all = |some: &[Foothold]| -> Vec<Foothold> {
            some.iter().map(|&foothold| Foothold { entrenched, ..foothold }).collect()
        };
        let case = Case {
            name: format!("{} {mode}", ground.name),
            estate: &ground.estate,
            footholds: all(&ground.footholds),
            more: all(&ground.more),
            made: ground.made,
        };
        let say = |what: &str| {
            progress.set_message(format!("{}: {what}", case.name));
            progress.tick();
        };
        rows.push(measure(&case, args, &say));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::commands::bench::BenchCommand;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(subcommand)]
        command: BenchCommand,
    }

    fn measured(line: &str) -> (PlanArgs, Vec<Row>) {
        let words = ["bench", "plan", "--runs", "2"].into_iter().chain(line.split_whitespace());
        let BenchCommand::Plan(args) = Line::try_parse_from(words).unwrap().command else {
            panic!("`{line}` is not a plan");
        };
        let rows = rows(&args, &ProgressBar::hidden()).unwrap();
        (args, rows)
    }

    #[test]
    fn both_programs_and_the_checker_agree_with_the_planner() {
        let (args, rows) = measured("--shape tree --nodes 500,600 --peers");
        let answer = report::json(&args, &rows);
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(
            names,
            ["tree 500 near", "tree 500 entrenched", "tree 600 near", "tree 600 entrenched"]
        );
        for row in answer["rows"].as_array().unwrap() {
            assert_eq!((&row["status"], &row["accepted"]), (&"optimal".into(), &true.into()));
            assert_eq!(row["seconds"]["plan"]["runs"].as_array().unwrap().len(), 2);
            assert_eq!(row["seconds"]["one_more_foothold"]["runs"].as_array().unwrap().len(), 5);
            for peer in row["peers"].as_array().unwrap() {
                assert_eq!(peer["total"], row["total"], "{row}");
            }
            assert_eq!(row["peers"].as_array().unwrap().len(), 2);
        }
        assert!(rows.iter().all(Row::agrees));
    }

    #[test]
    fn the_tables_fit_a_screen_and_say_what_is_wrong() {
        let (args, mut rows) = measured("--nodes 500 --near --peers");
        let text = report::text(&args, &rows);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("dense 500 near") && !text.contains("WRONG"), "{text}");
        rows[0].plan.lower_bound += cordon_model::Money::units(1_000_000);
        let text = report::text(&args, &rows);
        assert!(text.contains("WRONG: dense 500 near: a program has another optimum"), "{text}");
    }
}
