//! The SCIM connector against `scim2-server`: promises, versions, every way to name a
//! user, and a server that is gone, slow, lying, busy or half-permitted.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_connectors::conformance::{Help, Promise, Subject, Verdict, examine};
use cordon_connectors::{Connector, Readiness, Site, open};
use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Order, Reply, TroubleKind,
};
use cordon_model::{EstateBuilder, Mode, NodeId};
use cordon_testbed::meddler::{Meddler, Meddling};
use cordon_testbed::scim::{self, Scim};
use serde_json::json;

const TOKEN: &str = "a-token-for-tests";
const DEADLINE: Duration = Duration::from_secs(5);

fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

/// A server with users, a folder with the secret, and a client of our own.
struct Bed {
    scim: Scim,
    folder: tempfile::TempDir,
    client: ureq::Agent,
}

fn bed() -> Option<Bed> {
    match scim::start(TOKEN, None) {
        Ok(scim) => Some(Bed::with(scim)),
        Err(missing) => {
            println!("skipped: real_scim ({missing})");
            None
        }
    }
}

impl Bed {
    fn with(scim: Scim) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("token");
        std::fs::write(&secret, TOKEN).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0);
        Self { scim, folder, client: config.build().new_agent() }
    }

    fn admin(&self, method: &str, path: &str, body: &Json) -> Json {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.scim.url))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/scim+json");
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = self.client.run(request.body(text).unwrap()).unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {answer:?}");
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap_or_default()
    }

    fn add(&self, user: Json) -> String {
        let mut user = user;
        user["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User"]);
        self.admin("POST", "/Users", &user)["id"].as_str().unwrap().to_owned()
    }

    fn set(&self, id: &str, attribute: &str, value: &Json) {
        let operation = json!({ "op": "replace", "path": attribute, "value": value });
        let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
        let body = json!({ "schemas": schemas, "Operations": [operation] });
        self.admin("PATCH", &format!("/Users/{id}"), &body);
    }

    /// Every user with every attribute, but for what the server writes at each change.
    fn everything(&self) -> Vec<Json> {
        let mut all = self.admin("GET", "/Users?count=2000", &Json::Null)["Resources"].take();
        for user in all.as_array_mut().unwrap() {
            let meta = user["meta"].as_object_mut().unwrap();
            meta.remove("lastModified");
            meta.remove("version");
        }
        let mut all = all.as_array().unwrap().clone();
        all.sort_by_key(|user| user["id"].to_string());
        all
    }

    fn site(&self, url: &str, extra: &Json, aliases: &[(&str, &[&str])]) -> Site {
        site(self.folder.path(), url, extra, aliases)
    }

    fn connector(&self, aliases: &[(&str, &[&str])]) -> Box<dyn Connector> {
        open(&self.site(&self.scim.url, &json!({}), aliases)).unwrap()
    }
}

fn site(folder: &Path, url: &str, extra: &Json, aliases: &[(&str, &[&str])]) -> Site {
    let mut builder = EstateBuilder::new("North", "GBP");
    for (id, spellings) in aliases {
        let index = builder.node(&node(id));
        let spellings = spellings.iter().map(|spelling| (*spelling).into()).collect();
        builder.describe(index, None, spellings, Vec::new());
    }
    let mut settings = json!({ "url": url, "token": "file:token" });
    for (key, value) in extra.as_object().unwrap() {
        settings[key] = value.clone();
    }
    Site {
        name: "people".to_owned(),
        kind: "scim".to_owned(),
        settings,
        estate: Arc::new(builder.finish().unwrap()),
        folder: folder.to_owned(),
        range: None,
    }
}

fn call(act: Act, targets: &[&str], prior: &[Observed]) -> Call {
    let targets: Vec<NodeId> = targets.iter().map(|id| node(id)).collect();
    let order = Order {
        withdrawal: "disable-account/test".into(),
        kind: "disable-account".to_owned(),
        mode: Mode::Refuse,
        targets: targets.clone(),
        connector: None,
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 600,
        services: Vec::new(),
        note: String::new(),
    };
    Call { act, order, targets, prior: prior.to_vec(), attempt: 1 }
}

fn look(connector: &mut dyn Connector, targets: &[&str]) -> Vec<Observed> {
    connector.look(&call(Act::Look, targets, &[]), DEADLINE).unwrap()
}

