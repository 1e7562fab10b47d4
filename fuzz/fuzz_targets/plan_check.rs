//! The checker of plans against any text: it answers, and never panics.
//!
//! The first byte chooses. Even: the rest is the text, as `cordon plan check`
//! would read it. Odd: the rest says where and how an honest plan is changed.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use cordon_certify::{Context, check_json};
use cordon_model::plan::PlannedFoothold;
use cordon_model::{Estate, NodeId};
use cordon_plan::{Foothold, Limits, Planner, Request};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// The estate, honest plans of it with what the asker knew, and words that its fields hold.
struct Ground {
    estate: Estate,
    plans: Vec<(Value, Context)>,
    words: Vec<String>,
}

static GROUND: LazyLock<Ground> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let estate = cordon_estate::read(folder).unwrap().estate;
    let mut plans = Vec::new();
    for (entrenched, probability) in [(false, 1.0), (true, 1.0), (true, 0.6), (false, 0.3)] {
        for authority in [false, true] {
            plans.push(plan(&estate, entrenched, probability, authority));
        }
    }
    let nodes = estate.nodes().iter().map(|node| node.id.to_string());
    let withdrawals = estate.withdrawals().iter().map(|w| w.id.to_string());
    let services = estate.services().iter().map(|service| format!("service:{}", service.id));
    let fixed = ["path", "need", "stop", "cap", "enforcer", "exclusive", "lost", "infeasible"];
    let fixed = fixed.into_iter().chain(["gap", "now", "strict", "flow", "hard-loss", "close"]);
    let words = nodes.chain(withdrawals).chain(services).chain(fixed.map(str::to_owned));
    let words = words.collect();
    Ground { estate, plans, words }
});

fn plan(estate: &Estate, entrenched: bool, probability: f64, authority: bool) -> (Value, Context) {
    let named = [("user:ann", probability, entrenched), ("user:bea", 0.4, false)];
    let footholds = named.map(|(node, probability, entrenched)| PlannedFoothold {
        node: NodeId::parse(node).unwrap(),
        probability,
        entrenched,
    });
    let found = footholds.iter().map(|foothold| Foothold {
        node: estate.find(foothold.node.as_str()).unwrap(),
        probability: foothold.probability,
        entrenched: foothold.entrenched,
    });
    let alone = |id: &str| authority && id.contains("host");
    let all = estate.withdrawals().iter();
    let allowed = all.filter(|w| alone(w.id.as_str())).map(|w| w.id.clone());
    let context = Context {
        footholds: Some(footholds.to_vec()),
        authority: authority.then(|| allowed.collect()),
        ..Context::default()
    };
    let authority = context.authority.iter().flatten();
    let authority = authority.filter_map(|id| estate.find_withdrawal(id.as_str())).collect();
    let request = Request {
        authority: Some(authority),
        limits: Limits { work: 100_000_000, ..Limits::none() },
        ..Request::new(found.collect())
    };
    let document = Planner::new(estate).plan(&request);
    let verdict = cordon_certify::check(estate, &document, &context);
    assert!(verdict.accepted, "{verdict:#?}");
    (serde_json::to_value(document).unwrap(), context)
}

fuzz_target!(|bytes: &[u8]| {
    let ground = &*GROUND;
    let Some((&first, rest)) = bytes.split_first() else { return };
    if first % 2 == 0 {
        let text = String::from_utf8_lossy(rest);
        let _ = check_json(&ground.estate, &text, &Context::default());
        let _ = check_json(&ground.estate, &text, &ground.plans[0].1);
        return;
    }
    let (plan, context) = &ground.plans[usize::from(first / 2) % ground.plans.len()];
    let mut changed = plan.clone();
    let mut bytes = rest.iter().copied();
    let mut changes = 0;
    // More could double what was doubled until no memory holds it.
    while bytes.len() > 1 && changes < 12 {
        change(&mut changed, &mut bytes, ground);
        changes += 1;
    }
    let verdict = check_json(&ground.estate, &changed.to_string(), context);
    // Several changes may make another true plan, one may not; `seconds` and `reason` are free.
    let same = || without_words(changed.clone()) == without_words(plan.clone());
    assert!(!verdict.accepted || changes > 1 || same(), "accepted {changed}");
    let _ = check_json(&ground.estate, &changed.to_string(), &Context::default());
});

/// Goes down by the bytes and does there what the next ones say.
fn change(value: &mut Value, bytes: &mut impl ExactSizeIterator<Item = u8>, ground: &Ground) {
    let step = usize::from(bytes.next().unwrap_or(0));
    match value {
        Value::Array(items) if step >= 24 && !items.is_empty() => {
            let at = step % items.len();
            match step / 64 {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                _ => change(&mut items[at], bytes, ground),
            }
        }
        Value::Object(fields) if step >= 8 && !fields.is_empty() => {
            let at = step % fields.len();
            let name = fields.keys().nth(at).unwrap().clone();
            match step {
                8..16 => drop(fields.remove(&name)),
                _ => change(&mut fields[&name], bytes, ground),
            }
        }
        other => *other = put(other, usize::from(bytes.next().unwrap_or(0)), ground),
    }
}

/// Another value for a place.
fn put(value: &Value, by: usize, ground: &Ground) -> Value {
    let number = value.as_f64().unwrap_or(1.0);
    match by {
        0 => json!(null),
        1 => json!(u64::MAX),
        2 => json!(-1),
        3 => json!(number + 1.0),
        4 => json!(number - 1.0),
        5 => json!(number + 0.01),
        6 => json!(1e300),
        7 => json!([]),
        8 => json!({}),
        9 => json!(45_035_996_273_704.96),
        10 => json!(by % 2 == 0),
        11 => json!([value]),
        12 => json!(value.as_i64().unwrap_or(3).saturating_mul(2)),
        13 => json!(value.as_i64().unwrap_or(3).saturating_add(1)),
        14 => json!(value.as_bool().is_some_and(|flag| !flag)),
        15 => json!(i64::MIN),
        _ => json!(ground.words[by % ground.words.len()]),
    }
}

fn without_words(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("seconds");
            fields.remove("reason");
            for item in fields.values_mut() {
                *item = without_words(item.take());
            }
        }
        Value::Array(items) => {
            for item in items.iter_mut() {
                *item = without_words(item.take());
            }
        }
        // One number may be written in many ways.
        Value::Number(number) => return json!(number.as_f64()),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
    value
}
