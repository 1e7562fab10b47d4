//! A program of the user's as a connector: one request on its standard input,
//! one reply on its standard output, both JSON.
//!
//! The program keeps the same promises as a module of ours; this file keeps it
//! to the deadline, to the targets it was asked about, and to an environment that
//! holds nothing but what settings give. It is started anew for every call and
//! killed with everything it started when the deadline is over. The form of
//! request and reply stands in `docs/connectors/exec.md`.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use cordon_model::NodeId;
use cordon_model::action::{
    Access, Act, Answer, Call, Finding, Json, Observed, Outcome, Probed, Reply, Trouble,
    TroubleKind,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::secret::{Revealed, Secret};
use crate::site::{SettingsError, Site};
use crate::{Check, Connector};

/// A reply may be so long, in bytes.
const LONGEST: u64 = 16 << 20;
/// So much of what it writes to standard error is told.
const TOLD: usize = 300;
/// How often a program that was asked to end is looked after.
const TICK: Duration = Duration::from_millis(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The program and its arguments; a path with `/` starts at the configuration folder.
    command: Vec<String>,
    /// The kinds of withdrawal that it knows.
    kinds: Vec<String>,
    /// The kinds of nodes that it knows; without it: all.
    nodes: Option<Vec<String>>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Variables that hold secrets.
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
}

struct Exec {
    site: Site,
    settings: Settings,
    program: PathBuf,
    secrets: BTreeMap<String, Revealed>,
}

/// What the program is told.
#[derive(Serialize)]
struct Request<'a> {
    /// Of this form of request.
    version: u32,
    act: &'a str,
    deadline_ms: u128,
    /// The call; none for a pre-flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'a Call>,
    /// By target: every spelling.
    spellings: BTreeMap<&'a str, Vec<String>>,
}

/// Opens the connector; starts nothing.
///
/// # Errors
/// When the program is missing or a setting does not fit.
pub(crate) fn open(site: &Site) -> Result<Box<dyn Connector>, SettingsError> {
    let settings: Settings = site.settings()?;
    let Some(command) = settings.command.first().filter(|command| command.contains('/')) else {
        return Err(site
            .wrong("`command` has to begin with the path of a program, for no PATH is searched"));
    };
    let program = site.folder.join(command);
    if !program.is_file() {
        return Err(site.wrong(format!("there is no program at `{}`", program.display())));
    }
    let mut secrets = BTreeMap::new();
    for (name, secret) in &settings.secrets {
        let revealed = secret.reveal(&site.folder).map_err(|error| site.no_secret(&error))?;
        secrets.insert(name.clone(), revealed);
    }
    Ok(Box::new(Exec { site: site.clone(), settings, program, secrets }))
}

impl Connector for Exec {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let checks = self.ask("preflight", None, deadline).and_then(|reply| {
            serde_json::from_value(reply.get("checks").cloned().unwrap_or_default())
                .map_err(|error| self.nonsense(&error.to_string()))
        });
        checks.unwrap_or_else(|trouble| {
            let kinds = self.settings.kinds.iter();
            let unable = |kind: &String| Check {
                kind: kind.clone(),
                act: Act::Look,
                finding: crate::Readiness::Unable(trouble.clone()),
            };
            kinds.map(unable).collect()
        })
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        match self.reply("look", call, deadline)? {
            Reply::Seen { targets } => Ok(each(
                call,
                targets,
                |seen| &seen.target,
                |node| Observed {
                    target: node.clone(),
                    access: Access::Unknown,
                    owner: None,
                    state: Json::Null,
                    open: 0,
                    residual_seconds: None,
                },
            )),
            other => Err(self.other(&other)),
        }
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.act("refuse", call, deadline)
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.act("end", call, deadline)
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        self.act("restore", call, deadline)
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        self.in_scope(call)?;
        let reply = self.ask("rehearse", Some(call), deadline)?;
        if let Ok(reply) = Reply::deserialize(&reply) {
            return Err(self.other(&reply));
        }
        let lines = reply.get("lines").cloned().unwrap_or_default();
        serde_json::from_value(lines).map_err(|error| self.nonsense(&error.to_string()))
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        match self.reply("probe", call, deadline)? {
            Reply::Tried { findings } => {
                let untried =
                    |node: &NodeId| Probed { target: node.clone(), finding: Finding::Untried };
                Ok(each(call, findings, |probed| &probed.target, untried))
            }
            other => Err(self.other(&other)),
        }
    }
}

/// One answer for each target of the call, in its order; others are dropped.
fn each<T>(
    call: &Call,
    mut said: Vec<T>,
    of: impl Fn(&T) -> &NodeId,
    silent: impl Fn(&NodeId) -> T,
) -> Vec<T> {
    let take = |node: &NodeId| {
        let at = said.iter().position(|one| of(one) == node);
        at.map_or_else(|| silent(node), |at| said.swap_remove(at))
    };
    call.targets.iter().map(take).collect()
}

impl Exec {
    fn act(&self, name: &str, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        match self.reply(name, call, deadline)? {
            Reply::Acted { outcomes } => {
                let silent = |node: &NodeId| {
                    let why = format!(
                        "the program of `{}` said nothing about `{node}`; it may have been done",
                        self.site.name
                    );
                    let answer = Answer::Failed(Trouble::new(TroubleKind::NoReply, why));
                    Outcome { target: node.clone(), answer }
                };
                Ok(each(call, outcomes, |outcome| &outcome.target, silent))
            }
            other => Err(self.other(&other)),
        }
    }

