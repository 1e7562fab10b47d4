//! The sessions connector against a real OpenID provider: people sign in with code and
//! refresh token, and what they have open ends, is refused, or is told with its time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_connectors::conformance::{Help, Line, Promise, Subject, Verdict, examine};
use cordon_connectors::{Connector, Readiness, Site, open};
use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Order, Reply, TroubleKind,
};
use cordon_model::{EstateBuilder, Mode, NodeId};
use cordon_testbed::meddler::{Meddler, Meddling};
use cordon_testbed::oidc::{self, Oidc};
use serde_json::json;

const DEADLINE: Duration = Duration::from_secs(5);

fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

struct Bed {
    oidc: Oidc,
    folder: tempfile::TempDir,
    agent: ureq::Agent,
}

/// Somebody's browser.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

/// What somebody got by signing in.
struct Tokens {
    access: String,
    refresh: String,
}

fn bed() -> Option<Bed> {
    let oidc = match oidc::start() {
        Ok(oidc) => oidc,
        Err(missing) => {
            println!("skipped: real_sessions ({missing})");
            return None;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false);
    let bed = Bed { oidc, folder, agent: config.build().new_agent() };
    bed.secret("admin", oidc::ADMINISTRATOR);
    bed.secret("reader", oidc::READER);
    bed.secret("client", "cordon-secret");
    Some(bed)
}

impl Bed {
    fn secret(&self, name: &str, value: &str) {
        let file = self.folder.path().join(name);
        std::fs::write(&file, value).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, BTreeMap<String, Vec<String>>, Json) {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.oidc.issuer)
        };
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = self.agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let mut heads: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in answer.headers() {
            heads.entry(name.to_string()).or_default().push(value.to_str().unwrap().to_owned());
        }
        let text = answer.body_mut().read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Json::String(text));
        (answer.status().as_u16(), heads, body)
    }

    /// Signs in as people do: the form, the consent, the code, the tokens.
    fn sign_in(&self, login: &str, resource: Option<&str>) -> Result<Tokens, String> {
        let mut browser = Browser::default();
        let login = ["ann", "bob", "carol"].iter().position(|name| *name == login).unwrap();
        let login = format!("u{}", login + 1);
        let resource = resource.map(|r| format!("&resource={r}")).unwrap_or_default();
        let mut at = format!(
            "/auth?client_id=shop&response_type=code&scope=openid%20offline_access&prompt=consent\
             &redirect_uri={}/callback{resource}",
            self.oidc.issuer
        );
        let mut code = None;
        for _ in 0..12 {
            let form = if at.contains("/interaction/") {
                let (_, _, page) = browser.go(self, "GET", &at, "");
                let page = page.as_str().unwrap_or_default().to_owned();
                let prompt = if page.contains("name=\"login\"") { "login" } else { "consent" };
                Some(format!("prompt={prompt}&login={login}&password=x"))
            } else {
                None
            };
            let method = if form.is_some() { "POST" } else { "GET" };
            let (status, heads, body) = browser.go(self, method, &at, &form.unwrap_or_default());
            let Some(next) = heads.get("location") else {
                return Err(format!("{status} {body}"));
            };
            at.clone_from(&next[0]);
            if at.contains("/callback?") {
                let query = at.split('?').nth(1).unwrap_or_default();
                code = query.split('&').find_map(|p| p.strip_prefix("code=")).map(str::to_owned);
                break;
            }
        }
        let code = code.ok_or_else(|| format!("no code came: {at}"))?;
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={}/callback{resource}",
            self.oidc.issuer
        );
        let (status, body) = self.token(&form);
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        if status != 200 {
            return Err(body.to_string());
        }
        Ok(Tokens { access: text("access_token"), refresh: text("refresh_token") })
    }

    fn token(&self, form: &str) -> (u16, Json) {
        let basic = ("authorization", "Basic c2hvcDpzaG9wLXNlY3JldA==");
        let media = ("content-type", "application/x-www-form-urlencoded");
        let (status, _, body) = self.ask("POST", "/token", &[basic, media], form);
        (status, body)
    }

    fn refresh(&self, tokens: &Tokens) -> (u16, Json) {
        self.token(&format!("grant_type=refresh_token&refresh_token={}", tokens.refresh))
    }

    /// What the provider itself says of a token.
    fn introspect(&self, token: &str) -> Json {
        let basic = ("authorization", "Basic Y29yZG9uOmNvcmRvbi1zZWNyZXQ=");
        let media = ("content-type", "application/x-www-form-urlencoded");
        let form = format!("token={token}");
        let (status, _, body) = self.ask("POST", "/token/introspection", &[basic, media], &form);
        assert_eq!(status, 200, "{body}");
        body["active"].clone()
    }

    fn admin(&self, method: &str, path: &str, body: &Json) -> Json {
        let bearer = format!("Bearer {}", oidc::ADMINISTRATOR);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, body) = self.ask(method, path, &[("authorization", &bearer)], &text);
        assert!(status < 300, "{method} {path}: {status} {body}");
        body
    }

    /// The provider's records of one user; everything that it keeps.
    fn records(&self, user: &str) -> Vec<Json> {
        let all = self.admin("GET", "/admin/records", &Json::Null);
        let own = all.as_array().unwrap().iter().filter(|record| record[1]["accountId"] == user);
        own.cloned().collect()
    }

    fn site(&self, port: u16, extra: &Json) -> Site {
        let mut builder = EstateBuilder::new("North", "GBP");
        for (id, alias) in [
            ("user:ann-lee", "ann@north.example"),
            ("user:b", "bob"),
            ("user:c", "carol"),
            ("user:z", "zoe@north.example"),
        ] {
            let index = builder.node(&node(id));
            builder.describe(index, None, vec![alias.into()], Vec::new());
        }
        let mut settings = json!({
            "admin": format!("http://127.0.0.1:{port}/admin"), "token": "file:admin",
            "issuer": self.oidc.issuer, "client": "cordon", "client_secret": "file:client",
        });
        for (key, value) in extra.as_object().unwrap() {
            settings[key] = value.clone();
        }
        Site {
            name: "login".to_owned(),
            kind: "sessions".to_owned(),
            settings,
            estate: Arc::new(builder.finish().unwrap()),
            folder: self.folder.path().to_owned(),
            range: None,
        }
    }

    fn connector(&self, extra: &Json) -> Box<dyn Connector> {
        open(&self.site(self.oidc.port, extra)).unwrap()
    }
}

