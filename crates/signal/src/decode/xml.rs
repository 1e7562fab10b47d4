//! Windows events as XML: one after another, each on a line or over many
//! (script blocks and lists of properties hold line ends), with or without the
//! `<Events>` around them that Event Viewer and `wevtutil` write.

use std::io::Read;

use super::source::{Line, Source};
use super::{Meter, RECORD_BYTES};
use crate::scan::feed::Feed;

const END: &str = "</Event>";

/// Tells whether a text begins like such a log.
pub(crate) fn is_events(text: &str) -> bool {
    let text = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, rest)| rest).trim_start(),
        None => text,
    };
    let text = text.strip_prefix("<Events>").unwrap_or(text).trim_start();
    text.starts_with("<Event ") || text.starts_with("<Event>")
}

pub(crate) fn decode(feed: &mut Feed<'_>, reader: &mut dyn Read, meter: &Meter) {
    let mut source = Source::new(reader);
    let mut open = String::new();
    loop {
        match source.line() {
            Line::End => break,
            Line::TooLong(bytes) => lost(feed, source.line.saturating_sub(1), bytes),
            Line::Whole(length) => {
                let bytes = source.window().get(..length).unwrap_or_default();
                let text = String::from_utf8_lossy(bytes);
                take(feed, &mut open, text.trim_end_matches('\r'));
                if open.len() > RECORD_BYTES {
                    lost(feed, source.line, open.len() as u64);
                    open.clear();
                }
                source.skip_line(length);
            }
        }
        feed.progress(meter);
    }
    if !open.trim().is_empty() {
        feed.lost_record(
            "cut",
            format!("line {}", source.line),
            "an event that has no end".to_owned(),
            "the event is skipped; copy the file again if it is the last one",
        );
    }
    if let Some(error) = source.error.take() {
        feed.trouble(
            "cut",
            format!("line {}", source.line),
            format!("cannot be read further: {error}"),
            "what stands before is read; copy the file again to get the rest",
        );
    }
}

/// Adds a line to the open event, and hands on all that end in it.
fn take(feed: &mut Feed<'_>, open: &mut String, line: &str) {
    let mut rest = line;
    while let Some((head, tail)) = rest.split_once(END) {
        let start = if open.is_empty() { head.find("<Event") } else { Some(0) };
        open.push_str(start.and_then(|at| head.get(at..)).unwrap_or(head));
        open.push_str(END);
        feed.line(open.strip_prefix("<Events>").unwrap_or(open).as_bytes());
        open.clear();
        rest = tail;
    }
    let begins = rest.find("<Event ").or_else(|| rest.find("<Event>"));
    match begins.and_then(|at| rest.get(at..)) {
        Some(event) if open.is_empty() => open.push_str(event),
        Some(_) | None if open.is_empty() => {
            let is_wrapper = ["", "</Events>", "<Events>"].contains(&rest.trim());
            if !is_wrapper && !rest.trim_start().starts_with("<?xml") {
                feed.line(rest.as_bytes());
            }
            return;
        }
        Some(_) | None => open.push_str(rest),
    }
    open.push('\n');
}

fn lost(feed: &mut Feed<'_>, line: u64, bytes: u64) {
    feed.lost_record(
        "long",
        format!("line {line}"),
        format!("an event of {bytes} bytes is skipped; the limit is {} MiB", RECORD_BYTES >> 20),
        "check that the file is a log; events of this size are not read",
    );
}
