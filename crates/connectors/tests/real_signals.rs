//! Shared Signals against a receiver that verifies with another library, and events that
//! the other library signs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cordon_connectors::conformance::{Help, Promise, Subject, Verdict, examine};
use cordon_connectors::signals::{Expected, Keys, Rejected, Statement, receive};
use cordon_connectors::{Connector, Readiness, Site, open};
use cordon_model::action::{Access, Act, Answer, Call, Finding, Json, Order, TroubleKind};
use cordon_model::{EstateBuilder, Mode, NodeId};
use cordon_testbed::meddler::{Meddler, Meddling};
use cordon_testbed::receiver::{self, Receiver};
use ring::signature::KeyPair as _;
use serde_json::json;

const ISSUER: &str = "https://cordon.north.example/";
const AUDIENCE: &str = "https://payroll.example/";
const TOKEN: &str = "a-token-for-tests";
const DEADLINE: Duration = Duration::from_secs(5);

fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

struct Bed {
    receiver: Receiver,
    folder: tempfile::TempDir,
}

fn secret(folder: &Path, name: &str, value: &str) {
    let file = folder.join(name);
    std::fs::write(&file, value).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

/// A receiver that knows our Ed25519 and P-256 keys, and a folder with those and a stranger's.
fn bed() -> Option<Bed> {
    let folder = tempfile::tempdir().unwrap();
    let random = ring::rand::SystemRandom::new();
    let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let ec = ring::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let ec_pair =
        ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, ec.as_ref(), &random).unwrap();
    let ed = ring::signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let ed_pair = ring::signature::Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap();
    let stranger = ring::signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = ec_pair.public_key().as_ref();
    let jwks = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": text(ed_pair.public_key().as_ref()) },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "x": text(&point[1..33]), "y": text(&point[33..]) },
    ] });
    for (name, der) in [("ec", ec.as_ref()), ("ed", ed.as_ref()), ("stranger", stranger.as_ref())] {
        secret(folder.path(), name, &pem(der));
    }
    secret(folder.path(), "token", TOKEN);
    secret(folder.path(), "wrong", "another");
    match receiver::start(ISSUER, AUDIENCE, &jwks.to_string(), TOKEN) {
        Ok(receiver) => Some(Bed { receiver, folder }),
        Err(missing) => {
            println!("skipped: real_signals ({missing})");
            None
        }
    }
}

impl Bed {
    fn site(&self, extra: &Json) -> Site {
        let mut builder = EstateBuilder::new("North", "GBP");
        for (id, aliases) in [
            ("user:ann", &["ann@north.example", "NORTH\\ann"][..]),
            ("user:bob", &["bob@north.example", "b.lee@north.example"][..]),
        ] {
            let index = builder.node(&node(id));
            let aliases = aliases.iter().map(|alias| (*alias).into()).collect();
            builder.describe(index, None, aliases, Vec::new());
        }
        let mut settings = json!({
            "endpoint": format!("{}/events", self.receiver.url), "issuer": ISSUER,
            "audience": AUDIENCE, "key": "file:ed", "key_id": "ed", "token": "file:token",
            "within_seconds": 300,
            "credentials": { "key:ann-stick": {
                "of": "user:ann", "kind": "fido2-roaming", "name": "Ann's stick" } },
        });
        for (key, value) in extra.as_object().unwrap() {
            settings[key] = value.clone();
        }
        Site {
            name: "payroll".to_owned(),
            kind: "shared-signals".to_owned(),
            settings,
            estate: Arc::new(builder.finish().unwrap()),
            folder: self.folder.path().to_owned(),
            range: None,
        }
    }

    fn connector(&self, extra: &Json) -> Box<dyn Connector> {
        open(&self.site(extra)).unwrap()
    }

