//! The system's `ssh` with everything switched off that could surprise.
//!
//! No configuration of a user, no agent, no forwarding, no password, no host
//! key that is not known beforehand. Its own complaints are told apart from
//! those of the program by exit status 255 and by whether it says that it was
//! let in.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use cordon_model::action::{Trouble, TroubleKind};
use serde::Deserialize;

use super::Ran;
use crate::secret::Secret;
use crate::site::{SettingsError, Site};

/// Another machine, as settings name it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SshSettings {
    /// Its address: a name would have to be asked for at the time.
    host: IpAddr,
    #[serde(default = "port")]
    port: u16,
    user: String,
    /// The private key.
    identity: Secret,
    /// Host keys, in the form of `ssh-keyscan`.
    known_hosts: PathBuf,
}

fn port() -> u16 {
    22
}

/// Another machine.
#[derive(Clone, Debug)]
pub(super) struct Ssh {
    host: IpAddr,
    port: u16,
    user: String,
    identity: PathBuf,
    known_hosts: PathBuf,
}

impl Ssh {
    pub(super) fn new(site: &Site, settings: &SshSettings) -> Result<Self, SettingsError> {
        let secret = |error| site.no_secret(&error);
        settings.identity.reveal(&site.folder).map_err(secret)?;
        let known_hosts = site.folder.join(&settings.known_hosts);
        if let Err(error) = std::fs::metadata(&known_hosts) {
            let path = known_hosts.display();
            return Err(site.wrong(format!("the host keys in `{path}` cannot be read: {error}")));
        }
        if settings.user.is_empty() || settings.user.starts_with('-') {
            return Err(site.wrong(format!("`{}` is no user of a host", settings.user)));
        }
        Ok(Self {
            host: settings.host,
            port: settings.port,
            user: settings.user.clone(),
            identity: settings.identity.path(&site.folder).map_err(secret)?,
            known_hosts,
        })
    }

    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(super) fn command(&self, words: &[&str], deadline: Duration) -> Command {
        let connect = deadline.as_secs().clamp(1, 10);
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-T", "-a", "-x"]);
        for option in [
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", quoted_path(&self.known_hosts)),
            "GlobalKnownHostsFile=none".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "PreferredAuthentications=publickey".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "ControlPath=none".to_owned(),
            "PermitLocalCommand=no".to_owned(),
            format!("ConnectTimeout={connect}"),
            "ConnectionAttempts=1".to_owned(),
            "ServerAliveInterval=5".to_owned(),
            "LogLevel=VERBOSE".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command.arg("-i").arg(&self.identity).arg("-p").arg(self.port.to_string());
        command.arg("-l").arg(&self.user).arg("--").arg(self.host.to_string());
        command.arg(words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "));
        command
    }

    /// Tells a failure of the connection from one of the program.
    pub(super) fn judge(&self, mut ran: Ran, program: &str) -> Result<Ran, Trouble> {
        let let_in = was_let_in(&ran.stderr);
        if ran.code == Some(255) {
            return Err(self.failure(&ran.stderr, let_in, program));
        }
        ran.stderr = ran.stderr.lines().filter(|line| !is_chatter(line)).fold(
            String::new(),
            |mut text, line| {
                text.push_str(line);
                text.push('\n');
                text
            },
        );
        if ran.code == Some(127) {
            let why = format!("{} has no program `{program}`: {}", self.place(), ran.complaint());
            return Err(Trouble::new(TroubleKind::Unsupported, why));
        }
        Ok(ran)
    }

    fn failure(&self, stderr: &str, let_in: bool, program: &str) -> Trouble {
        let place = self.place();
        let said = |text: &str| stderr.contains(text);
        if let_in {
            let why = format!("the connection to {place} broke while `{program}` ran; look again");
            return Trouble::new(TroubleKind::NoReply, why);
        }
        if said("Host key verification failed") || said("HOST IDENTIFICATION HAS CHANGED") {
            let why = format!(
                "{place} shows a host key that is not in `{}`: somebody else may be answering; \
                 nothing was sent. Compare the key at the machine before you change the file",
                self.known_hosts.display()
            );
            return Trouble::new(TroubleKind::Unreachable, why);
        }
        if said("Permission denied") || said("Too many authentication failures") {
            let why = format!("{place} does not accept our key for the user `{}`", self.user);
            return Trouble::new(TroubleKind::Denied, why);
        }
        if said("account has expired") {
            let why = format!("{place} says that the account `{}` has expired", self.user);
            return Trouble::new(TroubleKind::Denied, why);
        }
        let last = stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
        let why = format!("{place} cannot be reached: {}", last.unwrap_or("ssh did not say why"));
        Trouble::new(TroubleKind::Unreachable, why)
    }
}

/// Whether the far side had accepted our key: from here on something may have been done.
pub(super) fn was_let_in(stderr: &str) -> bool {
    stderr.lines().any(|line| line.starts_with("Authenticated to "))
}

fn is_chatter(line: &str) -> bool {
    ["Authenticated to ", "Transferred: ", "Bytes per second: ", "Warning: Permanently added"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// One word for a POSIX shell, whatever it holds.
pub(super) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A path in an option of `ssh`, where white space would divide it and `%` be expanded.
fn quoted_path(path: &std::path::Path) -> String {
    let text = path.display().to_string().replace('%', "%%").replace('"', "\\\"");
    format!("\"{text}\"")
}
