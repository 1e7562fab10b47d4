//! `cordon bench`: estates of any size and how fast they are planned, logs and
//! how fast and how well they are judged.
//!
//! Each part measures in this process, on one thread unless it says so, and prints what it
//! measured; nothing here decides anything. `docs/benchmarks.md` says how to
//! read the figures and what they were.

mod args;
mod footholds;
mod measure;
mod memory;
mod plan;
mod report;
mod scan;

use cordon_estate::generate::save;
use cordon_estate::synthetic::{self, Shape, Synthetic};
use cordon_estate::to_files;

use super::print;
use crate::exit;
use crate::failure::bad_input;
use crate::text::thousands;

pub(crate) use args::BenchCommand;
use args::EstateArgs;

/// Runs the command.
pub(crate) fn run(command: &BenchCommand) -> anyhow::Result<u8> {
    match command {
        BenchCommand::Estate(args) => write_estate(args),
        BenchCommand::Footholds(args) => footholds::run(args),
        BenchCommand::Plan(args) => plan::run(args),
        BenchCommand::Scan(args) => scan::run(args),
    }
}

fn write_estate(args: &EstateArgs) -> anyhow::Result<u8> {
    let into = args.into.display();
    if args.into.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(bad_input(format!("`{into}` is not empty\n    name a new folder")));
    }
    let Synthetic { estate, footholds } =
        make(args.shape.into(), args.seed, args.nodes.0, args.footholds)?;
    let mut files = to_files(&estate, &cordon_estate::Config::default());
    let list: String = footholds.iter().map(|id| format!("{id}\n")).collect();
    files.insert("footholds.txt".to_owned(), list);
    save(&files, &args.into)?;
    print(&format!(
        "An estate of {} nodes and {} links is in `{into}`, its footholds in `{into}/footholds.txt`.\n",
        thousands(estate.nodes().len() as u64),
        thousands(estate.links().len() as u64),
    ))?;
    Ok(exit::DONE)
}

fn make(shape: Shape, seed: u64, nodes: u32, footholds: u32) -> anyhow::Result<Synthetic> {
    synthetic::generate(shape, seed, nodes, footholds).map_err(|defects| {
        let whats: Vec<&str> = defects.iter().map(|defect| defect.what.as_str()).collect();
        bad_input(format!("no estate of that size can be made: {}", whats.join("; ")))
    })
}
