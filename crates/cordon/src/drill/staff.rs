//! Ordinary people and programs at work, so that the intruder is not alone in
//! the logs.
//!
//! They sign in, open files, answer telephones, reset forgotten passwords,
//! administer servers and upload exports, in the same formats and with the same
//! names as the intruder. Some of what they do looks odd: a forgotten password,
//! a new telephone, an administrator on a jump host. Who finds the door closed
//! is counted: a response that locks out the innocent must show it.

use std::collections::BTreeSet;

use cordon_model::{Estate, NodeIx, Timestamp};
use jiff::SignedDuration;
use serde_json::json;

use super::cast::{account, alias, cloud_caller, machine};
use super::intruder::Terrain;
use super::voices::{
    Account, Line, LogonType, Machine, Statement, cloudtrail, logon, okta, pgaudit, process,
    service_installed,
};

/// Average time between two things that staff do.
const PAUSE: SignedDuration = SignedDuration::from_secs(6);
/// At most so many different people are at work in a drill.
const PEOPLE: usize = 240;

/// A person at work: an account and the machine that it is used on.
#[derive(Clone, Copy, Debug)]
struct Person {
    user: NodeIx,
    desk: Option<NodeIx>,
}

/// A credential that a program uses for a store of data, and the machine it runs on.
#[derive(Clone, Debug)]
struct Use {
    credential: NodeIx,
    store: NodeIx,
    machine: Machine,
}

/// Everybody who works.
#[derive(Debug)]
pub(crate) struct Staff<'a> {
    estate: &'a Estate,
    people: Vec<Person>,
    desk_officers: Vec<NodeIx>,
    administrators: Vec<NodeIx>,
    jump_hosts: Vec<NodeIx>,
    roles: Vec<Use>,
    keys: Vec<Use>,
    file_servers: Vec<NodeIx>,
    deployment: Vec<(NodeIx, NodeIx)>,
    sign_in: Vec<NodeIx>,
    locked_out: BTreeSet<NodeIx>,
    chance: fastrand::Rng,
    due: Timestamp,
}

impl<'a> Staff<'a> {
    /// Puts the estate's people at their desks; `absent` ones are not at work.
    pub(crate) fn new(estate: &'a Estate, absent: &[NodeIx], start: Timestamp, seed: u64) -> Self {
        let tagged = |node: NodeIx, tag: &str| estate.node(node).tags.iter().any(|t| &**t == tag);
        let users: Vec<NodeIx> = of_kind(estate, "user")
            .filter(|&user| !tagged(user, "break-glass") && !absent.contains(&user))
            .collect();
        let ordinary: Vec<NodeIx> =
            users.iter().copied().filter(|&user| !tagged(user, "admin")).collect();
        let step = ordinary.len().div_ceil(PEOPLE).max(1);
        let desks = desks(estate);
        let people = ordinary.iter().step_by(step).map(|&user| Person {
            user,
            desk: desks.iter().find(|(owner, _)| *owner == user).map(|(_, desk)| *desk),
        });
        Self {
            estate,
            people: people.collect(),
            desk_officers: users.iter().copied().filter(|&u| tagged(u, "help-desk")).collect(),
            administrators: users.iter().copied().filter(|&u| tagged(u, "admin")).collect(),
            jump_hosts: of_kind(estate, "host").filter(|&h| tagged(h, "admin")).collect(),
            roles: uses(estate, "database-role", "db"),
            keys: uses(estate, "key", "bucket"),
            file_servers: of_kind(estate, "host").filter(|&h| tagged(h, "files")).collect(),
            deployment: pairs(estate, "service-account", "host")
                .into_iter()
                .filter(|&(account, _)| estate.id(account).name().ends_with("deploy"))
                .collect(),
            sign_in: ["app:idp", "directory:north"]
                .iter()
                .filter_map(|id| estate.find(id))
                .collect(),
            locked_out: BTreeSet::new(),
            chance: fastrand::Rng::with_seed(seed ^ 0x5747_4146),
            due: start,
        }
    }

    /// When somebody does something next.
    pub(crate) fn due(&self) -> Timestamp {
        self.due
    }

    /// Accounts of innocent people who found a door closed.
    pub(crate) fn locked_out(&self) -> &BTreeSet<NodeIx> {
        &self.locked_out
    }

    /// Lets the next person do something, if the doors are open.
    pub(crate) fn act(&mut self, terrain: &impl Terrain) -> Vec<Line> {
        let now = self.due;
        let pause = PAUSE.as_millis().unsigned_abs();
        self.due +=
            SignedDuration::from_millis(self.chance.i64(1..=i64::try_from(pause * 2).unwrap_or(1)));
        match self.chance.u32(0..100) {
            0..30 => self.signs_in(terrain, now),
            30..42 => self.works(terrain, now),
            42..50 => watchdog(now),
            50..64 => self.opens_files(terrain, now),
            64..74 => self.program_reads(terrain, now),
            74..82 => self.looks_somebody_up(terrain, now),
            82..88 => self.uploads(terrain, now),
            88..92 => self.administers(terrain, now),
            92..95 => self.deploys(terrain, now),
            95..97 => self.forgets_password(terrain, now),
            _ => self.uses_new_telephone(terrain, now),
        }
    }

