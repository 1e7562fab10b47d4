//! A TOML file whose every key and value knows its line.
//!
//! Wraps `toml-span`: typed fields that report what is wrong and go on, unknown
//! keys with the nearest known one, and a second reading entry by entry when a
//! file has a slip of syntax, so that one missing quote does not hide the rest.

use cordon_model::action::Json;
use cordon_model::money::Money;
use toml_span::value::{Table, ValueInner};
use toml_span::{ErrorKind, Value};

use crate::nearest::did_you_mean;
use crate::report::{Report, Spot};

/// One TOML file, read.
pub(crate) struct Document<'a> {
    file: u32,
    text: &'a str,
    line_starts: Vec<usize>,
    parts: Vec<Part<'a>>,
}

/// A piece of the file that was parsed on its own: all of it, or one entry of a broken one.
struct Part<'a> {
    offset: usize,
    value: Value<'a>,
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) spot: Spot,
}

impl<'a> Document<'a> {
    /// Parses a file, reporting slips of syntax.
    pub(crate) fn parse(file: u32, text: &'a str, report: &mut Report) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut document = Self { file, text, line_starts, parts: Vec::new() };
        match toml_span::parse(text) {
            Ok(value) => document.parts.push(Part { offset: 0, value }),
            Err(error) => document.parse_entries(&error, report),
        }
        document
    }

    /// Parses every entry by itself, so that each slip is told and the others are read.
    fn parse_entries(&mut self, whole: &toml_span::Error, report: &mut Report) {
        let mut starts: Vec<usize> = self.line_starts.clone();
        starts.retain(|&start| start == 0 || self.tail(start).trim_start().starts_with('['));
        let mut told = false;
        for (place, &offset) in starts.iter().enumerate() {
            let end = starts.get(place + 1).copied().unwrap_or(self.text.len());
            let text = self.text.get(offset..end).unwrap_or("");
            match toml_span::parse(text) {
                Ok(value) => self.parts.push(Part { offset, value }),
                Err(error) => {
                    told = true;
                    self.report_syntax(offset, &error, report);
                }
            }
        }
        if !told {
            self.report_syntax(0, whole, report);
        }
    }

