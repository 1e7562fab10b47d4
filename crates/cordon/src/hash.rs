//! Names of contents: the hash that an approval is bound to, and the estate's.

use cordon_estate::Files;
use cordon_model::plan::PlanDocument;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a plan's canonical JSON (keys sorted, no white space) without `seconds`.
pub(crate) fn of_plan(document: &PlanDocument) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(document)?;
    canonical(&mut value);
    Ok(hex(&Sha256::digest(serde_json::to_vec(&value)?)))
}

/// SHA-256 of an estate's files, names and contents in the order of names.
pub(crate) fn of_files(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (name, text) in files {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize())
}

fn canonical(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("seconds");
            let mut entries: Vec<(String, Value)> = std::mem::take(object).into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.iter_mut().for_each(|(_, value)| canonical(value));
            *object = Map::from_iter(entries);
        }
        Value::Array(values) => values.iter_mut().for_each(canonical),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
