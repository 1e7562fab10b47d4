//! Generates a collection of N objects, imports it into a new folder and tells time and peak memory.
//!
//! `cargo run --release -p cordon-estate --example import -- N FOLDER`; the
//! folder must not exist. Measure each step alone by giving an archive instead of N.

use std::fs::File;
use std::io::{Error, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use cordon_estate::generate::collection::{Collection, Version, collection};
use cordon_estate::import::import;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(source), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err(Error::other("give a number of objects or an archive, and a folder"));
    };
    let folder = PathBuf::from(folder);
    let mut out = std::io::stdout().lock();
    let mut archive = PathBuf::from(&source);
    if let Ok(objects) = source.parse() {
        std::fs::create_dir(&folder)?;
        archive = folder.join("collection.zip");
        let start = Instant::now();
        let what = Collection { objects, version: Version::V6, seed: 1 };
        let stated = collection(what, File::create(&archive)?)?;
        let edges: u64 = stated.edges.values().sum();
        writeln!(out, "generated {edges} edges in {:.1} s", start.elapsed().as_secs_f64())?;
    }
    let start = Instant::now();
    let done = import(&[archive], &folder.join("config"), &mut |_| ()).map_err(Error::other)?;
    let seconds = start.elapsed().as_secs_f64();
    let nodes: u64 = done.nodes.values().sum();
    let links: u64 = done.edges.values().map(|edge| edge.written).sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not known");
    writeln!(out, "imported {nodes} nodes, {links} links in {seconds:.1} s, {peak}")?;
    writeln!(out, "{} problems", done.problems.len())
}
