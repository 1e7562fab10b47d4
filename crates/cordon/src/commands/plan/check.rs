//! `cordon plan check`: the checker alone, told what the data folder knows.
//!
//! The lists that the command adds to a plan (`add`, `keep`, `lift`, `lift_now`,
//! `explained`) are no part of it: the checker sees the plan without them, and
//! the first four are compared here with the plan and with what is in force.

use std::path::Path;

use anyhow::Context as _;
use cordon_model::plan::{Objection, PlanDocument, Verdict};
use serde_json::{Map, Value};

use super::args::CheckArgs;
use super::change::Change;
use super::present::Present;
use crate::cli::Format;
use crate::commands::{print, print_json};
use crate::exit;

/// Fields that stand beside a plan in the answer of `cordon plan`.
const BESIDE: [&str; 5] = ["add", "keep", "lift", "lift_now", "explained"];

/// Runs the command.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<u8> {
    let present = Present::open(
        args.config.as_deref(),
        args.data.as_deref(),
        &args.foothold,
        &args.entrenched,
    )?;
    let text = read(&args.plan)?;
    let (plan, beside) = split(&text);
    let mut verdict = cordon_certify::check_json(
        &present.estate,
        plan.as_deref().unwrap_or(&text),
        &present.context(),
    );
    verdict.objections.extend(objections(&present, plan.as_deref(), beside));
    verdict.accepted = verdict.objections.is_empty();
    match args.format {
        Format::Json => print_json(&verdict)?,
        Format::Text => print(&words(&verdict))?,
    }
    Ok(if verdict.accepted { exit::DONE } else { exit::FAILED })
}

fn read(plan: &Path) -> anyhow::Result<String> {
    if plan.as_os_str() == "-" {
        return std::io::read_to_string(std::io::stdin()).context("cannot read standard input");
    }
    std::fs::read_to_string(plan).with_context(|| format!("cannot read `{}`", plan.display()))
}

/// Takes what stands beside a plan out of its text; a plan with nothing beside it stays as written.
fn split(text: &str) -> (Option<String>, Map<String, Value>) {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else {
        return (None, Map::new());
    };
    let beside: Map<String, Value> =
        BESIDE.iter().filter_map(|name| fields.remove_entry(*name)).collect();
    let plan = (!beside.is_empty()).then(|| Value::Object(fields).to_string());
    (plan, beside)
}

/// What is wrong with the lists beside a plan.
fn objections(
    present: &Present,
    plan: Option<&str>,
    mut beside: Map<String, Value>,
) -> Vec<Objection> {
    beside.remove("explained");
    let Some(plan) = plan.filter(|_| !beside.is_empty()) else { return Vec::new() };
    let object = |what: String| Objection {
        code: "wrong-change".to_owned(),
        alternative: String::new(),
        what,
    };
    // What is no plan document has its objection already.
    let Ok(document) = serde_json::from_str::<PlanDocument>(plan) else { return Vec::new() };
    let claimed: Change = match serde_json::from_value(Value::Object(beside)) {
        Ok(claimed) => claimed,
        Err(error) => {
            return vec![object(format!("what it adds and lifts cannot be read: {error}"))];
        }
    };
    let own = Change::of(present, &document, claimed.lift_now.clone());
    let mut found: Vec<Objection> = claimed.objections(present).into_iter().map(object).collect();
    for (name, claimed, own) in [
        ("add", &claimed.add, &own.add),
        ("keep", &claimed.keep, &own.keep),
        ("lift", &claimed.lift, &own.lift),
        ("lift_now", &claimed.lift_now, &own.lift_now),
    ] {
        if claimed != own {
            let what = "is not what its balanced plan and what is in force say";
            found.push(object(format!("`{name}` {what}")));
        }
    }
    found
}

fn words(verdict: &Verdict) -> String {
    if verdict.accepted {
        return "The checker accepts this plan.\n".to_owned();
    }
    let mut out = String::from("The checker refuses this plan:\n");
    for objection in &verdict.objections {
        let of = if objection.alternative.is_empty() { "plan" } else { &objection.alternative };
        out.push_str(&format!("  {of}: {} [{}]\n", objection.what, objection.code));
    }
    out
}
