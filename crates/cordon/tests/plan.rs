//! `cordon plan` as a whole program: readiness, a cordon in force, explanations.
//!
//! Every figure that is expected here is added up by hand from the small estate
//! below; prices run over a horizon of ten hours.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cordon_ledger::Ledger;
use cordon_model::Timestamp;
use cordon_model::record::Record;
use serde_json::{Value, json};
use tempfile::TempDir;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../estates/retailer");

/// The tills need the point of sale, and whoever holds `user:a` reaches the cards through it.
const ESTATE: &str = r#"
[estate]
name = "Small & <Sons>"
currency = "GBP"
horizon_hours = 10
default_withdrawals = false

[[node]]
id = "user:a"
tags = ["vip"]
[[node]]
id = "user:b"
[[node]]
id = "user:c<script>"
[[node]]
id = "user:d"
tags = ["vip"]
[[node]]
id = "app:pos"
[[node]]
id = "db:cards"
[[node]]
id = "db:soft"
[[node]]
id = "db:more"
[[node]]
id = "host:x"

[[link]]
from = "user:a"
to = "app:pos"
kind = "Controls"
[[link]]
from = "app:pos"
to = "db:cards"
kind = "Reaches"
[[link]]
from = "user:b"
to = "host:x"
kind = "AdminTo"
[[link]]
from = "host:x"
to = "db:soft"
kind = "Reaches"
[[link]]
from = "user:d"
to = "db:soft"
kind = "Controls"
[[link]]
from = "user:d"
to = "db:more"
kind = "Controls"

[[asset]]
node = "db:cards"
loss = 9000
must_hold = true
[[asset]]
node = "db:soft"
loss = 1000
[[asset]]
node = "db:more"
loss = 500

[[service]]
id = "tills"
needs = "app:pos"
protected = true
cost_per_hour = 900
[[service]]
id = "reports"
name = "Reports <b>weekly</b>"
needs = "host:x"
cost_per_hour = 5

[[withdrawal]]
id = "isolate-x"
kind = "isolate-host"
removes = ["host:x"]
cost = 10
[[withdrawal]]
id = "disable-d"
kind = "disable-account"
removes = ["user:d"]
cost = 7
[[withdrawal]]
id = "shut-soft"
kind = "shut"
removes = ["db:soft"]
cost = 80
"#;

/// The only withdrawal on the way to the cards: it stops the tills.
const STOP_POS: &str = r#"
[[withdrawal]]
id = "stop-pos"
kind = "revoke"
removes = ["app:pos"]
cost = 100
"#;

fn cordon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon")).args(arguments).output().unwrap()
}

/// Runs a command that must exit with `code`, and returns what it printed.
fn text(arguments: &[&str], code: i32) -> String {
    let output = cordon(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// As [`text`], for JSON.
fn json(arguments: &[&str], code: i32) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.extend(["--format", "json"]);
    let text = text(&arguments, code);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text}"))
}

fn write_estate(folder: &Path, toml: &str) {
    fs::create_dir_all(folder.join("estate")).unwrap();
    fs::write(folder.join("estate/estate.toml"), toml).unwrap();
}

fn estate(toml: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    write_estate(folder.path(), toml);
    let name = folder.path().display().to_string();
    (folder, name)
}