fn act(connector: &mut dyn Connector, call: &Call) -> Vec<Answer> {
    match connector.perform(call, DEADLINE) {
        Reply::Acted { outcomes } => outcomes.into_iter().map(|o| o.answer).collect(),
        Reply::Trouble(trouble) => vec![Answer::Failed(trouble); call.targets.len()],
        reply @ (Reply::Seen { .. } | Reply::Tried { .. }) => panic!("{reply:?}"),
    }
}

fn kinds(answers: &[Answer]) -> Vec<Option<TroubleKind>> {
    let kind = |answer: &Answer| match answer {
        Answer::Failed(trouble) => Some(trouble.kind),
        Answer::Done | Answer::AlreadySo { .. } => None,
    };
    answers.iter().map(kind).collect()
}

#[test]
fn it_keeps_its_promises() {
    let Some(bed) = bed() else { return };
    let ann = bed.add(json!({ "userName": "ann@north.example", "active": true, "title": "Till" }));
    bed.add(json!({ "userName": "b.lee", "active": true, "externalId": "E-2" }));
    bed.add(json!({ "userName": "carol", "active": true }));
    let aliases: [(&str, &[&str]); 3] = [
        ("user:ann", &["ann@north.example", "NORTH\\ann"]),
        ("user:bob", &["E-2"]),
        ("user:carol", &[]),
    ];
    let before = bed.everything();
    let mut connector = bed.connector(&aliases);
    let mut offline = open(&bed.site("http://127.0.0.1:9/v2", &json!({}), &aliases)).unwrap();
    let subject = Subject {
        bystanders: vec![node("user:carol")],
        outside: Some(node("host:till-1")),
        compares: true,
        ..Subject::new("disable-account", Mode::Refuse, vec![node("user:ann"), node("user:bob")])
    };
    let mut disturb = |_: &NodeId| bed.set(&ann, "title", &json!("Cashier"));
    let help = Help { disturb: Some(&mut disturb), offline: Some(&mut *offline) };
    let lines = examine(&mut *connector, &subject, help);
    for line in &lines {
        println!("{:<10} {} ({})", line.verdict.to_string(), line.promise, line.seen);
        let untried = [Promise::End, Promise::ProbeHolds, Promise::Listen].contains(&line.promise);
        let expected = if untried { Verdict::NotTried } else { Verdict::Kept };
        assert_eq!(line.verdict, expected, "{line:?}");
    }
    bed.set(&ann, "title", &json!("Till"));
    assert_eq!(before, bed.everything(), "every attribute of every user is as it was");
}

#[test]
fn a_user_is_found_by_any_spelling_and_never_guessed() {
    let Some(bed) = bed() else { return };
    let email = json!([{ "value": "Ann.Lee@North.example" }]);
    bed.add(json!({ "userName": "alee", "active": true, "emails": email }));
    bed.add(json!({ "userName": "bob \"the\" builder", "active": true }));
    bed.add(
        json!({ "userName": "twin-1", "active": true, "emails": [{ "value": "t@n.example" }] }),
    );
    bed.add(
        json!({ "userName": "twin-2", "active": true, "emails": [{ "value": "t@n.example" }] }),
    );
    let dave = bed.add(json!({ "userName": "dave" }));
    let aliases: [(&str, &[&str]); 6] = [
        ("user:ann", &["ann.lee@north.example", "S-1-5-21-1-2-3-1104"]),
        ("user:bob", &["bob \"the\" builder"]),
        ("user:twin", &["t@n.example"]),
        ("user:nobody", &["nobody@north.example"]),
        ("user:other", &["x\" or userName pr or userName eq \"x"]),
        ("user:known", &[]),
    ];
    let names = json!({ "names": { "user:known": dave } });
    let mut connector = open(&bed.site(&bed.scim.url, &names, &aliases)).unwrap();
    let ids: Vec<&str> = aliases.iter().map(|(id, _)| *id).collect();
    let seen: Vec<Access> = look(&mut *connector, &ids).iter().map(|seen| seen.access).collect();
    // A bare name that finds nobody may be misspelt.
    let expected = [
        Access::Open,
        Access::Open,
        Access::Unknown,
        Access::Absent,
        Access::Unknown,
        Access::Open,
    ];
    assert_eq!(seen, expected);
    // Alone, the trouble with the twins is told in words.
    let Err(trouble) = connector.look(&call(Act::Look, &["user:twin"], &[]), DEADLINE) else {
        panic!("two users are no answer");
    };
    assert!(trouble.kind == TroubleKind::Unknown && trouble.why.contains("2 users"), "{trouble}");
    let prior = look(&mut *connector, &["user:twin", "user:known"]);
    let refuse = call(Act::Refuse, &["user:twin", "user:known"], &prior[1..]);
    assert_eq!(kinds(&act(&mut *connector, &refuse)), [Some(TroubleKind::Unknown), None]);
    // No value at all comes back as no value (or as true, if the server writes it).
    let restore = call(Act::Restore, &["user:known"], &prior[1..]);
    assert_eq!(act(&mut *connector, &restore), [Answer::Done]);
    let user = bed.admin("GET", &format!("/Users/{dave}"), &Json::Null);
    assert!(user.get("active").is_none(), "{user}");
}

