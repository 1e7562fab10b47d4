//! AWS IAM: keys, inline policies, simulated calls; every signature is computed
//! anew from what arrived and compared.

use cordon_connectors::{Readiness, open};
use cordon_model::Mode;
use cordon_model::action::{Access, Act, Answer, Call, Finding, Json, Reply, TroubleKind};
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::conform::{Case, DEADLINE, act, call, conform, look, secret, site, trouble};
use super::description::Operation;
use super::server::{Fault, Request, Response, Server, Vendor};

const ANN: &str = "arn:aws:iam::123456789012:user/staff/ann";
const JOB: &str = "arn:aws:iam::123456789012:role/nightly";
const KEY: &str = "AKIAANNANNANNANN0003";
const SELF: &str = "arn:aws:iam::123456789012:user/cordon";

struct Iam {
    state: Json,
    /// What the connector's own user may do.
    rights: Vec<&'static str>,
}

fn xml(status: u16, body: &str) -> Response {
    let kind = ("content-type".to_owned(), "text/xml".to_owned());
    Response { status, headers: vec![kind], body: body.to_owned() }
}

fn error(status: u16, code: &str) -> Response {
    xml(
        status,
        &format!(
            "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{code} happened</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        ),
    )
}

fn result(action: &str, inner: &str) -> Response {
    let result = if inner.is_empty() {
        String::new()
    } else {
        format!("<{action}Result>{inner}</{action}Result>")
    };
    xml(
        200,
        &format!(
            "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">{result}<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
        ),
    )
}

fn denied() -> Response {
    error(403, "AccessDenied")
}

/// IAM throttles with status 400, and does not say for how long unless it is asked to here.
fn throttled(seconds: u32) -> Response {
    error(400, "Throttling").with("retry-after", &seconds.to_string())
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Signature Version 4, from what arrived.
fn is_signed(request: &Request) -> bool {
    let authorization = request.header("authorization").unwrap();
    let rest =
        authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=AKIACORDONCORDON0000/").unwrap();
    let (scope, rest) = rest.split_once(", SignedHeaders=").unwrap();
    let (names, signature) = rest.split_once(", Signature=").unwrap();
    assert!(
        ["content-type", "host", "x-amz-date"]
            .iter()
            .all(|name| names.split(';').any(|n| n == *name)),
        "{names}"
    );
    let date = request.header("x-amz-date").unwrap();
    let [day, region, service, end] = scope.split('/').collect::<Vec<_>>()[..] else {
        return false;
    };
    assert_eq!((region, service, end), ("us-east-1", "iam", "aws4_request"));
    let at = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..8],
        &date[9..11],
        &date[11..13],
        &date[13..15]
    );
    let age = jiff::Timestamp::now().duration_since(at.parse().unwrap()).abs();
    assert!(date.starts_with(day) && age.as_secs() < 300, "the clock: {date}");
    let headers: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", request.header(name).unwrap()))
        .collect();
    let payload = hex(&Sha256::digest(&request.body));
    let canonical = format!("POST\n/\n\n{headers}\n{names}\n{payload}");
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = hmac(b"AWS4hush-aws", day);
    let key = hmac(&hmac(&hmac(&key, region), service), end);
    hex(&hmac(&key, &text)) == signature
}

impl Iam {
    /// The ARN of a user or role by its name alone.
    fn arn(&self, kind: &str, name: &str) -> Option<String> {
        let all = self.state[kind].as_object().unwrap();
        all.keys().find(|arn| arn.rsplit('/').next() == Some(name)).cloned()
    }

    fn policy(
        &mut self,
        action: &str,
        kind: &str,
        arn: &str,
        of: &dyn Fn(&str) -> String,
    ) -> Response {
        let policies = self.state[kind][arn]["policies"].as_object_mut().unwrap();
        let name = of("PolicyName");
        if action.starts_with("Put") {
            let document = of("PolicyDocument");
            assert!(
                serde_json::from_str::<Json>(&document).is_ok(),
                "MalformedPolicyDocument {document}"
            );
            policies.insert(name, document.into());
            return result(action, "");
        }
        let Some(document) = policies.get(&name).cloned() else {
            return error(404, "NoSuchEntity");
        };
        if action.starts_with("Delete") {
            policies.remove(&name);
            return result(action, "");
        }
        let encoded = percent_encoding::utf8_percent_encode(
            document.as_str().unwrap(),
            percent_encoding::NON_ALPHANUMERIC,
        );
        result(
            action,
            &format!("<PolicyName>{name}</PolicyName><PolicyDocument>{encoded}</PolicyDocument>"),
        )
    }

