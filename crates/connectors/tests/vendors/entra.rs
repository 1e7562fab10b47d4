//! Microsoft Entra ID: Graph as its description says it, with tokens that end,
//! pages, and accounts that somebody else changes as well.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cordon_connectors::{Readiness, open};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, Call, Json, Reply, TroubleKind};
use serde_json::json;

use super::conform::{Case, DEADLINE, SHORT, act, call, conform, look, secret, site, trouble};
use super::description::Operation;
use super::server::{Fault, Request, Response, Server, Vendor};

const ANN: &str = "11111111-1111-1111-1111-111111111111";
const BOB: &str = "22222222-2222-2222-2222-222222222222";
const APP: &str = "33333333-3333-3333-3333-333333333333";

struct Entra {
    state: Json,
    roles: Vec<String>,
    tokens: u32,
}

fn error(status: u16, code: &str) -> Response {
    Response::json(
        status,
        json!({ "error": { "code": code, "message": format!("{code} happened") } }),
    )
}

fn denied() -> Response {
    error(403, "Authorization_RequestDenied")
}

fn throttled(seconds: u32) -> Response {
    error(429, "TooManyRequests").with("retry-after", &seconds.to_string())
}

impl Entra {
    fn token(&mut self, request: &Request) -> Response {
        let form = request.form();
        if !form.contains(&("client_secret".to_owned(), "hush-entra".to_owned())) {
            let body = json!({ "error": "invalid_client", "error_description": "AADSTS7000215" });
            return Response::json(401, body);
        }
        self.tokens += 1;
        let claims = URL_SAFE_NO_PAD.encode(json!({ "roles": self.roles }).to_string());
        let token = format!("e30.{claims}.{}", self.tokens);
        Response::json(
            200,
            json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }),
        )
    }

    fn thing(&self, kind: &str, id: &str) -> Option<(String, Json)> {
        let things = self.state[kind].as_object().unwrap();
        let is = |(key, thing): &(&String, &Json)| *key == id || thing["upn"] == id;
        things.iter().find(is).map(|(key, thing)| (key.clone(), thing.clone()))
    }

    fn listed(&self, kind: &str, request: &Request, says: &str) -> Response {
        let filter = request.asked("$filter").unwrap();
        let (property, value) = filter.split_once(" eq ").unwrap();
        let value = value.trim_matches('\'').replace("''", "'");
        let things = self.state[kind].as_object().unwrap();
        let found: Vec<Json> = things
            .iter()
            .filter(|(_, thing)| thing[property] == value)
            .map(|(id, _)| json!({ "id": id }))
            .collect();
        // One to a page, so that pages are turned.
        let at: usize = request.asked("$skiptoken").map_or(0, |at| at.parse().unwrap());
        let page: Vec<&Json> = found.iter().skip(at).take(1).collect();
        let mut body = json!({ "value": page });
        if at + 1 < found.len() {
            let next = format!(
                "http://{says}{}?%24skiptoken={}&%24filter={}",
                request.path,
                at + 1,
                percent_encoding::utf8_percent_encode(&filter, percent_encoding::NON_ALPHANUMERIC)
            );
            body["@odata.nextLink"] = next.into();
        }
        Response::json(200, body)
    }

    fn shown(thing: &Json, id: &str, request: &Request) -> Response {
        let mut body = json!({ "id": id });
        for name in request.asked("$select").unwrap_or_default().split(',') {
            if name != "id" {
                body[name] = thing[name].clone();
            }
        }
        Response::json(200, body)
    }
}

