//! `cordon estate import`: a directory's collection becomes an estate.

use std::collections::BTreeMap;

use cordon_estate::import::{ImportError, Imported, Step, import};
use indicatif::ProgressBar;

use super::ImportArgs;
use crate::cli::Format;
use crate::commands::{print, print_json};
use crate::exit;
use crate::failure::{bad_input, problem_line};
use crate::text::{Align, Table, count, thousands};

/// At most so many problems are printed for people; JSON has them all.
const SHOWN: usize = 40;

/// Runs the command; 1 when part of the source could not be read.
pub(crate) fn run(args: &ImportArgs) -> anyhow::Result<u8> {
    // Drawn on stderr, and only where that is a terminal.
    let progress = ProgressBar::new_spinner();
    let mut watch = |step: Step<'_>| {
        progress.set_message(match step {
            Step::Reading { file, records } => format!("{file}: {}", thousands(records)),
            Step::Writing => "sorting and writing".to_owned(),
        });
        progress.tick();
    };
    let imported = import(&args.sources, &args.into, &mut watch);
    progress.finish_and_clear();
    let imported = imported.map_err(explain)?;
    match args.format {
        Format::Json => print_json(&imported)?,
        Format::Text => print(&text(&imported, &args.into.display().to_string()))?,
    }
    Ok(if imported.is_partial() { exit::FAILED } else { exit::DONE })
}

/// What was wrong with the sources stands before what that means.
fn explain(error: ImportError) -> anyhow::Error {
    match error {
        ImportError::Nothing { ref problems } => {
            let mut lines: Vec<String> = problems.iter().take(SHOWN).map(problem_line).collect();
            lines.push(error.to_string());
            bad_input(lines.join("\n"))
        }
        ImportError::Foreign { .. } | ImportError::Changed { .. } => bad_input(error.to_string()),
        ImportError::Write { .. } => error.into(),
    }
}

fn text(imported: &Imported, folder: &str) -> String {
    let files = count(imported.files.len(), "file", "files");
    let records: u64 = imported.records.values().sum();
    let links: u64 = imported.edges.values().map(|edge| edge.written).sum();
    let nodes: u64 = imported.nodes.values().sum();
    let [records, links, nodes] = [records, links, nodes].map(thousands);
    let mut out = format!(
        "Read {records} objects from {files}. Wrote {nodes} nodes and {links} links to `{folder}`.\n\n"
    );
    out.push_str(&numbers("objects in the source", &imported.records).render(0));
    out.push('\n');
    out.push_str(&nodes_table(imported).render(0));
    out.push('\n');
    out.push_str(&edges(imported).render(0));
    out.push_str(&left_out(imported));
    out.push_str(&problems(imported));
    out.push_str(&next(imported, folder));
    out
}

fn numbers(heading: &str, numbers: &BTreeMap<String, u64>) -> Table {
    let mut table = Table::new(&[(heading, Align::Left), ("", Align::Right)]);
    for (name, number) in numbers {
        table.row([name.clone(), thousands(*number)]);
    }
    table
}

fn nodes_table(imported: &Imported) -> Table {
    let mut table = Table::new(&[
        ("nodes written", Align::Left),
        ("", Align::Right),
        ("provisional", Align::Right),
    ]);
    for (kind, number) in &imported.nodes {
        let provisional = imported.provisional.get(kind).copied().unwrap_or(0);
        table.row([kind.clone(), thousands(*number), some(provisional)]);
    }
    table
}

fn edges(imported: &Imported) -> Table {
    let mut table = Table::new(&[
        ("links", Align::Left),
        ("in the source", Align::Right),
        ("concluded", Align::Right),
        ("written", Align::Right),
        ("an intruder", Align::Left),
    ]);
    for (kind, edge) in &imported.edges {
        let used = if edge.used { "uses it" } else { "cannot use it alone" };
        table.row([
            kind.clone(),
            thousands(edge.stated),
            some(edge.concluded),
            thousands(edge.written),
            used.to_owned(),
        ]);
    }
    table
}

/// A number, or nothing for none.
fn some(number: u64) -> String {
    if number == 0 { String::new() } else { thousands(number) }
}

fn left_out(imported: &Imported) -> String {
    let mut out = String::new();
    if imported.to_itself > 0 {
        let number = thousands(imported.to_itself);
        out.push_str(&format!(
            "\n{number} links lead from an object to itself and are left out.\n"
        ));
    }
    if imported.for_owners > 0 {
        let number = thousands(imported.for_owners);
        out.push_str(&format!("\n{number} rights say what owners may do; they limit `Owns`.\n"));
    }
    let provisional: u64 = imported.provisional.values().sum();
    if provisional > 0 {
        out.push_str(&format!(
            "\n{} nodes are provisional: something names them, but no record describes them.\n",
            thousands(provisional)
        ));
    }
    out
}

fn problems(imported: &Imported) -> String {
    let mut out = String::new();
    if !imported.problems.is_empty() {
        let number = count(imported.problems.len(), "problem", "problems");
        out.push_str(&format!("\n{number}\n"));
    }
    for problem in imported.problems.iter().take(SHOWN) {
        out.push_str(&format!("{}\n", problem_line(problem)));
    }
    let hidden = imported.problems.len().saturating_sub(SHOWN);
    if hidden > 0 {
        out.push_str(&format!("and {hidden} more: see `--format json`\n"));
    }
    out
}

fn next(imported: &Imported, folder: &str) -> String {
    let domains = imported.tier_zero.iter().filter(|zero| zero.what == "domain").count();
    let mut out = format!(
        "\nWhat holds the directory: {} in {}",
        count(imported.tier_zero.len() - domains, "group", "groups"),
        count(domains, "domain", "domains"),
    );
    let file = "estate/directory.toml";
    if imported.kept.iter().any(|kept| kept == file) {
        out.push_str(&format!(". `{file}` is yours and was left as it is.\n"));
    } else {
        out.push_str(&format!(
            ", each with a placeholder for its loss.\nNext: write the losses and your services in `{folder}/{file}`, "
        ));
        out.push_str(&format!("then `cordon check {folder}`.\n"));
    }
    out
}
