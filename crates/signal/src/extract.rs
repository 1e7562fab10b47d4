//! Fields inside fields: a CSV line, named groups of a pattern, embedded JSON, CEF.
//!
//! pgAudit puts a CSV line into PostgreSQL's `message`; others put whole JSON
//! documents there. `[[extract]]` makes fields of them, which then count as the
//! record's own.

use std::borrow::Cow;

use regex::Regex;

use crate::audit;
use crate::cef;
use crate::condition::Condition;
use crate::format_file::ExtractFile;
use crate::json::Json;
use crate::template::Template;

/// Patterns that compile to more than this are refused.
const REGEX_BYTES: usize = 1 << 20;

/// Fields with their names, made from text.
pub(crate) type Fields = Vec<(String, Json<'static>)>;

type Lookup<'b, 'a> = dyn Fn(&str) -> Option<Cow<'a, str>> + 'b;

/// A compiled `[[extract]]`.
#[derive(Clone, Debug)]
pub(crate) struct Extract {
    from: String,
    starts: String,
    condition: Condition,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    Csv(Vec<String>),
    /// The first that matches.
    Regex(Vec<Regex>),
    Pairs(Regex),
    Set(Vec<(String, Template)>),
    Json,
    Cef,
    Leef,
    Audit,
}

impl Extract {
    pub(crate) fn new(file: &ExtractFile) -> Result<Self, String> {
        let mut ways = Vec::new();
        if let Some(names) = &file.csv {
            ways.push(How::Csv(names.clone()));
        }
        if let Some(patterns) = &file.regex {
            let compiled = patterns.all().iter().map(|pattern| compile_regex(pattern));
            ways.push(How::Regex(compiled.collect::<Result<_, _>>()?));
        }
        if let Some(pattern) = &file.pairs {
            ways.push(How::Pairs(compile_regex(pattern)?));
        }
        if let Some(set) = &file.set {
            let templates =
                set.iter().map(|(name, text)| Ok((name.clone(), Template::parse(text)?)));
            ways.push(How::Set(templates.collect::<Result<_, String>>()?));
        }
        let switches = [
            (file.json, How::Json),
            (file.cef, How::Cef),
            (file.leef, How::Leef),
            (file.audit, How::Audit),
        ];
        ways.extend(switches.into_iter().filter(|(on, _)| *on).map(|(_, how)| how));
        let (Some(how), true) = (ways.pop(), ways.is_empty()) else {
            return Err("an [[extract]] has one of `csv`, `regex`, `pairs`, `set`, `json`, `cef`, `leef` and `audit`".to_owned());
        };
        if file.from.is_empty() && !matches!(how, How::Set(_)) {
            return Err("an [[extract]] needs `from`, the field to look into".to_owned());
        }
        let condition = Condition::new(&file.when, &file.unless);
        Ok(Self { from: file.from.clone(), starts: file.starts.clone(), condition, how })
    }

    /// Returns the fields that stand in the field `from` of a record.
    pub(crate) fn run(&self, field: &Lookup<'_, '_>) -> Fields {
        let mut out = Fields::new();
        if !self.condition.holds(field) {
            return out;
        }
        if let How::Set(fields) = &self.how {
            let filled =
                fields.iter().filter_map(|(name, t)| Some((name.clone(), t.render(field)?)));
            out.extend(filled.map(|(name, value)| (name, Json::Str(Cow::Owned(value)))));
        } else if let Some(text) = field(&self.from)
            && let Some(rest) = text.strip_prefix(self.starts.as_str())
        {
            self.split(rest, &mut out);
        }
        out
    }

    fn split(&self, rest: &str, out: &mut Fields) {
        match &self.how {
            How::Csv(names) => {
                let values = split_csv(rest);
                let pairs = names.iter().cloned().zip(values);
                out.extend(pairs.map(|(name, value)| (name, Json::Str(Cow::Owned(value)))));
            }
            How::Regex(patterns) => {
                let _any = patterns.iter().any(|pattern| groups(pattern, rest, out));
            }
            How::Pairs(pattern) => out.extend(pattern.captures_iter(rest).filter_map(|pair| {
                let name = pair.get(1)?.as_str().to_owned();
                let value = pair.iter().skip(2).flatten().next()?;
                Some((name, Json::Str(Cow::Owned(unescape(value.as_str())))))
            })),
            How::Json => {
                if let Ok(Json::Object(members)) = Json::parse(rest.trim().as_bytes()) {
                    let owned = |(key, value): (Cow<'_, str>, Json<'_>)| {
                        (key.into_owned(), value.into_owned())
                    };
                    out.extend(members.into_iter().map(owned));
                }
            }
            How::Cef => out.extend(cef::cef(rest)),
            How::Leef => out.extend(cef::leef(rest)),
            How::Audit => out.extend(audit::fields(rest)),
            How::Set(_) => {}
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

/// Appends the named groups of a match. False if there is none.
pub(crate) fn groups(pattern: &Regex, text: &str, out: &mut Fields) -> bool {
    let Some(captures) = pattern.captures(text) else {
        return false;
    };
    for name in pattern.capture_names().flatten() {
        if let Some(value) = captures.name(name) {
            out.push((name.to_owned(), Json::Str(Cow::Owned(value.as_str().to_owned()))));
        }
    }
    true
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
        let out = extract.run(&|_| Some("AUDIT: SESSION,1,READ,more".into()));
        assert_eq!(out.len(), 3);
        assert_eq!(out[2], ("class".to_owned(), Json::Str("READ".into())));
        assert_eq!(extract.run(&|_| Some("connection received".into())), []);
    }
}