impl Vendor for Entra {
    fn answer(&mut self, operation: &Operation, request: &Request, says: &str) -> Response {
        if operation.name == "token" {
            return self.token(request);
        }
        let current = format!(
            "Bearer e30.{}",
            URL_SAFE_NO_PAD.encode(json!({ "roles": self.roles }).to_string())
        );
        let sent = request.header("authorization").unwrap();
        if sent != format!("{current}.{}", self.tokens) {
            return error(401, "InvalidAuthenticationToken");
        }
        let kind = if operation.name.starts_with("users") { "users" } else { "servicePrincipals" };
        if operation.name.ends_with("ListUser") || operation.name.ends_with("ListServicePrincipal")
        {
            return self.listed(kind, request, says);
        }
        let mut id = request.parts[0].clone();
        if operation.name.ends_with("ByAppId") {
            let things = self.state[kind].as_object().unwrap();
            let found = things.iter().find(|(_, thing)| thing["appId"] == *id);
            id = found.map(|(id, _)| id.clone()).unwrap_or_default();
        }
        let Some((id, thing)) = self.thing(kind, &id) else {
            return error(404, "Request_ResourceNotFound");
        };
        if request.method == "GET" {
            return Self::shown(&thing, &id, request);
        }
        if request.method == "POST" {
            let now = jiff::Timestamp::now().to_string();
            self.state["volatile"][&id] = now.clone().into();
            self.state[kind][&id]["signInSessionsValidFromDateTime"] = now.into();
            return Response::json(200, json!({ "value": true }));
        }
        for (name, value) in request.json().as_object().unwrap() {
            self.state[kind][&id][name] = value.clone();
        }
        Response::empty(204)
    }

    fn state(&self) -> Json {
        self.state.clone()
    }

    fn set(&mut self, state: Json) {
        self.state = state;
    }
}

fn entra(roles: &[&str]) -> Server {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let old = "2020-01-01T00:00:00Z";
    let user = |upn: &str, sid: &str| json!({ "upn": upn, "accountEnabled": true, "onPremisesSecurityIdentifier": sid, "signInSessionsValidFromDateTime": old });
    let state = json!({
        "users": {
            ANN: user("ann@north.example", "S-1-5-21-1-2-3-1104"),
            BOB: user("bob@north.example", "S-1-5-21-1-2-3-1105"),
            "44444444-4444-4444-4444-444444444444": user("twin@north.example", "S-1-5-21-9-9-9-9"),
            "55555555-5555-5555-5555-555555555555": user("twin2@north.example", "S-1-5-21-9-9-9-9"),
        },
        "servicePrincipals": {
            APP: { "appId": "77777777-7777-7777-7777-777777777777", "displayName": "O'Neil's app", "accountEnabled": true },
            "66666666-6666-6666-6666-666666666666": { "appId": "88888888-8888-8888-8888-888888888888", "displayName": "Other", "accountEnabled": true },
        },
        "volatile": {},
    });
    Server::start(include_str!("entra.toml"), |_| Entra { state, roles, tokens: 0 })
}

const LEAST: [&str; 3] =
    ["User.Read.All", "User.EnableDisableAccount.All", "User.RevokeSessions.All"];

fn settings(server: &Server, folder: &std::path::Path) -> Json {
    json!({
        "tenant": "north.example", "client_id": "c1", "client_secret": secret(folder, "entra", "hush-entra"),
        "graph": server.url(), "login": server.url(),
    })
}

const NODES: [(&str, &str); 7] = [
    ("user:ann", "ann@north.example"),
    ("user:bob", "S-1-5-21-1-2-3-1105"),
    ("user:twin", "S-1-5-21-9-9-9-9"),
    ("user:gone", "gone@north.example"),
    ("user:plain", ""),
    ("app:portal", "O'Neil's app"),
    ("app:by-client", "77777777-7777-7777-7777-777777777777"),
];

#[test]
fn accounts_are_refused_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = entra(&LEAST);
    let site = site("entra", settings(&server, folder.path()), folder.path(), &NODES);
    let path = format!("/users/{ANN}/accountEnabled");
    let by_sid = format!("/users/{BOB}/accountEnabled");
    let meddle = |state: &mut Json| {
        for id in [ANN, BOB] {
            state["users"][id]["accountEnabled"] = false.into();
        }
    };
    for (target, path) in [("user:ann", path), ("user:bob", by_sid)] {
        conform(&Case {
            server: &server,
            site: &site,
            kind: "disable-account",
            target,
            touches: &[&path],
            right: "User.EnableDisableAccount.All",
            meddle,
            writes: (1, 1),
            throttled,
            denied,
        });
    }
}

