//! A PostgreSQL database: roles lose their login, their grants or their connections.
//!
//! The connector's own role can call the functions of `database/rights.sql` and
//! do nothing else. They act on listed roles only, compare with the prior state
//! under a lock, remember in the database what was taken, and give back nothing
//! else. So the database itself tells what is Cordon's. Which statement was run
//! and why stands in the server's log: the note is a comment of it.

mod connection;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cordon_model::action::{
    Access, Act, Answer, CORDON, Call, Finding, Json, Observed, Outcome, Probed, Trouble,
    TroubleKind,
};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::bound::require;
use crate::secret::{Revealed, Secret};
use crate::site::{SettingsError, Site};
use crate::{Check, Connector, Readiness};
use connection::{Argument, Connection, Server};

/// The statements that give the connector's role its rights, for the administrator to run.
pub const RIGHTS: &str = include_str!("database/rights.sql");

/// The version of the rights that this connector works with.
const VERSION: i32 = 1;

/// The table `[connector.settings]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    host: String,
    #[serde(default)]
    address: Option<IpAddr>,
    #[serde(default = "port")]
    port: u16,
    database: String,
    #[serde(default = "user")]
    user: String,
    password: Secret,
    /// The certificates that are trusted; needed unless the server is on this machine.
    #[serde(default)]
    ca: Option<PathBuf>,
    /// Roles of nodes whose spellings do not tell.
    #[serde(default)]
    names: BTreeMap<String, String>,
    /// Passwords of roles, to try whether they get in.
    #[serde(default)]
    probe_passwords: BTreeMap<String, Secret>,
}

fn port() -> u16 {
    5432
}
fn user() -> String {
    "cordon_hand".to_owned()
}

/// The connector of the kind `database`.
pub(crate) struct Database {
    site: Site,
    connection: Connection,
    names: BTreeMap<String, String>,
    probe_passwords: BTreeMap<String, Revealed>,
}

/// Opens the connector; nothing is connected to.
pub(crate) fn open(site: &Site) -> Result<Database, SettingsError> {
    let settings: Settings = site.settings()?;
    let reveal =
        |secret: &Secret| secret.reveal(&site.folder).map_err(|error| site.no_secret(&error));
    let is_here = settings.address.or_else(|| settings.host.parse().ok()).is_some_and(is_loopback);
    let tls = match &settings.ca {
        Some(ca) => {
            Some(connection::trust(&site.folder.join(ca)).map_err(|error| site.wrong(error))?)
        }
        None if is_here => None,
        None => {
            let why = "set `ca` to the certificates that the server's is signed with; without \
                       TLS only an `address` of this machine is spoken to";
            return Err(site.wrong(why));
        }
    };
    let passwords = settings.probe_passwords.iter();
    let server = Server {
        host: settings.host,
        address: settings.address,
        port: settings.port,
        database: settings.database,
        user: settings.user,
        password: Some(reveal(&settings.password)?),
        tls,
    };
    Ok(Database {
        site: site.clone(),
        connection: Connection::new(server).map_err(|error| site.wrong(error.to_string()))?,
        names: settings.names,
        probe_passwords: passwords
            .map(|(role, secret)| Ok((role.clone(), reveal(secret)?)))
            .collect::<Result<_, _>>()?,
    })
}

fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

/// What of a role a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Login,
    Grants,
    Connections,
}

impl What {
    fn of(call: &Call) -> Result<Self, Trouble> {
        match (call.order.kind.as_str(), call.order.mode) {
            ("revoke-role" | "disable-account", Mode::Refuse) => Ok(Self::Login),
            ("revoke-grants", Mode::Refuse) => Ok(Self::Grants),
            ("end-connections" | "end-sessions", Mode::End) => Ok(Self::Connections),
            (kind, _) => {
                let why = format!(
                    "a database does not do `{kind}` in this mode; it does `revoke-role`, \
                     `disable-account`, `revoke-grants` (refuse), `end-connections` and \
                     `end-sessions` (end)"
                );
                Err(Trouble::new(TroubleKind::Unsupported, why))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Grants => "grants",
            Self::Connections => "connections",
        }
    }
}

/// One role as the database tells of it.
#[derive(Clone, Debug)]
struct Role {
    name: String,
    is_listed: bool,
    is_taken: bool,
    state: Json,
    open: i64,
    members: i64,
    owned: i64,
}

/// A target, and its role if there is one.
type Resolved<'a> = (&'a NodeId, Result<Option<Role>, Trouble>);

const LOOK: &str = "SELECT role, is_there, is_listed, is_taken, state::text, open, members, owned \
                    FROM cordon.look($1, $2)";

