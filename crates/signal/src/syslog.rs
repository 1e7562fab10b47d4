//! The header of a syslog line, and the message behind it.
//!
//! RFC 5424 with its structured data; RFC 3164 as programs write it, with the
//! priority (off the wire) or without (in `/var/log`), with the old time
//! without a year, Cisco's with one, or an RFC 3339 one. A line that is only
//! a priority before a message counts too. Counted frames are for the network
//! and not read here.

use std::borrow::Cow;

use crate::json::Json;

/// Longer words of a header are none.
const LONGEST_WORD: usize = 255;

const MONTHS: &[&str] =
    &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SEVERITIES: &[&str] =
    &["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// The parts of a syslog line; a part that is missing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    facility: &'static str,
    severity: &'static str,
    timestamp: &'a str,
    host: &'a str,
    program: &'a str,
    pid: &'a str,
    msgid: &'a str,
    structured: &'a str,
    pub(crate) message: &'a str,
}

impl<'a> Frame<'a> {
    /// Takes the header off a line. None if it has none.
    pub(crate) fn of(line: &'a str) -> Option<Self> {
        let mut frame = Self::default();
        let rest = frame.priority(line);
        let has_priority = rest.len() < line.len();
        if let (true, Some(rest)) = (has_priority, rest.strip_prefix("1 ")) {
            return frame.modern(rest);
        }
        let Some((timestamp, rest)) = split_time(rest) else {
            frame.message = rest.trim_start();
            return has_priority.then_some(frame);
        };
        frame.timestamp = timestamp;
        frame.tag(rest);
        Some(frame)
    }

