//! The guards named for there being no plan are a minimal set: checked by dropping each.

use cordon_model::estate::{Estate, EstateBuilder};
use cordon_model::plan::{AlternativeName, Status};

use super::random::Question;
use crate::budget::Budget;
use crate::case::{Case, Guard, Permission};
use crate::minimal;
use crate::network::Network;
use crate::request::merged;
use crate::{Foothold, Limits, Planner, Request};

/// An estate without some of its guards.
fn relaxed(estate: &Estate, guards: &[Guard]) -> Estate {
    let mut builder = EstateBuilder::from_estate(estate);
    for &guard in guards {
        match guard {
            Guard::Cap(at) => builder.caps[at as usize].most = u32::MAX,
            Guard::Service(at) => builder.services[at as usize].protected = false,
        }
    }
    builder.finish().unwrap()
}

fn is_sound(estate: &Estate, footholds: &[Foothold]) -> bool {
    let request = Request::new(footholds.to_vec());
    let plan = Planner::new(estate).alternative(&request, AlternativeName::Balanced);
    plan.status != Status::Infeasible
}

#[test]
fn without_any_one_of_the_blamed_guards_there_is_a_plan() {
    let (mut blamed, mut several, mut not_to_blame) = (0, 0, 0);
    for seed in 1..=2500 {
        let question = Question::random(seed);
        let footholds: Vec<Foothold> =
            merged(&question.footholds).into_iter().filter(|f| f.probability >= 0.5).collect();
        if is_sound(&question.estate, &footholds) {
            continue;
        }
        let net = Network::new(&question.estate);
        let request = Request::new(footholds.clone());
        let case = Case::new(&net, &request, &footholds, Permission::All);
        let guards = minimal::guards(&case, &Budget::new(Limits::none()));
        let caps = (0..).map(Guard::Cap).take(question.estate.caps().len());
        let services = (0..).map(Guard::Service).take(question.estate.services().len());
        let all: Vec<Guard> = caps.chain(services).collect();
        if guards.is_empty() {
            assert!(!is_sound(&relaxed(&question.estate, &all), &footholds), "seed {seed}");
            not_to_blame += 1;
            continue;
        }
        let others = |keep: &[Guard]| -> Vec<Guard> {
            all.iter().copied().filter(|guard| !keep.contains(guard)).collect()
        };
        let only = relaxed(&question.estate, &others(&guards));
        assert!(!is_sound(&only, &footholds), "seed {seed}: {guards:?} leave a plan");
        for dropped in &guards {
            let kept: Vec<Guard> = guards.iter().copied().filter(|g| g != dropped).collect();
            let fewer = relaxed(&question.estate, &others(&kept));
            assert!(is_sound(&fewer, &footholds), "seed {seed}: {dropped:?} is one too many");
        }
        blamed += 1;
        several += u32::from(guards.len() > 1);
    }
    assert!(blamed > 20 && several > 2 && not_to_blame > 40, "{blamed} {several} {not_to_blame}");
}
