//! Runs a program here or on another machine over the system's `ssh`, in bounded time.
//!
//! Nothing goes through a shell unquoted: here a program gets its arguments as
//! they are, there every word is quoted for the remote shell. The other machine
//! has to show a host key that is known already, and the only way in is the key
//! that the settings name. Failure is told by how far the call came: before the
//! far side knew us nothing was changed, after it the outcome is open.

mod process;
mod ssh;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cordon_model::action::{Trouble, TroubleKind};
use serde::Deserialize;

use crate::site::{SettingsError, Site};
use process::Ended;
pub(crate) use process::{Lines, LinesFrom};
use ssh::Ssh;

/// Where programs run, as settings say it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaySettings {
    /// Words before every program: `["ip", "netns", "exec", "router"]`, `["sudo", "-n"]`.
    #[serde(default)]
    prefix: Vec<String>,
    /// The other machine; none means here.
    #[serde(default)]
    ssh: Option<ssh::SshSettings>,
}

/// Where programs run.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    prefix: Vec<String>,
    ssh: Option<Ssh>,
}

/// What a program that ran to its end has said.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    /// Its exit status; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its output.
    pub(crate) stdout: String,
    /// Its complaints.
    pub(crate) stderr: String,
}

impl Ran {
    /// Whether it ended well.
    pub(crate) fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

    /// The first line that it complained with, or its exit status.
    pub(crate) fn complaint(&self) -> String {
        let line = self.stderr.lines().map(str::trim).find(|line| !line.is_empty());
        let status = || self.code.map_or("was killed".to_owned(), |c| format!("exit status {c}"));
        line.map_or_else(status, str::to_owned)
    }
}

impl Way {
    /// Reads the settings; keys are checked now, nothing is connected to.
    pub(crate) fn new(site: &Site, settings: &WaySettings) -> Result<Self, SettingsError> {
        let ssh = settings.ssh.as_ref().map(|ssh| Ssh::new(site, ssh)).transpose()?;
        Ok(Self { prefix: settings.prefix.clone(), ssh })
    }

    /// The machine, in words.
    pub(crate) fn place(&self) -> String {
        self.ssh.as_ref().map_or("this machine".to_owned(), Ssh::place)
    }

    /// Whether programs run on another machine.
    pub(crate) fn is_remote(&self) -> bool {
        self.ssh.is_some()
    }

    /// The same way without the words before every program.
    pub(crate) fn bare(&self) -> Self {
        Self { prefix: Vec::new(), ssh: self.ssh.clone() }
    }

    /// Runs a program with `input` to its end, whatever that is.
    pub(crate) fn run(
        &self,
        argv: &[&str],
        input: &str,
        deadline: Duration,
    ) -> Result<Ran, Trouble> {
        let program = argv.first().copied().unwrap_or_default();
        let by = Instant::now() + deadline;
        match process::run(self.command(argv, deadline), input.as_bytes(), by) {
            Ok(Ended::Whole(ran)) => match &self.ssh {
                Some(ssh) => ssh.judge(ran, program),
                None => self.judge_local(ran, program),
            },
            Ok(Ended::OutOfTime { stderr }) => Err(self.too_slow(program, &stderr, deadline)),
            Err(error) => Err(not_started(&error)),
        }
    }

    /// Starts a program that tells line by line what happens, until the value is dropped.
    pub(crate) fn lines(&self, argv: &[&str], from: LinesFrom) -> Result<Lines, Trouble> {
        let command = self.command(argv, Duration::from_secs(10));
        Lines::start(command, from).map_err(|error| not_started(&error))
    }

    fn command(&self, argv: &[&str], deadline: Duration) -> Command {
        let words: Vec<&str> =
            self.prefix.iter().map(String::as_str).chain(argv.iter().copied()).collect();
        let mut command = match &self.ssh {
            Some(ssh) => ssh.command(&words, deadline),
            None => {
                let mut command = Command::new(words.first().copied().unwrap_or_default());
                command.args(words.get(1..).unwrap_or_default());
                command
            }
        };
        // Messages are compared with what programs say in plain English.
        command.env("LC_ALL", "C").current_dir(Path::new("/"));
        command
    }

    fn judge_local(&self, ran: Ran, program: &str) -> Result<Ran, Trouble> {
        let lost = ran.stderr.contains(&format!("exec of \"{program}\" failed"))
            || ran.stderr.contains("Cannot open network namespace");
        if lost && !ran.is_ok() {
            return Err(Trouble::new(TroubleKind::Unreachable, ran.complaint()));
        }
        Ok(ran)
    }

    fn too_slow(&self, program: &str, stderr: &str, deadline: Duration) -> Trouble {
        let seconds = deadline.as_secs_f64();
        if let Some(ssh) = self.ssh.as_ref().filter(|_| !ssh::was_let_in(stderr)) {
            let place = ssh.place();
            let why = format!("{place} did not let us in within {seconds:.1} s; nothing was sent");
            return Trouble::new(TroubleKind::Unreachable, why);
        }
        let place = self.place();
        let why = format!("`{program}` on {place} did not end within {seconds:.1} s; look again");
        Trouble::new(TroubleKind::NoReply, why)
    }
}

fn not_started(error: &std::io::Error) -> Trouble {
    let why = format!("a program that is needed cannot be started here: {error}");
    Trouble::new(TroubleKind::Unreachable, why)
}
