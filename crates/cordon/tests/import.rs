//! A directory from its collection to a proven plan, as a person would do it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cordon_estate::generate::collection::{Collection, Stated, Version, collection};
use serde_json::Value;

fn cordon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon")).args(arguments).output().unwrap()
}

/// Runs a command that must exit with `code`, and reads its JSON.
#[track_caller]
fn json(arguments: &[&str], code: i32) -> Value {
    let output = cordon(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn write_collection(path: &Path, objects: u32, version: Version) -> Stated {
    let file = fs::File::create(path).unwrap();
    collection(Collection { objects, version, seed: 3 }, file).unwrap()
}

fn numbers(value: &Value) -> BTreeMap<String, u64> {
    let entries = value.as_object().unwrap().iter();
    entries.map(|(name, number)| (name.clone(), number.as_u64().unwrap())).collect()
}

#[test]
fn a_generated_directory_is_imported_and_planned() {
    for (version, objects) in [(Version::V5, 5_000), (Version::V6, 100_000)] {
        let root = tempfile::tempdir().unwrap();
        let archive = root.path().join("collection.zip");
        let stated = write_collection(&archive, objects, version);
        let (archive, folder) = (archive.display().to_string(), root.path().join("estate"));
        let folder = folder.display().to_string();

        let done = json(&["estate", "import", &archive, "--into", &folder, "--format", "json"], 0);
        assert_eq!(numbers(&done["records"]), stated.records);
        let counted: BTreeMap<String, u64> = done["edges"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(kind, edge)| (kind.clone(), edge["stated"].as_u64().unwrap()))
            .filter(|(_, stated)| *stated > 0)
            .collect();
        assert_eq!(counted, stated.edges);
        assert_eq!(done["problems"], Value::Array(vec![]));

        let checked = json(&["check", &folder, "--format", "json"], 0);
        assert_eq!(checked["problems"], Value::Array(vec![]), "{checked}");

        // The first of a department is at its help desk, and so an administrator of workstations.
        let foothold = "user:u0000000@north.example";
        let arguments = ["plan", "--config", &folder, "--foothold", foothold, "--format", "json"];
        let plan = json(&arguments, 0);
        let balanced = &plan["alternatives"][1];
        assert_eq!(balanced["status"], "optimal");
        assert!(!balanced["withdrawals"].as_array().unwrap().is_empty(), "something is at stake");
        let file = root.path().join("plan.json");
        fs::write(&file, plan.to_string()).unwrap();
        let file = file.display().to_string();
        let check = json(&["plan", "check", &file, "--config", &folder, "--format", "json"], 0);
        assert_eq!(check["accepted"], true);
    }
}

#[test]
fn what_could_not_be_read_is_an_answer_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let archive = root.path().join("collection.zip");
    write_collection(&archive, 300, Version::V6);
    let folder = root.path().join("estate").display().to_string();
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    let name = archive.display().to_string();
    let output = cordon(&["estate", "import", &name, "--into", &folder]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the list of members cannot be read"), "{text}");
    assert!(text.contains("users  ") || text.contains("computers  "), "the rest is kept: {text}");

    let none = root.path().join("none.json").display().to_string();
    let output = cordon(&["estate", "import", &none, "--into", &folder]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error.contains("cannot be opened") && error.contains("nothing was imported"),
        "{error}"
    );

    fs::write(Path::new(&folder).join("estate/nodes.csv"), "id\nhost:mine\n").unwrap();
    let output = cordon(&["estate", "import", &name, "--into", &folder]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("was changed since it was imported"), "{error}");
}

#[test]
fn a_collection_is_written_for_trying() {
    let root = tempfile::tempdir().unwrap();
    let archive = root.path().join("c.zip").display().to_string();
    let arguments = ["estate", "generate", "collection", "--objects", "300", "--out", &archive];
    let output = cordon(&arguments);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("holds 300 objects and "));
    let output = cordon(&arguments);
    assert_eq!(output.status.code(), Some(2), "nothing is overwritten");
}
