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
    let fits = verdict.objections.iter().any(|objection| {
        objection.code == code
            && objection.alternative == alternative
            && objection.what.contains(words)
    });
    assert!(fits, "no `{code}` with `{words}` in {:#?}", verdict.objections);
    assert!(!verdict.accepted);
}

#[test]
fn the_honest_plan_stands() {
    let (estate, context) = shop();
    let verdict = check_json(&estate, &honest().to_string(), &context);
    assert!(verdict.accepted, "{:#?}", verdict.objections);
}

#[test]
fn a_dropped_withdrawal_leaves_its_path_open() {
    let none = [("/withdrawals", json!([]))];
    check("balanced", &none, "open-path", "user:ann → app:crm → db:members");
    check("balanced", &none, "hidden-asset", "`db:members` stays reachable");
    check("balanced", &none, "wrong-complete", "`db:members` reachable, which must hold");
    check("balanced", &none, "wrong-cost", "cost in `withdrawals` is 0, not 40");
    check("balanced", &none, "invented-stop", "`crm`");
    let halved = honest()["alternatives"][2]["withdrawals"].clone();
    let halved: Vec<Value> = halved.as_array().unwrap().iter().take(1).cloned().collect();
    check("strict", &[("/withdrawals", json!(halved))], "missing-half", "`end-sessions/user:eve`");
}

#[test]
fn every_field_of_a_withdrawal_is_compared() {
    for (field, value, code, words) in [
        ("id", json!("close-all"), "unknown-withdrawal", "no withdrawal `close-all`"),
        ("kind", json!("shut"), "wrong-kind", "the kind of `close-crm` is `close`, not `shut`"),
        ("mode", json!("end"), "wrong-mode", "is `refuse`, not `end`"),
        ("targets", json!(["app:crm"]), "wrong-targets", "(`app:crm`, `db:replica`)"),
        ("cost", json!(39.99), "wrong-price", "is 40, not 39.99"),
        ("stops", json!([]), "wrong-stops", "(`crm`), not empty"),
        ("enforcer", json!(null), "wrong-enforcer", "is `host:vdi`, not nobody"),
        ("order", json!(2), "wrong-order", "number 1 of the list, not 2"),
        ("path", json!(["user:ann", "db:members"]), "wrong-path", "where no control passes"),
        ("path", json!(["app:crm", "db:members"]), "wrong-path", "no foothold here"),
        ("path", json!(["user:ann", "group:staff"]), "wrong-path", "none of its targets"),
        ("path", json!([]), "wrong-path", "is missing: user:ann → app:crm → db:members"),
    ] {
        check("balanced", &[(&format!("/withdrawals/0/{field}"), value)], code, words);
    }
    check("strict", &[("/withdrawals/1/path", json!([]))], "wrong-path", "the same path");
}

#[test]
fn guards_cannot_be_relaxed() {
    for (id, code, words) in [
        ("wipe-safe", "forbidden", "`wipe-safe` removes `app:safe`"),
        ("guard", "void", "its enforcer `user:ann` is a foothold"),
        ("isolate-host/host:vdi", "void", "`host:vdi` is stopped by `isolate-host/host:vdi`"),
        ("isolate-host/host:till", "protected-stop", "it stops `tills`"),
    ] {
        let first = honest()["alternatives"][1]["withdrawals"][0].clone();
        let mut other = first.clone();
        other["id"] = json!(id);
        check("balanced", &[("/withdrawals", json!([first, other]))], code, words);
    }
    let mut two = honest()["alternatives"][2]["withdrawals"].clone();
    two[1]["id"] = json!("disable-account/user:ann");
    check("strict", &[("/withdrawals", two)], "cap-exceeded", "at most 1");
    let change = [("/withdrawals/0/id", json!("close-crm"))];
    check("now", &change, "beyond-authority", "raise `close-crm` alone");
}

