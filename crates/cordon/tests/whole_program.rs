//! The program as a person or script meets it: commands, exit codes, JSON.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it skips"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const ESTATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../estates/retailer");

fn cordon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon")).args(arguments).output().unwrap()
}

/// Runs a command that must exit with `code`, and reads its JSON.
fn json(arguments: &[&str], code: i32) -> Value {
    let output = cordon(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {error}"))
}

fn nodes(list: &Value) -> BTreeSet<String> {
    let each = list.as_array().unwrap().iter();
    each.map(|entry| entry["node"].as_str().or(entry.as_str()).unwrap().to_owned()).collect()
}

fn shared_estate(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CORDON_ESTATES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/estates"),
        PathBuf::from,
    );
    let estate = folder.join(name);
    if !estate.is_dir() {
        println!("skipped: {name} (no planner instances)");
        return None;
    }
    Some(estate)
}

fn foothold_arguments(estate: &Path, flag: &str) -> Vec<String> {
    let text = fs::read_to_string(estate.join("footholds.txt")).unwrap();
    text.split_whitespace().flat_map(|id| [flag.to_owned(), id.to_owned()]).collect()
}

#[test]
fn known_optima_are_found_and_changed_plans_refused() {
    for (name, flag, total) in [
        ("retail_1k", "--foothold", 3045.0),
        ("retail_1k", "--entrenched", 63488.0),
        ("retail_1k_caps", "--entrenched", 161_881.0),
        ("retail_1k_costly", "--entrenched", 1_533_620.0),
    ] {
        let Some(estate) = shared_estate(name) else { return };
        let footholds = foothold_arguments(&estate, flag);
        let config = estate.display().to_string();
        let mut arguments =
            vec!["plan", "--config", &config, "--time-limit", "120", "--format", "json"];
        arguments.extend(footholds.iter().map(String::as_str));
        let plan = json(&arguments, 0);
        let balanced = &plan["alternatives"][1];
        assert_eq!(balanced["status"], "optimal", "{name} {flag}");
        assert_eq!(balanced["cost"]["total"].as_f64(), Some(total), "{name} {flag}");
        check_changes(&config, &plan, &footholds);
    }
}

/// What is changed in a plan, in a word, and how.
type Change = (&'static str, fn(&mut Value));

/// The honest plan is accepted; each change by hand gets the objection that fits.
fn check_changes(config: &str, plan: &Value, footholds: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let check = |plan: &Value, code| {
        fs::write(&file, plan.to_string()).unwrap();
        let name = file.display().to_string();
        let mut arguments = vec!["plan", "check", &name, "--config", config, "--format", "json"];
        arguments.extend(footholds.iter().map(String::as_str));
        json(&arguments, code)
    };
    let honest = check(plan, 0);
    assert_eq!(honest["accepted"], true, "{honest}");
    let changes: [Change; 5] = [
        ("open-path", |p| drop(p["alternatives"][1]["withdrawals"].as_array_mut().unwrap().pop())),
        ("wrong-cost", |p| p["alternatives"][1]["cost"]["withdrawals"] = 1.into()),
        ("raised-bound", |p| p["alternatives"][1]["certificate"]["bound"] = 99_000_000.into()),
        ("hidden-stop", |p| p["alternatives"][1]["stopped_services"] = Value::Array(Vec::new())),
        ("wrong-foothold", |p| drop(p["footholds"].as_array_mut().unwrap().pop())),
    ];
    for (code, change) in changes {
        let mut changed = plan.clone();
        change(&mut changed);
        if changed != *plan {
            let refused = check(&changed, 1);
            let mut objections = refused["objections"].as_array().unwrap().iter();
            assert!(objections.any(|objection| objection["code"] == code), "{code}: {refused}");
        }
    }
}

#[test]
fn the_sample_estate_is_sound() {
    let answer = json(&["check", ESTATE, "--format", "json"], 0);
    assert_eq!(answer["problems"], Value::Array(Vec::new()));
}

#[test]
fn broken_input_is_named_and_loses_nothing_good() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        file.display().to_string()
    };
    let rules =
        write("broken.yml", b"title: No condition\nlogsource: {product: okta}\ndetection: {}\n");
    let empty = write("empty.log", b"");
    let junk = write("junk.bin", &[0, 159, 146, 150, 0, 1, 2, 3]);
    let deep = write("deep.json", &[b"[".repeat(100_000), b"]".repeat(100_000)].concat());
    let good = write(
        "good.json",
        br#"{"uuid":"1","published":"2026-03-02T01:00:00.000Z","eventType":"user.session.start","version":"0","actor":{"id":"00u1","type":"User","alternateId":"ann@north.example"},"client":{"ipAddress":"10.0.0.1"},"outcome":{"result":"SUCCESS"},"target":[]}"#,
    );
    let answer =
        json(&["scan", "--rules", &rules, &empty, &junk, &deep, &good, "--format", "json"], 1);
    assert_eq!(answer["events"], 1);
    let problems = answer["problems"].as_array().unwrap();
    for name in ["broken.yml", "empty.log", "junk.bin", "deep.json"] {
        let named = problems.iter().any(|problem| problem["file"].as_str().unwrap().contains(name));
        assert!(named, "no problem names {name}: {problems:?}");
    }
    assert!(problems.iter().all(|problem| !problem["remedy"].as_str().unwrap().is_empty()));
}

