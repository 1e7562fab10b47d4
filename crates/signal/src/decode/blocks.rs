//! Windows events as text over many lines, as Splunk's forwarder writes them: a
//! line with the time, lines of `Name=value`, and a message with sections.
//!
//! A line that is only a time begins the next record. A section's values get
//! the section's name (`New Logon.Account Name`); those before any section get
//! `Message`. A value may go on over further lines, indented and without a name.

use std::borrow::Cow;
use std::io::Read;

use super::lines::{Called, each_line, tell_cut};
use super::source::Source;
use super::{Meter, RECORD_BYTES};
use crate::json::Json;
use crate::scan::feed::Feed;

/// A record of more fields is cut.
const FIELDS: usize = 500;

/// Tells whether a text begins like such a log.
pub(crate) fn is_blocks(text: &str) -> bool {
    let mut lines = text.lines();
    lines.next().is_some_and(is_time)
        && lines.next().is_some_and(|line| line.starts_with("LogName="))
}

/// `05/01/2024 08:15:02 AM`, and nothing else.
fn is_time(line: &str) -> bool {
    let line = line.trim_end();
    let shape = line.bytes().zip("00/00/0000 00:00:00".bytes());
    line.len() >= 22
        && line.len() <= 30
        && (line.ends_with(" AM") || line.ends_with(" PM"))
        && shape
            .into_iter()
            .all(|(byte, like)| if like == b'0' { byte.is_ascii_digit() } else { byte == like })
}

const CALLED: Called = Called {
    one: "a line",
    remedy: "check that the file is a log; lines of this size are not read",
};

pub(crate) fn decode(feed: &mut Feed<'_>, reader: &mut dyn Read, meter: &Meter) {
    let mut source = Source::new(reader);
    let mut block = Block::default();
    each_line(feed, &mut source, meter, &CALLED, &mut |feed, _, text| {
        let line = text.trim_start_matches('\u{feff}').trim_end();
        if is_time(line) {
            block.give(feed);
        }
        block.take(line);
    });
    block.give(feed);
    tell_cut(feed, &mut source);
}

/// The record that is being put together.
#[derive(Default)]
struct Block {
    members: Vec<(Cow<'static, str>, Json<'static>)>,
    message: String,
    section: String,
    /// The last value may go on over the next line.
    is_open: bool,
}

impl Block {
    fn take(&mut self, line: &str) {
        if self.members.is_empty() {
            self.add("time".to_owned(), line);
        } else if self.message.is_empty() {
            match line.split_once('=') {
                Some(("Message", text)) => {
                    self.message = text.to_owned();
                    "Message".clone_into(&mut self.section);
                }
                Some((name, value)) => self.add(name.to_owned(), value),
                None => {}
            }
        } else {
            self.take_message(line);
        }
    }

    fn take_message(&mut self, line: &str) {
        if self.message.len() + line.len() < RECORD_BYTES {
            self.message.push('\n');
            self.message.push_str(line);
        }
        let Some((name, value)) = line.split_once(':') else { return self.go_on(line) };
        let (indent, name, value) = (name.starts_with(['\t', ' ']), name.trim(), value.trim());
        if value.is_empty() && !indent {
            name.clone_into(&mut self.section);
        } else if !value.is_empty() && name.len() < 64 {
            let section = if indent { self.section.as_str() } else { "Message" };
            let name = format!("{section}.{name}");
            self.add(name, value);
        }
    }

    /// An indented line without a name goes on with the value before it.
    fn go_on(&mut self, line: &str) {
        let more = line.trim();
        if self.is_open
            && line.starts_with(['\t', ' '])
            && !more.is_empty()
            && let Some((_, Json::Str(value))) = self.members.last_mut()
            && value.len() + more.len() < RECORD_BYTES
        {
            let value = value.to_mut();
            value.push('\n');
            value.push_str(more);
        } else {
            self.is_open = false;
        }
    }

    /// Adds a field; the first of a name counts.
    fn add(&mut self, name: String, value: &str) {
        self.is_open =
            self.members.len() < FIELDS && !self.members.iter().any(|(known, _)| **known == name);
        if self.is_open {
            self.members.push((Cow::Owned(name), Json::Str(Cow::Owned(value.to_owned()))));
        }
    }

    /// Hands the record on and starts anew.
    fn give(&mut self, feed: &mut Feed<'_>) {
        let block = std::mem::take(self);
        if block.members.is_empty() {
            return;
        }
        let mut members = block.members;
        members.push((Cow::Borrowed("Message"), Json::Str(Cow::Owned(block.message))));
        feed.value(&Json::Object(members));
    }
}