#[test]
fn figures_are_recomputed() {
    for (place, value, code, words) in [
        ("/status", json!("gap"), "wrong-status", "so it is optimal"),
        ("/status", json!("infeasible"), "wrong-status", "leaves no path"),
        ("/proof", json!("flow"), "raised-bound", "a lower bound of 79.88, not of 84"),
        ("/complete", json!(false), "wrong-complete", "holds everything"),
        ("/stopped_services", json!([]), "hidden-stop", "it stops `crm`"),
        ("/stopped_services", json!(["crm", "desk"]), "invented-stop", "`desk`"),
        ("/reachable_assets", json!([]), "hidden-asset", "host:till → db:stock"),
        ("/reachable_assets/0/node", json!("db:members"), "invented-asset", "`db:members`"),
        ("/reachable_assets/0/loss", json!(29), "wrong-loss", "is 30, not 29"),
        ("/reachable_assets/0/path", json!(["user:ann"]), "wrong-path", "does not end at it"),
        ("/cost/services", json!(0), "wrong-cost", "`services` is 14, not 0"),
        ("/cost/total", json!(83), "wrong-cost", "`total` is 84, not 83"),
        ("/lower_bound", json!(85), "raised-bound", "above the total, 84"),
        ("/lower_bound", json!(70), "wrong-bound", "below 79.88"),
        ("/lower_bound", json!(81), "wrong-status", "its lower bound is 81"),
        ("/gap", json!(0.01), "wrong-gap", "the gap is 0, not 0.01"),
        ("/residual_expected_loss", json!(29.5), "wrong-residual", "is 30.00, not 29.50"),
        ("/certificate/bound", json!(84), "raised-bound", "a bound of 79.88, not of 84"),
        ("/certificate/stages/0/bound", json!(79), "wrong-bound", "of 79.88, not of 79"),
        ("/certificate/stages/0/scale", json!(0), "wrong-scale", "at least 1"),
        ("/certificate/stages/0/rows", json!([]), "raised-bound", "a bound of 0"),
        ("/certificate/stages", json!([]), "wrong-stages", "not [Total]"),
    ] {
        check("balanced", &[(place, value)], code, words);
    }
}

#[test]
fn rows_must_hold() {
    let path = |path: Value, asset: &str| json!({"row": "path", "multiplier": 1, "path": path, "asset": asset});
    for (row, words) in [
        (path(json!(["user:ann", "db:members"]), "db:members"), "no control passes"),
        (path(json!(["user:eve", "db:stock"]), "db:stock"), "no foothold here"),
        (path(json!(["user:ann", "app:crm"]), "db:members"), "does not end at `db:members`"),
        (path(json!(["user:ann", "app:crm"]), "app:crm"), "which is no asset"),
        (
            json!({"row": "need", "multiplier": 1, "owner": "service:x", "gate": 0, "children": [0]}),
            "no service or node",
        ),
        (
            json!({"row": "need", "multiplier": 1, "owner": "service:desk", "gate": 1, "children": [0]}),
            "no gate",
        ),
        (
            json!({"row": "need", "multiplier": 1, "owner": "service:desk", "gate": 0, "children": [0]}),
            "too few children",
        ),
        (
            json!({"row": "need", "multiplier": 1, "owner": "service:desk", "gate": 0, "children": [1, 0]}),
            "out of order",
        ),
        (
            json!({"row": "stop", "multiplier": 1, "withdrawal": "strip-staff", "node": "group:staff"}),
            "stops `group:staff`",
        ),
        (json!({"row": "cap", "multiplier": 1, "kind": "close"}), "has no cap"),
        (
            json!({"row": "enforcer", "multiplier": 1, "withdrawal": "strip-staff", "path": ["user:ann"]}),
            "no enforcer",
        ),
        (
            json!({"row": "exclusive", "multiplier": 1, "withdrawal": "close-crm", "by": "strip-staff"}),
            "stops the enforcer",
        ),
        (json!({"row": "lost", "multiplier": 1}), "without one before it"),
        (json!({"row": "cap", "multiplier": 0, "kind": "disable-account"}), "multiplier 0"),
    ] {
        let rows = ("/certificate/stages/0/rows", json!([row]));
        check("balanced", &[rows], "bad-row", words);
    }
    let twice = json!({"row": "cap", "multiplier": 1, "kind": "disable-account"});
    let rows = ("/certificate/stages/0/rows", json!([twice, twice]));
    check("balanced", &[rows], "duplicate-row", "1 rows");
    let huge = json!({"row": "path", "multiplier": u64::MAX, "path": ["user:ann", "app:crm", "db:members"], "asset": "db:members"});
    let rows = ("/certificate/stages/0/rows", json!([huge]));
    check("balanced", &[rows], "raised-bound", "a bound of 0");
}

