//! Every format brings sample records and what is read from them; this test
//! reads them all, and keeps `docs/formats-reference.md` in step with the files.
//!
//! With `UPDATE_DOCS=1` it writes the page anew, and what is read into samples
//! whose `expect` differs: look at the difference before you commit it.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built is a broken test")]

#[path = "formats_samples/page.rs"]
mod page;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cordon_model::signal::{FactKind, Mention, Outcome, Problem};
use cordon_signal::{Formats, Heard, Input, Reading, Rules, Scanner, Sink};
use toml::{Table, Value};

/// A format file, as it is written.
struct File {
    path: PathBuf,
    text: String,
    table: Table,
}

fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("formats");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let table = toml::from_str(&text).unwrap();
        File { path, text, table }
    };
    paths.into_iter().map(read).collect()
}

/// What a scan says of a sample, line by line.
#[derive(Default)]
struct Said {
    text: String,
    source: String,
}

impl Sink for Said {
    fn event(&mut self, event: &Heard<'_>) {
        self.source = event.source.to_string();
    }

    fn wants_readings(&self) -> bool {
        true
    }

    fn reading(&mut self, read: Reading) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{} {} {}", read.format, self.source, read.time);
        for logsource in &read.logsources {
            let _ = writeln!(self.text, "is {logsource}");
        }
        for (kind, outcome) in &read.facts {
            let _ = writeln!(self.text, "fact {}", fact(kind, *outcome));
        }
        for mention in &read.mentions {
            let _ = writeln!(self.text, "{}", named(mention));
        }
        for lease in &read.leases {
            let _ = writeln!(self.text, "lease {}", lease.spellings.join(" = "));
        }
    }

    fn unknown(&mut self, _: &cordon_model::signal::Place, text: &str) {
        let _ = writeln!(self.text, "unknown: {text}");
    }

    fn problem(&mut self, problem: Problem) {
        let _ = writeln!(self.text, "problem: {}", problem.what);
    }
}

fn fact(kind: &FactKind, outcome: Outcome) -> String {
    let failed = if outcome == Outcome::Failure { " failed" } else { "" };
    let what = match kind {
        FactKind::Logon { remote: true } => "logon remote".to_owned(),
        FactKind::Logon { remote: false } => "logon local".to_owned(),
        FactKind::Access { verb, amount } => {
            let amounts = [
                amount.rows.map(|n| format!(" {n} rows")),
                amount.bytes.map(|n| format!(" {n} bytes")),
                amount.objects.map(|n| format!(" {n} objects")),
            ];
            let amounts: String = amounts.into_iter().flatten().collect();
            format!("{}{amounts}", format!("{verb:?}").to_lowercase())
        }
        FactKind::Change { change } => format!("change {}", format!("{change:?}").to_lowercase()),
        FactKind::Lease => "lease".to_owned(),
    };
    format!("{what}{failed}")
}

fn named(mention: &Mention) -> String {
    let part = format!("{:?} {:?}", mention.role, mention.kind).to_lowercase();
    format!("{part}: {}", mention.spellings.join(" = "))
}

fn said(text: &str) -> String {
    let formats = Formats::builtin().until("2024-06-01T00:00:00Z".parse().unwrap());
    let mut said = Said::default();
    let input = Input::Bytes { name: "sample".to_owned(), bytes: text.as_bytes().to_vec() };
    Scanner::new(formats, Rules::empty()).scan(&input, &mut said);
    said.text.trim_end().to_owned()
}

fn samples(table: &Table) -> Vec<(String, String)> {
    let text = |sample: &Value, key: &str| {
        sample.get(key).and_then(Value::as_str).unwrap_or_default().trim_matches('\n').to_owned()
    };
    let all = table.get("sample").and_then(Value::as_array);
    all.into_iter().flatten().map(|s| (text(s, "text"), text(s, "expect"))).collect()
}

#[test]
fn every_sample_of_every_format_says_what_is_expected() {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut wrong = String::new();
    let mut count = 0;
    for file in files() {
        let mut updated = file.text.clone();
        for (text, expect) in samples(&file.table) {
            count += 1;
            let said = said(&text);
            if said != expect.trim_end() {
                let _ = writeln!(wrong, "{}\n{text}\n--- said\n{said}\n", file.path.display());
                updated = replaced(&updated, &text, &said);
            }
        }
        if update && updated != file.text {
            std::fs::write(&file.path, updated).unwrap();
        }
    }
    println!("{count} samples");
    assert!(count > 60, "only {count} samples");
    assert!(update || wrong.is_empty(), "UPDATE_DOCS=1 writes what is said:\n{wrong}");
}

/// Puts what is said in the place of what a sample expects.
fn replaced(file: &str, text: &str, said: &str) -> String {
    let Some((before, after)) = file.split_once(text) else { return file.to_owned() };
    let (head, tail) = after.split_once("expect = '''").unwrap();
    let (_, tail) = tail.split_once("'''").unwrap();
    format!("{before}{text}{head}expect = '''\n{said}\n'''{tail}")
}

#[test]
fn every_format_has_a_sample_with_a_fact_or_a_logsource() {
    let files = files();
    let bases: Vec<&str> = files
        .iter()
        .filter_map(|file| file.table.get("extends")?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for file in &files {
        let id = file.table.get("id").and_then(Value::as_str).unwrap();
        let expects = samples(&file.table);
        let own = |(_, expect): &(String, String)| expect.lines().any(|line| line.starts_with(id));
        let is_base = file.table.get("recognise").is_none();
        assert!(is_base || expects.iter().any(own), "{id}: no sample that is read by it");
        assert!(!is_base || bases.contains(&id), "{id}: recognises nothing");
    }
}

#[test]
fn the_reference_page_is_in_step_with_the_format_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats-reference.md");
    let page = page::of(&files());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/formats-reference.md is stale; UPDATE_DOCS=1 writes it anew");
}