    fn somebody(&mut self, terrain: &impl Terrain) -> Option<Person> {
        let person = *self.chance.choice(&self.people)?;
        let needed = person.desk.iter().chain(&self.sign_in);
        let shut = !terrain.holds(person.user) || needed.copied().any(|node| !terrain.holds(node));
        if shut {
            self.locked_out.insert(person.user);
            return None;
        }
        Some(person)
    }

    fn signs_in(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(person) = self.somebody(terrain) else { return Vec::new() };
        let (who, desk) = (account(self.estate, person.user), self.desk(person));
        vec![
            logon(now, &who, &desk.address, &desk, LogonType::Interactive),
            okta(
                now + SignedDuration::from_secs(20),
                "user.session.start",
                &who,
                None,
                &desk.address,
                false,
            ),
            okta(
                now + SignedDuration::from_secs(31),
                "user.authentication.sso",
                &who,
                None,
                &desk.address,
                false,
            ),
        ]
    }

    fn works(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(person) = self.somebody(terrain) else { return Vec::new() };
        let (who, desk) = (account(self.estate, person.user), self.desk(person));
        let programs = [
            (r"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE", "EXCEL.EXE /dde"),
            (r"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE", "OUTLOOK.EXE"),
            (
                r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
                "msedge.exe --single-argument https://shop.north.example/",
            ),
            (r"C:\Windows\System32\notepad.exe", "notepad.exe"),
            (r"C:\Program Files\Northshire\Till\till.exe", "till.exe --lane 4"),
        ];
        let (image, command) = *self.chance.choice(&programs).unwrap_or(&("", ""));
        vec![process(now, &who, &desk, r"C:\Windows\explorer.exe", image, command)]
    }

    fn opens_files(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(person) = self.somebody(terrain) else { return Vec::new() };
        let Some(&server) = self.file_servers.first() else { return Vec::new() };
        let (who, desk) = (account(self.estate, person.user), self.desk(person));
        vec![logon(now, &who, &desk.address, &machine(self.estate, server), LogonType::Network)]
    }

    /// A program reads a few rows, as it does all day.
    fn program_reads(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(used) = self.chance.choice(&self.roles) else { return Vec::new() };
        let role = log_name(self.estate, used.credential);
        if !terrain.permits(used.credential, used.store) || role.ends_with("_dba") {
            return Vec::new();
        }
        let statement = Statement {
            role,
            address: &used.machine.address,
            program: "northshire-app",
            class: "READ",
            command: "SELECT",
            table: "public.person",
            text: "select id, name, tier from person where id = $1",
            rows: self.chance.u64(1..=3),
        };
        vec![pgaudit(now, log_name(self.estate, used.store), &statement)]
    }

    /// Somebody looks up a colleague's telephone number.
    fn looks_somebody_up(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(person) = self.somebody(terrain) else { return Vec::new() };
        let who = account(self.estate, person.user);
        let statement = Statement {
            role: &who.login,
            address: &self.desk(person).address,
            program: "staff-directory",
            class: "READ",
            command: "SELECT",
            table: "public.person",
            text: "select name, telephone from person where name like $1",
            rows: self.chance.u64(0..=5),
        };
        vec![pgaudit(now, "staff_directory", &statement)]
    }

    fn uploads(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(used) = self.chance.choice(&self.keys) else { return Vec::new() };
        if !terrain.permits(used.credential, used.store) {
            return Vec::new();
        }
        let caller = cloud_caller(self.estate, used.credential);
        let address = &used.machine.address;
        let request = json!({
            "bucketName": log_name(self.estate, used.store),
            "key": format!("daily/{}.gz", now.strftime("%Y%m%d-%H%M")),
        });
        vec![cloudtrail(now, &caller, "s3", "PutObject", address, &request, &json!(null))]
    }

    /// An administrator looks after a server, by the front door.
    fn administers(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(&admin) = self.chance.choice(&self.administrators) else { return Vec::new() };
        let Some(&jump) = self.chance.choice(&self.jump_hosts) else { return Vec::new() };
        if !terrain.holds(admin) || !terrain.holds(jump) {
            self.locked_out.insert(admin);
            return Vec::new();
        }
        let (who, jump) = (account(self.estate, admin), machine(self.estate, jump));
        let console = r"C:\Windows\System32\mmc.exe";
        vec![
            logon(now, &who, "10.30.9.15", &jump, LogonType::RemoteInteractive),
            process(
                now + SignedDuration::from_secs(40),
                &who,
                &jump,
                r"C:\Windows\explorer.exe",
                console,
                r"mmc.exe C:\Windows\System32\services.msc",
            ),
        ]
    }

