//! Loads a configuration folder and prints what it holds, the time it took and the peak memory.
//!
//! `cargo run --release -p cordon-estate --example load -- FOLDER`; without a
//! folder it generates the sample estate at full size and loads that.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use cordon_estate::generate::{Scale, retailer};

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let mut out = std::io::stdout().lock();
    let start = Instant::now();
    let read = match &folder {
        Some(folder) => cordon_estate::read(folder),
        None => cordon_estate::parse_files(&retailer(1, Scale::FULL)),
    };
    let seconds = start.elapsed().as_secs_f64();
    let problems = match &read {
        Ok(loaded) => {
            let estate = &loaded.estate;
            let (nodes, links) = (estate.nodes().len(), estate.links().len());
            let (services, withdrawals) = (estate.services().len(), estate.withdrawals().len());
            let name = estate.name();
            writeln!(
                out,
                "{name}: {nodes} nodes, {links} links, {services} services, {withdrawals} withdrawals"
            )?;
            &loaded.warnings
        }
        Err(problems) => problems,
    };
    for p in problems.iter().take(50) {
        writeln!(out, "{} {}: {} [{}]", p.file, p.place, p.what, p.remedy)?;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not known");
    writeln!(out, "{seconds:.3} s, {peak}")
}