#[test]
fn somebody_else_is_noticed_and_left() {
    let Some(bed) = bed() else { return };
    let ann = bed.add(json!({ "userName": "ann", "active": true }));
    let mut connector = bed.connector(&[("user:ann", &[])]);
    let prior = look(&mut *connector, &["user:ann"]);
    // Changed between look and act: nothing is done.
    bed.set(&ann, "title", &json!("Buyer"));
    let refuse = call(Act::Refuse, &["user:ann"], &prior);
    assert_eq!(kinds(&act(&mut *connector, &refuse)), [Some(TroubleKind::Changed)]);
    assert_eq!(look(&mut *connector, &["user:ann"])[0].access, Access::Open);
    // Somebody disabled her first: already so, and not said to be ours.
    bed.set(&ann, "active", &json!(false));
    assert_eq!(act(&mut *connector, &refuse), [Answer::AlreadySo { by: None }]);
    bed.set(&ann, "active", &json!(true));
    // While she is disabled others change her title; the lift leaves it.
    let prior = look(&mut *connector, &["user:ann"]);
    let refuse = call(Act::Refuse, &["user:ann"], &prior);
    assert_eq!(act(&mut *connector, &refuse), [Answer::Done]);
    bed.set(&ann, "title", &json!("Manager"));
    let restore = call(Act::Restore, &["user:ann"], &prior);
    assert_eq!(act(&mut *connector, &restore), [Answer::Done]);
    let user = bed.admin("GET", &format!("/Users/{ann}"), &Json::Null);
    assert_eq!((&user["title"], &user["active"]), (&json!("Manager"), &json!(true)));
    // She is renamed while she is disabled: the very same user gets it back.
    let prior = look(&mut *connector, &["user:ann"]);
    let refuse = call(Act::Refuse, &["user:ann"], &prior);
    assert_eq!(act(&mut *connector, &refuse), [Answer::Done]);
    bed.set(&ann, "userName", &json!("ann.lee"));
    let restore = call(Act::Restore, &["user:ann"], &prior);
    assert_eq!(act(&mut *connector, &restore), [Answer::Done]);
    bed.set(&ann, "userName", &json!("ann"));
    // She was deleted: nothing can be given back, and that is said.
    let seen = look(&mut *connector, &["user:ann"]);
    assert_eq!(act(&mut *connector, &call(Act::Refuse, &["user:ann"], &seen)), [Answer::Done]);
    bed.admin("DELETE", &format!("/Users/{ann}"), &Json::Null);
    assert_eq!(kinds(&act(&mut *connector, &restore)), [Some(TroubleKind::Changed)]);
    let mut sure = bed.connector(&[("user:ann", &["ann@north.example"])]);
    assert_eq!(look(&mut *sure, &["user:ann"])[0].access, Access::Absent);
}

