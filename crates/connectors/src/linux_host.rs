//! A Linux host: accounts expire, keys are revoked, sessions are ended, over SSH or here.
//!
//! On the host one program, `cordon-host`, does the work and nothing else; the
//! key that the connector holds can run it and nothing else. Requests go over
//! its input, so nothing of them passes a shell. It remembers what it took and
//! gives back nothing else, which also tells what is Cordon's. Locking a
//! password is never used: it does not keep out whoever has a key.

mod request;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_model::action::{
    Access, Act, Answer, CORDON, Call, Finding, Json, Observed, Outcome, Probed, Trouble,
    TroubleKind,
};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;
use serde_json::json;

use crate::remote::{Way, WaySettings};
use crate::site::{SettingsError, Site};
use crate::{Check, Connector, Readiness};
use request::{Said, What, line};

/// The program that does the work on a host, for its administrator to install.
pub const PROGRAM: &str = include_str!("linux_host/cordon-host");

/// The version of it that this connector works with.
const VERSION: &str = "1";

/// The table `[connector.settings]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where the program runs.
    #[serde(default)]
    run: WaySettings,
    #[serde(default = "program")]
    program: String,
    /// Accounts and fingerprints of nodes whose spellings do not tell.
    #[serde(default)]
    names: BTreeMap<String, String>,
    /// Ways in to try, by node.
    #[serde(default)]
    probe: BTreeMap<String, WaySettings>,
}

fn program() -> String {
    "/usr/local/sbin/cordon-host".to_owned()
}

/// The connector of the kind `linux-host`.
pub(crate) struct LinuxHost {
    site: Site,
    way: Way,
    program: String,
    names: BTreeMap<String, String>,
    probe: BTreeMap<String, Way>,
}

/// Opens the connector; nothing is connected to.
pub(crate) fn open(site: &Site) -> Result<LinuxHost, SettingsError> {
    let settings: Settings = site.settings()?;
    let ways = settings.probe.iter();
    Ok(LinuxHost {
        site: site.clone(),
        way: Way::new(site, &settings.run)?,
        program: settings.program,
        names: settings.names,
        probe: ways
            .map(|(node, way)| Ok((node.clone(), Way::new(site, way)?)))
            .collect::<Result<_, _>>()?,
    })
}

impl LinuxHost {
    /// Sends requests and reads as many answers.
    fn ask(&self, requests: &[String], by: Instant) -> Result<Vec<Said>, Trouble> {
        let left = by.saturating_duration_since(Instant::now());
        let ran = self.way.run(&[&self.program], &requests.concat(), left)?;
        let said: Vec<Said> = ran.stdout.lines().map(Said::read).collect();
        if ran.is_ok() && said.len() == requests.len() {
            return Ok(said);
        }
        let place = self.way.place();
        let denied = ["ermission denied", "password is required", "not allowed", "may not run"];
        if denied.iter().any(|words| ran.stderr.contains(words)) {
            let why = format!("{place} does not permit `{}`: {}", self.program, ran.complaint());
            return Err(Trouble::new(TroubleKind::Denied, why));
        }
        if ran.code == Some(75) {
            let why = format!("`{}` on {place} is busy: {}", self.program, ran.complaint());
            return Err(Trouble::new(TroubleKind::Unreachable, why));
        }
        let why = format!(
            "`{}` on {place} answered {} of {} requests: {}; look again",
            self.program,
            said.len(),
            requests.len(),
            ran.complaint()
        );
        Err(Trouble::new(TroubleKind::NoReply, why))
    }

    /// The accounts or fingerprints that a node may be, parted by commas.
    fn names(&self, what: What, node: &NodeId) -> Result<String, Trouble> {
        let named = self.names.get(node.as_str()).map(|name| vec![name.clone()]);
        let mut names = named.unwrap_or_else(|| self.site.spellings(node));
        names.retain(|name| what.fits(name));
        if what == What::Key && (names.len() > 1 || node.kind() != "key") {
            let why = format!("`{node}` is not one key; name its fingerprint in `names`");
            return Err(Trouble::new(TroubleKind::Unsupported, why));
        }
        if names.is_empty() {
            let why = format!(
                "no {} of `{node}` is known; add it to its aliases or to `names` of the connector",
                what.noun()
            );
            return Err(Trouble::new(TroubleKind::Unsupported, why));
        }
        Ok(names.join(","))
    }

