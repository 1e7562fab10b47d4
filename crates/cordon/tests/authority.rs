//! `cordon check`, `cordon authority` and `cordon ledger` as a whole program: what a person is
//! told about a written policy, keys and copies.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use cordon_ledger::Ledger;
use cordon_model::Timestamp;
use cordon_model::record::{Audit, By, Record};
use serde_json::Value;
use tempfile::TempDir;

const ESTATE: &str = r#"
[estate]
name = "Small"
[[node]]
id = "user:ann"
[[node]]
id = "user:bob"
[[node]]
id = "host:h1"
[[node]]
id = "host:jump"
[[service]]
id = "report"
needs = "host:h1"
cost_per_hour = 10
"#;

const CONFIG: &str = r#"
[authority]
armed = true
[authority.attempts_per_hour]
others = 5
[[connector]]
name = "directory"
kind = "exec"
handles = ["disable-account", "isolate-host"]
way = ["host:jump"]
"#;

const PEOPLE: &str = r#"
[[person]]
name = "ann"
roles = ["on-call"]
nodes = ["user:ann"]
"#;

const POLICY: &str = r#"
@id("small")
@because("single accounts are cut at once")
permit (principal is Cordon, action == Action::"raise", resource)
when { resource.kind == "disable-account" };

@id("asked")
@because("somebody on call has agreed")
permit (principal, action == Action::"raise", resource)
when { context.approvals.people >= 1 };

@id("who")
@because("people on call approve")
permit (principal is Person, action == Action::"approve", resource)
when { principal in Role::"on-call" };
"#;

