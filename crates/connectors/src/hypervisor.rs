//! A hypervisor of libvirt: pools of virtual desktops are closed and opened again.
//!
//! Closing suspends what runs, so that no work is lost; ending destroys it, which
//! nothing brings back. On the hypervisor one program, `cordon-desktops`, does the
//! work on listed pools and nothing else. It notes which domains it suspended and
//! resumes those alone. A pool whose desktops are off can be closed too: one that
//! is started later shows as half closed, and is suspended when it is put back.

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_model::action::{
    Access, Act, Answer, CORDON, Call, Finding, Json, Observed, Outcome, Probed, Trouble,
    TroubleKind,
};
use cordon_model::{Mode, NodeId};
use serde::Deserialize;
use serde_json::json;

use crate::bound::{Bound, Said, line, require};
use crate::remote::{Way, WaySettings};
use crate::site::{SettingsError, Site};
use crate::{Check, Connector};

/// The program that does the work on a hypervisor, for its administrator to install.
pub const PROGRAM: &str = include_str!("hypervisor/cordon-desktops");

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
    /// The pool of each node: a node without one is out of scope.
    pools: BTreeMap<String, String>,
}

fn program() -> String {
    "/usr/local/sbin/cordon-desktops".to_owned()
}

/// The connector of the kind `hypervisor`.
pub(crate) struct Hypervisor {
    host: Bound,
    pools: BTreeMap<String, String>,
}

/// Opens the connector; nothing is connected to.
pub(crate) fn open(site: &Site) -> Result<Hypervisor, SettingsError> {
    let settings: Settings = site.settings()?;
    let way = Way::new(site, &settings.run)?;
    Ok(Hypervisor {
        host: Bound { way, program: settings.program, version: VERSION },
        pools: settings.pools,
    })
}

/// Holds a call back that is about something else than desktops.
fn check(call: &Call) -> Result<(), Trouble> {
    match (call.order.kind.as_str(), call.order.mode) {
        ("close-desktops", Mode::Refuse) | ("end-desktops", Mode::End) => Ok(()),
        (kind, _) => {
            let why = format!(
                "a hypervisor does not do `{kind}` in this mode; it does `close-desktops` (refuse) \
                 and `end-desktops` (end)"
            );
            Err(Trouble::new(TroubleKind::Unsupported, why))
        }
    }
}

impl Hypervisor {
    fn pool(&self, node: &NodeId) -> Result<&str, Trouble> {
        self.pools.get(node.as_str()).map(String::as_str).ok_or_else(|| {
            let why = format!("no pool of `{node}` is known; add it to `pools` of the connector");
            Trouble::new(TroubleKind::Unsupported, why)
        })
    }

    fn request(&self, verb: &str, call: &Call, node: &NodeId) -> Result<String, Trouble> {
        Ok(line(&[verb, self.pool(node)?, &call.order.note]))
    }

    fn act(&self, verb: &str, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        check(call)?;
        let said = self.host.each(call, deadline, |node| self.request(verb, call, node))?;
        let place = self.host.way.place();
        let outcome = |(node, said): (&NodeId, Result<Said, Trouble>)| Outcome {
            target: node.clone(),
            answer: said.map_or_else(Answer::Failed, |said| answer(&said, node, &place)),
        };
        Ok(said.into_iter().map(outcome).collect())
    }
}

