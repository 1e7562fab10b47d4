//! The exposure as text: a matrix of words, and the reasons under it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::exposure::{Because, CategoryExposure, Exposure, HoldingExposure, Verdict};
use crate::words::count;

/// At most so many characters in a line of the matrix.
const WIDTH: usize = 110;

/// Draws holdings against categories, one word each; wide ones in several blocks.
#[must_use]
pub fn matrix(exposure: &Exposure) -> String {
    if exposure.holdings.is_empty() {
        return "The estate declares no holdings.\n".to_owned();
    }
    let categories: BTreeSet<&str> = exposure
        .holdings
        .iter()
        .flat_map(|holding| holding.categories.keys().map(String::as_str))
        .collect();
    let names = widest(exposure.holdings.iter().map(|h| h.node.as_str()), "holding");
    let people = widest(exposure.holdings.iter().map(all_people), "people");
    let fixed = names + people + 12;
    let mut text = String::new();
    let mut block: Vec<(&str, usize)> = Vec::new();
    let mut used = fixed;
    for category in categories {
        let width = category.chars().count().max(9);
        if used + width + 2 > WIDTH && !block.is_empty() {
            draw(&mut text, exposure, &std::mem::take(&mut block), names, people);
            text.push('\n');
            used = fixed;
        }
        used += width + 2;
        block.push((category, width));
    }
    draw(&mut text, exposure, &block, names, people);
    text
}

fn widest(items: impl Iterator<Item = impl AsRef<str>>, header: &str) -> usize {
    items.map(|item| item.as_ref().chars().count()).max().unwrap_or(0).max(header.len())
}

fn all_people(holding: &HoldingExposure) -> String {
    holding.people.map_or_else(|| "not said".to_owned(), count)
}

/// The least coverage of the holding's categories, in whole per cent, rounded down.
fn covered(holding: &HoldingExposure) -> String {
    let least = holding.categories.values().map(|category| category.coverage).fold(1.0, f64::min);
    if holding.sources.is_empty() {
        "no log".to_owned()
    } else {
        format!("{:.0} %", (least * 100.0).floor())
    }
}

fn draw(
    text: &mut String,
    exposure: &Exposure,
    block: &[(&str, usize)],
    names: usize,
    people: usize,
) {
    let mut header = format!("{:<names$}  {:>people$}  {:>8}", "holding", "people", "coverage");
    for (category, width) in block {
        let _ = write!(header, "  {category:<width$}");
    }
    text.push_str(header.trim_end());
    text.push('\n');
    for holding in &exposure.holdings {
        let mut line = format!(
            "{:<names$}  {:>people$}  {:>8}",
            holding.node.as_str(),
            all_people(holding),
            covered(holding)
        );
        for (category, width) in block {
            let word =
                holding.categories.get(*category).map_or("-", |found| found.verdict.as_str());
            let _ = write!(line, "  {word:<width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Lists every holding with its verdicts, people and reasons; equal categories share a line.
#[must_use]
pub fn reasons(exposure: &Exposure) -> String {
    let mut text = String::new();
    for holding in &exposure.holdings {
        for (names, found) in alike(holding) {
            let _ = writeln!(
                text,
                "{}: {} {}, {}",
                holding.node,
                names.join(", "),
                found.verdict,
                people(found)
            );
            for because in &found.because {
                let _ = writeln!(text, "  - {}", because.words);
            }
        }
    }
    text
}

fn alike(holding: &HoldingExposure) -> Vec<(Vec<&str>, &CategoryExposure)> {
    let mut groups: Vec<(Vec<&str>, &CategoryExposure)> = Vec::new();
    for (name, found) in &holding.categories {
        match groups.iter_mut().find(|(_, known)| *known == found) {
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name], found)),
        }
    }
    groups
}

/// `between 4,210 and 6,500,000 people`.
fn people(found: &CategoryExposure) -> String {
    let least = found.people.at_least;
    match (found.verdict, found.people.at_most) {
        (Verdict::RuledOut, _) => "nobody concerned".to_owned(),
        (_, Some(most)) if least == most => format!("{} people", count(most)),
        (_, Some(most)) if least == 0 => format!("up to {} people", count(most)),
        (_, Some(most)) => format!("between {} and {} people", count(least), count(most)),
        (_, None) if least == 0 => "the estate does not say how many people".to_owned(),
        (_, None) => format!("at least {} people", count(least)),
    }
}

/// The reasons' words alone, for those who show nothing else.
pub(crate) fn words(because: &[Because]) -> Vec<String> {
    because.iter().map(|reason| reason.words.clone()).collect()
}
