//! Which approvals count, and what orders hold.

use cordon_model::estate::Node;
use cordon_model::plan::{Alternative, Certificate, PlanCost, PlannedWithdrawal, Proof, Status};
use cordon_model::record::{Decision as Decided, Verdict};

use super::*;
use crate::approval::{Approval, approval};
use crate::orders::{Terms, orders};

/// Tills (protected) need a flow; a report needs a host; a break-glass account; a free account.
fn estate() -> Estate {
    let mut builder = EstateBuilder::new("North", "GBP");
    for id in ["user:ann", "flow:f1", "app:pos", "host:h1", "desktops:d1"] {
        builder.node(&node(id));
    }
    let mut glass = Node::new(node("user:glass"));
    glass.tags.push("break-glass".into());
    builder.add_node(glass);
    let (flow, app, host) = (
        builder.node(&node("flow:f1")),
        builder.node(&node("app:pos")),
        builder.node(&node("host:h1")),
    );
    builder.add_needs(app, Needs::Node(flow));
    for (id, needs, protected) in [("tills", app, true), ("report", host, false)] {
        builder.services.push(Service {
            id: id.into(),
            name: None,
            needs: Needs::Node(needs),
            protected,
            cost_per_hour: Money::units(1),
            probe: None,
        });
    }
    builder.finish().unwrap()
}

fn alternative(estate: &Estate, ids: &[&str]) -> Alternative {
    let planned = ids.iter().zip(1..).map(|(id, order)| {
        let withdrawal = estate.withdrawal(estate.find_withdrawal(id).unwrap());
        PlannedWithdrawal {
            id: (*id).into(),
            kind: withdrawal.kind.to_string(),
            mode: withdrawal.mode,
            targets: withdrawal.removes.iter().map(|&node| estate.id(node).clone()).collect(),
            cost: Money::ZERO,
            stops: Vec::new(),
            enforcer: None,
            order,
            reason: String::new(),
            path: Vec::new(),
        }
    });
    Alternative {
        name: AlternativeName::Balanced,
        status: Status::Optimal,
        proof: Proof::Flow,
        complete: true,
        withdrawals: planned.collect(),
        stopped_services: Vec::new(),
        reachable_assets: Vec::new(),
        cost: PlanCost::default(),
        lower_bound: Money::ZERO,
        gap: 0.0,
        residual_expected_loss: Money::ZERO,
        seconds: 0.0,
        certificate: Certificate::default(),
        conflict: Vec::new(),
    }
}

#[test]
fn approvals_are_bound_to_the_plan_to_people_and_to_time() {
    let choice = |sha256: &str| PlanChoice {
        plan: "p1".into(),
        sha256: sha256.to_owned(),
        alternative: AlternativeName::Balanced,
    };
    let mut program = Program::new(Simulated::new(), setting());
    let until = program.world.now + SignedDuration::from_mins(10);
    let say = |program: &mut Program, sha256: &str, who: &str, verdict| {
        program.tell(Record::Decision(Decided {
            choice: choice(sha256),
            verdict,
            by: By::Person(who.to_owned()),
            because: String::new(),
            until: Some(until),
            signature: None,
        }));
    };
    let asked =
        |program: &Program, people, now| approval(&program.loop_.state, &choice("aa"), people, now);
    let now = program.world.now;
    say(&mut program, "bb", "ann", Verdict::Approved);
    assert_eq!(asked(&program, 1, now), Approval::Missing(1), "another plan's approval");
    say(&mut program, "aa", "ann", Verdict::Approved);
    say(&mut program, "aa", "ann", Verdict::Approved);
    assert_eq!(asked(&program, 2, now), Approval::Missing(1), "the same person twice");
    say(&mut program, "aa", "bob", Verdict::Approved);
    assert!(matches!(asked(&program, 2, now), Approval::Given(people) if people.len() == 2));
    assert_eq!(asked(&program, 2, until), Approval::Missing(2), "too late");
    say(&mut program, "aa", "bob", Verdict::Declined);
    assert_eq!(asked(&program, 1, now), Approval::No(By::Person("bob".to_owned())));
}

#[test]
fn orders_name_services_in_any_depth_and_lift_the_other_way() {
    let estate = estate();
    let ids = ["block-flow/flow:f1", "disable-account/user:ann", "isolate-host/host:h1"];
    let terms =
        Terms { ttl_seconds: 60, note: "incident 1".to_owned(), connector: Some(RANGE.to_owned()) };
    let orders = orders(&estate, &alternative(&estate, &ids), &terms);
    let shape: Vec<(&str, u32, u32, Vec<&str>)> = orders
        .iter()
        .map(|order| {
            let services = order.services.iter().map(ServiceId::as_str).collect();
            (order.withdrawal.as_str(), order.order, order.lift_order, services)
        })
        .collect();
    assert_eq!(
        shape,
        [
            ("block-flow/flow:f1", 1, 3, vec!["tills"]),
            ("disable-account/user:ann", 2, 2, vec![]),
            ("isolate-host/host:h1", 3, 1, vec!["report"]),
        ]
    );
}