impl Connector for Hypervisor {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let finding = self.host.readiness(deadline);
        let close =
            [Act::Look, Act::Refuse, Act::Restore, Act::Probe].map(|a| ("close-desktops", a));
        let end = [Act::Look, Act::End, Act::Probe].map(|act| ("end-desktops", act));
        let acts = close.into_iter().chain(end);
        let check = |(kind, act): (&str, Act)| Check {
            kind: kind.to_owned(),
            act,
            finding: finding.clone(),
        };
        acts.map(check).collect()
    }

    fn look(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Observed>, Trouble> {
        check(call)?;
        let said = self.host.each(call, deadline, |node| self.request("look", call, node))?;
        let place = self.host.way.place();
        let seen: Vec<Result<Observed, Trouble>> = said
            .into_iter()
            .map(|(node, said)| observed(node, &said?, call.order.mode, &place))
            .collect();
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
        self.act("refuse", call, deadline)
    }

    fn end(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        require(call, Mode::End)?;
        self.act("end", call, deadline)
    }

    fn restore(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Outcome>, Trouble> {
        require(call, Mode::Refuse)?;
        self.act("restore", call, deadline)
    }

    fn probe(&mut self, call: &Call, deadline: Duration) -> Result<Vec<Probed>, Trouble> {
        let find = |seen: Observed| {
            let finding = match (seen.access, seen.open) {
                (Access::Unknown, _) => Finding::Untried,
                (Access::Absent, _) | (_, 0) => Finding::Holds,
                (Access::Open | Access::Partly | Access::Refused, _) => Finding::Leaks,
            };
            Probed { target: seen.target, finding }
        };
        Ok(self.look(call, deadline)?.into_iter().map(find).collect())
    }

    fn rehearse(&mut self, call: &Call, deadline: Duration) -> Result<Vec<String>, Trouble> {
        let (verb, wanted) = match call.order.mode {
            Mode::Refuse => ("suspend", &["on"][..]),
            Mode::End => ("destroy", &["on", "paused", "paused*"][..]),
        };
        let lines = |seen: Observed| {
            let domains = seen.state.as_object().cloned().unwrap_or_default();
            let does = |does: &Json| does.as_str().is_some_and(|does| wanted.contains(&does));
            let named = domains.into_iter().filter(move |(_, state)| does(state));
            named.map(move |(name, _)| format!("{}: virsh {verb} {name}", seen.target))
        };
        Ok(self.look(call, deadline)?.into_iter().flat_map(lines).collect())
    }
}

/// Domains with what they do, and how the pool stands.
fn observed(node: &NodeId, said: &Said, mode: Mode, place: &str) -> Result<Observed, Trouble> {
    match said.word() {
        "absent" => return Ok(plain(node, Access::Absent)),
        "pool" => {}
        _ => return Err(trouble(said, node, place)),
    }
    let is_closed = said.field(2) == "yes";
    let domains: BTreeMap<&str, &str> =
        said.fields_from(3).iter().filter_map(|domain| domain.rsplit_once('=')).collect();
    let count = |what: &[&str]| domains.values().filter(|does| what.contains(does)).count();
    let (on, paused) = (count(&["on"]), count(&["paused", "paused*"]));
    let (access, open) = match mode {
        Mode::End if on + paused > 0 => (Access::Open, on + paused),
        Mode::End => (Access::Refused, 0),
        Mode::Refuse => (access(is_closed, on, paused), on),
    };
    Ok(Observed {
        owner: (is_closed && mode == Mode::Refuse).then(|| CORDON.to_owned()),
        state: json!(domains),
        open: u32::try_from(open).unwrap_or(u32::MAX),
        ..plain(node, access)
    })
}

/// Whether a pool can be used. What is off can be started, so it is not refused by being off.
fn access(is_closed: bool, on: usize, paused: usize) -> Access {
    match (is_closed, on, paused) {
        (true, 0, _) | (false, 0, 1..) => Access::Refused,
        (true, _, _) => Access::Partly,
        (false, _, _) => Access::Open,
    }
}

fn answer(said: &Said, node: &NodeId, place: &str) -> Answer {
    match said.word() {
        "done" => Answer::Done,
        "absent" => Answer::AlreadySo { by: None },
        "already" => Answer::AlreadySo { by: (said.field(1) == CORDON).then(|| CORDON.to_owned()) },
        _ => Answer::Failed(trouble(said, node, place)),
    }
}

fn trouble(said: &Said, node: &NodeId, place: &str) -> Trouble {
    let first = said.field(1);
    let (kind, why) = match said.word() {
        "unlisted" => (
            TroubleKind::Denied,
            format!("the pool `{first}` of `{node}` is not among POOLS of {place}; add it there"),
        ),
        "failed" if first.contains("denied") || first.contains("read only") => {
            (TroubleKind::Denied, format!("{place} does not permit it: {first}"))
        }
        "failed" if first.contains("failed to connect") => (
            TroubleKind::Unreachable,
            format!("libvirt on {place} cannot be reached: {first}; nothing was changed"),
        ),
        "failed" => (TroubleKind::NotEffective, format!("`{node}` on {place}: {first}")),
        "unsupported" => (TroubleKind::Unsupported, format!("{place}: {first}")),
        other => (TroubleKind::Unsupported, format!("{place} answered `{other}` about `{node}`")),
    };
    Trouble::new(kind, why)
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
