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

const NODES: &str = "
[[node]]
id = 'host:a'
[[node]]
id = 'host:b'
[[node]]
id = 'app:pos'
";

/// Checks the problems of a text that follows three good nodes (it begins on line 8).
#[track_caller]
fn check_refused(text: &str, expect: &[&str]) {
    assert_eq!(refused(&format!("{NODES}{text}")), expect, "{text}");
}

#[test]
fn print_refusals() {
    for text in [
        "[[service]]\nid = 'tills'\nneeds = 'app:pso and (host:a or host:c)'\nprotected = 'yes'\ncost_per_hour = -5\ncolour = 1\n",
        "[[service]]\nid = 'tills'\nneeds = 'app:pos and'\nprotected = true\n[[service]]\nneeds = '3 of (app:pos, host:a)'\nid = 'x'\nprotected = true\n",
        "[[node]]\nid = 'Host:A b'\n[[node]]\nid = 'nokind'\n[[node]]\nname = 'x'\n",
        "[[link]]\nfrom = 'host:a'\nto = 'host:zzz'\nkind = 'Controls'\nseconds = -1\n[[link]]\nfrom = 'host:a'\n",
        "[[asset]]\nnode = 'host:a'\nloss = 1.234\n[[asset]]\nnode = 'host:a'\nloss = '5'\n[[asset]]\nnode = 'host:a'\nloss = 99999999999999999\n[[asset]]\nnode = 'host:b'\n",
        "[[service]]\nid = 's'\nneeds = 'host:a'\n[[service]]\nid = 's'\nneeds = 'host:b'\n[[cap]]\nkind = 'x'\nmost = 1.5\n[[cap]]\n",
        "[[withdrawal]]\nid = 'w'\nkind = 'isolate-host'\nremoves = ['host:a', 'host:q']\n[[withdrawal]]\nid = 'w'\nkind = 'isolate-host'\nremoves = []\nmode = 'stop'\n[[withdrawal]]\nkind = 'k'\nremoves = ['host:a', 'host:b']\n",
        "[[link]]\nfrom = 'app:pos'\nto = 'host:a'\nkind = 'RunsOn'\n[[link]]\nfrom = 'host:a'\nto = 'host:b'\nkind = 'runson'\n[[node]]\nid = 'host:b'\nneeds = 'app:pos'\n",
        "[estate]\nname = 'x'\nhorizon_hours = 0\ndefault_withdrawals = 1\n[[services]]\nid = 1\n[holding]\nnode = 'host:a'\n",
        "[[holding]]\nnode = 'host:a'\ncategories = ['Date of birth', 5]\npeople = 1.5\ncopies = ['host:d']\n[[coverage]]\nholding = 'host:b'\nsource = ''\n",
        "[[node]]\nid = 'host:c\n[[node]]\nid = \"x:y\"\nid = 'x:y'\n[[service]]\nid = 's'\nneeds = 'host:zz'\n",
        "[[withdrawal]]\nid = 'isolate-host/host:a'\nkind = 'other'\nremoves = ['host:b']\n",
        "[[asset]]\nnode = 'host:a'\nloss = 45000000000000\n[[asset]]\nnode = 'host:b'\nloss = 45000000000000\n",
        "[[withdrawal]]\nkind = 'isolate-host'\nremoves = 'host:a'\nenforcer = 'host:x'\n",
    ] {
        println!("{text}\n{:#?}", refused(&format!("{NODES}{text}")));
    }
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