#[test]
fn a_thousand_accounts_are_quick() {
    let Some(bed) = bed() else { return };
    let ids: Vec<String> = (0..1000).map(|n| format!("user:person-{n:04}")).collect();
    let operations: Vec<Json> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| {
            let data = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": id.trim_start_matches("user:"), "active": true,
            });
            json!({ "method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": data })
        })
        .collect();
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]);
    bed.admin("POST", "/Bulk", &json!({ "schemas": schemas, "Operations": operations }));
    let before = bed.everything();
    assert_eq!(before.len(), 1000);
    let mut connector = bed.connector(&[]);
    let targets: Vec<&str> = ids.iter().map(String::as_str).collect();
    let long = Duration::from_secs(120);
    let times = std::cell::RefCell::new(Vec::new());
    let timed = |what: &str, begin: Instant| {
        times.borrow_mut().push(format!("{what} {} ms", begin.elapsed().as_millis()));
    };
    let begin = Instant::now();
    let prior = connector.look(&call(Act::Look, &targets, &[]), long).unwrap();
    timed("look", begin);
    assert!(prior.iter().all(|seen| seen.access == Access::Open));
    for (what, kind) in [("refuse", Act::Refuse), ("restore", Act::Restore)] {
        let begin = Instant::now();
        let reply = connector.perform(&call(kind, &targets, &prior), long);
        timed(what, begin);
        let Reply::Acted { outcomes } = reply else { panic!("{reply:?}") };
        assert!(outcomes.iter().all(|outcome| outcome.answer == Answer::Done));
        let closed = kind == Act::Refuse;
        let seen = connector.look(&call(Act::Look, &targets, &[]), long).unwrap();
        assert!(seen.iter().all(|seen| seen.access.is_closed() == closed));
    }
    println!("1,000 accounts: {}", times.borrow().join(", "));
    assert_eq!(before, bed.everything());
}

#[test]
fn a_server_that_misbehaves_is_told_as_it_is() {
    let Some(bed) = bed() else { return };
    bed.add(json!({ "userName": "ann", "active": true }));
    let meddler = Meddler::start(bed.scim.port).unwrap();
    let url = format!("http://127.0.0.1:{}/v2", meddler.port);
    let mut connector = open(&bed.site(&url, &json!({}), &[("user:ann", &[])])).unwrap();
    let prior = look(&mut *connector, &["user:ann"]);
    let refuse = call(Act::Refuse, &["user:ann"], &prior);
    let short = Duration::from_millis(700);
    let answer =
        |status: u16, body: &Json| Meddling::Answer(status, String::new(), body.to_string());
    let id = prior[0].state["id"].clone();
    // (what PATCH gets, what is told)
    let cases = [
        (answer(401, &json!({ "detail": "token expired" })), TroubleKind::Denied),
        (answer(403, &json!({ "detail": format!("{TOKEN} is read only") })), TroubleKind::Denied),
        (answer(500, &json!({})), TroubleKind::NoReply),
        (answer(302, &json!({})), TroubleKind::Unsupported),
        (
            Meddling::Answer(429, "retry-after: 60\r\n".into(), String::new()),
            TroubleKind::Unreachable,
        ),
        (Meddling::HangUp, TroubleKind::NoReply),
        (Meddling::Slow(Duration::from_secs(3)), TroubleKind::NoReply),
        // It says yes with the user as it was.
        (answer(200, &json!({ "id": id, "active": true })), TroubleKind::NotEffective),
    ];
    for (meddling, kind) in cases {
        let theirs = meddling.clone();
        meddler.meddle(
            move |request| {
                if request.method == "PATCH" { theirs.clone() } else { Meddling::Pass }
            },
        );
        let begin = Instant::now();
        let reply = connector.perform(&refuse, short);
        let Reply::Acted { outcomes } = &reply else { panic!("{meddling:?}: {reply:?}") };
        let Answer::Failed(trouble) = &outcomes[0].answer else {
            panic!("{meddling:?}: {reply:?}")
        };
        assert_eq!(trouble.kind, kind, "{meddling:?}: {trouble}");
        assert!(begin.elapsed() < short + Duration::from_millis(600), "{meddling:?}");
        assert!(!trouble.why.contains(TOKEN), "{trouble}");
        println!("{trouble}");
    }
    // The late one above came through after all; it is found so, and given back.
    let restore = call(Act::Restore, &["user:ann"], &prior);
    meddler.meddle(|_| Meddling::Pass);
    let closed = || look(&mut *bed.connector(&[("user:ann", &[])]), &["user:ann"])[0].access;
    cordon_testbed::wait_for("the late change", 10, || closed() == Access::Refused).unwrap();
    assert_eq!(act(&mut *connector, &restore), [Answer::Done]);
    // The reply is lost: no success is told, the look shows that it was done.
    let prior = look(&mut *connector, &["user:ann"]);
    let refuse = call(Act::Refuse, &["user:ann"], &prior);
    meddler.meddle(|request| match request.method.as_str() {
        "PATCH" => Meddling::LoseReply(Duration::from_secs(2)),
        _ => Meddling::Pass,
    });
    let Reply::Acted { outcomes } = connector.perform(&refuse, short) else { panic!() };
    assert_eq!(kinds(&[outcomes[0].answer.clone()]), [Some(TroubleKind::NoReply)]);
    meddler.meddle(|_| Meddling::Pass);
    assert_eq!(look(&mut *connector, &["user:ann"])[0].access, Access::Refused);
    assert_eq!(act(&mut *connector, &refuse), [Answer::AlreadySo { by: None }]);
    assert_eq!(act(&mut *connector, &restore), [Answer::Done]);
    // Asked to wait for a second, it waits and goes on.
    let once = std::sync::atomic::AtomicBool::new(true);
    meddler.meddle(move |request| {
        let first =
            request.method == "PATCH" && once.swap(false, std::sync::atomic::Ordering::SeqCst);
        let busy = Meddling::Answer(429, "retry-after: 1\r\n".to_owned(), String::new());
        if first { busy } else { Meddling::Pass }
    });
    let prior = look(&mut *connector, &["user:ann"]);
    assert_eq!(act(&mut *connector, &call(Act::Refuse, &["user:ann"], &prior)), [Answer::Done]);
    assert_eq!(act(&mut *connector, &call(Act::Restore, &["user:ann"], &prior)), [Answer::Done]);
}

