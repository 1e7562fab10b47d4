//! From bytes to one record at a time, whatever is wrapped around it.
//!
//! A record may come as a JSON document, inside a list, inside
//! `{"Records": [...]}`, as JSON text in a field of a collector's envelope, or
//! as a line of plain text. The formats decide which of these is a log.

use std::borrow::Cow;

use crate::decode::WRAPPERS;
use crate::json::Json;
use crate::reading;
use crate::scan::desk::{Books, Desk};
use crate::scan::found::Found;

/// Where collectors put the record as they received it.
const RAW: &[&str] =
    &["AuditData", "_raw", "event.original", "message", "Message", "log", "raw", "data"];

impl Desk {
    /// Reads one record: a JSON document, or a line of text that a format knows.
    pub(crate) fn line(&mut self, books: &Books, bytes: &[u8], found: &mut Vec<Found>) {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return;
        }
        match Json::parse(bytes) {
            Ok(json) => self.value(books, &json, found),
            Err(error) => self.not_json(books, bytes, &error, found),
        }
    }

    /// A text line, or JSON with bytes that are no UTF-8, or broken JSON.
    fn not_json(
        &mut self,
        books: &Books,
        bytes: &[u8],
        error: &serde_json::Error,
        found: &mut Vec<Found>,
    ) {
        let text = String::from_utf8_lossy(bytes);
        if !matches!(bytes.first(), Some(b'{' | b'[')) {
            self.text(books, &text, found);
            return;
        }
        if let Cow::Owned(text) = &text
            && let Ok(json) = Json::parse(text.as_bytes())
        {
            self.value(books, &json, found);
            return;
        }
        found.push(if error.to_string().contains("recursion limit") {
            Found::Odd {
                sort: "json",
                what: "JSON nested more than 128 levels deep is not read".into(),
                text: None,
                remedy: "look at the record: no log format nests like this",
            }
        } else {
            Found::Odd {
                sort: "json",
                what: format!("broken JSON: {error}").into(),
                text: None,
                remedy: "the record is skipped; the others are read",
            }
        });
    }

    /// Reads a JSON value: a record, a list of records, or `{"Records": [...]}`.
    pub(crate) fn value(&mut self, books: &Books, json: &Json<'_>, found: &mut Vec<Found>) {
        match json {
            Json::Array(items) => items.iter().for_each(|item| self.value(books, item, found)),
            Json::Object(_) => match wrapped(json) {
                Some(items) => items.iter().for_each(|item| self.value(books, item, found)),
                None => self.record(books, json, found),
            },
            Json::Str(text) => self.text(books, text, found),
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Large(_) | Json::Float(_) => {
                found.push(unknown("a bare value is no log record", None));
            }
        }
    }

    fn record(&mut self, books: &Books, json: &Json<'_>, found: &mut Vec<Found>) {
        let ways = self.ways(books, json);
        if let Some((number, format, inner)) = books.formats.recognise_by(json, &ways) {
            found.push(self.known(books, number, format, inner, json));
        } else if let Some(inner) = enclosed(json) {
            self.value(books, &inner, found);
        } else if let Some(line) = enclosed_line(books, json) {
            self.text(books, &line, found);
        } else {
            let text = self.tells_all.then(|| reading::shown(json));
            found.push(unknown("no format knows this record", text));
        }
    }

    fn text(&mut self, books: &Books, text: &str, found: &mut Vec<Found>) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        let Some((number, format, record)) = books.formats.recognise_line(text) else {
            let text = self.tells_all.then(|| text.to_owned());
            found.push(unknown("no format knows this line", text));
            return;
        };
        found.push(self.known(books, number, format, &record, &record));
    }
}

fn unknown(what: &'static str, text: Option<String>) -> Found {
    Found::Odd {
        sort: "unknown",
        what: what.into(),
        text,
        remedy: "`cordon formats` lists what is known; describe the new one in a format file",
    }
}
/// Returns the line that stands in a field of an envelope, if a format knows it.
fn enclosed_line(books: &Books, json: &Json<'_>) -> Option<String> {
    RAW.iter().chain(&["result._raw"]).find_map(|path| {
        let Json::Str(text) = json.at(path)? else { return None };
        let known = books.formats.recognise_line(text.trim()).is_some();
        known.then(|| text.to_string())
    })
}

/// Returns the JSON object that stands as text in a field of an envelope.
fn enclosed(json: &Json<'_>) -> Option<Json<'static>> {
    RAW.iter().find_map(|path| {
        let Json::Str(text) = json.at(path)? else {
            return None;
        };
        let inner = text.find('{').and_then(|start| text.get(start..))?;
        match Json::parse(inner.trim().as_bytes()) {
            Ok(json @ Json::Object(_)) => Some(json.into_owned()),
            Ok(_) | Err(_) => None,
        }
    })
}

/// `{"Records": [...]}` and `{"records": [...]}`, with little beside.
fn wrapped<'b, 'a>(json: &'b Json<'a>) -> Option<&'b [Json<'a>]> {
    let Json::Object(members) = json else {
        return None;
    };
    if members.len() > 4 {
        return None;
    }
    members.iter().find_map(|(key, value)| match value {
        Json::Array(items)
            if WRAPPERS.contains(&key.as_ref())
                && items.iter().all(|item| matches!(item, Json::Object(_) | Json::Str(_))) =>
        {
            Some(items.as_slice())
        }
        Json::Array(_)
        | Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::Large(_)
        | Json::Float(_)
        | Json::Str(_)
        | Json::Object(_) => None,
    })
}
