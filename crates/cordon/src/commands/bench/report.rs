//! Tells what was measured: three tables for people, one object for programs.

use cordon_model::plan::Status;
use cordon_plan::monolith::{Ending, Form};
use serde_json::{Value, json};

use super::args::PlanArgs;
use super::measure::{Peer, Row, median};
use crate::text::{Align, Table, thousands};

/// The tables.
pub(super) fn text(args: &PlanArgs, rows: &[Row]) -> String {
    let runs = match args.runs {
        1 => "one run".to_owned(),
        runs => format!("medians of {runs} runs"),
    };
    let mut out = format!("Balanced plans on one thread, {runs}. Money in whole units.\n\n");
    out.push_str(&answers(rows).render(0));
    out.push('\n');
    out.push_str(&times(rows).render(0));
    if rows.iter().any(|row| !row.peers.is_empty()) {
        let limit = seconds(args.peer_limit);
        out.push_str(&format!(
            "\nThe same question as one mixed-integer program in HiGHS, in turn with the planner, at\nmost {limit} each. Times of both begin with the loaded estate.\n\n"
        ));
        out.push_str(&peers(rows).render(0));
    }
    for row in rows.iter().filter(|row| !row.agrees()) {
        let what = match row.objections.first() {
            Some(first) => format!("the checker refuses the plan: {}", first.what),
            None if row.same => "a program has another optimum".to_owned(),
            None => "a planner that starts afresh makes another plan".to_owned(),
        };
        out.push_str(&format!("WRONG: {}: {what}\n", row.name));
    }
    out
}

fn answers(rows: &[Row]) -> Table {
    let right = ["nodes", "links", "total", "bound", "cuts", "rows"];
    let mut columns = vec![("plan", Align::Left)];
    columns.extend(right.map(|name| (name, Align::Right)));
    columns.extend([("answer", Align::Left), ("checker", Align::Left)]);
    let mut table = Table::new(&columns);
    for row in rows {
        let plan = &row.plan;
        table.row([
            row.name.clone(),
            thousands(row.nodes as u64),
            thousands(row.links as u64),
            plan.cost.total.to_string(),
            plan.lower_bound.to_string(),
            plan.withdrawals.len().to_string(),
            row.rows().to_string(),
            answer(row),
            if row.objections.is_empty() { "accepts" } else { "REFUSES" }.to_owned(),
        ]);
    }
    table
}

fn answer(row: &Row) -> String {
    match row.plan.status {
        Status::Optimal => "optimal".to_owned(),
        Status::Gap => format!("gap {:.1} %", row.plan.gap * 100.0),
        Status::Infeasible => "no plan".to_owned(),
    }
}

fn times(rows: &[Row]) -> Table {
    let right = ["estate", "layout", "plan", "again", "one more", "all three", "check", "memory"];
    let mut columns = vec![("time", Align::Left)];
    columns.extend(right.map(|name| (name, Align::Right)));
    let mut table = Table::new(&columns);
    for row in rows {
        table.row([
            row.name.clone(),
            seconds(row.made),
            seconds(median(&row.steps.layout)),
            seconds(median(&row.steps.cold)),
            seconds(median(&row.steps.again)),
            if row.more.is_empty() { "-".to_owned() } else { seconds(median(&row.more)) },
            seconds(row.all),
            seconds(median(&row.check)),
            row.memory.map_or_else(|| "-".to_owned(), megabytes),
        ]);
    }
    table
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", thousands(bytes / 1_000_000))
}

fn peers(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("peer", Align::Left),
        ("ours", Align::Right),
        ("compact", Align::Right),
        ("ratio", Align::Right),
        ("pruned", Align::Right),
        ("ratio", Align::Right),
    ]);
    for row in rows {
        let mut cells = vec![row.name.clone(), seconds(ours(row))];
        for form in [Form::Compact, Form::Pruned] {
            let Some(peer) = row.peers.iter().find(|peer| peer.form == form) else { continue };
            let at_least = if peer.ended() { "" } else { "> " };
            let time = if peer.outcome.ending == Ending::Failed {
                "failed".to_owned()
            } else {
                format!("{at_least}{}", seconds(median(&peer.seconds)))
            };
            cells.extend([time, format!("{at_least}{:.0}", ratio(row, peer))]);
        }
        table.row(cells);
    }
    table
}

/// Seconds from the loaded estate to the plan: a peer begins there too.
fn ours(row: &Row) -> f64 {
    let both: Vec<f64> = row.steps.layout.iter().zip(&row.steps.cold).map(|(a, b)| a + b).collect();
    median(&both)
}

fn ratio(row: &Row, peer: &Peer) -> f64 {
    median(&peer.seconds) / ours(row).max(1e-9)
}

/// Prints `4.2 ms`, `0.59 s`, `12.3 s`.
fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.2} s"),
        s => format!("{s:.1} s"),
    }
}

/// The object.
pub(super) fn json(args: &PlanArgs, rows: &[Row]) -> Value {
    let rows: Vec<Value> = rows.iter().map(json_row).collect();
    json!({ "seed": args.seed, "runs": args.runs, "rows": rows })
}

fn json_row(row: &Row) -> Value {
    let times = |runs: &[f64]| json!({ "median": median(runs), "runs": runs });
    let plan = &row.plan;
    json!({
        "name": row.name,
        "nodes": row.nodes,
        "links": row.links,
        "status": plan.status,
        "proof": plan.proof,
        "total": plan.cost.total,
        "cost": plan.cost,
        "lower_bound": plan.lower_bound,
        "gap": plan.gap,
        "withdrawals": plan.withdrawals.len(),
        "rows": row.rows(),
        "accepted": row.objections.is_empty(),
        "same_afresh": row.same,
        "seconds": {
            "estate": row.made,
            "layout": times(&row.steps.layout),
            "plan": times(&row.steps.cold),
            "plan_again": times(&row.steps.again),
            "one_more_foothold": times(&row.more),
            "all_three": row.all,
            "check": times(&row.check),
        },
        "peak_bytes": row.memory,
        "peers": row.peers.iter().map(|peer| json_peer(row, peer)).collect::<Vec<Value>>(),
    })
}

fn json_peer(row: &Row, peer: &Peer) -> Value {
    json!({
        "form": peer.form.as_str(),
        "ended": peer.ended(),
        "total": peer.outcome.total,
        "bound": peer.outcome.bound,
        "variables": peer.outcome.variables,
        "rows": peer.outcome.rows,
        "seconds": { "median": median(&peer.seconds), "runs": peer.seconds },
        "ratio": ratio(row, peer),
    })
}