#[test]
fn a_server_with_less_is_used_with_care() {
    let Some(bed) = bed() else { return };
    let ann = bed.add(json!({ "userName": "ann", "active": true }));
    bed.add(json!({ "userName": "bob", "active": true }));
    let meddler = Meddler::start(bed.scim.port).unwrap();
    let url = format!("http://127.0.0.1:{}/v2", meddler.port);
    let mut connector = open(&bed.site(&url, &json!({}), &[])).unwrap();
    let both = ["user:ann", "user:bob"];
    // Without `or` in filters, without bulk, without versions.
    let user = bed.admin("GET", &format!("/Users/{ann}"), &Json::Null);
    let mut bare = user;
    bare.as_object_mut().unwrap().remove("meta");
    meddler.meddle(move |request| {
        if request.path.contains("%20or%20") {
            let error = json!({ "scimType": "invalidFilter", "status": "400" });
            return Meddling::Answer(400, String::new(), error.to_string());
        }
        if request.path.ends_with("/ServiceProviderConfig") {
            return Meddling::Answer(404, String::new(), String::new());
        }
        if request.method == "GET" && request.path.contains("%22ann%22") {
            let list = json!({ "totalResults": 1, "Resources": [bare] });
            return Meddling::Answer(200, String::new(), list.to_string());
        }
        Meddling::Pass
    });
    let prior = look(&mut *connector, &both);
    assert_eq!(prior[0].state["version"], Json::Null);
    assert!(prior.iter().all(|seen| seen.access == Access::Open), "{prior:?}");
    let answers = act(&mut *connector, &call(Act::Refuse, &both, &prior));
    assert_eq!(answers, [Answer::Done, Answer::Done]);
    meddler.meddle(|_| Meddling::Pass);
    // Bulk announced, but not to be had: it goes on one by one.
    meddler.meddle(|request| match request.path.ends_with("/Bulk") {
        true => Meddling::Answer(501, String::new(), String::new()),
        false => Meddling::Pass,
    });
    let mut fresh = open(&bed.site(&url, &json!({}), &[])).unwrap();
    let answers = act(&mut *fresh, &call(Act::Restore, &both, &prior));
    assert_eq!(answers, [Answer::Done, Answer::Done]);
    // A server that ignores filters must not have a stranger disabled.
    let stranger = json!({ "totalResults": 1, "Resources": [{ "id": ann, "userName": "ann" }] });
    meddler.meddle(move |_| Meddling::Answer(200, String::new(), stranger.to_string()));
    let zoe: [(&str, &[&str]); 1] = [("user:zoe", &["zoe@north.example"])];
    let mut sure = open(&bed.site(&url, &json!({}), &zoe)).unwrap();
    assert_eq!(look(&mut *sure, &["user:zoe"])[0].access, Access::Absent);
    // One that announces more than it gives is not believed.
    let half = json!({ "totalResults": 7, "Resources": [] });
    meddler.meddle(move |_| Meddling::Answer(200, String::new(), half.to_string()));
    let Err(trouble) = connector.look(&call(Act::Look, &["user:ann"], &[]), DEADLINE) else {
        panic!("half an answer is none");
    };
    assert_eq!(trouble.kind, TroubleKind::Unknown, "{trouble}");
}

