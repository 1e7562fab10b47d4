//! Okta: states of accounts, sessions that only the log tells of, both ways of
//! proving who asks; assertions are checked with the public key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cordon_connectors::{Readiness, open};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, Call, Json, TroubleKind};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::json;

use super::conform::{Case, DEADLINE, act, call, conform, look, secret, site, trouble};
use super::description::Operation;
use super::server::{Fault, Request, Response, Server, Vendor};

const ANN: &str = "00uann00000000000001";
const BOB: &str = "00ubob00000000000002";
const APP: &str = "0oaapp00000000000001";
const TOKEN: &str = "00Ttok00000000000001";

struct Okta {
    state: Json,
    /// Of the service app that may ask for tokens.
    public_key: Vec<u8>,
    seen: Vec<String>,
    role: &'static str,
}

fn error(status: u16, code: &str, summary: &str) -> Response {
    Response::json(status, json!({ "errorCode": code, "errorSummary": summary }))
}

fn denied() -> Response {
    error(403, "E0000006", "You do not have permission to perform the requested action")
}

/// Okta tells the second from which requests are taken again, not how long to wait.
fn throttled(seconds: u32) -> Response {
    let reset = jiff::Timestamp::now().as_second() + i64::from(seconds) - 1;
    error(429, "E0000047", "API call exceeded rate limit due to too many requests.")
        .with("x-rate-limit-reset", &reset.to_string())
}

impl Okta {
    fn token(&mut self, request: &Request) -> Response {
        let form = request.form();
        let of = |name: &str| form.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let assertion = of("client_assertion");
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let part = |n: usize| -> Json {
            let text = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(n).unwrap()).unwrap();
            serde_json::from_slice(&text).unwrap()
        };
        let (head, claims) = (part(0), part(1));
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let id = claims["jti"].as_str().unwrap().to_owned();
        let holds = key.verify(signed.as_bytes(), &signature).is_ok()
            && head == json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" })
            && claims["iss"] == "c1"
            && claims["sub"] == "c1"
            && claims["aud"].as_str().unwrap().ends_with("/oauth2/v1/token")
            && claims["exp"].as_i64().unwrap() <= jiff::Timestamp::now().as_second() + 3600
            && !self.seen.contains(&id);
        if !holds {
            return Response::json(401, json!({ "error": "invalid_client" }));
        }
        self.seen.push(id);
        Response::json(
            200,
            json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": "t1", "scope": of("scope") }),
        )
    }

    fn user(&self, id: &str) -> Option<String> {
        let users = self.state["users"].as_object().unwrap();
        let is = |(key, user): &(&String, &Json)| *key == id || user["login"] == id;
        users.iter().find(is).map(|(key, _)| key.clone())
    }

    fn move_user(&mut self, id: &str, from: &str, to: &str) -> Response {
        if self.state["users"][id]["status"] != from {
            return error(
                400,
                "E0000001",
                "Api validation failed: Cannot change the state of the user",
            );
        }
        self.state["users"][id]["status"] = to.into();
        self.state["volatile"]["changed"][id] = jiff::Timestamp::now().to_string().into();
        Response::empty(200)
    }

    fn of_user(&mut self, operation: &str, request: &Request) -> Response {
        let found = if request.parts[0] == "me" {
            Some(BOB.to_owned())
        } else {
            self.user(&request.parts[0])
        };
        let Some(id) = found else {
            return error(404, "E0000007", "Not found: Resource not found");
        };
        match operation {
            "getUser" => {
                let user = &self.state["users"][&id];
                let changed = &self.state["volatile"]["changed"][&id];
                Response::json(
                    200,
                    json!({ "id": id, "status": user["status"], "statusChanged": changed, "profile": { "login": user["login"] } }),
                )
            }
            "listAssignedRolesForUser" => {
                Response::json(200, json!([{ "id": "r1", "type": self.role }]))
            }
            "suspendUser" => self.move_user(&id, "ACTIVE", "SUSPENDED"),
            "unsuspendUser" => self.move_user(&id, "SUSPENDED", "ACTIVE"),
            "revokeUserSessions" => {
                assert_eq!(request.asked("oauthTokens").as_deref(), Some("true"));
                let event = json!({ "published": jiff::Timestamp::now().to_string(), "eventType": "user.session.clear", "target": [{ "id": id, "type": "User" }] });
                self.state["volatile"]["log"].as_array_mut().unwrap().insert(0, event);
                Response::empty(204)
            }
            other => panic!("{other}"),
        }
    }

    fn of_app(&mut self, operation: &str, request: &Request, says: &str) -> Response {
        let shown = |id: &str, app: &Json| json!({ "id": id, "label": app["label"], "status": app["status"] });
        if operation == "listApplications" {
            let q = request.asked("q").unwrap();
            let apps = self.state["apps"].as_object().unwrap();
            let found: Vec<Json> = apps
                .iter()
                .filter(|(_, app)| app["label"].as_str().unwrap().starts_with(&q))
                .map(|(id, app)| shown(id, app))
                .collect();
            // One to a page, so that pages are turned.
            let at: usize = request.asked("after").map_or(0, |after| after.parse().unwrap());
            let response = Response::json(200, found.iter().skip(at).take(1).cloned().collect());
            let own = format!("<http://{says}/api/v1/apps?q={q}>; rel=\"self\"");
            let next = format!("<http://{says}/api/v1/apps?after={}&q={q}>; rel=\"next\"", at + 1);
            let response = response.with("link", &own);
            return if at + 1 < found.len() { response.with("link", &next) } else { response };
        }
        let id = request.parts[0].clone();
        if self.state["apps"].get(&id).is_none() {
            return error(404, "E0000007", "Not found");
        }
        match operation {
            "getApplication" => Response::json(200, shown(&id, &self.state["apps"][&id])),
            "deactivateApplication" => {
                self.state["apps"][&id]["status"] = "INACTIVE".into();
                Response::json(200, json!({}))
            }
            _ => {
                self.state["apps"][&id]["status"] = "ACTIVE".into();
                Response::json(200, json!({}))
            }
        }
    }

    fn of_token(&mut self, operation: &str, request: &Request) -> Response {
        let tokens = self.state["tokens"].as_object_mut().unwrap();
        if operation == "listApiTokens" {
            return Response::json(
                200,
                tokens.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect(),
            );
        }
        let id = &request.parts[0];
        let Some(name) = tokens.get(id).cloned() else {
            return error(404, "E0000007", "Not found");
        };
        if operation == "getApiToken" {
            return Response::json(200, json!({ "id": id, "name": name }));
        }
        tokens.remove(id);
        Response::empty(204)
    }
}

