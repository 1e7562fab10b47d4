//! Text, line by line: what its decoders have in common.

use super::source::{Line, Source};
use super::{Meter, RECORD_BYTES};
use crate::scan::feed::Feed;

/// What a decoder calls one of its records, and what helps when one is above the limit.
pub(crate) struct Called {
    pub(crate) one: &'static str,
    pub(crate) remedy: &'static str,
}

/// Hands on every line with its number, to the end of the text or of what can be read of it.
/// A line above the limit is told and skipped.
pub(crate) fn each_line(
    feed: &mut Feed<'_>,
    source: &mut Source<'_>,
    meter: &Meter,
    called: &Called,
    take: &mut dyn FnMut(&mut Feed<'_>, u64, &str),
) {
    loop {
        match source.line() {
            Line::End => return,
            Line::TooLong(bytes) => too_long(feed, source.line.saturating_sub(1), bytes, called),
            Line::Whole(length) => {
                let bytes = source.window().get(..length).unwrap_or_default();
                take(feed, source.line, &String::from_utf8_lossy(bytes));
                source.skip_line(length);
            }
        }
        feed.progress(meter);
    }
}

/// Tells that a record is above the limit.
pub(crate) fn too_long(feed: &mut Feed<'_>, line: u64, bytes: u64, called: &Called) {
    let one = called.one;
    feed.lost_record(
        "long",
        format!("line {line}"),
        format!("{one} of {bytes} bytes is skipped; the limit is {} MiB", RECORD_BYTES >> 20),
        called.remedy,
    );
}

/// Tells that the text could not be read to its end, if that is so.
pub(crate) fn tell_cut(feed: &mut Feed<'_>, source: &mut Source<'_>) {
    if let Some(error) = source.error.take() {
        feed.trouble(
            "cut",
            format!("line {}", source.line),
            format!("cannot be read further: {error}"),
            "what stands before is read; copy the file again to get the rest",
        );
    }
}