    fn tail(&self, start: usize) -> &'a str {
        self.text.get(start..).unwrap_or("").split('\n').next().unwrap_or("")
    }

    fn report_syntax(&self, offset: usize, error: &toml_span::Error, report: &mut Report) {
        let mut at = (offset + error.span.start).min(self.text.len());
        // A slip noticed at the end of a line is told on that line, not on the next.
        while at > offset && self.text.as_bytes().get(at - 1) == Some(&b'\n') {
            at -= 1;
        }
        let spot = self.spot(at);
        let (what, remedy) = in_words(error);
        report.broken(spot, format!("not TOML: {what}"), remedy);
    }

    /// The line of a byte of the file.
    pub(crate) fn spot(&self, at: usize) -> Spot {
        let line = self.line_starts.partition_point(|&start| start <= at);
        Spot::line(self.file, u32::try_from(line).unwrap_or(u32::MAX))
    }

    /// Line and column of a byte of the file.
    fn exact_spot(&self, at: usize) -> Spot {
        let spot = self.spot(at);
        let start = self.line_starts.get(spot.line as usize - 1).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count() + 1);
        Spot { column: u32::try_from(column).unwrap_or(u32::MAX), ..spot }
    }

    /// Reports keys of the top level that are not `known`; `elsewhere` has its own place to be.
    pub(crate) fn check_tables(
        &self,
        known: &[&str],
        elsewhere: (&[&str], &str),
        report: &mut Report,
    ) {
        for part in &self.parts {
            for key in part.value.as_table().into_iter().flat_map(Table::keys) {
                if !known.contains(&&*key.name) {
                    let spot = self.spot(part.offset + key.span.start);
                    let remedy = if elsewhere.0.contains(&&*key.name) {
                        format!("move it to {}", elsewhere.1)
                    } else {
                        did_you_mean(&key.name, known.iter().copied(), || {
                            format!("known are {}", known.join(", "))
                        })
                    };
                    report.problem(spot, format!("unknown entry `{}`", key.name), remedy);
                }
            }
        }
    }

    /// The value of a key of the top level.
    pub(crate) fn top(&self) -> impl Iterator<Item = Entry<'_, 'a>> {
        self.parts.iter().filter_map(|part| {
            let table = part.value.as_table()?;
            Some(Entry { document: self, offset: part.offset, table, at: 0, heading: "file" })
        })
    }

    /// The tables of the array `[[name]]`, in written order.
    pub(crate) fn entries(
        &self,
        name: &'static str,
        keys: &[&str],
        report: &mut Report,
    ) -> Vec<Entry<'_, 'a>> {
        let mut entries = Vec::new();
        for part in &self.parts {
            let Some(value) = part.value.as_table().and_then(|table| table.get(name)) else {
                continue;
            };
            let tables = value.as_array().map_or(&[][..], Vec::as_slice);
            let at = |value: &Value<'_>| part.offset + value.span.start;
            let is_array = value.as_array().is_some();
            if !is_array || tables.iter().any(|value| value.as_table().is_none()) {
                let what = format!("`{name}` is not a list of tables");
                report.problem(self.spot(at(value)), what, format!("write `[[{name}]]`"));
                continue;
            }
            entries.extend(tables.iter().filter_map(|value| {
                let table = value.as_table()?;
                let (offset, at) = (part.offset, at(value));
                Some(Entry { document: self, offset, table, at, heading: name })
            }));
        }
        entries.iter().for_each(|entry| entry.check_keys(keys, report));
        entries
    }

    /// The table `[name]`, once per part that holds one.
    pub(crate) fn tables(
        &self,
        name: &'static str,
        keys: &[&str],
        report: &mut Report,
    ) -> Vec<Entry<'_, 'a>> {
        let mut entries = Vec::new();
        for part in &self.parts {
            let Some(value) = part.value.as_table().and_then(|table| table.get(name)) else {
                continue;
            };
            let (offset, at) = (part.offset, part.offset + value.span.start);
            match value.as_table() {
                Some(table) => {
                    let entry = Entry { document: self, offset, table, at, heading: name };
                    entry.check_keys(keys, report);
                    entries.push(entry);
                }
                None => report.problem(
                    self.spot(at),
                    format!("`{name}` is not a table"),
                    format!("write `[{name}]`, once"),
                ),
            }
        }
        entries
    }
}

/// One table of a file, with fields that report what is wrong with them.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'d, 'a> {
    document: &'d Document<'a>,
    offset: usize,
    table: &'d Table<'a>,
    at: usize,
    heading: &'static str,
}

impl<'d, 'a> Entry<'d, 'a> {
    /// The line of its heading.
    pub(crate) fn spot(&self) -> Spot {
        self.document.spot(self.at)
    }

    /// The line of a key, or of the heading where the key is missing.
    pub(crate) fn spot_of(&self, key: &str) -> Spot {
        self.table.get(key).map_or_else(|| self.spot(), |value| self.value_spot(value))
    }

