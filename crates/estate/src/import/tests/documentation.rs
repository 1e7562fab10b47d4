//! `docs/import.md` shows the tables as they are; `UPDATE_DOCS=1` renews them.

use std::fmt::Write as _;

use cordon_model::link::{Direction, LINK_KINDS, OURS};

use super::super::class::CLASSES;
use super::*;

const PAGES: &str = "https://bloodhound.specterops.io/resources/edges";

fn edges() -> String {
    let mut table =
        "| kind | an intruder | seconds | meaning | source |\n|---|---|---|---|---|\n".to_owned();
    for kind in LINK_KINDS.iter().filter(|kind| kind.source != OURS) {
        let used = match kind.direction {
            Direction::Forward => "uses it",
            Direction::BackwardAndNeeds => "uses it backwards",
            Direction::DataOnly | Direction::NoControl => "cannot use it alone",
        };
        let seconds = if used == "uses it" { kind.seconds.to_string() } else { String::new() };
        let (name, meaning, page) = (kind.name, kind.meaning, kind.source);
        let _ = writeln!(
            table,
            "| {name} | {used} | {seconds} | {meaning} | [{page}]({PAGES}/{page}) |"
        );
    }
    table
}

fn classes() -> String {
    let mut table =
        "| `meta.type` | named in references | kind of node |\n|---|---|---|\n".to_owned();
    for row in &CLASSES {
        let (collection, named, kind) = (row.collection, row.named.join(", "), row.kind);
        let _ = writeln!(table, "| {collection} | {named} | `{kind}` |");
    }
    table
}

#[test]
fn the_documentation_shows_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/import.md");
    let mut text = fs::read_to_string(&path).unwrap();
    let before = text.clone();
    for (name, table) in [("edges", edges()), ("classes", classes())] {
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let from = text.find(&start).unwrap() + start.len();
        let to = text.find(&end).unwrap();
        text.replace_range(from..to, &table);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, text).unwrap();
    } else {
        assert!(text == before, "docs/import.md is old: run this test with UPDATE_DOCS=1");
    }
}
