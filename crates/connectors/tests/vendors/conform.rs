//! The promises of a connector, put to every definition in the same way.

use std::time::{Duration, Instant};

use cordon_connectors::{Connector, Site, open};
use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Order, Reply, TroubleKind,
};
use cordon_model::estate::Node;
use cordon_model::{EstateBuilder, Mode, NodeId};

use super::server::{Fault, Response, Server};

pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
pub(crate) const SHORT: Duration = Duration::from_millis(2_500);

/// One definition put to the test.
pub(crate) struct Case<'a> {
    pub(crate) server: &'a Server,
    pub(crate) site: &'a Site,
    pub(crate) kind: &'a str,
    pub(crate) target: &'a str,
    /// Paths in the server's state that may differ while it is refused.
    pub(crate) touches: &'a [&'a str],
    /// What a refusal to the connector names.
    pub(crate) right: &'a str,
    /// Somebody else changes the target.
    pub(crate) meddle: fn(&mut Json),
    /// How many requests change something: to refuse, to restore.
    pub(crate) writes: (usize, usize),
    /// Answers with which the vendor says "not now" and "you may not".
    pub(crate) throttled: fn(seconds: u32) -> Response,
    pub(crate) denied: fn() -> Response,
}

pub(crate) fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

/// A site whose estate holds these nodes with one more spelling each.
pub(crate) fn site(
    kind: &str,
    mut settings: Json,
    folder: &std::path::Path,
    nodes: &[(&str, &str)],
) -> Site {
    let mut builder = EstateBuilder::new("North", "GBP");
    for (id, spelling) in nodes {
        let mut named = Node::new(node(id));
        named.aliases.extend((!spelling.is_empty()).then(|| Box::from(*spelling)));
        builder.add_node(named);
    }
    let estate = std::sync::Arc::new(builder.finish().unwrap());
    let (name, kind) = (kind.to_owned(), kind.to_owned());
    // What a definition permits by itself is measured by one test, and waited for by no other.
    settings.as_object_mut().unwrap().entry("per_second").or_insert(1_000.into());
    Site { name, kind, settings, estate, folder: folder.to_owned(), range: None }
}

/// Writes a secret that only its owner can read.
pub(crate) fn secret(folder: &std::path::Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("file:{name}")
}

pub(crate) fn call(act: Act, kind: &str, mode: Mode, targets: &[&str]) -> Call {
    let order = Order {
        withdrawal: format!("{kind}/{}", targets[0]).into(),
        kind: kind.to_owned(),
        mode,
        targets: targets.iter().map(|id| node(id)).collect(),
        connector: None,
        enforcer: None,
        order: 1,
        lift_order: 1,
        ttl_seconds: 28_800,
        services: Vec::new(),
        note: "incident 7, plan 4f2a".to_owned(),
    };
    Call { act, targets: order.targets.clone(), order, prior: Vec::new(), attempt: 0 }
}

pub(crate) fn look(connector: &mut dyn Connector, call: &Call) -> Vec<Observed> {
    let reply =
        connector.perform(&Call { act: Act::Look, prior: Vec::new(), ..call.clone() }, DEADLINE);
    let Reply::Seen { targets } = reply else { panic!("{reply:?}") };
    targets
}

pub(crate) fn act(connector: &mut dyn Connector, call: &Call, deadline: Duration) -> Answer {
    let began = Instant::now();
    let reply = connector.perform(call, deadline);
    assert!(began.elapsed() < deadline + Duration::from_secs(2), "late: {:?}", began.elapsed());
    let Reply::Acted { outcomes } = reply else { panic!("{reply:?}") };
    assert_eq!(outcomes.len(), call.targets.len());
    outcomes[0].answer.clone()
}

pub(crate) fn trouble(answer: Answer) -> (TroubleKind, String) {
    let Answer::Failed(trouble) = answer else { panic!("{answer:?}") };
    (trouble.kind, trouble.why)
}