fn folder(policy: &str, people: &str, config: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("estate")).unwrap();
    for (name, text) in [
        ("estate/estate.toml", ESTATE),
        ("authority.cedar", policy),
        ("people.toml", people),
        ("cordon.toml", config),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn cordon(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon")).args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

#[test]
fn a_broken_policy_is_told_with_its_place_and_loads_nothing() {
    let broken = POLICY.replace("resource.kind ==", "resource.knid ==");
    let folder = folder(&broken, PEOPLE, CONFIG);
    let check = cordon(&["check", path(&folder), "--format", "json"]);
    assert_eq!(check.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&check.stdout).unwrap();
    let problem = &answer["problems"][0];
    assert!(problem["file"].as_str().unwrap().ends_with("authority.cedar"), "{answer}");
    assert!(problem["place"].as_str().unwrap().starts_with("line 5, column"), "{answer}");
    assert!(problem["remedy"].as_str().unwrap().contains("did you mean `kind`?"), "{answer}");
    for args in [
        ["plan", "--config", path(&folder), "--foothold", "user:ann"].as_slice(),
        &["authority", "explain", "--config", path(&folder)],
        &["estate", "show", "--config", path(&folder)],
    ] {
        let refused = cordon(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(said(&refused).contains("did you mean `kind`?"), "{args:?}: {}", said(&refused));
    }
}

#[test]
fn problems_of_people_and_of_cordon_toml_have_lines_and_remedies() {
    let people = PEOPLE.replace("user:ann", "user:an").replace("roles", "rolls");
    let config = CONFIG.replace("armed", "amred").replace("host:jump", "host:jmp");
    let config = config.replace("others = 5", "disable-acount = 5");
    let folder = folder(POLICY, &people, &config);
    let told = said(&cordon(&["check", path(&folder)]));
    for expected in [
        "unknown key `rolls` in `person`",
        "did you mean `roles`?",
        "`nodes` names `user:an`",
        "did you mean `user:ann`?",
        "unknown key `amred`",
        "did you mean `armed`?",
        "`way` names `host:jmp`",
        "`disable-acount`, whose attempts are bounded",
        "did you mean `disable-account`?",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    let nobody = POLICY.replace("Role::\"on-call\"", "Role::\"on-cal\"");
    let folder = self::folder(&nobody, PEOPLE, CONFIG);
    let told = said(&cordon(&["check", path(&folder)]));
    assert!(told.contains("nobody in people.toml has the role `on-cal`"), "{told}");
}

#[test]
fn explain_tells_who_may_why_and_what_approval_it_takes() {
    let key = TempDir::new().unwrap();
    let file = key.path().join("ann.key");
    let made = cordon(&["authority", "key", "--person", "ann", "--out", file.to_str().unwrap()]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let told = said(&made);
    let line = told.lines().find(|line| line.starts_with("key = ")).unwrap();
    let secret = fs::read_to_string(&file).unwrap();
    assert!(!told.contains(secret.trim()), "the secret is shown");
    let again = cordon(&["authority", "key", "--person", "ann", "--out", file.to_str().unwrap()]);
    assert_ne!(again.status.code(), Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), secret, "nothing is overwritten");

    let people = PEOPLE.replace("[[person]]\n", &format!("[[person]]\n{line}\n"));
    let folder = folder(POLICY, &people, CONFIG);
    let explain = |args: &[&str]| {
        let all = [&["authority", "explain", "--config", path(&folder)], args].concat();
        let output = cordon(&all);
        (output.status.code().unwrap(), said(&output))
    };
    for (args, code, expected) in [
        (&["disable-account/user:bob"][..], 0, &["Allowed", "[small]"][..]),
        (
            &["isolate-host/host:h1"],
            0,
            &["approval of 2 people", "guard.two-people", "on-call (ann) and on-call (ann)"],
        ),
        (&["isolate-host/host:jump"], 5, &["Refused", "guard.own-way", "host:jump"]),
        (&["disable-account/user:ann"], 5, &["guard.own-access", "--knowingly user:ann"]),
        (&["disable-account/user:ann", "--knowingly", "user:ann"], 0, &["Allowed"]),
        (&["disable-account/user:bob", "--as", "ann"], 0, &["approval of 1 person", "[asked]"]),
        (&["disable-account/user:nobody"], 2, &["the estate offers no withdrawal"]),
        (&[], 0, &["Cordon is armed", "disable-account"]),
    ] {
        let (found, told) = explain(args);
        assert_eq!(found, code, "{args:?}: {told}");
        for expected in expected {
            assert!(told.contains(expected), "{args:?}: {expected}\n{told}");
        }
    }
    let (_, json) = explain(&["isolate-host/host:h1", "--format", "json"]);
    let answer: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["decision"], "needs-approval");
    assert_eq!((&answer["people"], &answer["missing"]), (&2.into(), &2.into()));
    assert_eq!(answer["panels"][0][0][0], "on-call");

    let unarmed = CONFIG.replace("armed = true", "armed = false");
    fs::write(folder.path().join("cordon.toml"), unarmed).unwrap();
    let (code, told) = explain(&["disable-account/user:bob"]);
    assert_eq!(code, 5);
    assert!(told.contains("guard.not-armed") && told.contains("If Cordon were armed: Allowed"));
    fs::remove_file(folder.path().join("authority.cedar")).unwrap();
    let (_, told) = explain(&[]);
    assert!(told.contains("There is no authority.cedar: Cordon observes only"), "{told}");
}

#[test]
fn a_plan_is_explained_whole_and_in_parts() {
    let folder = folder(POLICY, PEOPLE, CONFIG);
    let asset = "\n[[asset]]\nnode = \"host:h1\"\nloss = 1000000\n\
        [[link]]\nfrom = \"user:bob\"\nto = \"host:h1\"\nkind = \"AdminTo\"\n";
    fs::write(folder.path().join("estate/estate.toml"), format!("{ESTATE}{asset}")).unwrap();
    let made =
        cordon(&["plan", "--config", path(&folder), "--foothold", "user:bob", "--format", "json"]);
    let plan = folder.path().join("plan.json");
    fs::write(&plan, &made.stdout).unwrap();
    let plan = plan.to_str().unwrap();
    for alternative in ["now", "balanced"] {
        let explained = cordon(&[
            "authority",
            "explain",
            "--config",
            path(&folder),
            "--plan",
            plan,
            "--alternative",
            alternative,
        ]);
        let told = said(&explained);
        assert_eq!(explained.status.code(), Some(0), "{told}");
        assert!(
            told.contains("accepted by the checker") && !told.contains("not accepted"),
            "{told}"
        );
    }
}

#[test]
fn the_ledger_is_backed_up_restored_and_gets_a_new_key() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let did = |did: &str| Record::Audit(Audit { by: By::Cordon, did: did.to_owned() });
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(Timestamp::UNIX_EPOCH, &[did("one"), did("two")]).unwrap();
    // While another process has it open.
    let backup = cordon(&["ledger", "backup", "--data", path(&folder), "--out", &at("copy")]);
    assert!(said(&backup).contains("2 entries backed up and verified"), "{}", said(&backup));
    let locked = cordon(&["ledger", "rotate-key", "--data", path(&folder), "--because", "x"]);
    assert_eq!(locked.status.code(), Some(8), "{}", said(&locked));
    drop(ledger);
    let rotated = cordon(&["ledger", "rotate-key", "--data", path(&folder), "--because", "x"]);
    assert!(said(&rotated).contains("From entry 4 on a new key signs"), "{}", said(&rotated));
    let verified = cordon(&["ledger", "verify", "--data", path(&folder)]);
    assert!(said(&verified).contains("3 entries, 2 signed heads"), "{}", said(&verified));
    let again = cordon(&["ledger", "backup", "--data", path(&folder), "--out", &at("copy")]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("nothing is overwritten"), "{}", said(&again));
    let onto = cordon(&["ledger", "restore", &at("copy"), "--data", path(&folder)]);
    assert_eq!(onto.status.code(), Some(1), "{}", said(&onto));
    let restored = cordon(&["ledger", "restore", &at("copy"), "--data", &at("new")]);
    assert!(said(&restored).contains("2 entries restored and verified"), "{}", said(&restored));
    assert_eq!(Ledger::open(Path::new(&at("new"))).unwrap().last_seq(), 2);
    let upgrade = cordon(&["ledger", "upgrade", "--data", &at("new")]);
    assert!(said(&upgrade).contains("newest format already"), "{}", said(&upgrade));
}
