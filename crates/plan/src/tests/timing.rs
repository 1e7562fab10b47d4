//! Questions about time and alternatives on one small estate, by hand.
//!
//! ```text
//! user:ann -60s-> host:pc -600s-> db:members (1,000, must hold)
//!                 host:pc -3600s-> db:prices (200)
//! ```

use cordon_model::estate::{Asset, Service};
use cordon_model::ids::{NodeId, WithdrawalIx};
use cordon_model::needs::Needs;
use cordon_model::plan::AlternativeName;
use cordon_model::{Estate, EstateBuilder, Money};

use crate::{Foothold, Planner, Request};

fn estate() -> Estate {
    let mut builder = EstateBuilder::new("small", "GBP");
    builder.horizon_hours = 1;
    let [ann, pc, members, prices] = ["user:ann", "host:pc", "db:members", "db:prices"]
        .map(|id| builder.node(&NodeId::parse(id).unwrap()));
    builder.add_link(ann, pc, "AdminTo", Some(60));
    builder.add_link(pc, members, "Controls", Some(600));
    builder.add_link(pc, prices, "Controls", Some(3600));
    let copies = Vec::new;
    let loss = Money::units;
    builder.assets.push(Asset {
        node: members,
        loss: loss(1000),
        must_hold: true,
        copies: copies(),
    });
    builder.assets.push(Asset {
        node: prices,
        loss: loss(200),
        must_hold: false,
        copies: copies(),
    });
    builder.services.push(Service {
        id: "tills".into(),
        name: None,
        needs: Needs::Node(pc),
        protected: false,
        cost_per_hour: Money::units(500),
        probe: None,
    });
    builder.finish().unwrap()
}

fn ids(estate: &Estate, withdrawals: &[WithdrawalIx]) -> Vec<String> {
    withdrawals.iter().map(|&at| estate.withdrawal(at).id.to_string()).collect()
}

#[test]
fn waiting_costs_what_falls_within_the_hour() {
    let estate = estate();
    let footholds = [Foothold::certain(estate.find("user:ann").unwrap())];
    let waiting = Planner::new(&estate).waiting(&footholds);
    assert_eq!([0, 1, 2].map(|hour| waiting.hour(hour)), [1000, 200, 0].map(Money::units));
    assert_eq!([10, 11, 61].map(|m| waiting.minute(m)), [0, 1000, 200].map(Money::units));
}

#[test]
fn an_end_follows_its_refuse_and_slow_connectors_lose_the_race() {
    let estate = estate();
    let footholds = vec![Foothold::certain(estate.find("user:ann").unwrap())];
    let planner = Planner::new(&estate);
    let request = Request::new(footholds.clone());
    let plan = planner.alternative(&request, AlternativeName::Balanced);
    let raised: Vec<&str> = plan.withdrawals.iter().map(|w| w.id.as_str()).collect();
    assert_eq!(raised, ["disable-account/user:ann", "end-sessions/user:ann"]);
    let late = |each: u64| planner.race(&footholds, &plan, &|_| each).len();
    assert_eq!([late(30), late(31), late(61)], [0, 1, 2]);
}

#[test]
fn the_cheapest_plan_without_a_withdrawal_is_another_one() {
    let estate = estate();
    let request = Request::new(vec![Foothold::certain(estate.find("user:ann").unwrap())]);
    let disable = estate.find_withdrawal("disable-account/user:ann").unwrap();
    let plan = Planner::new(&estate).without(&request, AlternativeName::Balanced, disable);
    let raised: Vec<&str> = plan.withdrawals.iter().map(|w| w.id.as_str()).collect();
    assert_eq!((raised, plan.cost.services), (vec!["isolate-host/host:pc"], Money::units(500)));
}

#[test]
fn what_is_lifted_opens_nothing_and_is_worth_most() {
    let estate = estate();
    let mut request = Request::new(vec![Foothold::certain(estate.find("user:ann").unwrap())]);
    request.in_force = (0..).map(WithdrawalIx).take(estate.withdrawals().len()).collect();
    let planner = Planner::new(&estate);
    assert_eq!(ids(&estate, &planner.lift(&request)), ["isolate-host/host:pc"]);
    request.footholds.clear();
    assert_eq!(planner.lift(&request).len(), estate.withdrawals().len(), "nothing holds it back");
    let half = estate.withdrawals().iter().position(|w| w.partner.is_some()).unwrap();
    request.in_force = vec![WithdrawalIx(u32::try_from(half).unwrap())];
    assert_eq!(planner.lift(&request), [], "half of a pair");
}

#[test]
fn what_is_in_force_is_paid() {
    let estate = estate();
    let mut request = Request::new(vec![Foothold::certain(estate.find("user:ann").unwrap())]);
    let planner = Planner::new(&estate);
    let cold = planner.alternative(&request, AlternativeName::Balanced);
    request.in_force =
        cold.withdrawals.iter().map(|w| estate.find_withdrawal(w.id.as_str()).unwrap()).collect();
    let kept = planner.alternative(&request, AlternativeName::Balanced);
    assert_eq!((cold.cost.total, kept.cost.total), (Money::units(85), Money::ZERO));
    assert_eq!(kept.withdrawals.len(), 2);
}
