//! Fields inside fields: a CSV line, named groups of a pattern, embedded JSON.
//!
//! pgAudit puts a CSV line into PostgreSQL's `message`; others put whole JSON
//! documents there. `[[extract]]` makes fields of them, which then count as the
//! record's own.

use std::borrow::Cow;

use regex::Regex;

use crate::format_file::ExtractFile;
use crate::json::Json;

/// Patterns that compile to more than this are refused.
const REGEX_BYTES: usize = 1 << 20;

/// Fields with their names, made from text.
pub(crate) type Fields = Vec<(String, Json<'static>)>;

/// A compiled `[[extract]]`.
#[derive(Debug)]
pub(crate) struct Extract {
    pub(crate) from: String,
    starts: String,
    how: How,
}

#[derive(Debug)]
enum How {
    Csv(Vec<String>),
    Regex(Regex),
    Pairs(Regex),
    Json,
}

impl Extract {
    pub(crate) fn new(file: &ExtractFile) -> Result<Self, String> {
        let how = match (&file.csv, &file.regex, &file.pairs, file.json) {
            (Some(names), None, None, false) => How::Csv(names.clone()),
            (None, Some(pattern), None, false) => How::Regex(compile_regex(pattern)?),
            (None, None, Some(pattern), false) => How::Pairs(compile_regex(pattern)?),
            (None, None, None, true) => How::Json,
            (_, _, _, _) => {
                return Err(
                    "an [[extract]] has one of `csv`, `regex`, `pairs` and `json`".to_owned()
                );
            }
        };
        Ok(Self { from: file.from.clone(), starts: file.starts.clone(), how })
    }

    /// Appends the fields that stand in `text`.
    pub(crate) fn run(&self, text: &str, out: &mut Fields) {
        let Some(rest) = text.strip_prefix(self.starts.as_str()) else {
            return;
        };
        match &self.how {
            How::Csv(names) => {
                let values = split_csv(rest);
                out.extend(
                    names
                        .iter()
                        .zip(values)
                        .map(|(name, value)| (name.clone(), Json::Str(Cow::Owned(value)))),
                );
            }
            How::Regex(pattern) => groups(pattern, rest, out),
            How::Pairs(pattern) => {
                out.extend(pattern.captures_iter(rest).filter_map(|pair| {
                    let name = pair.get(1)?;
                    let value = pair.iter().skip(2).flatten().next()?;
                    Some((
                        name.as_str().to_owned(),
                        Json::Str(Cow::Owned(unescape(value.as_str()))),
                    ))
                }));
            }
            How::Json => {
                if let Ok(Json::Object(members)) = Json::parse(rest.trim().as_bytes()) {
                    out.extend(
                        members
                            .into_iter()
                            .map(|(key, value)| (key.into_owned(), value.into_owned())),
                    );
                }
            }
        }
    }
}

/// Resolves the five entities of XML.
fn unescape(text: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

/// Compiles a pattern of a format file, bounded in size.
pub(crate) fn compile_regex(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES)
        .build()
        .map_err(|error| format!("pattern `{pattern}` does not compile: {error}"))
}

/// Appends the named groups of a match.
pub(crate) fn groups(pattern: &Regex, text: &str, out: &mut Fields) {
    let Some(captures) = pattern.captures(text) else {
        return;
    };
    for name in pattern.capture_names().flatten() {
        if let Some(value) = captures.name(name) {
            out.push((name.to_owned(), Json::Str(Cow::Owned(value.as_str().to_owned()))));
        }
    }
}

/// Splits one CSV line; quotes may hold commas, line breaks and doubled quotes.
pub(crate) fn split_csv(line: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                push(&mut values, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => values.push(String::new()),
            c => push(&mut values, c),
        }
    }
    values
}

fn push(values: &mut [String], c: char) {
    if let Some(last) = values.last_mut() {
        last.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_lines_split_outside_quotes() {
        for (line, expect) in [
            ("a,b,c", vec!["a", "b", "c"]),
            ("a,,c,", vec!["a", "", "c", ""]),
            (r#"READ,"select ""x"", y",1"#, vec!["READ", "select \"x\", y", "1"]),
            ("\"two\nlines\",z", vec!["two\nlines", "z"]),
            (r#""open, end"#, vec!["open, end"]),
        ] {
            assert_eq!(split_csv(line), expect, "{line}");
        }
    }

    #[test]
    fn fields_come_out_of_fields() {
        let file: ExtractFile =
            toml::from_str("from = 'message'\nstarts = 'AUDIT: '\ncsv = ['type', 'id', 'class']")
                .unwrap();
        let extract = Extract::new(&file).unwrap();
        let mut out = Vec::new();
        extract.run("AUDIT: SESSION,1,READ,more", &mut out);
        assert_eq!(out.len(), 3);
        assert_eq!(out[2], ("class".to_owned(), Json::Str("READ".into())));
        extract.run("connection received", &mut out);
        assert_eq!(out.len(), 3);
    }
}
