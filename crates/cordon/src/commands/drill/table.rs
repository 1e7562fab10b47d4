//! The responses of a drill side by side.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cordon_model::{Estate, Timestamp};
use jiff::SignedDuration;

use crate::drill::Score;
use crate::text::{Align, Table, duration, thousands};

/// Prints one column per response.
pub(crate) fn comparison(estate: &Estate, runs: &[Score]) -> String {
    let mut columns = vec![("", Align::Left)];
    columns.extend(runs.iter().map(|run| (run.response, Align::Right)));
    let mut table = Table::new(&columns);
    let mut row = |name: &str, cell: &dyn Fn(&Score) -> String| {
        let cells = std::iter::once(name.to_owned()).chain(runs.iter().map(cell));
        table.row(cells);
    };
    let since = |run: &Score, at: Option<Timestamp>| match (run.first_event, at) {
        (Some(first), Some(at)) => format!("{} after", duration(at.duration_since(first))),
        _ => "never".to_owned(),
    };
    row("first detection", &|run| since(run, run.first_detection));
    row("first foothold named", &|run| since(run, run.first_foothold));
    row("first cut in force", &|run| since(run, run.first_cut));
    row("intruder's last gain", &|run| since(run, run.last_gain));
    row("withdrawals raised", &|run| thousands(run.withdrawals as u64));
    let assets = estate.assets().len();
    row("assets lost", &|run| format!("{} of {assets}", run.assets_lost.len()));
    for category in categories(runs) {
        let name = format!("people's data taken: {category}");
        row(&name, &|run| thousands(run.people_taken.get(category).copied().unwrap_or(0)));
    }
    row("protected services stopped", &|run| stopped(run, true));
    row("other services stopped", &|run| stopped(run, false));
    row("innocent people locked out", &|run| thousands(run.innocent_locked_out as u64));
    let money = |amount: cordon_model::Money| thousands(amount.0.unsigned_abs() / 100);
    row("cost of withdrawals", &|run| money(run.cost.withdrawals));
    row("cost of stopped services", &|run| money(run.cost.services));
    row("loss of assets", &|run| money(run.cost.loss));
    row(&format!("total, {}", estate.currency()), &|run| money(run.cost.total));
    let mut out = table.render(2);
    if let Some(best) = runs.iter().min_by_key(|run| run.cost.total)
        && let Some(worst) = runs.iter().max_by_key(|run| run.cost.total)
        && runs.len() > 1
    {
        let saved = worst.cost.total - best.cost.total;
        let _ = writeln!(
            out,
            "\n  `{}` costs {} {} less than `{}`.",
            best.response,
            money(saved),
            estate.currency(),
            worst.response
        );
    }
    out
}

fn categories(runs: &[Score]) -> BTreeSet<&str> {
    runs.iter().flat_map(|run| run.people_taken.keys().map(String::as_str)).collect()
}

fn stopped(run: &Score, protected: bool) -> String {
    let stops = run.services.iter().filter(|s| s.protected == protected && s.stopped_seconds > 0);
    let (mut count, mut longest) = (0, 0);
    for stop in stops {
        count += 1;
        longest = longest.max(stop.stopped_seconds);
    }
    if count == 0 {
        return "none".to_owned();
    }
    format!("{count}, up to {}", duration(SignedDuration::from_secs(longest)))
}