    fn keys(&self, user: &str, marker: &str) -> Response {
        let Some(arn) = self.arn("users", user) else { return error(404, "NoSuchEntity") };
        let keys = self.state["users"][&arn]["keys"].as_object().unwrap();
        // One to a page, so that pages are turned.
        let at: usize = marker.parse().unwrap_or(0);
        let member = |(id, status): (&String, &Json)| {
            format!(
                "<member><UserName>{user}</UserName><AccessKeyId>{id}</AccessKeyId><Status>{}</Status></member>",
                status.as_str().unwrap()
            )
        };
        let page: String = keys.iter().skip(at).take(1).map(member).collect();
        let more = if at + 1 < keys.len() {
            format!("<IsTruncated>true</IsTruncated><Marker>{}</Marker>", at + 1)
        } else {
            "<IsTruncated>false</IsTruncated>".to_owned()
        };
        result("ListAccessKeys", &format!("<AccessKeyMetadata>{page}</AccessKeyMetadata>{more}"))
    }

    fn simulated(&self, form: &[(String, String)], arn: &str) -> Response {
        let denies = |kind: &str| {
            let policies = self.state[kind]
                .get(arn)
                .map(|thing| thing["policies"].to_string())
                .unwrap_or_default();
            policies.contains("CordonDeny") && policies.contains("Deny")
        };
        let decided = |action: &str| match () {
            () if denies("users") || denies("roles") => "explicitDeny",
            () if arn == SELF && !self.rights.contains(&action) => "implicitDeny",
            () => "allowed",
        };
        let actions = form.iter().filter(|(name, _)| name.starts_with("ActionNames.member."));
        let results: String = actions.map(|(_, action)| {
            format!("<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>{}</EvalDecision></member>", decided(action))
        }).collect();
        result(
            "SimulatePrincipalPolicy",
            &format!(
                "<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
            ),
        )
    }
}

