//! A gateway that checks every packet by itself, and answers as it is told.

use std::sync::Arc;

use cordon_model::EstateBuilder;
use cordon_model::action::Order;
use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use serde_json::json;

use super::*;

const KEY: &[u8] = b"hush-radius";

/// How the gateway answers.
#[derive(Clone, Copy)]
enum Manner {
    /// By its list of sessions: `ann` and session `77`.
    Honest,
    Nak(u32),
    NakWithoutCause,
    /// The first packet of each request is lost.
    LosesFirst,
    Silent,
    WrongSecret,
    WrongMessageAuthenticator,
    NoMessageAuthenticator,
}

/// Code, attributes and authenticator of a packet that is well signed; panics otherwise.
fn checked(packet: &[u8]) -> BTreeMap<u8, Vec<u8>> {
    assert_eq!(
        (packet[0], usize::from(u16::from_be_bytes([packet[2], packet[3]]))),
        (40, packet.len())
    );
    let mut unsigned = packet.to_vec();
    unsigned[4..20].fill(0);
    let digest: [u8; 16] = Md5::new().chain_update(&unsigned).chain_update(KEY).finalize().into();
    assert_eq!(packet[4..20], digest, "the request authenticator");
    let mut found = BTreeMap::new();
    let mut at = 20;
    while at < packet.len() {
        let length = usize::from(packet[at + 1]);
        let value = packet[at + 2..at + length].to_vec();
        assert!(found.insert(packet[at], value).is_none(), "an attribute twice");
        if packet[at] == 80 {
            unsigned[at + 2..at + 18].fill(0);
        }
        at += length;
    }
    let mut mac = Hmac::<Md5>::new_from_slice(KEY).unwrap();
    mac.update(&unsigned);
    assert_eq!(found[&80], mac.finalize().into_bytes().to_vec(), "the message authenticator");
    let now = u32::try_from(Timestamp::now().as_second()).unwrap();
    let stamp = u32::from_be_bytes(found[&55].clone().try_into().unwrap());
    assert!(now.abs_diff(stamp) < 60, "a replay");
    found
}

fn answer(packet: &[u8], code: u8, cause: Option<u32>, manner: Manner) -> Vec<u8> {
    let key = if matches!(manner, Manner::WrongSecret) { b"other".as_slice() } else { KEY };
    let mut body = vec![80, 18];
    body.extend([0; 16]);
    if let Some(cause) = cause {
        body.extend([101, 6]);
        body.extend(cause.to_be_bytes());
    }
    if matches!(manner, Manner::NoMessageAuthenticator) {
        body.drain(..18);
    }
    let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let head = [code, packet[1], length[0], length[1]];
    if !matches!(manner, Manner::NoMessageAuthenticator | Manner::WrongMessageAuthenticator) {
        let mut mac = Hmac::<Md5>::new_from_slice(key).unwrap();
        mac.update(&[&head[..], &packet[4..20], &body].concat());
        body.splice(2..18, mac.finalize().into_bytes());
    }
    let parts = [&head[..], &packet[4..20], &body, key].concat();
    [&head[..], &Md5::digest(parts), &body].concat()
}

/// Starts a gateway; it lives as long as the process.
fn gateway(manner: Manner) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut met = std::collections::BTreeSet::new();
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let packet = &buffer[..length];
            let attributes = checked(packet);
            let text = |kind: u8| {
                attributes.get(&kind).map(|value| String::from_utf8(value.clone()).unwrap())
            };
            let known = text(1).as_deref() == Some("ann") || text(44).as_deref() == Some("77");
            let (code, cause) = match manner {
                Manner::Silent => continue,
                Manner::LosesFirst if met.insert(packet.to_vec()) => continue,
                Manner::Nak(cause) => (42, Some(cause)),
                Manner::NakWithoutCause => (42, None),
                _ if known => (41, None),
                _ => (42, Some(503)),
            };
            socket.send_to(&answer(packet, code, cause, manner), from).unwrap();
        }
    });
    address
}

