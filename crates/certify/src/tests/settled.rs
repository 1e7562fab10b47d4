//! Every change of a settled plan is objected to, and with a code that fits the field.
//!
//! Cordon's own plans are settled. Small estates of every shape are changed at
//! every place; a thousand changes are drawn from plans of larger ones.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::reach::ControlGraph;
use cordon_model::{Estate, NodeIx};
use serde_json::{Value, json};

use super::changes::{Change, How, changes, words};
use super::fixture::{Random, estate};
use super::planned::{Question, WORK, cases, sample, shared};
use crate::check_json;

/// By field: the codes of which one must be among the objections.
const FITTING: [(&str, &str); 46] = [
    ("estate", "wrong-estate"),
    ("footholds", "wrong-foothold unknown-foothold duplicate-foothold unsorted"),
    ("alternatives", "missing-alternative duplicate-alternative alternative-order"),
    ("alternatives/name", "missing-alternative duplicate-alternative alternative-order"),
    ("alternatives/status", "wrong-status open-path"),
    ("alternatives/proof", "wrong-proof raised-bound"),
    ("alternatives/complete", "wrong-complete"),
    ("alternatives/withdrawals", "wrong-order duplicate-withdrawal wrong-cost missing-half"),
    (
        "alternatives/withdrawals/id",
        "unknown-withdrawal duplicate-withdrawal wrong-targets wrong-price wrong-kind",
    ),
    ("alternatives/withdrawals/kind", "wrong-kind"),
    ("alternatives/withdrawals/mode", "wrong-mode"),
    ("alternatives/withdrawals/targets", "wrong-targets"),
    ("alternatives/withdrawals/cost", "wrong-price"),
    ("alternatives/withdrawals/stops", "wrong-stops"),
    ("alternatives/withdrawals/enforcer", "wrong-enforcer"),
    ("alternatives/withdrawals/order", "wrong-order"),
    ("alternatives/withdrawals/path", "wrong-path"),
    ("alternatives/stopped_services", "hidden-stop invented-stop unsorted"),
    ("alternatives/reachable_assets", "hidden-asset unsorted"),
    ("alternatives/reachable_assets/node", "invented-asset hidden-asset"),
    ("alternatives/reachable_assets/loss", "wrong-loss"),
    ("alternatives/reachable_assets/path", "wrong-path"),
    ("alternatives/cost", "wrong-cost"),
    ("alternatives/lower_bound", "raised-bound wrong-bound wrong-gap wrong-status"),
    ("alternatives/gap", "wrong-gap"),
    ("alternatives/residual_expected_loss", "wrong-residual"),
    ("alternatives/certificate", "wrong-form"),
    ("alternatives/certificate/settled", "wrong-form"),
    ("alternatives/certificate/alone", "wrong-alone"),
    ("alternatives/certificate/bound", "raised-bound wrong-bound"),
    ("alternatives/certificate/stages", "wrong-stages"),
    ("alternatives/certificate/stages/objective", "wrong-stages"),
    ("alternatives/certificate/stages/bound", "raised-bound wrong-bound"),
    ("alternatives/certificate/stages/scale", "wrong-scale wrong-bound raised-bound unsettled"),
    ("alternatives/certificate/stages/rows", "unsorted duplicate-row raised-bound unsettled"),
    ("alternatives/certificate/stages/rows/row", ""),
    (
        "alternatives/certificate/stages/rows/multiplier",
        "unsettled bad-row raised-bound wrong-scale",
    ),
    (
        "alternatives/certificate/stages/rows/path",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
    (
        "alternatives/certificate/stages/rows/asset",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
    (
        "alternatives/certificate/stages/rows/owner",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
    (
        "alternatives/certificate/stages/rows/gate",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
    (
        "alternatives/certificate/stages/rows/children",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
    (
        "alternatives/certificate/stages/rows/withdrawal",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
    (
        "alternatives/certificate/stages/rows/node",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
    (
        "alternatives/certificate/stages/rows/by",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
    (
        "alternatives/certificate/stages/rows/kind",
        "bad-row unsettled raised-bound unsorted duplicate-row",
    ),
];

/// The codes that fit a change.
fn fitting(change: &Change) -> BTreeSet<&'static str> {
    let field = change.field();
    let longest =
        FITTING.iter().filter(|(of, _)| field == *of || field.starts_with(&format!("{of}/")));
    let longest = longest.max_by_key(|(of, _)| of.len()).map_or("", |(_, codes)| *codes);
    let mut codes: BTreeSet<&str> = longest.split_whitespace().collect();
    if field.contains("/conflict") {
        codes.insert("wrong-conflict");
    }
    match change.how {
        How::Remove(_) => codes.extend(["missing-field", "unreadable"]),
        How::Add => codes = ["unknown-field"].into(),
        How::Put(_) | How::Nudge(_) => drop(codes.insert("unreadable")),
        How::Drop(_) | How::Double(_) | How::Swap(..) => {}
    }
    if field.ends_with("rows/row") {
        codes.extend(["unreadable", "unknown-field", "missing-field"]);
    }
    codes
}

/// What came of the changes of some plans.
#[derive(Default)]
struct Tally {
    tried: u32,
    fields: BTreeSet<String>,
    codes: BTreeMap<String, u32>,
    /// Accepted, or objected to with other codes only.
    wrong: Vec<String>,
}

impl Tally {
    fn try_one(&mut self, of: &str, question: &Question, json: &Value, change: &Change) {
        let changed = change.apply(json);
        if changed == *json {
            return;
        }
        self.tried += 1;
        self.fields.insert(change.field());
        let verdict = check_json(&question.estate, &changed.to_string(), &question.context);
        let found: BTreeSet<&str> =
            verdict.objections.iter().map(|objection| objection.code.as_str()).collect();
        for code in &found {
            *self.codes.entry((*code).to_owned()).or_default() += 1;
        }
        if verdict.accepted || found.is_disjoint(&fitting(change)) {
            let told: String = change.told().chars().take(300).collect();
            self.wrong.push(format!("{of}: {told} gives {found:?}"));
        }
    }
}

/// Other nodes that make a path as real when they stand in the place of one of its nodes.
fn parallels(estate: &Estate, json: &Value) -> Vec<Change> {
    let graph = ControlGraph::new(estate);
    let node = |value: &Value| estate.find(value.as_str()?);
    let joins = |from: NodeIx, to: NodeIx| graph.next(from).iter().any(|(next, _)| *next == to);
    let mut paths = Vec::new();
    find_paths(json, &mut Vec::new(), &mut paths);
    let mut all = Vec::new();
    for (place, path) in paths {
        let walk: Vec<NodeIx> = path.iter().filter_map(node).collect();
        for (at, three) in walk.windows(3).enumerate() {
            for &(other, _) in graph.next(three[0]) {
                if other != three[1] && joins(other, three[2]) {
                    let place = place.iter().cloned().chain([(at + 1).to_string()]).collect();
                    let how = How::Put(json!(estate.id(other).as_str()));
                    all.push(Change { place, how });
                }
            }
        }
    }
    all
}

fn find_paths<'v>(
    value: &'v Value,
    place: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, &'v Vec<Value>)>,
) {
    let mut below = |step: String, item: &'v Value| {
        place.push(step);
        find_paths(item, place, found);
        place.pop();
    };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(field, item)| below(field.clone(), item));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| below(at.to_string(), item));
            if place.last().is_some_and(|field| field == "path") {
                found.push((place.clone(), items));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Two ways to the data that are alike: by `group:a` and by `group:b`.
const TWINS: &str = "
    link user:ann group:a
    link user:ann group:b
    link group:a host:x
    link group:b host:x
    link host:x db:m
    asset db:m loss=100 hard
    service till 1(host:x,host:y) hour=3
    service desk 2(host:x,host:y) hour=1
    offer cut-m cut removes=db:m cost=9
    offer cut-x cut removes=host:x cost=5 enforcer=app:y
    offer cut-y cut removes=host:y cost=1
";

/// A change that leaves each statement true by itself has a name of its own.
#[test]
fn what_is_true_but_not_the_one_form_is_named() {
    let question = Question::of(estate(TWINS), &["user:ann"], true);
    let honest = serde_json::to_value(question.planned(WORK)).unwrap();
    let rows = "/certificate/stages/0/rows";
    let by_b = json!(["user:ann", "group:b", "host:x", "db:m"]);
    let around = json!(["user:ann", "group:b", "host:x"]);
    for (place, value, code, words) in [
        ("/certificate/settled", json!(null), "wrong-form", "does not say that it is settled"),
        ("/gap", json!(1e-12), "wrong-gap", "the gap is 0"),
        ("/withdrawals/0/path", by_b.clone(), "wrong-path", "user:ann → group:a → host:x → db:m"),
        (&format!("{rows}/0/path"), by_b, "unsettled", "`group:a` in place of `group:b`"),
        (&format!("{rows}/0/path"), around, "bad-row", "does not end at `db:m`"),
        (&format!("{rows}/0/multiplier"), json!(701), "unsettled", "larger than it uses"),
        (&format!("{rows}/0/multiplier"), json!(699), "unsettled", "a larger multiplier"),
        ("/certificate/stages/0/scale", json!(11), "wrong-scale", "neither 5040 nor 2^24"),
        ("/certificate/alone", json!(true), "wrong-alone", "may raise something alone"),
        ("/remark", json!(1), "unknown-field", "no field `/alternatives/1/remark`"),
        ("/conflict", json!([]), "unknown-field", "`/alternatives/1/conflict`"),
    ] {
        let mut document = honest.clone();
        let (object, field) = place.rsplit_once('/').unwrap();
        let object = document.pointer_mut(&format!("/alternatives/1{object}")).unwrap();
        if value.is_null() {
            object.as_object_mut().unwrap().remove(field);
        } else {
            if let Value::Array(items) = object {
                items[field.parse::<usize>().unwrap()] = value;
            } else {
                object.as_object_mut().unwrap().insert(field.to_owned(), value);
            }
        }
        let verdict = check_json(&question.estate, &document.to_string(), &question.context);
        let fits = verdict.objections.iter().any(|o| o.code == code && o.what.contains(words));
        assert!(fits, "{place}: no `{code}` with `{words}` in {:#?}", verdict.objections);
    }
    let mut two = honest.clone();
    two["alternatives"].as_array_mut().unwrap().pop();
    let verdict = check_json(&question.estate, &two.to_string(), &question.context);
    assert!(verdict.objections.iter().any(|o| o.code == "missing-alternative"), "{verdict:?}");
    let mut useless = honest;
    let more = useless["alternatives"][1]["withdrawals"][0].clone();
    let more = json!({"id": "cut-y", "kind": "cut", "mode": "refuse", "targets": ["host:y"], "cost": 2,
        "stops": ["desk"], "enforcer": null, "order": 2, "reason": "", "path": more["path"]});
    useless["alternatives"][1]["withdrawals"].as_array_mut().unwrap().push(more);
    let verdict = check_json(&question.estate, &useless.to_string(), &question.context);
    assert!(verdict.objections.iter().any(|o| o.code == "useless"), "{verdict:?}");
}

#[test]
fn changes_of_plans_of_small_estates_are_objected_to() {
    let mut tally = Tally::default();
    for seed in 0..cases(60) {
        let mut random = Random(60_000 + seed);
        let mut question = Question::small(&mut random);
        let work = if random.chance(20) { random.below(400) as u64 } else { WORK };
        let document = question.planned(work);
        // Who is not told what Cordon may raise alone takes the plan's word for it.
        let untold = random.chance(15) && document.alternatives[0].certificate.alone;
        if untold {
            question.context.authority = None;
        }
        let json = serde_json::to_value(&document).unwrap();
        let verdict = check_json(&question.estate, &json.to_string(), &question.context);
        assert!(verdict.accepted, "seed {seed}: {verdict:#?}");
        let all = changes(&json, &words(&question.estate), &mut random);
        for change in all.iter().chain(&parallels(&question.estate, &json)) {
            let of_now = ["alternatives", "0", "certificate"];
            let of_now = change.place.iter().zip(of_now).filter(|(a, b)| a == b).count() == 3;
            if !untold || !of_now {
                tally.try_one(&format!("seed {seed}"), &question, &json, change);
            }
        }
    }
    println!("{} changes at {} fields: {:?}", tally.tried, tally.fields.len(), tally.codes);
    assert!(tally.wrong.is_empty(), "{} wrong: {:#?}", tally.wrong.len(), tally.wrong);
    assert!(u64::from(tally.tried) > 400 * cases(60), "{}", tally.tried);
}

/// Plans of the sample estate and of larger ones, changed at a thousand places.
#[test]
fn a_thousand_changes_of_larger_plans_are_objected_to() {
    let mut tally = Tally::default();
    let mut random = Random(70_000);
    let sample = [("sample".to_owned(), sample())];
    let questions: Vec<(String, Question)> = sample.into_iter().chain(shared()).collect();
    let each = cases(1000).div_ceil(questions.len() as u64);
    for (name, question) in &questions {
        let json = serde_json::to_value(question.planned(WORK)).unwrap();
        let mut all = changes(&json, &words(&question.estate), &mut random);
        let parallels = parallels(&question.estate, &json);
        let many = all.len();
        all.extend(parallels);
        for _ in 0..each {
            // One in four exchanges a node of a path for one that is as real.
            let parallel = random.chance(25) && all.len() > many;
            let at =
                if parallel { many + random.below(all.len() - many) } else { random.below(many) };
            tally.try_one(name, question, &json, &all[at]);
        }
    }
    println!("{} changes at {} fields: {:?}", tally.tried, tally.fields.len(), tally.codes);
    assert!(tally.wrong.is_empty(), "{} wrong: {:#?}", tally.wrong.len(), tally.wrong);
    assert!(u64::from(tally.tried) * 20 > cases(1000) * 19, "{}", tally.tried);
}
