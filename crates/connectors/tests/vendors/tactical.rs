//! Tactical RMM: technicians, their sessions, and API keys that run out.

use cordon_connectors::{Readiness, open};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, Call, Json};
use serde_json::json;

use super::conform::{Case, DEADLINE, act, call, conform, look, secret, site};
use super::description::Operation;
use super::server::{Fault, Request, Response, Server, Vendor};

struct Tactical {
    state: Json,
}

fn detail(status: u16, words: &str) -> Response {
    Response::json(status, json!({ "detail": words }))
}

fn denied() -> Response {
    detail(403, "You do not have permission to perform this action.")
}

fn throttled(seconds: u32) -> Response {
    detail(429, "Request was throttled.").with("retry-after", &seconds.to_string())
}

impl Tactical {
    fn row(&mut self, table: &str, id: &str) -> Option<&mut Json> {
        let rows = self.state[table].as_array_mut().unwrap();
        rows.iter_mut().find(|row| row["id"].to_string() == id)
    }

    fn merged(&mut self, table: &str, request: &Request, says: &str) -> Response {
        let body = request.json();
        let Some(row) = self.row(table, &request.parts[0]) else {
            return detail(404, "Not found.");
        };
        for (name, value) in body.as_object().unwrap() {
            row[name] = value.clone();
        }
        Response::json(200, says.into())
    }
}

impl Vendor for Tactical {
    fn answer(&mut self, operation: &Operation, request: &Request, _says: &str) -> Response {
        if request.header("x-api-key") != Some("hush-rmm") {
            return detail(401, "Authentication credentials were not provided.");
        }
        let id = request.parts.first().cloned().unwrap_or_default();
        match operation.name.as_str() {
            "GetAddUsers.get" => {
                let search = request.asked("search").unwrap_or_default().to_lowercase();
                let users = self.state["users"].as_array().unwrap().iter();
                let has = |user: &&Json| {
                    user["username"].as_str().unwrap().to_lowercase().contains(&search)
                };
                Response::json(200, users.filter(has).cloned().collect())
            }
            "GetUpdateDeleteUser.get" => match self.row("users", &id) {
                Some(user) => Response::json(
                    200,
                    json!({ "id": user["id"], "username": user["username"], "is_active": user["is_active"] }),
                ),
                None => detail(404, "Not found."),
            },
            "GetUpdateDeleteUser.put" => self.merged("users", request, "ok"),
            "GetDeleteActiveLoginSessionsPerUser.get" => {
                Response::json(200, self.state["sessions"][&id].clone())
            }
            "GetDeleteActiveLoginSessionsPerUser.delete" => {
                self.state["sessions"][&id] = json!([]);
                Response::json(200, "ok".into())
            }
            "GetUpdateDeleteRole.get" => Response::json(200, self.state["role"].clone()),
            "GetAddAPIKeys.get" => Response::json(200, self.state["keys"].clone()),
            "GetUpdateDeleteAPIKey.put" => self.merged("keys", request, "The API Key was edited"),
            other => panic!("{other}"),
        }
    }

    fn state(&self) -> Json {
        self.state.clone()
    }

    fn set(&mut self, state: Json) {
        self.state = state;
    }
}

fn tactical() -> Server {
    let session = |digest: &str| json!({ "digest": digest, "user": "ann", "created": "2026-01-01T00:00:00Z", "expiry": "2036-01-01T00:00:00Z" });
    let state = json!({
        "users": [
            { "id": 1, "username": "cordon", "is_active": true, "role": 5 },
            { "id": 4, "username": "ann", "is_active": true, "role": 2 },
            { "id": 6, "username": "joann", "is_active": true, "role": 2 },
        ],
        "sessions": { "4": [session("a"), session("b")], "6": [session("c")] },
        "role": { "id": 5, "name": "cordon", "is_superuser": false, "can_list_accounts": true, "can_manage_accounts": true, "can_list_api_keys": true, "can_manage_api_keys": true, "can_list_roles": true, "can_reboot_agents": false, "user_count": 1 },
        "keys": [
            { "id": 7, "username": "ann", "name": "nightly", "key": "hush-nightly", "expiration": null, "user": 4 },
            { "id": 8, "username": "ann", "name": "yearly", "key": "hush-yearly", "expiration": "2036-05-06T07:08:09Z", "user": 4 },
        ],
    });
    Server::start(include_str!("tactical.toml"), |_| Tactical { state })
}

