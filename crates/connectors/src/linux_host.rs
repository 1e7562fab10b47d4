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

use crate::bound::{Answered, Bound, Said, line, require};
use crate::remote::{Way, WaySettings};
use crate::site::{SettingsError, Site};
use crate::{Check, Connector};
use request::{What, answer, trouble};

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
    host: Bound,
    names: BTreeMap<String, String>,
    probe: BTreeMap<String, Way>,
}

/// Opens the connector; nothing is connected to.
pub(crate) fn open(site: &Site) -> Result<LinuxHost, SettingsError> {
    let settings: Settings = site.settings()?;
    let ways = settings.probe.iter();
    Ok(LinuxHost {
        site: site.clone(),
        host: Bound {
            way: Way::new(site, &settings.run)?,
            program: settings.program,
            version: VERSION,
        },
        names: settings.names,
        probe: ways
            .map(|(node, way)| Ok((node.clone(), Way::new(site, way)?)))
            .collect::<Result<_, _>>()?,
    })
}

impl LinuxHost {
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

    /// Asks about each target. A bare name that finds nothing may be misspelt: only what the
    /// settings name, and a fingerprint, can be told to be gone.
    fn each<'a>(
        &self,
        call: &'a Call,
        what: What,
        deadline: Duration,
        request: impl Fn(&NodeId) -> Result<String, Trouble>,
    ) -> Result<Vec<Answered<'a>>, Trouble> {
        let known = |node: &NodeId, said: Said| {
            let is_sure = what == What::Key || self.names.contains_key(node.as_str());
            if said.word() != "absent" || is_sure {
                return Ok(said);
            }
            let why = format!(
                "{} has no account under any name of `{node}`; if it has one, name it in `names` \
                 of the connector",
                self.host.way.place()
            );
            Err(Trouble::new(TroubleKind::Unknown, why))
        };
        let said = self.host.each(call, deadline, request)?;
        let pairs = said.into_iter();
        Ok(pairs.map(|(node, said)| (node, said.and_then(|said| known(node, said)))).collect())
    }

    fn act(
        &self,
        call: &Call,
        deadline: Duration,
        request: impl Fn(What, &NodeId, &str) -> Result<String, Trouble>,
    ) -> Result<Vec<Outcome>, Trouble> {
        let what = What::of(call)?;
        let request = |node: &NodeId| request(what, node, &self.names(what, node)?);
        let said = self.each(call, what, deadline, request)?;
        let place = self.host.way.place();
        let outcome = |(node, said): (&NodeId, Result<Said, Trouble>)| Outcome {
            target: node.clone(),
            answer: said.map_or_else(Answer::Failed, |said| answer(&said, node, &place)),
        };
        Ok(said.into_iter().map(outcome).collect())
    }
}

impl Connector for LinuxHost {
    fn preflight(&mut self, deadline: Duration) -> Vec<Check> {
        let finding = self.host.readiness(deadline);
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
        let request = |node: &NodeId| Ok(line(&[what.look(), &self.names(what, node)?]));
        let said = self.each(call, what, deadline, request)?;
        let seen: Vec<Result<Observed, Trouble>> = said
            .into_iter()
            .map(|(node, said)| observed(node, said, &self.host.way.place()))
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
            Ok(format!("{}: {}", self.host.program, request.trim_end().replace('\t', " ")))
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
    let is_yes = |index| said.field(index) == "yes";
    let closed = |shut| if shut { Access::Refused } else { Access::Open };
    let owner = |ours: bool| ours.then(|| CORDON.to_owned());
    let count = |index| said.field(index).trim().parse().unwrap_or_default();
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
        _ => Err(trouble(&said, node, place)),
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