    /// Makes a request for each target that has a name, asks, and puts answers beside targets.
    fn each<'a>(
        &self,
        call: &'a Call,
        what: What,
        by: Instant,
        request: impl Fn(&NodeId, &str) -> Result<String, Trouble>,
    ) -> Result<Vec<(&'a NodeId, Result<Said, Trouble>)>, Trouble> {
        let made: Vec<(&NodeId, Result<String, Trouble>)> = call
            .targets
            .iter()
            .map(|node| (node, self.names(what, node).and_then(|names| request(node, &names))))
            .collect();
        let requests: Vec<String> =
            made.iter().filter_map(|(_, line)| line.as_ref().ok().cloned()).collect();
        if requests.is_empty()
            && let Some((_, Err(trouble))) = made.first()
        {
            return Err(trouble.clone());
        }
        let mut said = self.ask(&requests, by)?.into_iter();
        let silent = || Trouble::new(TroubleKind::NoReply, "the host answered too little");
        let pair = |(node, line): (&'a NodeId, Result<String, Trouble>)| {
            (node, line.and_then(|_| said.next().ok_or_else(silent)))
        };
        Ok(made.into_iter().map(pair).collect())
    }

    fn act(
        &self,
        call: &Call,
        deadline: Duration,
        request: impl Fn(What, &NodeId, &str) -> Result<String, Trouble>,
    ) -> Result<Vec<Outcome>, Trouble> {
        let what = What::of(call)?;
        let by = Instant::now() + deadline;
        let said = self.each(call, what, by, |node, names| request(what, node, names))?;
        let place = self.way.place();
        let outcome = |(node, said): (&NodeId, Result<Said, Trouble>)| Outcome {
            target: node.clone(),
            answer: said.map_or_else(Answer::Failed, |said| said.answer(node, &place)),
        };
        Ok(said.into_iter().map(outcome).collect())
    }

    fn readiness(&self, by: Instant) -> Readiness {
        match self.ask(&[line(&["version"])], by) {
            Err(trouble) => return Readiness::Unable(trouble),
            Ok(said) if said.first().is_some_and(|said| said.is_version(VERSION)) => {}
            Ok(_) => {
                let why = format!("`{}` there is not of version {VERSION}", self.program);
                return Readiness::Unable(Trouble::new(TroubleKind::Unsupported, why));
            }
        }
        if !self.way.is_remote() {
            return Readiness::Able;
        }
        // A key that is bound to the program runs it instead, and prints no number.
        let left = by.saturating_duration_since(Instant::now());
        let other = self.way.bare().run(&["id", "-u"], "", left);
        match other.ok().filter(|ran| ran.is_ok()).map(|ran| ran.stdout.trim().to_owned()) {
            Some(uid) if uid == "0" => Readiness::Excessive(
                "the key opens a root shell; bind it to the program with `restrict,command=`"
                    .to_owned(),
            ),
            Some(_) | None => Readiness::Able,
        }
    }
}