    fn in_scope(&self, call: &Call) -> Result<(), Trouble> {
        let unsupported = |why: String| Err(Trouble::new(TroubleKind::Unsupported, why));
        let kind = &call.order.kind;
        if !self.settings.kinds.contains(kind) {
            return unsupported(format!("`{}` does not withdraw by `{kind}`", self.site.name));
        }
        let known = |node: &&NodeId| {
            let kinds = self.settings.nodes.as_ref();
            kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind == node.kind()))
        };
        if let Some(node) = call.targets.iter().find(|node| !known(node)) {
            return unsupported(format!("`{}` does not know nodes like `{node}`", self.site.name));
        }
        Ok(())
    }

    fn reply(&self, act: &str, call: &Call, deadline: Duration) -> Result<Reply, Trouble> {
        self.in_scope(call)?;
        let reply = self.ask(act, Some(call), deadline)?;
        serde_json::from_value(reply).map_err(|error| {
            if call.act.withdraws() || call.act == Act::Restore {
                let why = format!(
                    "the program of `{}` answered nonsense ({error}); it may have been done",
                    self.site.name
                );
                Trouble::new(TroubleKind::NoReply, why)
            } else {
                self.nonsense(&error.to_string())
            }
        })
    }

    fn nonsense(&self, why: &str) -> Trouble {
        let why = format!("the program of `{}` answered nonsense ({why}); mend it", self.site.name);
        Trouble::new(TroubleKind::Unsupported, why)
    }

    fn other(&self, reply: &Reply) -> Trouble {
        if let Reply::Trouble(trouble) = reply {
            return trouble.clone();
        }
        self.nonsense("an answer to another question")
    }

    /// Starts the program, gives it the request, and reads its reply within the deadline.
    fn ask(&self, act: &str, call: Option<&Call>, deadline: Duration) -> Result<Json, Trouble> {
        let end = Instant::now() + deadline;
        let name = &self.site.name;
        let writes = matches!(act, "refuse" | "end" | "restore");
        let perhaps = if writes { "it may have been done" } else { "nothing was changed" };
        let targets = call.map_or(&[][..], |call| &call.targets);
        let spellings = targets.iter().map(|node| (node.as_str(), self.site.spellings(node)));
        let request = Request {
            version: 1,
            act,
            deadline_ms: deadline.as_millis(),
            call,
            spellings: spellings.collect(),
        };
        let text = json!(request).to_string();
        let mut child = self.start().map_err(|error| {
            let program = self.program.display();
            Trouble::new(
                TroubleKind::Unreachable,
                format!("`{program}` of `{name}` cannot be started: {error}; nothing was changed"),
            )
        })?;
        let (said, complained) = talk(&mut child, text);
        let status = wait(&mut child, end);
        let Some(status) = status else {
            let why = format!(
                "the program of `{name}` took longer than {} s and was killed; {perhaps}",
                deadline.as_secs_f32()
            );
            return Err(Trouble::new(TroubleKind::NoReply, why));
        };
        let left = end.saturating_duration_since(Instant::now());
        let said = match said.recv_timeout(left) {
            Ok(said) => said,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                kill_all(&child);
                let why = format!(
                    "the program of `{name}` ended, but something it started kept its output open; {perhaps}"
                );
                return Err(Trouble::new(TroubleKind::NoReply, why));
            }
        };
        if !status.success() {
            let words = complained.recv_timeout(TICK).unwrap_or_default();
            return Err(self.failed(status, &words, perhaps));
        }
        serde_json::from_slice(&said).map_err(|error| {
            let why = format!("the program of `{name}` answered no JSON ({error}); {perhaps}");
            Trouble::new(TroubleKind::NoReply, why)
        })
    }

    fn failed(&self, status: ExitStatus, words: &[u8], perhaps: &str) -> Trouble {
        let words = String::from_utf8_lossy(words);
        let mut words: String = words.chars().filter(|c| !c.is_control()).take(TOLD).collect();
        for secret in self.secrets.values().filter(|secret| !secret.as_str().is_empty()) {
            words = words.replace(secret.as_str(), "(secret)");
        }
        let name = &self.site.name;
        let why = format!("the program of `{name}` failed ({status}): {words}; {perhaps}");
        Trouble::new(TroubleKind::NoReply, why)
    }

    fn start(&self) -> std::io::Result<Child> {
        let secrets = self.secrets.iter().map(|(name, secret)| (name.as_str(), secret.as_str()));
        Command::new(&self.program)
            .args(self.settings.command.iter().skip(1))
            .current_dir(&self.site.folder)
            .env_clear()
            .envs(&self.settings.environment)
            .envs(secrets)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }
}

/// Writes the request and reads both outputs, each in a thread of its own: no pipe can fill up.
fn talk(child: &mut Child, request: String) -> (Receiver<Vec<u8>>, Receiver<Vec<u8>>) {
    if let Some(mut input) = child.stdin.take() {
        // A program may well end without reading all of it; its answer counts.
        std::thread::spawn(move || drop(input.write_all(request.as_bytes())));
    }
    (drain(child.stdout.take()), drain(child.stderr.take()))
}

fn drain<R: Read + Send + 'static>(output: Option<R>) -> Receiver<Vec<u8>> {
    let (give, take) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            drop(output.take(LONGEST).read_to_end(&mut bytes));
        }
        drop(give.send(bytes));
    });
    take
}

/// Waits for its end; none if it had to be killed.
fn wait(child: &mut Child, end: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end => std::thread::sleep(TICK),
            Ok(None) | Err(_) => {
                kill_all(child);
                drop(child.kill());
                drop(child.wait());
                return None;
            }
        }
    }
}

/// Kills the program's process group: what it started goes with it.
fn kill_all(child: &Child) {
    let group = format!("-{}", child.id());
    for kill in ["/bin/kill", "/usr/bin/kill"] {
        let killed =
            Command::new(kill).args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        if killed.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
