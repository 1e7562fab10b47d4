//! The planner against trying every subset, on thousands of random small estates.
//!
//! `random` makes them, `slow` tries all subsets with the model's plain search
//! and outage, `bound` re-derives every certificate from the documented
//! contract alone. `CORDON_CASES` says how many estates (default 400),
//! `CORDON_SEED` starts at another one; a failure prints its seed.

use crate::Planner;
use cordon_model::Money;
use cordon_model::plan::{Alternative, AlternativeName, Proof, Status};

use super::bound;
use super::random::Question;
use super::slow::{Slow, Worth};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap())
}

#[test]
fn equal_to_trying_all_subsets() {
    let first = number("CORDON_SEED", 1);
    let (mut infeasible, mut proven) = (0, 0);
    for seed in first..first + number("CORDON_CASES", 400) {
        let question = Question::random(seed);
        let request = question.request();
        let planner = Planner::new(&question.estate);
        let document = planner.plan(&request);
        assert_eq!(document, planner.plan(&request), "seed {seed}: two runs differ");
        for alternative in &document.alternatives {
            let what = format!("seed {seed} {}", alternative.name.as_str());
            check(&question, alternative, &what);
            infeasible += u32::from(alternative.status == Status::Infeasible);
            proven += u32::from(alternative.proof == Proof::Flow);
        }
    }
    println!("{infeasible} infeasible, {proven} proven by their certificates alone");
}

fn check(question: &Question, plan: &Alternative, what: &str) {
    let slow = Slow::new(question, plan.name);
    let best = slow.best(plan.name);
    let (expected, status) = match (best.sound, plan.name) {
        (None, AlternativeName::Balanced | AlternativeName::Strict) => {
            (best.residual, Status::Infeasible)
        }
        (Some(sound), AlternativeName::Balanced | AlternativeName::Strict) => {
            (sound, Status::Optimal)
        }
        // A hard asset without a loss must hold too: a full plan comes first.
        (sound, AlternativeName::Now) => (sound.unwrap_or(best.residual), Status::Optimal),
    };
    assert_eq!(plan.status, status, "{what}: status");
    let worth = slow.worth_of_plan(plan).unwrap_or_else(|why| panic!("{what}: {why}"));
    let key = |worth: &Worth| match (status, plan.name) {
        (Status::Optimal, AlternativeName::Balanced) => (0, worth.total()),
        (Status::Optimal, AlternativeName::Strict) => (worth.loss, worth.total() - worth.loss),
        _ => (worth.hard_loss, worth.total()),
    };
    assert_eq!(key(&worth), key(&expected), "{what}: optimum");
    assert_eq!(plan.complete, worth.complete, "{what}: complete");
    assert_eq!(plan.cost.withdrawals, Money(worth.withdrawals), "{what}: withdrawals");
    assert_eq!(plan.cost.services, Money(worth.services), "{what}: services");
    assert_eq!(plan.cost.loss, Money(worth.loss), "{what}: loss");
    assert_eq!(plan.cost.total, Money(worth.total()), "{what}: total");
    assert_eq!(plan.lower_bound, plan.cost.total, "{what}: lower bound");
    assert_eq!(plan.residual_expected_loss, slow.expected(plan), "{what}: expected loss");
    let conflict = plan.conflict.is_empty();
    let explained = worth.complete || worth.hard_loss == 0 || !conflict;
    assert!(status != Status::Infeasible || explained, "{what}: no reasons");
    let limited = plan.conflict.iter().any(|step| step.reason.contains("the limits ended"));
    assert!(!limited, "{what}: no limit was set");
    slow.check_paths(plan).unwrap_or_else(|why| panic!("{what}: {why}"));
    let bounds = bound::derive(&slow, plan).unwrap_or_else(|why| panic!("{what}: {why}"));
    for (stage, least) in bounds.iter().zip(stages(plan, &worth)) {
        assert!(*stage <= least, "{what}: a stage claims {stage}, but {least} is possible");
    }
}

/// What the stages' objectives come to at the optimum.
fn stages(plan: &Alternative, worth: &Worth) -> Vec<i64> {
    match (plan.status, plan.name) {
        (Status::Optimal, AlternativeName::Balanced) => vec![worth.total()],
        (Status::Optimal, AlternativeName::Strict) => {
            vec![worth.loss, worth.total() - worth.loss]
        }
        _ => vec![worth.hard_loss, worth.total()],
    }
}

/// Whatever the limit, a plan is sound and its bound holds, or it says that it does not know.
#[test]
fn limits_leave_a_sound_plan_with_its_gap() {
    let mut gaps = 0;
    for seed in 1..=number("CORDON_CASES", 400) {
        let question = Question::random(seed);
        let mut request = question.request();
        request.limits.work = seed % 300;
        let plan = Planner::new(&question.estate).alternative(&request, AlternativeName::Balanced);
        let slow = Slow::new(&question, plan.name);
        let worth = slow.worth_of_plan(&plan).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        bound::derive(&slow, &plan).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let best = slow.best(plan.name).sound;
        match (plan.status, best) {
            (Status::Infeasible, None) => {}
            (Status::Infeasible, Some(_)) => {
                assert!(plan.conflict[0].reason.contains("limits"), "seed {seed}");
            }
            (Status::Gap | Status::Optimal, best) => {
                let best = best.unwrap_or_else(|| panic!("seed {seed}: no sound plan"));
                assert!(worth.complete && best.total() <= worth.total(), "seed {seed}");
                assert!(plan.lower_bound <= Money(best.total()), "seed {seed}: bound");
                gaps += u32::from(plan.status == Status::Gap);
            }
        }
    }
    assert!(gaps > 0, "no limit was ever felt");
}
