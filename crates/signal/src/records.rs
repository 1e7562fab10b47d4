//! From bytes to one record at a time, whatever is wrapped around it.
//!
//! A record may come as a JSON document, inside a list, inside
//! `{"Records": [...]}`, as JSON text in a field of a collector's envelope, or
//! as a line of plain text. The formats decide which of these is a log.

use std::borrow::Cow;
use std::sync::Arc;

use crate::decode::WRAPPERS;
use crate::json::Json;
use crate::reading;
use crate::scan::{Scanner, Sink};
use crate::stream::Stream;

/// Where collectors put the record as they received it.
const RAW: &[&str] =
    &["AuditData", "_raw", "event.original", "message", "Message", "log", "raw", "data"];

impl Scanner {
    /// Reads one record: a JSON document, or a line of text that a format knows.
    pub fn line(&mut self, stream: &mut Stream, bytes: &[u8], sink: &mut dyn Sink) {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return;
        }
        match Json::parse(bytes) {
            Ok(json) => self.value(stream, &json, sink),
            Err(error) => self.not_json(stream, bytes, &error, sink),
        }
    }

    /// A text line, or JSON with bytes that are no UTF-8, or broken JSON.
    fn not_json(
        &mut self,
        stream: &mut Stream,
        bytes: &[u8],
        error: &serde_json::Error,
        sink: &mut dyn Sink,
    ) {
        let text = String::from_utf8_lossy(bytes);
        if !matches!(bytes.first(), Some(b'{' | b'[')) {
            self.text(stream, &text, sink);
            return;
        }
        if let Cow::Owned(text) = &text
            && let Ok(json) = Json::parse(text.as_bytes())
        {
            self.value(stream, &json, sink);
            return;
        }
        stream.record += 1;
        let place = format!("record {}", stream.record);
        let (what, remedy) = if error.to_string().contains("recursion limit") {
            (
                "JSON nested more than 128 levels deep is not read".to_owned(),
                "look at the record: no log format nests like this",
            )
        } else {
            (format!("broken JSON: {error}"), "the record is skipped; the others are read")
        };
        stream.problem("json", place, what, remedy, sink);
    }

    /// Reads a JSON value: a record, a list of records, or `{"Records": [...]}`.
    pub(crate) fn value(&mut self, stream: &mut Stream, json: &Json<'_>, sink: &mut dyn Sink) {
        match json {
            Json::Array(items) => items.iter().for_each(|item| self.value(stream, item, sink)),
            Json::Object(_) => match wrapped(json) {
                Some(items) => items.iter().for_each(|item| self.value(stream, item, sink)),
                None => self.record(stream, json, sink),
            },
            Json::Str(text) => self.text(stream, text, sink),
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Large(_) | Json::Float(_) => {
                self.unknown(stream, "a bare value is no log record", "", sink);
            }
        }
    }

    fn record(&mut self, stream: &mut Stream, json: &Json<'_>, sink: &mut dyn Sink) {
        if let Some((number, format, inner)) = self.formats.recognise(json) {
            let format = Arc::clone(format);
            stream.record += 1;
            self.known(stream, number, &format, inner, json, sink);
        } else if let Some(inner) = enclosed(json) {
            self.value(stream, &inner, sink);
        } else if let Some(line) = self.enclosed_line(json) {
            self.text(stream, &line, sink);
        } else {
            let text = if sink.wants_readings() { reading::shown(json) } else { String::new() };
            self.unknown(stream, "no format knows this record", &text, sink);
        }
    }

    fn text(&mut self, stream: &mut Stream, text: &str, sink: &mut dyn Sink) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        let Some((number, format, record)) = self.formats.recognise_line(text) else {
            self.unknown(stream, "no format knows this line", text, sink);
            return;
        };
        let format = Arc::clone(format);
        stream.record += 1;
        self.known(stream, number, &format, &record, &record, sink);
    }

    /// Returns the line that stands in a field of an envelope, if a format knows it.
    fn enclosed_line(&self, json: &Json<'_>) -> Option<String> {
        RAW.iter().chain(&["result._raw"]).find_map(|path| match json.at(path)? {
            Json::Str(text) if self.formats.recognise_line(text.trim()).is_some() => {
                Some(text.to_string())
            }
            _ => None,
        })
    }

    fn unknown(&mut self, stream: &mut Stream, what: &str, text: &str, sink: &mut dyn Sink) {
        stream.record += 1;
        if sink.wants_readings() {
            sink.unknown(&stream.place(), text);
        }
        let place = format!("record {}", stream.record);
        stream.problem(
            "unknown",
            place,
            what.to_owned(),
            "`cordon formats` lists what is known; describe the new one in a format file",
            sink,
        );
    }
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
