//! Changes of an honest plan of another tool, which is not settled.
//!
//! A change may leave such a plan true: another real path, or another row that
//! proves as much. Those few that the checker accepts must be so by [`is_true`],
//! which leans on `model::reach` and [`dual`]; their share is bounded. Changes of
//! settled plans are in [`super::planned`].

use cordon_model::outage::NodeSet;
use cordon_model::plan::{Alternative, PlanDocument, Status};
use cordon_model::{Estate, NodeId, NodeIx, WithdrawalIx};
use serde_json::{Value, json};

use super::changes::{Change, How, changes, words};
use super::dual;
use super::fixture::Random;
use super::honest::draw_case;
use super::planner::{Problem, plan};
use crate::{Context, check_json};

#[test]
fn every_change_is_objected_to() {
    let (mut tried, mut still_true) = (0, 0);
    for seed in 3000..3045 {
        let mut random = Random(seed);
        let (estate, footholds, context) = draw_case(&mut random);
        let honest = plan(&estate, &footholds, &context, &mut random);
        let json = serde_json::to_value(&honest).unwrap();
        assert!(check_json(&estate, &json.to_string(), &context).accepted, "seed {seed}");
        let (some, accepted) = try_all(&estate, &json, &context, &mut random);
        tried += some;
        still_true += accepted;
    }
    println!("{tried} changes, {still_true} of them still true");
    assert!(tried > 20_000, "only {tried} changes were tried");
    assert!(still_true * 25 < tried, "{still_true} of {tried} changes were accepted");
}

/// Tries every change of a plan; counts them, and those that are accepted because still true.
pub(super) fn try_all(
    estate: &Estate,
    json: &Value,
    context: &Context,
    random: &mut Random,
) -> (u32, u32) {
    let (mut tried, mut still_true) = (0, 0);
    let unchanged = json.to_string();
    for change in changes(json, &words(estate), random) {
        let changed = change.apply(json);
        let text = changed.to_string();
        // A plan that is not settled may say less or more, and round its gap.
        let allowed = match change.how {
            How::Remove(_) | How::Add => true,
            How::Nudge(_) => change.is_within("gap"),
            How::Put(_) | How::Drop(_) | How::Double(_) | How::Swap(..) => false,
        };
        if text == unchanged || allowed {
            continue;
        }
        tried += 1;
        if check_json(estate, &text, context).accepted {
            still_true += 1;
            let told = change.told();
            assert!(is_true(estate, &changed, &change, context), "accepted {told} of {json}");
        }
    }
    (tried, still_true)
}

/// Tells whether a changed plan still says nothing but the truth.
fn is_true(estate: &Estate, changed: &Value, change: &Change, context: &Context) -> bool {
    let fewer_plans = change.place == ["alternatives"];
    if fewer_plans {
        return true;
    }
    let Ok(document) = serde_json::from_value::<PlanDocument>(changed.clone()) else {
        return false;
    };
    let Ok(at) = change.place.get(1).map_or("", String::as_str).parse::<usize>() else {
        return false;
    };
    let alternative = &document.alternatives[at];
    let problem = Problem::new(estate, alternative.name, &document.footholds, context);
    if change.is_within("stages") {
        certificate_is_true(&problem, alternative)
    } else if change.is_within("path") {
        paths_are_true(&problem, alternative)
    } else if change.is_within("conflict") {
        conflict_is_true(&problem, alternative)
    } else {
        false
    }
}

fn chosen(problem: &Problem<'_>, alternative: &Alternative) -> Vec<WithdrawalIx> {
    let ids = alternative.withdrawals.iter();
    ids.map(|w| problem.estate.find_withdrawal(w.id.as_str()).unwrap()).collect()
}

/// Every row's path is real, and the sums are what they are said to be.
fn certificate_is_true(problem: &Problem<'_>, alternative: &Alternative) -> bool {
    let infeasible = alternative.status == Status::Infeasible;
    let choice = problem.choice(chosen(problem, alternative).into_iter().collect());
    let tasks = dual::tasks(problem, infeasible, &choice);
    tasks.iter().zip(&alternative.certificate.stages).all(|(task, stage)| {
        let real = stage.rows.iter().all(|row| {
            use cordon_model::plan::Row;
            match row {
                Row::Path { path, asset, .. } => {
                    let last = problem.node(&path[path.len() - 1]);
                    let node = problem.node(asset);
                    let found = problem.estate.assets().iter().find(|asset| asset.node == node);
                    is_walk(problem, path)
                        && found.is_some_and(|asset| asset.places().any(|place| place == last))
                }
                Row::Enforcer { path, .. } => is_walk(problem, path),
                Row::Need { .. }
                | Row::Stop { .. }
                | Row::Cap { .. }
                | Row::Exclusive { .. }
                | Row::Lost { .. } => true,
            }
        });
        let scale = i128::from(stage.scale);
        let forms: Vec<dual::Form> = stage.rows.iter().map(|row| task.form(row)).collect();
        let mut rows = stage.rows.clone();
        let y: Vec<i128> =
            rows.iter_mut().map(|row| i128::from(*dual::multiplier_of(row))).collect();
        let sum = task.sum(scale, &forms, &y);
        let bound = sum.max(0) / scale + i128::from(sum.max(0) % scale > 0);
        real && bound == i128::from(stage.bound.0)
    })
}

