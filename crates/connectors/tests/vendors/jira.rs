//! Jira Cloud: one ticket for an order, opened when access is withdrawn and
//! closed when it is back.

use cordon_connectors::{Readiness, open};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, Call, Finding, Json, Reply};
use serde_json::json;

use super::conform::{Case, DEADLINE, act, call, conform, look, secret, site};
use super::description::Operation;
use super::server::{Request, Response, Server, Vendor};

struct Jira {
    state: Json,
    /// What a regular user of the connector may do.
    rights: Vec<&'static str>,
}

fn error(status: u16, words: &str) -> Response {
    Response::json(status, json!({ "errorMessages": [words], "errors": {} }))
}

fn denied() -> Response {
    error(403, "You do not have permission to create issues in this project.")
}

fn throttled(seconds: u32) -> Response {
    error(429, "Rate limit exceeded.").with("retry-after", &seconds.to_string())
}

impl Jira {
    fn tickets(&mut self) -> &mut Vec<Json> {
        self.state["volatile"]["tickets"].as_array_mut().unwrap()
    }

    fn search(&mut self, request: &Request) -> Response {
        let body = request.json();
        let jql = body["jql"].as_str().unwrap().to_owned();
        let label = jql.split('"').nth(3).unwrap().to_owned();
        let open = |ticket: &&Json| {
            ticket["status"] != "done"
                && ticket["labels"].as_array().unwrap().contains(&json!(label))
        };
        let found: Vec<Json> = self
            .tickets()
            .iter()
            .filter(open)
            .map(|ticket| json!({ "id": ticket["id"], "key": ticket["key"], "fields": {} }))
            .collect();
        // One to a page, so that pages are turned.
        let at: usize = body["nextPageToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let page: Vec<&Json> = found.iter().skip(at).take(1).collect();
        let mut answer = json!({ "issues": page });
        if at + 1 < found.len() {
            answer["nextPageToken"] = (at + 1).to_string().into();
        }
        Response::json(200, answer)
    }
}

impl Vendor for Jira {
    fn answer(&mut self, operation: &Operation, request: &Request, _says: &str) -> Response {
        // cordon@north.example:hush-jira
        if request.header("authorization") != Some("Basic Y29yZG9uQG5vcnRoLmV4YW1wbGU6aHVzaC1qaXJh")
        {
            return error(401, "Client must be authenticated to access this resource.");
        }
        let key = request.parts.first().cloned().unwrap_or_default();
        match operation.name.as_str() {
            "searchAndReconsileIssuesUsingJqlPost" => self.search(request),
            "createIssue" => {
                let number = self.tickets().len() + 1;
                let fields = request.json()["fields"].clone();
                let key = format!("DESK-{number}");
                self.tickets().push(json!({ "id": number.to_string(), "key": key, "status": "new", "labels": fields["labels"], "fields": fields, "comments": 0 }));
                Response::json(201, json!({ "id": number.to_string(), "key": key }))
            }
            "getMyPermissions" => {
                let asked = request.asked("permissions").unwrap();
                let one = |name: &str| {
                    (
                        name.to_owned(),
                        json!({ "key": name, "havePermission": self.rights.contains(&name) }),
                    )
                };
                Response::json(
                    200,
                    json!({ "permissions": asked.split(',').map(one).collect::<serde_json::Map<_, _>>() }),
                )
            }
            "getTransitions" => {
                let way = |id: &str, to: &str| json!({ "id": id, "name": to, "to": { "statusCategory": { "key": to } } });
                Response::json(
                    200,
                    json!({ "transitions": [way("11", "indeterminate"), way("31", "done")] }),
                )
            }
            name => {
                let Some(ticket) = self.tickets().iter_mut().find(|ticket| ticket["key"] == key)
                else {
                    return error(404, "Issue does not exist");
                };
                match name {
                    "getIssue" => Response::json(
                        200,
                        json!({ "id": ticket["id"], "key": key, "fields": { "status": { "statusCategory": { "key": ticket["status"] } } } }),
                    ),
                    "addComment" => {
                        ticket["comments"] = (ticket["comments"].as_i64().unwrap() + 1).into();
                        Response::json(201, json!({ "id": "1" }))
                    }
                    _ if request.json()["transition"]["id"] == "31" => {
                        ticket["status"] = "done".into();
                        Response::empty(204)
                    }
                    _ => error(400, "no such transition"),
                }
            }
        }
    }

