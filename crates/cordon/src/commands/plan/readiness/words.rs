//! The ranking for people at a terminal: worst first, sums below, at most a screen or two.

use std::fmt::Write as _;

use cordon_model::{Estate, NodeId};

use super::addition::{Best, Search};
use super::answer::{Finding, Outcome, Readiness};
use crate::commands::plan::render::{label, services};
use crate::text::{Align, Table, count, short_list};

/// At most so many footholds are listed one by one.
const LISTED: usize = 20;
/// At most so many footholds without a sound plan are explained.
const EXPLAINED: usize = 10;
/// At most so many lines in the sums.
const SUMS: usize = 5;

/// Prints the whole answer.
pub(super) fn words(estate: &Estate, readiness: &Readiness) -> String {
    let all = readiness.footholds.len();
    let mut out = format!(
        "{}: if one `{}` is taken, each alone, certain: {}.\n",
        readiness.estate,
        readiness.every,
        count(all, "foothold", "footholds")
    );
    for tally in readiness.outcomes.iter().filter(|tally| tally.footholds > 0) {
        let _ = writeln!(out, "  {:>6} of {all}  {}", tally.footholds, tally.outcome.words());
    }
    out.push('\n');
    out.push_str(&table(estate, readiness));
    out.push_str(&hopeless(estate, readiness));
    out.push_str(&sums(estate, readiness));
    out
}

fn table(estate: &Estate, readiness: &Readiness) -> String {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new(&[
        ("foothold", left),
        ("outcome", left),
        (estate.currency(), right),
        ("cuts", right),
        ("stops", left),
    ]);
    for one in readiness.footholds.iter().take(LISTED) {
        table.row([
            one.node.to_string(),
            one.outcome.words().to_owned(),
            one.total.to_string(),
            one.withdrawals.len().to_string(),
            if one.stopped_services.is_empty() {
                String::new()
            } else {
                services(estate, &one.stopped_services)
            },
        ]);
    }
    let mut out = table.render(2);
    if let Some(more @ 1..) = readiness.footholds.len().checked_sub(LISTED) {
        let _ = writeln!(out, "  ... and {}", count(more, "more foothold", "more footholds"));
    }
    out
}

fn hopeless(estate: &Estate, readiness: &Readiness) -> String {
    let mut out = String::new();
    let worst = || readiness.footholds.iter().filter(|one| one.outcome == Outcome::NoPlan);
    for one in worst().take(EXPLAINED) {
        let _ = writeln!(out, "\nNO SOUND PLAN if {} is taken", one.node);
        let still: Vec<&str> =
            one.reachable_assets.iter().map(|node| label(estate, node)).collect();
        let _ = writeln!(out, "  At best stays reachable: {}", short_list(&still, 6));
        for obstacle in &one.conflict {
            let node = obstacle.node.as_ref().map_or("a bound", NodeId::as_str);
            let _ = writeln!(out, "  Cannot be cut: {node}: {}", obstacle.reason);
        }
        if let Some(search) = &one.search {
            let _ = writeln!(out, "  {}", helps(estate, search));
        }
    }
    if let Some(more @ 1..) = worst().count().checked_sub(EXPLAINED) {
        let _ = writeln!(out, "\n... and {more} more without a sound plan (--format json)");
    }
    out
}

/// What would help, in a sentence.
pub(super) fn helps(estate: &Estate, search: &Search) -> String {
    match &search.addition {
        Some(best) => format!(
            "Cheapest addition: {}. Then the best plan costs {} {}.",
            addition(estate, best),
            best.total,
            estate.currency()
        ),
        None if search.additions_tried == 0 => {
            "No single addition was found to try: mend more than one thing here.".to_owned()
        }
        None => format!("No single addition is enough ({} tried).", search.additions_tried),
    }
}

fn addition(estate: &Estate, best: &Best) -> String {
    let mut names = best.nodes.iter().map(|node| label(estate, node));
    let (first, second) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    match best.what {
        "stand-in" => format!("a stand-in for {first}, so that no service needs it alone"),
        "withdrawal" => format!("a way to withdraw {first}; today there is none"),
        _ => format!("a flow from {first} to {second} that can be blocked by itself"),
    }
}

fn sums(estate: &Estate, readiness: &Readiness) -> String {
    let all = readiness.footholds.len();
    let mut out = String::from("\nOver all sound plans\n");
    let none = |out: &mut String, what: &str| {
        let _ = writeln!(out, "  {what}");
    };
    if readiness.stopped.is_empty() {
        none(&mut out, "No service stops.");
    }
    for stopped in readiness.stopped.iter().take(SUMS) {
        let name = services(estate, std::slice::from_ref(&stopped.service));
        let _ = writeln!(out, "  stops in {:>4} of {all}: {name}", stopped.footholds);
    }
    for used in readiness.used.iter().take(SUMS) {
        let _ = writeln!(out, "  cut in   {:>4} of {all}: {}", used.footholds, used.withdrawal);
    }
    match dearest(readiness) {
        Some(one) => {
            let _ = writeln!(out, "  dearest: {} at {} {}", one.node, one.total, estate.currency());
        }
        None => none(&mut out, "No sound plan costs anything."),
    }
    out
}

/// The foothold whose sound plan costs most.
pub(super) fn dearest(readiness: &Readiness) -> Option<&Finding> {
    let node = readiness.dearest.as_ref()?;
    readiness.footholds.iter().find(|one| one.node == *node)
}