    /// Whether a key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn value_spot(&self, value: &Value<'_>) -> Spot {
        self.document.spot(self.offset + value.span.start)
    }

    fn check_keys(&self, known: &[&str], report: &mut Report) {
        for key in self.table.keys().filter(|key| !known.contains(&&*key.name)) {
            let spot = self.document.spot(self.offset + key.span.start);
            let remedy = did_you_mean(&key.name, known.iter().copied(), || {
                format!("known are {}", known.join(", "))
            });
            report.problem(
                spot,
                format!("unknown key `{}` in `{}`", key.name, self.heading),
                remedy,
            );
        }
    }

    fn wrong_type(&self, key: &str, value: &Value<'_>, wanted: &str, report: &mut Report) {
        let found = match value.as_ref() {
            ValueInner::String(_) => "a text",
            ValueInner::Integer(_) => "a whole number",
            ValueInner::Float(_) => "a decimal number",
            ValueInner::Boolean(_) => "true or false",
            ValueInner::Array(_) => "a list",
            ValueInner::Table(_) => "a table",
        };
        let what = format!("`{key}` of `{}` is {found}", self.heading);
        report.problem(self.value_spot(value), what, format!("write {wanted}"));
    }

    /// A text, if the key is there and is one that is not empty.
    pub(crate) fn text(&self, key: &str, report: &mut Report) -> Option<Found<&'d str>> {
        let value = self.table.get(key)?;
        let Some(text) = value.as_str() else {
            self.wrong_type(key, value, "a text in quotes", report);
            return None;
        };
        let spot = self.value_spot(value);
        if text.trim().is_empty() {
            let what = format!("`{key}` of `{}` is empty", self.heading);
            report.problem(spot, what, "give it a value or leave the key out");
            return None;
        }
        Some(Found { value: text, spot })
    }

    /// A text that must be there.
    pub(crate) fn required(&self, key: &str, report: &mut Report) -> Option<Found<&'d str>> {
        if !self.has(key) {
            let what = format!("a `{}` has no `{key}`", self.heading);
            report.problem(self.spot(), what, format!("add `{key} = \"...\"`"));
        }
        self.text(key, report)
    }

    /// A list of texts, empty if the key is missing; `None` if any part of it was reported.
    pub(crate) fn texts(&self, key: &str, report: &mut Report) -> Option<Vec<Found<&'d str>>> {
        let Some(value) = self.table.get(key) else { return Some(Vec::new()) };
        let Some(list) = value.as_array() else {
            self.wrong_type(key, value, "a list of texts, `[\"...\"]`", report);
            return None;
        };
        let mut texts = Vec::with_capacity(list.len());
        for member in list {
            match member.as_str() {
                Some(text) if !text.trim().is_empty() => {
                    texts.push(Found { value: text, spot: self.value_spot(member) });
                }
                Some(_) => report.problem(
                    self.value_spot(member),
                    format!("a member of `{key}` is empty"),
                    "remove it",
                ),
                None => self.wrong_type(key, member, "a list of texts, `[\"...\"]`", report),
            }
        }
        (texts.len() == list.len()).then_some(texts)
    }

    /// True or false, if the key is there.
    pub(crate) fn flag(&self, key: &str, report: &mut Report) -> Option<bool> {
        let value = self.table.get(key)?;
        if value.as_bool().is_none() {
            self.wrong_type(key, value, "`true` or `false`, without quotes", report);
        }
        value.as_bool()
    }

    /// A whole number from `least` to `most`, if the key is there.
    pub(crate) fn count(
        &self,
        key: &str,
        least: u64,
        most: u64,
        report: &mut Report,
    ) -> Option<u64> {
        let value = self.table.get(key)?;
        let Some(number) = value.as_integer() else {
            self.wrong_type(key, value, "a whole number", report);
            return None;
        };
        let count = u64::try_from(number).ok().filter(|count| (least..=most).contains(count));
        if count.is_none() {
            let what = format!("`{key}` of `{}` is {number}", self.heading);
            let remedy = format!("write a whole number from {least} to {most}");
            report.problem(self.value_spot(value), what, remedy);
        }
        count
    }

    /// An amount of money that is not negative, if the key is there.
    pub(crate) fn money(&self, key: &str, report: &mut Report) -> Option<Money> {
        let value = self.table.get(key)?;
        let spot = self.value_spot(value);
        let parsed = match value.as_ref() {
            ValueInner::Integer(units) => Money::parse(&units.to_string()),
            ValueInner::Float(units) => Money::from_f64(*units),
            ValueInner::String(_)
            | ValueInner::Boolean(_)
            | ValueInner::Array(_)
            | ValueInner::Table(_) => {
                self.wrong_type(key, value, "an amount of money, a number without quotes", report);
                return None;
            }
        };
        check_money(parsed, key, spot, report)
    }

    /// A table of whole numbers up to `most` by any names, with the place of each.
    pub(crate) fn counts(
        &self,
        key: &str,
        most: u64,
        report: &mut Report,
    ) -> Vec<(String, Found<u64>)> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let Some(table) = value.as_table() else {
            self.wrong_type(key, value, &format!("`[{}.{key}]`", self.heading), report);
            return Vec::new();
        };
        let inner = Self { table, ..*self };
        let names = table.keys().map(|name| name.name.to_string());
        let found = names.filter_map(|name| {
            let value = inner.count(&name, 0, most, report)?;
            let spot = inner.spot_of(&name);
            Some((name, Found { value, spot }))
        });
        found.collect()
    }

    /// A table of any keys and values; an empty one if the key is missing.
    pub(crate) fn table(&self, key: &str, report: &mut Report) -> Json {
        let Some(value) = self.table.get(key) else { return Json::Object(Default::default()) };
        if value.as_table().is_none() {
            self.wrong_type(key, value, &format!("`[{}.{key}]`", self.heading), report);
        }
        as_json(value)
    }

    /// The place of a byte of a text value: with its column, where the text stands as it reads.
    pub(crate) fn spot_in(&self, key: &str, offset: usize) -> Spot {
        let Some(value) = self.table.get(key) else { return self.spot() };
        let (start, end) = (self.offset + value.span.start, self.offset + value.span.end);
        let written = self.document.text.get(start..end).unwrap_or("");
        let text = value.as_str().unwrap_or("");
        let quotes = written.find(text).filter(|_| !text.is_empty());
        match quotes {
            Some(quotes) => self.document.exact_spot(start + quotes + offset),
            None => self.value_spot(value),
        }
    }
}

