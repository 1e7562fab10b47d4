//! Honest plans are accepted, and what their certificates prove is true.

use std::collections::BTreeMap;

use cordon_model::needs::Needs;
use cordon_model::plan::{Alternative, PlannedFoothold, Row, Status};
use cordon_model::{Estate, Money};

use super::dual::{self, Task};
use super::fixture::{Random, draw};
use super::planner::{Choice, Problem, draw_authority, plan, rank};
use crate::{Context, check, check_json};

/// Draws an estate with few enough columns, footholds, and what the asker knows.
pub(super) fn draw_case(random: &mut Random) -> (Estate, Vec<PlannedFoothold>, Context) {
    loop {
        let (estate, footholds) = draw(random);
        let context = draw_context(&estate, &footholds, random);
        let columns = Problem::new(
            &estate,
            cordon_model::plan::AlternativeName::Balanced,
            &footholds,
            &context,
        )
        .columns();
        if columns.len() < 9 {
            return (estate, footholds, context);
        }
    }
}

fn draw_context(estate: &Estate, footholds: &[PlannedFoothold], random: &mut Random) -> Context {
    let mut context = Context {
        footholds: Some(footholds.to_vec()),
        authority: Some(draw_authority(estate, random)),
        ..Context::default()
    };
    if random.chance(20) {
        context.in_force = draw_authority(estate, random);
    } else if random.chance(20) {
        context.unavailable = draw_authority(estate, random);
        let services = estate.services().iter().filter(|_| random.chance(50));
        context.down = services.map(|service| service.id.clone()).collect();
    }
    context
}

#[test]
fn honest_plans_are_accepted() {
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..250 {
        let mut random = Random(seed);
        let (estate, footholds, context) = draw_case(&mut random);
        let document = plan(&estate, &footholds, &context, &mut random);
        let json = serde_json::to_value(&document).unwrap();
        let verdict = check_json(&estate, &json.to_string(), &context);
        assert!(verdict.accepted, "seed {seed}: {:#?}\n{json:#}", verdict.objections);
        assert!(check(&estate, &document, &context).accepted, "seed {seed}");
        for alternative in &document.alternatives {
            let status = match alternative.status {
                Status::Optimal => "optimal",
                Status::Gap => "gap",
                Status::Infeasible => "infeasible",
            };
            *kinds.entry(status).or_default() += 1;
            *kinds.entry("withdrawals").or_default() +=
                u32::from(!alternative.withdrawals.is_empty());
            let proven = alternative.certificate.bound > Money::ZERO;
            *kinds.entry("proven").or_default() += u32::from(proven);
            for row in alternative.certificate.stages.iter().flat_map(|stage| &stage.rows) {
                *kinds.entry(row_kind(row)).or_default() += 1;
            }
        }
    }
    // The cases must be worth something: every status and every kind of row occurs.
    let least = kinds.values().min();
    assert!(kinds.len() >= 11 && least > Some(&4), "{kinds:?}");
}

fn row_kind(row: &Row) -> &'static str {
    match row {
        Row::Path { .. } => "path",
        Row::Need { .. } => "need",
        Row::Stop { .. } => "stop",
        Row::Cap { .. } => "cap",
        Row::Enforcer { .. } => "enforcer",
        Row::Exclusive { .. } => "exclusive",
        Row::Lost { .. } => "lost",
    }
}

#[test]
fn a_plan_of_another_tool_may_say_less() {
    for seed in 1000..1060 {
        let mut random = Random(seed);
        let (estate, footholds, context) = draw_case(&mut random);
        let mut document = plan(&estate, &footholds, &context, &mut random);
        for alternative in &mut document.alternatives {
            alternative.proof = cordon_model::plan::Proof::Search;
        }
        let mut json = serde_json::to_value(&document).unwrap();
        for alternative in json["alternatives"].as_array_mut().unwrap() {
            let fields = alternative.as_object_mut().unwrap();
            for field in ["certificate", "seconds", "residual_expected_loss", "conflict"] {
                fields.remove(field);
            }
            fields.insert("tool".to_owned(), "another".into());
            for withdrawal in alternative["withdrawals"].as_array_mut().unwrap() {
                for field in ["order", "path", "reason"] {
                    withdrawal.as_object_mut().unwrap().remove(field);
                }
            }
            for asset in alternative["reachable_assets"].as_array_mut().unwrap() {
                asset.as_object_mut().unwrap().remove("path");
            }
        }
        json["alternatives"].as_array_mut().unwrap().remove(random.below(3));
        let verdict = check_json(&estate, &json.to_string(), &context);
        assert!(verdict.accepted, "seed {seed}: {:#?}", verdict.objections);
    }
}