impl Vendor for Iam {
    fn answer(&mut self, operation: &Operation, request: &Request, _says: &str) -> Response {
        if !is_signed(request) {
            return error(403, "SignatureDoesNotMatch");
        }
        let form = request.form();
        let of = |name: &str| {
            form.iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let action = operation.name.as_str();
        match action {
            "GetAccessKeyLastUsed" => {
                let id = of("AccessKeyId");
                let users = self.state["users"].as_object().unwrap();
                let owner = users.iter().find(|(_, user)| user["keys"].get(&id).is_some());
                match owner {
                    Some((arn, _)) => result(
                        action,
                        &format!(
                            "<UserName>{}</UserName><AccessKeyLastUsed><Region>N/A</Region></AccessKeyLastUsed>",
                            arn.rsplit('/').next().unwrap()
                        ),
                    ),
                    None => denied(),
                }
            }
            "ListAccessKeys" => self.keys(&of("UserName"), &of("Marker")),
            "UpdateAccessKey" => {
                let arn = self.arn("users", &of("UserName")).unwrap();
                self.state["users"][&arn]["keys"][of("AccessKeyId")] = of("Status").into();
                result(action, "")
            }
            "SimulatePrincipalPolicy" => self.simulated(&form, &of("PolicySourceArn")),
            _ => {
                let (kind, one) =
                    if action.contains("Role") { ("roles", "Role") } else { ("users", "User") };
                let Some(arn) = self.arn(kind, &of(&format!("{one}Name"))) else {
                    return error(404, "NoSuchEntity");
                };
                if action.ends_with("Policy") {
                    return self.policy(action, kind, &arn, &of);
                }
                result(action, &format!("<{one}><Path>/</Path><Arn>{arn}</Arn></{one}>"))
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

const LEAST: [&str; 12] = [
    "iam:GetAccessKeyLastUsed",
    "iam:ListAccessKeys",
    "iam:UpdateAccessKey",
    "iam:GetUser",
    "iam:GetUserPolicy",
    "iam:PutUserPolicy",
    "iam:DeleteUserPolicy",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:PutRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:SimulatePrincipalPolicy",
];

fn iam(rights: &[&'static str]) -> Server {
    let own = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";
    let state = json!({
        "users": {
            ANN: { "keys": { "AKIAANNANNANNANN0001": "Active", "AKIAANNANNANNANN0002": "Inactive", KEY: "Active" }, "policies": { "own": own } },
            SELF: { "keys": {}, "policies": {} },
        },
        "roles": { JOB: { "policies": { "own": own, "CordonDeny": own } } },
        "volatile": {},
    });
    let rights = rights.to_vec();
    Server::start(include_str!("aws.toml"), |_| Iam { state, rights })
}

fn account(server: &Server, folder: &std::path::Path) -> cordon_connectors::Site {
    let settings = json!({
        "access_key": "AKIACORDONCORDON0000", "secret_key": secret(folder, "aws", "hush-aws"),
        "principal": SELF, "endpoint": server.url(),
    });
    let nodes = [
        ("user:ann", ANN),
        ("svcacct:nightly", JOB),
        ("key:ann-3", KEY),
        ("key:foreign", "AKIAFOREIGNFOREIGN00"),
        ("user:other-account", "arn:aws:iam::999999999999:user/staff/ann"),
        ("user:plain", "ann"),
    ];
    site("aws-iam", settings, folder, &nodes)
}

#[test]
fn keys_are_switched_off_and_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = iam(&LEAST);
    let path = format!("/users/{ANN}/keys/{KEY}");
    conform(&Case {
        server: &server,
        site: &account(&server, folder.path()),
        kind: "revoke",
        target: "key:ann-3",
        touches: &[&path],
        right: "iam:UpdateAccessKey",
        meddle: |state| state["users"][ANN]["keys"][KEY] = "Inactive".into(),
        writes: (1, 1),
        throttled,
        denied,
    });
}

#[test]
fn users_and_roles_are_denied_by_a_policy_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let server = iam(&LEAST);
    let site = account(&server, folder.path());
    let theirs = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Theirs\"}]}";
    let user = format!("/users/{ANN}/policies/CordonDeny");
    let meddle = |state: &mut Json| {
        let theirs = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Theirs\"}]}";
        state["users"][ANN]["policies"]["CordonDeny"] = theirs.into();
        state["roles"][JOB]["policies"]["CordonDeny"] = theirs.into();
    };
    conform(&Case {
        server: &server,
        site: &site,
        kind: "disable-account",
        target: "user:ann",
        touches: &[&user],
        right: "iam:PutUserPolicy",
        meddle,
        writes: (1, 1),
        throttled,
        denied,
    });
    // A policy of that name that was there before comes back as it was.
    let role = format!("/roles/{JOB}/policies/CordonDeny");
    conform(&Case {
        server: &server,
        site: &site,
        kind: "disable-account",
        target: "svcacct:nightly",
        touches: &[&role],
        right: "iam:PutRolePolicy",
        meddle,
        writes: (1, 1),
        throttled,
        denied,
    });
    // Somebody put a policy of theirs over Cordon's: it is left.
    let mut connector = open(&site).unwrap();
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:ann"]);
    let prior = look(&mut *connector, &refuse);
    let refuse = Call { prior, ..refuse };
    assert_eq!(act(&mut *connector, &refuse, DEADLINE), Answer::Done);
    assert_eq!(look(&mut *connector, &refuse)[0].owner.as_deref(), Some("cordon"));
    server.change(|state| state["users"][ANN]["policies"]["CordonDeny"] = theirs.into());
    server.asked();
    assert!(matches!(
        act(&mut *connector, &Call { act: Act::Restore, ..refuse }, DEADLINE),
        Answer::AlreadySo { .. }
    ));
    assert_eq!(server.writes(), 0);
}

#[test]
fn a_probe_simulates_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let server = iam(&LEAST);
    let mut connector = open(&account(&server, folder.path())).unwrap();
    let refuse = call(Act::Refuse, "disable-account", Mode::Refuse, &["user:ann"]);
    let mut probe = || {
        let reply = connector.perform(&Call { act: Act::Probe, ..refuse.clone() }, DEADLINE);
        let Reply::Tried { findings } = reply else { panic!("{reply:?}") };
        findings[0].finding
    };
    assert_eq!(probe(), Finding::Leaks);
    let document = "{\"Statement\":[{\"Sid\":\"CordonDeny\",\"Effect\":\"Deny\"}]}";
    server.change(|state| state["users"][ANN]["policies"]["CordonDeny"] = document.into());
    assert_eq!(probe(), Finding::Holds);
}

#[test]
fn sessions_from_before_are_denied() {
    let folder = tempfile::tempdir().unwrap();
    let server = iam(&LEAST);
    let mut connector = open(&account(&server, folder.path())).unwrap();
    for (target, kind, arn) in [("user:ann", "users", ANN), ("svcacct:nightly", "roles", JOB)] {
        let before = server.state();
        let end = call(Act::End, "end-sessions", Mode::End, &[target]);
        assert_eq!(look(&mut *connector, &end)[0].access, Access::Open);
        server.fault(true, Fault::Lies);
        assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
        assert_eq!(look(&mut *connector, &end)[0].access, Access::Open, "a lie was believed");
        assert_eq!(act(&mut *connector, &end, DEADLINE), Answer::Done);
        assert_eq!(look(&mut *connector, &end)[0].access, Access::Refused);
        let changed = super::conform::differences(&before, &server.state());
        assert_eq!(changed, [format!("/{kind}/{arn}/policies/CordonEndSessions")]);
        let document =
            server.state()[kind][arn]["policies"]["CordonEndSessions"].as_str().unwrap().to_owned();
        let document: Json = serde_json::from_str(&document).unwrap();
        let at = document["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"]
            .as_str()
            .unwrap();
        let age = jiff::Timestamp::now().duration_since(at.parse().unwrap());
        assert!((0..60).contains(&age.as_secs()), "{at}");
        server.asked();
        assert!(matches!(act(&mut *connector, &end, DEADLINE), Answer::AlreadySo { .. }));
        assert_eq!(server.writes(), 0);
        // What an older order has left behind ends nothing for this one.
        let mut other = end;
        other.order.note = "incident 8".to_owned();
        assert_eq!(look(&mut *connector, &other)[0].access, Access::Open);
    }
}

#[test]
fn only_what_is_named_by_its_arn_in_this_account_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let server = iam(&LEAST);
    let mut connector = open(&account(&server, folder.path())).unwrap();
    let refuse = |target| call(Act::Refuse, "disable-account", Mode::Refuse, &[target]);
    assert_eq!(look(&mut *connector, &refuse("user:other-account"))[0].access, Access::Absent);
    server.asked();
    assert_eq!(
        trouble(act(&mut *connector, &refuse("user:plain"), DEADLINE)).0,
        TroubleKind::Unsupported
    );
    assert_eq!(server.asked(), []);
    let foreign = call(Act::Refuse, "revoke", Mode::Refuse, &["key:foreign"]);
    let (kind, why) = trouble(act(&mut *connector, &foreign, DEADLINE));
    assert_eq!(kind, TroubleKind::Denied);
    assert!(why.contains("iam:GetAccessKeyLastUsed"), "{why}");
}

#[test]
fn preflight_simulates_the_connectors_own_rights() {
    let folder = tempfile::tempdir().unwrap();
    let told = |rights: &[&'static str]| {
        let server = iam(rights);
        let checks = open(&account(&server, folder.path())).unwrap().preflight(DEADLINE);
        checks.into_iter().map(|check| check.finding).collect::<Vec<_>>()
    };
    assert!(told(&LEAST).iter().all(|finding| *finding == Readiness::Able));
    let half = format!("{:?}", told(&LEAST[..11]));
    assert!(half.contains("lacks iam:SimulatePrincipalPolicy"), "{half}");
    let more = format!("{:?}", told(&[&LEAST[..], &["iam:CreateAccessKey"]].concat()));
    assert!(more.contains("also holds iam:CreateAccessKey"), "{more}");
    // A wrong secret is denied before anything is known.
    let server = iam(&LEAST);
    let site = account(&server, folder.path());
    secret(folder.path(), "aws", "hush-wrong");
    let checks = open(&site).unwrap().preflight(DEADLINE);
    assert!(checks.iter().all(|c| matches!(&c.finding, Readiness::Unable(t) if t.kind == TroubleKind::Denied && !t.why.contains("hush"))), "{checks:?}");
}