fn rmm(server: &Server, folder: &std::path::Path) -> cordon_connectors::Site {
    let settings = json!({ "url": server.url(), "api_key": secret(folder, "rmm", "hush-rmm"), "user": "cordon" });
    site(
        "tactical-rmm",
        settings,
        folder,
        &[("user:ann", ""), ("key:nightly", ""), ("key:yearly", "")],
    )
}

#[test]
fn technicians_are_refused_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = tactical();
    conform(&Case {
        server: &server,
        site: &rmm(&server, folder.path()),
        kind: "disable-account",
        target: "user:ann",
        touches: &["/users"],
        right: "can_manage_accounts",
        meddle: |state| state["users"][1]["is_active"] = false.into(),
        writes: (1, 1),
        throttled,
        denied,
    });
    assert_eq!(server.state()["users"][2]["is_active"], true);
}

#[test]
fn api_keys_run_out_and_get_their_time_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = tactical();
    let site = rmm(&server, folder.path());
    let later = |state: &mut Json| {
        for key in state["keys"].as_array_mut().unwrap() {
            key["expiration"] = "2037-01-01T00:00:00Z".into();
        }
    };
    for target in ["key:nightly", "key:yearly"] {
        conform(&Case {
            server: &server,
            site: &site,
            kind: "revoke",
            target,
            touches: &["/keys"],
            right: "can_manage_api_keys",
            meddle: later,
            writes: (1, 1),
            throttled,
            denied,
        });
    }
    // The prior state goes to the ledger: no key is in it.
    let seen = look(
        &mut *open(&site).unwrap(),
        &call(Act::Refuse, "revoke", Mode::Refuse, &["key:nightly"]),
    );
    assert!(!serde_json::to_string(&seen).unwrap().contains("hush"));
}

#[test]
fn sessions_are_counted_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let server = tactical();
    let mut connector = open(&rmm(&server, folder.path())).unwrap();
    let end = call(Act::End, "end-sessions", Mode::End, &["user:ann"]);
    let seen = look(&mut *connector, &end);
    assert_eq!((seen[0].access, seen[0].open), (Access::Open, 2));
    let end = Call { prior: seen, attempt: 1, ..end };
    server.fault(true, Fault::Lies);
    assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
    assert_eq!(look(&mut *connector, &end)[0].open, 2, "a lie was believed");
    assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
    assert_eq!(look(&mut *connector, &end)[0].access, Access::Refused);
    assert_eq!(server.state()["sessions"]["6"].as_array().unwrap().len(), 1);
    server.asked();
    assert!(matches!(act(&mut *connector, &end, DEADLINE), Answer::AlreadySo { .. }));
    assert_eq!(server.writes(), 0);
}

#[test]
fn preflight_reads_the_role_of_the_keys_own_user() {
    let folder = tempfile::tempdir().unwrap();
    let server = tactical();
    let mut connector = open(&rmm(&server, folder.path())).unwrap();
    let checks = connector.preflight(DEADLINE);
    assert!(checks.iter().all(|check| check.finding == Readiness::Able), "{checks:?}");
    server.change(|state| {
        state["role"]["can_manage_api_keys"] = false.into();
        state["role"]["can_reboot_agents"] = true.into();
    });
    let told: Vec<String> =
        connector.preflight(DEADLINE).iter().map(|check| format!("{:?}", check.finding)).collect();
    assert!(told.iter().any(|told| told.contains("lacks can_manage_api_keys")), "{told:?}");
    assert!(told.iter().any(|told| told.contains("also holds can_reboot_agents")), "{told:?}");
}
