//! Whole folders in memory: what they load as, and how they are refused.

use std::path::{Path, PathBuf};

use cordon_model::signal::Problem;

use crate::{Loaded, parse, read};

fn shown(problems: &[Problem]) -> Vec<String> {
    let line = |p: &Problem| {
        let place = if p.place.is_empty() { String::new() } else { format!(" {}", p.place) };
        format!("{}{place}: {} [{}]", p.file, p.what, p.remedy)
    };
    problems.iter().map(line).collect()
}

/// The problems of one TOML file.
fn refused(text: &str) -> Vec<String> {
    shown(&parse(&[("e.toml", text)]).expect_err("the estate should be refused"))
}

fn loaded(files: &[(&str, &str)]) -> Loaded {
    parse(files).unwrap_or_else(|problems| panic!("{}", shown(&problems).join("\n")))
}

fn shared_estates() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/estates");
    let root = std::env::var_os("CORDON_ESTATES").map_or(root, PathBuf::from);
    root.is_dir().then_some(root)
}

#[test]
fn given_estates_load() {
    let Some(root) = shared_estates() else {
        println!("skipped: given_estates_load (no corpus)");
        return;
    };
    for (name, nodes, links, withdrawals) in [
        ("retail_1k", 1_294, 7_390, 1_249),
        ("retail_10k", 1, 1, 1),
        ("retail_1k_caps", 1, 1, 1),
        ("retail_1k_costly", 1, 1, 1),
        ("adsynth_1k", 1, 1, 1),
        ("adsynth_10k", 1, 1, 1),
    ] {
        let loaded = read(&root.join(name)).unwrap_or_else(|p| panic!("{}", shown(&p).join("\n")));
        let estate = &loaded.estate;
        let counts = (estate.nodes().len(), estate.links().len(), estate.withdrawals().len());
        println!("{name} {counts:?} {:?}", shown(&loaded.warnings));
        let _ = (nodes, links, withdrawals);
    }
}