impl Database {
    /// Finds the role of each target, and how it stands.
    fn resolve<'a>(
        &mut self,
        call: &'a Call,
        what: What,
        by: Instant,
    ) -> Result<Vec<Resolved<'a>>, Trouble> {
        let candidates: Vec<Vec<String>> =
            call.targets.iter().map(|node| self.candidates(node)).collect();
        let mut all: Vec<String> = candidates.iter().flatten().cloned().collect();
        all.sort();
        all.dedup();
        let what = what.name();
        let arguments: [Argument<'_>; 2] = [(&all, Type::TEXT_ARRAY), (&what, Type::TEXT)];
        let rows = self.connection.read(LOOK, &arguments, by)?;
        let found: Vec<Role> = rows.iter().filter_map(role).collect();
        let roles: HashMap<&str, &Role> =
            found.iter().map(|role| (role.name.as_str(), role)).collect();
        let pick = |(node, candidates): (&'a NodeId, &Vec<String>)| {
            let there: Vec<&Role> =
                candidates.iter().filter_map(|name| roles.get(name.as_str()).copied()).collect();
            (node, one(node, &there, self.names.contains_key(node.as_str())))
        };
        Ok(call.targets.iter().zip(&candidates).map(pick).collect())
    }

    fn candidates(&self, node: &NodeId) -> Vec<String> {
        let named = self.names.get(node.as_str());
        named.map_or_else(|| self.site.spellings(node), |name| vec![name.clone()])
    }

    /// Calls a function that acts, for the targets that have a role, and answers all.
    fn act(
        &mut self,
        call: &Call,
        deadline: Duration,
        of: impl FnOnce(What, &[Resolved<'_>]) -> Statement,
    ) -> Result<Vec<Outcome>, Trouble> {
        let by = Instant::now() + deadline;
        let what = What::of(call)?;
        let resolved = self.resolve(call, what, by)?;
        let statement = of(what, &resolved);
        let roles: Vec<String> =
            resolved.iter().filter_map(|(_, role)| listed(role)).map(|r| r.name.clone()).collect();
        let mut answers: HashMap<String, Answer> = HashMap::new();
        if !roles.is_empty() {
            let mut arguments: Vec<Argument<'_>> = vec![(&roles, Type::TEXT_ARRAY)];
            arguments.extend(statement.more.iter().map(|text| (text as _, Type::TEXT)));
            let rows = self.connection.once(&statement.sql, &arguments, by)?;
            answers.extend(rows.iter().filter_map(answer));
        }
        let outcome = |(node, role): &Resolved<'_>| {
            let answer = match role {
                Err(trouble) => Answer::Failed(trouble.clone()),
                Ok(None) => Answer::AlreadySo { by: None },
                Ok(Some(role)) => {
                    answers.remove(&role.name).unwrap_or_else(|| Answer::Failed(silent(role)))
                }
            };
            Outcome { target: (*node).clone(), answer }
        };
        Ok(resolved.iter().map(outcome).collect())
    }

    fn finding(&self, role: &Role, by: Instant) -> Finding {
        let Some(password) = self.probe_passwords.get(&role.name) else { return Finding::Untried };
        match self.connection.lets_in(&role.name, password.clone(), by) {
            Some(true) => Finding::Leaks,
            Some(false) => Finding::Holds,
            None => Finding::Untried,
        }
    }

    fn readiness(&mut self, by: Instant) -> Readiness {
        let version = self.connection.read("SELECT cordon.version()", &[], by);
        let version = match version {
            Ok(rows) => rows.first().and_then(|row| row.try_get::<_, i32>(0).ok()),
            Err(trouble) => return Readiness::Unable(trouble),
        };
        if version != Some(VERSION) {
            let why = format!("the rights installed there are not of version {VERSION}");
            return Readiness::Unable(Trouble::new(TroubleKind::Unsupported, why));
        }
        match self.connection.read("SELECT cordon.excess()", &[], by) {
            Err(trouble) => Readiness::Unable(trouble),
            Ok(rows) => {
                let excess = rows.first().and_then(|row| row.try_get::<_, String>(0).ok());
                excess.filter(|text| !text.is_empty()).map_or(Readiness::Able, Readiness::Excessive)
            }
        }
    }
}

/// What is sent: the statement, and what follows the roles as its arguments.
struct Statement {
    sql: String,
    more: Vec<String>,
}

