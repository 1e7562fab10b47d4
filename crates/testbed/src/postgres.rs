//! A PostgreSQL server with pgaudit: on loopback, in a folder of its own, with a log that tells
//! every statement as JSON and a certificate of its own authority.
//!
//! Passwords are needed on every way in, and `password` is everybody's.

use std::fs;
use std::io::{Error, Result};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{Missing, need, run};

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// Tells whether this machine can run the server.
///
/// # Errors
/// Says what is missing.
pub fn available() -> std::result::Result<(), Missing> {
    need(&[("psql", "postgresql-client-15"), ("openssl", "openssl"), ("runuser", "util-linux")])?;
    let audit = Path::new("/usr/lib/postgresql/15/lib/pgaudit.so");
    if !Path::new(PROGRAMS).join("initdb").is_file() || !audit.is_file() {
        let why = "PostgreSQL 15 is missing; install `postgresql-15` and `postgresql-15-pgaudit`";
        return Err(Missing(why.to_owned()));
    }
    let is_root = run(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let why = "the server is started as the user `postgres`, which only root may; run as root";
    if is_root { Ok(()) } else { Err(Missing(why.to_owned())) }
}

/// A running server; it stops when dropped.
pub struct Postgres {
    folder: TempDir,
    /// The port on 127.0.0.1.
    pub port: u16,
}

impl Postgres {
    /// Starts an empty server.
    ///
    /// # Errors
    /// When a command of the set-up fails.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cordon-pg").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Self { folder, port };
        run(Command::new("install")
            .args(["-d", "-o", "postgres", "-m", "700"])
            .arg(server.home()))?;
        server.certify()?;
        let password = server.path("password");
        server.write("password", "password\n")?;
        let initdb = ["-A", "scram-sha-256", "-N", "-E", "UTF8", "--no-locale"];
        run(server
            .program("initdb")
            .args(initdb)
            .arg("-D")
            .arg(server.data())
            .arg("--pwfile")
            .arg(password))?;
        let settings = server.settings();
        let file = server.data().join("postgresql.auto.conf");
        fs::write(&file, settings)?;
        server.pg_ctl("start")?;
        Ok(server)
    }

    fn settings(&self) -> String {
        let home = self.home();
        let home = home.display();
        format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{home}'\n\
             shared_preload_libraries = 'pgaudit'\npgaudit.log = 'all, -misc'\n\
             pgaudit.log_relation = on\npgaudit.log_parameter = on\npgaudit.log_catalog = off\n\
             log_destination = 'jsonlog'\nlogging_collector = on\nlog_directory = '{home}/log'\n\
             log_filename = 'server.log'\nlog_connections = on\nfsync = off\nssl = on\n\
             ssl_cert_file = '{home}/server.crt'\nssl_key_file = '{home}/server.key'\n",
            self.port
        )
    }

    fn certify(&self) -> Result<()> {
        let script = "set -e; cd \"$0\"; \
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
              -keyout ca.key -out ca.crt -subj /CN=Cordon-Test-CA 2>/dev/null; \
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key \
              -out server.csr -subj /CN=db.north.example 2>/dev/null; \
            printf 'subjectAltName=DNS:db.north.example\\nbasicConstraints=CA:FALSE\\n' > ext; \
            openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
              -extfile ext -out server.crt 2>/dev/null; \
            chown postgres server.key server.crt; chmod 600 server.key";
        run(Command::new("sh").args(["-c", script]).arg(self.home())).map(drop)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.path(name), text)
    }

    /// The certificate of the authority that signed the server's, which is for `db.north.example`.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.home().join("ca.crt")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(Path::new(PROGRAMS).join(name));
        command.current_dir(self.folder.path());
        command
    }

    fn pg_ctl(&self, verb: &str) -> Result<()> {
        let mut command = self.program("pg_ctl");
        command.args(["-w", "-m", "fast", "-l", "/dev/null", verb, "-D"]).arg(self.data());
        // What the server inherits stays open as long as it runs.
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let status = command.status()?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::other(format!("pg_ctl {verb}: {status}")))
        }
    }

    /// Stops and starts the server again.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&self) -> Result<()> {
        self.pg_ctl("restart")
    }

    /// A `psql` as a user of a database, without its usual chatter.
    #[must_use]
    pub fn psql(&self, user: &str, database: &str) -> Command {
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]);
        command.args(["-p", &self.port.to_string(), "-U", user, "-d", database]);
        command.env("PGPASSWORD", "password").current_dir(self.folder.path());
        command
    }

    /// Runs statements as a user and gives what they print.
    ///
    /// # Errors
    /// When one fails, with the server's message.
    pub fn sql(&self, user: &str, database: &str, statements: &str) -> Result<String> {
        run(self.psql(user, database).args(["-c", statements]))
    }

    /// Every role, membership and setting, as `pg_dumpall --globals-only` writes them, and the
    /// schema of a database with all its grants, without comments.
    ///
    /// # Errors
    /// When a dump fails.
    pub fn dump(&self, database: &str) -> Result<String> {
        let dump = |program: &str, args: &[&str]| {
            let mut command = Command::new(Path::new(PROGRAMS).join(program));
            command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
            run(command.args(args).env("PGPASSWORD", "password"))
        };
        let globals = dump("pg_dumpall", &["--globals-only"])?;
        let schema = dump("pg_dump", &[database])?;
        // A dump of late versions ends with a key that is new each time.
        let lasting =
            |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        let lines = globals.lines().chain(schema.lines()).filter(lasting);
        Ok(lines.fold(String::new(), |text, line| text + line + "\n"))
    }

    /// The statements that the audit log tells of, as objects with `user`, `statement` and so on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn audit(&self) -> Result<Vec<Json>> {
        let log = fs::read_to_string(self.home().join("log/server.json"))?;
        let entries = log.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let is_audit = |entry: &Json| {
            entry.get("message").and_then(Json::as_str).is_some_and(|m| m.starts_with("AUDIT: "))
        };
        Ok(entries.filter(is_audit).collect())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.pg_ctl("stop"));
    }
}