    /// Software deployment installs an update.
    fn deploys(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let chosen = self.chance.choice(&self.deployment);
        let Some(&(deploy, server)) = chosen else { return Vec::new() };
        if !terrain.permits(deploy, server) {
            return Vec::new();
        }
        let (who, server) = (account(self.estate, deploy), machine(self.estate, server));
        let command = r#""C:\Program Files\Northshire\Deploy\agent.exe" --update"#;
        vec![
            logon(now, &who, "10.10.2.50", &server, LogonType::Network),
            service_installed(
                now + SignedDuration::from_secs(3),
                &who,
                &server,
                "Northshire Deployment Agent",
                command,
            ),
        ]
    }

    /// Somebody forgot a password; the help desk resets it; they sign in at their own desk.
    fn forgets_password(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(person) = self.somebody(terrain) else { return Vec::new() };
        let Some(&officer) = self.chance.choice(&self.desk_officers) else { return Vec::new() };
        if !terrain.holds(officer) {
            self.locked_out.insert(officer);
            return Vec::new();
        }
        let (who, desk) = (account(self.estate, person.user), self.desk(person));
        let officer = account(self.estate, officer);
        vec![
            okta(now, "user.account.reset_password", &officer, Some(&who), "10.30.14.22", false),
            okta(
                now + SignedDuration::from_secs(200),
                "user.session.start",
                &who,
                None,
                &desk.address,
                false,
            ),
        ]
    }

    /// Somebody registers a new telephone, from their own desk.
    fn uses_new_telephone(&mut self, terrain: &impl Terrain, now: Timestamp) -> Vec<Line> {
        let Some(person) = self.somebody(terrain) else { return Vec::new() };
        if self.chance.u32(0..6) > 0 {
            return Vec::new();
        }
        let (who, desk) = (account(self.estate, person.user), self.desk(person));
        vec![okta(now, "user.mfa.factor.activate", &who, Some(&who), &desk.address, false)]
    }

    fn desk(&self, person: Person) -> Machine {
        person.desk.map_or_else(
            || {
                // People without a machine of their own in the estate sit at one that logs alone know.
                let who: Account = account(self.estate, person.user);
                let [_, a, b, c] = person.user.0.to_be_bytes();
                let name = format!("ws-{}.north.example", who.login);
                Machine { name, address: format!("10.{}.{b}.{c}", 60 + a % 40) }
            },
            |desk| machine(self.estate, desk),
        )
    }
}

/// The monitoring asks the funeral database whether it lives; so its log is never silent for long.
fn watchdog(now: Timestamp) -> Vec<Line> {
    let statement = Statement {
        role: "monitor",
        address: "10.10.5.9",
        program: "monitoring",
        class: "READ",
        command: "SELECT",
        table: "public.heartbeat",
        text: "select now() from heartbeat",
        rows: 1,
    };
    vec![pgaudit(now, "funerals", &statement)]
}

fn of_kind<'e>(estate: &'e Estate, kind: &'e str) -> impl Iterator<Item = NodeIx> + 'e {
    let nodes = estate.nodes().iter().zip((0..).map(NodeIx));
    nodes.filter(move |(node, _)| node.id.kind() == kind).map(|(_, index)| index)
}

/// Linked pairs of two kinds: whoever has the first can use the second.
fn pairs(estate: &Estate, from: &str, to: &str) -> Vec<(NodeIx, NodeIx)> {
    let links = estate.links().iter().filter_map(|link| estate.direction(link));
    links.filter(|&(a, b)| estate.id(a).kind() == from && estate.id(b).kind() == to).collect()
}

/// Whose session lives on which machine.
fn desks(estate: &Estate) -> Vec<(NodeIx, NodeIx)> {
    pairs(estate, "host", "user").into_iter().map(|(host, user)| (user, host)).collect()
}

/// Linked pairs of credential and store, with the machine from which the credential is used.
fn uses(estate: &Estate, credentials: &str, stores: &str) -> Vec<Use> {
    let linked = pairs(estate, credentials, stores).into_iter();
    linked
        .map(|(credential, store)| Use {
            credential,
            store,
            machine: server_of(estate, credential),
        })
        .collect()
}

/// The machine from which a role or key is used: one that stores it, or what runs there.
fn server_of(estate: &Estate, credential: NodeIx) -> Machine {
    let into = |node: NodeIx| {
        let links = estate.links().iter().filter_map(|link| estate.direction(link));
        links.filter(move |&(_, to)| to == node).map(|(from, _)| from)
    };
    let direct = into(credential).find(|&from| estate.id(from).kind() == "host");
    let behind = || {
        let apps = into(credential).filter(|&from| estate.id(from).kind() == "app");
        apps.flat_map(into).find(|&from| estate.id(from).kind() == "host")
    };
    machine(estate, direct.or_else(behind).unwrap_or(credential))
}

/// The short name under which a log knows a database, role or bucket.
fn log_name(estate: &Estate, node: NodeIx) -> &str {
    alias(estate, node, |a| !a.contains(['@', '.', '\\']) && !a.starts_with("arn:"))
        .unwrap_or(estate.id(node).name())
}