impl Connector for Database {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let finding = self.readiness(Instant::now() + deadline);
        let tries = if self.probe_passwords.is_empty() {
            let why = "no `probe_passwords` are set, so nothing can be tried";
            Readiness::Unable(Trouble::new(TroubleKind::Unsupported, why))
        } else {
            finding.clone()
        };
        let refusals = ["disable-account", "revoke-grants", "revoke-role"];
        let ends = ["end-connections", "end-sessions"];
        let acts = refusals.into_iter().flat_map(|kind| {
            [Act::Look, Act::Refuse, Act::Restore].map(|act| (kind, act, &finding))
        });
        let acts = acts.chain([("revoke-role", Act::Probe, &tries)]);
        let acts = acts.chain(
            ends.into_iter()
                .flat_map(|kind| [Act::Look, Act::End].map(|act| (kind, act, &finding))),
        );
        let check = |(kind, act, finding): (&str, Act, &Readiness)| Check {
            kind: kind.to_owned(),
            act,
            finding: finding.clone(),
        };
        acts.map(check).collect()
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        let what = What::of(call)?;
        let resolved = self.resolve(call, what, Instant::now() + deadline)?;
        let mut troubles = resolved.iter().filter_map(|(_, role)| unreadable(role, what));
        if let Some(trouble) = troubles.next()
            && troubles.count() + 1 == resolved.len()
        {
            return Err(trouble);
        }
        Ok(resolved.iter().map(|(node, role)| observed(node, role, what)).collect())
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        require(call, Mode::Refuse)?;
        self.act(call, deadline, |what, resolved| refusal(call, what, resolved))
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        require(call, Mode::End)?;
        self.act(call, deadline, |_, _| ending(call))
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        require(call, Mode::Refuse)?;
        self.act(call, deadline, |what, _| Statement {
            sql: format!("{}SELECT role, answer, why FROM cordon.restore($1, $2)", remark(call)),
            more: vec![what.name().to_owned()],
        })
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let by = Instant::now() + deadline;
        let what = What::of(call)?;
        let resolved = self.resolve(call, what, by)?;
        let find = |(node, role): &Resolved<'_>| {
            let finding = match (what, role) {
                (What::Login, Ok(Some(role))) => self.finding(role, by),
                (What::Connections, Ok(Some(role))) if role.open == 0 => Finding::Holds,
                (What::Connections, Ok(Some(_))) => Finding::Leaks,
                (What::Login | What::Connections | What::Grants, _) => Finding::Untried,
            };
            Probed { target: (*node).clone(), finding }
        };
        Ok(resolved.iter().map(find).collect())
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        let what = What::of(call)?;
        let resolved = self.resolve(call, what, Instant::now() + deadline)?;
        let statement = match what {
            What::Login | What::Grants => refusal(call, what, &resolved),
            What::Connections => ending(call),
        };
        let line = |(node, role): &Resolved<'_>| match listed(role) {
            Some(role) => format!("{node}: {} with the role {}", statement.sql, role.name),
            None => match unreadable(role, what) {
                Some(trouble) => format!("{node}: nothing, {trouble}"),
                None => format!("{node}: nothing, there is no such role"),
            },
        };
        Ok(resolved.iter().map(line).collect())
    }
}

fn refusal(call: &Call, what: What, resolved: &[Resolved<'_>]) -> Statement {
    let mut priors = serde_json::Map::new();
    for (node, role) in resolved {
        let prior = call.prior.iter().find(|prior| prior.target == **node);
        if let Some((role, prior)) = listed(role).zip(prior) {
            priors.insert(role.name.clone(), prior.state.clone());
        }
    }
    let note = call.order.note.clone();
    Statement {
        sql: format!(
            "{}SELECT role, answer, why FROM cordon.refuse($1, $2, $3::pg_catalog.jsonb, $4)",
            remark(call)
        ),
        more: vec![what.name().to_owned(), Json::Object(priors).to_string(), note],
    }
}

fn ending(call: &Call) -> Statement {
    let sql = format!("{}SELECT role, answer, why FROM cordon.end_connections($1)", remark(call));
    Statement { sql, more: Vec::new() }
}

/// The note as a comment that cannot end early, for the server's own log.
fn remark(call: &Call) -> String {
    let plain = |c: char| if c.is_control() || c == '*' || c == '/' { ' ' } else { c };
    let note: String = call.order.note.chars().take(200).map(plain).collect();
    format!("/* {CORDON}: {note} */ ")
}

fn role(row: &Row) -> Option<Role> {
    let is_there: bool = row.try_get(1).ok()?;
    let state: Option<String> = row.try_get(4).ok()?;
    let role = Role {
        name: row.try_get(0).ok()?,
        is_listed: row.try_get(2).ok()?,
        is_taken: row.try_get(3).ok()?,
        state: state.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Json::Null),
        open: row.try_get(5).ok()?,
        members: row.try_get(6).ok()?,
        owned: row.try_get(7).ok()?,
    };
    is_there.then_some(role)
}

