//! Tables of cases: estates in a few lines, policies in a few more, one word of answer each.

mod approvals;
mod files;
mod guards;
mod policy;

use std::collections::BTreeSet;

use cordon_model::estate::{Node, Service};
use cordon_model::needs::Needs;
use cordon_model::plan::{
    Alternative, AlternativeName, Certificate, PlanCost, PlanDocument, PlannedFoothold,
    PlannedWithdrawal, Proof, Status,
};
use cordon_model::record::By;
use cordon_model::{Estate, EstateBuilder, Money, NodeId, Person};

use crate::{Authority, Caps, Decision, People, PlanFacts, Policies, Question, Terms};

fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

/// Tills (protected) need a flow, or-ed with another; a report needs a host; a break-glass
/// account; people's accounts; a jump host behind a flow; a connector for accounts.
fn estate() -> Estate {
    let mut builder = EstateBuilder::new("North", "GBP");
    for id in [
        "user:ann",
        "user:bob",
        "flow:f1",
        "flow:f2",
        "app:pos",
        "host:h1",
        "host:h2",
        "desktops:d1",
        "host:dc1",
        "host:jump",
        "flow:mgmt",
        "host:ann-laptop",
        "flow:vpn",
    ] {
        builder.node(&node(id));
    }
    let tagged =
        [("user:glass", "break-glass"), ("host:never", "never-touch"), ("user:adm", "tier-0")];
    for (id, tag) in tagged {
        let mut tagged = Node::new(node(id));
        tagged.tags.push(tag.into());
        builder.add_node(tagged);
    }
    let at = |builder: &mut EstateBuilder, id: &str| builder.node(&node(id));
    let (f1, f2) = (at(&mut builder, "flow:f1"), at(&mut builder, "flow:f2"));
    let (app, host) = (at(&mut builder, "app:pos"), at(&mut builder, "host:h1"));
    let either = Needs::AtLeast { k: 1, of: vec![Needs::Node(f1), Needs::Node(f2)] };
    builder.add_needs(app, either);
    let (jump, management) = (at(&mut builder, "host:jump"), at(&mut builder, "flow:mgmt"));
    builder.add_needs(jump, Needs::Node(management));
    let (laptop, vpn) = (at(&mut builder, "host:ann-laptop"), at(&mut builder, "flow:vpn"));
    builder.add_needs(laptop, Needs::Node(vpn));
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
    let dc = at(&mut builder, "host:dc1");
    builder.connectors.insert("disable-account".into(), ("directory".into(), Some(dc)));
    builder.finish().unwrap()
}

/// A plan of these withdrawals against footholds of probability 0.95 and 0.7.
fn plan(estate: &Estate, ids: &[&str]) -> PlanDocument {
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
    let alternative = Alternative {
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
    };
    let foothold =
        |id: &str, probability| PlannedFoothold { node: node(id), probability, entrenched: false };
    PlanDocument {
        estate: "North".to_owned(),
        footholds: vec![foothold("user:bob", 0.95), foothold("host:h2", 0.7)],
        alternatives: vec![alternative],
    }
}

fn person(name: &str, roles: &[&str], nodes: &[&str]) -> Person {
    Person {
        name: name.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        key: Some(crate::SecretKey::from_seed(&[7; 32]).public_hex()),
        nodes: nodes.iter().map(|id| node(id)).collect(),
    }
}

/// Armed, with three people and a way to the enforcer.
fn terms() -> Terms {
    Terms {
        armed: true,
        caps: Caps { others: Some(100), ..Caps::default() },
        people: People::Listed(vec![
            person("ann", &["on-call"], &["user:ann", "host:ann-laptop"]),
            person("bob", &["deputy"], &["user:bob"]),
            person("carla", &["incident-manager"], &[]),
        ]),
        way: BTreeSet::from([node("host:jump")]),
        enforcers: BTreeSet::from([node("host:dc1")]),
    }
}

fn authority(policy: &str) -> Authority {
    Authority::new(Policies::read("authority.cedar", policy).unwrap(), terms()).unwrap()
}

/// `yes`, `2: deputy+on-call | ..`, or `no: rule ids`.
fn word(decision: &Decision) -> String {
    match decision {
        Decision::Allowed { .. } => "yes".to_owned(),
        Decision::NeedsApproval { people, panels, .. } => {
            let panel = |panel: &Vec<BTreeSet<String>>| {
                let one = |roles: &BTreeSet<String>| {
                    if roles.is_empty() {
                        "anybody".to_owned()
                    } else {
                        roles.iter().cloned().collect::<Vec<_>>().join("&")
                    }
                };
                panel.iter().map(one).collect::<Vec<_>>().join("+")
            };
            let panels: Vec<String> = panels.iter().map(panel).collect();
            format!("{people}: {}", panels.join(" | "))
        }
        Decision::Refused { because } => {
            let ids: Vec<&str> = because.iter().map(|rule| rule.id.as_str()).collect();
            format!("no: {}", ids.join(", "))
        }
    }
}

fn asked_by(authority: &Authority, ids: &[&str], question: &Question) -> String {
    let estate = estate();
    let document = plan(&estate, ids);
    let alternative = &document.alternatives[0];
    word(&authority.may_raise_plan(&estate, &document, alternative, true, question).decision)
}

fn asked(authority: &Authority, ids: &[&str]) -> String {
    asked_by(authority, ids, &Question::by(By::Cordon))
}

fn by(name: &str) -> Question {
    Question::by(By::Person(name.to_owned()))
}

fn single(authority: &Authority, id: &str, question: &Question) -> String {
    let estate = estate();
    let withdrawal = estate.withdrawal(estate.find_withdrawal(id).unwrap());
    word(&authority.may_raise(&estate, withdrawal, &PlanFacts::supposed(), question))
}