impl Vendor for Okta {
    fn answer(&mut self, operation: &Operation, request: &Request, says: &str) -> Response {
        if operation.name == "token" {
            return self.token(request);
        }
        if !["Bearer t1", "SSWS hush-okta"].contains(&request.header("authorization").unwrap()) {
            return error(401, "E0000011", "Invalid token provided");
        }
        match operation.name.as_str() {
            "listLogEvents" => {
                let filter = request.asked("filter").unwrap();
                let log = self.state["volatile"]["log"].as_array().unwrap();
                let of =
                    |event: &&Json| filter.contains(event["target"][0]["id"].as_str().unwrap());
                Response::json(200, log.iter().filter(of).take(1).cloned().collect())
            }
            name if name.contains("Application") => self.of_app(name, request, says),
            name if name.contains("ApiToken") => self.of_token(name, request),
            name => self.of_user(name, request),
        }
    }

    fn state(&self) -> Json {
        self.state.clone()
    }

    fn set(&mut self, state: Json) {
        self.state = state;
    }
}

fn okta(public_key: &[u8]) -> Server {
    let state = json!({
        "users": {
            ANN: { "login": "ann@north.example", "status": "ACTIVE" },
            BOB: { "login": "bob@north.example", "status": "LOCKED_OUT" },
        },
        "apps": {
            APP: { "label": "Stock", "status": "ACTIVE" },
            "0oaapp00000000000002": { "label": "Stock control", "status": "ACTIVE" },
        },
        "tokens": { TOKEN: "nightly" },
        "volatile": { "changed": { ANN: "2020-01-01T00:00:00Z" }, "log": [] },
    });
    let public_key = public_key.to_vec();
    Server::start(include_str!("okta.toml"), |_| Okta {
        state,
        public_key,
        seen: Vec::new(),
        role: "USER_ADMIN",
    })
}

const NODES: [(&str, &str); 5] = [
    ("user:ann", "ann@north.example"),
    ("user:bob", "bob@north.example"),
    ("app:stock", "Stock"),
    ("app:by-id", APP),
    ("token:nightly", ""),
];

fn with_token(server: &Server, folder: &std::path::Path) -> cordon_connectors::Site {
    let settings = json!({ "org": server.url(), "api_token": secret(folder, "okta", "hush-okta") });
    site("okta", settings, folder, &NODES)
}

#[test]
fn accounts_are_suspended_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = okta(&[]);
    let site = with_token(&server, folder.path());
    let path = format!("/users/{ANN}/status");
    conform(&Case {
        server: &server,
        site: &site,
        kind: "disable-account",
        target: "user:ann",
        touches: &[&path, "/volatile/changed/00uann"],
        right: "okta.users.manage",
        meddle: |state| state["users"][ANN]["status"] = "DEPROVISIONED".into(),
        writes: (1, 1),
        throttled,
        denied,
    });
}

#[test]
fn only_active_accounts_are_suspended_and_others_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = okta(&[]);
    let mut connector = open(&with_token(&server, folder.path())).unwrap();
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:bob"]);
    let prior = look(&mut *connector, &refuse);
    assert_eq!((prior[0].access, &prior[0].state["status"]), (Access::Open, &json!("LOCKED_OUT")));
    let refuse = Call { prior, ..refuse };
    let (kind, why) = trouble(act(&mut *connector, &refuse, DEADLINE));
    assert_eq!(kind, TroubleKind::Unsupported);
    assert!(why.contains("`user:bob` is LOCKED_OUT"), "{why}");
    assert_eq!(server.writes(), 0);
    // Somebody has deactivated what Cordon had suspended: that is left.
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:ann"]);
    let prior = look(&mut *connector, &refuse);
    let refuse = Call { prior, ..refuse };
    assert_eq!(act(&mut *connector, &refuse, DEADLINE), Answer::Done);
    server.change(|state| state["users"][ANN]["status"] = "DEPROVISIONED".into());
    server.asked();
    let restore = Call { act: Act::Restore, ..refuse };
    assert!(matches!(act(&mut *connector, &restore, DEADLINE), Answer::AlreadySo { .. }));
    assert_eq!(server.writes(), 0);
}

