//! The planner against one mixed-integer program that shares no line with its search.

use cordon_estate::synthetic::{Shape, generate};
use cordon_model::plan::{AlternativeName, Status};
use cordon_model::{Estate, Money};

use super::random::Question;
use crate::monolith::{Ending, Form, solve};
use crate::{Foothold, Planner, Request};

/// Both forms end where the planner ends; returns the optimum, `None` where there is no plan.
fn check(estate: &Estate, footholds: &[Foothold], what: &str) -> Option<Money> {
    let request = Request::new(footholds.to_vec());
    let plan = Planner::new(estate).alternative(&request, AlternativeName::Balanced);
    let optimum = match plan.status {
        Status::Optimal => Some(plan.cost.total),
        Status::Infeasible => None,
        Status::Gap => panic!("{what}: a gap without a limit"),
    };
    for form in [Form::Compact, Form::Pruned] {
        let outcome = solve(estate, footholds, form, f64::INFINITY);
        let ending = if optimum.is_some() { Ending::Optimal } else { Ending::Infeasible };
        assert_eq!((outcome.ending, outcome.total), (ending, optimum), "{what}: {form:?}");
    }
    optimum
}

#[test]
fn equal_optima_on_small_estates_of_every_shape() {
    let mut sound = 0;
    for seed in 1..=150 {
        let question = Question::random(seed);
        let counted = question.footholds.iter().copied().filter(|f| f.probability >= 0.5);
        let footholds: Vec<Foothold> = counted.collect();
        sound += u32::from(check(&question.estate, &footholds, &format!("seed {seed}")).is_some());
    }
    assert!((1..150).contains(&sound), "{sound} have a plan");
}

#[test]
fn equal_optima_on_synthetic_estates() {
    for (shape, seed, nodes) in [(Shape::Dense, 1, 300), (Shape::Tree, 2, 600)] {
        let made = generate(shape, seed, nodes, 10).unwrap();
        for entrenched in [false, true] {
            let nodes = made.footholds.iter().map(|id| made.estate.find(id.as_str()).unwrap());
            let footholds: Vec<Foothold> =
                nodes.map(|node| Foothold { entrenched, ..Foothold::certain(node) }).collect();
            let what = format!("{shape:?} entrenched {entrenched}");
            assert!(check(&made.estate, &footholds, &what).is_some_and(|total| total.0 > 0));
        }
    }
}

#[test]
fn a_time_limit_leaves_a_bound() {
    let made = generate(Shape::Dense, 1, 3_000, 10).unwrap();
    let nodes = made.footholds.iter().map(|id| made.estate.find(id.as_str()).unwrap());
    let footholds: Vec<Foothold> =
        nodes.map(|node| Foothold { entrenched: true, ..Foothold::certain(node) }).collect();
    let outcome = solve(&made.estate, &footholds, Form::Compact, 0.01);
    assert_eq!(outcome.ending, Ending::TimeLimit);
    assert!(outcome.variables > 3_000 && outcome.rows > 15_000);
    let (bound, total) =
        (outcome.bound.unwrap_or_default(), outcome.total.unwrap_or(Money::CEILING));
    assert!(bound <= total);
}