#[test]
fn the_preflight_tells_rights_apart() {
    let Some(bed) = bed() else { return };
    let ann = bed.add(json!({ "userName": "ann", "active": true }));
    let meddler = Meddler::start(bed.scim.port).unwrap();
    let url = format!("http://127.0.0.1:{}/v2", meddler.port);
    let mut connector = open(&bed.site(&url, &json!({}), &[])).unwrap();
    let before = bed.everything();
    let findings = |connector: &mut dyn Connector| -> Vec<(Act, String)> {
        let checks = connector.preflight(DEADLINE).into_iter();
        checks
            .map(|check| match check.finding {
                Readiness::Able => (check.act, "able".to_owned()),
                Readiness::Unable(trouble) => (check.act, trouble.kind.to_string()),
                Readiness::Excessive(_) => (check.act, "excessive".to_owned()),
            })
            .collect()
    };
    let told = findings(&mut *connector);
    let told: Vec<(Act, &str)> = told.iter().map(|(act, word)| (*act, word.as_str())).collect();
    let able = [(Act::Look, "able"), (Act::Refuse, "able"), (Act::Restore, "able")];
    assert_eq!(told[..3], able);
    assert_eq!(told[3], (Act::Refuse, "excessive"), "this server has no rights at all");
    let deny = |method: &'static str| {
        move |request: &cordon_testbed::meddler::Request| match request.method == method {
            true => Meddling::Answer(403, String::new(), String::new()),
            false => Meddling::Pass,
        }
    };
    meddler.meddle(deny("DELETE"));
    assert!(findings(&mut *connector).iter().all(|(_, word)| word == "able"));
    meddler.meddle(deny("PATCH"));
    let words: Vec<String> = findings(&mut *connector).into_iter().map(|(_, w)| w).collect();
    assert_eq!(words, ["able", "denied", "denied"]);
    meddler.meddle(deny("GET"));
    assert!(findings(&mut *connector).iter().all(|(_, word)| word == "denied"));
    meddler.meddle(|_| Meddling::Pass);
    // The wrong token, and a probe that finds a leak.
    std::fs::write(bed.folder.path().join("token"), "another").unwrap();
    let mut wrong = open(&bed.site(&url, &json!({}), &[])).unwrap();
    let trouble = wrong.look(&call(Act::Look, &["user:ann"], &[]), DEADLINE).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Denied, "{trouble}");
    let probed = connector.probe(&call(Act::Probe, &["user:ann"], &[]), DEADLINE).unwrap();
    assert_eq!(probed[0].finding, Finding::Leaks);
    assert_eq!(before, bed.everything(), "looking changed nothing ({ann})");
}

#[test]
fn only_a_known_certificate_is_trusted() {
    if let Err(missing) = cordon_testbed::need(&[("openssl", "openssl")]) {
        return println!("skipped: real_scim over TLS ({missing})");
    }
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("ca.pem"), folder.path().join("key.pem"));
    let mut openssl = std::process::Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]);
    openssl.args(["-days", "2", "-subj", "/CN=scim", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"]);
    openssl.arg(&key).arg("-out").arg(&certificate);
    cordon_testbed::run(&mut openssl).unwrap();
    let Ok(scim) = scim::start(TOKEN, Some((&certificate, &key))) else {
        return println!("skipped: real_scim over TLS");
    };
    let bed = Bed::with(scim);
    let url = bed.scim.url.clone();
    let mut stranger = open(&bed.site(&url, &json!({}), &[])).unwrap();
    let trouble = stranger.look(&call(Act::Look, &["user:ann"], &[]), DEADLINE).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unreachable, "{trouble}");
    println!("{trouble}");
    let own = json!({ "ca": certificate });
    let ann: [(&str, &[&str]); 1] = [("user:ann", &["ann@north.example"])];
    let mut connector = open(&bed.site(&url, &own, &ann)).unwrap();
    assert_eq!(look(&mut *connector, &["user:ann"])[0].access, Access::Absent);
}
