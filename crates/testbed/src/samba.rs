//! A Samba domain controller: a real Active Directory on a loopback address of its own.
//!
//! The domain is provisioned once per machine and copied for every start, which
//! takes seconds instead of a quarter of a minute. It runs as root, because
//! Kerberos and LDAP have ports below 1024; everything else is private to it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Missing, kill, need, run, wait_for};

/// Administrator's password, and everybody's.
pub const PASSWORD: &str = "Start#12345";
/// The top of the domain.
pub const BASE: &str = "DC=cordon,DC=test";
/// The Kerberos realm.
pub const REALM: &str = "CORDON.TEST";

const PREPARED: &str = "cordon-testbed-samba-1";
const NEED: [(&str, &str); 6] = [
    ("samba", "samba-ad-dc"),
    ("samba-tool", "samba-ad-provision"),
    ("kinit", "krb5-user"),
    ("ldapsearch", "ldap-utils"),
    ("ldapmodify", "ldap-utils"),
    ("openssl", "openssl"),
];

/// A running domain controller; stops when it is dropped.
#[derive(Debug)]
pub struct Samba {
    folder: tempfile::TempDir,
    ip: String,
    child: std::process::Child,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The machine lacks something.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// It should have run.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Starts a domain controller with an empty domain.
///
/// # Errors
/// What is missing, or what went wrong.
pub fn start() -> Result<Samba, Failed> {
    need(&NEED)?;
    if run(Command::new("id").arg("-u"))?.trim() != "0" {
        return Err(
            Missing("a domain controller needs root; run the test as root".to_owned()).into()
        );
    }
    let prepared = prepare()?;
    let folder = tempfile::Builder::new().prefix("cordon-dc-").tempdir()?;
    let home = folder.path().to_owned();
    run(Command::new("cp").arg("-a").arg(prepared.join(".")).arg(&home))?;
    let ip = free_address()?;
    certify(&home, "dc1", &format!("DNS:dc1.cordon.test,IP:{ip}"))?;
    std::fs::write(home.join("etc/smb.conf"), configuration(&home, &ip))?;
    let krb5 = format!(
        "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n\
         [realms]\n {REALM} = {{\n  kdc = {ip}\n }}\n"
    );
    std::fs::write(home.join("krb5.conf"), krb5)?;
    let log = std::fs::File::create(home.join("log/stdout"))?;
    let child = Command::new("samba")
        .args(["-F", "--no-process-group", "-M", "single", "-s"])
        .arg(home.join("etc/smb.conf"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let samba = Samba { folder, ip, child };
    wait_for("the domain controller", 60, || samba.search("(cn=Administrator)", &["cn"]).is_ok())?;
    Ok(samba)
}

/// Provisions the domain that every start copies, unless it is there.
fn prepare() -> Result<PathBuf, Failed> {
    let done = std::env::temp_dir().join(PREPARED);
    if done.is_dir() {
        return Ok(done);
    }
    let folder = tempfile::Builder::new().prefix("cordon-dc-new-").tempdir()?;
    let home = folder.path();
    run(Command::new("samba-tool").args(["domain", "provision", "--quiet"]).args([
        format!("--targetdir={}", home.display()),
        format!("--realm={REALM}"),
        "--domain=CORDON".to_owned(),
        "--server-role=dc".to_owned(),
        "--dns-backend=NONE".to_owned(),
        format!("--adminpass={PASSWORD}"),
        "--host-name=dc1".to_owned(),
        "--host-ip=127.0.0.2".to_owned(),
        "--option=interfaces=127.0.0.2/8".to_owned(),
        "--option=bind interfaces only=yes".to_owned(),
    ]))?;
    for part in ["run", "ncalrpc", "log"] {
        std::fs::create_dir_all(home.join(part))?;
    }
    run(openssl(home)
        .args(["req", "-x509", "-nodes", "-days", "3650", "-subj", "/CN=cordon test"])
        .args(EC)
        .args(["-keyout", "ca.key", "-out", "ca.pem"]))?;
    // Two tests may prepare at once: one of them wins, both are right.
    let home = folder.keep();
    if std::fs::rename(&home, &done).is_err() {
        std::fs::remove_dir_all(&home)?;
    }
    Ok(done)
}

const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder);
    command
}

/// Makes `NAME.crt` and `NAME.key`, signed by `ca.pem` of the folder.
pub(crate) fn certify(folder: &Path, name: &str, names: &str) -> std::io::Result<()> {
    let extensions =
        format!("subjectAltName={names}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n");
    std::fs::write(folder.join("extensions"), extensions)?;
    let [key, request, certificate] = ["key", "csr", "crt"].map(|end| format!("{name}.{end}"));
    run(openssl(folder)
        .args(["req", "-nodes", "-subj", "/CN=directory"])
        .args(EC)
        .args(["-keyout", &key, "-out", &request]))?;
    run(openssl(folder)
        .args(["x509", "-req", "-days", "30", "-CA", "ca.pem", "-CAkey", "ca.key"])
        .args([
            "-CAcreateserial",
            "-extfile",
            "extensions",
            "-in",
            &request,
            "-out",
            &certificate,
        ]))?;
    run(Command::new("chmod").arg("600").arg(folder.join(key)))?;
    Ok(())
}

/// A loopback address on which nobody has the ports of a domain controller.
fn free_address() -> std::io::Result<String> {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    for _ in 0..200 {
        let last = NEXT.fetch_add(1, Ordering::Relaxed).clamp(1, 250);
        let ip = format!("127.{}.{low}.{last}", 100 + high % 100);
        let is_free = |port: u16| TcpListener::bind((ip.as_str(), port)).is_ok();
        if [88, 135, 389, 636].into_iter().all(is_free) {
            return Ok(ip);
        }
    }
    Err(std::io::Error::other("no loopback address is free"))
}

fn configuration(home: &Path, ip: &str) -> String {
    let home = home.display();
    format!(
        "[global]\n netbios name = DC1\n realm = {REALM}\n workgroup = CORDON\n\
         server role = active directory domain controller\n\
         interfaces = {ip}/8\n bind interfaces only = yes\n\
         private dir = {home}/private\n lock directory = {home}\n\
         state directory = {home}/state\n cache directory = {home}/cache\n\
         binddns dir = {home}/bind-dns\n pid directory = {home}/run\n\
         ncalrpc dir = {home}/ncalrpc\n log file = {home}/log/log.samba\n logging = file\n\
         server services = rpc, ldap, cldap, kdc\n\
         tls keyfile = {home}/dc1.key\n tls certfile = {home}/dc1.crt\n tls cafile = {home}/ca.pem\n\
         ldb:nosync = true\n old password allowed period = 0\n\
         log level = 1 auth_json_audit:3 dsdb_json_audit:5 dsdb_password_json_audit:5 \
         dsdb_group_json_audit:5\n"
    )
}

impl Samba {
    /// Where it answers: Kerberos on 88, LDAP with StartTLS on 389, LDAPS on 636.
    #[must_use]
    pub fn ip(&self) -> &str {
        &self.ip
    }

