//! The reference page, made of the format files.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use toml::{Table, Value};

use super::{File, samples};

const HEAD: &str = "# Reference of the log formats

Made from `crates/signal/formats/*.toml` by `UPDATE_DOCS=1 cargo test -p cordon-signal --test formats_samples`; do not edit it.
[Log formats](formats.md) explains the words and how to write a format of your own. Under each format: what it reads, the
Sigma logsources that its records belong to, the facts that they state, Sigma's field names where the log has others, and
sample records with all that is read from them. Names and addresses in samples are invented.
";

/// Writes the page.
pub(crate) fn of(files: &[File]) -> String {
    let mut page = HEAD.to_owned();
    let _ = writeln!(page, "\n| format | what |\n|---|---|");
    for file in files {
        let (id, title) = (text(&file.table, "id"), text(&file.table, "title"));
        let _ = writeln!(page, "| [`{id}`](#{id}) | {title} |");
    }
    for file in files {
        section(&mut page, file, files);
    }
    page
}

fn section(page: &mut String, file: &File, files: &[File]) {
    let table = &file.table;
    let _ = writeln!(
        page,
        "\n## {}\n\n{}.",
        text(table, "id"),
        text(table, "title").trim_end_matches('.')
    );
    let about = about(&file.text);
    if !about.is_empty() {
        let _ = writeln!(page, "{about}");
    }
    let bases: Vec<String> = strings(table.get("extends"));
    if !bases.is_empty() {
        let links: Vec<String> = bases.iter().map(|id| format!("[`{id}`](#{id})")).collect();
        let _ = writeln!(page, "\nHas all of {}.", links.join(", "));
    }
    let _ = writeln!(page);
    let source = table.get("source").or_else(|| {
        let base = files.iter().find(|file| bases.contains(&text(&file.table, "id")));
        base.and_then(|file| file.table.get("source"))
    });
    if let Some(source) = source.and_then(Value::as_str) {
        let _ = writeln!(page, "- Source: `{source}`");
    }
    list(page, "Logsources", &of_events(table, "logsource", logsource));
    list(page, "Facts", &of_events(table, "fact", fact));
    list(page, "Names", &of_events(table, "mention", mention));
    let leases: BTreeSet<String> =
        of_events(table, "lease", |_| "host with its address".to_owned());
    list(page, "Leases", &leases);
    fields(page, table);
    for (record, expect) in samples(table) {
        let _ = writeln!(page, "\n```text\n{record}\n```\n\n```text\n{expect}\n```");
    }
}

/// The comment that a file begins with.
fn about(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with('#'));
    lines.map(|line| line.trim_start_matches(['#', ' '])).collect::<Vec<_>>().join("\n")
}

fn list(page: &mut String, title: &str, items: &BTreeSet<String>) {
    if !items.is_empty() {
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let _ = writeln!(page, "- {title}: {}", items.join(" · "));
    }
}

fn of_events(table: &Table, key: &str, show: impl Fn(&Value) -> String) -> BTreeSet<String> {
    let events = table.get("event").and_then(Value::as_array).into_iter().flatten();
    let items = events.filter_map(|event| event.get(key)?.as_array()).flatten();
    let mut all: BTreeSet<String> = items.map(show).collect();
    if key == "logsource" {
        for services in table.get("services").and_then(Value::as_array).into_iter().flatten() {
            let product = services.get("product").and_then(Value::as_str).unwrap_or_default();
            let of = services.get("of").and_then(Value::as_table);
            let names = of.into_iter().flat_map(Table::values).filter_map(Value::as_str);
            all.extend(names.map(|service| format!("`{product}/-/{service}`")));
        }
    }
    all
}

fn logsource(value: &Value) -> String {
    let part = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("-");
    format!("`{}/{}/{}`", part("product"), part("category"), part("service"))
}

fn fact(value: &Value) -> String {
    let part = |key: &str| value.get(key).and_then(Value::as_str);
    let amounts: Vec<&str> =
        ["rows", "bytes", "objects"].into_iter().filter(|key| part(key).is_some()).collect();
    let amounts =
        if amounts.is_empty() { String::new() } else { format!(" ({})", amounts.join(", ")) };
    match part("fact") {
        Some("access") => format!("{}{amounts}", part("verb").unwrap_or_default()),
        Some("change") => part("change").unwrap_or_default().to_owned(),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

fn mention(value: &Value) -> String {
    let part = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", part("role"), part("kind"))
}

fn fields(page: &mut String, table: &Table) {
    let events = table.get("event").and_then(Value::as_array).into_iter().flatten();
    let tables = events.filter_map(|event| event.get("fields"));
    let mut rows: BTreeSet<String> = BTreeSet::new();
    for fields in table.get("fields").into_iter().chain(tables).filter_map(Value::as_table) {
        for (name, from) in fields {
            let from = strings(Some(from)).join("`, `");
            rows.insert(format!("`{name}` from `{from}`"));
        }
    }
    list(page, "Fields", &rows);
}

fn text(table: &Table, key: &str) -> String {
    table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