    fn state(&self) -> Json {
        self.state.clone()
    }

    fn set(&mut self, state: Json) {
        self.state = state;
    }
}

const LEAST: [&str; 4] = ["BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "TRANSITION_ISSUES"];

fn jira(rights: &[&'static str]) -> Server {
    let theirs = json!({ "id": "1", "key": "DESK-1", "status": "new", "labels": ["printer"], "comments": 0 });
    let state = json!({ "volatile": { "tickets": [theirs] } });
    let rights = rights.to_vec();
    Server::start(include_str!("jira.toml"), |_| Jira { state, rights })
}

fn desk(server: &Server, folder: &std::path::Path) -> cordon_connectors::Site {
    let settings = json!({
        "site": server.url(), "user": "cordon@north.example", "project": "DESK",
        "api_token": secret(folder, "jira", "hush-jira"),
    });
    site("jira", settings, folder, &[("user:ann", ""), ("user:bob", "")])
}

#[test]
fn a_ticket_is_opened_and_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = jira(&LEAST);
    // Somebody else opens the very ticket by hand: it counts, and no second one is opened.
    let meddle = |state: &mut Json| {
        let mut copy = state["volatile"]["tickets"][1].clone();
        copy["status"] = "new".into();
        state["volatile"]["tickets"].as_array_mut().unwrap().push(copy);
    };
    conform(&Case {
        server: &server,
        site: &desk(&server, folder.path()),
        kind: "tell-service-desk",
        target: "user:ann",
        touches: &["/volatile/tickets"],
        right: "CREATE_ISSUES",
        meddle,
        writes: (1, 2),
        throttled,
        denied,
    });
    assert_eq!(
        server.state()["volatile"]["tickets"][0]["comments"],
        0,
        "another's ticket was touched"
    );
}

#[test]
fn one_ticket_serves_all_targets_of_an_order_and_says_who_will_call() {
    let folder = tempfile::tempdir().unwrap();
    let server = jira(&LEAST);
    let mut connector = open(&desk(&server, folder.path())).unwrap();
    let refuse = call(Act::Refuse, "tell-service-desk", Mode::Refuse, &["user:ann", "user:bob"]);
    let prior = look(&mut *connector, &refuse);
    assert_eq!((prior.len(), prior[1].target.as_str()), (2, "user:bob"));
    let refuse = Call { prior, ..refuse };
    assert_eq!(act(&mut *connector, &refuse, DEADLINE), Answer::Done);
    assert_eq!(server.writes(), 1);
    let ticket = server.state()["volatile"]["tickets"][1].to_string();
    assert!(
        ticket.contains("user:ann, user:bob") && ticket.contains("incident 7, plan 4f2a"),
        "{ticket}"
    );
    assert!(look(&mut *connector, &refuse).iter().all(|seen| seen.access == Access::Refused));
    let reply = connector.perform(&Call { act: Act::Probe, ..refuse.clone() }, DEADLINE);
    assert!(
        matches!(&reply, Reply::Tried { findings } if findings.iter().all(|f| f.finding == Finding::Holds)),
        "{reply:?}"
    );
    // Another order's ticket is another ticket.
    let mut other = refuse;
    other.order.note = "incident 8".to_owned();
    assert!(look(&mut *connector, &other).iter().all(|seen| seen.access == Access::Open));
}

#[test]
fn preflight_asks_for_the_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let told = |rights: &[&'static str]| {
        let server = jira(rights);
        let checks = open(&desk(&server, folder.path())).unwrap().preflight(DEADLINE);
        checks.into_iter().map(|check| check.finding).collect::<Vec<_>>()
    };
    assert!(told(&LEAST).iter().all(|finding| *finding == Readiness::Able));
    let half = format!("{:?}", told(&LEAST[..2]));
    assert!(half.contains("lacks ADD_COMMENTS, TRANSITION_ISSUES"), "{half}");
    let more = format!("{:?}", told(&[&LEAST[..], &["ADMINISTER"]].concat()));
    assert!(more.contains("also holds ADMINISTER"), "{more}");
}