#[test]
fn applications_are_refused_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = entra(&["Application.ReadWrite.All"]);
    let site = site("entra", settings(&server, folder.path()), folder.path(), &NODES);
    let path = format!("/servicePrincipals/{APP}/accountEnabled");
    let meddle =
        |state: &mut Json| state["servicePrincipals"][APP]["accountEnabled"] = false.into();
    for target in ["app:portal", "app:by-client"] {
        conform(&Case {
            server: &server,
            site: &site,
            kind: "revoke",
            target,
            touches: &[&path],
            right: "Application.ReadWrite.All",
            meddle,
            writes: (1, 1),
            throttled,
            denied,
        });
    }
}

#[test]
fn names_lead_to_one_account_or_to_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = entra(&LEAST);
    let site = site("entra", settings(&server, folder.path()), folder.path(), &NODES);
    let mut connector = open(&site).unwrap();
    let refuse = |target| call(Act::Refuse, "disable-account", Mode::Refuse, &[target]);
    let (kind, why) = trouble(act(&mut *connector, &refuse("user:twin"), DEADLINE));
    assert_eq!(kind, TroubleKind::Unknown);
    assert!(why.contains("could be any of") && why.contains("`names`"), "{why}");
    assert_eq!(look(&mut *connector, &refuse("user:gone"))[0].access, Access::Absent);
    server.asked();
    let (kind, why) = trouble(act(&mut *connector, &refuse("user:plain"), DEADLINE));
    assert_eq!(kind, TroubleKind::Unsupported);
    assert!(why.contains("none of its spellings"), "{why}");
    assert_eq!(server.asked(), []);
    // An explicit name is the only spelling that counts.
    let mut settings = site.settings.clone();
    settings["names"] = json!({ "user:twin": "twin2@north.example" });
    let mut connector = open(&cordon_connectors::Site { settings, ..site.clone() }).unwrap();
    let prior = look(&mut *connector, &refuse("user:twin"));
    assert_eq!(prior[0].state["id"], "55555555-5555-5555-5555-555555555555");
    // A target that cannot be read does not hide the others.
    let both = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:ann", "user:plain"]);
    let seen = look(&mut *connector, &both);
    assert_eq!([seen[0].access, seen[1].access], [Access::Open, Access::Unknown]);
}

#[test]
fn sessions_end_and_what_remains_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = entra(&LEAST);
    let site = site("entra", settings(&server, folder.path()), folder.path(), &NODES);
    let mut connector = open(&site).unwrap();
    let end = call(Act::End, "end-sessions", Mode::End, &["user:ann"]);
    let seen = look(&mut *connector, &end);
    assert_eq!((seen[0].access, seen[0].residual_seconds), (Access::Open, None));
    let end = Call { prior: seen, attempt: 1, ..end };
    server.fault(true, Fault::Lies);
    assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
    let seen = look(&mut *connector, &end);
    assert_eq!(
        (seen[0].access, seen[0].residual_seconds),
        (Access::Open, None),
        "a lie was believed"
    );
    assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
    let seen = look(&mut *connector, &end);
    let left = seen[0].residual_seconds.unwrap();
    assert!((5_390..=5_400).contains(&left) && seen[0].open == 1, "{left}");
    // Later nothing is left of a disabled account; of an enabled one nobody knows.
    let later = (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(6_000)).to_string();
    server.change(|state| state["users"][ANN]["signInSessionsValidFromDateTime"] = later.into());
    assert_eq!(look(&mut *connector, &end)[0].access, Access::Open);
    server.change(|state| state["users"][ANN]["accountEnabled"] = false.into());
    assert_eq!(look(&mut *connector, &end)[0].access, Access::Refused);
    // A look before the first attempt believes no older revocation.
    let first = Call { attempt: 0, ..end.clone() };
    assert_eq!(look(&mut *connector, &first)[0].access, Access::Open);
    server.fault(true, Fault::Slow(SHORT * 2));
    server.change(|state| {
        state["users"][ANN]["signInSessionsValidFromDateTime"] = "2020-01-01T00:00:00Z".into()
    });
    assert_eq!(trouble(act(&mut *connector, &end, SHORT)).0, TroubleKind::NoReply);
}