    /// Returns a part by the name that it has in records.
    pub(crate) fn field(&self, name: &str) -> Option<&'a str> {
        let value = match name {
            "facility" => self.facility,
            "severity" => self.severity,
            "timestamp" => self.timestamp,
            "host" => self.host,
            "program" => self.program,
            "pid" => self.pid,
            "msgid" => self.msgid,
            "structured" => self.structured,
            "message" => self.message,
            _ => "",
        };
        (!value.is_empty()).then_some(value)
    }

    /// Returns the parts but for the message as members of a record.
    pub(crate) fn members(&self) -> Vec<(Cow<'a, str>, Json<'a>)> {
        let names = ["facility", "severity", "timestamp", "host", "program", "pid", "msgid"];
        let mut members: Vec<_> = names
            .into_iter()
            .filter_map(|name| {
                Some((Cow::Borrowed(name), Json::Str(Cow::Borrowed(self.field(name)?))))
            })
            .collect();
        if !self.structured.is_empty() {
            members.push((Cow::Borrowed("structured"), structured(self.structured)));
        }
        members
    }

    /// `<PRI>`: facility and severity. Returns what follows.
    fn priority(&mut self, line: &'a str) -> &'a str {
        let split = || {
            let (number, rest) = line.strip_prefix('<')?.split_once('>')?;
            let number: usize = number.parse().ok().filter(|_| number.len() <= 3)?;
            Some((*FACILITIES.get(number / 8)?, *SEVERITIES.get(number % 8)?, rest))
        };
        match split() {
            Some((facility, severity, rest)) => {
                (self.facility, self.severity) = (facility, severity);
                rest
            }
            None => line,
        }
    }

    /// RFC 5424, behind the version.
    fn modern(mut self, rest: &'a str) -> Option<Self> {
        let mut words = rest.splitn(6, ' ');
        let mut word = || words.next().map(|word| if word == "-" { "" } else { word });
        self.timestamp = word()?;
        self.host = word()?;
        self.program = word()?;
        self.pid = word()?;
        self.msgid = word()?;
        let rest = words.next().unwrap_or_default();
        let length = structured_length(rest);
        self.structured = rest.get(..length).filter(|_| !rest.starts_with('-')).unwrap_or_default();
        let message = rest.get(length..).unwrap_or_default().trim_start();
        self.message = message.trim_start_matches('\u{feff}');
        Some(self)
    }

    /// Host, program and message of RFC 3164, as far as they are there.
    fn tag(&mut self, rest: &'a str) {
        let rest = rest.trim_start();
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_name = |word: &str| {
            !word.is_empty()
                && word.len() <= LONGEST_WORD
                && !word.ends_with(':')
                && !word.contains(['[', '%', '|', '=', '"', '{', '('])
        };
        let rest = if is_name(word) && !after.is_empty() {
            self.host = word;
            after.trim_start()
        } else {
            rest
        };
        let end = rest.find([' ', ':', '[']).unwrap_or(rest.len());
        let (program, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (pid, after) = match after.strip_prefix('[').and_then(|after| after.split_once(']')) {
            Some((pid, after)) if pid.len() <= LONGEST_WORD => (pid, level_off(after)),
            Some(_) | None => ("", after),
        };
        let is_program = !program.is_empty()
            && program.len() <= LONGEST_WORD
            && !program.contains(['%', '=', '|', '"'])
            && !["CEF", "LEEF"].contains(&program);
        match after.strip_prefix(':') {
            Some(message) if is_program => {
                (self.program, self.pid) = (program, pid);
                self.message = message.trim_start();
            }
            Some(_) | None => self.message = rest.trim_start_matches(':').trim_start(),
        }
    }
}

/// Kerberos writes a level between the number and the colon: `(info):`.
fn level_off(text: &str) -> &str {
    let inner = text.strip_prefix('(').and_then(|text| text.split_once(')'));
    inner.map_or(text, |(_, rest)| rest)
}

/// Splits the time off the start of a line.
fn split_time(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(['*', '.']);
    let is_month = text.get(..3).is_some_and(|month| MONTHS.contains(&month));
    let length = if is_month { old_time(text)? } else { new_time(text)? };
    let (time, rest) = text.split_at_checked(length)?;
    Some((time, rest.strip_prefix(':').unwrap_or(rest)))
}

/// The length of `May  1 08:15:02`, with a year and a fraction if they are there.
fn old_time(text: &str) -> Option<usize> {
    let mut words = text.split(' ').filter(|word| !word.is_empty()).skip(1);
    let day = words.next()?;
    if day.len() > 2 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut clock = words.next()?;
    if clock.len() == 4 && clock.bytes().all(|byte| byte.is_ascii_digit()) {
        clock = words.next()?;
    }
    let clock = clock.trim_end_matches(':');
    let looks_right = clock.get(2..3) == Some(":")
        && clock.get(5..6) == Some(":")
        && clock.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.');
    // The slices come from one text, so their places tell the length.
    looks_right.then(|| clock.as_ptr().addr() - text.as_ptr().addr() + clock.len())
}

/// The length of an RFC 3339 time.
fn new_time(text: &str) -> Option<usize> {
    let word = text.split(' ').next()?;
    let shape = word.get(..20)?.bytes().zip("0000-00-00T00:00:00".bytes());
    let looks_right = shape
        .into_iter()
        .all(|(byte, like)| if like == b'0' { byte.is_ascii_digit() } else { byte == like });
    looks_right.then_some(word.len())
}

/// The length of `[id name="value"][id ..]` or `-`.
fn structured_length(text: &str) -> usize {
    if text.starts_with('-') {
        return 1;
    }
    let mut quoted = false;
    let mut escaped = false;
    let mut open = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if open => quoted = !quoted,
            b'[' if !open => open = true,
            b']' if open && !quoted => open = false,
            _ if !open => return at,
            _ => {}
        }
    }
    if open { 0 } else { text.len() }
}

/// Turns structured data into an object of objects.
fn structured(text: &str) -> Json<'static> {
    let mut elements = Vec::new();
    let mut rest = text;
    while let Some(after) = rest.strip_prefix('[') {
        let end = structured_end(after);
        let (element, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        let (id, parameters) = element.split_once(' ').unwrap_or((element, ""));
        elements.push((Cow::Owned(id.to_owned()), Json::Object(parameters_of(parameters))));
        rest = tail.strip_prefix(']').unwrap_or_default();
    }
    Json::Object(elements)
}

