//! CEF and LEEF: fields of appliances, in a header and an extension.
//!
//! `CEF:0|vendor|product|version|id|name|severity|key=value key=value`, where
//! values may hold blanks and only `\`, `=` and (in the header) `|` are escaped;
//! LEEF is the same with tabs or a delimiter of its own choice. What stands
//! before the mark is passed over. Custom fields (`cs1` with `cs1Label`) also
//! get the name of their label.

use std::borrow::Cow;

use crate::extract::Fields;
use crate::json::Json;

const CEF_HEADER: &[&str] = &[
    "CEFVersion",
    "DeviceVendor",
    "DeviceProduct",
    "DeviceVersion",
    "DeviceEventClassID",
    "Name",
    "Severity",
];
const LEEF_HEADER: &[&str] =
    &["LEEFVersion", "DeviceVendor", "DeviceProduct", "DeviceVersion", "EventID"];

/// Returns the fields of a CEF message; none if it is no CEF.
pub(crate) fn cef(text: &str) -> Fields {
    let mut out = Fields::new();
    let Some((_, text)) = text.split_once("CEF:") else {
        return out;
    };
    let rest = header(text, CEF_HEADER, &mut out);
    let pairs = extension(rest);
    for (key, value) in &pairs {
        let custom = key.strip_suffix("Label").filter(|custom| !custom.is_empty());
        if let Some(custom) = custom
            && let Some((_, meant)) = pairs.iter().find(|(key, _)| *key == custom)
            && !value.is_empty()
        {
            out.push((value.clone(), string(meant)));
        }
    }
    out.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), string(value))));
    out
}

/// Returns the fields of a LEEF message; none if it is no LEEF.
pub(crate) fn leef(text: &str) -> Fields {
    let mut out = Fields::new();
    let Some((_, text)) = text.split_once("LEEF:") else {
        return out;
    };
    let mut rest = header(text, LEEF_HEADER, &mut out);
    let mut delimiter = '\t';
    if text.starts_with("2.")
        && let Some((told, after)) = rest.split_once('|').filter(|(told, _)| told.len() <= 5)
    {
        delimiter = told_delimiter(told).unwrap_or('\t');
        rest = after;
    }
    let pairs = rest.split(delimiter).filter_map(|pair| pair.split_once('='));
    out.extend(pairs.map(|(key, value)| (key.trim().to_owned(), string(value.trim()))));
    out
}

/// `^`, or a character's number: `x09`, `0x5E`.
fn told_delimiter(told: &str) -> Option<char> {
    let mut chars = told.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => Some(only),
        (_, _) => {
            let digits = told.trim_start_matches('0').trim_start_matches(['x', 'X']);
            u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
        }
    }
}

/// Reads the parts of a header, each ended by a `|`. Returns the rest.
fn header<'a>(text: &'a str, names: &[&str], out: &mut Fields) -> &'a str {
    let mut rest = text;
    for name in names {
        let end = bar(rest);
        let (value, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !value.is_empty() {
            out.push(((*name).to_owned(), string(&unescaped(value.trim()))));
        }
        rest = after.strip_prefix('|').unwrap_or_default();
    }
    rest
}

/// Where the next `|` stands that is not escaped.
fn bar(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'|' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Splits `key=value key=value`. A key is a word right before an `=`, so values may hold blanks.
fn extension(text: &str) -> Vec<(&str, String)> {
    let mut keys: Vec<(usize, usize)> = Vec::new();
    let mut escaped = false;
    let mut word = 0;
    let mut is_word = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => {
                escaped = false;
                is_word = false;
            }
            b'\\' => escaped = true,
            b' ' | b'\t' => (word, is_word) = (at + 1, true),
            b'=' if is_word && word < at => {
                keys.push((word, at));
                is_word = false;
            }
            _ if byte.is_ascii_alphanumeric() || b"_.-[]".contains(&byte) => {}
            _ => is_word = false,
        }
    }
    let ends = keys.iter().skip(1).map(|(next, _)| *next).chain([text.len()]);
    keys.iter()
        .zip(ends)
        .filter_map(|(&(start, equals), end)| {
            let value = text.get(equals + 1..end)?.trim_end();
            Some((text.get(start..equals)?, unescaped(value)))
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, false) => out.push(c),
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(c @ ('=' | '|' | '\\')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
        }
    }
    out
}

fn string(text: &str) -> Json<'static> {
    Json::Str(Cow::Owned(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fields: &Fields, expect: &str) {
        let said: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", value.text().unwrap_or_default()))
            .collect();
        assert_eq!(said.join(";"), expect);
    }

    #[test]
    fn cef_has_a_header_and_an_extension_with_escapes() {
        check(
            &cef(
                r"x CEF:0|North|Wall\|Gate|1.2|100|Login \\ ok|3|suser=ann src=192.0.2.7 msg=a b\=c\nd cs1Label=Device Name cs1=ws5 request=https://north.example/?q\=1",
            ),
            "CEFVersion=0;DeviceVendor=North;DeviceProduct=Wall|Gate;DeviceVersion=1.2;DeviceEventClassID=100;Name=Login \\ ok;Severity=3;Device Name=ws5;suser=ann;src=192.0.2.7;msg=a b=c\nd;cs1Label=Device Name;cs1=ws5;request=https://north.example/?q=1",
        );
        check(&cef("CEF:0|North"), "CEFVersion=0;DeviceVendor=North");
        check(
            &cef("CEF:0|a|b|c|d|e|5|=x y= \\"),
            "CEFVersion=0;DeviceVendor=a;DeviceProduct=b;DeviceVersion=c;DeviceEventClassID=d;Name=e;Severity=5;y= \\",
        );
        check(&cef("nothing"), "");
    }

    #[test]
    fn leef_has_tabs_or_a_delimiter_of_its_own() {
        check(
            &leef("LEEF:1.0|North|Wall|1|login|usrName=ann\tsrc=192.0.2.7"),
            "LEEFVersion=1.0;DeviceVendor=North;DeviceProduct=Wall;DeviceVersion=1;EventID=login;usrName=ann;src=192.0.2.7",
        );
        check(
            &leef("LEEF:2.0|North|Wall|1|login|x5E|usrName=ann^src=192.0.2.7"),
            "LEEFVersion=2.0;DeviceVendor=North;DeviceProduct=Wall;DeviceVersion=1;EventID=login;usrName=ann;src=192.0.2.7",
        );
        check(&leef("LEEF:"), "");
    }
}
