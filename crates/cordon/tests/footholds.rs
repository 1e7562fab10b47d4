//! Footholds as a person meets them: a scan into the ledger, people's words, the
//! reasons, how fresh the evidence is, and the score against a known truth.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const ESTATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../estates/retailer");

fn cordon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon")).args(arguments).output().unwrap()
}

/// Runs a command that must exit with `code`; returns what it printed.
fn text(arguments: &[&str], code: i32) -> String {
    let output = cordon(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn read(arguments: &[&str], code: i32) -> Value {
    let out = text(&[arguments, &["--format", "json"]].concat(), code);
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?}: {out}"))
}

/// Writes the logs of an intrusion that nobody answers.
fn logs(folder: &Path) -> String {
    let logs = folder.join("logs").display().to_string();
    text(&["drill", "retailer", "--response", "none", "--logs", &logs, "--format", "json"], 0);
    logs
}

fn planned_for(data: &str) -> BTreeSet<String> {
    let plan = read(&["plan", "--data", data], 0);
    let footholds = plan["footholds"].as_array().unwrap().iter();
    footholds.map(|foothold| foothold["node"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_scan_fills_the_ledger_and_a_persons_word_stands_until_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(folder.path());
    let data = folder.path().join("data").display().to_string();
    text(&["scan", &logs, "--data", &data], 2);
    assert!(!Path::new(&data).exists(), "nothing is made without an estate");
    let scan = read(&["scan", &logs, "--config", ESTATE, "--data", &data], 0);
    let found: BTreeSet<String> = scan["footholds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|foothold| foothold["node"].as_str().unwrap().to_owned())
        .collect();
    let victim = "user:p.lindqvist";
    assert!(found.contains(victim), "{found:?}");
    assert!(planned_for(&data).contains(victim));

    let page = text(&["foothold", "show", victim, "--data", &data], 0);
    for part in ["The reckoning", "(critical)", "okta-system-log.jsonl, record", "together:"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let say = |verdict: &str, node: &str, code: i32| {
        let said = ["foothold", verdict, node, "--because", "she was with us", "--by", "duty"];
        text(&[&said[..], &["--data", &data]].concat(), code)
    };
    say("withdraw", victim, 2);
    say("clear", "p.lindqvist@north.example", 0);
    assert!(!planned_for(&data).contains(victim), "a cleared node is no foothold of a plan");
    let status = read(&["status", "--data", &data], 0);
    assert_eq!(status["decisions"][0]["by"], "duty");
    assert_eq!(status["decisions"][0]["because"], "she was with us");
    let page = text(&["foothold", "show", victim, "--data", &data], 0);
    assert!(page.contains("duty") && page.contains("she was with us"), "{page}");

    say("confirm", "user:nobody-knows", 2);
    say("add", "host:nobody-knows", 0);
    let list = read(&["foothold", "list", "--data", &data], 0);
    let said = list.as_array().unwrap().iter().filter(|line| !line["said"].is_null()).count();
    assert_eq!(said, 2);
    say("withdraw", victim, 0);
    assert!(planned_for(&data).contains(victim), "the score counts again");
    text(&["ledger", "verify", "--data", &data], 0);
}

#[test]
fn a_second_scan_keeps_to_the_word_and_tells_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(folder.path());
    let data = folder.path().join("data").display().to_string();
    read(&["scan", &logs, "--config", ESTATE, "--data", &data], 0);
    let count = |kind: &str| {
        let show = ["ledger", "show", "--data", &data, "--most", "1000000", "--kind", kind];
        text(&show, 0).lines().count()
    };
    let (detections, facts) = (count("detection"), count("fact"));
    assert!(detections > 0 && facts > 0);
    let victim = "user:p.lindqvist";
    let clear = ["foothold", "clear", victim, "--because", "known", "--by", "duty"];
    text(&[&clear[..], &["--data", &data]].concat(), 0);
    let scan = read(&["scan", &logs, "--data", &data], 0);
    let again = scan["footholds"].as_array().unwrap();
    assert!(!again.is_empty() && again.iter().all(|foothold| foothold["node"] != victim));
    let counts = (count("detection"), count("fact"));
    assert_eq!(counts, (detections, facts), "the same events again are no news");
    let ids = scan["incidents"].as_array().unwrap().iter().map(|incident| &incident["id"]);
    assert!(ids.into_iter().any(|id| id == "inc-1"), "an incident keeps its id");

    let status = read(&["status", "--data", &data], 0);
    let sources = status["sources"].as_array().unwrap();
    assert!(sources.iter().any(|s| s["events"].as_u64() > Some(0) && s["last"].is_string()));
    assert!(status["links"]["confirmed"].as_u64() > Some(0), "{}", status["links"]);
    let words = text(&["status", "--data", &data], 0);
    assert!(words.contains("duty says that user:p.lindqvist is not the intruder's"), "{words}");
}

#[test]
fn footholds_are_scored_against_a_truth() {
    let folder = tempfile::tempdir().unwrap();
    logs(folder.path());
    let truth = folder.path().join("truth.json");
    let known = json!({
        "logs": { "foothold": {
            "users": ["north\\p.lindqvist", "north\\never-in-the-log"],
            "hosts": ["vdi-ho-02.north.example"],
        }},
        "elsewhere": { "foothold": { "users": ["x"] } },
    });
    std::fs::write(&truth, known.to_string()).unwrap();
    let truth = truth.display().to_string();
    let report = read(&["bench", "footholds", "--truth", &truth], 0);
    assert_eq!(report["not_read"], json!(["elsewhere"]));
    let row = &report["files"][0];
    let accounts = &row["scores"]["accounts"];
    assert_eq!((&accounts["hit"], &accounts["missed"]), (&json!(1), &json!(1)), "{row}");
    assert_eq!(accounts["unnamed"], 1);
    assert_eq!(row["scores"]["hosts"]["hit"], 1);
    let others = accounts["wrong"].as_u64().unwrap();
    assert_eq!(accounts["error"].as_u64(), Some(3 + 2 * others));
    assert_eq!(row["f1_at"][3], row["f1"]);
    let race = &row["race"];
    assert_eq!(race["sound"], true);
    assert!(race["still_permitted"].as_u64() < race["intruder_actions"].as_u64(), "{race}");
    assert!(race["denied"].as_u64() < race["innocent_actions"].as_u64(), "{race}");

    std::fs::write(folder.path().join("broken.json"), "{\n\"a\": 1,\n").unwrap();
    let broken = folder.path().join("broken.json").display().to_string();
    let output = cordon(&["bench", "footholds", "--truth", &broken]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("broken.json, line "));
}
