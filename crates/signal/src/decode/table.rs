//! Text tables that name their columns in comment lines: Zeek's TSV logs
//! (`#fields`, `#path`) and the W3C extended format of IIS (`#Fields:`).
//!
//! Each row becomes a record of fields by the names of the header; a header may
//! change within a file, as it does when logs are joined. A column that is
//! marked as unset (`-`) is left out. Zeek's `#path` becomes the field `_path`.

use std::borrow::Cow;
use std::io::Read;

use super::Meter;
use super::lines::{Called, each_line, tell_cut};
use super::source::Source;
use crate::json::Json;
use crate::scan::feed::Feed;

/// Tells whether a text begins like such a table.
pub(crate) fn is_table(text: &str) -> bool {
    text.starts_with("#separator ")
        || text
            .lines()
            .take_while(|line| line.starts_with('#'))
            .take(20)
            .any(|line| line.starts_with("#Fields:") || line.starts_with("#fields\t"))
}

/// What the comment lines have said so far.
struct Header {
    /// None: words are separated by blanks, and `+` stands for a blank in them.
    separator: Option<String>,
    set_separator: String,
    unset: String,
    empty: String,
    path: String,
    fields: Vec<String>,
    /// Columns that hold several values.
    lists: Vec<bool>,
    date: String,
}

const CALLED: Called =
    Called { one: "a row", remedy: "check that the file is a log; rows of this size are not read" };

pub(crate) fn decode(feed: &mut Feed<'_>, reader: &mut dyn Read, meter: &Meter) {
    let mut source = Source::new(reader);
    source.fill();
    if source.window().starts_with("\u{feff}".as_bytes()) {
        source.skip(3);
    }
    let mut header = Header::new();
    each_line(feed, &mut source, meter, &CALLED, &mut |feed, _, text| {
        let line = text.trim_end_matches('\r');
        if line.starts_with('#') {
            header.learn(line);
        } else if !line.trim().is_empty() {
            row(feed, &header, line);
        }
    });
    tell_cut(feed, &mut source);
}

fn row(feed: &mut Feed<'_>, header: &Header, line: &str) {
    let record = header.record(line);
    let Json::Object(members) = &record else { return };
    if members.len() > usize::from(!header.path.is_empty()) {
        feed.value(&record);
        return;
    }
    feed.odd(
        "table",
        "a row without values, or before any line that names the columns",
        "check that the file begins with its `#fields` or `#Fields:` line",
    );
}

impl Header {
    fn new() -> Self {
        Self {
            separator: Some("\t".to_owned()),
            set_separator: ",".to_owned(),
            unset: "-".to_owned(),
            empty: "(empty)".to_owned(),
            path: String::new(),
            fields: Vec::new(),
            lists: Vec::new(),
            date: String::new(),
        }
    }

    fn learn(&mut self, line: &str) {
        if let Some(told) = line.strip_prefix("#separator ") {
            self.separator = Some(unescaped(told.trim_end()));
            return;
        }
        if let Some(fields) = line.strip_prefix("#Fields:") {
            self.separator = None;
            self.fields = fields.split_whitespace().map(str::to_owned).collect();
            self.lists.clear();
            return;
        }
        if let Some(date) = line.strip_prefix("#Date:") {
            self.date = date.split_whitespace().next().unwrap_or_default().to_owned();
            return;
        }
        let separator = self.separator.clone().unwrap_or_else(|| "\t".to_owned());
        let mut words = line.split(separator.as_str());
        let name = words.next().unwrap_or_default();
        let mut first = || words.next().unwrap_or_default().to_owned();
        match name {
            "#set_separator" => self.set_separator = first(),
            "#unset_field" => self.unset = first(),
            "#empty_field" => self.empty = first(),
            "#path" => self.path = first(),
            "#fields" => self.fields = words.map(str::to_owned).collect(),
            "#types" => {
                let is_list = |kind: &str| kind.starts_with("set[") || kind.starts_with("vector[");
                self.lists = words.map(is_list).collect();
            }
            _ => {}
        }
    }

    fn record<'a>(&'a self, line: &'a str) -> Json<'a> {
        let values: Vec<Cow<'a, str>> = match &self.separator {
            Some(separator) => line.split(separator.as_str()).map(Cow::Borrowed).collect(),
            None => line.split_whitespace().map(plain).collect(),
        };
        let mut members = Vec::with_capacity(values.len() + 1);
        if !self.path.is_empty() {
            let path = Json::Str(Cow::Borrowed(self.path.as_str()));
            members.push((Cow::Borrowed("_path"), path));
        }
        let dated = self.fields.iter().any(|name| name == "date");
        if self.separator.is_none() && !dated && !self.date.is_empty() {
            members.push((Cow::Borrowed("date"), Json::Str(Cow::Borrowed(self.date.as_str()))));
        }
        for (number, (name, value)) in self.fields.iter().zip(values).enumerate() {
            if value == self.unset {
                continue;
            }
            let is_list = self.lists.get(number).copied().unwrap_or(false);
            members.push((Cow::Borrowed(name.as_str()), self.value(value, is_list)));
        }
        Json::Object(members)
    }

    fn value<'a>(&self, value: Cow<'a, str>, is_list: bool) -> Json<'a> {
        if value == self.empty {
            return Json::Str(Cow::Borrowed(""));
        }
        if !is_list || !value.contains(self.set_separator.as_str()) {
            return Json::Str(value);
        }
        let items = value.split(self.set_separator.as_str());
        Json::Array(items.map(|item| Json::Str(Cow::Owned(item.to_owned()))).collect())
    }
}

/// IIS writes `+` for a blank within a value.
fn plain(value: &str) -> Cow<'_, str> {
    if value.contains('+') && value.len() > 1 {
        Cow::Owned(value.replace('+', " "))
    } else {
        Cow::Borrowed(value)
    }
}

/// `\x09` is a tab.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        out.push_str(before);
        let (digits, tail) = after.split_at_checked(2).unwrap_or((after, ""));
        out.extend(u8::from_str_radix(digits, 16).ok().map(char::from));
        rest = tail;
    }
    out.push_str(rest);
    if out.is_empty() { "\t".to_owned() } else { out }
}