#[test]
fn every_foothold_of_a_kind_is_ranked() {
    let (_folder, config) = estate(&format!("{ESTATE}{STOP_POS}"));
    let answer = json(&["plan", "--every", "user", "--config", &config, "--exit-code"], 12);
    let found: Vec<(&str, &str, i64)> = answer["footholds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap();
            (text("node"), text("outcome"), one["total"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("user:a", "no-plan", 9000),
            ("user:b", "holds-at-a-price", 60),
            ("user:d", "holds", 7),
            ("user:c<script>", "harmless", 0),
        ]
    );
    assert_eq!(answer["dearest"], "user:b");
    assert_eq!(answer["stopped"], json!([{ "service": "reports", "footholds": 1 }]));
    assert_eq!(
        answer["used"],
        json!([
            { "withdrawal": "disable-d", "footholds": 1 },
            { "withdrawal": "isolate-x", "footholds": 1 },
        ])
    );
    let best = &answer["footholds"][0]["addition"];
    assert_eq!((&best["what"], &best["nodes"]), (&json!("stand-in"), &json!(["app:pos"])));
    assert_eq!(best["total"], 100);
    let tagged = json(&["plan", "--every", "vip", "--config", &config], 0);
    assert_eq!(tagged["footholds"].as_array().unwrap().len(), 2);
    text(&["plan", "--every", "nobody", "--config", &config], 2);
}

#[test]
fn the_cheapest_addition_is_found_by_planning_with_it() {
    let never = |toml: &str| {
        toml.replace("id = \"user:a\"\ntags = [", "id = \"user:a\"\ntags = [\"never-touch\", ")
            .replace(
                "id = \"db:cards\"\n[[node]]",
                "id = \"db:cards\"\ntags = [\"never-touch\"]\n[[node]]",
            )
    };
    let both = ESTATE.replace("needs = \"app:pos\"", "needs = \"app:pos and db:cards\"");
    // An account at its kind's default price: 50 and 25 an hour. A flow: 100 and 50 an hour.
    for (name, toml, what, nodes, total) in [
        ("no way to stop it", ESTATE.to_owned(), "withdrawal", json!(["user:a"]), 300),
        ("nothing may be touched", never(ESTATE), "flow", json!(["app:pos", "db:cards"]), 600),
    ] {
        let (_folder, config) = estate(&toml);
        let answer = json(&["plan", "--every", "user", "--config", &config], 0);
        let best = &answer["footholds"][0]["addition"];
        assert_eq!((&best["what"], &best["nodes"]), (&json!(what), &nodes), "{name}: {best}");
        assert_eq!(best["total"], total, "{name}");
    }
    // The business needs what passes to the cards, so a flow between the two is no way out.
    let (_folder, config) = estate(&never(&both));
    let answer = json(&["plan", "--every", "user", "--config", &config], 0);
    let worst = &answer["footholds"][0];
    assert_eq!((&worst["outcome"], &worst["addition"]), (&json!("no-plan"), &Value::Null));
    assert_eq!(worst["additions_tried"], 1);
    let words = text(&["plan", "--every", "user", "--config", &config], 0);
    assert!(words.contains("No single addition is enough (1 tried)."), "{words}");
}

#[test]
fn threads_change_nothing_and_the_page_escapes_names() {
    let (folder, config) = estate(&format!("{ESTATE}{STOP_POS}"));
    let run = |estate: &str, every: &str, threads: &str| {
        let page = folder.path().join(format!("page-{threads}.html")).display().to_string();
        let words = text(
            &[
                "plan",
                "--every",
                every,
                "--config",
                estate,
                "--threads",
                threads,
                "--report",
                &page,
                "--format",
                "json",
            ],
            0,
        );
        (words, fs::read_to_string(page).unwrap())
    };
    let (words, page) = run(&config, "user", "1");
    assert_eq!((words, page.clone()), run(&config, "user", "2"));
    assert!(page.contains("user:c&lt;script&gt;") && page.contains("Small &amp; &lt;Sons&gt;"));
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    assert!(page.contains("<svg") && page.contains("prefers-color-scheme:dark"));
    assert_eq!(run(SAMPLE, "desktops", "1"), run(SAMPLE, "desktops", "2"));
}

#[test]
fn a_withdrawal_is_explained() {
    let (_folder, config) = estate(ESTATE);
    let plan = |explain: &str, code| {
        let arguments = ["plan", "--config", &config, "--foothold", "user:d", "--explain", explain];
        json(&arguments, code)
    };
    let answer = plan("disable-d", 0);
    let why = &answer["explained"][0];
    assert_eq!(why["opens"], json!(["db:more", "db:soft"]));
    assert_eq!((&why["value"], &why["stops"]), (&json!(1500), &json!([])));
    assert_eq!(why["path"][0], "user:d");
    // Without it one asset is shut at 80 and the other given up: 580 instead of 7.
    let other = &why["forbidden"];
    assert_eq!((&other["total"], &other["difference"]), (&json!(580), &json!(573)));
    assert_eq!((&other["adds"], &other["drops"]), (&json!(["shut-soft"]), &json!(["disable-d"])));
    assert_eq!(plan("1", 0)["explained"][0]["withdrawal"], "disable-d");
    assert_eq!(plan("isolate-x", 0)["explained"][0]["planned"], false);
    text(&["plan", "--config", &config, "--foothold", "user:d", "--explain", "nothing"], 2);
    // What stands beside a plan does not trouble the checker.
    let file = Path::new(&config).join("plan.json");
    fs::write(&file, answer.to_string()).unwrap();
    let file = file.display().to_string();
    let verdict = json(&["plan", "check", &file, "--config", &config], 0);
    assert_eq!(verdict["accepted"], true);
}

#[test]
fn doing_without_the_only_withdrawal_leaves_no_plan() {
    let hard = ESTATE.replace(
        "node = \"db:more\"\nloss = 500",
        "node = \"db:more\"\nloss = 500\nmust_hold = true",
    );
    let (_folder, config) = estate(&hard);
    let arguments = ["plan", "--config", &config, "--foothold", "user:d", "--explain", "disable-d"];
    let why = &json(&arguments, 0)["explained"][0];
    assert_eq!(why["forbidden"]["status"], "infeasible");
    let words = text(&arguments, 0);
    assert!(words.contains("If it were forbidden: NO SOUND PLAN EXISTS"), "{words}");
}

/// Writes a ledger: the incident with its footholds, and what was raised how far.
fn data_folder(
    toml: &str,
    footholds: &[&str],
    raised: &[(&str, &str)],
    more: Vec<Value>,
) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_estate(&folder.path().join("config"), toml);
    let mut records = vec![json!({
        "record": "incident-opened", "incident": "inc-1",
        "from": "2026-03-01T01:00:00Z", "summary": "an account is used from two places",
    })];
    records.extend(footholds.iter().map(|node| {
        json!({
            "record": "foothold", "incident": "inc-1", "node": node, "probability": 1.0,
            "since": "2026-03-01T01:00:00Z", "reasons": ["seen"],
        })
    }));
    for (withdrawal, stage) in raised {
        records.extend(raise(withdrawal, stage));
    }
    records.extend(more);
    let records: Vec<Record> =
        records.into_iter().map(|record| serde_json::from_value(record).unwrap()).collect();
    let now: Timestamp = "2026-03-01T01:30:00Z".parse().unwrap();
    Ledger::open(folder.path()).unwrap().append(now, &records).unwrap();
    folder
}