    /// Its folder: `ca.pem` is the CA of its certificate.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Applies LDIF as Administrator.
    ///
    /// # Errors
    /// What the domain controller did not do.
    pub fn ldif(&self, text: &str) -> std::io::Result<()> {
        let said = self.ldif_as("Administrator", text)?;
        if said.0 { Ok(()) } else { Err(std::io::Error::other(said.1)) }
    }

    /// Applies LDIF as somebody; tells whether all of it was done, and what was said.
    ///
    /// # Errors
    /// When the tool cannot be started.
    pub fn ldif_as(&self, user: &str, text: &str) -> std::io::Result<(bool, String)> {
        let mut child = self
            .tool("ldapmodify", user)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn tool(&self, program: &str, user: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("LDAPTLS_CACERT", self.folder().join("ca.pem"))
            .args(["-x", "-H", &format!("ldaps://{}", self.ip)])
            .args(["-D", &format!("{user}@{REALM}"), "-w", PASSWORD]);
        command
    }

    /// Adds an organisational unit below the top and returns its name.
    ///
    /// # Errors
    /// As [`Samba::ldif`].
    pub fn add_unit(&self, name: &str) -> std::io::Result<String> {
        let dn = format!("OU={name},{BASE}");
        self.ldif(&format!("dn: {dn}\nchangetype: add\nobjectClass: organizationalUnit\n"))?;
        Ok(dn)
    }

    /// Adds users with the password [`PASSWORD`].
    ///
    /// # Errors
    /// As [`Samba::ldif`].
    pub fn add_users(&self, unit: &str, names: &[&str]) -> std::io::Result<()> {
        let quoted = format!("\"{PASSWORD}\"");
        let bytes: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let password = STANDARD.encode(bytes);
        let users = names.iter().map(|name| {
            format!(
                "dn: CN={name},{unit}\nchangetype: add\nobjectClass: user\n\
                 sAMAccountName: {name}\nuserPrincipalName: {name}@cordon.test\n\
                 userAccountControl: 512\nunicodePwd:: {password}\n\n"
            )
        });
        self.ldif(&users.collect::<String>())
    }

    /// Adds a group with members and returns its name.
    ///
    /// # Errors
    /// As [`Samba::ldif`].
    pub fn add_group(&self, unit: &str, name: &str, members: &[&str]) -> std::io::Result<String> {
        let dn = format!("CN={name},{unit}");
        let members: String =
            members.iter().map(|member| format!("member: CN={member},{unit}\n")).collect();
        self.ldif(&format!(
            "dn: {dn}\nchangetype: add\nobjectClass: group\nsAMAccountName: {name}\n{members}"
        ))?;
        Ok(dn)
    }

    /// Lets a user write an attribute: of one object, or of all users below it.
    ///
    /// # Errors
    /// When the descriptor cannot be changed.
    pub fn grant(&self, user: &str, object: &str, right: Right) -> std::io::Result<()> {
        let sid = self.sid(user)?;
        const USERS: &str = "bf967aba-0de6-11d0-a285-00aa003049e2";
        let below = |attribute| format!("(OA;CIIO;WP;{attribute};{USERS};{sid})");
        let entry = match right {
            Right::Disable => below("bf967a68-0de6-11d0-a285-00aa003049e2"),
            Right::Expire => below("bf967915-0de6-11d0-a285-00aa003049e2"),
            Right::Everything => format!("(A;CI;RPWPCRCCDCLCLORCWOWDSDDTSW;;;{sid})"),
            Right::Members => format!("(OA;;WP;bf9679c0-0de6-11d0-a285-00aa003049e2;;{sid})"),
            Right::ResetPassword => {
                format!("(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;{USERS};{sid})")
            }
        };
        let database = format!("tdb://{}/private/sam.ldb", self.folder().display());
        run(Command::new("samba-tool")
            .args(["dsacl", "set", "-H", &database, "--objectdn", object, "--sddl", &entry])
            .args(["-s", &self.folder().join("etc/smb.conf").display().to_string()]))?;
        Ok(())
    }

    /// The security identifier of an account.
    ///
    /// # Errors
    /// When there is none.
    pub fn sid(&self, account: &str) -> std::io::Result<String> {
        let said = self.search(&format!("(sAMAccountName={account})"), &["objectSid"])?;
        let encoded = said.lines().find_map(|line| line.strip_prefix("objectSid:: "));
        let bytes = encoded.and_then(|text| STANDARD.decode(text).ok());
        let missing = || std::io::Error::other(format!("`{account}` has no identifier"));
        let (head, parts) =
            bytes.as_deref().and_then(|b| b.split_at_checked(8)).ok_or_else(missing)?;
        let parts = parts.as_chunks::<4>().0.iter();
        let parts: String = parts.map(|part| format!("-{}", u32::from_le_bytes(*part))).collect();
        Ok(format!("S-1-{}{parts}", head.last().copied().unwrap_or_default()))
    }

    /// Searches below the top as Administrator; gives LDIF.
    ///
    /// # Errors
    /// When the domain controller does not answer.
    pub fn search(&self, filter: &str, attributes: &[&str]) -> std::io::Result<String> {
        run(self
            .tool("ldapsearch", "Administrator")
            .args(["-LLL", "-o", "ldif-wrap=no", "-E", "pr=500/noprompt", "-b", BASE, filter])
            .args(attributes))
    }

    /// Everything that the directory holds, object by object.
    ///
    /// # Errors
    /// As [`Samba::search`].
    pub fn dump(&self) -> std::io::Result<Dump> {
        let hidden = ["*", "+", "nTSecurityDescriptor", "replPropertyMetaData", "memberOf"];
        Ok(objects(&self.search("(objectClass=*)", &hidden)?))
    }

    /// Whether somebody's password is good for a bind.
    #[must_use]
    pub fn binds(&self, user: &str) -> bool {
        let mut command = self.tool("ldapsearch", user);
        run(command.args(["-LLL", "-s", "base", "-b", "", "1.1"])).is_ok()
    }

    /// Asks for a Kerberos ticket with the right password; tells what was said when it was refused.
    ///
    /// # Errors
    /// Why there was none.
    pub fn kinit(&self, user: &str) -> std::io::Result<()> {
        let cache = self.folder().join(format!("ticket-{user}"));
        let mut child = Command::new("kinit")
            .env("KRB5_CONFIG", self.folder().join("krb5.conf"))
            .env("KRB5CCNAME", &cache)
            .arg(user)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            writeln!(stdin, "{PASSWORD}")?;
        }
        let output = child.wait_with_output()?;
        match output.status.success() {
            true => Ok(()),
            false => {
                Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
            }
        }
    }

