//! The records of the Linux audit system, as auditd writes them.
//!
//! `type=EXECVE msg=audit(1700000000.123:42): argc=2 a0="id" a1=2D75`: names and
//! values, where a text that could break the line is written in hexadecimal.
//! One event of the kernel is several lines with one number; given together
//! they make one record, whose `type` is the list of theirs (`types`, in one text). The lines are put
//! together in `decode/audit.rs`.

use std::borrow::Cow;

use crate::extract::Fields;
use crate::json::Json;

/// Arguments of a command that are read; a longer command is cut.
const ARGUMENTS: usize = 1024;

/// Fields that auditd writes in hexadecimal where it must.
const ENCODED: &[&str] = &[
    "proctitle",
    "acct",
    "name",
    "cwd",
    "exe",
    "comm",
    "cmd",
    "data",
    "path",
    "key",
    "dir",
    "terminal",
    "grp",
    "new_group",
    "op",
    "unit",
    "vm",
    "file",
];

/// Returns the fields of one line, or of all lines of one event.
pub(crate) fn fields(text: &str) -> Fields {
    let mut types: Vec<Json<'static>> = Vec::new();
    let mut out = Fields::new();
    let mut command: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some((kind, pairs)) = line_of(line) else { continue };
        let is_command = kind == "EXECVE";
        types.push(string(kind));
        for (name, value) in pairs {
            if is_command && is_argument(&name) {
                if command.len() < ARGUMENTS {
                    command.push(value.clone());
                }
                out.retain(|(known, _)| *known != name);
            }
            add(&mut out, name, &value);
        }
    }
    if !command.is_empty() {
        out.push(("cmdline".to_owned(), string(&command.join(" "))));
    }
    let names: Vec<_> = types.iter().filter_map(Json::text).collect();
    out.push(("types".to_owned(), string(&names.join(" "))));
    let kinds = if types.len() == 1 { types.pop() } else { Some(Json::Array(types)) };
    out.extend(kinds.map(|kinds| ("type".to_owned(), kinds)));
    out
}

/// Returns what ties the lines of one event together: the node, the time and the number.
pub(crate) fn event_of(line: &str) -> Option<&str> {
    let start = line.find("msg=audit(")?;
    let head = line.get(..start)?;
    if !(head.starts_with("type=") || head.starts_with("node=")) {
        return None;
    }
    let end = start + line.get(start..)?.find(')')?;
    line.get(start..end)
}

/// Tells from a line whether its event has no more lines.
pub(crate) fn is_last(line: &str) -> bool {
    let kind = line.find("type=").and_then(|at| line.get(at + 5..)).unwrap_or_default();
    let kind = kind.split(' ').next().unwrap_or_default();
    const PARTS: &[&str] = &[
        "SYSCALL",
        "EXECVE",
        "CWD",
        "PATH",
        "SOCKADDR",
        "IPC",
        "MMAP",
        "OBJ_PID",
        "BPRM_FCAPS",
        "CAPSET",
        "FD_PAIR",
        "SOCKETCALL",
        "MQ_OPEN",
        "NETFILTER_CFG",
        "CONFIG_CHANGE",
        "AVC",
        "KERN_MODULE",
        "INTEGRITY_RULE",
        "SECCOMP",
        "TIME_INJOFFSET",
        "URINGOP",
        "OPENAT2",
    ];
    !PARTS.contains(&kind)
}

fn line_of(line: &str) -> Option<(&str, Vec<(String, String)>)> {
    let kind = line.get(line.find("type=")? + 5..)?.split(' ').next()?;
    let (_, body) = line.split_once("): ").or_else(|| line.split_once("):"))?;
    let mut pairs = Vec::new();
    read_pairs(kind, body, &mut pairs);
    Some((kind, pairs))
}

fn read_pairs(kind: &str, body: &str, pairs: &mut Vec<(String, String)>) {
    let mut rest = body;
    // auditd's own reading of the numbers stands behind a group separator, in capitals.
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.rsplit([' ', ',', '\u{1d}', '(']).next().unwrap_or(name);
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, tail, plain) = match quote {
            Some(quote) => {
                let inner = after.get(1..).unwrap_or_default();
                let (value, tail) = inner.split_once(quote).unwrap_or((inner, ""));
                (value, tail, true)
            }
            None => {
                let end = after.find([' ', '\u{1d}']).unwrap_or(after.len());
                let (value, tail) = after.split_at_checked(end).unwrap_or((after, ""));
                (value, tail, false)
            }
        };
        rest = tail;
        if quote == Some('\'') && name == "msg" {
            read_pairs(kind, value, pairs);
        } else if !name.is_empty() {
            pairs.push(read_value(kind, name, value, plain));
        }
    }
}

fn read_value(kind: &str, name: &str, value: &str, plain: bool) -> (String, String) {
    let encoded = ENCODED.contains(&name) || kind == "EXECVE" && is_argument(name);
    let value = match decoded(value).filter(|_| encoded && !plain) {
        Some(text) => text,
        None if name == "saddr" => address(value).unwrap_or_else(|| value.to_owned()),
        None => value.trim_end_matches(',').to_owned(),
    };
    let is_reading = name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase());
    let name = match name {
        "SYSCALL" | "ARCH" => name.to_lowercase(),
        _ if is_reading => format!("{}_name", name.to_lowercase()),
        _ => name.to_owned(),
    };
    (name, value)
}

