//! An OpenSSH server on loopback with accounts of its own.
//!
//! Accounts and a group with names that nobody else has are made in this
//! machine's `passwd`, `shadow` and `group`, for an SSH server knows no others,
//! and are removed when the value is dropped. Keys, host key, configuration and
//! home folders stand in a private folder. Needs root.

use std::fs;
use std::io::{Error, Result};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::{Missing, find, kill, need, run, wait_for};

static COUNT: AtomicU32 = AtomicU32::new(0);
/// The programs that write `passwd` do not wait for one another.
static ACCOUNTS: Mutex<()> = Mutex::new(());

/// Tells whether this machine can run the server.
///
/// # Errors
/// Says what is missing.
pub fn available() -> std::result::Result<(), Missing> {
    need(&[("sshd", "openssh-server"), ("ssh", "openssh-client"), ("useradd", "passwd")])?;
    need(&[("pkill", "procps"), ("flock", "util-linux")])?;
    let is_root = run(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let why = "accounts are made and removed, which only root may; run as root";
    if is_root { Ok(()) } else { Err(Missing(why.to_owned())) }
}

/// A running server with its accounts; all goes when it is dropped.
pub struct Sshd {
    folder: TempDir,
    name: String,
    accounts: Vec<String>,
    /// The port on 127.0.0.1.
    pub port: u16,
}

impl Sshd {
    /// Starts a server with accounts that sign in by key; `listed` of them are members of the
    /// group, the rest are not.
    ///
    /// # Errors
    /// When a command of the set-up fails.
    pub fn start(listed: usize, others: usize) -> Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new().prefix("cordon-ssh").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let name = format!("ct{}x{count}", std::process::id());
        let mut server = Self { folder, name, accounts: Vec::new(), port };
        for sub in ["keys", "home"] {
            fs::create_dir(server.path(sub))?;
        }
        server.make_accounts(listed, others)?;
        for key in ["host", "other-host", "connector"] {
            server.make_key(key)?;
        }
        fs::write(server.path("revoked"), "# keys that are lost\n")?;
        server.write_known_hosts()?;
        server.serve()?;
        Ok(server)
    }

    fn make_accounts(&mut self, listed: usize, others: usize) -> Result<()> {
        let _alone = ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        run(Command::new("groupadd").arg(self.group()))?;
        for index in 0..listed + others {
            let account = self.account(index);
            let home = self.path("home").join(&account);
            self.accounts.push(account.clone());
            let mut useradd = Command::new("useradd");
            useradd.args(["-m", "-s", "/bin/bash", "-p", "*", "-d"]).arg(home);
            let group = self.group();
            let member = if index < listed { vec!["-G", group.as_str()] } else { Vec::new() };
            run(useradd.args(member).arg(&account))?;
            self.make_key(&account)?;
            let public = fs::read_to_string(self.path(&format!("{account}.pub")))?;
            self.authorise(&account, &public)?;
        }
        Ok(())
    }

    fn make_key(&self, name: &str) -> Result<()> {
        let file = self.path(name);
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"];
        run(Command::new("ssh-keygen").args(args).arg(file)).map(drop)
    }

    fn write_known_hosts(&self) -> Result<()> {
        for (file, key) in [("known_hosts", "host.pub"), ("wrong_hosts", "other-host.pub")] {
            let public = fs::read_to_string(self.path(key))?;
            fs::write(self.path(file), format!("[127.0.0.1]:{} {public}", self.port))?;
        }
        Ok(())
    }

    fn serve(&self) -> Result<()> {
        let at = self.folder.path().display();
        fs::create_dir_all("/run/sshd")?;
        let config = format!(
            "ListenAddress 127.0.0.1:{}\nHostKey {at}/host\nPidFile {at}/sshd.pid\n\
             AuthorizedKeysFile {at}/keys/%u\nRevokedKeys {at}/revoked\nStrictModes no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM yes\n\
             PermitRootLogin forced-commands-only\nMaxStartups 100\nLogLevel VERBOSE\n",
            self.port
        );
        fs::write(self.config(), config)?;
        let sshd = find("sshd").ok_or_else(|| Error::other("no sshd"))?;
        run(Command::new(sshd).arg("-f").arg(self.config()).arg("-E").arg(self.path("log")))?;
        let pid = self.path("sshd.pid");
        wait_for("sshd", 10, || pid.is_file())
    }

    /// The name of an account, from 0.
    #[must_use]
    pub fn account(&self, index: usize) -> String {
        format!("{}a{index}", self.name)
    }

    /// The group of the listed accounts.
    #[must_use]
    pub fn group(&self) -> String {
        format!("{}g", self.name)
    }

    /// A file of the private folder: `host`, `known_hosts`, `wrong_hosts`, `connector`, `revoked`,
    /// `keys/ACCOUNT`, or the private key of an account under its name.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration that the server was started with.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("sshd_config")
    }

    /// Adds a line to the keys that let a user in.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn authorise(&self, user: &str, line: &str) -> Result<()> {
        let file = self.path("keys").join(user);
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, before + line)?;
        // The server reads it as the user.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644))
    }

    /// The fingerprint of a key of the folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn fingerprint(&self, key: &str) -> Result<String> {
        let printed = run(Command::new("ssh-keygen").arg("-lf").arg(self.path(key)))?;
        Ok(printed.split(' ').nth(1).unwrap_or_default().to_owned())
    }

    /// A command that a user gives over SSH with the key of that name.
    #[must_use]
    pub fn ssh(&self, user: &str, key: &str, words: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-T", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
        command.args(["-o", "StrictHostKeyChecking=yes", "-o", "IdentityAgent=none"]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", self.path("known_hosts").display()));
        command.arg("-i").arg(self.path(key)).args(["-p", &self.port.to_string(), "-l", user]);
        command.arg("127.0.0.1").args(words);
        command
    }

    /// Everything that the host keeps of these accounts: their lines of `passwd`, `shadow` and
    /// `group`, their keys and the keys that are revoked.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn state(&self) -> Result<String> {
        let mut state = String::new();
        for file in ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"] {
            let text = fs::read_to_string(file)?;
            for line in text.lines().filter(|line| line.contains(&self.name)) {
                state += &format!("{file} {line}\n");
            }
        }
        let keys = self.accounts.iter().map(|account| self.path("keys").join(account));
        for file in keys.chain([self.path("revoked")]) {
            state += &format!("{} {:o}\n", file.display(), mode(&file)?);
            state += &fs::read_to_string(&file)?;
        }
        Ok(state)
    }
}

fn mode(file: &Path) -> Result<u32> {
    Ok(fs::metadata(file)?.permissions().mode())
}

impl Drop for Sshd {
    fn drop(&mut self) {
        kill(&self.path("sshd.pid"));
        let _alone = ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        for account in &self.accounts {
            drop(run(Command::new("pkill").args(["-KILL", "-u", account])));
            drop(run(Command::new("userdel").args(["-f", "-r", account])));
        }
        drop(run(Command::new("groupdel").arg(self.group())));
    }
}
