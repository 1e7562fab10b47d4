//! A settled plan has every field that Cordon writes and no other.
//!
//! What Cordon writes is what `model::plan` says: the text is read into its
//! types, written again, and compared as values. Where a number stands it may
//! be written in any way; `seconds` and `reason` may say anything or be missing.

use cordon_model::plan::PlanDocument;
use serde_json::Value;

use crate::objections::Objections;

/// Fields that nobody can check.
const FREE: [&str; 2] = ["seconds", "reason"];

/// Compares a document, field by field, with what Cordon would have written.
pub(crate) fn check(text: &str, objections: &mut Objections) {
    let read = serde_json::from_str::<PlanDocument>(text).and_then(serde_json::to_value);
    let given = serde_json::from_str::<Value>(text);
    match (given, read) {
        (Ok(given), Ok(own)) => compare(&given, &own, "", objections),
        (Err(error), _) | (_, Err(error)) => {
            objections.object("missing-field", format!("it is settled, but not whole: {error}"));
        }
    }
}

fn compare(given: &Value, own: &Value, place: &str, objections: &mut Objections) {
    match (given, own) {
        (Value::Object(given), Value::Object(own)) => {
            for field in given.keys().filter(|field| !own.contains_key(*field)) {
                let what = format!("a settled plan has no field `{place}/{field}`");
                let fine = FREE.contains(&field.as_str());
                objections.unless(fine, "unknown-field", || what);
            }
            for (field, own) in own.iter().filter(|(field, _)| !FREE.contains(&field.as_str())) {
                let place = format!("{place}/{field}");
                match given.get(field) {
                    Some(given) => compare(given, own, &place, objections),
                    None => objections.object(
                        "missing-field",
                        format!("it is settled, and `{place}` is missing"),
                    ),
                }
            }
        }
        (Value::Array(given), Value::Array(own)) if given.len() == own.len() => {
            for ((given, own), at) in given.iter().zip(own).zip(0..) {
                compare(given, own, &format!("{place}/{at}"), objections);
            }
        }
        _ => objections.unless(is_same(given, own), "wrong-form", || {
            format!("`{place}` is written as {own} in a settled plan, not as {given}")
        }),
    }
}

fn is_same(given: &Value, own: &Value) -> bool {
    given == own || given.is_number() && own.is_number() && given.as_f64() == own.as_f64()
}