impl Browser {
    fn go(
        &mut self,
        bed: &Bed,
        method: &str,
        at: &str,
        form: &str,
    ) -> (u16, BTreeMap<String, Vec<String>>, Json) {
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let headers = [
            ("cookie", &*cookies.join("; ")),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let headers = if form.is_empty() { &headers[..1] } else { &headers[..] };
        let answer = bed.ask(method, at, headers, form);
        for cookie in answer.1.get("set-cookie").into_iter().flatten() {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

fn call(act: Act, kind: &str, mode: Mode, targets: &[&str], prior: &[Observed]) -> Call {
    let targets: Vec<NodeId> = targets.iter().map(|id| node(id)).collect();
    let order = Order {
        withdrawal: format!("{kind}/test").into(),
        kind: kind.to_owned(),
        mode,
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

fn ends(act: Act, target: &str) -> Call {
    call(act, "end-sessions", Mode::End, &[target], &[])
}

fn disables(act: Act, target: &str, prior: &[Observed]) -> Call {
    call(act, "disable-account", Mode::Refuse, &[target], prior)
}

fn seen(connector: &mut dyn Connector, call: &Call) -> Observed {
    connector.look(&Call { act: Act::Look, ..call.clone() }, DEADLINE).unwrap().remove(0)
}

fn answer(connector: &mut dyn Connector, call: &Call) -> Answer {
    match connector.perform(call, DEADLINE) {
        Reply::Acted { mut outcomes } => outcomes.remove(0).answer,
        Reply::Trouble(trouble) => Answer::Failed(trouble),
        reply @ (Reply::Seen { .. } | Reply::Tried { .. }) => panic!("{reply:?}"),
    }
}

fn kind(answer: &Answer) -> Option<TroubleKind> {
    match answer {
        Answer::Failed(trouble) => Some(trouble.kind),
        Answer::Done | Answer::AlreadySo { .. } => None,
    }
}

fn print(lines: &[Line]) {
    for line in lines {
        println!("{:<10} {} ({})", line.verdict.to_string(), line.promise, line.seen);
        assert_ne!(line.verdict, Verdict::Broken, "{line:?}");
    }
}

fn is_kept(lines: &[Line], promise: Promise) -> bool {
    lines.iter().any(|line| line.promise == promise && line.verdict == Verdict::Kept)
}

#[test]
fn what_somebody_has_open_ends_at_once() {
    let Some(bed) = bed() else { return };
    let (ann, bob) = (bed.sign_in("ann", None).unwrap(), bed.sign_in("bob", None).unwrap());
    let (_, renewed) = bed.refresh(&ann);
    let ann = Tokens {
        access: renewed["access_token"].as_str().unwrap().to_owned(),
        refresh: renewed["refresh_token"].as_str().unwrap_or(&ann.refresh).to_owned(),
    };
    assert_eq!([bed.introspect(&ann.access), bed.introspect(&bob.access)], [true, true]);
    let bobs = bed.records("u2");
    let mut connector = bed.connector(&json!({}));
    let end = ends(Act::End, "user:ann-lee");
    let open = seen(&mut *connector, &end);
    assert!(open.access == Access::Open && open.open >= 4, "{open:?}");
    assert_eq!(open.residual_seconds, None, "what can be ended is not waited for");
    println!("{}", connector.rehearse(&end, DEADLINE).unwrap().join("\n"));
    assert_eq!(bed.introspect(&ann.access), true, "a rehearsal ends nothing");
    let begin = Instant::now();
    assert_eq!(answer(&mut *connector, &end), Answer::Done);
    println!("ended {} records in {} ms", open.open, begin.elapsed().as_millis());
    assert_eq!(bed.introspect(&ann.access), false);
    let (status, refused) = bed.refresh(&ann);
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(bed.records("u1"), Vec::<Json>::new());
    let over = seen(&mut *connector, &end);
    assert_eq!((over.access, over.open), (Access::Refused, 0));
    assert_eq!(answer(&mut *connector, &end), Answer::AlreadySo { by: None });
    // Bob has everything as before, and uses it.
    assert_eq!(bed.records("u2"), bobs);
    assert_eq!((bed.introspect(&bob.access), bed.refresh(&bob).0), (json!(true), 200));
    // Ended is not refused: she signs in again.
    assert!(bed.sign_in("ann", None).is_ok());
}

#[test]
fn a_signed_token_lives_on_and_its_time_is_told() {
    let Some(bed) = bed() else { return };
    let signed = bed.sign_in("ann", Some("https://api.north.example")).unwrap();
    assert_eq!(signed.access.split('.').count(), 3, "{}", signed.access);
    let mut connector = bed.connector(&json!({}));
    let end = ends(Act::End, "user:ann-lee");
    assert_eq!(seen(&mut *connector, &end).residual_seconds, None);
    assert_eq!(answer(&mut *connector, &end), Answer::Done);
    let left = seen(&mut *connector, &end);
    assert_eq!((left.access, left.open), (Access::Open, 1));
    assert!(left.residual_seconds.is_some_and(|left| (560..=600).contains(&left)), "{left:?}");
    // A provider without a list of them says when it ended all, and the settings how long they live.
    let paths = json!({ "access_token_seconds": 300, "fields": { "revocable": "/none", "expires": "/none" } });
    bed.sign_in("bob", None).unwrap();
    let mut other = bed.connector(&paths);
    let end = ends(Act::End, "user:b");
    assert_eq!(seen(&mut *other, &end).residual_seconds, None);
    assert_eq!(answer(&mut *other, &end), Answer::Done);
    let left = seen(&mut *other, &end);
    assert!(left.residual_seconds.is_some_and(|left| (240..=300).contains(&left)), "{left:?}");
}

#[test]
fn refusing_is_apart_from_ending() {
    let Some(bed) = bed() else { return };
    let ann = bed.sign_in("ann", None).unwrap();
    let mut connector = bed.connector(&json!({}));
    let prior = [seen(&mut *connector, &disables(Act::Look, "user:ann-lee", &[]))];
    assert_eq!(
        answer(&mut *connector, &disables(Act::Refuse, "user:ann-lee", &prior)),
        Answer::Done
    );
    assert!(bed.sign_in("ann", None).is_err(), "she is refused");
    assert_eq!(bed.introspect(&ann.access), true, "and what she has open stays open");
    assert_eq!(answer(&mut *connector, &ends(Act::End, "user:ann-lee")), Answer::Done);
    assert_eq!(bed.introspect(&ann.access), false);
    assert_eq!(
        answer(&mut *connector, &disables(Act::Restore, "user:ann-lee", &prior)),
        Answer::Done
    );
    assert!(bed.sign_in("ann", None).is_ok());
}

#[test]
fn it_keeps_its_promises() {
    let Some(bed) = bed() else { return };
    bed.sign_in("ann", None).unwrap();
    bed.sign_in("carol", None).unwrap();
    let carols = bed.records("u3");
    let mut connector = bed.connector(&json!({}));
    let mut offline = open(&bed.site(9, &json!({}))).unwrap();
    let subject = Subject {
        bystanders: vec![node("user:c")],
        outside: Some(node("host:till-1")),
        compares: true,
        ..Subject::new("disable-account", Mode::Refuse, vec![node("user:ann-lee"), node("user:b")])
    };
    let help = Help { offline: Some(&mut *offline), disturb: None };
    let lines = examine(&mut *connector, &subject, help);
    print(&lines);
    assert!(is_kept(&lines, Promise::Restore) && is_kept(&lines, Promise::Offline));
    let subject = Subject {
        kind: "end-sessions".to_owned(),
        mode: Mode::End,
        targets: vec![node("user:ann-lee")],
        ..subject
    };
    let help = Help { offline: Some(&mut *offline), disturb: None };
    let lines = examine(&mut *connector, &subject, help);
    print(&lines);
    assert!(is_kept(&lines, Promise::End) && is_kept(&lines, Promise::Bystanders));
    let subject = Subject {
        kind: "revoke".to_owned(),
        mode: Mode::Refuse,
        targets: vec![node("app:shop")],
        bystanders: vec![node("app:cordon")],
        outside: Some(node("token:x")),
        ..subject
    };
    let lines = examine(&mut *connector, &subject, Help::default());
    print(&lines);
    assert!(is_kept(&lines, Promise::Restore));
    assert_eq!(bed.records("u3"), carols);
    assert!(bed.sign_in("ann", None).is_ok(), "everything works again");
}

#[test]
fn a_client_is_switched_off_and_on() {
    let Some(bed) = bed() else { return };
    let mut connector = bed.connector(&json!({}));
    let revoke = |act, prior: &[Observed]| call(act, "revoke", Mode::Refuse, &["app:shop"], prior);
    let prior = [seen(&mut *connector, &revoke(Act::Look, &[]))];
    assert_eq!(answer(&mut *connector, &revoke(Act::Refuse, &prior)), Answer::Done);
    assert!(bed.sign_in("ann", None).is_err_and(|error| error.contains("invalid_client")));
    assert_eq!(answer(&mut *connector, &revoke(Act::Restore, &prior)), Answer::Done);
    assert!(bed.sign_in("ann", None).is_ok());
}

#[test]
fn one_known_token_is_revoked_and_tried() {
    let Some(bed) = bed() else { return };
    let opaque = bed.sign_in("ann", None).unwrap();
    let signed = bed.sign_in("bob", Some("https://api.north.example")).unwrap();
    bed.secret("opaque", &opaque.access);
    bed.secret("signed", &signed.access);
    let tokens =
        json!({ "tokens": { "token:opaque": "file:opaque", "token:signed": "file:signed" } });
    let mut connector = bed.connector(&tokens);
    let revoke = |act, id: &str| call(act, "revoke", Mode::End, &[id], &[]);
    let finding = |connector: &mut dyn Connector, id: &str| {
        connector.probe(&revoke(Act::Probe, id), DEADLINE).unwrap()[0].finding
    };
    assert_eq!(seen(&mut *connector, &revoke(Act::Look, "token:opaque")).access, Access::Open);
    assert_eq!(finding(&mut *connector, "token:opaque"), Finding::Leaks, "it works");
    assert_eq!(answer(&mut *connector, &revoke(Act::End, "token:opaque")), Answer::Done);
    assert_eq!(seen(&mut *connector, &revoke(Act::Look, "token:opaque")).access, Access::Refused);
    assert_eq!(finding(&mut *connector, "token:opaque"), Finding::Holds, "it is tried and refused");
    assert_eq!(bed.introspect(&opaque.access), false);
    // A signed token cannot be revoked; its own end is told.
    let left = seen(&mut *connector, &revoke(Act::Look, "token:signed"));
    assert_eq!(left.access, Access::Open);
    assert!(left.residual_seconds.is_some_and(|left| (560..=600).contains(&left)), "{left:?}");
    assert!(answer(&mut *connector, &revoke(Act::End, "token:signed")).is_done());
    // A token cannot be given back, so it is not refused, and nobody acts on unknown ones.
    let refuse = call(Act::Refuse, "revoke", Mode::Refuse, &["token:opaque"], &[]);
    for call in [refuse, revoke(Act::End, "token:unknown"), ends(Act::End, "token:opaque")] {
        let told = answer(&mut *connector, &call);
        assert_eq!(kind(&told), Some(TroubleKind::Unsupported), "{told:?}");
    }
}

#[test]
fn trouble_is_told_as_it_is() {
    let Some(bed) = bed() else { return };
    bed.sign_in("ann", None).unwrap();
    // Half-permitted: it may read, and is denied the rest, before and when it counts.
    let mut reader = bed.connector(&json!({ "token": "file:reader" }));
    let prior = [seen(&mut *reader, &disables(Act::Look, "user:ann-lee", &[]))];
    let denied = Some(TroubleKind::Denied);
    assert_eq!(kind(&answer(&mut *reader, &disables(Act::Refuse, "user:ann-lee", &prior))), denied);
    assert_eq!(kind(&answer(&mut *reader, &ends(Act::End, "user:ann-lee"))), denied);
    let unable: Vec<(String, Act)> = reader
        .preflight(DEADLINE)
        .into_iter()
        .filter(|check| matches!(check.finding, Readiness::Unable(_)))
        .map(|check| (check.kind, check.act))
        .collect();
    let expected = [
        ("disable-account", Act::Refuse),
        ("disable-account", Act::Restore),
        ("end-sessions", Act::End),
    ];
    assert_eq!(unable, expected.map(|(kind, act)| (kind.to_owned(), act)));
    let able = |check: &cordon_connectors::Check| matches!(check.finding, Readiness::Able);
    assert!(bed.connector(&json!({})).preflight(DEADLINE).iter().all(able));
    // Between us and the administration API somebody meddles.
    let meddler = Meddler::start(bed.oidc.port).unwrap();
    let mut connector = open(&bed.site(meddler.port, &json!({}))).unwrap();
    let end = ends(Act::End, "user:ann-lee");
    let short = Duration::from_millis(700);
    let cases = [
        (Meddling::Slow(Duration::from_secs(2)), TroubleKind::NoReply),
        (Meddling::HangUp, TroubleKind::NoReply),
        (Meddling::Answer(500, String::new(), String::new()), TroubleKind::NoReply),
        (
            Meddling::Answer(503, "retry-after: 30\r\n".into(), String::new()),
            TroubleKind::Unreachable,
        ),
        (Meddling::Answer(401, String::new(), String::new()), TroubleKind::Denied),
    ];
    for (meddling, expected) in cases {
        let theirs = meddling.clone();
        meddler.meddle(move |request| match request.method.as_str() {
            "DELETE" => theirs.clone(),
            _ => Meddling::Pass,
        });
        bed.sign_in("ann", None).unwrap();
        let reply = connector.perform(&end, short);
        let Reply::Acted { outcomes } = &reply else { panic!("{reply:?}") };
        assert_eq!(kind(&outcomes[0].answer), Some(expected), "{meddling:?}: {reply:?}");
    }
    // It says yes and does nothing: the look tells that everything is still open.
    meddler.meddle(|request| match request.method.as_str() {
        "DELETE" => Meddling::Answer(204, String::new(), String::new()),
        _ => Meddling::Pass,
    });
    bed.sign_in("ann", None).unwrap();
    assert_eq!(answer(&mut *connector, &end), Answer::Done);
    let still = seen(&mut *connector, &end);
    assert!(still.access == Access::Open && still.residual_seconds.is_none(), "{still:?}");
    // A search that ignores what was asked must not end a stranger's sessions.
    let stranger = json!([{ "id": "u1", "login": "ann", "enabled": true }]).to_string();
    meddler.meddle(move |request| match request.path.contains("login=") {
        true => Meddling::Answer(200, String::new(), stranger.clone()),
        false => Meddling::Pass,
    });
    assert_eq!(seen(&mut *connector, &ends(Act::End, "user:z")).access, Access::Absent);
    let trouble = connector.look(&ends(Act::Look, "user:bare"), DEADLINE).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unknown, "a bare name may be misspelt: {trouble}");
    // A provider that calls itself another name gets no secret.
    let mut other = bed.connector(&json!({ "issuer": format!("http://localhost:{}", bed.oidc.port), "tokens": { "token:t": "file:client" } }));
    let look = call(Act::Look, "revoke", Mode::End, &["token:t"], &[]);
    let trouble = other.look(&look, DEADLINE).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unsupported, "{trouble}");
}