/// Where the element ends whose `[` is passed.
fn structured_end(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn parameters_of(text: &str) -> Vec<(Cow<'static, str>, Json<'static>)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut escaped = false;
        let mut end = after.len();
        for (at, c) in after.char_indices() {
            match c {
                _ if escaped => {
                    if !matches!(c, '"' | '\\' | ']') {
                        value.push('\\');
                    }
                    value.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    end = at + 1;
                    break;
                }
                c => value.push(c),
            }
        }
        found.push((Cow::Owned(name.to_owned()), Json::Str(Cow::Owned(value))));
        rest = after.get(end..).unwrap_or_default().trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &str) {
        let said = Frame::of(line).map_or("none".to_owned(), |f| {
            [f.facility, f.severity, f.timestamp, f.host, f.program, f.pid, f.msgid, f.message]
                .map(|part| if part.is_empty() { "-" } else { part })
                .join("|")
        });
        assert_eq!(said, expect, "{line}");
    }

    #[test]
    fn headers_of_either_sort_come_off() {
        check(
            "<38>May  1 08:15:02 web1 sshd[991]: Accepted password for ann",
            "auth|info|May  1 08:15:02|web1|sshd|991|-|Accepted password for ann",
        );
        check(
            "May 11 08:15:02.117 web1 CRON[7]: (root) CMD (true)",
            "-|-|May 11 08:15:02.117|web1|CRON|7|-|(root) CMD (true)",
        );
        check(
            "2024-05-01T08:15:02.117+02:00 web1 sudo: ann : TTY=pts/0",
            "-|-|2024-05-01T08:15:02.117+02:00|web1|sudo|-|-|ann : TTY=pts/0",
        );
        check(
            "<165>1 2024-05-01T08:15:02.117Z web1 app 7 ID47 [a@1 b=\"c \\\"]\"][d] \u{feff}hello",
            "local4|notice|2024-05-01T08:15:02.117Z|web1|app|7|ID47|hello",
        );
        check(
            "<165>1 2024-05-01T08:15:02Z - - - - - hello",
            "local4|notice|2024-05-01T08:15:02Z|-|-|-|-|hello",
        );
        check(
            "<166>May 01 2024 08:15:02 fw1 : %ASA-6-302013: Built",
            "local4|info|May 01 2024 08:15:02|fw1|-|-|-|%ASA-6-302013: Built",
        );
        check("<166>%ASA-6-302013: Built", "local4|info|-|-|-|-|-|%ASA-6-302013: Built");
        check(
            "<189>date=2024-05-01 time=08:15:02",
            "local7|notice|-|-|-|-|-|date=2024-05-01 time=08:15:02",
        );
        check(
            "May  1 08:15:02 fw1 CEF:0|Vendor|Product|1|2|Name|3|a=b",
            "-|-|May  1 08:15:02|fw1|-|-|-|CEF:0|Vendor|Product|1|2|Name|3|a=b",
        );
        check("May  1 08:15:02 sshd[991]: bye", "-|-|May  1 08:15:02|-|sshd|991|-|bye");
        check("May  1 08:15:02 kdc1 krb5kdc[9](info): x", "-|-|May  1 08:15:02|kdc1|krb5kdc|9|-|x");
        check("May  1 08:15:02 web1 last words", "-|-|May  1 08:15:02|web1|-|-|-|last words");
        check("May", "none");
        check("May 1", "none");
        check("<999>x", "none");
        check("hello world", "none");
        check("{\"a\":1}", "none");
    }

    #[test]
    fn structured_data_becomes_fields() {
        let line =
            r#"<165>1 2024-05-01T08:15:02Z h a - - [x@1 user="a\"n\\n" ip="192.0.2.7"][y] m"#;
        let record = Json::Object(Frame::of(line).unwrap().members());
        let text = |path: &str| record.at(path).and_then(Json::text).map(Cow::into_owned);
        assert_eq!(text("structured.x@1.user").as_deref(), Some("a\"n\\n"));
        assert_eq!(text("structured.x@1.ip").as_deref(), Some("192.0.2.7"));
        for broken in ["[x a=\"b", "[x", "[", "[x a=\"b\\", "]", "[x a=b]"] {
            let line = format!("<165>1 2024-05-01T08:15:02Z h a - - {broken}");
            assert!(Frame::of(&line).is_some(), "{broken}");
        }
    }
}