/// The records that bring a withdrawal to be acknowledged or failed.
fn raise(withdrawal: &str, stage: &str) -> [Value; 3] {
    let order = json!({
        "withdrawal": withdrawal, "kind": "any", "mode": "refuse", "targets": ["user:x"],
        "connector": null, "enforcer": null, "order": 1, "lift_order": 1,
        "ttl_seconds": 36000, "services": [], "note": "",
    });
    let trouble = json!({ "kind": "denied", "why": "no rights" });
    [
        json!({
            "record": "raise", "cordon": "c1", "incident": "inc-1", "plan": "p1", "sha256": "0",
            "alternative": "balanced", "orders": [order], "by": "cordon", "because": "a test",
        }),
        json!({
            "record": "withdrawal", "withdrawal": withdrawal,
            "to": "requested", "attempt": 1, "prior": [],
        }),
        match stage {
            "failed" => json!({
                "record": "withdrawal", "withdrawal": withdrawal, "to": "failed",
                "act": "refuse", "trouble": trouble, "outcomes": [],
            }),
            _ => json!({
                "record": "withdrawal", "withdrawal": withdrawal,
                "to": "acknowledged", "outcomes": [],
            }),
        },
    ]
}

/// What a plan against a data folder must say.
struct Expected {
    add: Value,
    keep: Value,
    lift: Value,
    lift_now: Value,
    total: i64,
}

/// Plans, compares, and has the checker accept exactly that.
fn check_data(name: &str, folder: &TempDir, given: &[&str], expected: &Expected) {
    let data = folder.path().display().to_string();
    let mut arguments = vec!["plan", "--data", &data];
    arguments.extend(given);
    let answer = json(&arguments, 0);
    for (field, wanted) in [
        ("add", &expected.add),
        ("keep", &expected.keep),
        ("lift", &expected.lift),
        ("lift_now", &expected.lift_now),
    ] {
        assert_eq!(&answer[field], wanted, "{name}: {field}");
    }
    assert_eq!(answer["alternatives"][1]["cost"]["total"], expected.total, "{name}");
    let words = text(&arguments, 0);
    assert!(words.contains("AGAINST WHAT IS IN FORCE"), "{name}: {words}");
    let check = |plan: &Value, code| {
        let file = folder.path().join("plan.json");
        fs::write(&file, plan.to_string()).unwrap();
        let file = file.display().to_string();
        let mut arguments = vec!["plan", "check", &file, "--data", &data];
        arguments.extend(given);
        json(&arguments, code)
    };
    let verdict = check(&answer, 0);
    assert_eq!(verdict["accepted"], true, "{name}: {verdict}");
    for field in ["add", "keep", "lift", "lift_now"] {
        let mut changed = answer.clone();
        changed[field].as_array_mut().unwrap().push(json!("shut-soft"));
        let verdict = check(&changed, 1);
        let codes: Vec<&Value> =
            verdict["objections"].as_array().unwrap().iter().map(|o| &o["code"]).collect();
        assert!(codes.contains(&&json!("wrong-change")), "{name}: {field}: {verdict}");
    }
}

