//! Windows events as XML: one after another, each on a line or over many
//! (script blocks and lists of properties hold line ends), with or without the
//! `<Events>` around them that Event Viewer and `wevtutil` write.

use std::io::Read;

use super::lines::{Called, each_line, tell_cut, too_long};
use super::source::Source;
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

const CALLED: Called = Called {
    one: "an event",
    remedy: "check that the file is a log; events of this size are not read",
};

pub(crate) fn decode(feed: &mut Feed<'_>, reader: &mut dyn Read, meter: &Meter) {
    let mut source = Source::new(reader);
    let mut open = String::new();
    each_line(feed, &mut source, meter, &CALLED, &mut |feed, number, text| {
        take(feed, &mut open, text.trim_end_matches('\r'));
        if open.len() > RECORD_BYTES {
            too_long(feed, number, open.len() as u64, &CALLED);
            open.clear();
        }
    });
    if !open.trim().is_empty() {
        feed.lost_record(
            "cut",
            format!("line {}", source.line),
            "an event that has no end".to_owned(),
            "the event is skipped; copy the file again if it is the last one",
        );
    }
    tell_cut(feed, &mut source);
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