fn connector(server: &str, more: Json) -> Box<dyn Connector> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s"), KEY).unwrap();
    std::fs::set_permissions(folder.path().join("s"), std::fs::Permissions::from_mode(0o600))
        .unwrap();
    let mut settings = json!({ "server": server, "secret": "file:s", "nas_identifier": "gw1" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let site = Site {
        name: "vpn".to_owned(),
        kind: "radius".to_owned(),
        settings,
        estate: Arc::new(EstateBuilder::new("North", "GBP").finish().unwrap()),
        folder: folder.path().to_owned(),
        range: None,
    };
    open(&site).unwrap()
}

fn call(act: Act, targets: &[&str], attempt: u32) -> Call {
    let targets: Vec<NodeId> = targets.iter().map(|id| NodeId::parse(id).unwrap()).collect();
    let order = Order {
        withdrawal: "end-sessions/user:ann".into(),
        kind: KIND.to_owned(),
        mode: Mode::End,
        targets: targets.clone(),
        connector: None,
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 60,
        services: Vec::new(),
        note: String::new(),
    };
    Call { act, order, targets, prior: Vec::new(), attempt }
}

fn end(connector: &mut dyn Connector, targets: &[&str], deadline: Duration) -> Vec<Answer> {
    let outcomes = connector.end(&call(Act::End, targets, 1), deadline).unwrap();
    outcomes.into_iter().map(|outcome| outcome.answer).collect()
}

const DEADLINE: Duration = Duration::from_secs(4);
const SHORT: Duration = Duration::from_millis(400);

#[test]
fn sessions_end_and_the_gateways_word_is_kept() {
    let server = gateway(Manner::Honest);
    let mut connector =
        connector(&server, json!({ "session_seconds": 3600, "names": { "user:a": "ann" } }));
    let targets = ["user:a", "session:77", "user:nobody"];
    let seen = connector.look(&call(Act::Look, &targets, 0), DEADLINE).unwrap();
    assert!(seen.iter().all(|seen| seen.access == Access::Open && seen.residual_seconds.is_none()));
    let lines = connector.rehearse(&call(Act::End, &targets, 0), DEADLINE).unwrap();
    assert!(
        lines[0].ends_with("for User-Name `ann`") && lines[1].ends_with("for Acct-Session-Id `77`"),
        "{lines:?}"
    );
    let answers = end(&mut *connector, &targets, DEADLINE);
    assert_eq!(answers, [Answer::Done, Answer::Done, Answer::AlreadySo { by: None }]);
    let seen = connector.look(&call(Act::Look, &targets, 1), DEADLINE).unwrap();
    let told: Vec<_> = seen.iter().map(|seen| (seen.access, seen.open)).collect();
    assert_eq!(told, [(Access::Refused, 0), (Access::Refused, 0), (Access::Open, 1)]);
    assert!((3_590..=3_600).contains(&seen[2].residual_seconds.unwrap()));
    // What was said before is not said of the next order's sessions, and nothing of others.
    let first = connector.look(&call(Act::Look, &["user:a"], 0), DEADLINE).unwrap();
    assert_eq!(first[0].access, Access::Open);
    let other = connector.look(&call(Act::Look, &["user:other"], 1), DEADLINE).unwrap();
    assert_eq!(other[0].access, Access::Unknown);
    assert_eq!(connector.preflight(DEADLINE)[0].finding, Readiness::Able);
}

#[test]
fn many_sessions_end_in_one_call() {
    let server = gateway(Manner::Honest);
    let mut connector = connector(&server, json!({}));
    let names: Vec<String> =
        (0..200).map(|n| format!("user:u{n}")).chain(["user:ann".to_owned()]).collect();
    let targets: Vec<&str> = names.iter().map(String::as_str).collect();
    let answers = end(&mut *connector, &targets, DEADLINE);
    assert_eq!(answers.len(), 201);
    assert!(answers[..200].iter().all(|answer| *answer == Answer::AlreadySo { by: None }));
    assert_eq!(answers[200], Answer::Done);
}

#[test]
fn a_lost_packet_is_sent_again() {
    let mut connector = connector(&gateway(Manner::LosesFirst), json!({}));
    assert_eq!(end(&mut *connector, &["user:ann"], DEADLINE), [Answer::Done]);
}

#[test]
fn refusals_are_told_for_what_they_are() {
    let cases = [
        (Manner::Nak(501), TroubleKind::Denied),
        (Manner::Nak(403), TroubleKind::Unsupported),
        (Manner::Nak(504), TroubleKind::NotEffective),
        (Manner::Nak(506), TroubleKind::Unreachable),
        (Manner::Nak(508), TroubleKind::Unsupported),
        (Manner::Nak(402), TroubleKind::Unsupported),
        (Manner::NakWithoutCause, TroubleKind::Unknown),
        (Manner::Silent, TroubleKind::NoReply),
        (Manner::WrongSecret, TroubleKind::NoReply),
        (Manner::WrongMessageAuthenticator, TroubleKind::NoReply),
    ];
    for (manner, kind) in cases {
        let server = gateway(manner);
        let mut connector = connector(&server, json!({}));
        let began = Instant::now();
        let answers = end(&mut *connector, &["user:ann"], SHORT);
        assert!(began.elapsed() < SHORT * 2);
        let Answer::Failed(trouble) = &answers[0] else { panic!("{answers:?}") };
        assert_eq!(trouble.kind, kind, "{}", trouble.why);
        assert!(!trouble.why.contains("hush"));
        // Whatever failed is not known afterwards, and surely not closed.
        let seen = connector.look(&call(Act::Look, &["user:ann"], 1), SHORT).unwrap();
        assert_eq!(seen[0].access, Access::Unknown, "{}", trouble.why);
    }
}

#[test]
fn an_unsigned_message_is_taken_unless_settings_are_strict() {
    let server = gateway(Manner::NoMessageAuthenticator);
    let mut lenient = connector(&server, json!({}));
    assert_eq!(end(&mut *lenient, &["user:ann"], SHORT), [Answer::Done]);
    let mut strict = connector(&server, json!({ "strict": true }));
    assert!(!end(&mut *strict, &["user:ann"], SHORT)[0].is_done());
}

#[test]
fn nobody_there_and_out_of_scope() {
    let unused = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut nobody = connector(&unused, json!({}));
    let answers = end(&mut *nobody, &["user:ann"], DEADLINE);
    assert!(
        matches!(&answers[0], Answer::Failed(t) if t.kind == TroubleKind::Unreachable),
        "{answers:?}"
    );
    let mut other = call(Act::End, &["user:ann"], 1);
    other.order.kind = "disable-account".to_owned();
    for call in [other, call(Act::End, &["host:h1"], 1)] {
        assert_eq!(nobody.end(&call, SHORT).unwrap_err().kind, TroubleKind::Unsupported);
    }
    let refuse = call(Act::Refuse, &["user:ann"], 1);
    assert_eq!(nobody.refuse(&refuse, SHORT).unwrap_err().kind, TroubleKind::Unsupported);
}
