//! YAML with a list of records under `Logs:`, as attack scenarios are written.

use std::io::Read;

use serde::Deserialize;

use super::{Meter, RECORD_BYTES};
use crate::json::Json;
use crate::scan::feed::Feed;

/// Tells whether a text begins like such a file.
pub(crate) fn is_log(text: &str) -> bool {
    (text.starts_with("---") || text.starts_with("LogType:") || text.starts_with("Logs:"))
        && text.lines().take(20).any(|line| line.trim_end() == "Logs:")
}

pub(crate) fn decode(feed: &mut Feed<'_>, reader: &mut dyn Read, meter: &Meter) {
    let mut bytes = Vec::new();
    let read = reader.take(RECORD_BYTES as u64 + 1).read_to_end(&mut bytes);
    feed.progress(meter);
    if let Err(error) = read {
        return broken(feed, String::new(), &error);
    }
    if bytes.len() > RECORD_BYTES {
        return broken(feed, String::new(), &"YAML above the limit of 16 MiB");
    }
    let text = String::from_utf8_lossy(&bytes);
    for document in yaml_serde::Deserializer::from_str(&text) {
        match Json::deserialize(document) {
            Ok(Json::Null) => {}
            Ok(json) => feed.value(&json),
            Err(error) => {
                let place =
                    error.location().map_or(String::new(), |at| format!("line {}", at.line()));
                return broken(feed, place, &error);
            }
        }
    }
}

fn broken(feed: &mut Feed<'_>, place: String, error: &dyn std::fmt::Display) {
    feed.trouble(
        "yaml",
        place,
        format!("cannot be read as YAML: {error}"),
        "give logs as JSON, a record per line",
    );
}