/// Every row holds for every sound choice, and no bound passes the optimum.
#[test]
fn certificates_prove_what_is_true() {
    let mut tight = 0;
    for seed in 2000..2150 {
        let mut random = Random(seed);
        let (estate, footholds, context) = draw_case(&mut random);
        let document = plan(&estate, &footholds, &context, &mut random);
        assert!(check(&estate, &document, &context).accepted, "seed {seed}");
        for alternative in &document.alternatives {
            let problem = Problem::new(&estate, alternative.name, &footholds, &context);
            tight += u32::from(check_truth(&problem, alternative, seed));
        }
    }
    assert!(tight > 100, "only {tight} certificates prove their optimum");
}

fn check_truth(problem: &Problem<'_>, alternative: &Alternative, seed: u64) -> bool {
    let infeasible = alternative.status == Status::Infeasible;
    let ids = alternative.withdrawals.iter().map(|w| problem.estate.find_withdrawal(w.id.as_str()));
    let choice = problem.choice(ids.flatten().collect());
    let hard_free = dual::tasks(problem, infeasible, &choice).len() == 2
        && alternative.certificate.stages[0].objective == cordon_model::plan::Objective::HardLoss;
    let mut guarded = problem.guarded();
    guarded.retain(|other| hard_free || !other.hard_lost);
    let tasks = dual::tasks(problem, infeasible, &choice);
    for (task, stage) in tasks.iter().zip(&alternative.certificate.stages) {
        for row in &stage.rows {
            let (right, terms) = task.form(row);
            for other in &guarded {
                let lost = if hard_free { other.hard_loss } else { other.cost.loss };
                if matches!(row, Row::Lost { .. }) && task.limit.is_some_and(|limit| lost > limit) {
                    continue;
                }
                let value: i128 =
                    terms.iter().map(|(name, by)| by * value(task, other, name)).sum();
                assert!(
                    value >= right,
                    "seed {seed}: {row:?} does not hold for {:?}",
                    other.chosen
                );
            }
        }
    }
    let best = guarded.iter().min_by_key(|choice| rank(problem.name, infeasible, choice)).unwrap();
    let bound = alternative.certificate.bound;
    assert!(bound <= best.cost.total, "seed {seed}: {bound} passes {}", best.cost.total);
    bound == best.cost.total && bound > Money::ZERO
}

/// What a variable is in a choice: 0 or 1.
fn value(task: &Task<'_, '_>, choice: &Choice, variable: &str) -> i128 {
    let estate = task.problem.estate;
    let (what, name) = variable.split_once(' ').unwrap();
    let fails = |needs: &Needs| !needs.holds(&mut |node| !choice.outage.is_down(node));
    let is = match what {
        "x" => choice.chosen.iter().any(|&w| estate.withdrawal(w).id.as_str() == name),
        "z" => choice.lost.iter().any(|&node| estate.id(node).as_str() == name),
        _ => {
            let (owner, gate) = name.split_once('#').unwrap_or((name, ""));
            let service = estate.services().iter().find(|s| format!("service:{}", s.id) == owner);
            let node = estate.find(owner);
            match (gate.parse::<usize>(), service, node) {
                (Ok(gate), Some(service), _) => fails(preorder(&service.needs)[gate]),
                (Ok(gate), None, Some(node)) => fails(preorder(estate.needs(node).unwrap())[gate]),
                (Err(_), Some(service), _) => fails(&service.needs),
                (Err(_), None, Some(node)) => choice.outage.is_down(node),
                (_, None, None) => panic!("unknown variable {variable}"),
            }
        }
    };
    i128::from(is)
}

fn preorder(needs: &Needs) -> Vec<&Needs> {
    let mut all = vec![needs];
    if let Needs::AtLeast { of, .. } = needs {
        all.extend(of.iter().flat_map(preorder));
    }
    all
}