/// A value without its places.
fn as_json(value: &Value<'_>) -> Json {
    match value.as_ref() {
        ValueInner::String(text) => text.as_ref().into(),
        ValueInner::Integer(number) => (*number).into(),
        ValueInner::Float(number) => (*number).into(),
        ValueInner::Boolean(flag) => (*flag).into(),
        ValueInner::Array(members) => members.iter().map(as_json).collect(),
        ValueInner::Table(table) => {
            table.iter().map(|(key, value)| (key.name.to_string(), as_json(value))).collect()
        }
    }
}

/// The parser's finding in words, and how to mend it; common slips in words of their own.
fn in_words(error: &toml_span::Error) -> (String, &'static str) {
    let kind = &error.kind;
    if let ErrorKind::InvalidCharInString('\n' | '\r') | ErrorKind::UnterminatedString = kind {
        ("a text is not closed on its line".to_owned(), "close the quote")
    } else if let ErrorKind::UnquotedString = kind {
        ("a text stands without quotes".to_owned(), "put it in quotes")
    } else if let ErrorKind::DuplicateKey { key, .. } = kind {
        (format!("the key `{key}` stands twice"), "keep one of them")
    } else if let ErrorKind::DuplicateTable { name, .. } = kind {
        (format!("the table `{name}` stands twice"), "keep one, or write `[[...]]` for a list")
    } else if let ErrorKind::InvalidEscape(_) | ErrorKind::InvalidHexEscape(_) = kind {
        (error.to_string(), "write `\\\\` for a backslash, or use single quotes")
    } else {
        (error.to_string(), "see https://toml.io for the syntax")
    }
}

/// Reports an amount that is no money or negative.
pub(crate) fn check_money(
    parsed: Result<Money, cordon_model::money::MoneyError>,
    key: &str,
    spot: Spot,
    report: &mut Report,
) -> Option<Money> {
    match parsed {
        Ok(money) if money < Money::ZERO => {
            let what = format!("`{key}` is negative: {money}");
            report.problem(spot, what, "costs and losses are zero or more");
            None
        }
        Ok(money) => Some(money),
        Err(error) => {
            let remedy = "write whole units of the currency with at most two decimals";
            report.problem(spot, format!("`{key}`: {error}"), remedy);
            None
        }
    }
}