/// Paths that differ.
pub(crate) fn differences(before: &Json, after: &Json) -> Vec<String> {
    fn walk(path: &str, before: &Json, after: &Json, found: &mut Vec<String>) {
        match (before, after) {
            (Json::Object(a), Json::Object(b)) => {
                let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
                for name in names {
                    let (a, b) =
                        (a.get(name).unwrap_or(&Json::Null), b.get(name).unwrap_or(&Json::Null));
                    walk(&format!("{path}/{name}"), a, b, found);
                }
            }
            (a, b) if a != b => found.push(path.to_owned()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk("", before, after, &mut found);
    found
}

/// Runs every promise.
pub(crate) fn conform(case: &Case<'_>) {
    let mut connector = open(case.site).unwrap();
    let connector = &mut *connector;
    raise_and_lift(case, connector);
    others_are_left(case, connector);
    stays_in_scope(case, connector);
    honest_about_troubles(case, connector);
    honest_when_offline(case);
}

fn refuse(case: &Case<'_>) -> Call {
    call(Act::Refuse, case.kind, Mode::Refuse, &[case.target])
}

fn raised(case: &Case<'_>, connector: &mut dyn Connector) -> Call {
    let refuse = refuse(case);
    let prior = look(connector, &refuse);
    Call { prior, attempt: 1, ..refuse }
}

fn raise_and_lift(case: &Case<'_>, connector: &mut dyn Connector) {
    let before = case.server.state();
    let refuse = raised(case, connector);
    assert_eq!(refuse.prior[0].access, Access::Open, "{:?}", refuse.prior);
    let lines = connector.rehearse(&refuse, DEADLINE).unwrap();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(case.target)), "{lines:?}");
    assert!(!lines.concat().contains("hush"), "{lines:?}");
    assert_eq!(case.server.state(), before);
    assert_eq!(case.server.writes(), 0, "a look or a rehearsal writes");
    assert_eq!(act(connector, &refuse, DEADLINE), Answer::Done);
    assert_eq!(case.server.writes(), case.writes.0);
    assert_eq!(look(connector, &refuse)[0].access, Access::Refused);
    let changed = differences(&before, &case.server.state());
    for path in &changed {
        assert!(case.touches.iter().any(|known| path.starts_with(known)), "{path} was touched");
    }
    assert!(!changed.is_empty());
    let again = act(connector, &refuse, DEADLINE);
    assert!(matches!(again, Answer::AlreadySo { .. }), "{again:?}");
    assert_eq!(case.server.writes(), 0, "a second refuse writes");
    let restore = Call { act: Act::Restore, ..refuse.clone() };
    assert_eq!(act(connector, &restore, DEADLINE), Answer::Done);
    assert_eq!(case.server.writes(), case.writes.1);
    let left = differences(&before, &case.server.state());
    assert!(left.iter().all(|path| path.starts_with("/volatile")), "left behind: {left:?}");
    let seen = look(connector, &refuse);
    assert_eq!((seen[0].access, &seen[0].state), (Access::Open, &refuse.prior[0].state));
    let again = act(connector, &restore, DEADLINE);
    assert!(matches!(again, Answer::AlreadySo { .. }), "{again:?}");
    assert_eq!(case.server.writes(), 0, "a second restore writes");
}

fn others_are_left(case: &Case<'_>, connector: &mut dyn Connector) {
    // Somebody closes it between the look and the act: theirs, and left by the lift.
    let before = case.server.state();
    let refuse = raised(case, connector);
    case.server.change(case.meddle);
    let meddled = case.server.state();
    let answer = act(connector, &refuse, DEADLINE);
    let held = match &answer {
        Answer::Failed(trouble) => {
            matches!(trouble.kind, TroubleKind::Changed | TroubleKind::Unsupported)
        }
        Answer::AlreadySo { .. } => true,
        Answer::Done => false,
    };
    assert!(held, "{answer:?}");
    assert_eq!(case.server.writes(), 0, "acted on old knowledge");
    assert_eq!(case.server.state(), meddled);
    let restore = Call { act: Act::Restore, prior: Vec::new(), ..refuse };
    assert_eq!(trouble(act(connector, &restore, DEADLINE)).0, TroubleKind::Unsupported);
    case.server.change(|state| *state = before);
    case.server.asked();
}

fn stays_in_scope(case: &Case<'_>, connector: &mut dyn Connector) {
    let wrong = [
        call(Act::Refuse, "no-such-kind", Mode::Refuse, &[case.target]),
        call(Act::End, case.kind, Mode::End, &[case.target]),
        call(Act::Refuse, case.kind, Mode::Refuse, &["volcano:etna"]),
    ];
    for call in wrong {
        if case.kind == "tell-service-desk" && call.targets[0].kind() == "volcano" {
            continue;
        }
        assert_eq!(
            trouble(act(connector, &call, DEADLINE)).0,
            TroubleKind::Unsupported,
            "{call:?}"
        );
        let seen = connector.perform(&Call { act: Act::Look, ..call }, DEADLINE);
        assert!(
            matches!(&seen, Reply::Trouble(t) if t.kind == TroubleKind::Unsupported),
            "{seen:?}"
        );
    }
    assert_eq!(case.server.asked(), [], "out of scope went over the wire");
}

fn honest_about_troubles(case: &Case<'_>, connector: &mut dyn Connector) {
    let before = case.server.state();
    let refuse = raised(case, connector);
    let server = case.server;
    let mut told = Vec::new();
    let mut fails = |fault: Fault, deadline, expected: TroubleKind, words: &str| {
        server.fault(true, fault);
        let (kind, why) = trouble(act(connector, &refuse, deadline));
        assert_eq!(kind, expected, "{why}");
        assert!(why.contains(words), "`{why}` lacks `{words}`");
        server.no_faults();
        assert_eq!(differences(&before, &server.state()), Vec::<String>::new(), "{why}");
        told.push(why);
    };
    fails(Fault::Slow(SHORT * 2), SHORT, TroubleKind::NoReply, "it may have been done");
    fails(Fault::Says((case.denied)()), DEADLINE, TroubleKind::Denied, case.right);
    fails(
        Fault::Says((case.throttled)(60)),
        DEADLINE,
        TroubleKind::Unreachable,
        "takes no more requests",
    );
    fails(
        Fault::Says(Response::empty(503)),
        DEADLINE,
        TroubleKind::Unreachable,
        "nothing was changed",
    );
    fails(
        Fault::Says(Response::empty(500)),
        DEADLINE,
        TroubleKind::NoReply,
        "it may have been done",
    );
    fails(
        Fault::Says(Response::empty(412)),
        DEADLINE,
        TroubleKind::Changed,
        "somebody was quicker",
    );
    fails(
        Fault::Says(Response::empty(302)),
        DEADLINE,
        TroubleKind::Unsupported,
        "points elsewhere",
    );
    assert!(told.iter().all(|why| !why.contains("hush")), "a secret was told: {told:?}");
    // A look that is denied says so.
    server.fault(false, Fault::Says((case.denied)()));
    let seen = connector.perform(&Call { act: Act::Look, ..refuse.clone() }, DEADLINE);
    assert!(matches!(&seen, Reply::Trouble(t) if t.kind == TroubleKind::Denied), "{seen:?}");
    // Throttled for a moment only: it waits and goes on. What lies is found out by the look.
    server.fault(true, Fault::Says((case.throttled)(0)));
    server.fault(true, Fault::Lies);
    assert_eq!(act(connector, &refuse, DEADLINE), Answer::Done);
    assert_eq!(look(connector, &refuse)[0].access, Access::Open);
    // The answer is lost: nobody says done; the second try finds it done.
    server.fault(true, Fault::Lost);
    let (kind, why) = trouble(act(connector, &refuse, DEADLINE));
    assert_eq!(kind, TroubleKind::NoReply, "{why}");
    server.asked();
    let again = act(connector, &refuse, DEADLINE);
    assert!(matches!(again, Answer::AlreadySo { .. }), "{again:?}");
    assert_eq!(server.writes(), 0);
    let restore = Call { act: Act::Restore, ..refuse };
    assert_eq!(act(connector, &restore, DEADLINE), Answer::Done);
    let left = differences(&before, &server.state());
    assert!(left.iter().all(|path| path.starts_with("/volatile")), "left behind: {left:?}");
    server.asked();
}

fn honest_when_offline(case: &Case<'_>) {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let settings = case.site.settings.to_string().replace(&case.server.address, &address);
    let site = Site { settings: serde_json::from_str(&settings).unwrap(), ..case.site.clone() };
    let mut connector = open(&site).unwrap();
    let refuse = refuse(case);
    let (kind, why) = trouble(act(&mut *connector, &refuse, DEADLINE));
    assert_eq!(kind, TroubleKind::Unreachable, "{why}");
    let seen = connector.perform(&Call { act: Act::Look, ..refuse.clone() }, DEADLINE);
    assert!(matches!(&seen, Reply::Trouble(t) if t.kind == TroubleKind::Unreachable), "{seen:?}");
    let tried = connector.perform(&Call { act: Act::Probe, ..refuse }, DEADLINE);
    let Reply::Tried { findings } = tried else { panic!("{tried:?}") };
    assert_eq!(findings[0].finding, Finding::Untried);
}
