//! An OpenLDAP server with the password policy overlay, on a port of its own.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::samba::{Dump, Failed, certify, objects};
use crate::{find, kill, need, run, wait_for};

/// The top of the tree.
pub const BASE: &str = "dc=estate,dc=test";
/// The administrator.
pub const ADMIN: &str = "cn=admin,dc=estate,dc=test";
/// The account that the connector binds as: it may lock and unlock what lies in `ou=staff`.
pub const SERVICE: &str = "cn=cordon,dc=estate,dc=test";
/// Everybody's password.
pub const PASSWORD: &str = "Start#12345";

/// A running server; stops when it is dropped.
#[derive(Debug)]
pub struct Openldap {
    folder: tempfile::TempDir,
    port: u16,
    tls_port: u16,
}

/// Starts a server with `ou=staff` (ann, bob) and `ou=other` (eve).
///
/// # Errors
/// What is missing, or what went wrong.
pub fn start() -> Result<Openldap, Failed> {
    need(&[("slapd", "slapd"), ("ldapsearch", "ldap-utils"), ("openssl", "openssl")])?;
    let folder = tempfile::Builder::new().prefix("cordon-slapd-").tempdir()?;
    let home = folder.path();
    run(Command::new("openssl")
        .current_dir(home)
        .args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=cordon test"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-keyout", "ca.key", "-out", "ca.pem"]))?;
    certify(home, "slapd", "IP:127.0.0.1")?;
    std::fs::create_dir(home.join("db"))?;
    std::fs::write(home.join("slapd.conf"), configuration(home))?;
    let port = || TcpListener::bind("127.0.0.1:0")?.local_addr().map(|address| address.port());
    let (plain, tls) = (port()?, port()?);
    let program = find("slapd").unwrap_or_else(|| "slapd".into());
    run(Command::new(program)
        .arg("-f")
        .arg(home.join("slapd.conf"))
        .args(["-h", &format!("ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{tls}/")]))?;
    let server = Openldap { folder, port: plain, tls_port: tls };
    wait_for("OpenLDAP", 20, || server.search("cn=config-is-not-here", "", &[]).is_ok())?;
    server.ldif(&tree())?;
    Ok(server)
}

fn configuration(home: &Path) -> String {
    let home = home.display();
    format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\n\
         moduleload back_mdb\nmoduleload ppolicy\npidfile {home}/pid\n\
         TLSCACertificateFile {home}/ca.pem\nTLSCertificateFile {home}/slapd.crt\n\
         TLSCertificateKeyFile {home}/slapd.key\nsecurity simple_bind=128\n\
         database mdb\nsuffix {BASE}\nrootdn {ADMIN}\nrootpw {PASSWORD}\ndirectory {home}/db\n\
         overlay ppolicy\nppolicy_default cn=default,{BASE}\n\
         access to dn.subtree=\"ou=staff,{BASE}\" attrs=pwdAccountLockedTime\n \
         by dn.exact=\"{SERVICE}\" write by * none\n\
         access to attrs=userPassword by anonymous auth by * none\n\
         access to * by dn.exact=\"{SERVICE}\" read by users read by * auth\n"
    )
}

fn tree() -> String {
    let mut ldif = format!(
        "dn: {BASE}\nchangetype: add\nobjectClass: dcObject\nobjectClass: organization\n\
         o: Estate\ndc: estate\n\n\
         dn: cn=default,{BASE}\nchangetype: add\nobjectClass: device\nobjectClass: pwdPolicy\n\
         cn: default\npwdAttribute: userPassword\npwdLockout: TRUE\npwdMaxFailure: 0\n\n\
         dn: {SERVICE}\nchangetype: add\nobjectClass: organizationalRole\n\
         objectClass: simpleSecurityObject\ncn: cordon\nuserPassword: {PASSWORD}\n\n"
    );
    for (unit, names) in [("staff", ["ann", "bob"].as_slice()), ("other", &["eve"])] {
        ldif += &format!(
            "dn: ou={unit},{BASE}\nchangetype: add\nobjectClass: organizationalUnit\nou: {unit}\n\n"
        );
        for name in names {
            ldif += &format!(
                "dn: uid={name},ou={unit},{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\n\
                 uid: {name}\ncn: {name}\nsn: {name}\nuserPassword: {PASSWORD}\n\n"
            );
        }
    }
    ldif
}

impl Openldap {
    /// The address with TLS from the start.
    #[must_use]
    pub fn ldaps(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls_port)
    }

    /// The address with StartTLS.
    #[must_use]
    pub fn starttls(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Its folder: `ca.pem` is the CA of its certificate.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn tool(&self, program: &str, dn: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LDAPTLS_CACERT", self.folder().join("ca.pem")).args([
            "-x",
            "-H",
            &self.ldaps(),
            "-D",
            dn,
            "-w",
            PASSWORD,
        ]);
        command
    }

    /// Applies LDIF as the administrator.
    ///
    /// # Errors
    /// What the server did not do.
    pub fn ldif(&self, text: &str) -> std::io::Result<()> {
        self.ldif_as(ADMIN, text)
    }

    /// Applies LDIF as somebody.
    ///
    /// # Errors
    /// What the server did not do.
    pub fn ldif_as(&self, dn: &str, text: &str) -> std::io::Result<()> {
        let mut child = self
            .tool("ldapmodify", dn)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(std::io::Error::other(words)) }
    }

    fn search(&self, filter: &str, base: &str, attributes: &[&str]) -> std::io::Result<String> {
        let mut command = self.tool("ldapsearch", ADMIN);
        command.args(["-LLL", "-o", "ldif-wrap=no", "-b", base]);
        if base.is_empty() {
            return run(command.args(["-s", "base"]));
        }
        run(command.arg(filter).args(attributes))
    }

    /// Everything that the directory holds, object by object.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn dump(&self) -> std::io::Result<Dump> {
        Ok(objects(&self.search("(objectClass=*)", BASE, &["*", "+"])?))
    }

    /// Whether somebody of a unit can sign in.
    #[must_use]
    pub fn binds(&self, name: &str, unit: &str) -> bool {
        let dn = format!("uid={name},ou={unit},{BASE}");
        run(self.tool("ldapsearch", &dn).args(["-LLL", "-s", "base", "-b", ""])).is_ok()
    }
}

impl Drop for Openldap {
    fn drop(&mut self) {
        kill(&self.folder.path().join("pid"));
    }
}