fn is_walk(problem: &Problem<'_>, path: &[NodeId]) -> bool {
    let nodes: Vec<NodeIx> = path.iter().map(|node| problem.node(node)).collect();
    let joined = |pair: &[NodeIx]| problem.graph.next(pair[0]).iter().any(|(to, _)| *to == pair[1]);
    problem.is_start(nodes[0]) && nodes.windows(2).all(joined)
}

/// Every path is real, closed by its own withdrawal alone, or open, and ends where it should.
fn paths_are_true(problem: &Problem<'_>, alternative: &Alternative) -> bool {
    let estate = problem.estate;
    let raised = chosen(problem, alternative);
    let removed = |by: &dyn Fn(WithdrawalIx) -> bool| {
        let some = raised.iter().copied().filter(|&w| by(w));
        let nodes = some.flat_map(|w| estate.withdrawal(w).removes.to_vec());
        NodeSet::from_nodes(estate.nodes().len(), nodes)
    };
    let is_open = |path: &[NodeId], closed: &NodeSet| {
        let skip = usize::from(problem.is_entrenched(problem.node(&path[0])));
        path[skip..].iter().all(|node| !closed.contains(problem.node(node)))
    };
    let all = removed(&|_| true);
    let goals = |path: &[NodeId]| {
        let last = problem.node(&path[path.len() - 1]);
        estate.assets().iter().any(|asset| asset.places().any(|place| place == last))
            || raised.iter().any(|&w| estate.withdrawal(w).enforcer == Some(last))
    };
    let opens = alternative.withdrawals.iter().zip(&raised).all(|(w, &index)| {
        let partner = estate.withdrawal(index).partner;
        let others = removed(&|other| other != index && Some(other) != partner);
        w.path.is_empty()
            || is_walk(problem, &w.path)
                && is_open(&w.path, &others)
                && !is_open(&w.path, &all)
                && goals(&w.path)
    });
    let remain = alternative.reachable_assets.iter().all(|asset| {
        is_walk(problem, &asset.path) && is_open(&asset.path, &all) && goals(&asset.path)
    });
    opens && remain
}

/// The nodes of a conflict are a path to a hard asset that the plan leaves open.
fn conflict_is_true(problem: &Problem<'_>, alternative: &Alternative) -> bool {
    let choice = problem.choice(chosen(problem, alternative).into_iter().collect());
    let path: Vec<NodeId> =
        alternative.conflict.iter().filter_map(|obstacle| obstacle.node.clone()).collect();
    let skip = usize::from(path.first().is_some_and(|at| problem.is_entrenched(problem.node(at))));
    let nodes: Vec<NodeIx> = path.iter().map(|node| problem.node(node)).collect();
    path.is_empty()
        || is_walk(problem, &path)
            && nodes[skip..].iter().all(|&node| !choice.blocked.contains(node))
            && problem.estate.assets().iter().any(|asset| {
                asset.must_hold && asset.places().any(|place| nodes.last() == Some(&place))
            })
}

/// Any text, however broken, gets an answer.
#[test]
fn broken_documents_never_panic() {
    for seed in 4000..4030 {
        let mut random = Random(seed);
        let (estate, footholds, context) = draw_case(&mut random);
        let honest = plan(&estate, &footholds, &context, &mut random);
        let text = serde_json::to_string(&honest).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let words = words(&estate);
        for _ in 0..60 {
            let mut changed = value.clone();
            for _ in 0..1 + random.below(6) {
                wreck(&mut changed, &words, &mut random);
            }
            let _ = check_json(&estate, &changed.to_string(), &context);
            let unknown = Context::default();
            let _ = check_json(&estate, &changed.to_string(), &unknown);
        }
        for _ in 0..60 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..1 + random.below(4) {
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes[at] = b"{}[],:\"0-9e.\\"[random.below(13)],
                    1 => bytes.truncate(at.max(1)),
                    _ => {
                        bytes.remove(at);
                        bytes.push(b' ');
                    }
                }
            }
            let broken = String::from_utf8_lossy(&bytes);
            let _ = check_json(&estate, &broken, &context);
        }
    }
}

/// Puts something senseless somewhere.
fn wreck(value: &mut Value, words: &[String], random: &mut Random) {
    let senseless = [
        json!(null),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(0.001),
        json!([]),
        json!({}),
        json!(""),
        json!("user:"),
        json!(45_035_996_273_704.96),
        json!(words[0]),
        json!([words[0]]),
    ];
    let deeper = random.chance(85);
    let put = |value: &mut Value, random: &mut Random| *value = random.pick(&senseless).clone();
    match value {
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = random.below(items.len());
            wreck(&mut items[at], words, random);
        }
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let keys: Vec<String> = fields.keys().cloned().collect();
            wreck(&mut fields[random.pick(&keys)], words, random);
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => put(value, random),
    }
}