#[test]
fn many_accounts_share_the_time_and_none_is_late() {
    let folder = tempfile::tempdir().unwrap();
    let server = entra(&LEAST);
    let id = |n: usize| format!("aaaaaaaa-aaaa-aaaa-aaaa-{n:012}");
    server.change(|state| {
        for n in 0..100 {
            state["users"][id(n)] =
                json!({ "upn": format!("u{n}@north.example"), "accountEnabled": true });
        }
    });
    let names: Vec<(String, String)> =
        (0..100).map(|n| (format!("user:u{n}"), format!("u{n}@north.example"))).collect();
    let nodes: Vec<(&str, &str)> = names.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let mut settings = settings(&server, folder.path());
    settings["per_second"] = 80.into();
    let site = site("entra", settings, folder.path(), &nodes);
    let mut connector = open(&site).unwrap();
    let targets: Vec<&str> = nodes.iter().map(|(node, _)| *node).collect();
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &targets);
    // Eighty requests in a second, two for each look: what does not fit is unknown, and nothing is late.
    let deadline = std::time::Duration::from_millis(1_500);
    let began = std::time::Instant::now();
    let reply = connector.perform(&Call { act: Act::Look, ..refuse }, deadline);
    assert!(began.elapsed() < deadline + SHORT, "late");
    let Reply::Seen { targets } = reply else { panic!("{reply:?}") };
    let open = targets.iter().filter(|seen| seen.access == Access::Open).count();
    let unknown = targets.iter().filter(|seen| seen.access == Access::Unknown).count();
    assert!((1..=62).contains(&open) && open + unknown == 100, "{open} open, {unknown} unknown");
}

#[test]
fn tokens_are_kept_renewed_and_never_given_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = entra(&LEAST);
    let site = site("entra", settings(&server, folder.path()), folder.path(), &NODES);
    let mut connector = open(&site).unwrap();
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:ann"]);
    look(&mut *connector, &refuse);
    look(&mut *connector, &refuse);
    let tokens =
        |server: &Server| server.asked().iter().filter(|(name, _)| name == "token").count();
    assert_eq!(tokens(&server), 1);
    server.fault(false, Fault::Says(error(401, "InvalidAuthenticationToken")));
    assert_eq!(look(&mut *connector, &refuse)[0].access, Access::Open);
    assert_eq!(tokens(&server), 1, "a refused token is renewed once");
    // A list that goes on at another host is not followed.
    let elsewhere = json!({ "value": [], "@odata.nextLink": "http://127.0.0.2:1/v1.0/users" });
    server.fault(false, Fault::Says(Response::json(200, elsewhere)));
    let by_sid = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:bob"]);
    let reply = connector.perform(&Call { act: Act::Look, ..by_sid }, DEADLINE);
    assert!(matches!(&reply, Reply::Trouble(t) if t.why.contains("another host")), "{reply:?}");
    // A wrong secret is denied, and is not told.
    secret(folder.path(), "entra", "hush-wrong");
    let mut connector = open(&site).unwrap();
    let reply = connector.perform(&Call { act: Act::Look, ..refuse }, DEADLINE);
    let Reply::Trouble(trouble) = reply else { panic!("{reply:?}") };
    assert_eq!(trouble.kind, TroubleKind::Denied);
    assert!(!trouble.why.contains("hush"), "{}", trouble.why);
}

#[test]
fn preflight_reads_the_rights_from_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let checks = |roles: &[&str]| {
        let server = entra(roles);
        let mut settings = settings(&server, folder.path());
        settings["kinds"] = json!(["disable-account", "end-sessions"]);
        let site = site("entra", settings, folder.path(), &NODES);
        open(&site).unwrap().preflight(DEADLINE)
    };
    assert!(checks(&LEAST).iter().all(|check| check.finding == Readiness::Able));
    let half = checks(&["User.Read.All", "User.RevokeSessions.All"]);
    let unable: Vec<_> = half.iter().filter(|check| check.finding != Readiness::Able).collect();
    assert_eq!(unable.len(), 2, "{unable:?}");
    let lacks = |check: &&cordon_connectors::Check| matches!(&check.finding, Readiness::Unable(t) if t.why.contains("lacks User.EnableDisableAccount.All"));
    assert!(unable.iter().all(lacks), "{unable:?}");
    let more = checks(&[&LEAST[..], &["Directory.ReadWrite.All"]].concat());
    assert!(more.iter().any(|check| matches!(&check.finding, Readiness::Excessive(what) if what.contains("Directory.ReadWrite.All"))));
}
