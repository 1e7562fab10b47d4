//! What is wrong has a name: one change of a hand-made plan, one code.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fixture::{Random, estate, foothold};
use super::planner::plan;
use crate::{Context, check_json};

/// A shop: the intruder is `user:ann`; cutting her off stops the desk, not the tills.
const SHOP: &str = "
    defaults
    link user:ann group:staff 10
    link group:staff host:till 60
    link host:till db:stock 30
    link user:ann app:crm 5
    link app:crm db:members 20
    link user:eve db:stock 20
    link group:staff user:eve 90
    link host:vdi group:idle
    asset db:members loss=5000 hard copies=db:replica
    asset db:stock loss=30
    service tills host:till hour=400 protected
    service desk 1(user:ann,user:eve) hour=20
    service crm app:crm hour=7
    offer close-crm close removes=app:crm,db:replica cost=40 enforcer=host:vdi
    offer strip-staff strip nostop removes=group:staff cost=500
    cap disable-account 1
    tag app:safe never-touch
    offer wipe-safe wipe removes=app:safe cost=1
    offer guard guard removes=app:safe2 cost=1 enforcer=user:ann
";

fn shop() -> (cordon_model::Estate, Context) {
    let footholds = vec![foothold("user:ann", 1.0, true), foothold("user:eve", 0.4, false)];
    let context = Context {
        footholds: Some(footholds),
        authority: Some(["revoke/app:crm".into()].into()),
        ..Context::default()
    };
    (estate(SHOP), context)
}

fn honest() -> Value {
    let (estate, context) = shop();
    let footholds = context.footholds.clone().unwrap();
    let document = plan(&estate, &footholds, &context, &mut Random(1));
    serde_json::to_value(&document).unwrap()
}

/// Sets fields of one alternative of the honest plan (or of the document) and wants this code.
#[track_caller]
fn check(alternative: &str, changes: &[(&str, Value)], code: &str, words: &str) {
    let (estate, context) = shop();
    let mut document = honest();
    let all = document["alternatives"].as_array_mut().unwrap();
    let found = all.iter_mut().find(|plan| plan["name"] == alternative);
    let target = match found {
        Some(plan) => plan,
        None => &mut document,
    };
    for (place, value) in changes {
        *target.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value.clone();
    }
    let verdict = check_json(&estate, &document.to_string(), &context);
    let found = verdict.objections.iter().find(|objection| objection.code == code);
    let found = found.unwrap_or_else(|| panic!("no `{code}` in {:#?}", verdict.objections));
    assert_eq!(found.alternative, alternative, "{found:?}");
    assert!(found.what.contains(words), "{found:?}");
    assert!(!verdict.accepted);
}

#[test]
fn the_honest_plan_stands() {
    let (estate, context) = shop();
    let document = honest();
    let verdict = check_json(&estate, &document.to_string(), &context);
    assert!(verdict.accepted, "{:#?}", verdict.objections);
    println!("{document:#}");
}
