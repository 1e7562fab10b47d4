//! Compares hits with and without routing: `routing [FILE]...`
//!
//! Without an argument over all Windows files of the corpus (`CORDON_CORPUS`),
//! with the rules of `CORDON_SIGMA` and the own ones. Prints every rule whose
//! hits differ, and what a scan without routing would add.

#![expect(clippy::print_stdout, reason = "a measuring program; it prints its figures")]

mod compare;

use std::path::{Path, PathBuf};

fn main() {
    let folder = |variable: &str, default: &str| {
        std::env::var_os(variable).map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(default),
            PathBuf::from,
        )
    };
    let sigma = folder("CORDON_SIGMA", "shared/sigma");
    let rules = compare::rule_texts(&[
        sigma.join("rules"),
        sigma.join("rules-emerging-threats"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules"),
    ]);
    let mut inputs: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    if inputs.is_empty() {
        inputs = compare::windows_files(&folder("CORDON_CORPUS", "shared/corpus"));
    }
    let outcome = compare::compare(&rules, &inputs);
    println!(
        "{} rules, {} files, {} records: {} hits of {} rules with routing, {} of {} without",
        outcome.rules,
        inputs.len(),
        outcome.records,
        outcome.routed.values().sum::<u64>(),
        outcome.routed.len(),
        outcome.full.values().sum::<u64>(),
        outcome.full.len()
    );
    println!(
        "without routing also {} hits of rules for other products and {} of rules for other logs of Windows",
        outcome.other_products, outcome.other_sources
    );
    let differences = outcome.differences();
    println!("{} rules differ", differences.len());
    for (rule, routed, full) in differences {
        println!("{rule}: {routed} with routing, {full} without");
    }
    for (category, count) in &outcome.misplaced {
        println!("{count} records are placed otherwise by the table: {category}");
    }
}
