//! The documentation's own example, as a user's file: a vendor with tags, names
//! that try to break out of their place, throttling by date, broken connections.

use cordon_connectors::open;
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, Call, Json, Reply, TroubleKind};
use serde_json::json;

use super::conform::{Case, DEADLINE, act, call, conform, look, secret, site, trouble};
use super::description::Operation;
use super::server::{Fault, Request, Response, Server, Vendor};

struct Doors {
    state: Json,
    /// Somebody is quicker: the tag changes right after it was read.
    hurried: bool,
}

fn error(status: u16, code: &str) -> Response {
    Response::json(status, json!({ "error": { "code": code, "text": "no" } }))
}

fn denied() -> Response {
    error(403, "forbidden")
}

/// Says when, as a date.
fn throttled(seconds: u32) -> Response {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(i64::from(seconds));
    let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    error(429, "slow").with("retry-after", &date)
}

impl Vendor for Doors {
    fn answer(&mut self, operation: &Operation, request: &Request, _says: &str) -> Response {
        if request.header("authorization") != Some("Bearer hush-doors") {
            return error(401, "who");
        }
        if operation.name == "badges" {
            let mail = request.asked("mail").unwrap();
            let badges = self.state["badges"].as_object().unwrap().iter();
            let found: Vec<Json> = badges
                .filter(|(_, badge)| badge["mail"] == mail)
                .map(|(id, _)| json!({ "id": id, "mail": mail }))
                .collect();
            return Response::json(200, json!({ "badges": found }));
        }
        let id = &request.parts[0];
        let Some(badge) = self.state["badges"].get_mut(id) else { return error(404, "none") };
        let tag = format!("\"{}-{}\"", badge["valid"], badge["turn"]);
        if operation.name == "badge" {
            if self.hurried {
                badge["turn"] = (badge["turn"].as_i64().unwrap() + 1).into();
            }
            return Response::json(200, json!({ "id": id, "valid": badge["valid"] }))
                .with("etag", &tag);
        }
        if request.header("if-match") != Some(&tag) {
            return error(412, "stale");
        }
        badge["valid"] = request.json()["valid"].clone();
        Response::json(200, json!({}))
    }

    fn state(&self) -> Json {
        self.state.clone()
    }

    fn set(&mut self, state: Json) {
        self.state = state;
    }
}

const ODD: &str = "../ann?x=1#&%";

fn doors(hurried: bool) -> Server {
    let state = json!({ "badges": {
        ODD: { "mail": "o'neil&valid=x@north.example", "valid": true, "turn": 0 },
        "b2": { "mail": "bob@north.example", "valid": true, "turn": 0 },
    }});
    Server::start(include_str!("doors.toml"), |_| Doors { state, hurried })
}

fn warehouse(server: &Server, folder: &std::path::Path) -> cordon_connectors::Site {
    let page = include_str!("../../../../docs/connectors/http.md");
    let from = page.find("name = \"doors\"").unwrap();
    std::fs::write(folder.join("doors.toml"), page[from..].split("```").next().unwrap()).unwrap();
    let settings = json!({ "definition": "doors.toml", "url": server.url(), "token": secret(folder, "doors", "hush-doors") });
    let nodes = [("user:ann", "o'neil&valid=x@north.example"), ("user:bob", "bob@north.example")];
    let mut site = site("http", settings, folder, &nodes);
    site.name = "doors".to_owned();
    site
}

#[test]
fn the_documented_example_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let server = doors(false);
    let path = format!("/badges/{ODD}/valid");
    conform(&Case {
        server: &server,
        site: &warehouse(&server, folder.path()),
        kind: "disable-account",
        target: "user:ann",
        touches: &[&path],
        right: "badges:write",
        meddle: |state| state["badges"][ODD]["valid"] = false.into(),
        writes: (1, 1),
        throttled,
        denied,
    });
}

#[test]
fn whoever_is_quicker_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let server = doors(true);
    let mut connector = open(&warehouse(&server, folder.path())).unwrap();
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:bob"]);
    let prior = look(&mut *connector, &refuse);
    let (kind, why) = trouble(act(&mut *connector, &Call { prior, ..refuse }, DEADLINE));
    assert_eq!(kind, TroubleKind::Changed, "{why}");
    assert_eq!(server.state()["badges"]["b2"]["valid"], true);
}

#[test]
fn reads_are_sent_once_more_and_writes_never() {
    let folder = tempfile::tempdir().unwrap();
    let server = doors(false);
    let mut connector = open(&warehouse(&server, folder.path())).unwrap();
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:bob"]);
    let prior = look(&mut *connector, &refuse);
    server.fault(false, Fault::Lost);
    assert_eq!(look(&mut *connector, &refuse)[0].access, Access::Open);
    server.asked();
    let refuse = Call { prior, ..refuse };
    server.fault(true, Fault::Lost);
    assert_eq!(trouble(act(&mut *connector, &refuse, DEADLINE)).0, TroubleKind::NoReply);
    assert_eq!(server.writes(), 1);
    // Time is over before anything begins.
    let none = std::time::Duration::ZERO;
    assert_eq!(trouble(act(&mut *connector, &refuse, none)).0, TroubleKind::Unreachable);
    assert_eq!(server.asked(), []);
    let restore = Call { act: Act::Restore, ..refuse };
    assert_eq!(act(&mut *connector, &restore, DEADLINE), Answer::Done);
    // What the vendor does not say is unknown, and nothing is written.
    server.fault(false, Fault::Says(Response::json(200, json!({ "id": "b2" }))));
    let reply = connector.perform(&Call { act: Act::Refuse, ..restore }, DEADLINE);
    let Reply::Acted { outcomes } = reply else { panic!("{reply:?}") };
    assert!(
        matches!(&outcomes[0].answer, Answer::Failed(t) if t.kind == TroubleKind::Unknown),
        "{outcomes:?}"
    );
}