#[test]
fn a_wrong_foothold_or_folder_is_bad_input() {
    for arguments in [
        &["plan", "--config", ESTATE, "--foothold", "user:nobody-here"][..],
        &["plan", "--config", "/nonexistent", "--foothold", "user:x"],
        &["exposure", "--data", "/nonexistent"],
        &["plan"],
    ] {
        let output = cordon(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn without_rules_the_drill_cuts_nothing() {
    let drill =
        ["drill", "retailer", "--response", "pre-authorised", "--no-pack", "--format", "json"];
    let run = &json(&drill, 0)["runs"][0];
    assert_eq!(run["withdrawals"], 0);
    assert_eq!(nodes(&run["footholds_named"]), BTreeSet::new());
    assert!(!nodes(&run["assets_lost"]).is_empty(), "nothing was done against the intruder");
}

#[test]
fn a_scan_of_the_drills_logs_names_the_footholds_that_the_drill_acts_on() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs").display().to_string();
    let drill = ["drill", "retailer", "--response", "none", "--logs", &logs, "--format", "json"];
    let run = json(&drill, 0)["runs"][0].clone();
    let scanned = json(&["scan", "--config", ESTATE, &logs, "--format", "json"], 0);
    let named = nodes(&scanned["footholds"]);
    assert_eq!(named, nodes(&run["footholds_named"]));
    let held = nodes(&run["intruder_held"]);
    let innocent: Vec<&String> = named
        .iter()
        .filter(|node| !node.starts_with("address:") && !held.contains(*node))
        .collect();
    assert!(innocent.is_empty(), "innocent nodes were named: {innocent:?}");
    assert!(named.contains("user:p.lindqvist"), "{named:?}");
}

#[test]
fn after_a_demo_its_folder_answers_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.display().to_string();
    let demo = Command::new(env!("CARGO_BIN_EXE_cordon"))
        .args(["demo", "--data", &data])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    let told = String::from_utf8(demo.stdout).unwrap();
    for words in ["supported", "CONTRADICTED", "UNSUPPORTED", "everything is as it was before"] {
        assert!(told.contains(words), "the demo does not say `{words}`");
    }
    let status = json(&["status", "--data", &data, "--format", "json"], 0);
    let withdrawals = status["withdrawals"].as_array().unwrap();
    assert!(!withdrawals.is_empty() && withdrawals.iter().all(|w| w["state"] == "lifted"));
    json(&["ledger", "verify", "--data", &data, "--format", "json"], 0);
    check_exposure(&data);
    check_tampering(&data);
}

fn verdict(data: &str, holding: &str, category: &str) -> String {
    let exposure = json(&["exposure", "--data", data, "--format", "json"], 0);
    let holdings = exposure["holdings"].as_array().unwrap();
    let found = holdings.iter().find(|entry| entry["node"] == holding).unwrap();
    found["categories"][category]["verdict"].as_str().unwrap().to_owned()
}

fn claim(data: &str, claim: &str) -> Value {
    let file = Path::new(data).join("claim.md");
    fs::write(&file, format!("[No such data has been compromised]({claim}).\n")).unwrap();
    let name = file.display().to_string();
    let output = cordon(&["notice", "check", &name, "--data", data, "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["claims"][0].clone()
}

/// A missing log makes a claim unsupported, a read contradicts it, no path supports it; and
/// taking one coverage line out of the estate turns a verdict.
fn check_exposure(data: &str) {
    let missing = claim(data, "claim:exposure?holding=db:legal&category=name&at-most=ruled-out");
    assert_eq!(missing["verdict"], "unsupported", "{missing}");
    assert!(missing["because"].to_string().contains("pgaudit:legal"), "{missing}");
    let read =
        claim(data, "claim:exposure?holding=db:staff-directory&category=name&at-most=reachable");
    assert_eq!(read["verdict"], "contradicted", "{read}");
    assert!(read["because"].to_string().contains("user:p.lindqvist"), "{read}");
    let apart =
        claim(data, "claim:exposure?holding=db:tokens&category=payment-card&at-most=ruled-out");
    assert_eq!(apart["verdict"], "supported", "{apart}");

    assert_eq!(verdict(data, "db:funerals", "religion"), "ruled out");
    let file = Path::new(data).join("config/estate/data.toml");
    let text = fs::read_to_string(&file).unwrap();
    let line = "[[coverage]]\nholding = \"db:funerals\"\nsource = \"pgaudit:funerals\"\n";
    assert!(text.contains(line));
    fs::write(&file, text.replace(line, "")).unwrap();
    assert_eq!(verdict(data, "db:funerals", "religion"), "reachable");
    fs::write(&file, text).unwrap();
}

fn check_tampering(data: &str) {
    let export = cordon(&["ledger", "export", "--data", data]);
    assert!(export.status.success());
    let lines = String::from_utf8(export.stdout).unwrap().lines().count();
    assert!(lines > 100, "{lines} lines");
    let file = Path::new(data).join("ledger.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    let word = b"user:p.lindqvist";
    let at = bytes.windows(word.len()).rposition(|window| window == word).unwrap();
    bytes[at + 5] = b'q';
    fs::write(&file, bytes).unwrap();
    json(&["ledger", "verify", "--data", data, "--format", "json"], 1);
}