#[test]
fn what_is_in_force_is_paid_and_may_be_lifted() {
    let in_force = [("isolate-x", "acknowledged"), ("disable-d", "acknowledged")];
    let folder = data_folder(ESTATE, &["user:d"], &in_force, Vec::new());
    check_data(
        "one is needed",
        &folder,
        &[],
        &Expected {
            add: json!([]),
            keep: json!(["disable-d"]),
            lift: json!(["isolate-x"]),
            lift_now: json!(["isolate-x"]),
            total: 0,
        },
    );
    // With the other account taken too, both are needed; the service stays stopped for 50.
    check_data(
        "both are needed",
        &folder,
        &["--foothold", "user:b"],
        &Expected {
            add: json!([]),
            keep: json!(["disable-d", "isolate-x"]),
            lift: json!([]),
            lift_now: json!([]),
            total: 50,
        },
    );
}

#[test]
fn an_account_of_a_closed_incident_is_no_foothold() {
    let closed = json!({
        "record": "incident-closed", "incident": "inc-1", "to": "2026-03-01T01:20:00Z",
        "by": { "person": "ann" }, "because": "over",
    });
    let folder = data_folder(ESTATE, &["user:d"], &[("disable-d", "acknowledged")], vec![closed]);
    check_data(
        "closed",
        &folder,
        &[],
        &Expected {
            add: json!([]),
            keep: json!([]),
            lift: json!(["disable-d"]),
            lift_now: json!(["disable-d"]),
            total: 0,
        },
    );
}

#[test]
fn what_failed_is_not_planned_again() {
    let folder = data_folder(ESTATE, &["user:d"], &[("disable-d", "failed")], Vec::new());
    check_data(
        "failed",
        &folder,
        &[],
        &Expected {
            add: json!(["shut-soft"]),
            keep: json!([]),
            lift: json!([]),
            lift_now: json!([]),
            total: 580,
        },
    );
}

/// The end of sessions failed, so the pair cannot be planned; the refusal is not given up for that.
#[test]
fn half_a_pair_that_holds_is_not_lifted() {
    let toml = ESTATE.replace("default_withdrawals = false\n", "").replace(
        "kind = \"disable-account\"\nremoves = [\"user:d\"]\ncost = 7",
        "kind = \"pull\"\nremoves = [\"user:d\"]\ncost = 5000",
    );
    let raised = [("disable-account/user:d", "acknowledged"), ("end-sessions/user:d", "failed")];
    let folder = data_folder(&toml, &["user:d"], &raised, Vec::new());
    check_data(
        "half a pair",
        &folder,
        &[],
        &Expected {
            add: json!(["shut-soft"]),
            keep: json!([]),
            lift: json!([]),
            lift_now: json!([]),
            total: 580,
        },
    );
}

#[test]
fn a_protected_service_that_is_down_forbids_nothing() {
    let down = json!({
        "record": "service", "service": "tills", "state": "stopped", "because": "no answer",
    });
    let toml = format!("{ESTATE}{STOP_POS}");
    let folder = data_folder(&toml, &["user:a"], &[], vec![down]);
    check_data(
        "down",
        &folder,
        &[],
        &Expected {
            add: json!(["stop-pos"]),
            keep: json!([]),
            lift: json!([]),
            lift_now: json!([]),
            total: 9100,
        },
    );
    let folder = data_folder(&toml, &["user:a"], &[], Vec::new());
    let data = folder.path().display().to_string();
    let answer = json(&["plan", "--data", &data, "--exit-code"], 12);
    assert_eq!(answer["alternatives"][1]["status"], "infeasible");
}