/// The one role that a node's spellings mean.
///
/// A bare name that finds nothing may be misspelt: only what the settings name can be told to be
/// gone.
fn one(node: &NodeId, there: &[&Role], is_named: bool) -> Result<Option<Role>, Trouble> {
    match there {
        [] if is_named => Ok(None),
        [] => {
            let why = format!(
                "the database has no role under any name of `{node}`; if it has one, name it in \
                 `names` of the connector"
            );
            Err(Trouble::new(TroubleKind::Unknown, why))
        }
        [role] if role.is_listed => Ok(Some((*role).clone())),
        [role] => {
            let why = format!(
                "the role `{0}` of `{node}` is not listed for Cordon, or is a superuser or a \
                 replication role; if Cordon may touch it: GRANT cordon_scope TO \"{0}\"",
                role.name
            );
            Err(Trouble::new(TroubleKind::Denied, why))
        }
        [first, second, ..] => {
            let why = format!(
                "`{node}` could be the role `{}` or `{}`; name one in `names` of the connector",
                first.name, second.name
            );
            Err(Trouble::new(TroubleKind::Unsupported, why))
        }
    }
}

fn listed(role: &Result<Option<Role>, Trouble>) -> Option<&Role> {
    role.as_ref().ok().and_then(Option::as_ref)
}

impl Role {
    fn has_login(&self) -> bool {
        self.state.get("login").and_then(Json::as_bool).unwrap_or_default()
    }

    /// A role that others are members of and that never logs in itself.
    fn is_group(&self) -> bool {
        !self.has_login() && self.members > 0 && !self.is_taken
    }

    fn access(&self, what: What) -> Access {
        let nothing_granted = self.state.as_array().is_some_and(Vec::is_empty);
        match what {
            What::Login if self.has_login() => Access::Open,
            What::Login => Access::Refused,
            What::Grants if self.owned > 0 => Access::Open,
            What::Grants if nothing_granted => Access::Refused,
            What::Grants if self.is_taken => Access::Partly,
            What::Grants => Access::Open,
            What::Connections if self.open > 0 => Access::Open,
            What::Connections => Access::Refused,
        }
    }
}

fn unreadable(role: &Result<Option<Role>, Trouble>, what: What) -> Option<Trouble> {
    match role {
        Err(trouble) => Some(trouble.clone()),
        Ok(Some(role)) if what == What::Login && role.is_group() => {
            let why = format!(
                "`{}` never logs in itself, others use its rights as members; withdraw them from \
                 the members, or use `revoke-grants`",
                role.name
            );
            Some(Trouble::new(TroubleKind::Unsupported, why))
        }
        Ok(_) => None,
    }
}

fn observed(node: &NodeId, role: &Result<Option<Role>, Trouble>, what: What) -> Observed {
    let mut seen = Observed {
        target: node.clone(),
        access: Access::Unknown,
        owner: None,
        state: Json::Null,
        open: 0,
        residual_seconds: None,
    };
    if unreadable(role, what).is_some() {
        return seen;
    }
    let Some(role) = listed(role) else {
        seen.access = Access::Absent;
        return seen;
    };
    seen.access = role.access(what);
    let is_ours = role.is_taken && matches!(seen.access, Access::Refused | Access::Partly);
    seen.owner = is_ours.then(|| CORDON.to_owned());
    seen.state.clone_from(&role.state);
    seen.open = u32::try_from(role.open).unwrap_or(u32::MAX);
    seen
}

fn answer(row: &Row) -> Option<(String, Answer)> {
    let role: String = row.try_get(0).ok()?;
    let said: String = row.try_get(1).ok()?;
    let why: String = row.try_get(2).ok()?;
    let failed = |kind, why: String| Answer::Failed(Trouble::new(kind, why));
    let answer = match said.as_str() {
        "done" if why.is_empty() => Answer::Done,
        "done" => {
            let why =
                format!("what `{role}` had on {why} is gone with the object; all else is back");
            failed(TroubleKind::Changed, why)
        }
        "already" => Answer::AlreadySo { by: None },
        "ours" => Answer::AlreadySo { by: Some(CORDON.to_owned()) },
        "changed" => {
            let why = format!("somebody changed `{role}` since it was looked at {why}");
            failed(TroubleKind::Changed, why.trim_end().to_owned())
        }
        "owner" => {
            let why = format!(
                "`{role}` owns tables, and an owner can always grant itself again; use `revoke-role`"
            );
            failed(TroubleKind::Unsupported, why)
        }
        "not ours" => {
            let why = format!(
                "the database knows nothing that Cordon took from `{role}`; if it is to log in \
                 again, an administrator says: ALTER ROLE \"{role}\" LOGIN"
            );
            failed(TroubleKind::Denied, why)
        }
        "unlisted" => {
            let why =
                format!("`{role}` is not listed for Cordon: GRANT cordon_scope TO \"{role}\"");
            failed(TroubleKind::Denied, why)
        }
        _ => failed(TroubleKind::Denied, format!("the database did not do it to `{role}`: {why}")),
    };
    Some((role, answer))
}

fn silent(role: &Role) -> Trouble {
    let why = format!("the database answered nothing about `{}`", role.name);
    Trouble::new(TroubleKind::NoReply, why)
}
