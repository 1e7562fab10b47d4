//! Puts the lines together that auditd writes of one event.
//!
//! The kernel writes a system call, its arguments and its paths as lines with
//! one number; lines of other events may stand between them. Up to
//! [`MOST_OPEN`] events are kept open; an event ends with its last kind of
//! line, and the oldest is given on when too many are open.

use std::collections::VecDeque;
use std::io::Read;

use super::Meter;
use super::lines::{Called, each_line, tell_cut};
use super::source::Source;
use crate::audit::{event_of, is_last};
use crate::scan::feed::Feed;

/// Events whose lines may be mixed.
const MOST_OPEN: usize = 64;
/// An event of more bytes is given on in parts.
const MOST_BYTES: usize = 1 << 20;

/// Tells whether a text begins like such a log.
pub(crate) fn is_audit(first: &str) -> bool {
    event_of(first).is_some()
}

struct Open {
    event: String,
    lines: String,
}

const CALLED: Called = Called {
    one: "a line",
    remedy: "check that the file is a log; lines of this size are not read",
};

pub(crate) fn decode(feed: &mut Feed<'_>, reader: &mut dyn Read, meter: &Meter) {
    let mut source = Source::new(reader);
    let mut open: VecDeque<Open> = VecDeque::new();
    each_line(feed, &mut source, meter, &CALLED, &mut |feed, _, line| {
        for ready in take(&mut open, line.trim_end()) {
            feed.line(ready.as_bytes());
        }
    });
    for event in open {
        feed.line(event.lines.as_bytes());
    }
    tell_cut(feed, &mut source);
}

/// Adds a line to its event. Returns what is complete by that.
fn take(open: &mut VecDeque<Open>, line: &str) -> Vec<String> {
    let Some(event) = event_of(line) else {
        return vec![line.to_owned()];
    };
    let mut ready = Vec::new();
    let known = open.iter().position(|open| open.event == event);
    let ends = is_last(line);
    // auditd's mark of the end says nothing itself.
    let is_mark = line.contains("type=EOE ");
    match known.and_then(|at| open.get_mut(at)) {
        Some(open) if !is_mark => {
            open.lines.push('\n');
            open.lines.push_str(line);
        }
        Some(_) => {}
        None if is_mark => return ready,
        None if ends => return vec![line.to_owned()],
        None => open.push_back(Open { event: event.to_owned(), lines: line.to_owned() }),
    }
    let at = known.unwrap_or(open.len().saturating_sub(1));
    let is_long = open.get(at).is_some_and(|open| open.lines.len() > MOST_BYTES);
    if ends || is_long {
        ready.extend(open.remove(at).map(|open| open.lines));
    } else if open.len() > MOST_OPEN {
        ready.extend(open.pop_front().map(|open| open.lines));
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_lines_find_their_events() {
        let mut open = VecDeque::new();
        let line = |kind: &str, number: u32| format!("type={kind} msg=audit(1.5:{number}): a=b");
        let mut said = Vec::new();
        for (kind, number) in [
            ("SYSCALL", 1),
            ("SYSCALL", 2),
            ("CWD", 1),
            ("USER_AUTH", 3),
            ("PROCTITLE", 2),
            ("EOE", 1),
        ] {
            said.extend(take(&mut open, &line(kind, number)));
        }
        let two = format!("{}\n{}", line("SYSCALL", 2), line("PROCTITLE", 2));
        let one = format!("{}\n{}", line("SYSCALL", 1), line("CWD", 1));
        assert_eq!(said, [line("USER_AUTH", 3), two, one]);
        for number in 10..200 {
            let _ready = take(&mut open, &line("SYSCALL", number));
        }
        assert_eq!(open.len(), MOST_OPEN);
    }
}