#[test]
fn sessions_end_and_the_log_proves_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = okta(&[]);
    let mut connector = open(&with_token(&server, folder.path())).unwrap();
    let end = call(Act::End, "end-sessions", Mode::End, &["user:ann"]);
    let seen = look(&mut *connector, &end);
    assert_eq!((seen[0].access, seen[0].residual_seconds), (Access::Open, None));
    let end = Call { prior: seen, attempt: 1, ..end };
    server.change(|state| state["users"][ANN]["status"] = "SUSPENDED".into());
    server.fault(true, Fault::Lies);
    assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
    assert_eq!(look(&mut *connector, &end)[0].residual_seconds, None, "a lie was believed");
    assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
    let seen = look(&mut *connector, &end);
    assert!((3_590..=3_600).contains(&seen[0].residual_seconds.unwrap()), "{seen:?}");
    let hours_ago =
        |hours: i64| (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string();
    let (two, three, one) = (hours_ago(2), hours_ago(3), hours_ago(1));
    server.change(|state| {
        state["volatile"]["log"][0]["published"] = two.into();
        state["volatile"]["changed"][ANN] = three.into();
    });
    assert_eq!(look(&mut *connector, &end)[0].access, Access::Refused);
    // Cleared before it was suspended: what began in between may be open.
    server.change(|state| state["volatile"]["changed"][ANN] = one.into());
    assert_eq!(look(&mut *connector, &end)[0].access, Access::Open);
}

#[test]
fn applications_are_found_by_label_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = okta(&[]);
    let site = with_token(&server, folder.path());
    let path = format!("/apps/{APP}/status");
    for target in ["app:stock", "app:by-id"] {
        conform(&Case {
            server: &server,
            site: &site,
            kind: "revoke",
            target,
            touches: &[&path],
            right: "okta.apps.manage",
            meddle: |state| state["apps"][APP]["status"] = "INACTIVE".into(),
            writes: (1, 1),
            throttled,
            denied,
        });
    }
}

#[test]
fn a_token_is_deleted_as_an_end_and_never_as_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let server = okta(&[]);
    let mut connector = open(&with_token(&server, folder.path())).unwrap();
    let refuse = call(Act::Refuse, "revoke", Mode::Refuse, &["token:nightly"]);
    assert_eq!(trouble(act(&mut *connector, &refuse, DEADLINE)).0, TroubleKind::Unsupported);
    let end = call(Act::End, "delete-token", Mode::End, &["token:nightly"]);
    assert_eq!(look(&mut *connector, &end)[0].access, Access::Open);
    assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
    assert_eq!(look(&mut *connector, &end)[0].access, Access::Absent);
    assert!(matches!(act(&mut *connector, &end, DEADLINE), Answer::AlreadySo { .. }));
}

#[test]
fn a_service_app_signs_for_its_token_and_preflight_reads_the_scopes() {
    let folder = tempfile::tempdir().unwrap();
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .unwrap();
    let server = okta(pair.public_key().as_ref());
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pkcs8.as_ref())
    );
    let settings = |scope: &str| {
        json!({
            "org": server.url(), "client_id": "c1", "key_id": "k1", "scope": scope,
            "private_key": secret(folder.path(), "key", &pem), "kinds": ["disable-account"],
        })
    };
    let able = site("okta", settings("okta.users.read okta.users.manage"), folder.path(), &NODES);
    let checks = open(&able).unwrap().preflight(DEADLINE);
    assert!(checks.iter().all(|check| check.finding == Readiness::Able), "{checks:?}");
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:ann"]);
    assert_eq!(act(&mut *open(&able).unwrap(), &refuse, DEADLINE), Answer::Done);
    let half = site("okta", settings("okta.users.read okta.groups.manage"), folder.path(), &NODES);
    let checks = open(&half).unwrap().preflight(DEADLINE);
    let told: Vec<String> = checks.iter().map(|check| format!("{:?}", check.finding)).collect();
    assert!(told.iter().any(|told| told.contains("lacks okta.users.manage")), "{told:?}");
    assert!(told.iter().any(|told| told.contains("also holds okta.groups.manage")), "{told:?}");
    // With an API token the roles of its own user are what it may do.
    let mut site = with_token(&server, folder.path());
    site.settings["kinds"] = json!(["disable-account"]);
    let checks = open(&site).unwrap().preflight(DEADLINE);
    let able = checks.iter().filter(|check| check.finding == Readiness::Able).count();
    assert_eq!(able, 3, "{checks:?}");
}
