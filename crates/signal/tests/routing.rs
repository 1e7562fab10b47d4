//! Routing by log source changes no rule's hits, on a few files of the corpus.
//!
//! The whole corpus: `cargo run --release -p cordon-signal --example routing`.

#[path = "../examples/routing/compare.rs"]
mod compare;

use std::path::{Path, PathBuf};

#[test]
fn every_rule_finds_the_same_with_and_without_routing() {
    let folder = |variable: &str, default: &str| {
        let path = std::env::var_os(variable).map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(default),
            PathBuf::from,
        );
        path.is_dir().then_some(path)
    };
    let (Some(corpus), Some(sigma)) =
        (folder("CORDON_CORPUS", "corpus"), folder("CORDON_SIGMA", "sigma"))
    else {
        println!("skipped: every_rule_finds_the_same_with_and_without_routing (no corpus)");
        return;
    };
    let rules = compare::rule_texts(&[
        sigma.join("rules/windows/builtin"),
        sigma.join("rules/windows/registry"),
        sigma.join("rules/windows/powershell"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules"),
    ]);
    // Small files, but not those of a few records.
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |about| about.len());
    let mut files = compare::windows_files(&corpus);
    files.retain(|path| (100_000..420_000).contains(&size(path)));
    files.sort_by_key(size);
    files.dedup_by_key(|path| size(path) / 100_000);
    let outcome = compare::compare(&rules, &files);
    println!(
        "{} rules, {} records, {} hits",
        outcome.rules,
        outcome.records,
        outcome.routed.values().sum::<u64>()
    );
    assert!(outcome.routed.len() > 20, "too few rules fire to tell: {}", outcome.routed.len());
    assert_eq!(outcome.differences(), []);
    assert!(outcome.misplaced.is_empty(), "{:?}", outcome.misplaced);
}