    /// The lines of the domain controller's own audit log that tell of changes, as JSON text.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn audit(&self) -> std::io::Result<Vec<String>> {
        let log = std::fs::read_to_string(self.folder().join("log/log.samba"))?;
        let lines = log.lines().map(str::trim).filter(|line| line.starts_with('{'));
        Ok(lines.map(str::to_owned).collect())
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        kill(&self.folder.path().join("run/samba.pid"));
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a service account may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Write `userAccountControl` of the users below.
    Disable,
    /// Write `accountExpires` of the users below.
    Expire,
    /// Write the members of this group.
    Members,
    /// Set new passwords of the users below.
    ResetPassword,
    /// Whatever there is to grant.
    Everything,
}

/// Objects by their name, attributes by theirs, values sorted.
pub type Dump = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Reads LDIF without folded lines.
pub(crate) fn objects(ldif: &str) -> Dump {
    let mut dump = Dump::new();
    for block in ldif.split("\n\n") {
        let pairs = block.lines().filter(|line| !line.starts_with('#'));
        let pairs: Vec<(&str, &str)> = pairs.filter_map(|line| line.split_once(':')).collect();
        let Some((_, dn)) = pairs.iter().find(|(name, _)| *name == "dn") else { continue };
        let object = dump.entry(dn.trim().to_owned()).or_default();
        for (name, value) in pairs.iter().filter(|(name, _)| *name != "dn") {
            object.entry((*name).to_owned()).or_default().push(value.trim().to_owned());
        }
    }
    dump.values_mut().flat_map(BTreeMap::values_mut).for_each(|values| values.sort());
    dump
}

/// What differs between two dumps, but for attributes that change by themselves.
#[must_use]
pub fn differences(before: &Dump, after: &Dump, volatile: &[&str]) -> Vec<String> {
    let mut told = Vec::new();
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (Some(old), Some(new)) = (before.get(name), after.get(name)) else {
            told.push(format!("{name}: came or went"));
            continue;
        };
        let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let stays = |key: &&&String| !volatile.contains(&key.as_str());
        for key in keys.iter().filter(stays).filter(|key| old.get(**key) != new.get(**key)) {
            told.push(format!("{name}: {key}: {:?} -> {:?}", old.get(*key), new.get(*key)));
        }
    }
    told
}
