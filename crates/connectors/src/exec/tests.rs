//! Programs of a user's: honest ones, slow ones, silent ones, talkative ones.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use cordon_model::action::Order;
use cordon_model::{EstateBuilder, Mode};

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

/// A connector over a shell script.
fn program(folder: &Path, script: &str) -> Box<dyn Connector> {
    let path = folder.join("p.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.join("s"), "hush").unwrap();
    std::fs::set_permissions(folder.join("s"), std::fs::Permissions::from_mode(0o600)).unwrap();
    open(&site(
        folder,
        json!({
            "command": ["./p.sh", "one"], "kinds": ["close-gate"], "nodes": ["gate"],
            "environment": { "GATE": "north" }, "secrets": { "TOKEN": "file:s" },
        }),
    ))
    .unwrap()
}

fn site(folder: &Path, settings: Json) -> Site {
    Site {
        name: "gates".to_owned(),
        kind: "exec".to_owned(),
        settings,
        estate: Arc::new(EstateBuilder::new("North", "GBP").finish().unwrap()),
        folder: folder.to_owned(),
        range: None,
    }
}

fn call(act: Act, targets: &[&str]) -> Call {
    let targets: Vec<NodeId> = targets.iter().map(|id| NodeId::parse(id).unwrap()).collect();
    let order = Order {
        withdrawal: "close-gate/gate:1".into(),
        kind: "close-gate".to_owned(),
        mode: Mode::Refuse,
        targets: targets.clone(),
        connector: None,
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 60,
        services: Vec::new(),
        note: String::new(),
    };
    Call { act, order, targets, prior: Vec::new(), attempt: 1 }
}

fn done(target: &str) -> String {
    json!({ "target": target, "answer": { "answer": "done" } }).to_string()
}

#[test]
fn a_program_gets_its_request_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = done("gate:1");
    let script = format!(
        "cat > in.json\nenv > env\necho \"$1\" > arg\necho '{{\"reply\":\"acted\",\"outcomes\":[{outcomes},{}]}}'",
        done("gate:other")
    );
    let mut connector = program(folder.path(), &script);
    let outcomes = connector.refuse(&call(Act::Refuse, &["gate:1", "gate:2"]), DEADLINE).unwrap();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(outcomes[0].answer, Answer::Done);
    // What it is silent about is no success, and what it was not asked about is dropped.
    assert!(matches!(&outcomes[1].answer, Answer::Failed(t) if t.kind == TroubleKind::NoReply));
    let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let request: Json = serde_json::from_str(&read("in.json")).unwrap();
    assert_eq!(request["act"], "refuse");
    assert_eq!(request["call"]["targets"], json!(["gate:1", "gate:2"]));
    assert_eq!(request["spellings"]["gate:1"], json!(["1"]));
    let names: Vec<String> =
        read("env").lines().map(|l| l.split('=').next().unwrap().to_owned()).collect();
    // The shell itself adds the last three.
    assert!(
        names
            .iter()
            .all(|n| ["GATE", "TOKEN", "PWD", "OLDPWD", "SHLVL", "_"].contains(&n.as_str())),
        "{names:?}"
    );
    assert_eq!(read("arg"), "one\n");
}

#[test]
fn each_failure_is_told_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("sleep 30", TroubleKind::NoReply, "was killed"),
        ("sleep 30 & exit 0", TroubleKind::NoReply, "kept its output open"),
        ("echo no; exit 0", TroubleKind::NoReply, "no JSON"),
        ("echo '{\"reply\":\"acted\"}'", TroubleKind::NoReply, "nonsense"),
        (
            "echo '{\"reply\":\"seen\",\"targets\":[]}'",
            TroubleKind::Unsupported,
            "another question",
        ),
        ("echo \"wrong $TOKEN\" >&2; exit 3", TroubleKind::NoReply, "wrong (secret)"),
        (
            "echo '{\"reply\":\"trouble\",\"kind\":\"denied\",\"why\":\"no right\"}'",
            TroubleKind::Denied,
            "no right",
        ),
    ];
    for (script, kind, words) in cases {
        let mut connector = program(folder.path(), script);
        let began = Instant::now();
        let deadline = Duration::from_millis(700);
        let trouble = connector.refuse(&call(Act::Refuse, &["gate:1"]), deadline).unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(2), "{script}");
        assert_eq!(trouble.kind, kind, "{script}: {}", trouble.why);
        assert!(trouble.why.contains(words) && !trouble.why.contains("hush"), "{}", trouble.why);
    }
}

#[test]
fn what_it_started_is_killed_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut connector = program(folder.path(), "sleep 61 &\necho $! > child\nwait");
    let trouble =
        connector.look(&call(Act::Look, &["gate:1"]), Duration::from_millis(500)).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::NoReply);
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let gone = || {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        status.map_or(true, |stat| stat.contains(") Z "))
    };
    let end = Instant::now() + DEADLINE;
    while !gone() && Instant::now() < end {
        std::thread::sleep(TICK);
    }
    assert!(gone());
}

#[test]
fn out_of_scope_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut connector = program(folder.path(), "touch started");
    let mut other = call(Act::Refuse, &["gate:1"]);
    other.order.kind = "disable-account".to_owned();
    for call in [other, call(Act::Refuse, &["user:ann"])] {
        assert_eq!(connector.refuse(&call, DEADLINE).unwrap_err().kind, TroubleKind::Unsupported);
    }
    assert!(!folder.path().join("started").exists());
    for bad in
        [json!({ "command": ["sh"], "kinds": [] }), json!({ "command": ["./none"], "kinds": [] })]
    {
        assert!(open(&site(folder.path(), bad)).is_err());
    }
}

#[test]
fn a_rehearsal_is_asked_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let mut connector = program(
        folder.path(),
        "grep -q '\"act\":\"rehearse\"' && echo '{\"lines\":[\"close G1\"]}'",
    );
    let call = call(Act::Refuse, &["gate:1"]);
    assert_eq!(connector.rehearse(&call, DEADLINE).unwrap(), ["close G1"]);
    let denied = "echo '{\"reply\":\"trouble\",\"kind\":\"denied\",\"why\":\"no right\"}'";
    let trouble = program(folder.path(), denied).rehearse(&call, DEADLINE).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Denied);
}

#[test]
fn a_preflight_is_the_programs_own_word() {
    let folder = tempfile::tempdir().unwrap();
    let checks =
        json!({ "checks": [{ "kind": "close-gate", "act": "refuse", "finding": "able" }] });
    let mut connector = program(folder.path(), &format!("echo '{checks}'"));
    assert_eq!(connector.preflight(DEADLINE)[0].finding, crate::Readiness::Able);
    let mut connector = program(folder.path(), "exit 1");
    assert!(matches!(connector.preflight(DEADLINE)[0].finding, crate::Readiness::Unable(_)));
}