    fn ask(&self, path: &str, body: Option<&Json>) -> Json {
        let url = format!("{}{path}", self.receiver.url);
        let mut answer = match body {
            Some(body) => ureq::post(url).send(body.to_string()).unwrap(),
            None => ureq::get(url).call().unwrap(),
        };
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    fn taken(&self) -> Vec<Json> {
        self.ask("/events", None).as_array().unwrap().clone()
    }
}

fn call(act: Act, kind: &str, target: &str, attempt: u32) -> Call {
    let order = Order {
        withdrawal: format!("{kind}/{target}").into(),
        kind: kind.to_owned(),
        mode: Mode::End,
        targets: vec![node(target)],
        connector: None,
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 600,
        services: Vec::new(),
        note: "incident 7, plan 3".to_owned(),
    };
    Call { act, targets: order.targets.clone(), order, prior: Vec::new(), attempt }
}

fn end(connector: &mut dyn Connector, call: &Call) -> Answer {
    match connector.end(call, DEADLINE) {
        Ok(mut outcomes) => outcomes.remove(0).answer,
        Err(trouble) => Answer::Failed(trouble),
    }
}

fn kind(answer: &Answer) -> Option<TroubleKind> {
    match answer {
        Answer::Failed(trouble) => Some(trouble.kind),
        Answer::Done | Answer::AlreadySo { .. } => None,
    }
}

#[test]
fn a_receiver_takes_what_we_sign_once() {
    let Some(bed) = bed() else { return };
    for (key, alg) in [("ed", "EdDSA"), ("ec", "ES256")] {
        let mut connector = bed.connector(&json!({ "key": format!("file:{key}"), "key_id": key }));
        let before = bed.taken().len();
        let first = call(Act::End, "end-sessions", "user:ann", if key == "ed" { 1 } else { 2 });
        println!("{}", connector.rehearse(&first, DEADLINE).unwrap().join("\n"));
        assert_eq!(bed.taken().len(), before, "a rehearsal sends nothing");
        assert_eq!(end(&mut *connector, &first), Answer::Done);
        // The same attempt after a crash is the same event; a new attempt is a new one.
        assert_eq!(end(&mut *connector, &first), Answer::Done);
        let taken = bed.taken();
        assert_eq!(taken.len(), before + 1);
        let event = &taken[before];
        assert_eq!(event["alg"], alg);
        assert_eq!(event["sub_id"], json!({ "format": "email", "email": "ann@north.example" }));
        let said =
            &event["events"]["https://schemas.openid.net/secevent/caep/event-type/session-revoked"];
        assert_eq!(said["initiating_entity"], "policy");
        assert_eq!(said["reason_admin"]["en"], "incident 7, plan 3");
        assert!(event.get("sub").is_none() && event.get("exp").is_none());
    }
    let mut connector = bed.connector(&json!({}));
    let revoke = call(Act::End, "revoke", "key:ann-stick", 1);
    assert_eq!(end(&mut *connector, &revoke), Answer::Done);
    let taken = bed.taken();
    let said = &taken.last().unwrap()["events"]["https://schemas.openid.net/secevent/caep/event-type/credential-change"];
    assert_eq!(
        (&said["credential_type"], &said["change_type"]),
        (&json!("fido2-roaming"), &json!("revoke"))
    );
}

#[test]
fn nobody_is_told_more_than_the_receiver_said() {
    let Some(bed) = bed() else { return };
    let mut connector = bed.connector(&json!({ "within_seconds": 2 }));
    let look = |connector: &mut dyn Connector, attempt| {
        let look = call(Act::Look, "end-sessions", "user:ann", attempt);
        let seen = connector.look(&look, DEADLINE).unwrap().remove(0);
        (seen.access, seen.residual_seconds)
    };
    assert_eq!(look(&mut *connector, 0), (Access::Open, None), "the worst is assumed");
    let event = call(Act::End, "end-sessions", "user:ann", 1);
    assert_eq!(end(&mut *connector, &event), Answer::Done);
    // Another lane of the same connector knows it too.
    let mut lane = bed.connector(&json!({ "within_seconds": 2 }));
    let (access, residual) = look(&mut *lane, 1);
    assert!(access == Access::Open && residual.is_some_and(|left| left <= 2));
    let over =
        || look(&mut *bed.connector(&json!({ "within_seconds": 2 })), 1).0 == Access::Unknown;
    cordon_testbed::wait_for("the agreed time", 10, over).unwrap();
    // Never closed, never proved, never given back.
    let probed =
        connector.probe(&call(Act::Probe, "end-sessions", "user:ann", 1), DEADLINE).unwrap();
    assert_eq!(probed[0].finding, Finding::Untried);
    assert!(connector.restore(&event, DEADLINE).is_err());
}

#[test]
fn a_receiver_that_does_not_take_it_is_told_as_it_is() {
    let Some(bed) = bed() else { return };
    let event = call(Act::End, "end-sessions", "user:ann", 1);
    let cases = [
        (json!({ "token": "file:wrong" }), TroubleKind::Denied),
        (json!({ "issuer": "https://other.example/" }), TroubleKind::Unsupported),
        (json!({ "audience": "https://other.example/" }), TroubleKind::Unsupported),
        (json!({ "key": "file:stranger" }), TroubleKind::Unsupported),
        (json!({ "endpoint": "http://127.0.0.1:9/events" }), TroubleKind::Unreachable),
        (json!({ "endpoint": format!("{}/jwks", bed.receiver.url) }), TroubleKind::Unsupported),
    ];
    for (extra, expected) in cases {
        let mut connector = bed.connector(&extra);
        let answer = end(&mut *connector, &event);
        let Answer::Failed(trouble) = &answer else { panic!("{extra}: {answer:?}") };
        println!("{trouble}");
        assert_eq!(trouble.kind, expected, "{extra}: {trouble}");
        let look =
            connector.look(&call(Act::Look, "end-sessions", "user:ann", 1), DEADLINE).unwrap();
        assert_eq!((look[0].access, look[0].residual_seconds), (Access::Open, None), "{extra}");
        assert!(connector.preflight(DEADLINE).iter().all(|c| c.finding != Readiness::Able));
    }
    assert_eq!(bed.taken(), Vec::<Json>::new());
    // Slow, and a lost answer: it may have been taken, and is told so; the repeat counts once.
    let port = bed.receiver.url.rsplit(':').next().unwrap().parse().unwrap();
    let meddler = Meddler::start(port).unwrap();
    let through = json!({ "endpoint": format!("http://127.0.0.1:{}/events", meddler.port) });
    let mut connector = bed.connector(&through);
    meddler.meddle(|_| Meddling::LoseReply(Duration::from_secs(2)));
    let lost = connector.end(&event, Duration::from_millis(600)).unwrap().remove(0).answer;
    assert_eq!(kind(&lost), Some(TroubleKind::NoReply));
    meddler.meddle(|_| Meddling::Pass);
    assert_eq!(end(&mut *connector, &event), Answer::Done);
    assert_eq!(bed.taken().len(), 1);
    meddler.meddle(|_| Meddling::Answer(503, "retry-after: 60\r\n".to_owned(), String::new()));
    assert_eq!(kind(&end(&mut *connector, &event)), Some(TroubleKind::Unreachable));
}

#[test]
fn it_names_people_as_agreed_or_not_at_all() {
    let Some(bed) = bed() else { return };
    // Two addresses are none; a name that is given counts; strangers are refused unsent.
    let mut connector = bed.connector(&json!({}));
    for target in ["user:bob", "host:till-1", "user:nobody"] {
        let answer = end(&mut *connector, &call(Act::End, "end-sessions", target, 1));
        assert_eq!(kind(&answer), Some(TroubleKind::Unsupported), "{target}");
    }
    let unknown = call(Act::End, "revoke", "key:unknown", 1);
    assert_eq!(kind(&end(&mut *connector, &unknown)), Some(TroubleKind::Unsupported));
    let refuse = call(Act::Refuse, "end-sessions", "user:ann", 1);
    let refuse = Call { order: Order { mode: Mode::Refuse, ..refuse.order.clone() }, ..refuse };
    assert!(connector.refuse(&refuse, DEADLINE).is_err());
    assert_eq!(bed.taken(), Vec::<Json>::new());
    let named = json!({ "subject": "iss_sub", "subject_issuer": "https://login.north.example/",
        "names": { "user:bob": "00u7" } });
    let mut connector = bed.connector(&named);
    let told = end(&mut *connector, &call(Act::End, "end-sessions", "user:bob", 1));
    assert_eq!(told, Answer::Done);
    let subject = &bed.taken()[0]["sub_id"];
    let expected =
        json!({ "format": "iss_sub", "iss": "https://login.north.example/", "sub": "00u7" });
    assert_eq!(*subject, expected);
}

#[test]
fn it_keeps_its_promises() {
    let Some(bed) = bed() else { return };
    let mut connector = bed.connector(&json!({}));
    let mut offline = bed.connector(&json!({ "endpoint": "http://127.0.0.1:9/events" }));
    let subject = Subject {
        outside: Some(node("host:till-1")),
        blind: true,
        ..Subject::new("end-sessions", Mode::End, vec![node("user:ann")])
    };
    let help = Help { offline: Some(&mut *offline), disturb: None };
    let lines = examine(&mut *connector, &subject, help);
    for line in &lines {
        println!("{:<10} {} ({})", line.verdict.to_string(), line.promise, line.seen);
        assert_ne!(line.verdict, Verdict::Broken, "{line:?}");
        let tried = [Promise::End, Promise::Offline, Promise::Scope];
        assert!(!tried.contains(&line.promise) || line.verdict == Verdict::Kept, "{line:?}");
    }
}

#[test]
fn what_others_sign_is_read() {
    let Some(bed) = bed() else { return };
    let keys = Keys::from_jwks(&bed.ask("/jwks", None)).unwrap();
    let issuer = "https://idp.north.example/".to_owned();
    let expected = Expected { issuer: issuer.clone(), audience: ISSUER.to_owned(), keys };
    let now = jiff::Timestamp::now();
    for alg in ["ES256", "EdDSA", "RS256"] {
        let kind = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
        let claims = json!({ "iss": issuer, "aud": ISSUER, "jti": alg, "iat": now.as_second(),
            "sub_id": { "format": "email", "email": "ann@north.example" }, "events": { kind: {} } });
        let signed = bed.ask("/sign", Some(&json!({ "alg": alg, "claims": claims })));
        let token = signed["token"].as_str().unwrap();
        let received = receive(token, &expected, |_| false, now).unwrap();
        assert_eq!(received.statement, Statement::SessionRevoked, "{alg}");
        assert_eq!(received.facts.len(), 1);
        let mut tampered = token.to_owned();
        tampered.replace_range(token.len() - 8..token.len() - 4, "AAAA");
        assert!(matches!(receive(&tampered, &expected, |_| false, now), Err(Rejected::Key(_))));
    }
}