fn is_argument(name: &str) -> bool {
    name.strip_prefix('a').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Adds a value; a second one of the same name makes a list.
fn add(out: &mut Fields, name: String, value: &str) {
    let value = string(value);
    match out.iter_mut().find(|(known, _)| *known == name) {
        None => out.push((name, value)),
        Some((_, known)) if *known == value => {}
        Some((_, Json::Array(values))) => {
            if !values.contains(&value) && values.len() < ARGUMENTS {
                values.push(value);
            }
        }
        Some((_, known)) => *known = Json::Array(vec![known.clone(), value]),
    }
}

/// Text in hexadecimal; the zero bytes between words are blanks.
fn decoded(value: &str) -> Option<String> {
    if value.is_empty() || !value.len().is_multiple_of(2) {
        return None;
    }
    let bytes = bytes(value)?;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.trim_end_matches('\0').replace(['\0', '\u{1}'], " "))
}

fn bytes(value: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pair = |pair: &[u8]| Some((digit(pair.first()?)? << 4) | digit(pair.get(1)?)?);
    value.as_bytes().chunks(2).map(pair).collect()
}

/// The network address in a socket address (family, port, address).
fn address(value: &str) -> Option<String> {
    let bytes = bytes(value)?;
    match bytes.as_slice() {
        [2, 0, _, _, a, b, c, d, ..] => Some(format!("{a}.{b}.{c}.{d}")),
        [10, 0, _, _, _, _, _, _, rest @ ..] => {
            let address = <[u8; 16]>::try_from(rest.get(..16)?).ok()?;
            Some(std::net::Ipv6Addr::from(address).to_canonical().to_string())
        }
        _ => None,
    }
}

fn string(text: &str) -> Json<'static> {
    Json::Str(Cow::Owned(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let said: Vec<String> = fields(text)
            .iter()
            .map(|(name, value)| {
                if let Json::Array(items) = value {
                    let items: Vec<_> = items.iter().filter_map(Json::text).collect();
                    return format!("{name}=[{}]", items.join(","));
                }
                format!("{name}={}", value.text().unwrap_or_default())
            })
            .collect();
        assert_eq!(said.join(";"), expect);
    }

    #[test]
    fn the_lines_of_one_event_make_one_record() {
        check(
            "type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e syscall=59 success=yes a0=55d3 pid=7 auid=1000 comm=\"id\" exe=\"/usr/bin/id\"\u{1d}ARCH=x86_64 SYSCALL=execve AUID=\"ann\"\n\
             type=EXECVE msg=audit(1700000000.123:42): argc=2 a0=\"id\" a1=2D752078\n\
             type=PATH msg=audit(1700000000.123:42): item=0 name=\"/usr/bin/id\"\n\
             type=PATH msg=audit(1700000000.123:42): item=1 name=\"/lib\"\n\
             type=PROCTITLE msg=audit(1700000000.123:42): proctitle=6964002D75",
            "arch=[c000003e,x86_64];syscall=[59,execve];success=yes;pid=7;auid=1000;comm=id;exe=/usr/bin/id;auid_name=ann;argc=2;a0=id;a1=-u x;item=[0,1];name=[/usr/bin/id,/lib];proctitle=id -u;cmdline=id -u x;types=SYSCALL EXECVE PATH PATH PROCTITLE;type=[SYSCALL,EXECVE,PATH,PATH,PROCTITLE]",
        );
    }

    #[test]
    fn user_messages_stand_within_quotes() {
        check(
            "type=USER_LOGIN msg=audit(1700000000.123:43): pid=9 uid=0 msg='op=login acct=\"ann\" exe=\"/usr/sbin/sshd\" addr=192.0.2.7 res=success'\u{1d}UID=\"root\"",
            "pid=9;uid=0;op=login;acct=ann;exe=/usr/sbin/sshd;addr=192.0.2.7;res=success;uid_name=root;types=USER_LOGIN;type=USER_LOGIN",
        );
        check(
            "type=SOCKADDR msg=audit(1.2:3): saddr=0200005DC00002070000000000000000",
            "saddr=192.0.2.7;types=SOCKADDR;type=SOCKADDR",
        );
        check("type=X msg=audit(1.2:3): name=\"a", "name=a;types=X;type=X");
        check("type=X msg=audit(1.2:3): a= b=\u{e9}=", "a=;b=\u{e9}=;types=X;type=X");
        check("hello", "types=;type=[]");
    }

    #[test]
    fn lines_know_their_event() {
        let line = "node=web1 type=PATH msg=audit(1700000000.123:42): item=0";
        assert_eq!(event_of(line), Some("msg=audit(1700000000.123:42"));
        assert_eq!(event_of("hello msg=audit(1.2:3):"), None);
        assert!(!is_last(line));
        assert!(is_last("type=PROCTITLE msg=audit(1.2:3): proctitle=00"));
        assert!(is_last("type=USER_AUTH msg=audit(1.2:3): pid=1"));
    }
}