impl Connector for LinuxHost {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let finding = self.readiness(Instant::now() + deadline);
        let refuse = [Act::Look, Act::Refuse, Act::Restore];
        let kinds = [("disable-account", &refuse[..]), ("revoke", &refuse[..])];
        let kinds = kinds.into_iter().chain([("end-sessions", &[Act::Look, Act::End][..])]);
        let acts = kinds.flat_map(|(kind, acts)| acts.iter().map(move |act| (kind, *act)));
        let check = |(kind, act): (&str, Act)| Check {
            kind: kind.to_owned(),
            act,
            finding: finding.clone(),
        };
        acts.map(check).collect()
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        let what = What::of(call)?;
        let by = Instant::now() + deadline;
        let said = self.each(call, what, by, |_, names| Ok(line(&[what.look(), names])))?;
        let seen: Vec<Result<Observed, Trouble>> =
            said.into_iter().map(|(node, said)| observed(node, said, &self.way.place())).collect();
        if let Some(Err(trouble)) = seen.first()
            && seen.iter().all(Result::is_err)
        {
            return Err(trouble.clone());
        }
        let pairs = seen.into_iter().zip(&call.targets);
        Ok(pairs
            .map(|(seen, node)| seen.unwrap_or_else(|_| plain(node, Access::Unknown)))
            .collect())
    }

    fn refuse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        require(call, Mode::Refuse)?;
        self.act(call, deadline, |what, node, names| refusal(call, what, node, names))
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        require(call, Mode::End)?;
        self.act(call, deadline, |_, _, names| Ok(line(&["end-sessions", names, &call.order.note])))
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        require(call, Mode::Refuse)?;
        self.act(call, deadline, |what, _, names| {
            let verb = if what == What::Key { "restore-key" } else { "restore-account" };
            Ok(line(&[verb, names, &call.order.note]))
        })
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let by = Instant::now() + deadline;
        What::of(call)?;
        let find = |node: &NodeId| {
            let left = by.saturating_duration_since(Instant::now());
            let tried = self.probe.get(node.as_str()).map(|way| way.run(&["true"], "", left));
            let finding = match tried {
                Some(Ok(_)) => Finding::Leaks,
                Some(Err(trouble)) if trouble.kind == TroubleKind::Denied => Finding::Holds,
                Some(Err(_)) | None => Finding::Untried,
            };
            Probed { target: node.clone(), finding }
        };
        Ok(call.targets.iter().map(find).collect())
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        let what = What::of(call)?;
        let seen = self.look(call, deadline)?;
        let line = |seen: Observed| {
            let node = &seen.target;
            if seen.access.is_closed() {
                return Ok(format!("{node}: nothing, it is closed already"));
            }
            let names = self.names(what, node)?;
            let note = &call.order.note;
            let request = match what {
                What::Sessions => line(&["end-sessions", &names, note]),
                What::Account | What::Key => {
                    let call = Call { prior: vec![seen.clone()], ..call.clone() };
                    refusal(&call, what, node, &names)?
                }
            };
            Ok(format!("{}: {}", self.program, request.trim_end().replace('\t', " ")))
        };
        seen.into_iter().map(line).collect()
    }
}

/// The request that refuses, with the state that it is compared with.
fn refusal(call: &Call, what: What, node: &NodeId, names: &str) -> Result<String, Trouble> {
    let note = call.order.note.as_str();
    if what == What::Key {
        return Ok(line(&["refuse-key", names, note]));
    }
    let prior = call.prior.iter().find(|prior| prior.target == *node);
    // Of what was not there when it was looked at, nothing is compared.
    let expiry = prior.map(|prior| prior.state.get("expiry").and_then(Json::as_str).unwrap_or("-"));
    let Some(expiry) = expiry else {
        let why = format!("no prior state of `{node}` came with the call");
        return Err(Trouble::new(TroubleKind::Unsupported, why));
    };
    Ok(line(&["refuse-account", names, expiry, note]))
}

fn observed(node: &NodeId, said: Result<Said, Trouble>, place: &str) -> Result<Observed, Trouble> {
    let said = said?;
    let is_yes = |index| said.field(index) == Some("yes");
    let closed = |shut| if shut { Access::Refused } else { Access::Open };
    let owner = |ours: bool| ours.then(|| CORDON.to_owned());
    let count = |index| said.field(index).and_then(|n| n.trim().parse().ok()).unwrap_or_default();
    match said.word() {
        "absent" => Ok(plain(node, Access::Absent)),
        "account" => Ok(Observed {
            owner: owner(is_yes(4)),
            state: json!({"account": said.field(1), "expiry": said.field(2)}),
            open: count(5),
            ..plain(node, closed(is_yes(3)))
        }),
        "key" => Ok(Observed {
            owner: owner(is_yes(3)),
            state: json!({"fingerprint": said.field(1), "revoked": is_yes(2)}),
            ..plain(node, closed(is_yes(2)))
        }),
        "sessions" => {
            let open = count(2);
            Ok(Observed { open, ..plain(node, closed(open == 0)) })
        }
        _ => Err(said.trouble(node, place)),
    }
}

fn plain(node: &NodeId, access: Access) -> Observed {
    Observed {
        target: node.clone(),
        access,
        owner: None,
        state: Json::Null,
        open: 0,
        residual_seconds: None,
    }
}

fn require(call: &Call, mode: Mode) -> Result<(), Trouble> {
    if call.order.mode == mode {
        return Ok(());
    }
    let why = format!("`{}` is not done by this act", call.order.kind);
    Err(Trouble::new(TroubleKind::Unsupported, why))
}