/// A stopping withdrawal excludes one whose enforcer it removes: the row is worth money here.
#[test]
fn exclusive_rows_count() {
    let estate = estate(
        "link user:ann db:a
         link user:ann db:b
         asset db:a loss=100
         asset db:b loss=100
         offer cut-a cut removes=db:a cost=1
         offer cut-b cut removes=db:b cost=1 enforcer=db:a",
    );
    let context = Context::default();
    let footholds = [foothold("user:ann", 1.0, true)];
    let document = plan(&estate, &footholds, &context, &mut Random(2));
    let mut json = serde_json::to_value(&document).unwrap();
    let rows = json!([
        {"row": "path", "multiplier": 10000, "path": ["user:ann", "db:a"], "asset": "db:a"},
        {"row": "path", "multiplier": 10000, "path": ["user:ann", "db:b"], "asset": "db:b"},
        {"row": "exclusive", "multiplier": 9900, "withdrawal": "cut-b", "by": "cut-a"},
    ]);
    let balanced = &mut json["alternatives"][1];
    assert_eq!(balanced["cost"]["total"], 101, "{balanced:#}");
    balanced["certificate"] = json!({
        "bound": 101,
        "stages": [{"objective": "total", "bound": 101, "scale": 1, "rows": rows}],
    });
    balanced["proof"] = json!("flow");
    let verdict = check_json(&estate, &json.to_string(), &context);
    assert!(verdict.accepted, "{:#?}", verdict.objections);
}

#[test]
fn the_document_is_checked_as_a_whole() {
    check("", &[("/estate", json!("Other"))], "wrong-estate", "not for `Test`");
    check("", &[("/footholds/0/node", json!("user:x"))], "wrong-foothold", "no foothold");
    check("", &[("/footholds/1/probability", json!(0.5))], "wrong-foothold", "0.5");
    check("", &[("/footholds/0/entrenched", json!(false))], "wrong-foothold", "entrenched");
    check("", &[("/alternatives", json!([]))], "no-alternative", "no plan");
    let (estate, context) = shop();
    let mut swapped = honest();
    swapped["alternatives"].as_array_mut().unwrap().swap(0, 1);
    let verdict = check_json(&estate, &swapped.to_string(), &context);
    assert_eq!(codes(&verdict), BTreeSet::from(["alternative-order"]));
    let stranger = honest().to_string().replace("user:eve", "user:zoe");
    let verdict = check_json(&estate, &stranger, &Context::default());
    assert!(codes(&verdict).contains("unknown-foothold"), "{verdict:?}");
}

fn codes(verdict: &cordon_model::plan::Verdict) -> BTreeSet<&str> {
    verdict.objections.iter().map(|objection| objection.code.as_str()).collect()
}

#[test]
fn unreadable_text_is_named_by_line() {
    let (estate, context) = shop();
    for (text, words) in [
        ("", "line 1 column 0"),
        ("{\"estate\": 3}", "expected a string at line 1"),
        ("{\"estate\": \"Test\", \"footholds\": []}", "missing field `alternatives`"),
        (&"[".repeat(100_000), "at line 1"),
        (&honest().to_string().replace("\"optimal\"", "\"best\""), "unknown variant `best`"),
    ] {
        let verdict = check_json(&estate, text, &context);
        assert_eq!(codes(&verdict), BTreeSet::from(["unreadable"]));
        assert!(verdict.objections[0].what.contains(words), "{:?}", verdict.objections[0]);
    }
}
